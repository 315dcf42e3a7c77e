/* token_changes.h - how losses change from one column to the next: densities, and changes against
 * where they start.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_CHANGES_H
#define TRIPOD_TOKEN_CHANGES_H

#include "src/scan/matrix.h"
#include "src/scan/token_cells.h"

struct changes_request {
    double unit; /* as in token_cells.h */
    size_t bins;
    double lo, hi;   /* of a change */
    size_t from, to; /* the columns of the two-dimensional histogram */
    size_t grid;     /* its bins, either way */
    double start_lo, start_hi;
};

struct changes {
    struct changes_request q;
    const struct matrix *m;
    struct token_bins bins;        /* as numpy.histogram of numpy.diff */
    struct token_bins start, move; /* as numpy.histogram2d */
    uint64_t *count;               /* [columns - 1, bins] column j + 1 minus column j */
    uint64_t *inside;              /* [columns - 1] */
    uint64_t *grid;                /* [grid, grid] start, change */
    /* private: the same for every thread */
    uint64_t **own;
    size_t threads, numbers;
};

/* The caller closes, after an error too. Errors: fewer than two columns, bins, memory. */
int changes_open(struct changes *c, const struct matrix *m, const struct changes_request *q,
                 struct err *e);
struct matrix_visitor changes_visitor(struct changes *c);
void changes_finish(struct changes *c);
void changes_close(struct changes *c);

#endif
