#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the demo suite: five tiny GPT-NeoX models trained on Debian's documentation.

    python3 -m venv venv && venv/bin/pip install torch transformers tokenizers safetensors numpy
    venv/bin/python models/demo/train.py --work /tmp/demo all

The stages, each usable alone:

  fetch   apt-get download of the packages below, dpkg -x into WORK/x (nothing is installed)
  text    their English HTML pages to plain paragraphs, WORK/train.txt.json (a list of documents)
  bpe     a byte-level BPE of the GPT-NeoX kind with 500 ids, OUT/tokenizer.json
  train   NAME...: every size sees the same batches in the same order, as in Pythia;
          float16 checkpoints to OUT/NAME/step<N>/
  losses  mean losses on the machine's licence texts, in float64, OUT/losses.tsv

Nothing random is left unseeded; another CPU or PyTorch still gives slightly different weights,
because PyTorch's sums differ. The models of the repository were made with torch 2.15.0,
transformers 5.23.0, tokenizers 0.23.3 on Debian 12.
"""

import argparse
import gzip
import hashlib
import html.parser
import json
import math
import re
import shutil
import subprocess
import time
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
CONTEXT = 256  # tokens per training row, and max_position_embeddings
VOCAB = 512  # rows of the embeddings; the tokenizer has 500 ids, the rest is padding as in Pythia
TOKENS = 500
BATCH = 16  # rows per step
STEPS = [0, 16, 32, 64, 128, 256, 512, 1000]
HORIZON = 2000  # the cosine's length; training stops at half of it, the last checkpoint
SEED = 1234

# Name: width, layers, heads, learning rate. Non-embedding parameters: L(12d^2 + 13d) + 2d.
SIZES = {
    "demo-3k": (16, 1, 2, 2.4e-2),
    "demo-7k": (24, 1, 1, 2.0e-2),
    "demo-25k": (32, 2, 2, 1.6e-2),
    "demo-59k": (40, 3, 1, 1.2e-2),
    "demo-115k": (56, 3, 1, 1.0e-2),
}
NEW_DIALECT = "demo-25k"  # its config.json is written as transformers 5 writes it


def n_params(d, layers):
    return layers * (12 * d * d + 13 * d) + 2 * d


# ---------------------------------------------------------------------------------- text

def fetch(work):
    debs, root = work / "debs", work / "x"
    debs.mkdir(parents=True, exist_ok=True)
    for name, version, _ in PACKAGES:
        if not list(debs.glob(name + "_*.deb")):
            subprocess.run(["apt-get", "download", "-q", name], cwd=debs, check=True)
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
    (work / "train.txt.json").write_text(json.dumps(documents))


# ------------------------------------------------------------------------------- tokenizer

def bpe(work, out):
    """The shape of the GPT-NeoX-20B tokenizer: <|endoftext|> and <|padding|> are ids 0 and 1,
    the byte symbols that valid UTF-8 never needs are left out, and runs of 24 to 2 spaces are
    added, normalized tokens at the end."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers, processors, trainers

    documents = json.loads((work / "train.txt.json").read_text())
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=True)

    # ByteLevel.alphabet() is unordered, so the byte-to-symbol table is written out here.
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b]
    others = [b for b in range(256) if b not in plain]
    symbol = {b: chr(b) for b in plain}
    symbol.update({b: chr(256 + i) for i, b in enumerate(others)})
    never = {0xC0, 0xC1} | set(range(0xF5, 0x100))
    alphabet = [symbol[b] for b in range(256) if b not in never]

    runs = ["  " + " " * k for k in range(22, -1, -1)]
    special = ["<|endoftext|>", "<|padding|>"]
    trainer = trainers.BpeTrainer(vocab_size=TOKENS - len(runs), special_tokens=special,
                                  initial_alphabet=alphabet, show_progress=False)
    # Runs of spaces are cut out before the regular expression in use, so in training too.
    tok.train_from_iterator((re.sub(r" {2,}", "\n", d) for d in documents), trainer)
    tok.add_tokens([AddedToken(r, normalized=True) for r in runs])
    assert tok.get_vocab_size() == TOKENS
    out.mkdir(parents=True, exist_ok=True)
    tok.save(str(out / "tokenizer.json"), pretty=False)
    print("tokenizer.json: %d bytes, %d ids" %
          ((out / "tokenizer.json").stat().st_size, tok.get_vocab_size()))


