#!/usr/bin/env python3
"""The tokenizer beside Hugging Face tokenizers: same text, same threads, same ids, throughput of each.

    bench/peers/tokenizer.py TOKENIZER.json TEXT... [--threads N] [--repeat N]

TEXT are plain files or .jsonl with a field "text". Both sides get the same documents; times are CPU seconds of all threads
and wall seconds, each the best of N repeats. tripod's are of the command, less those of a run over one word (start-up):
reading JSON and writing .bin/.idx are in them. The peer's are of encode_batch alone. Prints a TSV and, last, the ratio;
exits 1 if the ids differ.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
tripod = os.environ.get("TRIPOD", os.path.join(here, "..", "..", "build", "tripod"))


def documents(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace", newline="") as f:
            if path.endswith(".jsonl"):
                for line in f:
                    yield json.loads(line)["text"]
            else:
                yield f.read()


def cpu_of(command):
    """CPU and wall seconds of a child."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main():
    a = argparse.ArgumentParser()
    a.add_argument("tokenizer")
    a.add_argument("text", nargs="+")
    a.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    a.add_argument("--repeat", type=int, default=3)
    a.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    a = a.parse_args()
    if a.peer:  # the other side, in a process of its own: prints its ids' count and writes them
        import numpy as np
        from tokenizers import Tokenizer

        t = Tokenizer.from_file(a.tokenizer)
        texts = list(documents(a.text))
        cpu, wall = time.process_time(), time.perf_counter()
        encode = getattr(t, "encode_batch_fast", t.encode_batch)
        ids = [e.ids for e in encode(texts)]
        print(time.process_time() - cpu, time.perf_counter() - wall)
        np.concatenate([np.asarray(i, np.int32) for i in ids]).tofile(os.environ["PEER_IDS"])
        return
    import numpy as np

    with tempfile.TemporaryDirectory() as scratch:
        corpus, word = os.path.join(scratch, "all.jsonl"), os.path.join(scratch, "word.txt")
        size = 0
        with open(corpus, "w") as f:
            for text in documents(a.text):
                size += len(text.encode())
                f.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        with open(word, "w") as f:
            f.write("word")
        env = dict(os.environ, PEER_IDS=os.path.join(scratch, "peer"), RAYON_NUM_THREADS=str(a.threads),
                   TOKENIZERS_PARALLELISM="true" if a.threads > 1 else "false")
        ours, theirs = [], []
        for _ in range(a.repeat):
            common = ["-t", a.tokenizer, "--threads", str(a.threads), "-o", os.path.join(scratch, "ours")]
            start = cpu_of([tripod, "tokenize", word, *common])
            whole = cpu_of([tripod, "tokenize", corpus, *common])
            ours.append([whole[i] - start[i] for i in (0, 1)])
            out = subprocess.run([sys.executable, __file__, "--peer", a.tokenizer, corpus], env=env, check=True,
                                 capture_output=True, text=True).stdout
            theirs.append([float(x) for x in out.split()])
        mine = np.fromfile(os.path.join(scratch, "ours.bin"), np.uint16)
        same = np.array_equal(mine.astype(np.int32), np.fromfile(env["PEER_IDS"], np.int32))
        print("program\tthreads\tMB\ttokens\tcpu_s\twall_s\tMB_per_cpu_s\tMB_per_wall_s")
        best = {}
        for name, runs in (("tripod", ours), ("tokenizers", theirs)):
            cpu, wall = min(r[0] for r in runs), min(r[1] for r in runs)
            best[name] = (cpu, wall)
            print("%s\t%d\t%.1f\t%d\t%.3f\t%.3f\t%.1f\t%.1f" %
                  (name, a.threads, size / 1e6, len(mine), cpu, wall, size / 1e6 / cpu, size / 1e6 / wall))
        print("ids %s; tripod is %.1f times as fast by CPU time, %.1f by wall time" %
              ("equal" if same else "DIFFER", *(best["tokenizers"][i] / best["tripod"][i] for i in (0, 1))))
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
