# Writes the section of bench/RESULTS.md of one CPU, from its lines of results.jsonl, between
# <!-- peers CPU --> and <!-- /peers --> (that of another CPU stays as it is), and the points of a figure
# of error against speed, for `tripod plot`: report.py RESULTS.jsonl RESULTS.md POINTS.json CPU COMMAND.
# Medians over the rounds; differences of the losses from a float64 evaluation, or where there is none from tripod's.
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math
import os
import platform
import statistics
import sys

import numpy as np

END = "<!-- /peers -->"
WORKLOADS = {
    "t1024": "documents of 1024 tokens",
    "t2048": "documents of 2048 tokens",
    "short": "short documents (log-normal, median 60, cut at 1024)",
}
F32_PEERS = ("PyTorch", "CTranslate2", "llama.cpp")
NARROW_PEERS = ("PyTorch bf16", "CTranslate2 int16", "CTranslate2 int8", "CTranslate2 bf16",
                "llama.cpp q8_0", "llama.cpp bf16")
ORDER = ("tripod", "tripod avx2", "PyTorch", "PyTorch as installed", "PyTorch eager as installed",
         "CTranslate2", "llama.cpp", "tripod int16", "tripod bf16", *NARROW_PEERS)


def machine(cpu):
    with open("/proc/cpuinfo") as f:
        cpus = sum(line.startswith("processor") for line in f)
    with open("/sys/kernel/mm/transparent_hugepage/enabled") as f:
        pages = f.read().split("[")[1].split("]")[0]
    return f"{cpu}, {cpus} logical CPUs, Linux {platform.release()}, transparent huge pages {pages}"


class Row:
    """All rounds of one thing measured for one model and workload."""

    def __init__(self, name, entries):
        self.name, self.entries = name, entries
        self.seconds = statistics.median(e["seconds"] for e in entries)
        self.spread = (max(e["seconds"] for e in entries) / min(e["seconds"] for e in entries)) - 1
        self.rate = entries[0]["gflop"] / self.seconds
        self.tokens_per_s = entries[0]["tokens"] / self.seconds
        walls = [e["wall_seconds"] for e in entries if "wall_seconds" in e]
        self.wall = statistics.median(walls) if walls else None
        self.label = entries[0]["label"]

    def losses(self):
        path = self.entries[0]["losses"]
        return np.load(path).astype(np.float64) if os.path.exists(path) else None


def rows_of(entries):
    """name -> Row. A kept configuration goes under its own name, and is also a candidate for the
    fastest of its family; of a family, the fastest by the median of its rounds is the row."""
    by_config = {}
    for e in entries:
        by_config.setdefault((e["family"], e.get("keep", ""), e["label"]), []).append(e)
    rows = {}
    for (family, keep, _), group in by_config.items():
        row = Row(family, group)
        if keep:
            rows[keep] = Row(keep, group)
        if family not in rows or row.seconds < rows[family].seconds:
            rows[family] = row
    return rows


def errors_of(rows, truth):
    """name -> (mean |difference|, its standard error, the largest, the mean difference) from TRUTH."""
    out = {}
    for name, row in rows.items():
        mine = row.losses()
        if truth is None or mine is None or mine.shape != truth.shape:
            continue
        d = mine - truth
        size = np.abs(d)
        out[name] = size.mean(), size.std() / math.sqrt(len(d)), size.max(), d.mean()
    return out


def table(rows, errors, peak):
    tripod = rows.get("tripod")
    out = []
    for name in ORDER:
        row = rows.get(name)
        if not row:
            continue
        share = f"{row.rate / peak:.3f}" if peak else "-"
        ratio = f"{row.seconds / tripod.seconds:.2f}" if tripod else "-"
        mean = worst = bias = "-"
        if name in errors:
            mean, _, worst, bias = (f"{x:.1e}" for x in errors[name])
        label = "" if name.startswith("tripod") else row.label
        if row.wall:
            label = f"whole process {row.wall:.2f} s"
        out.append(
            f"| {name} | {row.tokens_per_s:.0f} | {row.rate:.1f} | {share} | {ratio} | {mean} | "
            f"{worst} | {bias} | {100 * row.spread:.0f} % | {label} |"
        )
    return out


