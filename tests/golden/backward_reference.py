#!/usr/bin/env python3
# Writes tests/golden/backward: gradients of single tokens' losses by PyTorch's autograd in float64, and PyTorch's own
# float32 error against them, the bar for ours. Models are the demo suite's and those of forward_reference.py.
#
#   backward_reference.py [--keep DIR] [NAME...]      needs gcc, torch, transformers, numpy
#
# NAME.json has the model, one document's ids, and of every target (the last is the one with the smallest loss) its loss and of every tensor the norm of its gradient
# and float32's relative error; NAME.npy (float32) the values of chosen coordinates, [target][tensor][coordinate]. Tensors
# are in the order and the form of the flat file: query_key_value's rows are the queries of all heads, the keys, the values.
# A coordinate is row x columns + column; which ones are chosen is a hash of (tensor, target, number), and of the
# embedding's rows only those of the first 64 inputs, of learned positions' the same (see coordinates()). Errors and norms of differences are over
# the chosen coordinates.
# "cosines": between the whole gradients of 20 targets, the embedding and embed_out left out, above the diagonal row by row.
# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np
import torch
import transformers

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(HERE, "backward")
LAST = 590
TARGETS = [1, 59, 257, 515, LAST]  # lengths on both sides of 256 and 512; and the best predicted
FEW = [1, 257, LAST]
MANY = list(range(1, LAST + 1, 31))  # where a sample is small and quick: errors of one target are one draw
DEMO = None  # ids: the demo suite's own text
SAMPLES = 20

# name: (make_model options or a folder, ids below, targets, coordinates a tensor and target, cosines, long)
SHAPES = {
    "demo-3k": ("models/demo/demo-3k/step1000", DEMO, MANY, 50, False, False),
    "demo-7k": ("models/demo/demo-7k/step1000", DEMO, MANY, 50, False, False),
    "demo-25k": ("models/demo/demo-25k/step512", DEMO, MANY, 50, False, False),
    "demo-59k": ("models/demo/demo-59k/step1000", DEMO, MANY, 50, False, False),
    "demo-115k": ("models/demo/demo-115k/step1000", DEMO, MANY, 50, True, False),
    "tied": ("tests/golden/folders/hub-tied", 4096, TARGETS, 100, False, False),
    "no-attention-bias": ("tests/golden/folders/var-no-attention-bias", 4096, TARGETS, 100, False, False),
    "14m": ("--shape 14m --seed 14", 50277, FEW, 100, False, False),
    "head80": ("--hidden 320 --heads 4 --layers 2 --vocab 50688 --seed 80", 50277, FEW, 100, False, False),
    "head256": ("--hidden 512 --heads 2 --layers 2 --vocab 50304 --seed 256", 50277, FEW, 100, False, False),
    "head26": (
        "--hidden 104 --heads 4 --layers 3 --vocab 997 --ffn 200 --eps 0.001 --base 500 --seed 26",
        997, MANY, 40, False, False,
    ),
    "head16-rotary100": (
        "--hidden 96 --heads 6 --layers 3 --vocab 4099 --rotary-pct 1 --seed 16", 4099, TARGETS, 100, False, False
    ),
    "sequential": ("--hidden 128 --heads 4 --layers 4 --vocab 50304 --parallel 0 --seed 3", 50277, TARGETS, 100, False, False),
    "gelu-tanh": ("--hidden 128 --heads 4 --layers 4 --vocab 8192 --act gelu_new --seed 4", 8192, TARGETS, 100, False, False),
    "bf16": ("--hidden 192 --heads 3 --layers 3 --vocab 50304 --dtype bf16 --seed 5", 50277, FEW, 100, False, False),
    "f32": ("--hidden 192 --heads 3 --layers 3 --vocab 8192 --dtype f32 --seed 6", 8192, TARGETS, 100, False, False),
    "70m-small-vocabulary": (
        "--hidden 512 --heads 8 --layers 6 --vocab 2048 --seed 71", 2048, FEW, 300, True, False
    ),
    "neo": ("--neo 1 --hidden 192 --heads 4 --layers 4 --vocab 4099 --seed 33", 4099, TARGETS, 100, False, False),
    "neo-window16": (
        "--neo 1 --hidden 96 --heads 2 --layers 5 --vocab 997 --window 16 --dtype f16 --seed 34",
        997, TARGETS, 100, False, False,
    ),
    "160m-small-vocabulary": (
        "--hidden 768 --heads 12 --layers 12 --vocab 4096 --seed 161", 4096, [257], 100, False, True
    ),
    "31m": ("--shape 31m --seed 31", 50277, [257], 100, False, True),
    "70m": ("--shape 70m --seed 70", 50277, [257], 500, False, True),
    "160m": ("--shape 160m --seed 160", 50277, [513], 100, False, True),
    "160m-flat": ("--shape 160m --scale 1.5 --seed 1", 50277, [257], 100, False, True),
}


def make(spec, work):
    if not spec.startswith("--"):
        return os.path.join(ROOT, spec)
    tool = os.path.join(work, "make_model")
    if not os.path.exists(tool):
        flags = "-std=c11 -D_GNU_SOURCE -O2 -ffp-contract=off".split()
        subprocess.check_call(["gcc", *flags, os.path.join(HERE, "make_model.c"), "-o", tool, "-lm"])
    folder = os.path.join(work, "model")
    subprocess.check_call([tool, folder, *spec.split()])
    return folder


def neox_order(model):
    size = model.config.hidden_size // model.config.num_attention_heads
    heads = model.config.num_attention_heads

    def apart(g):  # [heads][q, k, v][size] rows to [q, k, v][heads][size]
        return g.reshape(heads, 3, size, -1).swapaxes(0, 1).reshape(g.shape)

    # Hugging Face's order is the file's.
    return [(n, [n], apart if "query_key_value" in n else None) for n, _ in model.named_parameters()]


