/* config.h - the architecture of a GPT-NeoX model, as a checkpoint's config.json describes it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CONFIG_H
#define TRIPOD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "src/err.h"

enum neox_activation { NEOX_GELU_ERF, NEOX_GELU_TANH };

struct neox_config {
    size_t layers, hidden, heads, head_size; /* hidden = heads * head_size */
    size_t rotary;                           /* dimensions of a head that turn; even */
    size_t ffn;                              /* inner width of the MLP */
    size_t vocab;                            /* padded: every row takes part in the softmax */
    size_t max_positions;                    /* trained context; longer is allowed with a warning */
    double rope_theta;
    double layer_norm_eps;
    enum neox_activation activation;
    bool parallel_residual;
    bool attention_bias;  /* false: query_key_value and dense have no bias */
    bool tied_embeddings; /* embed_out is embed_in */
};

/* Reads config.json in the hub's dialect and in that of transformers 5. What is not supported (rope
 * scaling, another activation, another model_type) is refused by name. Errors name the file and the
 * key. */
int neox_config_read(struct neox_config *config, const char *path, struct err *e);

/* Parameters without the two embedding matrices, and with them (tied ones counted once). */
double neox_parameters(const struct neox_config *config, bool with_embeddings);

#endif
