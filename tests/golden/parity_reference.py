# Writes parity.json: 50 steps of multitask sparse parity by plain numpy in float64, from the same counter-based draws: for new
# samples for ever, and for a training set whose epochs end with a short batch. Run: python3 parity_reference.py >parity.json
# SPDX-License-Identifier: GPL-3.0-or-later
import json

import numpy as np
from philox import philox

SUBSETS, INIT, TRAIN_TASK, TRAIN_BITS, TEST_BITS, SUBTASK_BITS, EPOCH = range(7)
TASKS, N, K, ZIPF, SEED, WIDTH, BATCH, STEPS, LOG, POINTS = 20, 22, 3, 1.4, 7, 37, 300, 50, 10, 50


def uniform(stream, counter):
    return (philox(SEED, stream, counter)[0] >> np.uint64(11)) * 2.0**-53


def below(stream, counter, n):
    return int(philox(SEED, stream, counter)[0][0]) * n >> 64


def subsets():
    found, attempt = [], 0
    while len(found) < TASKS:
        one = set()
        for i in range(K):
            last = N - K + i
            j = below(SUBSETS, attempt * 128 + i, last + 1)
            one.add(last if j in one else j)
        attempt += 1
        if one not in found:
            found.append(one)
    return [sorted(s) for s in found]


def bits(stream, numbers):
    word = philox(SEED, stream, numbers)[0]
    return ((word[:, None] >> np.arange(N, dtype=np.uint64)) & np.uint64(1)).astype(float)


S = subsets()
share = np.arange(1, TASKS + 1) ** -ZIPF
share /= share.sum()


def samples(numbers):
    task = np.searchsorted(np.cumsum(share), uniform(TRAIN_TASK, numbers))
    return task, bits(TRAIN_BITS, numbers)


def order(data, epoch):
    out = np.zeros(data, np.uint64)
    for i in range(data):
        j = below(EPOCH | epoch << 8, i, i + 1)
        out[i] = out[j]
        out[j] = i
    return out


def inputs(task, x):
    y = np.array([int(row[S[t]].sum()) % 2 for t, row in zip(task, x)])
    return np.hstack([np.eye(TASKS)[task], x]), y


def forward(w, x):
    h = np.maximum(x @ w[0].T + w[1], 0)
    z = h @ w[2].T + w[3]
    z = z - z.max(1, keepdims=True)
    return h, z - np.log(np.exp(z).sum(1, keepdims=True))


def initial():
    rows = TASKS + N + 3
    u = 2 * uniform(INIT, np.arange(WIDTH * rows + 2)) - 1
    a, b = u[: WIDTH * rows].reshape(WIDTH, rows), u[WIDTH * rows :]
    first, second = (TASKS + N) ** -0.5, WIDTH**-0.5
    return [a[:, : TASKS + N] * first, a[:, TASKS + N] * first, a[:, TASKS + N + 1 :].T * second, b * second]


def short(a):
    return [[float(f"{x:.9g}") for x in row] if np.ndim(row) else float(f"{row:.9g}") for row in a]


def run(data):
    w = initial()
    m = [np.zeros_like(p) for p in w]
    v = [np.zeros_like(p) for p in w]
    train, subtask = [], []
    each = -(-data // BATCH) if data else 1
    for step in range(STEPS):
        if step % LOG == 0:
            task = np.repeat(np.arange(TASKS), POINTS)
            x, y = inputs(task, bits(SUBTASK_BITS, step // LOG * TASKS * POINTS + np.arange(TASKS * POINTS)))
            loss = -forward(w, x)[1][np.arange(len(y)), y]
            subtask.append(loss.reshape(TASKS, POINTS).mean(1))
        if not data:
            numbers = step * BATCH + np.arange(BATCH)
        else:
            if step % each == 0:
                epoch = order(data, step // each)
            numbers = epoch[step % each * BATCH :][:BATCH]
        x, y = inputs(*samples(numbers))
        h, logp = forward(w, x)
        n = len(y)
        train.append(-logp[np.arange(n), y].mean())
        dz = (np.exp(logp) - np.eye(2)[y]) / n
        dh = dz @ w[2] * (h > 0)
        g = [dh.T @ x, dh.sum(0), dz.T @ h, dz.sum(0)]
        for i in range(4):
            m[i] = 0.9 * m[i] + 0.1 * g[i]
            v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2
            t = step + 1
            w[i] = w[i] - 1e-3 * (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
    return {"data": data, "train": short(train), "subtask": short(subtask), "out": short(w[2][1]), "bias": short(w[3])}


print(json.dumps({"tasks": TASKS, "n": N, "k": K, "zipf": ZIPF, "seed": SEED, "width": WIDTH, "batch": BATCH, "steps": STEPS,
                  "log": LOG, "task_points": POINTS, "subsets": S, "runs": [run(0), run(700)]}))
