# Writes tests/golden/neo: one tiny GPT-Neo model in the forms in which its folder is found, as
# make_folders.py does for GPT-NeoX: safetensors and PyTorch zip, whole and sharded (query, key and
# value of a layer in different files), the hub's config.json and that of transformers 5, buffers of
# old checkpoints, the head stored though tied, views, the bare model; and variants. Weights fit
# bfloat16 and float16 exactly, so every form of one variant must give the same losses (float64).
#
#   make_neo.py [OUTPUT]      needs torch, transformers, safetensors, numpy
#
# folders.txt: folder, losses (or "refused"), float32 error mean and max (at least 2e-6 and 1e-5).
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import shutil
import sys
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers import GPTNeoConfig, GPTNeoForCausalLM

import reference

transformers.utils.logging.disable_progress_bar()

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "neo")
HUB = {
    "activation_function": "gelu_new",
    "architectures": ["GPTNeoForCausalLM"],
    "attention_dropout": 0,
    "attention_layers": ["global", "local", "global"],
    "attention_types": [[["global", "local"], 1], [["global"], 1]],
    "bos_token_id": 0,
    "embed_dropout": 0,
    "eos_token_id": 0,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": None,
    "layer_norm_epsilon": 1e-05,
    "max_position_embeddings": 64,
    "model_type": "gpt_neo",
    "num_heads": 2,
    "num_layers": 3,
    "resid_dropout": 0,
    "torch_dtype": "float32",
    "transformers_version": "4.9.0",
    "use_cache": True,
    "vocab_size": 200,
    "window_size": 5,
}
NULL = ["intermediate_size"]  # stands in hub files as null
LENGTHS = [1, 2, 3, 17, 40, 65]
DOCS = reference.hash_ids(7, LENGTHS, HUB["vocab_size"])


def hub_config(folder, **change):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    with open(os.path.join(OUT, folder, "config.json"), "w") as f:
        cfg = {k: v for k, v in dict(HUB, **change).items() if v is not None or k in NULL}
        json.dump(cfg, f, indent=2, sort_keys=True)
        f.write("\n")


def make(**change):
    """The model with weights that are exact in bfloat16 and float16; large enough that losses vary."""
    cfg = dict(HUB, **change)
    for key in ("attention_layers", "torch_dtype", "transformers_version"):
        cfg.pop(key)
    model = GPTNeoForCausalLM(GPTNeoConfig(**cfg)).float().eval()
    gen = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            z = torch.randn(p.shape, generator=gen)
            if "ln_" in name and name.endswith("weight"):
                z = 1 + 0.3 * z.clamp(-2, 2)
            elif name.endswith("bias"):
                z = 0.25 * z
            elif "q_proj" in name or "k_proj" in name:
                z = z / p.shape[1] ** 0.5
            elif "wte" in name or "wpe" in name or "lm_head" in name:
                z = 0.5 * z
            else:
                z = 1.5 * z / p.shape[1] ** 0.5
            z = z.bfloat16().float()
            z[z.abs() < 2.0**-14] = 0
            assert torch.equal(z.half().float(), z)
            p.copy_(z)
    return model


def hub_state(model, dtype=torch.float32, head=False):
    return OrderedDict(
        (name, t.to(dtype).clone())
        for name, t in model.state_dict().items()
        if head or name != "lm_head.weight"
    )


def old_buffers(state, mask_dtype):
    """What checkpoints of 2021 carry: each layer's mask and its fill value."""
    out, T = OrderedDict(), HUB["max_position_embeddings"]
    for name, t in state.items():
        out[name] = t
        if name.endswith("out_proj.bias"):
            p = name[: -len("out_proj.bias")]
            mask = torch.ones(T, T).tril()
            if HUB["attention_layers"][int(name.split(".")[2])] == "local":
                mask -= torch.ones(T, T).tril(-HUB["window_size"])
            out[p + "bias"] = mask.view(1, 1, T, T).to(mask_dtype)
            out[p + "masked_bias"] = torch.tensor(-1e9)
    return out


