# Writes tests/golden/folders: one tiny GPT-NeoX model in every form in which a folder for it is
# found in the wild (safetensors or PyTorch zip, whole or sharded, float16/bfloat16/float32, both
# dialects of config.json, leftover buffers of old checkpoints, views with strides), and a few
# variants of the architecture. Its weights fit bfloat16 and float16 exactly, so that every form
# of one variant must give the same losses, which are stored beside (float64, see reference.py).
#
#   make_folders.py [OUTPUT]      needs torch, transformers, safetensors, numpy
#
# folders.json names, per folder, its losses; "refused" ones must not load, for the reason given.
# folders.txt is the same for the shell: folder, losses (or "refused"), float32 error mean and max
# (at least 2e-6 and 1e-5: 121 losses are too few for a finer bar).
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import shutil
import sys
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM
import transformers

import reference

transformers.utils.logging.disable_progress_bar()

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "folders")
POSITIONS = 64
HUB = {
    "architectures": ["GPTNeoXForCausalLM"],
    "bos_token_id": 0,
    "eos_token_id": 0,
    "hidden_act": "gelu",
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": POSITIONS,
    "model_type": "gpt_neox",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "rotary_emb_base": 10000,
    "rotary_pct": 0.5,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "transformers_version": "4.24.0",
    "use_cache": True,
    "use_parallel_residual": True,
    "vocab_size": 200,
}
LENGTHS = [1, 2, 3, 17, 40, 64]
DOCS = reference.hash_ids(7, LENGTHS, HUB["vocab_size"])


def hub_config(folder, **change):
    cfg = dict(HUB, **change)
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    with open(os.path.join(OUT, folder, "config.json"), "w") as f:
        json.dump(cfg, f, indent=2, sort_keys=True)
        f.write("\n")
    return cfg


def new_config(**change):
    cfg = dict(HUB, **change)
    cfg.pop("torch_dtype")
    cfg.pop("transformers_version")
    cfg["rope_parameters"] = {
        "rope_type": "default",
        "rope_theta": float(cfg.pop("rotary_emb_base")),
        "partial_rotary_factor": cfg.pop("rotary_pct"),
    }
    return GPTNeoXConfig(**cfg)


def make(**change):
    """The model with weights that are exact in bfloat16 and float16; large enough that losses vary."""
    model = GPTNeoXForCausalLM(new_config(**change)).float().eval()
    gen = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            z = torch.randn(p.shape, generator=gen)
            if "layernorm.weight" in name or "layer_norm.weight" in name:
                z = 1 + 0.3 * z.clamp(-2, 2)
            elif name.endswith("bias"):
                z = 0.25 * z
            elif "embed_in" in name:
                pass
            elif "lm_head" in name:
                z = 0.75 * z
            else:
                z = 1.5 * z / p.shape[1] ** 0.5
            z = z.bfloat16().float()
            z[z.abs() < 2.0**-14] = 0
            assert torch.equal(z.half().float(), z)
            p.copy_(z)
    return model


def hub_state(model, dtype=torch.float16):
    state = OrderedDict()
    for name, t in model.state_dict().items():
        name = name.replace("lm_head.", "embed_out.")
        if name == "embed_out.weight" and model.config.tie_word_embeddings:
            continue
        state[name] = t.to(dtype).clone()
    return state


