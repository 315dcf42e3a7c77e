/* neox_load.h - a loaded model: its weights where the flat file's map has them, its vectors
 * widened, and who multiplies. Read-only and shared by all threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_LOAD_H
#define TRIPOD_NEOX_LOAD_H

#include "models/flat/flat.h"
#include "models/neox/products.h"

/* The parts of a pass whose time is added up. */
enum neox_phase {
    PHASE_EMBED,
    PHASE_NORM,
    PHASE_QKV,
    PHASE_ATTENTION,
    PHASE_DENSE,
    PHASE_MLP,
    PHASE_HEAD,
    NEOX_PHASES
};

/* weight_at, bias_at: which of the model's tensors they are (neox_tensor_at). */
struct neox_linear {
    struct panels weight; /* [n, k]: k numbers in, n out */
    const float *bias;    /* [n]; NULL: none */
    enum neox_phase phase;
    size_t weight_at, bias_at;
};

struct neox_gain {
    const float *weight, *bias; /* of a layer norm [d] */
    size_t weight_at, bias_at;
};

struct neox_layer {
    struct neox_gain ln1, ln2;        /* input_layernorm, post_attention_layernorm */
    struct neox_linear qkv, dense;    /* [3d, d], [d, d]; biases as the configuration says */
    struct neox_linear up, down;      /* dense_h_to_4h [ffn, d], dense_4h_to_h [d, ffn] */
    struct attention_shape attention; /* with this layer's window; tables of `positions` rows */
};

struct neox {
    const struct flat_model *flat; /* whose weights they are */
    struct neox_config config;
    const struct kernels *kernels;
    const struct products *products;
    const void *embedding; /* [vocab, d] row-major */
    enum simd_dtype embedding_dtype;
    struct neox_layer *layers;
    struct neox_gain final;
    struct panels unembedding; /* embed_out [vocab, d] */
    size_t embedding_at, unembedding_at, learned_at;
    size_t positions;
    float *learned; /* [positions, d], widened; NULL: positions are not learned */
    float *vectors; /* every vector above widened to f32, one allocation */
    size_t vectors_bytes;
    float *angles; /* the cosine and sine tables */
    void *packed;  /* what the products made of the matrices (neox_narrow.h); NULL: nothing */
    size_t packed_bytes;
    int8_t *exponents; /* of the columns' factors (struct neox_factors); NULL: none */
};

/* Whether a model of PATH can be given so many inputs in a row: not if its positions are learned and
 * fewer. */
int neox_reaches(const struct neox_config *config, size_t inputs, const char *path, struct err *e);

/* Whether PRODUCTS can read the weights of FLAT, with that GELU: packed ones are for those they were
 * packed for. */
int neox_fits(const struct flat_model *flat, const struct products *products,
              enum neox_activation activation, struct err *e);

/* Prepares FLAT, which must outlive the model, for sequences of up to `positions` inputs. Nothing
 * large is copied: the weights stay in the map. Errors: a tensor is missing (cannot happen after
 * flat_open), packed weights for other products, more positions than there are learned ones, out of memory. */
int neox_load(struct neox *model, const struct flat_model *flat, const struct kernels *kernels,
              const struct products *products, size_t positions, struct err *e);
void neox_unload(struct neox *model);

#endif