def token_stream(work, out):
    """All documents, each followed by <|endoftext|>, as one array of ids."""
    import numpy as np
    from tokenizers import Tokenizer

    tok = Tokenizer.from_file(str(out / "tokenizer.json"))
    documents = json.loads((work / "train.txt.json").read_text())
    order = np.random.default_rng(SEED).permutation(len(documents))
    ids = []
    for e in tok.encode_batch([documents[i] for i in order]):
        ids.extend(e.ids)
        ids.append(0)
    return np.array(ids, dtype=np.uint16)


def batches(stream):
    """Rows of CONTEXT + 1 ids, shuffled once per epoch: the same sequence for every size."""
    import numpy as np

    rows = (len(stream) - 1) // CONTEXT
    rng = np.random.default_rng(SEED + 1)
    at, order = rows, None
    while True:
        take = []
        while len(take) < BATCH:
            if at == rows:
                order, at = rng.permutation(rows), 0
            take.append(int(order[at]))
            at += 1
        yield np.stack([stream[r * CONTEXT:r * CONTEXT + CONTEXT + 1] for r in take])


# -------------------------------------------------------------------------------- training

def hub_config(name):
    """config.json as on the hub: the dialect of transformers 4."""
    d, layers, heads, _ = SIZES[name]
    return {
        "architectures": ["GPTNeoXForCausalLM"],
        "bos_token_id": 0,
        "eos_token_id": 0,
        "hidden_act": "gelu",
        "hidden_size": d,
        "initializer_range": 0.02,
        "intermediate_size": 4 * d,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": CONTEXT,
        "model_type": "gpt_neox",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "rotary_emb_base": 10000,
        "rotary_pct": 0.25,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.24.0",
        "use_cache": True,
        "use_parallel_residual": True,
        "vocab_size": VOCAB,
    }


def new_model(name, attn="sdpa"):
    """Random weights: small_init for what reads the residual stream, wang_init for what writes
    it, as in Pythia's configurations."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    d, layers, heads, _ = SIZES[name]
    config = GPTNeoXConfig(
        vocab_size=VOCAB, hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * d, hidden_act="gelu", layer_norm_eps=1e-5,
        max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=0,
        tie_word_embeddings=False, use_parallel_residual=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.25},
        attn_implementation=attn)
    model = GPTNeoXForCausalLM(config)
    gen = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.dim() < 2:
                p.fill_(1.0 if key.endswith("weight") else 0.0)
                continue
            writes = "attention.dense" in key or "dense_4h_to_h" in key
            std = 2 / (layers * math.sqrt(d)) if writes else math.sqrt(2 / (5 * d))
            # wang_init of so shallow a model would be far wider than any Pythia's.
            p.normal_(0.0, min(std, math.sqrt(2 / (5 * d))), generator=gen)
    got = sum(p.numel() for k, p in model.named_parameters() if p.shape[0] != VOCAB)
    assert got == n_params(d, layers), (got, n_params(d, layers))
    return model


def save_step(model, name, step, out):
    """What a hub folder holds: float16 tensors under the hub's names, and config.json."""
    import torch
    from safetensors.torch import save_file

    folder = out / name / ("step%d" % step)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(out / "tokenizer.json", folder / "tokenizer.json")
    tensors = {}
    for key, p in model.named_parameters():
        key = key.replace("lm_head.weight", "embed_out.weight")
        half = p.detach().to(torch.float16).contiguous()
        assert torch.isfinite(half).all(), key
        tensors[key] = half
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = hub_config(name)
    if name == NEW_DIALECT:
        config = json.loads(model.config.to_json_string(use_diff=True))
        config.update(architectures=["GPTNeoXForCausalLM"], dtype="float16")
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text)


