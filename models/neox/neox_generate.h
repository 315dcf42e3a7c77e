/* neox_generate.h - one position after another, for generating text: what a token's place in the
 * text asks of the positions before it is kept in a cache of keys and values.
 *
 * A step reads every weight once, and memory is what it waits for: all threads share each product's
 * columns. Logits have the bits of the whole pass (neox.h) over the same tokens, for any number of
 * threads: each is the same chain of multiply-adds.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_GENERATE_H
#define TRIPOD_NEOX_GENERATE_H

#include "models/neox/neox_load.h"

struct neox_generation {
    const struct neox *model;
    size_t capacity; /* positions there is room for */
    size_t position; /* of the next input: how many there were */
    float *logits;   /* [vocab] after the last input */
    /* private: of one row each, as strips of one row */
    struct strips x, qkv, context, inner;
    struct attention_cache *cache; /* [layers] */
    struct neox_member *members;
    int threads;
    void *memory, *caches;
    size_t bytes, caches_bytes;
};

/* Room for `capacity` inputs, at most the positions the model was loaded for. Errors: out of
 * memory. */
int neox_generation_open(struct neox_generation *g, const struct neox *model, size_t capacity,
                         int threads, struct err *e);
void neox_generation_close(struct neox_generation *g); /* safe on a zeroed one */

/* The next input; its logits, over every row of the vocabulary, are in g->logits. g->position is
 * below g->capacity before. */
void neox_generation_step(struct neox_generation *g, uint32_t token);

/* Bytes of weights that a step reads: the matrices of all layers and the head. */
double neox_generation_bytes(const struct neox *model);

#endif
