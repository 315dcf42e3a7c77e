#!/usr/bin/env python3
# tripod's gradients beside PyTorch's: one token's loss, one backward pass a sample, float32, on the same threads in turn.
#
#   gradients.py FOLDER [TOKENS...] [--threads N] [--rounds N] [--cpu-time]     needs torch, transformers, ./tripod
#
# FOLDER: a Hugging Face folder of Pythia-70m's shape (`make_model DIR --shape 70m` makes one with random weights; speed does
# not depend on them), as `tripod bench gradients` has it. PyTorch at its best: only the parameters that count ask for
# gradients (no embedding, no layer norm but the last), the head has one row, gradients are dropped rather than zeroed,
# documents are tried with SDPA and eager attention, all threads on one sample and a sample a thread; the fastest of these
# is compared. --cpu-time, on a machine that others use: samples a thread only, by the threads' own CPU time.
# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import json
import os
import statistics
import subprocess
import threading
import time

import torch
import transformers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load(folder, attention):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention
    ).eval()
    for name, p in model.named_parameters():
        p.requires_grad_("layernorm" not in name and "embed" not in name and "lm_head" not in name)
    return model


def sample(model, ids, parameters):
    hidden = model.gpt_neox(ids[None, :-1], use_cache=False).last_hidden_state[0, -1:]
    loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), ids[-1:])
    return torch.autograd.grad(loss, parameters)  # fresh tensors: workers share the model


def rate(model, ids, workers, calls, cpu_time):
    """Samples a second: `calls` by each of the workers."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    clock = time.thread_time if cpu_time else time.perf_counter
    seconds = [0.0] * workers

    def work(i):
        start = clock()
        for _ in range(calls):
            sample(model, ids, parameters)
        seconds[i] = clock() - start

    team = [threading.Thread(target=work, args=(i,)) for i in range(workers)]
    for t in team:
        t.start()
    for t in team:
        t.join()
    return workers * calls / max(seconds)


def ours(tokens, threads, cpu_time):
    command = [os.path.join(ROOT, "tripod"), "bench", "gradients", str(tokens), "--models", "70m", "--rounds", "1", "--json"]
    command += ["--threads", str(threads)] + (["--cpu-time"] if cpu_time else [])
    row = json.loads(subprocess.check_output(command))["gradients"][0]
    return row["samples_per_s"], row["share"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("tokens", nargs="*", type=int, default=[60, 410])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    models = {a: load(args.folder, a) for a in ("sdpa", "eager")}
    ways = [(a, args.threads) for a in models]
    if not args.cpu_time:
        ways += [(a, 1) for a in models]
    for tokens in args.tokens:
        ids = torch.randint(0, 50000, (tokens + 1,), generator=torch.Generator().manual_seed(1))
        rates = {way: [] for way in ways}
        tripod, shares = [], []
        for r in range(args.rounds + 1):  # the first is a warm-up
            for attention, workers in ways:
                torch.set_num_threads(args.threads // workers)
                got = rate(models[attention], ids, workers, max(1, 800 // tokens), args.cpu_time)
                if r:
                    rates[attention, workers].append(got)
            got, share = ours(tokens, args.threads, args.cpu_time)
            if r:
                tripod.append(got)
                shares.append(share)
        for (attention, workers), got in rates.items():
            print(f"{tokens} tokens: PyTorch, {attention}, {workers} at a time: {statistics.median(got):.2f} samples/s")
        best = max(statistics.median(got) for got in rates.values())
        print(f"{tokens} tokens: tripod {statistics.median(tripod):.2f} samples/s ({statistics.median(shares):.2f} of the "
              f"peak), {statistics.median(tripod) / best:.2f} times PyTorch's best", flush=True)


main()