def old_buffers(state, mask_dtype):
    """Adds what checkpoints of 2022 and 2023 carry: the causal mask, its fill value, inv_freq."""
    rot = int(HUB["hidden_size"] // HUB["num_attention_heads"] * HUB["rotary_pct"])
    mask = torch.ones(POSITIONS, POSITIONS).tril().view(1, 1, POSITIONS, POSITIONS)
    inv_freq = 1.0 / 10000 ** (torch.arange(0, rot, 2).float() / rot)
    out = OrderedDict()
    for name, t in state.items():
        out[name] = t
        if name.endswith("attention.query_key_value.weight"):
            p = name[: -len("query_key_value.weight")]
            out[p + "bias"] = mask.to(mask_dtype).clone()
            out[p + "masked_bias"] = torch.tensor(-1e9).half()
            out[p + "rotary_emb.inv_freq"] = inv_freq.half()
    return out


def save_bin(folder, state, name="pytorch_model.bin", **kw):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    torch.save(state, os.path.join(OUT, folder, name), **kw)


def shards(state, n):
    names = list(state)
    step = -(-len(names) // n)
    return [OrderedDict((k, state[k]) for k in names[i : i + step]) for i in range(0, len(names), step)]


def save_index(folder, stem, suffix, parts):
    where, total = {}, 0
    for i, part in enumerate(parts):
        name = f"{stem}-{i + 1:05d}-of-{len(parts):05d}{suffix}"
        if suffix == ".bin":
            save_bin(folder, part, name)
        else:
            save_file(part, os.path.join(OUT, folder, name), metadata={"format": "pt"})
        for k, t in part.items():
            where[k] = name
            total += t.numel() * t.element_size()
    with open(os.path.join(OUT, folder, stem + suffix + ".index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": where}, f, indent=2)
        f.write("\n")


def strided(state):
    """The same tensors as views: transposed, every second row, offset into one shared storage."""
    out = OrderedDict()
    shared = torch.cat([t.reshape(-1) for k, t in state.items() if t.dim() == 1])
    at = 0
    for i, (k, t) in enumerate(state.items()):
        if t.dim() == 1:
            out[k] = shared[at : at + t.numel()]
            at += t.numel()
        elif i % 3 == 0:
            out[k] = t.t().contiguous().t()
        elif i % 3 == 1:
            wide = torch.zeros(2 * t.shape[0], t.shape[1], dtype=t.dtype)
            wide[1::2] = t
            out[k] = wide[1::2]
        else:
            out[k] = t
        assert torch.equal(out[k], t)
    return out


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    table = {}

    def add(folder, losses="losses", note="", **more):
        table[folder] = dict({"losses": losses + ".npy", "note": note}, **more)

    model = make()
    state = hub_state(model)

    # Written by transformers itself.
    for dtype, name in ((torch.float16, "f16"), (torch.bfloat16, "bf16"), (torch.float32, "f32")):
        folder = "st-" + name
        make().to(dtype).save_pretrained(os.path.join(OUT, folder))
        add(folder, note=f"save_pretrained, {name}, config.json of transformers 5")
    make().half().save_pretrained(os.path.join(OUT, "st-sharded"), max_shard_size="8KB")
    add("st-sharded", note="save_pretrained with max_shard_size 8KB, config.json of transformers 5")

    # The hub's dialect and names.
    hub_config("st-hub")
    save_file(state, os.path.join(OUT, "st-hub", "model.safetensors"), metadata={"format": "pt"})
    add("st-hub", note="safetensors, hub config.json")
    hub_config("st-hub-sharded")
    save_index("st-hub-sharded", "model", ".safetensors", shards(state, 3))
    add("st-hub-sharded", note="safetensors in 3 shards, hub config.json")
    hub_config("st-buffers-bool")
    save_file(
        old_buffers(state, torch.bool),
        os.path.join(OUT, "st-buffers-bool", "model.safetensors"),
        metadata={"format": "pt"},
    )
    add("st-buffers-bool", note="safetensors with attention.bias (BOOL), masked_bias, inv_freq")
    hub_config("st-mixed", torch_dtype="float32")
    mixed = OrderedDict(
        (k, t.float() if t.dim() == 1 else t.bfloat16() if "mlp" in k else t) for k, t in state.items()
    )
    save_file(mixed, os.path.join(OUT, "st-mixed", "model.safetensors"))
    add("st-mixed", note="element types differ per tensor: F32 vectors, BF16 MLP, F16 rest; no metadata")

    hub_config("bin")
    save_bin("bin", state)
    add("bin", note="torch.save of an OrderedDict")
    hub_config("bin-dict")
    save_bin("bin-dict", dict(state))
    add("bin-dict", note="torch.save of a plain dict")
    raw = make().half().state_dict()
    assert "lm_head.weight" in raw and hasattr(raw, "_metadata")
    hub_config("bin-lm-head")
    save_bin("bin-lm-head", raw)
    add("bin-lm-head", note="torch.save(model.state_dict()): _metadata kept, head named lm_head")
    hub_config("bin-sharded")
    save_index("bin-sharded", "pytorch_model", ".bin", shards(state, 3))
    add("bin-sharded", note="PyTorch zip in 3 shards with index")
    hub_config("bin-buffers-u8")
    save_bin("bin-buffers-u8", old_buffers(state, torch.uint8))
    add("bin-buffers-u8", note="attention.bias as torch.ByteStorage, masked_bias -inf, inv_freq")
    hub_config("bin-buffers-bool")
    save_bin("bin-buffers-bool", old_buffers(state, torch.bool))
    add("bin-buffers-bool", note="attention.bias as torch.BoolStorage")
    hub_config("bin-views")
    save_bin("bin-views", strided(state))
    add("bin-views", note="transposed and strided views, vectors sharing one storage")
    hub_config("bin-parameters")
    save_bin("bin-parameters", OrderedDict((k, torch.nn.Parameter(t)) for k, t in state.items()))
    add("bin-parameters", note="values are nn.Parameter (torch._utils._rebuild_parameter)")
    for dtype, name, torch_dtype in (
        (torch.bfloat16, "bf16", "bfloat16"),
        (torch.float32, "f32", "float32"),
    ):
        hub_config("bin-" + name, torch_dtype=torch_dtype)
        save_bin("bin-" + name, hub_state(model, dtype))
        add("bin-" + name, note=f"torch.save, {name}")

    # Must be refused.
    hub_config("bad-old-torch")
    save_bin("bad-old-torch", state, _use_new_zipfile_serialization=False)
    add("bad-old-torch", refused="PyTorch format from before 1.6, not a zip")
    hub_config("bad-missing")
    short = OrderedDict(state)
    del short["gpt_neox.layers.1.mlp.dense_4h_to_h.bias"]
    save_file(short, os.path.join(OUT, "bad-missing", "model.safetensors"))
    add("bad-missing", refused="gpt_neox.layers.1.mlp.dense_4h_to_h.bias is missing")
    hub_config("bad-shape", intermediate_size=48)
    save_file(state, os.path.join(OUT, "bad-shape", "model.safetensors"))
    add("bad-shape", refused="mlp.dense_h_to_4h has 64 rows, config.json says 48")
    hub_config("bad-act", hidden_act="relu")
    save_file(state, os.path.join(OUT, "bad-act", "model.safetensors"))
    add("bad-act", refused="hidden_act relu")
    hub_config("bad-rope-scaling", rope_scaling={"type": "linear", "factor": 2.0})
    save_file(state, os.path.join(OUT, "bad-rope-scaling", "model.safetensors"))
    add("bad-rope-scaling", refused="rope_scaling linear")

    # Variants of the architecture: same hub weights (less some tensors), other losses.
    variants = {
        "sequential": dict(use_parallel_residual=False),
        "gelu-new": dict(hidden_act="gelu_new"),
        "gelu-tanh": dict(hidden_act="gelu_pytorch_tanh"),
        "rotary-25": dict(rotary_pct=0.25),
        "rotary-100": dict(rotary_pct=1.0, rotary_emb_base=500),
        "eps": dict(layer_norm_eps=0.01),
        "tied": dict(tie_word_embeddings=True),
        "no-attention-bias": dict(attention_bias=False),
    }
    for name, change in variants.items():
        folder = "var-" + name
        make(**change).half().save_pretrained(os.path.join(OUT, folder))
        add(folder, "losses-" + name, note=json.dumps(change))
        if name in ("sequential", "tied", "rotary-100"):
            hub_config("hub-" + name, **change)
            save_file(
                hub_state(make(**change)), os.path.join(OUT, "hub-" + name, "model.safetensors")
            )
            add("hub-" + name, "losses-" + name, note=json.dumps(change))

    for root, _, files in os.walk(OUT):
        for f in files:
            if f == "generation_config.json":
                os.remove(os.path.join(root, f))

    # Losses of each variant, from its first folder; every other folder must agree.
    done, bars = {}, {}
    for folder, entry in table.items():
        path = os.path.join(OUT, folder)
        if "refused" in entry:
            entry.pop("losses")
            continue
        got = reference.losses(reference.load(path, double=True), DOCS)
        if entry["losses"] not in done:
            f32 = reference.losses(reference.load(path), DOCS)
            cfg = dict(HUB, **(json.loads(entry["note"]) if folder.startswith("var-") else {}))
            weights = hub_state(make(**{k: v for k, v in cfg.items() if HUB.get(k) != v}))
            if cfg["tie_word_embeddings"]:
                weights.pop("embed_out.weight", None)
            plain = reference.losses_plain(weights, cfg, DOCS)
            assert np.abs(plain - got).max() < 1e-9, (folder, np.abs(plain - got).max())
            done[entry["losses"]] = got
            error = np.abs(f32 - got)
            bars[entry["losses"]] = f"{max(error.mean(), 2e-6):.3e} {max(error.max(), 1e-5):.3e}"
            np.save(os.path.join(OUT, entry["losses"]), got)
            print(
                f"{entry['losses']}: {len(got)} losses, mean {got.mean():.4f} sd {got.std():.3f}, "
                f"float32 error mean {error.mean():.2e} max {error.max():.2e}"
            )
        worst = np.abs(got - done[entry["losses"]]).max()
        assert worst < 1e-9, (folder, worst)

    with open(os.path.join(OUT, "folders.txt"), "w") as f:
        for folder, entry in table.items():
            losses = entry.get("losses", "refused")
            f.write(f"{folder} {losses} {bars.get(losses, '')}".rstrip() + "\n")
    reference.write_megatron(os.path.join(OUT, "corpus"), DOCS)
    with open(os.path.join(OUT, "folders.json"), "w") as f:
        json.dump(
            {
                "torch": torch.__version__.split("+")[0],
                "transformers": transformers.__version__,
                "lengths": LENGTHS,
                "ids": [d.tolist() for d in DOCS],
                "folders": table,
            },
            f,
            separators=(",", ":"),
        )
        f.write("\n")


main()
