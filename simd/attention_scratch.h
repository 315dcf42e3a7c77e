/* attention_scratch.h - how the attention kernel divides its scratch; one head of one document at a
 * time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ATTENTION_SCRATCH_H
#define TRIPOD_SIMD_ATTENTION_SCRATCH_H

#include "simd/simd.h"

enum {
    ATTENTION_KEYS = 256, /* keys per block: one row of the score tile. Part of the results. */
    ATTENTION_ROWS = 28,  /* most query rows in a tile. Not part of the results. */
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

/* base may be NULL: only `floats` is wanted then. */
static inline struct attention_scratch attention_layout(float *base, size_t n, size_t head_size)
{
    struct attention_scratch s;
    size_t strips = (head_size + 255) / 256, at = 0;
    s.row_size = (head_size + 31) / 32 * 32;
#define PART(field, size)                                                                          \
    do {                                                                                           \
        s.field = base ? base + at : NULL;                                                         \
        at += ((size) + 15) / 16 * 16;                                                             \
    } while (0)
    PART(scores, ATTENTION_ROWS * 256);
    PART(queries, strips * ATTENTION_ROWS * 256);
    PART(sums, strips * ATTENTION_ROWS * 256);
    PART(denominator, ATTENTION_ROWS * 16);
    PART(maximum, ATTENTION_ROWS);
    PART(rescale, ATTENTION_ROWS);
    PART(gather, 16 * s.row_size);
    PART(keys, (n + 31) / 32 * 32 * head_size);
    PART(values, n * s.row_size);
#undef PART
    s.floats = at;
    return s;
}

#endif
