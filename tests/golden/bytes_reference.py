#!/usr/bin/env python3
"""Hugging Face tokenizers' ids under the vocabulary of bytes, for texts of every kind: bytes.json.

    tripod tokenize --bytes README.md -o /tmp/p
    python bytes_reference.py /tmp/p-tokenizer.json >bytes.json       # needs tokenizers (made with 0.23)

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import sys

from tokenizers import Tokenizer

TEXTS = ["The plain text,  with   runs of spaces\tand\r\nlines.\n", "na\u00efve caf\u00e9 cafe\u0301",
         "\u4e2d\u6587 \U0001f600 \u00a0\u2028", "a<|endoftext|>b <|endoftext|>", "\"\\\x01\x7f'tis 'twas it's we'll", "\u0100\u0120"]
tokenizer = Tokenizer.from_file(sys.argv[1])
rows = [{"text": t, "ids": tokenizer.encode(t).ids} for t in TEXTS]
for row in rows:
    assert tokenizer.decode(row["ids"], skip_special_tokens=False) == row["text"]
print("[" + ",\n".join(json.dumps(row) for row in rows) + "]")
