#!/usr/bin/env python3
"""Trains the small tokenizers of the tests on Debian's licence texts, with Hugging Face tokenizers.

tokenizer_small.json: 512 tokens, every byte, no normaliser, merges as pairs (the newer dialect), one special token.
tokenizer_odd.json: no alphabet of its own (bytes that the text lacks are dropped), NFC, a space put before every text,
merges as "a b" strings (the older dialect), added tokens of each kind: special, normalised, runs of spaces, prefixes of
one another, one that NFC changes.
tokenizer_gpt2.json: as GPT-2's and GPT-Neo's files are: bytes in GPT-2's order, <|endoftext|> the last of the vocabulary,
special and yet normalised, merges as strings after a version line, no type of the model.

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

gpt2 = json.loads(train(400, pre_tokenizers.ByteLevel.alphabet(), False, False, []).to_str())
ids = gpt2["model"]["vocab"]
printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
letters = [chr(b) for b in printing] + [chr(0x100 + i) for i in range(256 - len(printing))]
merged = ["".join(m) for m in gpt2["model"]["merges"]]
end = "<|endoftext|>"
gpt2["model"] = {
    "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
    "vocab": {word: i for i, word in enumerate(letters + list(dict.fromkeys(merged)) + [end])},
    "merges": ["#version: 0.2"] + [" ".join(m) for m in gpt2["model"]["merges"]],
}
assert set(ids) | {end} == set(gpt2["model"]["vocab"])
gpt2["added_tokens"] = [{"id": len(ids), "special": True, "content": end, "single_word": False, "lstrip": False,
                         "rstrip": False, "normalized": True}]
Tokenizer.from_str(json.dumps(gpt2))  # reads it, too
with open(os.path.join(here, "tokenizer_gpt2.json"), "w", encoding="utf-8") as f:
    json.dump(gpt2, f, ensure_ascii=False)
