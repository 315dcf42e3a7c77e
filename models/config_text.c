/* config_text.c - the other way of config.c: a configuration as config.json has it, in the hub's dialect
 * (transformers 4), which transformers 5 reads as well; see config.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <math.h>

#include "models/config.h"

#define I(v) (json_int_t)(v)

/* The share of a head that turns, such that its product with the head's size, cut, is ROTARY. */
static double rotary_share(const struct neox_config *c)
{
    double share = (double)c->rotary / (double)c->head_size;
    while ((size_t)((double)c->head_size * share) < c->rotary) share = nextafter(share, 2);
    return share;
}

static json_t *neox_json(const struct neox_config *c)
{
    return json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:s, s:b, s:b, s:b}",
        "architectures", "GPTNeoXForCausalLM", "model_type", "gpt_neox", "num_hidden_layers",
        I(c->layers), "hidden_size", I(c->hidden), "num_attention_heads", I(c->heads),
        "intermediate_size", I(c->ffn), "vocab_size", I(c->vocab), "max_position_embeddings",
        I(c->max_positions), "layer_norm_eps", c->layer_norm_eps, "rotary_pct", rotary_share(c),
        "rotary_emb_base", c->rope_theta, "hidden_act",
        c->activation == NEOX_GELU_ERF ? "gelu" : "gelu_new", "use_parallel_residual",
        c->parallel_residual, "attention_bias", c->attention_bias, "tie_word_embeddings",
        c->tied_embeddings);
}

static json_t *neo_json(const struct neox_config *c)
{
    json_t *kinds = json_array();
    for (size_t i = 0; i < c->layers; i++)
        json_array_append_new(kinds, json_string(neox_layer_window(c, i) ? "local" : "global"));
    json_t *o = json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:[[o, i]], s:b}",
                          "architectures", "GPTNeoForCausalLM", "model_type", "gpt_neo",
                          "num_layers", I(c->layers), "hidden_size", I(c->hidden), "num_heads",
                          I(c->heads), "intermediate_size", I(c->ffn), "vocab_size", I(c->vocab),
                          "max_position_embeddings", I(c->max_positions), "layer_norm_epsilon",
                          c->layer_norm_eps, "activation_function",
                          c->activation == NEOX_GELU_ERF ? "gelu" : "gelu_new", "attention_types",
                          kinds, 1, "tie_word_embeddings", c->tied_embeddings);
    if (c->window) json_object_set_new(o, "window_size", json_integer(I(c->window)));
    return o;
}

char *neox_config_text(const struct neox_config *c, const char *dtype, int64_t end)
{
    json_t *o = c->learned_positions ? neo_json(c) : neox_json(c);
    if (!o) return NULL;
    json_object_set_new(o, "bos_token_id", end < 0 ? json_null() : json_integer(end));
    json_object_set_new(o, "eos_token_id", end < 0 ? json_null() : json_integer(end));
    json_object_set_new(o, "torch_dtype", json_string(dtype));
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(o);
    return text;
}