def save_bin(folder, state, name="pytorch_model.bin"):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    torch.save(state, os.path.join(OUT, folder, name))


def save_index(folder, stem, suffix, parts):
    where = {}
    for i, part in enumerate(parts):
        name = f"{stem}-{i + 1:05d}-of-{len(parts):05d}{suffix}"
        if suffix == ".bin":
            save_bin(folder, part, name)
        else:
            save_file(part, os.path.join(OUT, folder, name), metadata={"format": "pt"})
        where.update((k, name) for k in part)
    with open(os.path.join(OUT, folder, stem + suffix + ".index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": where}, f, indent=2)
        f.write("\n")


def dealt(state, n):
    """Shards that take tensors in turn: q, k and v of a layer lie in different ones."""
    names = list(state)
    return [OrderedDict((k, state[k]) for k in names[i::n]) for i in range(n)]


def strided(state):
    """Query, key and value as views: transposed, every second row, rows of one shared storage."""
    out = OrderedDict()
    for k, t in state.items():
        if "q_proj" in k:
            t = t.t().contiguous().t()
        elif "k_proj" in k:
            wide = torch.zeros(2 * t.shape[0], t.shape[1], dtype=t.dtype)
            wide[1::2] = t
            t = wide[1::2]
        elif "v_proj" in k:
            t = torch.cat([torch.ones_like(t), t])[t.shape[0] :]
        out[k] = t
    return out


