"""References of `tripod quanta cluster` and `envelope`.

  make DIR        C.npy, cosines of 240 samples in 20 planted clusters, the same bits anywhere, and truth.npy
  reference DIR   clusters.json and clusters_vectors.npy beside this file, by scikit-learn 1.9.1 (which only this mode needs)
  check DIR       DIR/labels.npy, labels.json, vectors.npy beside them, and every number by numpy
  qr DIR          DIR/qr.npy, labels by cluster_qr: scikit-learn's
  envelope DIR    DIR/envelope.json beside numpy's

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = [8, 20, 40]
N, DIMENSIONS = 240, 40


def normal(count, stream):
    """Sums of 12 uniform numbers of splitmix64: integers decide the bits."""
    x = (np.arange(count * 12, dtype=np.uint64) + np.uint64(stream << 32)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return ((x >> np.uint64(40)).astype(float) / 2**24).reshape(count, 12).sum(1) - 6


def make(folder):
    share = np.arange(1, 21) ** -0.8
    sizes = np.maximum((N * share / share.sum()).astype(int), 3)
    sizes[0] += N - sizes.sum()
    truth = np.repeat(np.arange(20), sizes)[np.argsort(normal(N, 3), kind="stable")]
    centre = normal(20 * DIMENSIONS, 1).reshape(20, -1)
    x = centre[truth] + 0.6 * normal(N * DIMENSIONS, 2).reshape(N, -1)
    x /= np.sqrt((x * x).sum(1))[:, None]
    c = np.clip((x[:, None, :] * x[None, :, :]).sum(2), -1, 1).astype(np.float32)
    np.fill_diagonal(c, 1)
    assert (c == c.T).all()
    np.save(os.path.join(folder, "C.npy"), c)
    np.save(os.path.join(folder, "truth.npy"), truth.astype(np.int32))


def affinity(folder):
    c = np.load(os.path.join(folder, "C.npy")).astype(float)
    return 1 - np.arccos(np.clip(c, -1, 1)) / np.pi


def reference(folder):
    from sklearn.cluster import SpectralClustering
    from sklearn.manifold import spectral_embedding
    import sklearn

    a = affinity(folder)
    out = {"scikit-learn": sklearn.__version__, "labels": {}}
    for k in KINDS:
        out["labels"][k] = [SpectralClustering(k, affinity="precomputed", n_init=30, random_state=seed).fit(a).labels_.tolist()
                            for seed in range(3)]
    out["cluster_qr"] = {k: SpectralClustering(k, affinity="precomputed", assign_labels="cluster_qr").fit(a).labels_.tolist()
                         for k in KINDS}
    with open(os.path.join(HERE, "clusters.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, separators=(",", ":"))
    v = spectral_embedding(a, n_components=20, drop_first=False, random_state=0)
    np.save(os.path.join(HERE, "clusters_vectors.npy"), v)


def ari(a, b):
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    pairs = lambda x: (x * (x - 1) / 2).sum()
    together, of_a, of_b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = of_a * of_b / (len(a) * (len(a) - 1) / 2)
    return (together - expected) / ((of_a + of_b) / 2 - expected)


def silhouette(distance, label):
    values = []
    for i in range(len(label)):
        mean = {c: distance[i, (label == c) & (np.arange(len(label)) != i)] for c in set(label)}
        own = mean.pop(label[i])
        if not len(own):
            values.append(0)
            continue
        a, b = own.mean(), min(m.mean() for m in mean.values())
        values.append((b - a) / max(a, b))
    return np.mean(values)


def close(what, found, expected, relative):
    assert abs(found - expected) <= relative * abs(expected), f"{what}: expected {expected}, found {found}"


def check(folder):
    load = lambda name: np.load(os.path.join(folder, name))
    labels, vectors, truth = load("labels.npy"), load("vectors.npy"), load("truth.npy")
    with open(os.path.join(folder, "labels.json"), encoding="utf-8") as f:
        record = json.load(f)
    with open(os.path.join(HERE, "clusters.json"), encoding="utf-8") as f:
        theirs = {int(k): [np.array(x) for x in v] for k, v in json.load(f)["labels"].items()}
    assert labels.dtype == np.int32 and labels.shape == (len(KINDS), N) and vectors.shape == (N, max(KINDS))
    # The same space as scikit-learn's, k by k: the sine of the largest angle.
    reference_vectors = np.load(os.path.join(HERE, "clusters_vectors.npy"))
    for k in (8, 20):
        p, _ = np.linalg.qr(reference_vectors[:, :k])
        q, _ = np.linalg.qr(vectors[:, :k])
        sine = np.linalg.norm(p - q @ (q.T @ p), 2)
        assert sine < 1e-6, f"{k} vectors: sine {sine}"
    # Not only the space: scale and sign of each vector, where eigenvalues lie apart.
    assert np.abs(vectors[:, :5] - reference_vectors[:, :5]).max() < 1e-9 * np.abs(vectors[:, :5]).max()
    assert (vectors.max(0) >= -vectors.min(0)).all(), "signs"
    distance = 1 - affinity(folder)
    for i, k in enumerate(KINDS):
        one, row = record["clusterings"][i], labels[i]
        assert one["clusters"] == k and one["filled"] == len(set(row))
        assert one["sizes"] == sorted(np.bincount(row).tolist(), reverse=True)
        own = np.mean([ari(theirs[k][a], theirs[k][b]) for a, b in ((0, 1), (0, 2), (1, 2))])
        ours = np.mean([ari(x, row) for x in theirs[k]])
        assert ours >= own - 0.05, f"{k} clusters: ARI to scikit-learn {ours}, its own {own}"
        x = vectors[:, :k] - vectors[:, :k].mean(0)
        inertia = sum(((x[row == c] - x[row == c].mean(0)) ** 2).sum() for c in set(row))
        best = min(sum(((x[t == c] - x[t == c].mean(0)) ** 2).sum() for c in set(t)) for t in theirs[k])
        close(f"inertia of {k}", one["inertia"], inertia, 1e-5)
        assert inertia <= 1.02 * best, f"inertia of {k}: {inertia}, scikit-learn's {best}"
        close(f"silhouette of {k}", one["silhouette"], silhouette(distance, row), 1e-9)
    assert ari(truth, labels[KINDS.index(20)]) == 1, "planted clusters"


def qr(folder):
    labels = np.load(os.path.join(folder, "qr.npy"))
    with open(os.path.join(HERE, "clusters.json"), encoding="utf-8") as f:
        theirs = json.load(f)["cluster_qr"]
    for row, k in zip(labels, KINDS):
        assert ari(np.array(theirs[str(k)]), row) == 1, f"{k} clusters: {ari(np.array(theirs[str(k)]), row)}"


def envelope(folder):
    labels = np.load(os.path.join(folder, "labels.npy"))
    with open(os.path.join(folder, "envelope.json"), encoding="utf-8") as f:
        found = json.load(f)
    most = max(len(set(row)) for row in labels)
    sizes = np.zeros((len(labels), most), int)
    for i, row in enumerate(labels):
        s = np.sort(np.bincount(row))[::-1]
        sizes[i, : (s > 0).sum()] = s[s > 0]
    top = sizes.max(0)
    assert found["envelope"]["size"] == top.tolist()
    first, last = found["line"]["ranks"]
    ranks = np.arange(first, last + 1)
    slope = np.polyfit(np.log(ranks), np.log(top[first - 1 : last]), 1)[0]
    close("slope", found["line"]["slope"], slope, 1e-9)
    # The bootstrap by other draws: its middle and width to what 300 of them allow.
    r, slopes = np.random.default_rng(1), []
    for _ in range(300):
        pick = r.integers(0, labels.shape[1], labels.shape[1])
        e = np.zeros(most)
        for row in labels:
            s = np.sort(np.bincount(row[pick]))[::-1][:most]
            e[: len(s)] = np.maximum(e[: len(s)], s)
        y = e[first - 1 : last]
        slopes.append(np.polyfit(np.log(ranks[y > 0]), np.log(y[y > 0]), 1)[0])
    close("error", found["line"]["error"], np.std(slopes), 0.15)
    assert abs(found["line"]["bias"] + slope - np.mean(slopes)) < 4 * np.std(slopes) / 300**0.5
    for q, key in ((0.025, "lo"), (0.975, "hi")):
        assert abs(found["line"]["interval"][key] - np.quantile(slopes, q)) < 0.4 * np.std(slopes), key


{"make": make, "reference": reference, "check": check, "qr": qr, "envelope": envelope}[sys.argv[1]](sys.argv[2])
