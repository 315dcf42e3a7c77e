# Checks of a page: report_page.py safe PAGE | look PAGE FOLDER. SPDX-License-Identifier: GPL-3.0-or-later
# safe: no script, nothing from anywhere, every tag one that we write. look: in headless Chromium no page is wider than its window at 390,
# 1280 and 1920 pixels, light and dark differ, and pictures and print are not empty.
import html.parser
import os
import re
import struct
import subprocess
import sys
import zlib

PAGE = "html head meta title style body h1 h2 h3 p ul li table tr th td div span br pre code details summary figure figcaption mark".split()
SVG = """svg g path polygon polyline circle rect text tspan use defs filter feflood fecomposite image clippath lineargradient stop
pattern""".split()
WIDTHS = 390, 1280, 1920


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.bad, self.ids, self.refs, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in PAGE + SVG:
            self.bad.append(f"<{tag}>")
        for name, value in attrs:
            value = value or ""
            if name.startswith("on") or "script" in value.lower():
                self.bad.append(f"<{tag} {name}={value[:40]}>")
            if name in ("src", "href", "xlink:href", "srcset", "action") and not value.startswith(("#", "data:image/")):
                self.bad.append(f"<{tag} {name}={value[:40]}>")
            if name == "id":
                self.ids.append(value)
            if name.endswith("href") and value.startswith("#"):
                self.refs.append(value[1:])
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "br"):
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.bad.append(f"</{tag}> within {self.open[-3:]}")
        else:
            self.open.pop()


def safe(page):
    text = open(page, encoding="utf-8").read()
    reader = Reader()
    reader.feed(text)
    reader.close()
    style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
    bad = reader.bad + [f"<{t}> is not closed" for t in reader.open]
    bad += re.findall(r"@import.*|url\(.*?\)", style)
    bad += [f"id {i} twice" for i in set(reader.ids) if reader.ids.count(i) > 1]
    bad += [f"#{r} is not there" for r in set(reader.refs) - set(reader.ids)]
    bad += [f"U+{ord(c):04X}" for c in set(text) if ord(c) in (0x202E, 0x200B, 0x1B, 0)]
    if len(text.encode()) > 2_000_000:
        bad.append(f"{len(text.encode())} bytes")
    assert not bad, bad[:5]


def chromium(folder, *arguments):
    return subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile",
                           *arguments], capture_output=True, timeout=600, text=True).stdout


def pixels(path):
    """Width, height and the rows' bytes, filtered as they are stored: enough to see that there is something."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    at, packed = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", data[at + 8:at + 16])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + n]
        at += 12 + n
    return width, height, zlib.decompress(packed)


def look(page, folder):
    page, folder = os.path.abspath(page), os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    wrapper = f"{folder}/wrapper.html"
    with open(wrapper, "w") as f:
        f.write("<body>" + "".join(f'<iframe width={w} height=800 style="border:0" src="file://{page}"></iframe>' for w in WIDTHS) + """
<script>onload = () => { document.body.innerHTML = [...document.querySelectorAll('iframe')].map(f => {
  const d = f.contentDocument, e = d.documentElement;
  for (const x of d.querySelectorAll('details')) x.open = true;
  return `width ${f.clientWidth} is ${e.scrollWidth} high ${e.scrollHeight}`; }).join('\\n'); }</script>""")
    text = chromium(folder, "--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom", f"file://{wrapper}")
    found = re.findall(r"width (\d+) is (\d+) high (\d+)", text)
    assert len(found) == len(WIDTHS), text[-300:]
    for width, is_, high in found:
        assert int(is_) <= int(width), f"at {width} pixels the page is {is_} wide"
        assert int(high) > 800, f"at {width} pixels it is {high} high"
    shots = {}
    for name, width, more in [(str(w), w, []) for w in WIDTHS] + [("dark", 1280, ["--blink-settings=preferredColorScheme=0"])]:
        shot = f"{folder}/{name}.png"
        chromium(folder, *more, f"--screenshot={shot}", f"--window-size={width},1600", f"file://{page}")
        w, h, rows = pixels(shot)
        assert (w, h) == (width, 1600) and len(set(rows)) > 60, f"{shot}: {w} x {h}, {len(set(rows))} values"
        shots[name] = rows
    assert shots["dark"] != shots["1280"], "dark is as light"
    chromium(folder, f"--print-to-pdf={folder}/page.pdf", f"file://{page}")
    pdf = open(f"{folder}/page.pdf", "rb").read()
    sheets = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pdf[:5] == b"%PDF-" and 2 <= sheets < 60, f"{sheets} sheets"


if __name__ == "__main__":
    {"safe": safe, "look": look}[sys.argv[1]](*sys.argv[2:])
