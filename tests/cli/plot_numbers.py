# Whether figures' TSVs hold the numbers of the results they are drawn from, worked out here from these alone.
# Usage: plot_numbers.py LIST, with lines FIGURE FIG.tsv RESULT... SPDX-License-Identifier: GPL-3.0-or-later
import ast
import csv
import json
import math
import os
import struct
import sys

NAN = float("nan")


def number(text):
    return float(text) if text else NAN


def read_tsv(path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    assert lines[0].split("\t")[:5] == ["series", "x", "y", "lo", "hi"], lines[0]
    rows, block = [], 0
    for line in lines[1:]:
        if not line:
            block += 1
            continue
        name, *v = line.split("\t")
        v = [number(t) for t in v] + [NAN] * 5
        rows.append((block // 2, name, *v[:5]))
    return rows


def near(a, b, tolerance=2e-9):
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) <= tolerance * max(abs(a), abs(b)) or a == b


class Figure:
    def __init__(self, path):
        self.rows = read_tsv(path)

    def named(self, part):
        return [r[2:] for r in self.rows if part in r[1]]

    # Every tuple of `wanted` is a row (as far as it goes; None: whatever); COUNT rows in all have that.
    def holds(self, wanted, part="", tolerance=2e-9):
        wanted = list(wanted)
        rows = self.named(part)
        for w in wanted:
            assert any(all(v is None or near(v, r[i], tolerance) for i, v in enumerate(w)) for r in rows), \
                f"no row {w} among {len(rows)} of '{part}': {rows[:3]}"
        assert wanted, "nothing was looked for"


def read_npy(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:10 + size].decode())
    count = math.prod(head["shape"])
    kind = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q"}[head["descr"]]
    return head["shape"], struct.unpack(f"<{count}{kind}", data[10 + size:10 + size + count * struct.calcsize(kind)])


def read_csv(path):
    with open(path, encoding="utf-8") as f:
        return list(csv.DictReader(f))


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def triple(o, scale=1):
    o = {"value": o} if not isinstance(o, dict) else o
    return tuple(None if o.get(k) is None else o[k] * scale for k in ("value", "lo", "hi"))


def points(f, path):
    rows = read_csv(path)
    last = {}
    for r in rows:
        if r["step"]:
            last[r["model"]] = r
    f.holds((float(r["N"]), float(r["loss"]), float(r["loss"]) - 2 * float(r["se"]), float(r["loss"]) + 2 * float(r["se"]))
            for r in last.values())
    for model in last:
        f.holds(((float(r["step"]), float(r["loss"])) for r in rows if r["model"] == model and float(r["step"]) > 0), model)


def power(p, x):
    return p["A"]["value"] * x ** -p["alpha"]["value"]


def law(f, path, data):
    p = load(path)["params"]
    last = {r["model"]: r for r in read_csv(data)}
    f.holds(((float(r["N"]), float(r["loss"])) for r in last.values()), "runs")
    curve = f.named("law")
    assert len(curve) == 80 and all(near(y, power(p, x), 1e-8) for x, y, *_ in curve)
    samples = load(path)["bootstrap"]["samples"]
    band = [r[2:] for r in f.rows if not math.isnan(r[4])]
    x, y, lo, hi = band[40][:4]
    drawn = [a * x ** -alpha for a, alpha in samples]
    for end, sign in (lo, 1), (hi, -1):
        beyond = sum(sign * (v - end) < -1e-8 for v in drawn) / len(drawn)
        up_to = sum(sign * (v - end) < 1e-8 for v in drawn) / len(drawn)
        assert beyond <= 0.026 and up_to >= 0.024, (beyond, up_to)
    assert len(band) == 80


def laws(f, path, data):
    rows = read_csv(data)
    for g in load(path)["groups"]:
        curve = f.named(g["group"] + ":")
        assert len(curve) == 80 and all(near(y, power(g["params"], x), 1e-8) for x, y, *_ in curve), g["group"]
        assert f"α = {g['params']['alpha']['value']:.3g} " in [r[1] for r in f.rows if r[1].startswith(g["group"] + ":")][0]
        f.holds((float(r["step"]), float(r["loss"])) for r in rows if r["model"] == g["group"] and float(r["step"]) > 0)


def used_rows(fit, data):
    gone = {d["line"] for d in fit["rows"]["dropped_rows"]}
    rows = [(i + 2, float(r["Model Size"]), float(r["Training FLOP"]), float(r["loss"])) for i, r in enumerate(read_csv(data))]
    rows = [r for r in rows if r[0] not in gone]
    assert len(rows) == fit["rows"]["used"]
    return rows


def values(fit):
    return {k: v["value"] for k, v in fit["params"].items()}


def chinchilla(p, n, d):
    return p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]


