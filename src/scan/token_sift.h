/* token_sift.h - rules of token_find.h for many rows at once, with kernels over the columns of a unit:
 * which rows a rule may take, a bit each, so that only these are tested by the rule itself. A row it
 * takes always has its bit; most others have not.
 *
 * Bits of a unit of n rows are (n + 63) / 64 words, bit i % 64 of word i / 64; zeros from n on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_SIFT_H
#define TRIPOD_TOKEN_SIFT_H

#include "simd/simd.h"
#include "src/scan/matrix.h"

/* A unit that has its columns. */
struct sift {
    const struct kernels *kernels;
    const struct matrix_unit *unit;
    size_t columns;
};

/* Column TO is at most FALL above column FROM, or at least RISE. */
void sift_change(uint64_t *bits, const struct sift *s, size_t from, size_t to, double fall,
                 double rise);

/* One of two rules: the first column is above HIGH and the last below LOW; or the first is at least
 * FIRST and LEAST above the last, by one step of at least LEAST from a column to the next, and no other
 * step, up or down, is of more than WIDTH. */
struct levels {
    double high, low, first, least, width;
};
/* ROOM: 3 times the words. */
void sift_levels(uint64_t *bits, const struct sift *s, const struct levels *l, uint64_t *room);

/* For every column j: adds the rows below LIMIT there and in no column before to first[j], and those of
 * them that are below in all columns after to stay[j]: no bits, these are the numbers. ROOM: columns
 * times the words, and columns. */
void sift_persistence(uint64_t *first, uint64_t *stay, const struct sift *s, double limit,
                      uint64_t *room);

#endif
