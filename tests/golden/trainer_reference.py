# Writes trainer.json: 50 steps of training two small GPT-NeoX models by plain numpy in float64, from the same counter-based
# draws, one in the parallel form with the exact GELU, one in the sequential form with the tanh approximation. The
# gradients are first checked against central differences. Run: python3 trainer_reference.py >trainer.json
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math

import numpy as np
from philox import philox

D, HEADS, LAYERS, ROTARY, FFN, VOCAB, LENGTH, ROWS, STEPS, SEED, TEXT, INIT = 24, 3, 2, 4, 56, 37, 16, 8, 50, 11, 5, 1 << 16
SIZE = D // HEADS
EPS, RATE, BETA1, BETA2, EPSILON, DECAY, CLIP = 1e-5, 4e-3, 0.9, 0.95, 1e-8, 0.1, 1.0
erf = np.vectorize(math.erf)


def gaussian(stream, n):
    """Box and Muller's."""
    a, b = philox(SEED, stream, np.arange(n))
    u, v = ((a >> np.uint64(11)) + np.uint64(1)) * 2.0**-53, (b >> np.uint64(11)) * 2.0**-53
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def batch(step):
    """Three of four tokens follow from the one before."""
    out = np.zeros((ROWS, LENGTH + 1), np.int64)
    for r in range(ROWS):
        for i in range(LENGTH + 1):
            word = int(philox(SEED, TEXT, (step * ROWS + r) * (LENGTH + 1) + i)[0][0])
            fresh = i == 0 or word % 4 == 0
            out[r, i] = (word >> 8) % VOCAB if fresh else (5 * out[r, i - 1] + 3) % VOCAB
    return out


def shapes():
    """(name, shape) in the flat file's order."""
    yield "embed_in", (VOCAB, D)
    for i in range(LAYERS):
        for name, shape in [
            ("ln1.weight", (D,)), ("ln1.bias", (D,)), ("ln2.weight", (D,)), ("ln2.bias", (D,)),
            ("qkv.weight", (3 * D, D)), ("qkv.bias", (3 * D,)), ("dense.weight", (D, D)), ("dense.bias", (D,)),
            ("up.weight", (FFN, D)), ("up.bias", (FFN,)), ("down.weight", (D, FFN)), ("down.bias", (D,)),
        ]:
            yield f"{i}.{name}", shape
    yield from [("ln.weight", (D,)), ("ln.bias", (D,)), ("embed_out", (VOCAB, D))]


def first_weights():
    w = {}
    for i, (name, shape) in enumerate(shapes()):
        if len(shape) == 1:
            w[name] = np.ones(shape) if name.endswith("weight") else np.zeros(shape)
            continue
        output = name.endswith(("dense.weight", "down.weight"))
        size = 2 / (LAYERS * math.sqrt(D)) if output else math.sqrt(2 / (5 * D))
        w[name] = (size * gaussian(INIT + i, shape[0] * shape[1])).reshape(shape).astype(np.float32).astype(np.float64)
    return w


def gelu(u, exact):
    """The function and its derivative."""
    if exact:
        phi = 0.5 * (1 + erf(u / math.sqrt(2)))
        return u * phi, phi + u * np.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (u + 0.044715 * u**3))
    return 0.5 * u * (1 + t), 0.5 * (1 + t) + 0.5 * u * (1 - t * t) * c * (1 + 3 * 0.044715 * u * u)


def norm(x, w, b):
    mean = x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + EPS)
    z = (x - mean) * scale
    return z * w + b, (z, scale)


def norm_back(dy, w, kept, g, name):
    z, scale = kept
    g[name + ".weight"] = (dy * z).sum((0, 1))
    g[name + ".bias"] = dy.sum((0, 1))
    dz = dy * w[name + ".weight"]
    return scale * (dz - dz.mean(-1, keepdims=True) - z * (dz * z).mean(-1, keepdims=True))


def linear(x, w, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def linear_back(dy, x, w, g, name):
    g[name + ".weight"] = np.einsum("bti,btj->ij", dy, x)
    g[name + ".bias"] = dy.sum((0, 1))
    return dy @ w[name + ".weight"]


def turn(x, back=False):
    """x [B, T, heads, size]: pairs (i, i + ROTARY / 2) of the first ROTARY dimensions, angles as float32 has them."""
    half = ROTARY // 2
    f = np.float32(1) / np.float32(10000.0 ** (np.float32(2) * np.arange(half, dtype=np.float32) / np.float32(ROTARY)).astype(np.float64))
    angle = (np.arange(LENGTH, dtype=np.float32)[:, None] * f).astype(np.float64)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None] * (-1 if back else 1)
    a, b = x[..., :half], x[..., half:ROTARY]
    return np.concatenate([a * c - b * s, b * c + a * s, x[..., ROTARY:]], -1)


def split(qkv):
    """The rows of query_key_value as the flat file has them: all queries, all keys, all values."""
    return [a.reshape(*a.shape[:2], HEADS, SIZE) for a in np.split(qkv, 3, -1)]


