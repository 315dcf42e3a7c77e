# Writes tests/golden/forward: for each shape NAME.npy, the float64 losses of a random model that
# make_model writes from the options in NAME.json, and there PyTorch's own float32 error against
# them, the bar for ours: its mean, 1.5 times its maximum. Weights are never kept.
#
#   forward_reference.py [--keep DIR] [NAME...]      needs gcc, torch, transformers, numpy
#
# The JSON has one key per line, so that forward.sh reads it with sed.
# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np
import torch
import transformers

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "forward")
LENGTHS = [1, 2, 3, 37, 129, 512, 1024]
IDS = 50277

# name: (make_model options, lengths, limit of the token ids, long)
SHAPES = {
    "14m": ("--shape 14m --seed 14", LENGTHS + [2048], IDS, False),
    "head80": (
        "--hidden 320 --heads 4 --layers 2 --vocab 50688 --seed 80", LENGTHS, IDS, False
    ),
    "head256": (
        "--hidden 512 --heads 2 --layers 2 --vocab 50304 --seed 256", LENGTHS, IDS, False
    ),
    "head26": (
        "--hidden 104 --heads 4 --layers 3 --vocab 997 --ffn 200 --eps 0.001 --base 500 --seed 26",
        LENGTHS, 997, False,
    ),
    "head16-rotary100": (
        "--hidden 96 --heads 6 --layers 3 --vocab 4099 --rotary-pct 1 --seed 16",
        LENGTHS, 4099, False,
    ),
    "sequential": (
        "--hidden 128 --heads 4 --layers 4 --vocab 50304 --parallel 0 --seed 3", LENGTHS, IDS, False
    ),
    "gelu-tanh": (
        "--hidden 128 --heads 4 --layers 4 --vocab 8192 --act gelu_new --seed 4",
        LENGTHS, 8192, False,
    ),
    "bf16": (
        "--hidden 192 --heads 3 --layers 3 --vocab 50304 --dtype bf16 --seed 5", LENGTHS, IDS, False
    ),
    "f32": (
        "--hidden 192 --heads 3 --layers 3 --vocab 8192 --dtype f32 --seed 6", LENGTHS, 8192, False
    ),
    "160m-small-vocabulary": (
        "--hidden 768 --heads 12 --layers 12 --vocab 4096 --seed 161",
        [1, 2, 3, 37, 129, 257], 4096, False,
    ),
    "neo": (
        "--neo 1 --hidden 192 --heads 4 --layers 4 --vocab 50257 --seed 33",
        LENGTHS + [2048], 50257, False,
    ),
    "neo-window16": (
        "--neo 1 --hidden 96 --heads 2 --layers 5 --vocab 997 --window 16 --dtype f16 --seed 34",
        LENGTHS, 997, False,
    ),
    "neo-1-head": (
        "--neo 1 --hidden 48 --heads 1 --layers 3 --vocab 4099 --window 100 --ffn 200 --eps 0.001 "
        "--positions 1024 --dtype f32 --act gelu --seed 35",
        LENGTHS, 4099, False,
    ),
    "31m": ("--shape 31m --seed 31", LENGTHS, IDS, True),
    "70m": ("--shape 70m --seed 70", LENGTHS + [2048], IDS, True),
    "160m": ("--shape 160m --seed 160", LENGTHS, IDS, True),
    "tinystories-33m": (
        "--neo 1 --shape tinystories-33m --dtype f32 --seed 36", LENGTHS + [2048], 50257, True
    ),
    "160m-flat": ("--shape 160m --scale 1.5 --seed 1", LENGTHS, IDS, True),
}


def make(name, work):
    options, lengths, limit, long = SHAPES[name]
    tool = os.path.join(work, "make_model")
    if not os.path.exists(tool):
        source = os.path.join(HERE, "make_model.c")
        flags = "-std=c11 -D_GNU_SOURCE -O2 -ffp-contract=off".split()
        subprocess.check_call(["gcc", *flags, source, "-o", tool, "-lm"])
    folder = os.path.join(work, name)
    subprocess.check_call([tool, folder, *options.split()])
    docs = reference.hash_ids(1, lengths, limit)
    truth = reference.losses(reference.load(folder, double=True), docs)
    f32 = reference.losses(reference.load(folder), docs)
    error = np.abs(f32.astype(np.float64) - truth)
    result = {
        "name": name,
        "long": long,
        "model": options,
        "corpus": f"--limit {limit} --seed 1 " + " ".join(map(str, lengths)),
        "losses": len(truth),
        "mean_loss": float(truth.mean()),
        "f32_mean_error": float(f"{error.mean():.4e}"),
        "f32_max_error": float(f"{error.max():.4e}"),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
    with open(os.path.join(OUT, name + ".json"), "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    np.save(os.path.join(OUT, name + ".npy"), truth)
    print(
        f"{name}: {len(truth)} losses {truth.min():.3f}..{truth.max():.1f} mean {truth.mean():.4f}, "
        f"float32 error mean {error.mean():.2e} max {error.max():.2e}",
        flush=True,
    )
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", help="work here instead of in a temporary folder")
    parser.add_argument("names", nargs="*", default=list(SHAPES))
    args = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as work:
        for name in args.names or SHAPES:
            make(name, args.keep or work)


main()
