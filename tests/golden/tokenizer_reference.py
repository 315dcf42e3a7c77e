#!/usr/bin/env python3
"""Writes tests/golden/tokenizer_digests.txt: digests of what Hugging Face tokenizers makes of generated strings.

tests/test_tokenizer.c draws the same strings from the same generator (splitmix64) and compares digests, so the check
needs no Python. A line: tokenizer, kind of string, number of the block, digests of the strings, of their ids, and of
the ids decoded. See strings() for the kinds; both files must be changed together.

    python3 tests/golden/tokenizer_reference.py path/to/20B_tokenizer.json > tests/golden/tokenizer_digests.txt

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import sys

from tokenizers import Tokenizer

MASK = (1 << 64) - 1
BLOCK = 2048
KINDS = [("points", 69632), ("blocks", 17408), ("marks", 16384), ("spaces", 16384), ("fragments", 32768),
         ("bytes", 8192), ("long", 256)]
here = os.path.dirname(os.path.abspath(__file__))

with open(os.path.join(here, "tokenizer_fragments.jsonl"), encoding="utf-8") as f:
    FRAGMENTS = [json.loads(line).encode("utf-8") for line in f]

# Where marks, and letters that take them, are found: first code point, count.
MARKS = [(0x300, 112), (0x300, 112), (0x591, 55), (0x610, 11), (0x64B, 21), (0x93C, 1), (0x9BE, 1), (0xE31, 10),
         (0xF71, 20), (0x102E, 1), (0x1161, 21), (0x11A8, 27), (0x1DC0, 64), (0x20D0, 33), (0x302A, 6), (0x3099, 2),
         (0xFE20, 16), (0x1D165, 14), (0x1E000, 43), (0x1ABE, 20), (0x11930, 1), (0x16D67, 2)]
BASES = [(0x41, 58), (0xC0, 64), (0x391, 57), (0x410, 64), (0x5D0, 27), (0x621, 42), (0x905, 53), (0x1100, 19),
         (0xAC00, 11172), (0x3041, 86), (0x1E00, 256), (0x1F00, 256), (0x11935, 4), (0x105D2, 20), (0x995, 40)]


class Random:
    """splitmix64"""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return (self.next() >> 32) * n >> 32


def point(c):
    """UTF-8 of a code point; a surrogate or what is beyond the last becomes U+FFFD."""
    return chr(c if c < 0x110000 and not 0xD800 <= c < 0xE000 else 0xFFFD).encode("utf-8")


def string(kind, i):
    r = Random(kind << 32 | i)
    out = b""
    if kind == 0:  # every code point once: 16 in a row, in various company
        for c in range(16 * i, 16 * i + 16):
            out += [b"", b" ", b"a", b"1", b".", b"\n", b"  ", b"'"][r.below(8)]
            out += point(c)
    elif kind == 1:  # from one block of 256, so that they meet one another
        base = i % 0x1100 * 256
        for _ in range(1 + r.below(24)):
            if r.below(6) == 0:
                out += b" "
            out += point(base + r.below(256))
    elif kind == 2:  # letters and marks to reorder and compose
        for _ in range(1 + r.below(12)):
            k = r.below(8)
            first, count = BASES[r.below(len(BASES))] if k < 3 else MARKS[r.below(len(MARKS))]
            out += b" " if k == 7 else point(first + r.below(count))
    elif kind == 3:  # runs of 1-60 spaces with other white space among words
        for _ in range(1 + r.below(8)):
            k = r.below(8)
            if k < 4:
                out += b" " * (1 + r.below(60))
            elif k < 6:
                out += [b"\n", b"\t", b"\r\n", b"\n\n", b"\xc2\xa0", b"\xe3\x80\x80"][r.below(6)] * (1 + r.below(3))
            else:
                out += [b"a", b"foo", b"1", b"!", b"'s", b"x = 1", b"\xc3\xa9", b"\xcc\x81"][r.below(8)]
    elif kind == 4:
        for _ in range(1 + r.below(16)):
            out += FRAGMENTS[r.below(len(FRAGMENTS))]
    elif kind == 5:  # bytes that are seldom UTF-8
        odd = b"\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xf4\x90\xc0\xc2\xff\xe0\xef"
        for _ in range(r.below(24)):
            k = r.below(4)
            out += bytes([odd[r.below(16)]] if k < 2 else [r.below(256)] if k == 2 else [0x20 + r.below(95)])
    else:  # long words
        unit = [b"a", b"ab", b"the", b"1", b"=-", b"\xc3\xa9", b"\xe4\xb8\xad\xe6\x96\x87"][r.below(7)]
        for _ in range(1 + r.below(1500)):
            out += unit if r.below(50) else bytes([0x61 + r.below(26)])
    return out


class Digest:
    def __init__(self):
        self.value = 0xCBF29CE484222325

    def add(self, word):
        v = ((self.value ^ word) * 0x9E3779B97F4A7C15) & MASK
        self.value = v ^ (v >> 29)

    def add_all(self, words):
        for w in words:
            self.add(w)
        self.add(len(words) + (1 << 40))


def main():
    tokenizers = [(name, os.path.join(here, "tokenizer_%s.json" % name)) for name in ("small", "odd", "gpt2")]
    if len(sys.argv) > 1:
        tokenizers.append(("20B", sys.argv[1]))
    total = 0
    for name, path in tokenizers:
        t = Tokenizer.from_file(path)
        for kind, (kind_name, count) in enumerate(KINDS):
            for first in range(0, count, BLOCK):
                raw = [string(kind, i) for i in range(first, min(first + BLOCK, count))]
                texts = [b.decode("utf-8", errors="replace") for b in raw]
                ids = [e.ids for e in t.encode_batch(texts)]
                decoded = t.decode_batch(ids, skip_special_tokens=False)
                d = [Digest(), Digest(), Digest()]
                for b, i, s in zip(raw, ids, decoded):
                    d[0].add_all(b)
                    d[1].add_all(i)
                    d[2].add_all(s.encode("utf-8"))
                print(name, kind_name, first // BLOCK, *("%016x" % x.value for x in d))
                total += len(raw)
    sys.stderr.write("%d strings\n" % total)


if __name__ == "__main__":
    main()
