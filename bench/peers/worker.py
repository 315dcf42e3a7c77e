# One peer in one process: loads the model once, then scores every task of the job and prints one
# JSON line per task. Only the scoring is timed, from token ids in memory to the losses of every
# predicted token in memory; loading, conversion and a warm-up are not. Runs inside the peers'
# virtual environment: worker.py JOB.json
#
# job: {"peer", "folder", "model", "threads", "load": {...}, "tasks": [{"config": {...},
#       "corpus": PREFIX, "losses": FILE.npy, "key": ...}]}
# A config holds only what the peer's run() reads; "load" what its constructor reads.
# SPDX-License-Identifier: GPL-3.0-or-later
import ctypes
import json
import os
import sys
import threading
import time

import numpy as np


def batches(docs, how):
    """Lists of document indices. one: alone; batch8: eights in corpus order; sorted8: eights by
    length; sortedN (N > 8): by length, as many as N padded tokens hold."""
    if how == "one":
        return [[i] for i in range(len(docs))]
    if how == "batch8":
        return [list(range(i, min(i + 8, len(docs)))) for i in range(0, len(docs), 8)]
    size = int(how[len("sorted") :])
    order = sorted(range(len(docs)), key=lambda i: -len(docs[i]))
    out, now = [], []
    for i in order:
        full = len(now) == 8 if size == 8 else now and (len(now) + 1) * len(docs[now[0]]) > size
        if full:
            out.append(now)
            now = []
        now.append(i)
    return out + [now]


def locked(queue, lock):
    """The items of an iterator shared by several threads."""
    while True:
        with lock:
            item = next(queue, None)
        if item is None:
            return
        yield item


