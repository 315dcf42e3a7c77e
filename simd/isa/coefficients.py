"""Derives coefficients.h: weighted minimax polynomials for math.h, with coefficients in float32.

Each fit is Lawson's iteration (least squares whose weights follow the error) on a dense grid, in
float64. The coefficients are rounded one by one, lowest order first, and the rest fitted again, so
that what is rounded away is taken up by the next. Needs numpy only:

    python3 simd/isa/coefficients.py > simd/isa/coefficients.h

SPDX-License-Identifier: GPL-3.0-or-later
"""
import math
import sys

import numpy as np


def lawson(basis, target, weight, steps=120):
    """Coefficients that nearly minimise max |weight (basis c - target)|."""
    scale = np.abs(basis).max(axis=0)
    a, lam = basis / scale, np.full(len(target), 1.0 / len(target))
    best, best_error = None, math.inf
    for _ in range(steps):
        w = np.sqrt(lam) * weight
        c = np.linalg.lstsq(a * w[:, None], target * w, rcond=None)[0]
        error = np.abs(weight * (a @ c - target))
        if error.max() < best_error:
            best, best_error = c / scale, error.max()
        lam = lam * error
        lam /= lam.sum()
    return best, best_error


def fit(name, comment, f, lo, hi, powers, weight, fixed=(), points=800):
    """f(x) ~ sum c_k x^powers[k] on [lo, hi]; fixed: leading coefficients given beforehand."""
    t = np.cos(np.linspace(0, math.pi, points))
    x = (lo + hi) / 2 + (hi - lo) / 2 * t
    x = x[x != 0]
    target = np.array([f(v) for v in x])
    w = np.array([weight(v) for v in x])
    done = [float(np.float32(c)) for c in fixed]
    ideal = None
    while len(done) < len(powers):
        rest = target.copy()
        for c, p in zip(done, powers):
            rest -= c * x**p
        basis = np.stack([x**p for p in powers[len(done):]], axis=1)
        c, error = lawson(basis, rest, w)
        ideal = error if ideal is None else ideal
        done.append(float(np.float32(c[0])))
    value = sum(c * x**p for c, p in zip(done, powers))
    error = np.abs(w * (value - target)).max()
    print(f"{name}: ideal 2^{math.log2(ideal):.2f}, rounded 2^{math.log2(error):.2f}", file=sys.stderr)
    print(f"/* {comment} [{lo:g}, {hi:g}]: weighted error 2^{math.log2(error):.1f} */")
    print(f"static const float {name}[{len(done)}] = {{")
    for c in done:
        print(f"    {c.hex()}f,")
    print("};")


def main():
    print("/* coefficients.h - made by coefficients.py, which says how; lowest order first.")
    print(" *\n * SPDX-License-Identifier: GPL-3.0-or-later */")
    print("#ifndef TRIPOD_SIMD_ISA_COEFFICIENTS_H\n#define TRIPOD_SIMD_ISA_COEFFICIENTS_H\n")
    half_ln2 = math.log(2) / 2 * 1.001
    fit("EXP_C", "(exp(r) - 1 - r) / r^2 on", lambda r: (math.expm1(r) - r) / r**2 if abs(r) > 1e-3
        else 0.5 + r / 6 + r * r / 24, -half_ln2, half_ln2, range(5),
        lambda r: r * r / math.exp(r))
    fit("EXP2_C", "(2^f - 1) / f on", lambda v: math.expm1(v * math.log(2)) / v, -0.5, 0.5,
        range(6), lambda v: abs(v) / 2**v)
    fit("LOG_C", "(log(1 + f) - f + f^2 / 2) / f^3 on",
        lambda v: (math.log1p(v) - v + v * v / 2) / v**3 if abs(v) > 0.02
        else sum((-v)**k / (k + 3) for k in range(14)),
        math.sqrt(0.5) - 1, math.sqrt(2) - 1, range(9), lambda v: abs(v**3 / math.log1p(v)))
    fit("ERF_SMALL_C", "(erf(x) / x - 1), in z = x^2, on",
        lambda z: math.erf(math.sqrt(z)) / math.sqrt(z) - 1, 0, 1, range(7),
        lambda z: math.sqrt(z) / math.erf(math.sqrt(z)))
    fit("ERF_LARGE_C", "-log2(erfc(x)) on", lambda v: -math.log2(math.erfc(v)), 0.9, 4.0, range(9),
        lambda v: math.erfc(v) / math.erf(v))
    fit("TANH_C", "(tanh(x) - x) / x^3, in z = x^2, on",
        lambda z: (math.tanh(math.sqrt(z)) - math.sqrt(z)) / z**1.5 if z > 1e-3
        else -1 / 3 + 2 * z / 15 - 17 * z * z / 315, 0, 0.36, range(5), lambda z: z)

    def tail(a):
        return math.erfc(a / math.sqrt(2)) / 2

    # The error of exp2 is relative; what the sum x - x Q sees is Q times that. Far out only the
    # order of magnitude matters: the bound grows there so that fewer terms do.
    fit("GELU_C", "-log2 of the normal distribution's upper tail on",
        lambda a: -math.log2(tail(a)), 0, 14.5, range(13),
        lambda a: max(tail(a), 2**-9 if a < 4 else 2**-9 * math.exp(-1.2 * (a - 4))) * math.log(2),
        fixed=[1.0])
    print("\n#endif")


main()
