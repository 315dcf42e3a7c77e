# Writes tests/golden/score: requests.jsonl, and for each model MODEL.json, what the `hf` model of lm-evaluation-harness
# (float32) answers: [log-likelihood, is_greedy] of each request in order, and accuracies by the formulas of its
# multiple_choice tasks. The same of few-shot requests in few_shot.jsonl and few_shot-MODEL.json.
#
#   score_reference.py          needs torch, transformers, lm_eval[hf] (0.4.13), numpy
#
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
OUT = os.path.join(HERE, "score")
MODELS = ["demo-115k/step1000", "demo-25k/step512", "demo-3k/step1000"]
FEW_SHOT_MODELS = MODELS[:2]

PAIRS = [  # (context, continuation)
    ("This program is free", " software"),
    ("This program is free ", "software"),  # the space moves
    ("This program is free \t\n", "software"),
    ("This program is free\u00a0\u3000", "software"),  # and so does other white space
    ("This program is free\x1f", " software"),
    ("soft", "ware"),  # one word on both sides of the seam
    ("the licen", "sed work may be copied"),
    ("pro", "gram"),
    ("e\u0301tude, na\u00ef", "ve caf\u00e9 \u2014 \U0001f600 end"),
    ("cafe", "\u0301 noir"),  # a mark that composes across the seam
    ("x  ", "  y"),  # runs of spaces are tokens of their own
    ("", "The licence of the work"),
    ("", " of"),
    ("", "<|endoftext|>The licence"),  # begins with the prefix token
    ("<|endoftext|>", "The licence"),
    ("one<|endoftext|>", "two"),
    ("line one\nline two\n", "line three\n"),
    ("\"quoted\" \\ back", "slash \"end\""),
]


def long_text():
    with open(os.path.join(ROOT, "LICENSE"), encoding="utf-8") as f:
        return f.read()


def requests(greedy):
    text = long_text()
    lines = [{"context": c, "continuation": d} for c, d in PAIRS]
    for at in (0, 5000, 9000):  # LAMBADA: the last word of a passage
        passage = text[at:at + 400].rsplit(None, 1)
        lines.append({"context": passage[0], "continuation": " " + passage[1]})
    for at, n in ((1000, 1500), (3000, 4000), (12000, 1200)):  # longer than the models' context
        lines.append({"context": text[at:at + n], "continuation": text[at + n:at + n + 60]})
    lines.append({"context": text[2000:2030], "continuation": text[2030:2330]})
    questions = [
        ("You may copy and distribute the", ["Program", "Programs", "licence itself", "sea"], 0),
        ("The terms of this", ["License", "Public License", "code", "file"], 1),
        (text[7000:7400], [text[7400:7420], "no", "of the work and all of its parts", "a"], 2),
        ("Answer:", ["A", "B", "C", "D"], 3),
        ("Is it so?", ["yes", "no"], 0),
        ("Is it so?", ["no", "yes", "caf\u00e9 \u2014"], 2),
        ("He said", ["zq", "\u00e9\u00e9\u00e9\u00e9"], 1),  # more bytes than characters
        ("He said", ["{}Q", "\u2014\u2014\u2014\u2014\u2014\u2014"], 0),
    ]
    shared = text[15000:15500] + "\n\n"  # a beginning that several lines share
    questions += [(shared + c, d, g) for c, d, g in questions]
    for i, (c, d, g) in enumerate(questions):
        lines.append({"context": c, "choices": d, "gold": g, "delimiter": " ", "id": i})
    for context, continuation in greedy:  # what the first model would say, and not quite
        lines.append({"context_ids": context, "continuation_ids": continuation})
        lines.append({"context_ids": context, "continuation_ids": continuation[:3]})
        wrong = continuation[:-1] + [(continuation[-1] + 1) % 500]
        lines.append({"context_ids": context, "continuation_ids": wrong})
        lines.append({"context_ids": context, "choices_ids": [continuation[:1], wrong, wrong[-1:]], "gold": 0})
    lines.append({"context_ids": [], "continuation_ids": [7, 8, 9]})
    return lines


