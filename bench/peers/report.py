# Writes the section of bench/RESULTS.md between <!-- peers --> and <!-- /peers --> from
# results.jsonl: report.py RESULTS.jsonl RESULTS.md --command TEXT. Medians over the rounds;
# differences of the losses against tripod's (or PyTorch's as installed, if tripod was not run).
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import platform
import statistics
import sys

import numpy as np

START, END = "<!-- peers -->", "<!-- /peers -->"
WORKLOADS = {
    "t1024": "documents of 1024 tokens",
    "t2048": "documents of 2048 tokens",
    "short": "short documents (log-normal, median 60, cut at 1024)",
}
F32_PEERS = ("PyTorch", "CTranslate2", "llama.cpp")


def machine():
    model, cpus = "unknown CPU", 0
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model, cpus = line.split(":", 1)[1].strip(), cpus + 1
    with open("/sys/kernel/mm/transparent_hugepage/enabled") as f:
        pages = f.read().split("[")[1].split("]")[0]
    return f"{model}, {cpus} logical CPUs, Linux {platform.release()}, transparent huge pages {pages}"


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


def table(entries, peak):
    rows = rows_of(entries)
    tripod = rows.get("tripod")
    base = tripod or rows.get("PyTorch as installed")
    truth = base.losses() if base else None
    order = ["tripod", "tripod avx2", "PyTorch", "PyTorch as installed", "PyTorch eager as installed",
             "CTranslate2", "llama.cpp", "tripod int16", "tripod bf16", "PyTorch bf16",
             "CTranslate2 int8", "CTranslate2 bf16", "llama.cpp q8_0", "llama.cpp bf16"]
    out = []
    for name in order:
        row = rows.get(name)
        if not row:
            continue
        share = f"{row.rate / peak:.3f}" if peak else "-"
        ratio = f"{row.seconds / tripod.seconds:.2f}" if tripod else "-"
        mean = worst = "-"
        mine = row.losses()
        if truth is not None and mine is not None and row is not base and mine.shape == truth.shape:
            error = np.abs(mine - truth)
            mean, worst = f"{error.mean():.1e}", f"{error.max():.1e}"
        label = "" if name.startswith("tripod") else row.label
        if row.wall:
            label = f"whole process {row.wall:.2f} s"
        out.append(
            f"| {name} | {row.tokens_per_s:.0f} | {row.rate:.1f} | {share} | {ratio} | {mean} | "
            f"{worst} | {100 * row.spread:.0f} % | {label} |"
        )
    return out, summary(rows, tripod, peak)


def summary(rows, tripod, peak):
    """Cells of the first table: tripod's share of the peak, the best peer, the ratios."""
    best = min((rows[n] for n in F32_PEERS if n in rows), key=lambda r: r.seconds, default=None)
    if not tripod or not best:
        return None
    ratios = [rows[n].seconds / tripod.seconds if n in rows else None
              for n in ("PyTorch", "PyTorch as installed", "llama.cpp")]
    share = f"{tripod.rate / peak:.3f}" if peak else "-"
    cells = [share, best.name, f"{best.seconds / tripod.seconds:.2f}"]
    return cells + [f"{r:.2f}" if r else "-" for r in ratios]


def section(log, command):
    with open(log) as f:
        entries = {e["key"]: e for e in map(json.loads, f)}.values()
    measured = [e for e in entries if e["phase"].startswith("round") and "seconds" in e]
    errors = [e for e in entries if "error" in e]
    peaks = {}  # model -> instruction set -> GFLOP/s, one for each round
    for e in entries:
        for k, v in e.get("peak", {}).items():
            if k.startswith("f32_"):
                peaks.setdefault(e["model"], {}).setdefault(k[4:], []).append(v)
    peak = {m: max(statistics.median(v) for v in isa.values()) for m, isa in peaks.items()}
    versions = {}
    for e in entries:
        versions.update(e.get("versions", {}))
    threads = sorted({e["threads"] for e in entries})
    dates = sorted(e["date"] for e in entries)
    text = ["## Beside other programs", ""]
    text.append(f"{machine()}. {dates[0] if dates else ''} to {dates[-1] if dates else ''}, "
                f"{'/'.join(map(str, threads))} threads. "
                + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + ".")
    text.append(f"Command: `{command}`.")
    if peak:
        text.append("Measured float32 FMA peak, median of each model's rounds, of which shares are: "
                    + ", ".join(f"{m} {v:.1f}" for m, v in peak.items()) + " GFLOP/s.")
    text += ["", "Random weights of the Pythia shapes, float16 on disk, evaluated in float32 unless the name says otherwise, the same "
             "token ids and threads for all, interleaved rounds, medians. Useful operations: "
             "24 d²L + 2dV per token and the causal half of attention; padding does not count. "
             "Peers: the fastest of the configurations tried (bench/peers/run lists them), from ids to losses "
             "in memory, model loaded and warm; tripod: from `scan` reading ids to losses on disk. "
             "Ratio: time over tripod's. Difference: of the losses from tripod's, nats. Spread: "
             "slowest over fastest round, less one.", ""]
    models = []
    for e in measured:
        if e["model"] not in models:
            models.append(e["model"])
    tables, overview = [], []
    for workload, title in WORKLOADS.items():
        for model in models:
            some = [e for e in measured if e["model"] == model and e["workload"] == workload]
            if not some:
                continue
            lines, cells = table(some, peak.get(model))
            n = max(e["tokens"] for e in some)
            if cells:
                kind = title.replace("documents of ", "").split(" (")[0]
                overview.append(f"| {model} | {kind} | " + " | ".join(cells) + " |")
            tables += [f"### {model}, {title} ({n} tokens)", "",
                     "| | tokens/s | GFLOP/s | share of peak | ratio | mean diff. | max diff. | spread | "
                     "configuration |", "|---|---|---|---|---|---|---|---|---|", *lines, ""]
    if overview:
        text += ["How many times as fast tripod is, in float32:", "",
                 "| model | documents | tripod's share of the peak | best peer | over it | over PyTorch, tuned | "
                 "over PyTorch as installed | over llama.cpp |", "|---|---|---|---|---|---|---|---|",
                 *overview, ""]
    text += tables
    if errors:
        text.append("Did not run: " + "; ".join(sorted({
            f"{e['family']} ({e['label']}) {e['error']}" for e in errors})) + ".")
        text.append("")
    return "\n".join(text)


def main():
    log, path, command = sys.argv[1], sys.argv[2], sys.argv[4]
    body = f"{START}\n{section(log, command)}{END}\n"
    old = ""
    if os.path.exists(path):
        with open(path) as f:
            old = f.read()
    if START in old and END in old:
        before, rest = old.split(START, 1)
        new = before + body + rest.split(END, 1)[1].lstrip("\n")
    else:
        new = (old.rstrip() + "\n\n" if old.strip() else "# Measured\n\n") + body
    with open(path + ".new", "w") as f:
        f.write(new)
    os.replace(path + ".new", path)
    print("wrote", path, file=sys.stderr)


main()
