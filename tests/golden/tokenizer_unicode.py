#!/usr/bin/env python3
"""Writes src/text/unicode_ranges.h: how Hugging Face tokenizers classes every code point.

The classes are taken from its behaviour, one code point at a time, not from a Unicode table, because its
regular expressions and its NFC follow different versions of Unicode:
  L, N, S  what a GPT-2 pre-tokenizer joins the code point to (letter, number, white space);
  M        the code points a normaliser must look at: a mark that is reordered, a code point NFC changes,
           or one that composes with what stands before it.

    python3 tests/golden/tokenizer_unicode.py > src/text/unicode_ranges.h

SPDX-License-Identifier: GPL-3.0-or-later
"""
import sys
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
nfc = normalizers.NFC().normalize_str
L, N, S, M = 1, 2, 4, 8
LAST = 0x10FFFF


def pieces(text):
    return len(words.pre_tokenize_str(text))


seconds = {}
for c in range(LAST + 1):
    d = unicodedata.decomposition(chr(c))
    if d and not d.startswith("<"):
        d = [int(x, 16) for x in d.split()]
        if len(d) == 2:
            seconds.setdefault(d[1], []).append(d[0])
for v in range(0x1161, 0x1176):
    seconds.setdefault(v, []).append(0x1100)
for t in range(0x11A8, 0x11C3):
    seconds.setdefault(t, []).append(0xAC00)


def flags(c):
    if 0xD800 <= c <= 0xDFFF:
        return 0
    s = chr(c)
    f = 0
    if pieces("a" + s) == 1:
        f = L
    elif pieces("1" + s) == 1:
        f = N
    elif pieces("!" + s) != 1:
        f = S
    reordered = nfc(s + "\u0334") == "\u0334" + s or nfc("\u0315" + s) == s + "\u0315"
    composes = any(len(nfc(chr(a) + s)) == 1 for a in seconds.get(c, []))
    if nfc(s) != s or reordered or composes:
        f |= M
    return f


table = [flags(c) for c in range(LAST + 1)]
ranges = []
first = 0
for c in range(1, LAST + 2):
    if c > LAST or table[c] != table[first]:
        if table[first]:
            ranges.append((first, c - 1, table[first]))
        first = c
print("/* unicode_ranges.h - how Hugging Face tokenizers (%s) classes code points: first, last, flags." % tokenizers.__version__)
print(" * Written by tests/golden/tokenizer_unicode.py, which says what the flags mean; do not edit.")
print(" * SPDX-License-Identifier: GPL-3.0-or-later */")
print("/* clang-format off */")
line = ""
for a, b, f in ranges:
    item = "{0x%X,0x%X,%d}," % (a, b, f)
    if len(line) + len(item) > 100:
        print(line)
        line = ""
    line += item
print(line)
print("/* clang-format on */")
sys.stderr.write("%d ranges\n" % len(ranges))
