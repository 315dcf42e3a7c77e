"""The generator of src/base/rng.c, written again for the references. SPDX-License-Identifier: GPL-3.0-or-later"""
import numpy as np


def product(a, b):
    """High and low halves of a 64 x 64 bit product."""
    m, s = np.uint64(0xFFFFFFFF), np.uint64(32)
    al, ah, bl, bh = a & m, a >> s, b & m, b >> s
    ll, lh, hl, hh = al * bl, al * bh, ah * bl, ah * bh
    middle = (ll >> s) + (lh & m) + (hl & m)
    return hh + (lh >> s) + (hl >> s) + (middle >> s), a * b


def philox(seed, stream, counter):
    """Philox 2x64-10 (Salmon et al. 2011)."""
    x0 = np.atleast_1d(np.asarray(counter, np.uint64))
    x1 = np.full_like(x0, stream)
    key = np.uint64(seed)
    with np.errstate(over="ignore"):
        for _ in range(10):
            high, low = product(x0, np.uint64(0xD2B74407B1CE6E93))
            x0, x1 = high ^ key ^ x1, low
            key = key + np.uint64(0x9E3779B97F4A7C15)
    return x0, x1
