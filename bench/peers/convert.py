# Converts a Hugging Face GPT-NeoX folder for the peers that have their own format, weights as
# float32: convert.py ct2 FOLDER OUTDIR | convert.py gguf FOLDER OUTFILE; gguf-q8_0 and gguf-bf16 keep
# matrices in these. Runs inside the peers'
# virtual environment. Model folders written by make_model hold no tokenizer, so the vocabulary is
# a placeholder: token i is the decimal i (CTranslate2), or none (GGUF).
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import sys


def to_ct2(folder, out):
    from ctranslate2.converters import TransformersConverter

    class Tokenizer:
        bos_token = eos_token = unk_token = "0"

        def __init__(self, n):
            self.n = n

        def get_vocab(self):
            return {str(i): i for i in range(self.n)}

    class Converter(TransformersConverter):
        def load_model(self, model_class, path, **kwargs):
            import torch

            kwargs.pop("dtype", None)
            model = super().load_model(model_class, path, dtype=torch.float32, **kwargs)
            self.size = model.config.vocab_size
            # The converter reads the names of transformers 4.
            if not hasattr(model, "embed_out"):
                model.embed_out = model.lm_head
            if not hasattr(model.config, "rotary_pct"):
                model.config.rotary_pct = model.config.rope_parameters["partial_rotary_factor"]
            return model

        def load_tokenizer(self, tokenizer_class, path, **kwargs):
            return Tokenizer(self.size)

    Converter(folder).convert(out, quantization="float32", force=True)


def to_gguf(folder, out, kind="F32"):
    import gguf
    import numpy as np
    from safetensors import safe_open

    with open(os.path.join(folder, "config.json")) as f:
        cfg = json.load(f)
    d, heads, layers = cfg["hidden_size"], cfg["num_attention_heads"], cfg["num_hidden_layers"]
    w = gguf.GGUFWriter(out, "gptneox")
    w.add_name(os.path.basename(folder))
    w.add_context_length(cfg["max_position_embeddings"])
    w.add_embedding_length(d)
    w.add_block_count(layers)
    w.add_feed_forward_length(cfg["intermediate_size"])
    w.add_rope_dimension_count(int(cfg["rotary_pct"] * (d // heads)))
    w.add_rope_freq_base(float(cfg["rotary_emb_base"]))
    w.add_head_count(heads)
    w.add_parallel_residual(cfg["use_parallel_residual"])
    w.add_layer_norm_eps(cfg["layer_norm_eps"])
    w.add_vocab_size(cfg["vocab_size"])
    w.add_file_type(gguf.LlamaFileType.ALL_F32 if kind == "F32" else gguf.LlamaFileType["MOSTLY_" + kind])
    w.add_tokenizer_model("no_vocab")
    part = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "attention.query_key_value": "attn_qkv",
        "attention.dense": "attn_output",
        "mlp.dense_h_to_4h": "ffn_up",
        "mlp.dense_4h_to_h": "ffn_down",
    }
    names = {
        "gpt_neox.embed_in.weight": "token_embd.weight",
        "gpt_neox.final_layer_norm.weight": "output_norm.weight",
        "gpt_neox.final_layer_norm.bias": "output_norm.bias",
        "embed_out.weight": "output.weight",
    }
    for i in range(layers):
        for hf, gg in part.items():
            for p in ("weight", "bias"):
                names[f"gpt_neox.layers.{i}.{hf}.{p}"] = f"blk.{i}.{gg}.{p}"
    with safe_open(os.path.join(folder, "model.safetensors"), framework="pt") as f:
        for hf, gg in names.items():
            x = f.get_tensor(hf).float().numpy()
            if "query_key_value" in hf:  # rows: head, q/k/v, element -> q/k/v, head, element
                x = x.reshape(heads, 3, d // heads, -1).swapaxes(0, 1).reshape(3 * d, -1)
                x = np.ascontiguousarray(x if hf.endswith("weight") else x[:, 0])
            if x.ndim > 1 and kind != "F32":
                number = gguf.GGMLQuantizationType[kind]
                w.add_tensor(gg, gguf.quants.quantize(x, number), raw_dtype=number)
            else:
                w.add_tensor(gg, x)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


kind, _, numbers = sys.argv[1].partition("-")
{"ct2": to_ct2, "gguf": to_gguf}[kind](*sys.argv[2:4], *([numbers.upper()] if numbers else []))
