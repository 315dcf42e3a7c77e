/* token_slopes.h - how every token's loss changes with size or training: a least-squares line a row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_SLOPES_H
#define TRIPOD_TOKEN_SLOPES_H

#include "src/scan/matrix.h"

enum slopes_axis { SLOPES_N, SLOPES_STEP };

/* The columns a line goes through, ascending in x. */
struct slopes_points {
    size_t n;
    size_t *column; /* [n] */
    double *x;      /* [n] ln N or ln step */
};

/* SLOPES_N: the last step of every model whose size is known. SLOPES_STEP: the steps > 0 of MODEL
 * (NULL: the largest there is). Errors: fewer than two different x. The caller frees. */
int slopes_points(struct slopes_points *p, const struct matrix *m, enum slopes_axis axis,
                  const char *model, struct err *e);
void slopes_points_free(struct slopes_points *p);

/* Writes PATH, float32 [rows, 4]: d loss / d x in nats, R^2, the largest change between neighbouring
 * points (by size, with its sign; the first of equals), and the column it leads to. A row with a
 * value that is not finite has NaN, NaN, NaN, -1; R^2 of a constant row is NaN. MEANS[2]: of slope and
 * R^2 over the rows that have them. */
int token_slopes(const struct matrix *m, uint64_t rows, const struct slopes_points *p,
                 const char *path, double means[2], struct err *e);

#endif