def attention(qkv):
    q, k, v = split(qkv)
    q, k = turn(q), turn(k)
    s = np.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(SIZE)
    s = np.where(np.tril(np.ones((LENGTH, LENGTH), bool)), s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return np.einsum("bhij,bjhd->bihd", p, v).reshape(qkv.shape[0], LENGTH, D), (q, k, v, p)


def attention_back(dc, kept):
    q, k, v, p = kept
    dc = dc.reshape(v.shape)
    dp = np.einsum("bihd,bjhd->bhij", dc, v)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / math.sqrt(SIZE)
    dq, dk = np.einsum("bhij,bjhd->bihd", ds, k), np.einsum("bhij,bihd->bjhd", ds, q)
    dv = np.einsum("bhij,bihd->bjhd", p, dc)
    return np.concatenate([a.reshape(*a.shape[:2], D) for a in (turn(dq, True), turn(dk, True), dv)], -1)


def loss_and_gradient(w, tokens, parallel, exact):
    ids, targets = tokens[:, :-1], tokens[:, 1:]
    x = w["embed_in"][ids]
    kept, g = [], {}
    for i in range(LAYERS):
        h1, n1 = norm(x, w[f"{i}.ln1.weight"], w[f"{i}.ln1.bias"])
        context, a = attention(linear(h1, w, f"{i}.qkv"))
        attended = x + linear(context, w, f"{i}.dense")
        h2, n2 = norm(x if parallel else attended, w[f"{i}.ln2.weight"], w[f"{i}.ln2.bias"])
        inner, slope = gelu(linear(h2, w, f"{i}.up"), exact)
        kept.append((h1, n1, context, a, h2, n2, inner, slope))
        x = attended + linear(inner, w, f"{i}.down")
    h, n = norm(x, w["ln.weight"], w["ln.bias"])
    logits = h @ w["embed_out"].T
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    at = np.ix_(range(ROWS), range(LENGTH)) + (targets,)
    loss = -np.log(p[at]).mean()
    p[at] -= 1
    p /= targets.size
    g["embed_out"] = np.einsum("btv,btd->vd", p, h)
    dx = norm_back(p @ w["embed_out"], w, n, g, "ln")
    for i in reversed(range(LAYERS)):
        h1, n1, context, a, h2, n2, inner, slope = kept[i]
        du = linear_back(dx, inner, w, g, f"{i}.down") * slope
        through = norm_back(linear_back(du, h2, w, g, f"{i}.up"), w, n2, g, f"{i}.ln2")
        attended = dx if parallel else dx + through
        dc = linear_back(attended, context, w, g, f"{i}.dense")
        dh1 = linear_back(attention_back(dc, a), h1, w, g, f"{i}.qkv")
        dx = dx + through + norm_back(dh1, w, n1, g, f"{i}.ln1")
    g["embed_in"] = np.zeros((VOCAB, D))
    np.add.at(g["embed_in"], ids, dx)
    return loss, g


def check(w, parallel, exact):
    tokens = batch(0)
    _, g = loss_and_gradient(w, tokens, parallel, exact)
    for name in w:
        for j in range(0, w[name].size, 1 + w[name].size // 7):
            flat, old = w[name].reshape(-1), w[name].reshape(-1)[j]
            flat[j] = old + 1e-5
            up, _ = loss_and_gradient(w, tokens, parallel, exact)
            flat[j] = old - 1e-5
            down, _ = loss_and_gradient(w, tokens, parallel, exact)
            flat[j] = old
            want = (up - down) / 2e-5
            assert abs(g[name].reshape(-1)[j] - want) < 1e-8 + 1e-6 * abs(want), (name, j)


def train(parallel, exact):
    w = first_weights()
    check(w, parallel, exact)
    start = {k: a.copy() for k, a in w.items()}
    m, v = ({k: np.zeros_like(a) for k, a in w.items()} for _ in range(2))
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        loss, g = loss_and_gradient(w, batch(step - 1), parallel, exact)
        size = math.sqrt(sum((a * a).sum() for a in g.values()))
        rate = RATE * min(1, step / 10)
        for k, a in g.items():
            a = a * min(1, CLIP / size)
            m[k] = BETA1 * m[k] + (1 - BETA1) * a
            v[k] = BETA2 * v[k] + (1 - BETA2) * a * a
            w[k] *= 1 - rate * (DECAY if a.ndim == 2 else 0)
            w[k] -= rate * (m[k] / (1 - BETA1**step)) / (np.sqrt(v[k] / (1 - BETA2**step)) + EPSILON)
        losses.append(float(f"{loss:.10g}"))
        norms.append(float(f"{size:.10g}"))
    # Of every tensor how far it came, and where some of its elements are now.
    tensors = []
    for name, _ in shapes():
        chosen = w[name].reshape(-1)[:: 1 + w[name].size // 15]
        moved = float(np.sqrt(((w[name] - start[name]) ** 2).sum()))
        tensors.append({"name": name, "moved": float(f"{moved:.8g}"), "weights": [float(f"{x:.9g}") for x in chosen]})
    return {"parallel": parallel, "exact": exact, "losses": losses, "norms": norms, "tensors": tensors}


print(json.dumps({"runs": [train(True, True), train(False, False)]}, indent=0))
