/* config_tensors.c - the tensors that follow from a configuration; see config.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "models/config.h"

double neox_parameters(const struct neox_config *config, bool with_embeddings)
{
    double sum = 0;
    struct neox_tensor t;
    for (size_t i = 0, n = neox_tensor_count(config); i < n; i++) {
        neox_tensor_at(config, i, &t);
        const bool head = i == n - 1, table = !t.panels && !t.vector;
        if ((head || table) && !with_embeddings) continue;
        if (head && config->tied_embeddings) continue;
        sum += (double)t.rows * (double)t.columns;
    }
    return sum;
}

/* A layer's tensors; shapes in units resolved below. */
enum dimension { ONE, HIDDEN, QKV, FFN };
enum bias { ALWAYS, QKV_BIAS, DENSE_BIAS }; /* those of attention are not always there */
static const struct layer_tensor {
    const char *name;
    enum dimension rows, columns;
    enum bias when;
} layer_tensors[] = {
    {"input_layernorm.weight", ONE, HIDDEN, ALWAYS},
    {"input_layernorm.bias", ONE, HIDDEN, ALWAYS},
    {"post_attention_layernorm.weight", ONE, HIDDEN, ALWAYS},
    {"post_attention_layernorm.bias", ONE, HIDDEN, ALWAYS},
    {"attention.query_key_value.weight", QKV, HIDDEN, ALWAYS},
    {"attention.query_key_value.bias", ONE, QKV, QKV_BIAS},
    {"attention.dense.weight", HIDDEN, HIDDEN, ALWAYS},
    {"attention.dense.bias", ONE, HIDDEN, DENSE_BIAS},
    {"mlp.dense_h_to_4h.weight", FFN, HIDDEN, ALWAYS},
    {"mlp.dense_h_to_4h.bias", ONE, FFN, ALWAYS},
    {"mlp.dense_4h_to_h.weight", HIDDEN, FFN, ALWAYS},
    {"mlp.dense_4h_to_h.bias", ONE, HIDDEN, ALWAYS},
};
enum { LAYER_TENSORS = sizeof layer_tensors / sizeof *layer_tensors };

static bool is_there(const struct neox_config *c, const struct layer_tensor *t)
{
    return t->when == ALWAYS || c->attention_bias || (t->when == DENSE_BIAS && c->dense_bias);
}

static size_t per_layer(const struct neox_config *c)
{
    size_t n = 0;
    for (size_t k = 0; k < LAYER_TENSORS; k++) n += is_there(c, &layer_tensors[k]);
    return n;
}

size_t neox_tensor_count(const struct neox_config *config)
{
    return 1 + config->layers * per_layer(config) + 3 + config->learned_positions;
}

static void layer_tensor_at(const struct neox_config *c, size_t layer, size_t k,
                            struct neox_tensor *t)
{
    const struct layer_tensor *row = layer_tensors;
    while (!is_there(c, row) || k-- > 0) row++;
    const size_t sizes[] = {[ONE] = 1, [HIDDEN] = c->hidden, [QKV] = 3 * c->hidden, [FFN] = c->ffn};
    snprintf(t->name, sizeof t->name, "gpt_neox.layers.%zu.%s", layer, row->name);
    t->rows = sizes[row->rows];
    t->columns = sizes[row->columns];
    t->vector = row->rows == ONE;
    t->panels = !t->vector;
    t->qkv = row->rows == QKV || row->columns == QKV;
}

void neox_tensor_at(const struct neox_config *c, size_t i, struct neox_tensor *t)
{
    *t = (struct neox_tensor){.rows = 1, .columns = c->hidden};
    const size_t layers = per_layer(c), body = c->layers * layers;
    if (i > 0 && i <= body) {
        layer_tensor_at(c, (i - 1) / layers, (i - 1) % layers, t);
        return;
    }
    const bool positions = c->learned_positions && i == body + 3;
    const char *name = i == 0          ? "gpt_neox.embed_in.weight"
                       : i == body + 1 ? "gpt_neox.final_layer_norm.weight"
                       : i == body + 2 ? "gpt_neox.final_layer_norm.bias"
                       : positions     ? "gpt_neox.embed_positions.weight"
                                       : "embed_out.weight";
    snprintf(t->name, sizeof t->name, "%s", name);
    t->vector = i == body + 1 || i == body + 2;
    if (t->vector) return;
    t->rows = positions ? c->max_positions : c->vocab;
    t->panels = i > body && !positions;
}
