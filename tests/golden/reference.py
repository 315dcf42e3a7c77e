# Reference losses: what Hugging Face transformers computes in float32, and a float64 evaluation of
# the same weights, both on PyTorch's CPU build. Shared by make_folders.py and forward_reference.py.
#
# The float64 evaluation keeps the float32 rotary angles of the released models: the frequencies and
# position x frequency are rounded to float32 as transformers does (its rotary embedding is float32
# even in a float64 model), then cosine and sine are taken in double and rounded to float32. Angles
# taken in float64 throughout would be another model: losses move by up to 3e-5 nat.
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import struct
import types

import numpy as np
import torch
import torch.nn.functional as F

MASK = (1 << 64) - 1


def splitmix64(x):
    """The finaliser of splitmix64; the same function as in make_model.c."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def hash_ids(seed, lengths, limit):
    """Documents of token ids as make_model --corpus writes them: position t of document d holds
    (splitmix64(splitmix64(seed) + (d << 32) + t) >> 32) * limit >> 32, but every fourth token
    repeats the one before it."""
    base = splitmix64(seed)
    docs = []
    for d, n in enumerate(lengths):
        ids = [((splitmix64((base + (d << 32) + t) & MASK) >> 32) * limit) >> 32 for t in range(n)]
        for t in range(3, n, 4):
            ids[t] = ids[t - 1]
        docs.append(np.array(ids, dtype=np.int64))
    return docs


def write_megatron(prefix, docs):
    """docs as PREFIX.bin and PREFIX.idx: uint16, one sequence per document."""
    sizes = np.array([len(d) for d in docs], dtype="<i4")
    starts = np.concatenate([[0], np.cumsum(sizes[:-1], dtype=np.int64)]) if len(docs) else []
    with open(prefix + ".bin", "wb") as f:
        for d in docs:
            f.write(np.asarray(d).astype("<u2").tobytes())
    with open(prefix + ".idx", "wb") as f:
        f.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, len(docs), len(docs) + 1))
        f.write(sizes.tobytes())
        f.write((np.asarray(starts, dtype=np.int64) * 2).astype("<i8").tobytes())
        f.write(np.arange(len(docs) + 1, dtype="<i8").tobytes())


def attend_double(self, query, key, value, attention_mask=None):
    """GPTNeoSelfAttention._attn in float64: causal, local layers within their window, not scaled."""
    T = key.size(-2)
    score = query @ key.transpose(-1, -2)
    weights = torch.softmax(score.masked_fill(~self.bias[:, :, :T, :T], float("-inf")), dim=-1)
    return weights @ value, weights


def load(folder, double=False):
    """The model as transformers loads it, in float32 or (weights widened) float64."""
    from transformers import AutoModelForCausalLM

    with open(os.path.join(folder, "config.json")) as f:
        neo = json.load(f)["model_type"] == "gpt_neo"
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager" if neo else "sdpa"
    ).eval()
    if double and model.config.model_type == "gpt_neo":
        model.double()
        for block in model.transformer.h:  # it computes scores in float32 whatever the model is
            block.attn.attention._attn = types.MethodType(attend_double, block.attn.attention)
    elif double:
        model.double()
        rotary = model.gpt_neox.rotary_emb
        inv_freq = type(rotary).compute_default_rope_parameters(model.config)[0]
        assert inv_freq.dtype == torch.float32

        def forward(self, x, position_ids):
            angle = position_ids[..., None].float() * inv_freq
            angle = torch.cat((angle, angle), dim=-1).double()
            return angle.cos().float().to(x.dtype), angle.sin().float().to(x.dtype)

        rotary.forward = types.MethodType(forward, rotary)
    return model


@torch.no_grad()
def losses(model, docs, chunk=256):
    """Loss of every predicted token in nats, documents joined in order: T tokens give T-1 losses."""
    out = []
    for ids in docs:
        if len(ids) < 2:
            continue
        ids = torch.from_numpy(np.asarray(ids, dtype=np.int64))
        inputs = ids[None, : model.config.max_position_embeddings]  # learned ones end there
        hidden = model.base_model(inputs, use_cache=False).last_hidden_state[0, : len(ids) - 1]
        for a in range(0, len(hidden), chunk):
            logits = model.lm_head(hidden[a : a + chunk])
            target = ids[1 + a : 1 + a + chunk]
            out.append(F.cross_entropy(logits, target, reduction="none").numpy())
    return np.concatenate(out)


@torch.no_grad()
def losses_plain(weights, cfg, docs):
    """The same losses in float64 from the equations alone, without transformers: guards the
    reference itself. weights: hub names -> tensors; cfg: the hub's keys."""
    w = {k: v.double() for k, v in weights.items() if v.dtype.is_floating_point}
    d, heads = cfg["hidden_size"], cfg["num_attention_heads"]
    size = d // heads
    rot = int(size * cfg["rotary_pct"])
    exponent = np.arange(0, rot, 2, dtype=np.float32) / np.float32(rot)
    power = np.power(np.float64(cfg["rotary_emb_base"]), exponent.astype(np.float64))
    inv_freq = np.float32(1) / power.astype(np.float32)
    out = []

    def norm(x, name):
        return F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], cfg["layer_norm_eps"])

    def linear(x, name):
        return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))

    def gelu(x):
        return F.gelu(x, approximate="none" if cfg["hidden_act"] == "gelu" else "tanh")

    for ids in docs:
        T = len(ids)
        if T < 2:
            continue
        angle = np.arange(T, dtype=np.float32)[:, None] * inv_freq[None]
        angle = np.concatenate([angle, angle], axis=1).astype(np.float64)
        cos = torch.from_numpy(np.cos(angle).astype(np.float32).astype(np.float64))
        sin = torch.from_numpy(np.sin(angle).astype(np.float32).astype(np.float64))
        mask = torch.full((T, T), float("-inf"), dtype=torch.float64).triu(1)

        def rotate(x):
            r = x[..., :rot]
            half = torch.cat((-r[..., rot // 2 :], r[..., : rot // 2]), dim=-1)
            return torch.cat((r * cos + half * sin, x[..., rot:]), dim=-1)

        def attention(x, p):
            qkv = linear(x, p + "query_key_value").view(T, heads, 3, size).permute(2, 1, 0, 3)
            score = rotate(qkv[0]) @ rotate(qkv[1]).transpose(1, 2) / size**0.5
            mixed = torch.softmax(score + mask, dim=-1) @ qkv[2]
            return linear(mixed.transpose(0, 1).reshape(T, d), p + "dense")

        x = w["gpt_neox.embed_in.weight"][torch.from_numpy(np.asarray(ids, dtype=np.int64))]
        for i in range(cfg["num_hidden_layers"]):
            p = f"gpt_neox.layers.{i}."
            a = attention(norm(x, p + "input_layernorm"), p + "attention.")
            if not cfg["use_parallel_residual"]:
                x = x + a
            m = norm(x, p + "post_attention_layernorm")
            m = linear(gelu(linear(m, p + "mlp.dense_h_to_4h")), p + "mlp.dense_4h_to_h")
            x = x + m + a if cfg["use_parallel_residual"] else x + m
        x = norm(x, "gpt_neox.final_layer_norm")
        head = w.get("embed_out.weight", w["gpt_neox.embed_in.weight"])
        logits = x[:-1] @ head.T
        target = torch.from_numpy(np.asarray(ids[1:], dtype=np.int64))
        out.append((torch.logsumexp(logits, -1) - logits.gather(1, target[:, None])[:, 0]).numpy())
    return np.concatenate(out)