def train(work, out, names, steps, threads, lr_scale=1.0, save=True):
    import torch

    torch.set_num_threads(threads)
    stream = token_stream(work, out)
    print("%d tokens, %.2f epochs" % (len(stream), STEPS[-1] * BATCH * CONTEXT / len(stream)),
          flush=True)
    for name in names:
        torch.manual_seed(SEED)
        model = new_model(name).train()
        peak = SIZES[name][3] * lr_scale
        decay = [p for p in model.parameters() if p.dim() > 1]
        plain = [p for p in model.parameters() if p.dim() < 2]
        opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1},
                                 {"params": plain, "weight_decay": 0.0}],
                                lr=peak, betas=(0.9, 0.95), eps=1e-8)
        source, start, mean = batches(stream), time.time(), 0.0
        for step in range(steps + 1):
            if step in STEPS and save:
                save_step(model, name, step, out)
            if step == steps:
                break
            # Warm-up over 1 % of the steps, then a cosine to a tenth, as Pythia's.
            warm = HORIZON // 100
            if step < warm:
                lr = peak * (step + 1) / warm
            else:
                lr = peak * (0.55 + 0.45 * math.cos(math.pi * (step - warm) / (HORIZON - warm)))
            for group in opt.param_groups:
                group["lr"] = lr
            rows = torch.from_numpy(next(source).astype("int64"))
            logits = model(input_ids=rows[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB),
                                                     rows[:, 1:].reshape(-1))
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            mean = loss.item() if step == 0 else 0.98 * mean + 0.02 * loss.item()
            if step % 50 == 0 or step == steps - 1:
                print("%s step %d: %.4f (mean %.4f) %.0f s" %
                      (name, step, loss.item(), mean, time.time() - start), flush=True)


# ---------------------------------------------------------------------------------- losses

def load(folder):
    """The checkpoint in float64. transformers' angles stay position x frequency in float32, their
    cosines and sines are taken in float64 and rounded to float32 (torch's own are sometimes one
    bit off)."""
    import torch
    from transformers import GPTNeoXForCausalLM

    model = GPTNeoXForCausalLM.from_pretrained(str(folder), dtype=torch.float32,
                                               attn_implementation="sdpa").double().eval()
    rotary = model.gpt_neox.rotary_emb

    def tables(x, position_ids):
        angle = position_ids[..., None].float() * rotary.original_inv_freq.float()
        angle = torch.cat((angle, angle), dim=-1).double()
        return angle.cos().float().to(x.dtype), angle.sin().float().to(x.dtype)

    rotary.forward = tables
    return model


def token_losses(model, rows):
    """-log p of every token but the first, nats, for rows of equal length: [rows, length - 1].
    (The eager attention would take its softmax in float32; this one stays in float64.)"""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    ids = torch.tensor(rows)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        logp = torch.log_softmax(logits, dim=-1)
        return -logp.gather(2, ids[:, 1:, None])[:, :, 0].numpy()


def measure(folder, work, docs):
    """Losses of every file under both protocols; kept in WORK, as they take a while."""
    import numpy as np

    key = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
    kept = work / ("losses-%s.npy" % key)
    counts = [sum(min(CONTEXT, len(ids) - i) - 1 for i in range(0, len(ids), CONTEXT))
              for _, ids in docs]
    if not kept.exists():
        model, values = load(folder), []
        for _, ids in docs:
            parts = [ids[i:i + CONTEXT] for i in range(0, len(ids), CONTEXT)]
            whole, rest = [p for p in parts if len(p) == CONTEXT], parts[-1]
            values += [token_losses(model, whole[i:i + 16]).ravel()
                       for i in range(0, len(whole), 16)]
            if 1 < len(rest) < CONTEXT:
                values.append(token_losses(model, [rest]).ravel())
        np.save(kept, np.concatenate(values))
    values = np.load(kept)
    assert len(values) == sum(counts)
    full = np.split(values, np.cumsum(counts)[:-1])
    return [f[:CONTEXT - 1] for f in full], full


