#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes tests/golden/demo/bf16.json: how far PyTorch's bfloat16 is from float32 on the demo suite.

    venv/bin/python tests/golden/bf16_reference.py          (torch, transformers, numpy)

The checkpoints and documents of demo_reference.py, whose float32 losses it reads. The model is loaded in
bfloat16 and runs in it; logits are widened before the softmax, as transformers' own loss does.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPTNeoXForCausalLM

HERE = Path(__file__).resolve().parent / "demo"
SUITE = HERE.parent.parent.parent / "models" / "demo"


def losses(model, documents):
    out = []
    with torch.no_grad():
        for ids in documents:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1].float()
            out.append(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none").numpy())
    return np.concatenate(out).astype(np.float64)


def main():
    torch.set_num_threads(1)
    reference = json.loads((HERE / "reference.json").read_text())
    documents = [d["ids"] for d in reference["documents"]]
    report = {"torch": torch.__version__, "transformers": transformers.__version__, "checkpoints": {}}
    for row in reference["checkpoints"]:
        stem = "%s-step%d" % (row["model"], row["step"])
        model = GPTNeoXForCausalLM.from_pretrained(str(SUITE / row["model"] / ("step%d" % row["step"])),
                                                   dtype=torch.bfloat16).eval()
        difference = losses(model, documents) - np.load(HERE / (stem + ".f32.npy")).astype(np.float64)
        report["checkpoints"][stem] = {"mean": float(np.abs(difference).mean()),
                                       "max": float(np.abs(difference).max()), "bias": float(difference.mean())}
        print(stem, json.dumps(report["checkpoints"][stem]))
    (HERE / "bf16.json").write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
