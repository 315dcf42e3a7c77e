#!/usr/bin/env python3
"""Trains the two small tokenizers of the tests on Debian's licence texts, with Hugging Face tokenizers.

tokenizer_small.json: 512 tokens, every byte, no normaliser, merges as pairs (the newer dialect), one special token.
tokenizer_odd.json: no alphabet of its own (bytes that the text lacks are dropped), NFC, a space put before every text,
merges as "a b" strings (the older dialect), added tokens of each kind: special, normalised, runs of spaces, prefixes of
one another, one that NFC changes.

    python3 tests/golden/tokenizer_small.py

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = os.path.dirname(os.path.abspath(__file__))
texts = ["/usr/share/common-licenses/" + name for name in ("GPL-3", "Apache-2.0", "MPL-2.0")]


def train(vocabulary, alphabet, nfc, prefix, special):
    t = Tokenizer(models.BPE())
    if nfc:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.decoder = decoders.ByteLevel()
    t.train(texts, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, special_tokens=special,
                                       show_progress=False))
    return t


small = train(512, pre_tokenizers.ByteLevel.alphabet(), False, False, ["<|endoftext|>"])
small.save(os.path.join(here, "tokenizer_small.json"), pretty=False)

odd = train(400, [], True, True, [])
odd.add_special_tokens(["<|endoftext|>", "<|end|>"])
odd.add_tokens([AddedToken(" " * n, normalized=True) for n in (8, 4, 3, 2)])
odd.add_tokens([AddedToken("foo", normalized=True), AddedToken("foobar", normalized=True),
                AddedToken("caf\u0065\u0301", normalized=True), AddedToken("\n\n", normalized=False)])
j = json.loads(odd.to_str())
j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
with open(os.path.join(here, "tokenizer_odd.json"), "w", encoding="utf-8") as f:
    json.dump(j, f, ensure_ascii=False)