def contours(f, path, data):
    fit = load(path)
    p = values(fit)
    f.holds(((c, n, None, None, loss) for _, n, c, loss in used_rows(fit, data)), "runs")
    a, g = p["beta"] / (p["alpha"] + p["beta"]), (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    frontier = f.named("efficient frontier")
    assert len(frontier) == 60 and all(near(n, g * (c / 6) ** a, 1e-8) for c, n, *_ in frontier)
    # A contour is where the law has the loss it is coloured by.
    first = next(r[0] for r in f.rows if "runs" in r[1])
    lines = [r[2:] for r in f.rows if r[0] < first]
    assert len(lines) > 200 and all(near(z, chinchilla(p, n, c / 6 / n), 1e-7) for c, n, _, _, z in lines)
    least = f.named("least of each slice")
    assert len(least) == 6 and all(near(y, p["E"] + (1 + p["alpha"] / p["beta"]) * p["A"] * n ** -p["alpha"], 1e-7) for n, y, *_ in least)


def isoflop(f, path, data):
    r = load(path)
    used = [b for b in r["budgets"] if b["used"]]
    assert len(f.named("minima used")) == len(used)
    f.holds(((b["N"]["value"], b["loss"]["value"]) for b in used), "minima used", 1e-8)
    f.holds(((b["C"], *triple(b["N"])) for b in used), "minima", 1e-8)
    f.holds(((b["C"], *triple(b["D"])) for b in used), "minima", 1e-8)
    assert len(f.named("rejected")) == sum(b["runs"] - b["inliers"] for b in r["budgets"])
    f.holds(((n, loss) for _, n, _, loss in used_rows(r, data)))
    e = r["exponents"]["N_of_C"]
    line = f.named("line and its band")
    f.holds(((c, 10 ** (e["log10_coefficient"]["value"] + e["value"] * math.log10(c))) for c, *_ in line[:60]), "line", 1e-8)


def envelope(f, path, data):
    r = load(path)
    won = [w for w in r["winners"] if not w["edge"]]
    f.holds(((w["C"], w["N"], w["C_lo"], w["C_hi"]) for w in won), "wins", 1e-6)
    f.holds(((w["C"], w["D"]) for w in won), "wins", 1e-6)
    assert len(f.named("wins")) == 2 * len(won) and len(f.named("envelope")) == r["compared"]
    f.holds((6 * float(q["N"]) * float(q["D"]), float(q["loss"])) for q in read_csv(data))


def approaches(f, path):
    r = load(path)["approaches"]
    for key in "ab":
        f.holds(((v, len(r) - i + (0.15 if key == "a" else -0.15), lo, hi)
                 for i, (v, lo, hi) in enumerate(triple(a[key]) for a in r)), key + " of")
    for a in r:
        f.holds(((None, *triple(b["N"])) for b in a["budgets"]), a["approach"])


def allocation(f, path):
    for a in load(path)["answers"]:
        for key in "N", "D", "D_per_N", "loss":
            v, lo, hi = triple(a[key])
            f.holds([(a["C"]["value"], v)])
            f.holds([(a["C"]["value"], v, lo, hi)])


def epoch(f, path):
    pairs = load(path)["pairs"]
    f.holds((p["alpha_N"], p["alpha_D"]) for p in pairs)
    assert all(near(y, x / (1 + x)) for x, y, *_ in f.named("(1 +"))


def column(path, j=None):
    (rows, *columns), v = read_npy(path)
    return v if not columns else v[j::columns[0]]


def losses(f, path):
    v = sorted(column(path))
    width = 18 / 300
    inside = sum(0 <= x <= 18 for x in v)
    low = sum(2.4 <= x < 2.4 + width for x in v)  # bin 40
    f.holds([(2.4 + width / 2, low / inside / width)], tolerance=1e-6)
    f.holds([(2.4 + width / 2, (2.4 + width / 2) * low / inside / width)], tolerance=1e-6)


def matrix(f, path, key="N"):
    columns = load(path[:-4] + ".json")["columns"]
    big = max(c["parameters"] for c in columns)
    if key == "N":
        last = {c["model"]: c for c in columns}
        f.holds(((c["parameters"], c["mean_loss"]) for c in last.values()), "models", 1e-6)
    else:
        f.holds(((c["step"], c["mean_loss"]) for c in columns if c["parameters"] == big and c["step"] > 0), "checkpoints", 1e-6)


def histogram(f, path):
    r = load(path)
    last = {c["model"]: c for c in r["checkpoints"]}
    width = (r["range"][1] - r["range"][0]) / r["bins"]
    for c in last.values():
        f.holds(((r["range"][0] + (i + 0.5) * width, d) for i, d in enumerate(c["density"])), c["model"])
    f.holds(((c["N"], c["mean"]) for c in last.values()), "models")


def curves(f, path, rows):
    (_, n), v = read_npy(path)
    columns = load(path[:-4] + ".json")["columns"]
    last = {c["model"]: j for j, c in enumerate(columns)}
    for row in read_npy(rows)[1][:8]:
        f.holds((columns[j]["parameters"], v[row * n + j]) for j in last.values())


def by(f, path):
    r = load(path)
    last = {c["model"]: j for j, c in enumerate(r["columns"])}
    for j in last.values():
        f.holds((math.sqrt(g["from"] * g["to"]), g["means"][j], g["means"][j] - 2 * g["se"][j], g["means"][j] + 2 * g["se"][j])
                for g in r["groups"] if g["se"][j] is not None and g["means"][j] > 2 * g["se"][j])


def similarity(f, path):
    (n, _), c = read_npy(path)
    step = (n + 255) // 256

    def angle(i, j):
        return 1 - math.acos(max(-1, min(1, c[i * n + j]))) / math.pi

    for i, j in (0, 0), (step, 3 * step), (n // step // 2 * step, step):
        block = [angle(u, v) for u in range(i, min(i + step, n)) for v in range(j, min(j + step, n))]
        f.holds([(i + (step - 1) / 2, j + (step - 1) / 2, None, None, sum(block) / len(block))], tolerance=1e-6)


def clusters(f, path, cosines):
    kinds = load(path[:-4] + ".json")["clusterings"]
    for k in kinds:
        f.holds((i + 1, s, None, None, k["clusters"]) for i, s in enumerate(k["sizes"]) if s)
    f.holds(((i + 1, max(k["sizes"][i] for k in kinds if i < len(k["sizes"]))) for i in range(kinds[-1]["filled"])), "envelope")
    n = read_npy(cosines)[0][0]
    assert sum(not math.isnan(r[6]) and r[0] == 0 for r in f.rows) == ((n + (n + 255) // 256 - 1) // ((n + 255) // 256)) ** 2


def ranks(f, path):
    r = load(path)
    f.holds(((i + 1, s) for i, s in enumerate(r["envelope"]["size"])), "envelope")
    a, b = r["line"]["ranks"]
    f.holds(((k, math.exp(r["line"]["level"] + r["line"]["slope"] * math.log(k))) for k in (a, b)), "rank^-")


def gradients(f, path):
    f.holds(zip(column(path + "/losses.npy"), column(path + "/norms.npy")), "samples", 1e-7)


def runs(path):
    found = [load(os.path.join(path, n)) for n in sorted(os.listdir(path)) if n.endswith(".json")]
    return [r for r in found if r.get("format", "").startswith("tripod-parity")]


def parity(f, path):
    r = [x for x in runs(path) if x["parity"]["zipf"] == 1.4]
    fresh, sets = [x for x in r if not x["parity"]["data"]], [x for x in r if x["parity"]["data"]]
    f.holds(((x["N"], x["mean"][-1]) for x in fresh), "last loss")
    f.holds(((x["parity"]["data"], min(x["mean"])) for x in sets), "least loss")
    widest = max(fresh, key=lambda x: x["N"])
    f.holds(((i * widest["parity"]["log"], m) for i, m in enumerate(widest["mean"]) if i), "widest run")
    name = f"{path}/w{widest['parity']['width']}-z1.4-s0.npy"
    (_, tasks), v = read_npy(name)
    f.holds(((len(fresh) - 1, t + 1, None, None, v[(len(widest["mean"]) - 1) * tasks + t]) for t in range(min(tasks, 41))), tolerance=1e-6)


def subtasks(f, path):
    r = load(path)
    (_, tasks), v = read_npy(path[:-5] + ".npy")
    f.holds(((i * r["parity"]["log"], m) for i, m in enumerate(r["mean"]) if i), "mean")
    f.holds(((i * r["parity"]["log"], v[i * tasks + 1], None, None, 2) for i in range(1, len(r["mean"]))), tolerance=1e-6)


def convergence(f, path):
    widest = max((x for x in runs(path) if not x["parity"]["data"]), key=lambda x: (x["N"], -x["parity"]["zipf"]))
    q = widest["parity"]
    (logs, tasks), v = read_npy(f"{path}/w{q['width']}-z{q['zipf']:g}-s0.npy")
    share = [(k + 1) ** -q["zipf"] for k in range(tasks)]
    wanted = []
    for t in range(tasks):
        first = next((i for i in range(logs) if v[i * tasks + t] < 0.1 * math.log(2)), 0)
        if first:
            wanted.append((share[t] / sum(share), first * q["log"]))
    f.holds(wanted, "first below")
    assert len(f.named("first below")) == len(wanted)


def learned(f, path):
    wanted = []
    for r in runs(path):
        q = r["parity"]
        if not q["data"]:
            continue
        (logs, tasks), v = read_npy(f"{path}/w{q['width']}-d{q['data']}-z{q['zipf']:g}-s{q['seed']}.npy")
        n = sum(any(v[i * tasks + t] < 0.1 for i in range(logs)) for t in range(tasks))
        if n:
            wanted.append((q["data"], n))
    f.holds(wanted, "α = ")


def exponents(f, path, folder):
    assert len({r["parity"]["zipf"] for r in runs(folder)}) == 2
    for r in runs(folder):
        q = r["parity"]
        f.holds([(q["data"], min(r["mean"])) if q["data"] else (r["N"], r["mean"][-1])], f"α = {q['zipf'] - 1:.3g}")
    for x in load(path)["exponents"]:
        if x["quantity"] in ("alpha_N", "alpha_S", "alpha_D"):
            f.holds([(x["zipf"] - 1, x["value"], x["interval"]["lo"], x["interval"]["hi"])], "measured")
            f.holds([(x["zipf"] - 1, x["published"])], "published")


def summary(f, path):
    f.holds(((x["zipf"] - 1, x["value"]) for x in load(path)["exponents"] if x["quantity"] in ("alpha_N", "alpha_S")), "sparse parity")
    f.holds([(0.237, 0.083)], "Pythia")


def theory(f, path):
    r = load(path)
    for key in "unigram", "unigram_closed", "constant", "constant_closed":
        f.holds((s["n"], s[key]) for s in r["sums"])
    f.holds(((d["samples"], d["loss"], d["loss"] - 2 * d["error"], d["loss"] + 2 * d["error"]) for d in r["draws"]), "drawn")


def toy(f, path):
    f.holds(((r["truth"], r["slope"], None, None, r["sigma"]) for r in load(path)["rows"]), "settings")


def residuals(f, path, data):
    fit = load(path)
    p = values(fit)
    for _, n, c, loss in used_rows(fit, data):
        r = 100 * (loss / chinchilla(p, n, c / 6 / n) - 1)
        assert all(any(near(x, u, 1e-8) and abs(y - r) < 1e-6 for u, y, *_ in f.named("")) for x in (n, c / 6 / n, c))


def profiles(f, path, _):
    fit = load(path)
    curves = {}
    for r in f.rows:
        curves.setdefault(r[0], []).append((r[2], r[3]))
    found = [c for c in curves.values() if len(c) > 30]
    assert len(found) == len(fit["params"])
    for (name, p), curve in zip(fit["params"].items(), found):
        f.holds([(p["value"], 0)])
        for end in p["intervals"]["profile"]["lo"], p["intervals"]["profile"]["hi"]:
            (a, u), (b, v) = next((s, t) for s, t in zip(curve, curve[1:]) if s[0] <= end <= t[0])
            at = u + (v - u) * (end - a) / (b - a)  # the curve crosses chi^2 = 3.84 where the interval ends
            assert abs(at - 3.8415) < 0.12, (name, end, at)


def pairs(f, path, _=None):
    fit = load(path)
    s, v = fit["bootstrap"]["samples"], list(values(fit).values())
    for i in range(len(v)):
        for j in range(i + 1, len(v)):
            f.holds([(x[i], x[j]) for x in s[::20]] + [(v[i], v[j])])


def influence(f, path, data, refit=None):
    fit = load(path)
    n, k = fit["rows"]["used"], len(fit["params"])
    counts = {}
    for r in f.rows:
        counts[r[0]] = counts.get(r[0], 0) + 1
    assert sorted(counts.values())[-k:] == [n] * k
    # The row without which this fit was made again.
    again = load(refit)
    line = max(d["line"] for d in again["rows"]["dropped_rows"] if d["line"] not in {d["line"] for d in fit["rows"]["dropped_rows"]})
    c = next(c for at, _, c, _ in used_rows(fit, data) if at == line)
    for name in "E", "alpha":
        p = fit["params"][name]
        f.holds([(c, (again["params"][name]["value"] - p["value"]) / p["intervals"]["sandwich"]["se"])], tolerance=2e-5)


def peak(f, path):
    r = load(path)
    f.holds((r[k], None, 0, r[k]) for k in ("f32_avx2", "bf16_avx512", "read_bandwidth", "triad_bandwidth") if k in r)


def roofline(f, path):
    r = load(path)
    for k in r["kernels"]:
        if k["gflop_per_s"] and k["gb_per_s"]:  # not a product in the cache
            f.holds([(k["gflop_per_s"] / k["gb_per_s"], k["gflop_per_s"])], k["kernel"])
    f.holds([(r["peak"] / r["copy_bandwidth"], r["peak"])], "roof")


def kernels(f, path):
    r = load(path)["kernels"]
    f.holds((k["percent"], len(r) - i, 0, k["percent"]) for i, k in enumerate(r))


def gemm(f, path):
    r = load(path)["products"]
    for name, key in ("tripod", "native"), ("tripod int16", "int16"):
        have = [(p[key], len(r) - i) for i, p in enumerate(r) if key in p]
        f.holds(have, name)
        assert len([x for x in f.rows if x[1] == name]) == len(have) > 3


def phases(f, path):
    r = load(path)
    runs = r.get("runs") or r["gradients"]
    for i, run in enumerate(runs):
        done = 0
        for name, share in run["phases"].items():
            f.holds([(None, len(runs) - i, done, done + 100 * share)], name, 1e-6)
            done += 100 * share


def following(f, path):
    r = load(path)
    f.holds(((s["N"], s["D"], None, None, s["spent"]) for s in r["runs"]), "candidates")
    f.holds(((t["N"], t["D"]) for t in r["targets"]), "target")
    f.holds(((s["spent"], 100 * s["half_width"]) for s in r["runs"]), "up to there")
    f.holds([(r["runs"][-1]["spent"], 100 * r["half_width"]["before"])], "those there are")
    f.holds([(r["runs"][0]["spent"], 100 * r["half_width"]["every_candidate"])], "all candidates")


# Two checkpoints in float32, and the same in int16; the errors from the losses themselves, but for their rounding.
def precisions(f, *paths):
    wanted = []
    for exact, narrow in zip(paths[:2], paths[2:]):
        assert os.path.basename(exact)[:-4] == os.path.basename(narrow)[:-5]
        a, b = read_npy(exact)[1], read_npy(narrow[:-5] + ".npy")[1]
        error = math.fsum(abs(x - y) for x, y in zip(a, b)) / len(a)
        wanted.append((load(narrow)["tokens_per_s"] / load(exact[:-4] + ".json")["tokens_per_s"], error))
    f.holds(wanted, "int16")
    assert len(f.rows) == 2 == len(wanted)
    for path in paths[2:]:
        d = load(path)["deviation"]
        f.holds([(None, d["mean"], d["mean"] - 2 * d["mean_se"], d["mean"] + 2 * d["mean_se"])], "int16")


# Panels in the order of the file, in each the points of its kind of text.
def programs(f, path):
    points = load(path)["precisions"]
    for p in points:
        bars = (p["mean"] - 2 * p["mean_se"], p["mean"] + 2 * p["mean_se"]) if p["mean"] > 2 * p["mean_se"] else ()
        f.holds([(p["speed"], p["mean"], *bars)], p["name"])
    assert len(f.rows) == len(points)


CHECKS = {
    "next": following, "precisions": precisions, "programs": programs,
    "points": points, "law": law, "laws": laws, "chinchilla-contours": contours, "isoflop": isoflop, "minchilla": isoflop,
    "envelope": envelope, "approaches": approaches, "allocation": allocation, "epoch": epoch, "qm18": epoch, "losses": losses,
    "qm3": matrix, "qm11": lambda f, path: matrix(f, path, "step"), "qm4": curves, "histogram": histogram, "tokens-by": by,
    "similarity": similarity, "qm5": clusters, "qm16": clusters, "ranks": ranks, "gradients": gradients, "qm2": parity, "qm7": subtasks,
    "qm8": convergence, "qm9": learned, "qm10": exponents, "qm-summary": summary, "qm6": theory, "qm17": toy, "residuals": residuals,
    "profiles": profiles, "bootstrap-pairs": pairs, "influence": influence, "peak": peak, "roofline": roofline, "kernels": kernels,
    "gemm": gemm, "phases": phases, "phases-backward": phases,
}

if __name__ == "__main__":
    code = 0
    for line in open(sys.argv[1], encoding="utf-8"):
        name, tsv, *results = line.split()
        try:
            CHECKS[name](Figure(tsv), *results)
            print(f"ok numbers of {name}")
        except Exception as e:  # of whatever kind: this figure is wrong, the next may not be
            print(f"FAIL numbers of {name}: {type(e).__name__}: {str(e)[:400]}")
            code = 1
    sys.exit(code)
