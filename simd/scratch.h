/* scratch.h - how the kernels divide the scratch they are given, and the GEMM's block sizes, which
 * decide how much it needs: they follow from the L2 cache this machine reports, and no result
 * depends on them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_SCRATCH_H
#define TRIPOD_SIMD_SCRATCH_H

#include "simd/simd.h"

/* --- the GEMM and the loss head --- */

enum {
    /* Rows whose unfinished sums (1 KiB a row) and whose head state lie in scratch. */
    GEMM_ROWS = 2048,
};

/* Widened weights held in L2 at a time: columns of the output (a multiple of 32 that divides 256)
 * times a stretch of k (a multiple of 256). */
struct gemm_block {
    size_t columns, depth;
};
struct gemm_block gemm_block(void);

/* For tests: other blocks from now on, {0, 0} for the machine's own; scratch sizes follow. Not
 * while kernels run. */
void gemm_block_force(struct gemm_block block);

/* Bytes of L2 (one core's), as the machine reports it, 1 MiB where it does not. */
size_t simd_l2_bytes(void);

/* The scratch of simd_scratch_bytes(), cut up. */
struct product_scratch {
    float *weights; /* [depth / 256][panels of NR columns][256][NR], widened */
    float *sums;    /* [GEMM_ROWS][256] */
    void *state;    /* [GEMM_ROWS][2] doubles, the loss head's */
};
struct product_scratch product_scratch(void *scratch);

/* --- attention: one head of one document at a time --- */

enum {
    ATTENTION_KEYS = 256, /* keys per block: one row of the score tile. Part of the results. */
    ATTENTION_ROWS = 28,  /* most query rows in a tile. Not part of the results. */
    /* Query rows in a tile of the backward pass, which are the steps of its chains over positions.
     * Part of the results. */
    ATTENTION_BACK_ROWS = 64,
};

struct attention_scratch {
    float *scores;      /* [rows][256] */
    float *queries;     /* ceil(head_size / 256) x [rows][256], turned and scaled */
    float *sums;        /* the same shape: the weighted sums of values so far */
    float *denominator; /* [rows][16]: sums of exponentials by key position mod 16 */
    float *maximum;     /* [rows] */
    float *rescale;     /* [rows] */
    float *gather;      /* [16][row_size]: rows on their way into panels */
    float *keys;        /* panels of [head_size][16 or 32] for n keys, rounded up to 32 */
    float *values;      /* panels of [n][16 or 32] for row_size dimensions */
    size_t row_size;    /* head_size rounded up to 32 */
    size_t floats;      /* in all */
};

/* One field after another; base may be NULL: only `floats` is wanted then. */
#define PART(field, size)                                                                          \
    do {                                                                                           \
        s.field = base ? base + at : NULL;                                                         \
        at += ((size) + 15) / 16 * 16;                                                             \
    } while (0)
static inline struct attention_scratch attention_layout(float *base, size_t n, size_t head_size)
{
    struct attention_scratch s;
    size_t strips = (head_size + 255) / 256, at = 0;
    s.row_size = (head_size + 31) / 32 * 32;
    PART(scores, ATTENTION_ROWS * 256);
    PART(queries, strips * ATTENTION_ROWS * 256);
    PART(sums, strips * ATTENTION_ROWS * 256);
    PART(denominator, ATTENTION_ROWS * 16);
    PART(maximum, ATTENTION_ROWS);
    PART(rescale, ATTENTION_ROWS);
    PART(gather, 16 * s.row_size);
    PART(keys, (n + 31) / 32 * 32 * head_size);
    PART(values, n * s.row_size);
    s.floats = at;
    return s;
}

/* Its backward pass: a tile of 64 query rows against a block of 256 keys at a time. */
struct attention_back_scratch {
    float *scores;          /* [64][256], then their exponentials */
    float *dscores;         /* [64][256], before that dout V^T */
    float *queries, *douts; /* ceil(head_size / 256) x [64][256]: a tile's rows */
    float *query_rows,
        *dout_rows;         /* the same in panels of [64][16 or 32] for row_size dimensions */
    float *keys, *values;   /* panels of [head_size][16 or 32] for the block's keys */
    float *key_rows;        /* panels of [256][16 or 32] for row_size dimensions */
    float *dkeys, *dvalues; /* the same shape: sums so far */
    float *dqueries;        /* panels of [n][16 or 32] for row_size dimensions */
    float *means;           /* [n]: of dout V^T under the weights, dout . out */
    float *gather;          /* [32][row_size]: rows on their way */
    size_t row_size, floats;
};

static inline struct attention_back_scratch attention_back_layout(float *base, size_t n,
                                                                  size_t head_size)
{
    struct attention_back_scratch s;
    const size_t rows = ATTENTION_BACK_ROWS, keys = ATTENTION_KEYS;
    size_t strips = (head_size + 255) / 256, at = 0;
    s.row_size = (head_size + 31) / 32 * 32;
    PART(scores, rows * keys);
    PART(dscores, rows * keys);
    PART(queries, strips * rows * 256);
    PART(douts, strips * rows * 256);
    PART(query_rows, rows * s.row_size);
    PART(dout_rows, rows * s.row_size);
    PART(keys, keys * head_size);
    PART(values, keys * head_size);
    PART(key_rows, keys * s.row_size);
    PART(dkeys, keys * s.row_size);
    PART(dvalues, keys * s.row_size);
    PART(dqueries, n * s.row_size);
    PART(means, n);
    PART(gather, 32 * s.row_size);
    s.floats = at;
    return s;
}
#undef PART

/* One head's keys in panels and, behind them, its values, for so many positions: attention_step's
 * cache is one such part a head. */
static inline size_t attention_key_floats(size_t capacity, size_t head_size)
{
    return ((capacity + 31) / 32 * 32 * head_size + 15) / 16 * 16;
}
static inline size_t attention_cache_floats(size_t capacity, size_t head_size)
{
    return attention_key_floats(capacity, head_size) + capacity * ((head_size + 31) / 32 * 32);
}

#endif