def summary(rows, peak):
    """Cells of the first table: tripod's share of the peak, the best peer, the ratios."""
    tripod = rows.get("tripod")
    best = min((rows[n] for n in F32_PEERS if n in rows), key=lambda r: r.seconds, default=None)
    if not tripod or not best:
        return None
    ratios = [rows[n].seconds / tripod.seconds if n in rows else None
              for n in ("PyTorch", "PyTorch as installed", "llama.cpp")]
    share = f"{tripod.rate / peak:.3f}" if peak else "-"
    cells = [share, best.name, f"{best.seconds / tripod.seconds:.2f}"]
    return cells + [f"{r:.2f}" if r else "-" for r in ratios]


def narrow_summary(rows, errors, peers):
    """Cells of the second: tripod's int16 over its float32 and over each peer, and its error; of the
    peers how many times its error."""
    int16 = rows.get("tripod int16")
    if not int16 or "tripod" not in rows:
        return None
    cells = [f"{rows['tripod'].seconds / int16.seconds:.2f}"]
    mine = errors.get("tripod int16")
    cells.append(f"{mine[0]:.1e}" if mine else "-")
    for name in peers:
        cell = f"{rows[name].seconds / int16.seconds:.2f}" if name in rows else "-"
        if mine and name in errors:
            cell += f" ({errors[name][0] / mine[0]:.0f})"
        cells.append(cell)
    return cells


def points(model, workload, cpu, rows, errors):
    """What a figure of error against speed shows of one model and workload."""
    base = rows.get("tripod")
    return [{"name": name, "model": model, "workload": WORKLOADS[workload], "cpu": cpu,
             "tokens_per_s": rows[name].tokens_per_s, "speed": base.seconds / rows[name].seconds,
             "mean": errors[name][0], "mean_se": errors[name][1]}
            for name in ORDER
            if base and name in rows and name in errors and "installed" not in name]


def peaks_of(entries, numbers):
    """model -> GFLOP/s, the best instruction set's median over the rounds."""
    peaks = {}
    for e in entries:
        for k, v in e.get("peak", {}).items():
            if k.startswith(numbers):
                peaks.setdefault(e["model"], {}).setdefault(k, []).append(v)
    return {m: max(statistics.median(v) for v in isa.values()) for m, isa in peaks.items()}


def truth_of(entries, rows, model, workload):
    """The float64 losses; without them tripod's, or PyTorch's as installed."""
    for e in entries:
        if (e["phase"], e["model"], e["workload"]) == ("truth", model, workload) and "seconds" in e:
            return Row("float64", [e]).losses()
    base = rows.get("tripod") or rows.get("PyTorch as installed")
    return base.losses() if base else None


def truth_text(entries):
    """From what the differences are, by model."""
    have = sorted({e["model"] for e in entries if e["phase"] == "truth" and "seconds" in e})
    rest = sorted({e["model"] for e in entries if e["phase"].startswith("round")} - set(have))
    text = "PyTorch's in float64" if have else ""
    if rest:
        text += (f" ({', '.join(rest)}: " if have else "") + "tripod's in float32" + ")" * bool(have)
    return text