def neo_order(model):
    names = ["transformer.wte.weight"]
    for i in range(model.config.num_layers):
        part = [
            "ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias", None, "attn.attention.out_proj.weight",
            "attn.attention.out_proj.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias",
        ]
        names += [p and f"transformer.h.{i}.{p}" for p in part]
        names[names.index(None)] = [f"transformer.h.{i}.attn.attention.{x}_proj.weight" for x in "qkv"]
    names += ["transformer.ln_f.weight", "transformer.ln_f.bias", "transformer.wpe.weight"]
    return [(n, [n], None) if isinstance(n, str) else (n[0], n, None) for n in names]


def flat_order(model):
    """(name, parameters one under the other, form or None) of every tensor of the flat file."""
    return neo_order(model) if model.config.model_type == "gpt_neo" else neox_order(model)


def coordinates(tensor, name, target, count, shape, ids):
    """At most COUNT coordinates of tensor number TENSOR: hash mod size, repeats left out."""
    rows, columns = (1, *shape) if len(shape) == 1 else shape
    size = rows * columns
    out = {}
    for j in range(count):
        h = reference.splitmix64((tensor << 40) + (target << 20) + j)
        if tensor == 0:
            h = int(ids[h % min(target, 64)]) * columns + (h >> 32) % columns
        if "wpe" in name:
            h = h % min(target, 64) * columns + (h >> 32) % columns
        out[h % size] = None
    return list(out)


def document(limit, vocab):
    if limit is not DEMO:
        return reference.hash_ids(1, [LAST + 1], limit)[0] % vocab
    with open(os.path.join(HERE, "demo", "reference.json")) as f:
        documents = json.load(f)["documents"]
    return np.array(sum((d["ids"] for d in documents), [])[: LAST + 1], dtype=np.int64)


def gradients(model, ids, target):
    """The loss of ids[target], and the gradients as float64 arrays in the flat file's form."""
    model.zero_grad(set_to_none=True)
    hidden = model.base_model(torch.from_numpy(ids[None, :target]), use_cache=False).last_hidden_state[0, -1:]
    logits = model.lm_head(hidden)
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(ids[target : target + 1]))
    loss.backward()
    params = dict(model.named_parameters())
    out = []
    for name, parts, form in flat_order(model):
        g = np.concatenate([params[p].grad.numpy() for p in parts])
        out.append((name, g.shape, form(g) if form else g))
    return loss.item(), out


def one_target(double, single, ids, target, count):
    loss, truth = gradients(double, ids, target)
    result = {"target": target, "loss": loss, "norms": [], "errors": []}
    values = []
    _, f32 = gradients(single, ids, target)
    for i, ((name, shape, g), (_, _, h)) in enumerate(zip(truth, f32)):
        at = coordinates(i, name, target, count, shape, ids)
        chosen = g.reshape(-1)[at]
        scale = np.linalg.norm(chosen)
        error = np.linalg.norm(h.reshape(-1)[at].astype(np.float64) - chosen) / scale if scale else 0.0
        result["norms"].append(float(f"{np.linalg.norm(g):.9e}"))
        result["errors"].append(float(f"{error:.3e}"))
        values.append(chosen.astype("<f4"))
    return result, np.concatenate(values)


def embeds(name):
    return any(word in name for word in ("embed", "lm_head", "wte", "wpe"))


def cosines(double, ids, last):
    targets = [1 + (last - 1) * i // (SAMPLES - 1) for i in range(SAMPLES)]
    whole = []
    for target in targets:
        _, g = gradients(double, ids, target)
        whole.append(np.concatenate([a.reshape(-1) for n, _, a in g if not embeds(n)]))
    whole = np.stack(whole)
    gram = whole @ whole.T
    norm = np.sqrt(np.diag(gram))
    c = gram / norm[:, None] / norm[None]
    return {"targets": targets, "values": [float(f"{c[i, j]:.9f}") for i in range(SAMPLES) for j in range(i)]}


def write(name, work):
    spec, limit, targets, count, with_cosines, long = SHAPES[name]
    folder = make(spec, work)
    double, single = reference.load(folder, double=True), reference.load(folder)
    ids = document(limit, double.config.vocab_size)
    targets = targets + [1 + int(np.argmin(reference.losses(double, [ids])))]
    result = {
        "name": name,
        "long": long,
        "model": spec,
        "ids": ids.tolist(),
        "coordinates": count,
        "tensors": [n for n, _, _ in flat_order(double)],
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "targets": [],
    }
    values = []
    for target in targets:
        one, chosen = one_target(double, single, ids, target, count)
        result["targets"].append(one)
        values.append(chosen)
        errors = [e for e in one["errors"] if e]
        print(f"{name}: {target}: loss {one['loss']:.4f}, float32 error mean {np.mean(errors):.2e} "
              f"max {np.max(errors):.2e}", flush=True)
    if with_cosines:
        result["cosines"] = cosines(double, ids, LAST)
    with open(os.path.join(OUT, name + ".json"), "w") as f:
        text = json.dumps(result)
        for key in ("name", "long", "model", "ids", "coordinates", "tensors", "torch", "targets", "cosines"):
            text = text.replace(f'"{key}": ', f'\n"{key}": ', 1)
        f.write(text.replace('{"target"', '\n{"target"') + "\n")
    np.save(os.path.join(OUT, name + ".npy"), np.concatenate(values))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", help="work here instead of in a temporary folder")
    parser.add_argument("names", nargs="*", default=list(SHAPES))
    args = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        for name in args.names or SHAPES:
            write(name, args.keep or work)


main()