class Torch:
    """Hugging Face transformers. config: attention sdpa|eager, head whole|chunk, batch, workers
    (Python threads that take batches in turn; the threads are divided among them). load: dtype
    f32|bf16|f64; of f64 the losses are the truth that others are compared with."""

    def __init__(self, job):
        import torch
        import transformers

        self.torch, self.threads = torch, job["threads"]
        torch.set_num_threads(job["threads"])
        transformers.utils.logging.disable_progress_bar()
        numbers = job["load"]["dtype"]
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f64": torch.float64}[numbers]
        self.losses = torch.float64 if numbers == "f64" else torch.float32
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            job["folder"], dtype=dtype, attn_implementation="sdpa"
        ).eval()
        self.versions = {"torch": torch.__version__, "transformers": transformers.__version__}

    def run(self, docs, config):
        if self.model.config._attn_implementation != config["attention"]:
            self.model.set_attn_implementation(config["attention"])
        losses = [None] * len(docs)
        queue = iter(batches(docs, config["batch"]))
        n = config["workers"]
        if n == 1:
            self.score(docs, config, queue, losses)
        else:
            lock = threading.Lock()
            failed = []

            def work():
                try:
                    self.torch.set_num_threads(self.threads // n)
                    self.score(docs, config, locked(queue, lock), losses)
                except Exception as e:
                    failed.append(e)

            team = [threading.Thread(target=work) for _ in range(n)]
            for t in team:
                t.start()
            for t in team:
                t.join()
            self.torch.set_num_threads(self.threads)
            if failed:
                raise failed[0]
        return np.concatenate(losses)

    def score(self, docs, config, groups, losses):
        with self.torch.inference_mode():
            for group in groups:
                self.score_group(docs, config, group, losses)

    def score_group(self, docs, config, group, losses):
        torch, model = self.torch, self.model
        cross_entropy = torch.nn.functional.cross_entropy
        width = max(len(docs[i]) for i in group)
        # Padding on the right needs no mask: nothing real attends to it.
        ids = torch.zeros(len(group), width, dtype=torch.int64)
        for row, i in enumerate(group):
            ids[row, : len(docs[i])] = torch.from_numpy(docs[i])
        if config["head"] == "whole":
            logits = model(input_ids=ids, use_cache=False).logits
            for row, i in enumerate(group):
                n = len(docs[i])
                got = cross_entropy(
                    logits[row, : n - 1].to(self.losses), ids[row, 1:n], reduction="none"
                )
                losses[i] = got.numpy()
            return
        hidden = model.gpt_neox(input_ids=ids, use_cache=False).last_hidden_state
        if len(group) == 1:
            flat, target = hidden[0, :-1], ids[0, 1:]
        else:  # only real positions go through the head
            flat = torch.cat([hidden[r, : len(docs[i]) - 1] for r, i in enumerate(group)])
            target = torch.cat([ids[r, 1 : len(docs[i])] for r, i in enumerate(group)])
        got = [
            cross_entropy(model.lm_head(f).to(self.losses), t, reduction="none")
            for f, t in zip(flat.split(512), target.split(512))
        ]
        got = torch.cat(got).numpy() if got else np.zeros(0, np.float32)
        at = 0
        for i in group:
            losses[i] = got[at : at + len(docs[i]) - 1]
            at += len(docs[i]) - 1


class CTranslate2:
    """Generator.score_batch. config: batch. load: inter (parallel batches; the threads are divided
    among them), numbers int16|int8|bf16 (float32 where it is not given)."""

    def __init__(self, job):
        import ctranslate2

        inter = job["load"]["inter"]
        self.model = ctranslate2.Generator(
            job["model"],
            compute_type={"int16": "int16", "int8": "int8", "bf16": "bfloat16"}.get(
                job["load"].get("numbers"), "float32"
            ),
            inter_threads=inter,
            intra_threads=job["threads"] // inter,
        )
        self.versions = {"ctranslate2": ctranslate2.__version__}

    def prepare(self, docs):
        return [[str(t) for t in d] for d in docs]

    def run(self, docs, config):
        how = config["batch"]
        kind = "examples" if how in ("one", "batch8", "sorted8") else "tokens"
        size = {"one": 1, "batch8": 8, "sorted8": 8}.get(how) or int(how[len("sorted") :])
        if how == "batch8":
            out = []
            for a in range(0, len(docs), 8):
                out += self.model.score_batch(docs[a : a + 8], max_input_length=0)
        else:
            out = self.model.score_batch(
                docs, max_batch_size=size, batch_type=kind, max_input_length=0
            )
        return -np.concatenate([r.log_probs for r in out]).astype(np.float32)


class LlamaCpp:
    """llama.cpp through llama-cpp-python's low-level interface, float32 weights (or what the model's
    file has: load's numbers q8_0|bf16) and KV cache; the
    log-softmax over the logits it returns is PyTorch's (vectorised, on the same threads).
    config: batch one|packN (documents as separate sequences of one batch of at most N tokens),
    flash 0|1, ubatch. load: mmap 0|1, blas 0|1 (OpenBLAS for the large products)."""

    def __init__(self, job):
        import llama_cpp
        import torch

        self.lib, self.torch, self.threads = llama_cpp, torch, job["threads"]
        torch.set_num_threads(job["threads"])
        silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
        self.silent = silent
        llama_cpp.llama_backend_init()
        if job["load"]["blas"]:
            ggml = os.path.join(os.path.dirname(llama_cpp.__file__), "lib", "libggml.so.0")
            load = ctypes.CDLL(ggml).ggml_backend_load
            load.argtypes, load.restype = [ctypes.c_char_p], ctypes.c_void_p
            if not load(os.path.join(sys.prefix, "lib", "libggml-blas.so").encode()):
                raise RuntimeError("llama.cpp cannot load its BLAS backend")
        params = llama_cpp.llama_model_default_params()
        params.use_mmap = bool(job["load"]["mmap"])
        self.model = llama_cpp.llama_load_model_from_file(job["model"].encode(), params)
        if not self.model:
            raise RuntimeError("llama.cpp cannot load " + job["model"])
        vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.V = llama_cpp.llama_vocab_n_tokens(vocab)
        self.context, self.key = None, None
        self.versions = {"llama-cpp-python": llama_cpp.__version__}

    def open(self, tokens, sequences, config):
        """A context for batches of at most that many tokens and sequences; opened once per shape."""
        lib = self.lib
        key = (tokens, sequences, config["flash"], config["ubatch"])
        if key == self.key:
            return
        if self.context:
            lib.llama_free(self.context)
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = tokens
        params.n_ubatch = min(config["ubatch"], tokens)
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = self.threads
        params.type_k = params.type_v = 0  # GGML_TYPE_F32
        params.kv_unified = True
        params.flash_attn_type = config["flash"]
        params.no_perf = True
        self.context = lib.llama_new_context_with_model(self.model, params)
        if not self.context:
            raise RuntimeError("llama.cpp cannot make a context")
        # The batch's arrays as numpy views; each token's list of sequences points into our table.
        self.batch = b = lib.llama_batch_init(tokens, 0, 1)
        view = np.ctypeslib.as_array
        self.token, self.pos = view(b.token, (tokens,)), view(b.pos, (tokens,))
        self.count, self.wanted = view(b.n_seq_id, (tokens,)), view(b.logits, (tokens,))
        self.lists = view(ctypes.cast(b.seq_id, ctypes.POINTER(ctypes.c_uint64)), (tokens,))
        self.table = np.arange(sequences, dtype=np.int32)
        self.key = key

    def run(self, docs, config):
        lib, torch = self.lib, self.torch
        limit = max(len(d) for d in docs)
        groups = [[i] for i in range(len(docs))]
        sequences = 1
        if config["batch"].startswith("pack"):
            limit = max(limit, int(config["batch"][4:]))
            sequences = 64
            groups, used = [[]], 0
            for i, d in enumerate(docs):
                if used + len(d) > limit or len(groups[-1]) == sequences:
                    groups.append([])
                    used = 0
                groups[-1].append(i)
                used += len(d)
        self.open(limit, sequences, config)
        losses = []
        for group in groups:
            lib.llama_memory_clear(lib.llama_get_memory(self.context), False)
            n = 0
            for s, i in enumerate(group):
                T = len(docs[i])
                part = slice(n, n + T)
                self.token[part] = docs[i]
                self.pos[part] = np.arange(T)
                self.count[part] = 1
                self.lists[part] = self.table.ctypes.data + 4 * s
                self.wanted[part] = 1
                self.wanted[n + T - 1] = 0
                n += T
            self.batch.n_tokens = n
            if lib.llama_decode(self.context, self.batch):
                raise RuntimeError("llama_decode failed")
            target = np.concatenate([docs[i][1:] for i in group])
            p = lib.llama_get_logits(self.context)
            logits = np.ctypeslib.as_array(p, shape=(len(target), self.V))
            logits, target = torch.from_numpy(logits), torch.from_numpy(target)
            for f, t in zip(logits.split(256), target.split(256)):
                losses.append(torch.nn.functional.cross_entropy(f, t, reduction="none").numpy())
        return np.concatenate(losses)


def read_megatron(prefix):
    with open(prefix + ".idx", "rb") as f:
        head = f.read()
    n = int(np.frombuffer(head, "<u8", 1, 18)[0])
    sizes = np.frombuffer(head, "<i4", n, 34)
    return np.split(np.fromfile(prefix + ".bin", "<u2").astype(np.int64), np.cumsum(sizes)[:-1])


def main():
    with open(sys.argv[1]) as f:
        job = json.load(f)
    start = time.perf_counter()
    try:
        peer = {"torch": Torch, "ct2": CTranslate2, "llama": LlamaCpp}[job["peer"]](job)
    except Exception as e:  # it does not have these numbers, say: a result of every task
        for task in job["tasks"]:
            line = {"key": task["key"], "error": f"{type(e).__name__}: {str(e)[:300]}"}
            print("RESULT " + json.dumps(line), flush=True)
        return
    loaded = time.perf_counter() - start
    for task in job["tasks"]:
        docs = read_megatron(task["corpus"])
        line = {"key": task["key"], "load_seconds": loaded, "versions": peer.versions}
        try:
            data = peer.prepare(docs) if hasattr(peer, "prepare") else docs
            # Warm-up with the longest and the first document: buffers and caches of this shape.
            longest = max(range(len(docs)), key=lambda i: len(docs[i]))
            alone = task["config"]["batch"] == "one" and task["config"].get("workers", 1) == 1
            warm = [data[longest]] if alone else data[: min(8, len(data))]
            if job["load"].get("dtype") != "f64":  # whose time is nobody's
                peer.run(warm, task["config"])
            cpu, start = time.process_time(), time.perf_counter()
            losses = peer.run(data, task["config"])
            line["seconds"] = time.perf_counter() - start
            line["cpu_seconds"] = time.process_time() - cpu
            line["tokens"] = int(sum(len(d) for d in docs))
            np.save(task["losses"], losses)
            with open("/proc/self/status") as f:
                status = dict(x.split(":", 1) for x in f.read().splitlines())
            with open("/proc/self/smaps_rollup") as f:
                huge = [x.split() for x in f if x.startswith("AnonHugePages")]
            line["huge_pages_mib"] = int(huge[0][1]) // 1024
            line["peak_rss_mib"] = int(status["VmHWM"].split()[0]) // 1024
        except Exception as e:  # a configuration that a peer refuses is a result too
            line["error"] = f"{type(e).__name__}: {str(e)[:300]}"
        print("RESULT " + json.dumps(line), flush=True)


main()
