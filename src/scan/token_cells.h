/* token_cells.h - counting values into cells fast and exactly: for histograms and quantiles in one
 * pass.
 *
 * A cell is an interval of bit patterns (of float32 or float64), so it is an interval of values of
 * one sign. Cells begin at every edge asked for and, between 2^-16 and 64, 256 times an octave;
 * elsewhere at every power of two; infinities and NaNs have cells of their own. So an edge never
 * cuts a cell: a histogram's bins are sums of cells, exactly, whatever its rounding rules are.
 *
 * Counting is a table look-up by a pattern's leading bits, and one addition whose carry says on which
 * side of the cell's boundary the pattern is: cell = (table[bits >> s] + bits) >> s.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_CELLS_H
#define TRIPOD_TOKEN_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Bins of equal width as numpy.histogram has them: edges as numpy.linspace rounds them in the
 * array's type, a value on an edge counts above it, on the last edge below it. */
struct token_bins {
    size_t n;
    double lo, hi;
    double *edge; /* [n + 1] */
};
/* WIDE: of float64 values. Errors: edges that do not increase in that type; out of memory. */
int token_bins_make(struct token_bins *b, size_t n, double lo, double hi, bool wide, struct err *e);
void token_bins_free(struct token_bins *b);
/* The bin of X, which has the array's type; n: outside, or not a number. */
size_t token_bins_index(const struct token_bins *b, double x);
/* numpy's density of COUNT in bin I where INSIDE values are in all bins; 0 where none is. */
double token_bins_density(const struct token_bins *b, size_t i, uint64_t count, uint64_t inside,
                          bool wide);
double token_bins_centre(const struct token_bins *b, size_t i);

struct token_cells {
    bool wide;
    double unit; /* values are divided by it, in their type, before they are compared with edges */
    size_t n;
    uint64_t *start; /* [n + 1] first pattern of every cell, in order of patterns; 2^32 or 2^64 - 1
                        at the end */
    size_t *order;   /* [n] cells in order of value; those of NaNs last */
    size_t numbers;  /* of these, how many are not NaNs */
    /* private */
    unsigned shift;
    bool simple; /* at most one boundary inside a table's entry */
    uint32_t *table;
    uint64_t *wide_table;
};

/* Cells for the edges [first, last] of BINS, for values over UNIT (1: nats, ln 2: bits). */
int token_cells_make(struct token_cells *c, const struct token_bins *bins, size_t first,
                     size_t last, double unit, bool wide, struct err *e);
void token_cells_free(struct token_cells *c);

/* The cell of a bit pattern. */
size_t token_cells_find(const struct token_cells *c, uint64_t pattern);
/* A pattern as a value in the unit, rounded as the type rounds it. */
double token_cells_value(const struct token_cells *c, uint64_t pattern);
/* Whether a cell, by the patterns in it, is of negative values (patterns run against the values), of
 * finite ones. */
bool token_cells_negative(const struct token_cells *c, size_t cell);
bool token_cells_finite(const struct token_cells *c, size_t cell);

/* Counts VALUES [rows, columns]: counts[column * n + cell]++, and adds the values in double to
 * sums[columns] (or NULL), in an order that depends on rows and columns alone. */
void token_cells_count(const struct token_cells *c, const void *values, size_t rows, size_t columns,
                       uint32_t *counts, double *sums);
/* The same of float32 values by columns, [columns, stride]: faster, and the same sums. */
void token_cells_count_columns(const struct token_cells *c, const float *values, size_t stride,
                               size_t rows, size_t columns, uint32_t *counts, double *sums);

#endif
