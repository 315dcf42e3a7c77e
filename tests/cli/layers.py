# Who may include whom, by folder: dependencies point one way, and no two files include each other in a circle.
# A file and its header (x.c, x.h) are one node; a folder stands for what is in it. SPDX-License-Identifier: GPL-3.0-or-later
import os
import re
import sys

BASE = ["src/base"]
TEXT = ["src/text"] + BASE
MODELS = ["models"] + ["simd"] + BASE
SCAN = ["src/scan"] + TEXT + MODELS
TRAIN = ["src/train"] + SCAN
QUANTA = ["src/quanta"] + TRAIN
# folder: what its files may include. The longest name that fits a file decides.
RULES = {
    "simd": ["simd"],
    "src/base": BASE,
    "fit": ["fit"] + BASE,
    "models": ["models/config", "models/suite", "models/count"] + BASE,
    "models/checkpoint": ["models/checkpoint", "models/config", "simd"] + BASE,
    "models/flat": ["models/flat", "models/checkpoint", "models/config", "models/suite", "models/count", "simd"] + BASE,
    "models/neox": ["models/neox", "models/flat", "models/config", "simd"] + BASE,
    "models/train": ["models/train", "models/neox", "models/flat", "models/config", "simd"] + BASE,
    "src/text": TEXT,
    "src/scan": SCAN,
    "src/quanta": QUANTA,
    "src/train": TRAIN,
    "src/plot": ["src/plot", "src/report", "fit"] + QUANTA,
    "src/story": ["src/story", "src/plot", "src/report", "fit"] + QUANTA,
    "src/report": ["src/report", "fit"] + QUANTA,
    "src": ["src", "fit", "bench/cmd_bench"] + QUANTA,
    "bench": ["bench", "fit", "src"] + QUANTA,
    "tests": [""],
}
# What nobody below may include, whatever the table says.
ABOVE = re.compile(r"^src/(cli|options|commands|main|cmd_\w+)$")
# Angle includes that belong to one folder.
SYSTEM = {r"gsl/": "fit", r"\w*intrin\.h|dnnl|oneapi|lapacke|cpuid": "simd", r"argp": "src"}


def fits(path, folders):
    return any(f == "" or path == f or path.startswith(f + "/") for f in folders)


def rule(path):
    found = max((f for f in RULES if fits(path, [f])), key=len, default=None)
    return found, RULES.get(found, [])


def sources(root):
    for top in ("src", "simd", "fit", "models", "bench", "tests"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def main(root):
    bad, edges = [], {}
    for path in sources(root):
        node = os.path.splitext(path)[0]
        folder, allowed = rule(node)
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        for kind, name in re.findall(r'^ *# *include ([<"])([^>"]+)[>"]', text, re.M):
            if kind == "<":
                for pattern, home in SYSTEM.items():
                    if re.match(pattern, name) and not fits(node, [home, "tests"]):
                        bad.append(f"{path}: <{name}> belongs to {home}/")
                continue
            target = os.path.splitext(name)[0]
            edges.setdefault(node, set()).add(target)
            if target == node:
                continue
            if not fits(target, allowed):
                bad.append(f"{path}: {name}: {folder}/ may include {', '.join(allowed)}")
            if ABOVE.match(target) and not re.match(r"^(src/[^/]+|bench/\w+|tests/.*)$", node):
                bad.append(f"{path}: {name} is above")
    # Circles: a depth-first walk.
    state = {}

    def walk(node, trail):
        if state.get(node) == 2:
            return
        if state.get(node) == 1:
            bad.append("circle: " + " -> ".join(trail[trail.index(node):] + [node]))
            return
        state[node] = 1
        for target in sorted(edges.get(node, ())):
            if target != node:
                walk(target, trail + [node])
        state[node] = 2

    for node in sorted(edges):
        walk(node, [])
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main(sys.argv[1]))
