#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes tests/golden/demo: per-token losses of demo checkpoints, as transformers computes them.

    venv/bin/python tests/golden/demo_reference.py          (torch, transformers, tokenizers, numpy)

For every checkpoint below and the three documents doc1.txt .. doc3.txt, one after the other:

  NAME-stepN.f64.npy   float64, the truth: the float16 weights widened to float64 and every
                       operation in float64, but for the rotary tables: angle = position x frequency
                       in float32 as transformers has it, its cosine and sine taken in float64 and
                       rounded to float32.
  NAME-stepN.f32.npy   float32, what transformers computes in float32 with its default attention.
  reference.json       ids of the documents, mean losses, and the error of float32 against the
                       truth: the yardstick for ours.

A document of T tokens has T - 1 losses in nats. transformers' eager attention is not used for the
truth because it takes its softmax in float32 whatever the model's type.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import GPTNeoXForCausalLM

HERE = Path(__file__).resolve().parent
SUITE = HERE.parent.parent / "models" / "demo"
PAIRS = [("demo-3k", 1000), ("demo-7k", 0), ("demo-25k", 512), ("demo-59k", 1000),
         ("demo-115k", 64), ("demo-115k", 1000), ("demo-311k", 1000)]


def exact_rotary(rotary):
    """Replaces the module's tables by correctly rounded cosines and sines of its own angles."""

    def forward(x, position_ids):
        freq = rotary.original_inv_freq.to(torch.float32)
        angle = position_ids[..., None].float() * freq
        angle = torch.cat((angle, angle), dim=-1).double()
        return angle.cos().float().to(x.dtype), angle.sin().float().to(x.dtype)

    rotary.forward = forward


def losses(model, documents):
    out = []
    with torch.no_grad():
        for ids in documents:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
            logp = torch.log_softmax(logits, dim=-1)
            out.append(-logp.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy())
    return np.concatenate(out)


def main():
    torch.set_num_threads(1)
    out = HERE / "demo"
    tok = Tokenizer.from_file(str(SUITE / "demo-3k" / "step0" / "tokenizer.json"))
    documents = [tok.encode(p.read_text(encoding="utf-8")).ids for p in sorted(out.glob("doc*.txt"))]
    report = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "documents": [{"file": "doc%d.txt" % (i + 1), "ids": d} for i, d in enumerate(documents)],
        "predictions": sum(len(d) - 1 for d in documents),
        "checkpoints": [],
    }
    for name, step in PAIRS:
        folder = SUITE / name / ("step%d" % step)
        f32 = {}
        for kind in ("sdpa", "eager"):
            model = GPTNeoXForCausalLM.from_pretrained(str(folder), dtype=torch.float32,
                                                       attn_implementation=kind).eval()
            assert model.config.rope_parameters["partial_rotary_factor"] == 0.25
            f32[kind] = losses(model, documents)
            assert f32[kind].dtype == np.float32
        model = GPTNeoXForCausalLM.from_pretrained(str(folder), dtype=torch.float32,
                                                   attn_implementation="sdpa").double().eval()
        exact_rotary(model.gpt_neox.rotary_emb)
        with sdpa_kernel(SDPBackend.MATH):
            f64 = losses(model, documents)
        assert f64.dtype == np.float64 and np.isfinite(f64).all()
        stem = "%s-step%d" % (name, step)
        np.save(out / (stem + ".f64.npy"), f64)
        np.save(out / (stem + ".f32.npy"), f32["sdpa"])
        row = {"model": name, "step": step, "folder": "models/demo/%s/step%d" % (name, step),
               "mean": float(f64.mean()), "min": float(f64.min()), "max": float(f64.max())}
        for kind, key in (("sdpa", "f32_error"), ("eager", "f32_error_eager")):
            err = np.abs(f32[kind].astype(np.float64) - f64)
            row[key] = {"mean": float(err.mean()), "max": float(err.max())}
        report["checkpoints"].append(row)
        print(stem, json.dumps(row))
    (out / "reference.json").write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