def section(cpu, entries, command, dots):
    """The text of one CPU's ENTRIES; DOTS gets its points."""
    measured = [e for e in entries if e["phase"].startswith("round") and "seconds" in e]
    failed = [e for e in entries if "error" in e]
    peak, peak16 = peaks_of(entries, "f32_"), peaks_of(entries, "int16_")
    versions = {}
    for e in entries:
        versions.update(e.get("versions", {}))
    threads = sorted({e["threads"] for e in entries})
    dates = sorted(e["date"] for e in entries)
    text = [f"## Beside other programs: {cpu}", ""]
    text.append(f"{machine(cpu)}. {dates[0] if dates else ''} to {dates[-1] if dates else ''}, "
                f"{'/'.join(map(str, threads))} threads. "
                + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + ".")
    text.append(f"Command: `{command}`.")
    if peak:
        text.append("Measured float32 FMA peak, median of each model's rounds, of which shares are: "
                    + ", ".join(f"{m} {v:.1f}" for m, v in peak.items()) + " GFLOP/s."
                    + (" Of products of 16-bit integers: " if peak16 else "")
                    + ", ".join(f"{m} {v:.1f}" for m, v in peak16.items()) + "." * bool(peak16))
    text += ["", "Random weights of the Pythia shapes, float16 on disk, evaluated in float32 unless the name says otherwise, the same "
             "token ids and threads for all, interleaved rounds, medians. Useful operations: "
             "24 d²L + 2dV per token and the causal half of attention; padding does not count. "
             "Peers: the fastest of the configurations tried (bench/peers/run lists them), from ids to losses "
             "in memory, model loaded and warm; tripod: from `scan` reading ids to losses on disk. "
             f"Ratio: time over tripod's. Difference: of the losses from {truth_text(entries)}, nats: "
             "mean and largest size, and the mean with its sign. Spread: slowest over fastest round, "
             "less one.", ""]
    models = []
    for e in measured:
        if e["model"] not in models:
            models.append(e["model"])
    tables, overview, narrow = [], [], []
    peers = [n for n in NARROW_PEERS if any(e["family"] == n for e in measured)]
    for workload, title in WORKLOADS.items():
        for model in models:
            some = [e for e in measured if e["model"] == model and e["workload"] == workload]
            if not some:
                continue
            rows = rows_of(some)
            errors = errors_of(rows, truth_of(entries, rows, model, workload))
            lines = table(rows, errors, peak.get(model))
            dots += points(model, workload, cpu, rows, errors)
            n = max(e["tokens"] for e in some)
            kind = title.replace("documents of ", "").split(" (")[0]
            for cells, out in ((summary(rows, peak.get(model)), overview),
                               (narrow_summary(rows, errors, peers), narrow)):
                if cells:
                    out.append(f"| {model} | {kind} | " + " | ".join(cells) + " |")
            tables += [f"### {model}, {title} ({n} tokens)", "",
                     "| | tokens/s | GFLOP/s | share of peak | ratio | mean diff. | max diff. | signed | "
                     "spread | configuration |", "|---|---|---|---|---|---|---|---|---|---|", *lines, ""]
    if overview:
        text += ["How many times as fast tripod is, in float32:", "",
                 "| model | documents | tripod's share of the peak | best peer | over it | over PyTorch, tuned | "
                 "over PyTorch as installed | over llama.cpp |", "|---|---|---|---|---|---|---|---|",
                 *overview, ""]
    if narrow:
        text += ["How many times as fast tripod's int16 is, its mean difference, and in brackets how many times "
                 "that is the peer's:", "",
                 "| model | documents | over its float32 | mean diff. |" +
                 "".join(f" over {n} |" for n in peers),
                 "|---" * (4 + len(peers)) + "|", *narrow, ""]
    text += tables
    if failed:
        text.append("Did not run: " + "; ".join(sorted({
            f"{e['family']} ({e['label']}) {e['error']}" for e in failed})) + ".")
        text.append("")
    return "\n".join(text)


def main():
    log, path, points_path, cpu, command = sys.argv[1:]
    with open(log) as f:
        entries = {e["key"]: e for e in map(json.loads, f) if e.get("cpu") == cpu}
    text = ""
    if os.path.exists(path):
        with open(path) as f:
            text = f.read()
    dots = []
    write(path, put(text, cpu, section(cpu, list(entries.values()), command, dots)))
    write(points_path, json.dumps({"precisions": dots}, indent=1) + "\n")


def put(text, cpu, section):
    """TEXT with the section in the place of its CPU's, or after the last of another's."""
    start = f"<!-- peers {cpu} -->"
    body = f"{start}\n{section}{END}\n"
    if start in text:
        before, rest = text.split(start, 1)
        return before + body + rest.split(END, 1)[1].removeprefix("\n")
    if END in text:
        before, rest = text.rsplit(END, 1)
        return before + END + "\n\n" + body + rest.removeprefix("\n")
    return (text.rstrip() + "\n\n" if text.strip() else "# Measured\n\n") + body


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)
    print("wrote", path, file=sys.stderr)


main()
