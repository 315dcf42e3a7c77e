/* config.h - the architecture of a GPT-NeoX model, or of GPT-Neo (Black et al. 2021) as a variant of
 * it, as a checkpoint's config.json describes it, and the tensors that follow from it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CONFIG_H
#define TRIPOD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum neox_activation { NEOX_GELU_ERF, NEOX_GELU_TANH };

struct neox_config {
    size_t layers, hidden, heads, head_size; /* hidden = heads * head_size */
    size_t rotary;        /* dimensions of a head that turn; even; 0 with learned positions */
    size_t ffn;           /* inner width of the MLP */
    size_t vocab;         /* padded: every row takes part in the softmax */
    size_t max_positions; /* trained context; longer is allowed with a warning */
    double rope_theta;    /* 0 with learned positions */
    double layer_norm_eps;
    enum neox_activation activation;
    bool parallel_residual;
    bool attention_bias;  /* false: query_key_value has no bias, nor dense but for dense_bias */
    bool tied_embeddings; /* embed_out is embed_in */
    bool layers_assumed;  /* config.json does not say how many: a message has to */
    /* What GPT-Neo does otherwise; all zero for GPT-NeoX. */
    bool learned_positions; /* a vector a position is added to the embedding: no longer inputs */
    bool unscaled_scores;   /* of attention: not divided by sqrt(head_size) */
    bool dense_bias;        /* dense has a bias, query_key_value none */
    size_t
        window; /* a position of a local layer sees itself and window - 1 before; 0: all global */
    uint64_t local; /* bit i: layer i is local, of 64 layers at most */
};

/* The window of a layer, 0 where it sees everything before it. */
static inline size_t neox_layer_window(const struct neox_config *config, size_t layer)
{
    return config->window && config->local >> layer & 1 ? config->window : 0;
}
/* Layers with a window. */
static inline size_t neox_local_layers(const struct neox_config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->layers; i++) n += neox_layer_window(config, i) != 0;
    return n;
}

/* Reads config.json in the hub's dialect and in that of transformers 5. What is not supported (rope
 * scaling, another activation, another model_type) is refused by name. Keys that are missing get
 * the defaults of transformers' GPTNeoXConfig or GPTNeoConfig; other keys are ignored. Errors name
 * the file and the key. */
int neox_config_read(struct neox_config *config, const char *path, struct err *e);

/* The same from memory; PATH is for messages only. */
int neox_config_parse(struct neox_config *config, const char *text, size_t size, const char *path,
                      struct err *e);

/* The config.json of a model of elements DTYPE ("float16"), as the hub has it; END is the id of its
 * end-of-text, -1: not known. neox_config_parse gives CONFIG back. The caller frees; NULL: out of
 * memory. */
char *neox_config_text(const struct neox_config *config, const char *dtype, int64_t end);

/* Whether the numbers describe a model this program can run: nothing zero or absurdly large, hidden
 * = heads * head_size, an even number of rotary dimensions within a head. The message has no file
 * name. */
int neox_config_check(const struct neox_config *config, struct err *e);

/* Parameters without embeddings (of tokens, positions, and the head), and with them (tied ones
 * counted once). */
double neox_parameters(const struct neox_config *config, bool with_embeddings);

/* One tensor of the model, as checkpoints name and shape it. */
struct neox_tensor {
    char name[96];
    size_t rows, columns; /* [out, in] of a matrix; a vector has rows = 1 */
    bool vector;          /* one dimension in a checkpoint */
    bool panels;          /* operand of a product (the embedding table is not) */
    bool qkv;             /* rows are interleaved by head: [head][q, k, v][dim] */
};

/* How many tensors the flat model file holds, and the I-th in its order: the embedding, each
 * layer's, the final layer norm, the learned positions if any, the head (embed_out.weight, which is
 * there for tied embeddings too). */
size_t neox_tensor_count(const struct neox_config *config);
void neox_tensor_at(const struct neox_config *config, size_t i, struct neox_tensor *t);

#endif
