#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo suite's training text: English pages of Debian's documentation, as JSON lines.

    python3 models/demo/text.py WORK

apt-get download and dpkg -x of the packages below into WORK (nothing is installed), their HTML pages to
plain paragraphs, WORK/text.jsonl with a document a line. Needs python3 alone. The same packages give
the same bytes; another version of one is named.
"""

import gzip
import hashlib
import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path

# Package, the version used, and which of its files are read (globs below the package's root).
PACKAGES = [
    ("aptitude-doc-en", "0.8.13-5", ["usr/share/doc/aptitude/html/en/*.html"]),
    ("apache2-doc", "2.4.71-1~deb12u1", ["usr/share/doc/apache2-doc/manual/en/**/*.html"]),
    ("debian-faq", "11.1", ["usr/share/doc/debian/FAQ/*.en.html"]),
    ("debian-handbook", "11.20220922", ["usr/share/doc/debian-handbook/html/en-US/*.html"]),
    ("debian-kernel-handbook", "1.0.21",
     ["usr/share/doc/debian-kernel-handbook/kernel-handbook.html/*.html"]),
    ("debian-policy", "4.6.2.0", ["usr/share/doc/debian-policy/policy.html/*.html",
                                  "usr/share/doc/debian-policy/*.html"]),
    ("debian-reference-en", "2.100", ["usr/share/debian-reference/*.en.html"]),
    ("debmake-doc", "1.17-7", ["usr/share/doc/debmake-doc/html/*.en.html"]),
    ("developers-reference", "12.18", ["usr/share/developers-reference/*.html"]),
    ("doc-debian", "11.3+nmu1", ["usr/share/doc/debian/" + f for f in
                                 ("*.txt", "bug-*.txt.gz", "constitution.txt.gz",
                                  "constitution.1.8.txt.gz", "constitution.1.0.txt.gz",
                                  "debian-manifesto.gz", "mailing-lists.txt.gz",
                                  "social-contract*.txt.gz")]),
    ("exim4-doc-html", "4.96-1", ["usr/share/doc/exim4-doc-html/spec_html/*.html"]),
    ("git-doc", "1:2.39.5-0+deb12u3", ["usr/share/doc/git-doc/**/*.html"]),
    ("harden-doc", "3.19+nmu1", ["usr/share/doc/harden-doc/html/en-US/**/*.html"]),
    ("installation-guide-amd64", "20230508+deb12u1",
     ["usr/share/doc/installation-guide-amd64/en/*.html"]),
    ("maint-guide", "1.2.53", ["usr/share/doc/maint-guide/html/*.en.html"]),
    ("miscfiles", "1.5+dfsg-4", ["usr/share/state/us-*.gz"]),
    ("postgresql-doc-15", "15.20-0+deb12u1", ["usr/share/doc/postgresql-doc-15/html/*.html"]),
    ("python3.11-doc", "3.11.2-6+deb12u9",
     ["usr/share/doc/python3.11/html/%s/**/*.html" % d
      for d in ("extending", "faq", "howto", "library", "reference", "tutorial", "using",
                "whatsnew")]),
    ("sqlite3-doc", "3.40.1-2+deb12u2", ["usr/share/doc/sqlite3/*.html"]),
]

# What the models are measured on: the plain files (not the links) of Debian's base-files.
HELD_OUT = Path("/usr/share/common-licenses")


def fetch(work):
    """The version above where the archive still has it, else the one it has."""
    debs, root = work / "debs", work / "x"
    for folder in (debs, root):
        folder.mkdir(parents=True, exist_ok=True)
    for name, version, _ in PACKAGES:
        if not list(debs.glob(name + "_*.deb")):
            quiet = {"cwd": debs, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            get = ["apt-get", "download", "-qq"]
            if subprocess.run(get + [name + "=" + version], **quiet).returncode:
                subprocess.run(get + [name], cwd=debs, check=True)
        deb = sorted(debs.glob(name + "_*.deb"))[-1]
        got = subprocess.check_output(["dpkg-deb", "-f", deb, "Version"], text=True).strip()
        if got != version:
            print("note: %s is version %s here, %s was used" % (name, got, version))
        if not (root / name).is_dir():
            subprocess.run(["dpkg", "-x", deb, root / name], check=True)


class Page(html.parser.HTMLParser):
    """The running text of a page: (kind, text) with kind "p" (also <dd>), "h" (headings), "*"
    (items of a list without numbers) or "1", "2" ... (with). Skips code, tables, scripts, menus."""

    TAKE = {"p", "dd", "li", "h1", "h2", "h3", "h4"}
    SKIP = {"pre", "script", "style", "table", "nav", "head", "dt"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.now, self.skip, self.kind, self.lists = [], [], 0, "p", []

    def flush(self, kind="p"):
        text = re.sub(r"\s+", " ", "".join(self.now)).strip()
        if text:
            self.out.append((self.kind, text))
        # A <p> right after <li> is still the item.
        if text or kind != "p":
            self.kind = kind
        self.now = []

    def handle_starttag(self, tag, attrs):
        if tag in self.SKIP:
            self.flush()
            self.skip += 1
        elif tag in ("ul", "ol"):
            self.flush()
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            mark = "*"
            if self.lists and self.lists[-1] is not None:
                self.lists[-1] += 1
                mark = str(self.lists[-1])
            self.flush(mark)
        elif tag in self.TAKE:
            self.flush("h" if tag[0] == "h" else "p")
        elif tag in ("div", "section", "dl", "body"):
            self.flush()
        elif tag == "br":
            self.now.append(" ")

    def handle_endtag(self, tag):
        if tag in self.SKIP:
            self.skip = max(0, self.skip - 1)
        elif tag in self.TAKE or tag in ("div", "section"):
            self.flush()
        elif tag in ("ul", "ol"):
            self.flush()
            if self.lists:
                self.lists.pop()

    def handle_data(self, data):
        if not self.skip:
            self.now.append(data)


COMMON = set("the of and to a in is that it for as be on are with this by or not can an if from "
             "you at which have has will was when use but all any may should one there".split())
# Signs of code: names_like_this, calls(), camelCase, dotted.names, options, operators.
CODE = re.compile(r"\w_\w|_\w|\w\(|[{}<>|\\\\=@#$%^~`\[\]]|[a-z][A-Z]|\w\.\w\w|(^|\s)-\w|--|/\w*/|::")


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def good_paragraph(text):
    """Whole sentences of English, nearly all plain ASCII, and no code."""
    w = words(text)
    if len(w) < 8 or text[-1] not in ".:;?!)" or not text[0].isupper() or CODE.search(text):
        return False
    if sum(c > "~" for c in text) > 0.02 * len(text):
        return False
    return sum(x in COMMON for x in w) >= 0.25 * len(w)


def grams(w, n=8):
    return (" ".join(w[i:i + n]) for i in range(len(w) - n + 1))


def held_out_files():
    return sorted(p for p in HELD_OUT.iterdir() if p.is_file() and not p.is_symlink())


def paragraphs(path):
    """(kind, text) of a page; of a plain text file, blocks between blank lines, kept as they are
    (kind "t")."""
    if path.suffix == ".gz":
        raw = gzip.open(path).read().decode("utf-8", errors="ignore")
    else:
        raw = path.read_text(encoding="utf-8", errors="ignore")
    if "html" not in path.suffix:
        return [("t", block.rstrip()) for block in re.split(r"\n[ \t]*\n", raw.expandtabs())]
    page = Page()
    page.feed(raw)
    page.flush()
    return page.out


def layout(kind, par, page, digest):
    """Lays a paragraph out as plain-text documents are. How is drawn from the hash of the page
    (line length, indent, two spaces after a full stop, marks of lists), so that a page looks the
    same throughout; few paragraphs and half of the headings are in capitals."""
    if kind == "t":
        return par.strip("\n")
    if page[3] % 3 == 0:
        par = re.sub(r"([.?!:]) (?=[A-Z])", r"\1  ", par)
    if kind == "h":
        shout = page[4] % 2
        return " " * (0, 0, 4, 20)[page[5] % 4] + (par.upper() if shout else par)
    if digest[0] < 5:
        par = par.upper()
    pad = " " * (0, 0, 0, 0, 2, 3, 4)[page[1] % 7]
    first = pad
    if kind == "*":
        first, pad = pad + ("  * ", "- ", "  o ")[page[6] % 3], pad + ("    ", "  ")[page[6] % 3 == 1]
    elif kind != "p":
        form = ("%s. ", "(%s) ", "%s) ")[page[6] % 3]
        mark = chr(96 + int(kind)) if page[7] % 3 == 0 and int(kind) < 27 else kind
        first, pad = pad + "  " + form % mark, pad + "  "
    elif page[1] % 7 == 0 and page[8] % 2:
        first = "  "
    if page[0] % 8 == 0:
        return first + par
    return fold(par, 64 + page[2] % 16, first, pad)


def fold(par, width, first, pad):
    """textwrap.fill, but a double space inside a line stays."""
    lines, line = [], first
    for piece in re.findall(r"\S+\s*", par):
        if len(line) + len(piece.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = pad
        line += piece
    return "\n".join(lines + [line.rstrip()])


def text(work):
    # No training paragraph shares eight words in a row with a held-out file, and none speaks of
    # warranties and the like at length: the models must not have seen licence texts.
    forbidden = set()
    for path in held_out_files():
        forbidden.update(grams(words(path.read_text(encoding="utf-8", errors="replace"))))
    legal = re.compile(r"warrant(y|ies)|liabilit(y|ies)|merchantab|sublicens|copyright holder|"
                       r"hereby granted|free software foundation", re.I)
    swap = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
                          "\u2013": "-", "\u2014": "-", "\u00a0": " ", "\u2026": "..."})
    seen, documents, dropped = set(), [], 0
    for name, _, globs in PACKAGES:
        root, count, chars = work / "x" / name, 0, 0
        files = sorted({p for g in globs for p in root.glob(g) if p.is_file()})
        for path in files:
            h = hashlib.sha1(str(path.relative_to(root)).encode()).digest()
            keep, heading, size = [], None, 0
            for kind, par in paragraphs(path):
                par = par.translate(swap)
                if kind == "h":
                    clean = not CODE.search(par) and 3 < len(par) < 80 and par.isascii()
                    heading = re.sub(r"^(chapter )?[\w.]+\. ", "", par, flags=re.I)
                    heading = heading.rstrip("# ") if clean else None
                    continue
                digest = hashlib.sha1(" ".join(words(par)).encode()).digest()
                if digest in seen or not good_paragraph(re.sub(r"\s+", " ", par).strip()):
                    continue
                seen.add(digest)
                if legal.search(par) or any(g in forbidden for g in grams(words(par))):
                    dropped += 1
                    continue
                if heading:
                    keep.append(layout("h", heading, h, digest))
                    heading = None
                keep.append(layout(kind, par, h, digest))
                size += len(par)
            if size < 300:
                continue
            documents.append("\n\n".join(keep) + "\n")
            count, chars = count + 1, chars + len(documents[-1])
        print("%-26s %5d pages %9d characters" % (name, count, chars))
    print("%d documents, %d characters; %d paragraphs dropped as legal text" %
          (len(documents), sum(map(len, documents)), dropped))
    lines = "".join(json.dumps({"text": d}) + "\n" for d in documents)
    (work / "text.jsonl").write_text(lines)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    work = Path(sys.argv[1])
    fetch(work)
    text(work)


if __name__ == "__main__":
    main()
