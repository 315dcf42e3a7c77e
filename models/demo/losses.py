#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo suite's mean losses on the machine's licence texts, evaluated in float64 by numpy.

    python3 models/demo/losses.py SUITE LICENCES [THREADS]      (writes SUITE/losses.tsv)

LICENCES is the prefix of the corpus `tripod tokenize` makes of the texts, in the order of their names.
The forward pass is written out below and shares nothing with tripod's: it is the truth that its losses
are held against. Rotary angles are position x frequency in float32, as transformers takes them.
"""

import hashlib
import json
import math
import multiprocessing
import struct
import sys
from pathlib import Path

import numpy as np

HELD_OUT = Path("/usr/share/common-licenses")  # the files, not the links
CONTEXT = 256


def tensors(path):
    """Of a safetensors file, widened to float64."""
    raw = path.read_bytes()
    at = 8 + struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, t in json.loads(raw[8:at]).items():
        if name != "__metadata__":
            assert t["dtype"] == "F16", name
            first, end = t["data_offsets"]
            numbers = np.frombuffer(raw[at + first:at + end], "<f2")
            out[name] = numbers.reshape(t["shape"]).astype(np.float64)
    return out


def norm(x, gain, bias, epsilon):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * gain + bias


def rotate(x, cos, sin):
    """The first numbers of every head, by halves (GPT-NeoX)."""
    half = cos.shape[-1]
    a, b = x[..., :half], x[..., half:2 * half]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, x[..., 2 * half:]], -1)


def token_losses(w, config, ids):
    """-log p of every token but the first, nats; ids [rows, length + 1]."""
    assert config["hidden_act"] == "gelu_new" and config["use_parallel_residual"]
    ids, targets = ids[:, :-1], ids[:, 1:]
    B, T = ids.shape
    D, H = config["hidden_size"], config["num_attention_heads"]
    epsilon, size = config["layer_norm_eps"], D // H
    turning = int(size * config["rotary_pct"])
    frequency = (1 / config["rotary_emb_base"] ** (np.arange(0, turning, 2) / turning))
    angle = (np.arange(T, dtype=np.float32)[:, None] * frequency.astype(np.float32)).astype(np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    future = np.triu(np.full((T, T), -np.inf), 1)
    x = w["gpt_neox.embed_in.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        def part(name, layer=layer):
            return w["gpt_neox.layers.%d.%s" % (layer, name)]

        def dense(name, y):
            return y @ part(name + ".weight").T + part(name + ".bias")

        def normed(name):
            return norm(x, part(name + ".weight"), part(name + ".bias"), epsilon)

        qkv = dense("attention.query_key_value", normed("input_layernorm"))
        q, k, v = np.split(qkv.reshape(B, T, H, 3 * size).transpose(0, 2, 1, 3), 3, -1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        score = q @ k.transpose(0, 1, 3, 2) / math.sqrt(size) + future
        score = np.exp(score - score.max(-1, keepdims=True))
        heads = score / score.sum(-1, keepdims=True) @ v
        attention = dense("attention.dense", heads.transpose(0, 2, 1, 3).reshape(B, T, D))
        inner = dense("mlp.dense_h_to_4h", normed("post_attention_layernorm"))
        inner *= 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner ** 3)))
        x = x + attention + dense("mlp.dense_4h_to_h", inner)
    x = norm(x, w["gpt_neox.final_layer_norm.weight"], w["gpt_neox.final_layer_norm.bias"], epsilon)
    logits = x @ w["embed_out.weight"].T
    top = logits.max(-1, keepdims=True)
    total = top[..., 0] + np.log(np.exp(logits - top).sum(-1))
    return total - np.take_along_axis(logits, targets[..., None], -1)[..., 0]


def corpus(prefix):
    """Megatron's P.bin and P.idx: a list of documents' ids."""
    index = Path(str(prefix) + ".idx").read_bytes()
    n = struct.unpack("<Q", index[18:26])[0]
    sizes = np.frombuffer(index, "<i4", n, 34)
    ids = np.fromfile(str(prefix) + ".bin", "<u2").astype(np.int64)
    return np.split(ids, np.cumsum(sizes)[:-1])


def measure(job):
    """Losses of every document in windows of CONTEXT inputs: a window's last target is the next one's
    first input, and only a document's first token is not predicted."""
    folder, documents = job
    config = json.loads((folder / "config.json").read_text())
    w, out = tensors(folder / "model.safetensors"), []
    for ids in documents:
        whole = (len(ids) - 1) // CONTEXT
        rows = [ids[i * CONTEXT:(i + 1) * CONTEXT + 1] for i in range(whole)]
        parts = [token_losses(w, config, np.stack(rows[i:i + 16])) for i in range(0, whole, 16)]
        if len(ids) - 1 > whole * CONTEXT:
            parts.append(token_losses(w, config, ids[None, whole * CONTEXT:]))
        out.append(np.concatenate([p.ravel() for p in parts]))
    print(folder, flush=True)
    return out


def clustered(group):
    """Count, mean, and the mean's standard error with documents as clusters."""
    n, mean, k = sum(map(len, group)), np.concatenate(group).mean(), len(group)
    residual = np.array([(g - mean).sum() for g in group])
    return n, mean, math.sqrt(k / (k - 1) * (residual ** 2).sum()) / n


def parameters(folder):
    """Without embeddings: what `tripod fit` takes for N."""
    return sum(t.size for name, t in tensors(folder / "model.safetensors").items()
               if "embed" not in name)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    suite, documents = Path(sys.argv[1]), corpus(sys.argv[2])
    files = sorted(p for p in HELD_OUT.iterdir() if p.is_file() and not p.is_symlink())
    if len(files) != len(documents):
        sys.exit("%s: expected %d documents, found %d" % (HELD_OUT, len(documents), len(files)))
    folders = sorted(suite.glob("demo-*/step*"),
                     key=lambda p: (parameters(p), int(p.name[4:])))
    with multiprocessing.Pool(int(sys.argv[3]) if len(sys.argv) > 3 else 1) as pool:
        losses = pool.map(measure, [(f, documents) for f in folders], 1)
    lines = ["# mean losses in nats per predicted token, float64 evaluation of the float16 weights, "
             "in windows of %d inputs" % CONTEXT]
    last = {f.parent.name: group for f, group in zip(folders, losses)}  # the last step stays
    for (_, below), (name, above) in zip(list(last.items()), list(last.items())[1:]):
        # The same tokens under both models: far more certain than two means by themselves.
        _, mean, error = clustered([b - a for a, b in zip(below, above)])
        lines.append("# %s less the size below, last step: %.4f +- %.4f" % (name, mean, error))
    lines.append("# files of %s with sha256, tokens, predictions:" % HELD_OUT)
    for path, ids, group in zip(files, documents, losses[0]):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append("#   %s %s %d %d" % (path.name, digest, len(ids), len(group)))
    lines.append("model\tstep\tn_params\ttokens\tloss\tse")
    for folder, group in zip(folders, losses):
        lines.append("%s\t%s\t%d\t%d\t%.9f\t%.6f" %
                     (folder.parent.name, folder.name[4:], parameters(folder), *clustered(group)))
    (suite / "losses.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
