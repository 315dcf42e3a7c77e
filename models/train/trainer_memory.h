/* trainer_memory.h - the trainer's inside: what a chunk of the batch leaves on its way forward, and the
 * team that computes it.
 *
 * All members of a team call the same steps with the same arguments; each computes its share of the
 * chunk's rows, of (sequence, head) pairs, of a matrix's panels or of the embedding's columns, and
 * they meet where one reads what another wrote. No sum is ever cut by shares.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAINER_MEMORY_H
#define TRIPOD_TRAINER_MEMORY_H

#include "models/neox/neox_run.h"
#include "models/train/trainer.h"

enum {
    TRAINER_BLOCK = 4096, /* coordinates: the squares of so many are one term of the norm's sum */
    TRAINER_TOKENS = SIMD_STRIP, /* of a chain over tokens: chunks are multiples of it */
    TRAINER_ROWS = 64,           /* of a chain in layer norms' gradients; shares are multiples */
    /* Of the vocabulary: the gradient of the head's input is summed in blocks of so much. Part of the
     * results. */
    TRAINER_VOCABULARY = 1024,
};

/* What is kept of a layer for the way back; rows are the chunk's tokens. */
struct trainer_kept {
    struct strips x;       /* [rows, d] the layer's input */
    struct strips h1;      /* [rows, d] LN1(x) */
    struct strips qkv;     /* [rows, 3d] */
    struct strips context; /* [rows, d] the attention's output */
    struct strips mid;     /* [rows, d] what LN2 reads: x, or x with attention added */
    struct strips h2;      /* [rows, d] LN2(mid) */
    struct strips inner;   /* [rows, ffn] gelu(u), u = W h2 + b */
    struct strips slope;   /* [rows, ffn] gelu'(u), then the gradient of u */
    float *log_sums;       /* [sequences][heads][length] of attention's scores */
};

struct trainer_pass {
    size_t rows; /* most tokens of a chunk */
    struct trainer_kept *layers;
    struct strips out;  /* [rows, d] the last layer's output */
    struct strips h;    /* [rows, d] LN_f(out); on the way back the gradient of a norm's output */
    struct strips dx;   /* [rows, d] the gradient of the residual stream */
    struct strips dc;   /* [rows, d] of attention's output */
    struct strips dqkv; /* [rows, 3d] */
    struct strips
        logits;       /* [head_rows, min(vocabulary, TRAINER_VOCABULARY)], then their gradient */
    size_t head_rows; /* a multiple of TRAINER_TOKENS */
    struct head_state *states; /* [head_rows] */
    float *gains;              /* [rows / TRAINER_ROWS][2][d] parts of layer norms' gradients */
    uint32_t *ids, *targets;   /* [rows] of the chunk */
    float *loss;               /* [batch tokens] */
    double *squares;           /* of the gradient's blocks */
    char *scratch;             /* [members][scratch_bytes] */
    size_t scratch_bytes;
    void *memory;
    size_t bytes;
};

/* One thread of the team, and the chunk at hand. */
struct trainer_member {
    struct trainer *t;
    struct trainer_pass *p;
    size_t index, count;
    void *scratch;
    double clock;
    size_t first, n; /* tokens of the batch */
};

/* Of n things in units of `unit` the share of a member; the last unit may be smaller. */
static inline struct neox_range trainer_share(const struct trainer_member *m, size_t n, size_t unit)
{
    const size_t units = (n + unit - 1) / unit;
    const size_t first = units * m->index / m->count * unit;
    const size_t end = units * (m->index + 1) / m->count * unit;
    return (struct neox_range){first < n ? first : n, end < n ? end : n};
}
static inline struct strips trainer_rows(struct strips s, size_t row)
{
    return (struct strips){s.data + row * SIMD_STRIP, s.rows};
}
/* Where the gradient of a tensor goes. */
static inline float *trainer_gradient_of(const struct trainer_member *m, size_t tensor)
{
    return m->t->g + (flat_floats_of(&m->t->flat, tensor) - m->t->w);
}
static inline size_t trainer_blocks(size_t floats)
{
    return (floats + TRAINER_BLOCK - 1) / TRAINER_BLOCK;
}
/* Waits until all members have come here. */
static inline void trainer_meet(const struct trainer_member *m)
{
    if (m->count == 1) return;
#pragma omp barrier
}
/* The memory for chunks of the shape's tokens; NULL and *e: none. */
struct trainer_pass *trainer_pass_open(const struct neox_config *config,
                                       const struct trainer_shape *shape, struct err *e);
void trainer_pass_close(struct trainer_pass *p);
uint64_t trainer_pass_bytes(const struct neox_config *config, const struct trainer_shape *shape);

#endif
