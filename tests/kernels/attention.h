/* attention.h - what the checks of attention and of its gradient share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_KERNELS_ATTENTION_H
#define TRIPOD_TESTS_KERNELS_ATTENTION_H

#include "tests/kernels/harness.h"

/* No window, or one that begins or ends anywhere; the scale that models use, or none. */
size_t random_window(size_t n);
float random_scale(size_t head_size);

/* Tables of n positions in guarded memory. */
struct attention_shape random_shape(size_t n, size_t heads, size_t head_size, size_t rotary,
                                    size_t window, bool at_end);

/* Positions 0 .. n - 1 from row0 on, inputs of one of KINDS; other rows are left alone. */
enum { KINDS = 6 };
void random_qkv(struct strips qkv, size_t row0, size_t n, size_t d, int kind);

/* The first position that position i sees. */
size_t window_begin(size_t i, const struct attention_shape *shape);

/* A head's row in double, turned; size: the magnitudes that went into each element. */
void head_row(double *to, double *size, struct strips qkv, size_t row, size_t column,
              size_t position, const struct attention_shape *shape);

#endif
