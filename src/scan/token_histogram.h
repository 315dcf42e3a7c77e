/* token_histogram.h - how the losses of each checkpoint are distributed.
 *
 * One pass counts every value into cells (token_cells.h), from which the histogram, the share below
 * any edge and quantiles come, and adds up means in double. Quantiles are exact order statistics, as
 * numpy's, after further passes over the values of the cells they are in, or, in one pass, within
 * 2^-8 of their size.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_HISTOGRAM_H
#define TRIPOD_TOKEN_HISTOGRAM_H

#include "src/scan/matrix.h"
#include "src/scan/token_cells.h"

struct histogram_request {
    uint64_t rows; /* the first so many; 0: all */
    size_t bins;
    double lo, hi, unit;    /* unit: 1 for nats, ln 2 for bits; the losses are divided by it */
    const double *quantile; /* in (0, 1) */
    size_t quantiles;
    bool one_pass;     /* quantiles to the cells' resolution */
    bool float32_mean; /* what numpy's float32 mean would be */
    /* The slope of ln density on ln loss over bins first .. last of other bins; 0 bins: none. */
    size_t tail_bins, tail_first, tail_last;
    double tail_lo, tail_hi;
};

enum { HISTOGRAM_PREFIXES = 16 };

/* Means are in the unit, NaN where a value is none. Arrays are owned by the histogram. */
struct histogram {
    struct token_bins bins;
    uint64_t rows;
    size_t columns, quantiles;
    bool wide;
    uint64_t *count;      /* [columns, bins] */
    uint64_t *inside;     /* [columns] values in the range */
    uint64_t *not_finite; /* [columns] */
    double *mean;         /* [columns] */
    double *float32_mean; /* [columns], NULL: not asked for */
    double *quantile;     /* [columns, quantiles] */
    double *tail;         /* [columns] slopes, NULL: not asked for */
    /* Means of the first 10^4, 10^5 ... and all rows. */
    size_t prefixes;
    uint64_t prefix_rows[HISTOGRAM_PREFIXES];
    double *prefix_mean; /* [prefixes, columns] */
};

/* With visitors to be shown the same rows in the same pass (find ...). The caller frees, after an
 * error too. Errors: bins, memory, a visitor's. */
int histogram_make(struct histogram *h, const struct matrix *m, const struct histogram_request *q,
                   const struct matrix_visitor *others, size_t n, struct err *e);
void histogram_free(struct histogram *h);

double histogram_density(const struct histogram *h, size_t column, size_t bin);

/* What token_quantile.c needs of the first pass: exact order statistics. COUNTS [columns, cells->n];
 * OUT [columns, quantiles] in the unit, by linear interpolation as numpy.quantile; NaN without
 * numbers. ONE_PASS: interpolated inside the cells instead. */
struct quantile_request {
    const struct matrix *m;
    uint64_t rows;
    const struct token_cells *cells;
    const uint64_t *counts;
    const double *quantile;
    size_t quantiles;
    bool one_pass;
};
int token_quantiles(const struct quantile_request *q, double *out, struct err *e);

/* The mean as numpy takes it of a float32 array (over axis 0): float32 sums, row after row, pairwise
 * where there is one column. OUT [columns], over UNIT after each value was divided by it. */
int token_float32_mean(const struct matrix *m, uint64_t rows, double unit, double *out,
                       struct err *e);

#endif
