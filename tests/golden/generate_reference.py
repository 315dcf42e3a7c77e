# Writes tests/golden/generate.json: what transformers (float32, greedy) makes of prompts of token ids, for models of
# tests/golden/folders and of the demo suite: [{"model", "prompt", "ids"}]. Texts in which the greatest logit is ever less than
# 1e-3 above the next are left out: there another order of sums may decide otherwise.
#
#   generate_reference.py       needs torch, transformers, numpy
#
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os

import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["folders/" + x for x in ("st-f16", "st-bf16", "hub-sequential", "hub-tied", "var-gelu-tanh", "var-rotary-100",
                                   "var-no-attention-bias", "bin-f32")]
MODELS += ["../../models/demo/" + x for x in ("demo-115k/step1000", "demo-59k/step64", "demo-3k/step1000")]
PROMPTS = [[5], [17, 3, 96], list(range(20, 61)), [7] * 30 + [50, 60, 70], [11, 12]]
COUNT = 50


def main():
    out = []
    for name in MODELS:
        model = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(HERE, name), dtype=torch.float32)
        model.eval()
        model.generation_config.eos_token_id = None
        kept = 0
        for prompt in PROMPTS:
            with torch.no_grad():
                ids = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=COUNT, pad_token_id=0)
                logits = model(ids).logits[0, len(prompt) - 1:-1]
            top = logits.topk(2).values
            ids = ids[0, len(prompt):].tolist()
            assert len(ids) == COUNT
            if (top[:, 0] - top[:, 1]).min() > 1e-3:
                out.append({"model": name, "prompt": prompt, "ids": ids})
                kept += 1
        print(name, kept)
        assert kept
    with open(os.path.join(HERE, "generate.json"), "w", encoding="utf-8") as f:
        f.write("[" + ",\n".join(json.dumps(x) for x in out) + "]\n")


main()
