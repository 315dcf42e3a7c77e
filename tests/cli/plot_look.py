# How a figure looks, from the SVG that gnuplot made and the script beside it: nothing empty, no text over other text or beyond the
# edge, a unit on every axis, no warning. Usage: plot_look.py FIG.svg... Needs FIG.gp and FIG.tsv. SPDX-License-Identifier: GPL-3.0-or-later
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

# Advance widths of Arial (and Helvetica), thousandths of the size: what the letters take that our labels are made of.
WIDE, NARROW = "mwMW@%∝ΔΩ", "ijlt.,:;'|!()[]I -/fr"


def width(text, size):
    return size * sum(0.86 if c in WIDE else 0.31 if c in NARROW else 0.57 for c in text)


def plain(tag):
    return tag.split("}")[-1]


# (text, x0, y0, x1, y1) of every line of text.
def boxes(root):
    found = []

    def walk(node, transforms, anchor, size):
        transforms = transforms + [node.get("transform")] if node.get("transform") else transforms
        anchor = node.get("text-anchor", anchor)
        if node.get("font-size"):
            size = float(node.get("font-size").replace("px", ""))
        if plain(node.tag) == "text":
            sizes = [float(t.get("font-size")) for t in node.iter() if plain(t.tag) == "tspan" and t.get("font-size") and t.text]
            text = "".join(node.itertext()).strip()
            if not text:
                return
            height = max(sizes + [0]) or size
            w = width(text, height)
            x0 = {"start": 0, "middle": -w / 2, "end": -w}[anchor or "start"]
            corners = [(x0, -0.72 * height), (x0 + w, 0.15 * height)]
            for t in reversed(transforms):
                for name, arguments in reversed(re.findall(r"(\w+)\(([^)]*)\)", t)):
                    v = [float(a) for a in re.split(r"[ ,]+", arguments)]
                    if name == "translate":
                        corners = [(x + v[0], y + v[1]) for x, y in corners]
                    elif name == "rotate":
                        assert abs(v[0]) in (90, 270), f"a rotation of {v[0]}"
                        corners = [(y, -x) if v[0] in (-90, 270) else (-y, x) for x, y in corners]
            (a, b), (c, d) = corners
            found.append((text, min(a, c), min(b, d), max(a, c), max(b, d)))
            return
        for child in node:
            walk(child, transforms, anchor, size)

    walk(root, [], None, 10.0)
    return found


def look(path):
    root = ET.parse(path).getroot()
    w, h = float(root.get("width")), float(root.get("height"))
    bad, texts = [], boxes(root)
    if len(texts) < 4:
        bad.append(f"only {len(texts)} texts")
    for i, (text, x0, y0, x1, y1) in enumerate(texts):
        if x0 < -2 or y0 < -2 or x1 > w + 2 or y1 > h + 2:
            bad.append(f"'{text}' goes beyond the edge: {x0:.0f} {y0:.0f} {x1:.0f} {y1:.0f} of {w:.0f} {h:.0f}")
        for other, u0, v0, u1, v1 in texts[:i]:
            if min(x1, u1) - max(x0, u0) > 1 and min(y1, v1) - max(y0, v0) > 1:
                bad.append(f"'{text}' is over '{other}'")
    marks = [n for g in root.iter() if (g.get("id") or "").startswith("gnuplot_plot") for n in g.iter()
             if plain(n.tag) in ("path", "use", "polygon", "image", "rect", "circle")]
    if not marks:
        bad.append("nothing is drawn")
    script = open(path[:-4] + ".gp", encoding="utf-8").read()
    panels = len(re.findall(r"^plot ", script, re.M))
    for axis in "x", "y":
        labels = re.findall(rf"^set {axis}label (.*)$", script, re.M)
        if len(labels) != panels:
            bad.append(f"{panels} panels with {len(labels)} {axis} labels")
        bad += [f"no unit on the axis {label}" for label in labels if not re.search(r"\([^()]+(\([^()]*\)[^()]*)*\)'$", label)]
    bad += [f"no unit on the scale {label}" for label in re.findall(r"^set cblabel ('.*)$", script, re.M)
            if not re.search(r"\([^()]+\)'$", label)]
    # gnuplot leaves out what lies beyond the edge. Raised and lowered letters are texts of their own there.
    shown = " ".join(t for t, *_ in texts)
    for label in re.findall(r"^set (?:x|y|cb)label '(.*)'$", script, re.M):
        for part in re.split(r"'\.\"\\n\"\.'|[\^_{}]", label):
            if part.strip().replace("''", "'") not in shown:
                bad.append(f"the label '{part.strip()}' is not there")
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "again.svg")
        ran = subprocess.run(["gnuplot", "-e", f"image = '{image}'", os.path.basename(path)[:-4] + ".gp"],
                             cwd=os.path.dirname(os.path.abspath(path)), capture_output=True, text=True)
        if ran.returncode or ran.stderr.strip():
            bad.append(f"gnuplot says: {ran.stderr.strip()[:200]}")
    return bad


if __name__ == "__main__":
    code = 0
    for path in sys.argv[1:]:
        for line in look(path):
            print(f"{os.path.basename(path)}: {line}")
            code = 1
    sys.exit(code)