@torch.no_grad()
def losses_plain(w, cfg, docs):
    """Float64 losses from the equations alone, without transformers: guards the reference itself."""
    w = {k: v.double() for k, v in w.items()}
    d, heads = cfg["hidden_size"], cfg["num_heads"]
    out = []

    def norm(x, p):
        return F.layer_norm(x, (d,), w[p + "weight"], w[p + "bias"], cfg["layer_norm_epsilon"])

    def split(x):
        return x.view(len(x), heads, d // heads).transpose(0, 1)

    for ids in docs:
        T = len(ids)
        if T < 2:
            continue
        ids = torch.from_numpy(np.asarray(ids))
        n = T - 1
        x = w["transformer.wte.weight"][ids[:n]] + w["transformer.wpe.weight"][:n]
        age = torch.arange(n)[:, None] - torch.arange(n)[None]
        for i, kind in enumerate(cfg["attention_layers"]):
            p = f"transformer.h.{i}."
            a = p + "attn.attention."
            h = norm(x, p + "ln_1.")
            q, k, v = (split(h @ w[a + c + "_proj.weight"].T) for c in "qkv")
            hidden = (age < 0) | ((age >= cfg["window_size"]) if kind == "local" else False)
            score = (q @ k.transpose(1, 2)).masked_fill(hidden, float("-inf"))
            mixed = (torch.softmax(score, -1) @ v).transpose(0, 1).reshape(n, d)
            x = x + mixed @ w[a + "out_proj.weight"].T + w[a + "out_proj.bias"]
            h = norm(x, p + "ln_2.") @ w[p + "mlp.c_fc.weight"].T + w[p + "mlp.c_fc.bias"]
            h = F.gelu(h, approximate="tanh" if cfg["activation_function"] == "gelu_new" else "none")
            x = x + h @ w[p + "mlp.c_proj.weight"].T + w[p + "mlp.c_proj.bias"]
        logits = norm(x, "transformer.ln_f.") @ w.get("lm_head.weight", w["transformer.wte.weight"]).T
        out.append((torch.logsumexp(logits, -1) - logits.gather(1, ids[1:, None])[:, 0]).numpy())
    return np.concatenate(out)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    table = {}

    def safetensors(folder, state, **change):
        hub_config(folder, **change)
        save_file(state, os.path.join(OUT, folder, "model.safetensors"), metadata={"format": "pt"})

    state = hub_state(make())
    make().half().save_pretrained(os.path.join(OUT, "st-f16"))
    safetensors("st-hub", hub_state(make(), torch.bfloat16))
    hub_config("st-sharded")
    save_index("st-sharded", "model", ".safetensors", dealt(hub_state(make(), torch.float16), 3))
    hub_config("bin-hub")  # as roneneldan/TinyStories-33M: float32, buffers, the head beside
    save_bin("bin-hub", old_buffers(make().state_dict(), torch.bool))
    hub_config("bin-u8")
    save_bin("bin-u8", old_buffers(state, torch.uint8))
    hub_config("bin-sharded")
    save_index("bin-sharded", "pytorch_model", ".bin", dealt(hub_state(make(), torch.float16), 3))
    hub_config("bin-views")
    save_bin("bin-views", strided(hub_state(make(), torch.float16)))
    bare = OrderedDict((k[len("transformer.") :], t.half()) for k, t in state.items())
    safetensors("st-bare", bare, architectures=["GPTNeoModel"])
    hub_config("hub-types-only", attention_layers=None)
    shutil.copy(os.path.join(OUT, "st-hub", "model.safetensors"), os.path.join(OUT, "hub-types-only"))
    for folder in sorted(os.listdir(OUT)):
        table[folder] = ("losses", {})

    variants = {
        "var-untied": dict(tie_word_embeddings=False),
        "var-local": dict(
            attention_layers=["local"] * 3, attention_types=[[["local"], 3]], window_size=1
        ),
        "var-global": dict(attention_layers=["global"] * 3, attention_types=[[["global"], 3]]),
        "var-gelu-ffn": dict(activation_function="gelu", intermediate_size=40, layer_norm_epsilon=0.01),
    }
    for folder, change in variants.items():
        model = make(**change)
        safetensors(folder, hub_state(model, torch.float16, "tie" in str(change)), **change)
        table[folder] = ("losses-" + folder[4:], change)

    # Must be refused.
    safetensors("bad-missing", OrderedDict(list(state.items())[:-1]))
    mixed = OrderedDict((k, t.half() if "k_proj" in k else t) for k, t in state.items())
    safetensors("bad-mixed", mixed)
    safetensors("bad-positions", state, max_position_embeddings=63)
    safetensors("bad-layers", state, attention_types=[[["global", "local"], 2]])
    safetensors("bad-kinds", state, attention_layers=["local", "global", "global"])
    nan = hub_state(make())
    nan["transformer.h.1.attn.attention.v_proj.weight"][3, 7] = float("nan")
    safetensors("bad-nan", nan)

    for root, _, files in os.walk(OUT):
        for f in files:
            if f == "generation_config.json":
                os.remove(os.path.join(root, f))

    # Losses of each variant, from its first folder; every other folder must agree.
    done, bars = {}, {}
    with open(os.path.join(OUT, "folders.txt"), "w") as f:
        for folder, (losses, change) in table.items():
            path = os.path.join(OUT, folder)
            got = reference.losses(reference.load(path, double=True), DOCS)
            if losses not in done:
                f32 = reference.losses(reference.load(path), DOCS)
                plain = losses_plain(make(**change).state_dict(), dict(HUB, **change), DOCS)
                assert np.abs(plain - got).max() < 1e-9, (folder, np.abs(plain - got).max())
                done[losses] = got
                error = np.abs(f32 - got)
                bars[losses] = f"{max(error.mean(), 2e-6):.3e} {max(error.max(), 1e-5):.3e}"
                np.save(os.path.join(OUT, losses + ".npy"), got)
                print(f"{losses}: {len(got)} losses, mean {got.mean():.4f} sd {got.std():.3f}, "
                      f"float32 error mean {error.mean():.2e} max {error.max():.2e}")
            assert np.abs(got - done[losses]).max() < 1e-9, folder
            f.write(f"{folder} {losses}.npy {bars[losses]}\n")
        for folder in sorted(os.listdir(OUT)):
            if folder.startswith("bad-"):
                f.write(f"{folder} refused\n")
    reference.write_megatron(os.path.join(OUT, "corpus"), DOCS)


main()
