#!/usr/bin/python3
"""What `tripod tokens` finds, by numpy: makes a matrix of losses and its corpus, and compares results.

    tokens_reference.py make DIR ROWS     DIR/m.npy, m.json (record), c.bin, c.idx, planted.json
    tokens_reference.py CHECK DIR FILES   histogram, tail, changes, find, induction, slopes, by, index

The rows are random but for planted ones: tokens that each rule must find, and near misses it must not.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import ctypes
import ctypes.util
import json
import math
import struct
import sys

import numpy as np

N = [18915328, 85056000, 302311424, 805736448, 1208602624, 2517652480, 6444163072]
STEPS = [143000] * 7
MAX_TOKENS = 1024
LN2 = np.float32(np.log(2))


def xxh3(data):
    lib = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    lib.XXH3_64bits.restype = ctypes.c_uint64
    lib.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return lib.XXH3_64bits(data, len(data))


def corpus(directory, rows, rng):
    """Documents of which `rows` tokens are predicted once cut to MAX_TOKENS; some of none or one."""
    lengths, left = [], rows
    while left:
        n = int(rng.choice([0, 1, 2, 3, 50, 300, 1000, 1024, 1025, 3000]))
        take = max(min(n, MAX_TOKENS) - 1, 0)
        if take > left:
            n = take = left
            n += 1
        lengths.append(n)
        left -= take
    lengths += [1, 0]
    # As often as 1 / id, so that trigrams of small ones repeat.
    ids = (np.exp(rng.uniform(0, math.log(3000), sum(lengths))) - 1).astype(np.uint16)
    starts = np.cumsum([0] + lengths)
    ids.tofile(f"{directory}/c.bin")
    with open(f"{directory}/c.idx", "wb") as f:
        f.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, len(lengths), len(lengths) + 1))
        f.write(np.array(lengths, "<i4").tobytes() + (2 * starts[:-1]).astype("<i8").tobytes())
        f.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())
    blob = b"".join(ids[a:b].astype("<u4").tobytes() + struct.pack("<Q", b - a) for a, b in zip(starts[:-1], starts[1:]))
    return xxh3(blob)


def above(x):
    return np.nextafter(np.float32(x), np.float32(np.inf))


def below(x):
    return np.nextafter(np.float32(x), np.float32(-np.inf))


def plant(m, rng):
    """Rows that rules must find, {list: rows}, and near misses under "none"."""
    rows = iter(rng.permutation(len(m))[:4000].tolist())
    found = {"none": []}

    def put(name, values):
        row = next(rows)
        m[row] = values
        found.setdefault(name, []).append(row)

    for j in range(1, 7):
        for _ in range(3):
            put(f"monogenic-{j}", np.r_[rng.uniform(5.01, 12, j), rng.uniform(0, 0.299, 7 - j)])
        put(f"monogenic-{j}", np.r_[np.full(j, above(5)), np.full(7 - j, below(0.3))])
        # On a threshold, one column off, of no number.
        put("none", np.r_[np.full(j, np.float32(5)), np.zeros(7 - j)])
        put("none", np.r_[np.full(j, 9.0), np.full(7 - j, above(0.3))])
        last = np.r_[np.full(j, 9.0), np.zeros(7 - j)]
        last[6] = 0.4
        put("none", last)
        last = last.copy()
        last[6], last[0] = 0, 4.9
        put("none", last)
        if j > 1:
            last = np.r_[np.full(j, 9.0), np.zeros(7 - j)]
            last[j - 1] = 5
            put("none", last)
        if j < 6:
            last = np.r_[np.full(j, 9.0), np.zeros(7 - j)]
            last[j] = np.float32(0.3)
            put("none", last)
        put("none", np.r_[np.full(j, 9.0), np.full(7 - j, np.nan)])
        put(f"plateau-{j}", np.r_[rng.uniform(6.0, 6.5, j), rng.uniform(3.0, 3.4, 7 - j)])
        put("none", np.r_[np.linspace(6, 7, j) if j > 1 else [2.6], np.full(7 - j, 0.5)])
        put("none", np.r_[np.full(j, 6.0), np.full(7 - j, 4.65)])  # u = 5.9, l = 4.0
    x = np.log(N)
    d = x - x.mean()
    noise = np.array([1, -2, 1, 0, 1, -2, 1.0])
    noise -= noise.mean()
    noise -= d * (noise @ d) / (d @ d)  # at right angles to the line
    noise /= math.sqrt(noise @ noise)

    def line(slope, r2):
        return 6 + slope * d + noise * math.sqrt((1 / r2 - 1) * slope * slope * (d @ d))

    for slope, r2, name in ((-0.5, 0.999, 1), (-0.301, 0.981, 1), (-0.299, 0.999, 0), (-0.5, 0.979, 0), (0.5, 0.999, 0)):
        for _ in range(5):
            put("polygenic" if name else "none", line(slope, r2))
    for drop, name in ((5.5, "jumps"), (4.9, "none")):
        put(name, np.array([9.5, 8, 7, 6, 5, 4.7, 9.5 - drop]))
    for end in (200, -200):  # equals among the largest
        for _ in range(4):
            put("ends", np.array([max(-end, 0), 1, 1, 1, 1, 1, max(end, 0)]))
    for extreme in (np.inf, -np.inf, np.nan, 0, -0.0, -1.5, 1e-30, 1e30, 18, 17.999999, 30.5):
        row = next(rows)
        m[row, rng.integers(0, 7)] = extreme
    return found


def make(directory, rows):
    rng = np.random.default_rng(11)
    rows = int(rows)
    m = np.empty((rows, 7), np.float32)
    level = rng.exponential(1, rows)
    for j in range(7):
        m[:, j] = np.where(rng.random(rows) < 0.3, np.exp(-9 * rng.random(rows)), level * rng.gamma(4, 0.7 - 0.05 * j, rows))
    planted = plant(m, rng)
    np.save(f"{directory}/m.npy", m)
    digest = corpus(directory, rows, rng)
    record = {"format": "tripod-matrix 1", "corpus_hash": f"{digest:016x}", "protocol": f"max-tokens {MAX_TOKENS}",
              "columns": [{"model": f"pythia-{i}", "step": s, "parameters": float(n)} for i, (n, s) in enumerate(zip(N, STEPS))]}
    json.dump(record, open(f"{directory}/m.json", "w"))
    json.dump(planted, open(f"{directory}/planted.json", "w"))


def load(directory):
    return np.load(f"{directory}/m.npy")


def starting_index(directory):
    raw = open(f"{directory}/c.idx", "rb").read()
    n = struct.unpack_from("<Q", raw, 18)[0]
    lengths = np.frombuffer(raw, "<i4", n, 34)
    return np.r_[0, np.cumsum(np.maximum(np.minimum(lengths, MAX_TOKENS) - 1, 0))], lengths


def documents(directory):
    """(first row, ids as cut) of every document that predicts anything."""
    start, lengths = starting_index(directory)
    ids = np.fromfile(f"{directory}/c.bin", np.uint16)
    at = np.r_[0, np.cumsum(lengths)]
    for d in range(len(lengths)):
        if start[d + 1] > start[d]:
            yield d, start[d], ids[at[d]:at[d] + min(lengths[d], MAX_TOKENS)]


def near(name, got, want, relative=1e-9):
    if want is None or (isinstance(want, float) and not math.isfinite(want)):
        assert got is None, (name, got, want)
        return
    assert got is not None and math.isclose(got, want, rel_tol=relative, abs_tol=1e-300), (name, got, want)


def histogram(directory, file, unit, bins, lo, hi, how="exact"):
    o = json.load(open(file))
    bins, lo, hi = int(bins), float(lo), float(hi)
    m = load(directory)
    double = m.dtype == np.float64
    values = m if unit == "nats" else m / (np.log(2) if double else LN2)
    assert o["unit"] == unit and len(o["checkpoints"]) == m.shape[1]
    for j, c in enumerate(o["checkpoints"]):
        column = np.ascontiguousarray(values[:, j])
        with np.errstate(invalid="ignore"):
            counts, edges = np.histogram(column, bins=bins, range=(lo, hi))
            density, _ = np.histogram(column, bins=bins, range=(lo, hi), density=True)
        assert c["inside"] == counts.sum(), (j, c["inside"], counts.sum())
        assert np.array_equal(np.array(c["density"]), density), (j, np.abs(np.array(c["density"]) - density).max())
        centre = (edges[1:].astype(float) + edges[:-1]) / 2
        assert np.allclose(c["integrand"], centre * density, rtol=1e-12, atol=0)
        assert np.allclose(c["cdf"], np.cumsum(counts) / counts.sum(), rtol=1e-12, atol=0)
        assert c["not_finite"] == (~np.isfinite(column)).sum()
        with np.errstate(invalid="ignore"):
            near("mean", c["mean"], float(m[:, j].mean(dtype=np.float64)) / (math.log(2) if unit == "bits" else 1))
        numbers = column[~np.isnan(column)]
        for name, got in c["quantiles"].items():
            want = float(np.quantile(numbers.astype(float), float(name)))
            if how == "exact":
                near(f"quantile {name}", got, want, 1e-12)
            else:
                assert abs(got - want) <= abs(want) / 256 + 1e-12, (name, got, want)
        if "float32_mean" in c and not double:
            with np.errstate(invalid="ignore"):
                want = np.mean(values, axis=0) if m.ndim == 2 else None
            near("float32_mean", c["float32_mean"], float(want[j]), 1e-15)
    for p in o["convergence"]:
        for j, got in enumerate(p["means"]):
            with np.errstate(invalid="ignore"):
                near("prefix", got, float(m[:p["rows"], j].mean(dtype=np.float64)) / (math.log(2) if unit == "bits" else 1))
    rows = [p["rows"] for p in o["convergence"]]
    assert rows == [10**k for k in range(4, 12) if 10**k < len(m)] + [len(m)], rows


def tail(directory, file):
    o = json.load(open(file))
    bits = load(directory) / LN2
    for j, c in enumerate(o["checkpoints"]):
        with np.errstate(invalid="ignore"):
            p, edges = np.histogram(bits[:, j], bins=10000, range=(0, 20), density=True)
        x = ((edges[1:].astype(float) + edges[:-1]) / 2)[60:100]
        good = p[60:100] > 0
        near("tail", c["tail_slope"], float(np.polyfit(np.log(x[good]), np.log(p[60:100][good]), 1)[0]), 1e-5)


def changes(directory, out):
    m = load(directory)
    rows = np.genfromtxt(f"{out}/change.tsv", skip_header=1, usecols=(0, 2, 3, 4, 5))
    for j in range(6):
        with np.errstate(invalid="ignore"):
            d = m[:, j + 1] - m[:, j]
            counts, _ = np.histogram(d, bins=1000, range=(-10, 10))
            density, _ = np.histogram(d, bins=1000, range=(-10, 10), density=True)
        mine = rows[rows[:, 0] == j + 1]
        assert np.array_equal(mine[:, 3], counts), j
        assert np.allclose(mine[:, 4], density, rtol=1e-9), j
    grid = np.loadtxt(f"{out}/start_change.tsv", skiprows=1, usecols=4).reshape(100, 100)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(m[:, 0]) & np.isfinite(m[:, 6] - m[:, 0])
        want, _, _ = np.histogram2d(m[finite, 0], (m[:, 6] - m[:, 0])[finite], bins=100, range=((0, 18), (-10, 10)))
    assert np.array_equal(grid, want), np.abs(grid - want).sum()


def plateau_rows(m, j, width=0.7, gap=2.0):
    """Every u and l of the grids, as the search was meant."""
    before, after = m[:, :j].astype(float), m[:, j:].astype(float)
    lo, hi, alo, ahi = before.min(1), before.max(1), after.min(1), after.max(1)
    found = np.zeros(len(m), bool)
    for u in np.arange(2.7, 11, 0.2):
        inside = (lo >= u) & (hi <= u + width)
        if not inside.any():
            continue
        for l in np.arange(0, u - gap, 0.2):
            found |= inside & (alo >= l) & (ahi <= l + width)
    return np.flatnonzero(found)


def find(directory, out, file, *without):
    m = load(directory)
    planted = json.load(open(f"{directory}/planted.json"))
    o = json.load(open(file))
    read = lambda name: np.load(f"{out}/{name}.npy")
    with np.errstate(invalid="ignore"):
        for j in range(1, 7):
            want = np.flatnonzero((m[:, :j] > 5.0).all(1) & (m[:, j:] < 0.3).all(1))
            # float32 against the double 0.3: compare as C does.
            want = np.flatnonzero((m[:, :j].astype(float) > 5.0).all(1) & (m[:, j:].astype(float) < 0.3).all(1))
            got = read(f"monogenic-{j}")
            assert got.dtype == np.int64 and np.array_equal(got, want), (j, got, want)
            assert set(planted[f"monogenic-{j}"]) <= set(got.tolist())
            want = plateau_rows(m, j)
            got = read(f"plateau-{j}")
            assert np.array_equal(got, want), (j, set(got) ^ set(want))
            assert set(planted[f"plateau-{j}"]) <= set(got.tolist())
        if "polygenic" not in without:
            x = np.log(N)
            d = x - x.mean()
            y = m.astype(float)
            slope = y @ d / (d @ d)
            syy = ((y - y.mean(1, keepdims=True)) ** 2).sum(1)
            want = np.flatnonzero((slope < -0.3) & (slope**2 * (d @ d) / syy > 0.98))
            got = read("polygenic")
            assert np.array_equal(got, want), (got, want)
            assert set(planted["polygenic"]) <= set(got.tolist())
        change = m[:, 6].astype(float) - m[:, 0].astype(float)
        assert np.array_equal(read("jumps"), np.flatnonzero(change < -5.0))
        assert set(planted["jumps"]) <= set(read("jumps").tolist())
        finite = np.where(np.isfinite(change), change, 0)
        assert np.array_equal(read("risers"), np.lexsort((np.arange(len(m)), -finite))[:100])
        assert np.array_equal(read("fallers"), np.lexsort((np.arange(len(m)), finite))[:100])
        low = m.astype(float) < 0.3
    first = np.where(low.any(1), low.argmax(1), -1)
    for j, c in enumerate(o["persistence"]):
        mine = first == j
        stay = mine & low[:, j:].all(1)
        assert c["first_below"] == mine.sum() and c["stay_below"] == stay.sum(), j
    every = set().union(*(read(name).tolist() for name in o["lists"] if name.startswith(("monogenic", "polygenic"))))
    missed = [r for r in planted["none"] if r in every]
    assert not missed, missed


def induction(directory, out):
    m = load(directory)
    want = []
    for _, start, ids in documents(directory):
        seen = set()
        t = ids.tolist()
        for j in range(2, len(t)):
            key = (t[j - 2], t[j - 1], t[j])
            if key in seen:
                want.append(start + j - 1)
            seen.add(key)
    zero = np.flatnonzero(m[:, 0].astype(float) < 0.1)
    read = lambda name: np.load(f"{out}/{name}.npy")
    assert len(want) > 100 and len(zero) > 100
    assert np.array_equal(read("zero"), zero)
    assert np.array_equal(read("induction"), np.array(want))
    assert np.array_equal(read("non_induction_zeros"), np.setdiff1d(zero, want))
    assert all(read(n).dtype == np.int64 for n in ("zero", "induction", "non_induction_zeros"))


def slopes(directory, file):
    m = load(directory).astype(float)
    s = np.load(file)
    assert s.dtype == np.float32 and s.shape == (len(m), 4)
    x = np.log(N)
    d = x - x.mean()
    good = np.isfinite(m).all(1)
    y = m[good]
    slope = (y - y.mean(1, keepdims=True)) @ d / (d @ d)
    syy = ((y - y.mean(1, keepdims=True)) ** 2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        assert np.allclose(s[good, 0], slope, rtol=2e-7, atol=1e-12)
        assert np.allclose(s[good, 1], slope**2 * (d @ d) / syy, rtol=2e-7, atol=1e-12)
    step = np.diff(y, axis=1)
    where = np.abs(step).argmax(1)
    assert np.array_equal(s[good, 3], where + 1)
    assert np.array_equal(s[good, 2], step[np.arange(len(y)), where].astype(np.float32))
    assert np.isnan(s[~good, :3]).all() and (s[~good, 3] == -1).all() and (~good).sum() >= 3


def by(directory, file, which):
    m = load(directory).astype(float)
    o = json.load(open(file))
    assert o["by"] == which
    rows, docs, group, tokens = [], [], [], []
    for d, start, ids in documents(directory):
        t = ids.astype(np.int64)
        j = np.arange(1, len(t))
        rows.append(start + j - 1)
        docs.append(np.full(len(j), d))
        tokens.append(t[1:])
        if which == "token":
            g = t[1:]
        elif which == "position":
            g = np.floor(np.log2(j)).astype(int)
        elif which == "length":
            g = np.full(len(j), int(math.log2(len(t))))
        elif which == "occurrence":
            _, first = np.unique(t, return_index=True)
            g = (~np.isin(j, first)).astype(int)
        else:
            g = np.zeros(len(j), int)
        group.append(g)
    rows, docs, group, tokens = map(np.concatenate, (rows, docs, group, tokens))
    assert np.array_equal(rows, np.arange(len(m)))
    if which == "frequency":
        group = np.floor(np.log2(np.bincount(tokens)[tokens])).astype(int)
    plain = which in ("token", "occurrence")
    seen = 0
    for g in o["groups"]:
        index = g["from"] if plain else int(math.log2(g["from"]))
        assert g["to"] == (g["from"] if plain else 2 * g["from"] - 1)
        mine = group == index
        seen += mine.sum()
        assert g["tokens"] == mine.sum() and g["documents"] == len(np.unique(docs[mine]))
        n = np.bincount(docs[mine], minlength=docs.max() + 1)
        for c in range(7):
            with np.errstate(invalid="ignore"):
                s = np.bincount(docs[mine], weights=m[mine, c], minlength=docs.max() + 1)
                mean = s.sum() / n.sum()
                k = (n > 0).sum()
                error = math.sqrt(k / (k - 1) * ((s - mean * n) ** 2).sum()) / n.sum() if k > 1 and np.isfinite(mean) else math.nan
            near("mean", g["means"][c], float(mean))
            if abs(mean) < 1e20:
                near("se", g["se"][c], error, 1e-6)
    assert seen == len(m)


def index(directory, file):
    start, _ = starting_index(directory)
    a = np.load(file)
    assert a.dtype == np.int64 and np.array_equal(a, start)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