def losses(work, out):
    """Two protocols: each file cut to its first 256 tokens, and each file in whole windows of
    256 tokens that do not overlap (a last window of one token predicts nothing)."""
    import numpy as np
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(1)
    tok = Tokenizer.from_file(str(out / "tokenizer.json"))
    docs = [(p, tok.encode(p.read_text(encoding="utf-8", errors="replace")).ids)
            for p in held_out_files()]
    text = ["# mean losses in nats per predicted token, float64 evaluation of the float16 weights"]
    text.append("# files of %s with sha256, tokens, predictions when cut to 256 tokens, "
                "predictions in windows:" % HELD_OUT)
    for path, ids in docs:
        windows = [ids[i:i + CONTEXT] for i in range(0, len(ids), CONTEXT)]
        text.append("#   %s %s %d %d %d" %
                    (path.name, hashlib.sha256(path.read_bytes()).hexdigest(), len(ids),
                     min(len(ids), CONTEXT) - 1, sum(len(w) - 1 for w in windows)))
    text.append("model\tstep\tn_params\tcut_tokens\tcut_loss\tcut_se\twindow_tokens\twindow_loss"
                "\twindow_se")
    pairs, before = [], None
    for name, (d, layers, _, _) in SIZES.items():
        for step in STEPS:
            cut, full = measure(out / name / ("step%d" % step), work, docs)
            row = [name, str(step), str(n_params(d, layers))]
            for group in (cut, full):
                n, mean, se = clustered(group)
                row += [str(n), "%.9f" % mean, "%.6f" % se]
            text.append("\t".join(row))
            print(text[-1], flush=True)
        # The same tokens under both models: far more certain than two means by themselves.
        if before is not None:
            for what, x, y in (("cut", before[0], cut), ("windows", before[1], full)):
                _, mean, se = clustered([b - a for a, b in zip(x, y)])
                pairs.append("# step %d, %s: %s less the size below: %.4f +- %.4f" %
                             (STEPS[-1], what, name, mean, se))
        before = (cut, full)
    (out / "losses.tsv").write_text("\n".join(text[:1] + pairs + text[1:]) + "\n")
    print("\n".join(pairs))


def clustered(group):
    """Count, mean, and the mean's standard error with documents as clusters."""
    import numpy as np

    n, mean, k = sum(map(len, group)), np.concatenate(group).mean(), len(group)
    residual = np.array([(g - mean).sum() for g in group])
    return n, mean, math.sqrt(k / (k - 1) * (residual ** 2).sum()) / n


def main():
    here = Path(__file__).resolve().parent
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("stage", choices=["fetch", "text", "bpe", "train", "losses", "all"])
    ap.add_argument("names", nargs="*", help="sizes to train (all)")
    ap.add_argument("--work", type=Path, required=True, help="folder for packages and text")
    ap.add_argument("--out", type=Path, default=here)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--stop", type=int, default=STEPS[-1], help="stop after this many steps")
    ap.add_argument("--lr-scale", type=float, default=1.0)
    ap.add_argument("--no-save", action="store_true")
    a = ap.parse_args()
    if a.stage in ("fetch", "all"):
        fetch(a.work)
    if a.stage in ("text", "all"):
        text(a.work)
    if a.stage in ("bpe", "all"):
        bpe(a.work, a.out)
    if a.stage in ("train", "all"):
        train(a.work, a.out, a.names or list(SIZES), a.stop, a.threads, a.lr_scale,
              not a.no_save)
    if a.stage in ("losses", "all"):
        losses(a.work, a.out)


if __name__ == "__main__":
    main()
