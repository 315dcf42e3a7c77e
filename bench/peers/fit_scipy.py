#!/usr/bin/env python3
"""Times `tripod fit chinchilla` beside scipy doing the same fits, one core each, CPU time.

    make && python3 bench/peers/fit_scipy.py [--starts 200] [--resamples 40]

needs numpy and scipy. scipy runs the published recipe (Hoffmann et al., Besiroglu et al.): L-BFGS-B on the Huber objective with
its analytic gradient, from the 4500-point grid (a random part of it, scaled up) and, for resamples, BFGS from the published
parameters. Each line: what, CPU seconds, best objective, starts that reached it.

SPDX-License-Identifier: GPL-3.0-or-later"""
import argparse
import csv
import itertools
import json
import os
import subprocess
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.path.join(ROOT, "tests", "data", "epoch_chinchilla.csv")
DELTA = 1e-3


def load():
    rows = list(csv.DictReader(open(DATA)))
    n, c, loss = (np.array([float(r[k]) for r in rows]) for k in ("Model Size", "Training FLOP", "loss"))
    keep = loss < np.sort(loss)[-5]
    n, c, loss = n[keep], c[keep], loss[keep]
    return np.log(n), np.log(c / (6 * n)), np.log(loss)


def objective(t, x, z, y):
    a, b, e, alpha, beta = t
    terms = np.stack([a - alpha * x, b - beta * z, np.full_like(x, e)])
    total = logsumexp(terms, axis=0)
    r = total - y
    small = np.abs(r) <= DELTA
    value = np.where(small, 0.5 * r * r, DELTA * (np.abs(r) - 0.5 * DELTA)).sum()
    psi = np.clip(r, -DELTA, DELTA)
    p = np.exp(terms - total) * psi
    return value, np.array([p[0].sum(), p[1].sum(), p[2].sum(), -(p[0] * x).sum(), -(p[1] * z).sum()])


def scipy_fit(starts, data):
    began = time.process_time()
    values = [minimize(objective, s, args=data, jac=True, method="L-BFGS-B").fun for s in starts]
    return time.process_time() - began, values


def scipy_resamples(count, data):
    x, z, y = data
    rng = np.random.RandomState(42)
    point = np.array([6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083])
    began = time.process_time()
    for _ in range(count):
        i = rng.choice(len(x), len(x))
        minimize(objective, point, args=(x[i], z[i], y[i]), jac=True, method="BFGS")
    return time.process_time() - began


def tripod(*options):
    command = [os.path.join(ROOT, "tripod"), "fit", "chinchilla", DATA, "--drop-highest", "5", "--no-profile", "--threads", "1",
               "--json", *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--starts", type=int, default=200, help="of scipy's 4500")
    parser.add_argument("--resamples", type=int, default=40, help="of scipy's 4000")
    args = parser.parse_args()
    data = load()
    grid = list(itertools.product(range(0, 30, 5), range(0, 30, 5), np.arange(-1, 1.5, 0.5), np.arange(0, 2.5, 0.5),
                                  np.arange(0, 2.5, 0.5)))
    part = [grid[i] for i in np.random.RandomState(0).choice(len(grid), args.starts, replace=False)]
    print("what\tcpu_seconds\tobjective\tagree")
    one = tripod("--bootstrap", "0")
    print(f"tripod, {one['starts']['total']} starts\t{one['cpu_seconds']['fit']:.4f}\t{one['objective_value']:.16g}"
          f"\t{one['starts']['agree']}/{one['starts']['total']}")
    seconds, values = scipy_fit(part, data)
    best = one["objective_value"]
    agree = sum(v < best * (1 + 1e-6) for v in values)
    print(f"scipy L-BFGS-B, {len(part)} of 4500 starts\t{seconds:.4f}\t{min(values):.16g}\t{agree}/{len(part)}")
    print(f"scipy L-BFGS-B, 4500 starts (scaled)\t{seconds * 4500 / len(part):.1f}\t-\t-")
    for starts in (2, 0):
        b = tripod("--bootstrap", "4000", "--boot-starts", str(starts))
        print(f"tripod, 4000 resamples, {starts + 1} starts each\t{b['cpu_seconds']['bootstrap']:.3f}\t-\t-")
    seconds = scipy_resamples(args.resamples, data)
    print(f"scipy BFGS, {args.resamples} resamples, 1 start each\t{seconds:.3f}\t-\t-")
    print(f"scipy BFGS, 4000 resamples, 1 start each (scaled)\t{seconds * 4000 / args.resamples:.1f}\t-\t-")


if __name__ == "__main__":
    main()
