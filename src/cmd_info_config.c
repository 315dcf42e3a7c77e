/* cmd_info_config.c - tripod info of a configuration: what it makes of a model.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_info.h"

#include "src/base/json.h"

/* What GPT-Neo does otherwise. */
static void info_neo(json_t *o, const struct neox_config *c)
{
    json_t *local = json_array();
    for (size_t i = 0; i < c->layers; i++)
        if (neox_layer_window(c, i)) json_array_append_new(local, json_integer((json_int_t)i));
    json_object_set_new(o, "learned_positions", json_true());
    json_object_set_new(o, "unscaled_scores", json_boolean(c->unscaled_scores));
    json_object_set_new(o, "dense_bias", json_boolean(c->dense_bias));
    json_object_set_new(o, "window", json_integer((json_int_t)c->window));
    json_object_set_new(o, "local_layers", local);
}

void info_config(json_t *o, const struct neox_config *c)
{
    json_object_set_new(o, "parameters", json_number(neox_parameters(c, false)));
    json_object_set_new(o, "parameters_total", json_number(neox_parameters(c, true)));
    const struct {
        const char *key;
        size_t value;
    } sizes[] = {
        {"layers", c->layers},       {"hidden", c->hidden},         {"heads", c->heads},
        {"head_size", c->head_size}, {"rotary", c->rotary},         {"ffn", c->ffn},
        {"vocabulary", c->vocab},    {"context", c->max_positions},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        json_object_set_new(o, sizes[i].key, json_integer((json_int_t)sizes[i].value));
    json_object_set_new(o, "rope_theta", json_number(c->rope_theta));
    json_object_set_new(o, "layer_norm_eps", json_real(c->layer_norm_eps));
    json_object_set_new(o, "activation",
                        json_string(c->activation == NEOX_GELU_ERF ? "gelu (erf)" : "gelu (tanh)"));
    json_object_set_new(o, "parallel_residual", json_boolean(c->parallel_residual));
    json_object_set_new(o, "attention_bias", json_boolean(c->attention_bias));
    json_object_set_new(o, "tied_embeddings", json_boolean(c->tied_embeddings));
    if (c->learned_positions) info_neo(o, c);
}