def few_shot():
    """Questions after examples with their answers: the examples are most of every context, and the same in many."""
    text = long_text()
    words = sorted({w for w in text.split() if w.isalpha() and len(w) > 3})
    rng = np.random.default_rng(11)
    questions = []
    for i in range(24):  # which word comes next? At any place of the text, one right choice of four
        at = 400 + 1300 * i
        passage = text[at:at + 60].split()
        gold = int(rng.integers(4))
        choices = [words[k] for k in rng.choice(len(words), 4, replace=False)]
        choices[gold] = passage[-1]
        if i % 5 == 0:
            choices = choices[:2] if gold < 2 else choices[2:]
            gold %= 2
        questions.append((" ".join(passage[1:-1]), choices, gold))

    def shot(q, answer=True):
        return "Text: %s\nNext:%s" % (q[0], " " + q[1][q[2]] + "\n\n" if answer else "")

    lines = []
    for shots in (1, 3, 5, 16):  # 16: longer than the models' context, of which only the end is left
        examples = "".join(shot(q) for q in questions[:shots])
        for i, q in enumerate(questions[16:]):
            lines.append({"context": examples + shot(q, False), "choices": q[1], "gold": q[2], "delimiter": " ", "id": "%d-%d" % (shots, i)})
        q = questions[16]
        lines.append({"context": examples + "Text: " + q[0], "continuation": " " + q[1][q[2]]})
    # the examples in another order, so that only a part of the beginning is shared; the end of one as a choice
    for order in ((0, 1, 2, 4, 3), (0, 1, 3, 2, 4), (4, 0, 1, 2, 3)):
        examples = "".join(shot(questions[k]) for k in order)
        for q in questions[16:20]:
            lines.append({"context": examples + shot(q, False), "choices": q[1] + [q[1][0] + "\n\nText:"], "gold": q[2], "delimiter": " "})
    return lines


def load(model):
    return HFLM(pretrained=os.path.join(ROOT, "models", "demo", model), dtype="float32", batch_size=1, device="cpu")


def answers(lm, lines):
    texts, ids = [], []
    for i, line in enumerate(lines):
        prefix = line.get("delimiter", "")
        if "context" in line:
            for j, c in enumerate(line.get("choices", [line.get("continuation")])):
                args = (line["context"], (prefix if "choices" in line else "") + c)
                texts.append(((i, j), Instance("loglikelihood", {}, args, 0)))
        else:
            for j, c in enumerate(line.get("choices_ids", [line.get("continuation_ids")])):
                ids.append(((i, j), ((None, None), line["context_ids"] or [lm.prefix_token_id], c)))
    found = dict(zip([k for k, _ in texts], lm.loglikelihood([q for _, q in texts])))
    found.update(zip([k for k, _ in ids], lm._loglikelihood_tokens([q for _, q in ids])))
    return [found[k] for k in sorted(found)]


def accuracies(lines, found):
    hits = {"acc": [], "acc_norm": [], "acc_bytes": []}
    at, plain = 0, []
    for line in lines:
        choices = line.get("choices", line.get("choices_ids"))
        n = len(choices) if choices else 1
        lls = np.array([x for x, _ in found[at:at + n]])
        if not choices:
            plain.append(found[at])
        else:
            hits["acc"].append(np.argmax(lls) == line["gold"])
            if "choices" in line:
                hits["acc_norm"].append(np.argmax(lls / [float(len(c)) for c in choices]) == line["gold"])
                hits["acc_bytes"].append(np.argmax(lls / [float(len(c.encode())) for c in choices]) == line["gold"])
        at += n
    out = {k: [float(np.mean(v)), float(np.std(v, ddof=1) / len(v) ** 0.5), len(v)] for k, v in hits.items()}
    out["greedy"] = [float(np.mean([g for _, g in plain])), len(plain)]
    out["perplexity"] = float(np.exp(-np.mean([x for x, _ in plain])))
    return out


def greedy(lm, count=12):
    out = []
    for context in ("GNU GENERAL PUBLIC", "The source code of", "If you"):
        ids = lm.tok_encode(context)
        with torch.no_grad():
            more = lm.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=count, min_new_tokens=count)
        out.append((ids, more[0, len(ids):].tolist()))
    return out


def write_few_shot(lm, model):
    lines = few_shot()
    with open(os.path.join(OUT, "few_shot.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(json.dumps(x) + "\n" for x in lines)
    found = answers(lm, lines)
    with open(os.path.join(OUT, "few_shot-" + model.replace("/", "-") + ".json"), "w", encoding="utf-8") as f:
        json.dump({"model": model, "summary": accuracies(lines, found), "answers": found}, f)
        f.write("\n")


def main():
    os.makedirs(OUT, exist_ok=True)
    lines = None
    for model in MODELS:
        lm = load(model)
        if lines is None:
            lines = requests(greedy(lm))
            with open(os.path.join(OUT, "requests.jsonl"), "w", encoding="utf-8") as f:
                f.writelines(json.dumps(x) + "\n" for x in lines)
        found = answers(lm, lines)
        with open(os.path.join(OUT, model.replace("/", "-") + ".json"), "w", encoding="utf-8") as f:
            json.dump({"model": model, "summary": accuracies(lines, found), "answers": found}, f)
            f.write("\n")
        if model in FEW_SHOT_MODELS:
            write_few_shot(lm, model)


main()
