/* matrix.h - the (tokens x checkpoints) matrix of losses, read through a map in one pass.
 *
 * M.npy holds float32 or float64 nats, a row a predicted token, a column a checkpoint; one dimension
 * is one column. Beside it M.json, where there is one, names the columns and the corpus: what
 * `tripod gather` writes (tripod-matrix 1), or a checkpoint's own record (tripod-losses 1).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MATRIX_H
#define TRIPOD_MATRIX_H

#include <stdbool.h>

#include "src/base/npy.h"

struct matrix_column {
    char *model;       /* "pythia-70m"; NULL: not known */
    int64_t step;      /* -1: not known */
    double parameters; /* N, without embeddings; NaN: not known */
    char label[64];    /* "pythia-70m-step3000", "N 18915328" or "column 0" */
};

struct matrix {
    char *path;
    struct npy npy;
    uint64_t rows;
    size_t columns;
    bool wide; /* float64 */
    struct matrix_column *column;
    char *corpus_hash, *protocol; /* as the record beside it has them; NULL: there is none */
};

/* Opens PATH.npy and the record beside it. Errors, a line each: not an .npy of numbers, another type
 * than float32 and float64, no rows; a record that is damaged, of another kind, or of other columns
 * than the file has. */
int matrix_open(struct matrix *m, const char *path, struct err *e);
void matrix_close(struct matrix *m);

/* Gives the columns' sizes, and a training step to those without one (-1: leaves them): for a
 * published matrix without a record. Errors: N is not one a column. */
int matrix_describe(struct matrix *m, const double *n, size_t count, int64_t step, struct err *e);

/* The column TEXT names: its number from 0, its label, or a model's name that one column has. */
int matrix_find_column(const struct matrix *m, const char *text, const char *what, size_t *column,
                       struct err *e);

/* Element I of VALUES, the matrix's own or a unit's. */
static inline double matrix_value(const struct matrix *m, const void *values, size_t i)
{
    double d;
    float f;
    if (m->wide) {
        __builtin_memcpy(&d, (const char *)values + 8 * i, 8);
        return d;
    }
    __builtin_memcpy(&f, (const char *)values + 4 * i, 4);
    return (double)f;
}

/* Row R of VALUES as doubles, [columns]. */
void matrix_row(const struct matrix *m, const void *values, size_t r, double *row);

/* The values from row R on. */
const void *matrix_at(const struct matrix *m, uint64_t row);

/* Gives back the pages of the rows before ROW: what was read once and in order need not stay. */
void matrix_drop(const struct matrix *m, uint64_t row);

/* --- one pass over the rows --- */

/* The rows of a unit. Units are cut by row numbers alone, and 10^4 is a multiple of their size, so
 * that results put together in their order do not depend on the threads. */
struct matrix_unit {
    uint64_t first; /* row */
    size_t n;
    const void *values;   /* [n, columns] in the matrix's type */
    const float *columns; /* [columns, stride] the same by columns; NULL: nobody wants that, or they
                             are not float32 */
    size_t stride;
};

/* What is done with them. Units are handed out in waves of matrix_slots: `unit` is called by any
 * thread, for a slot that is its own until the wave ends, then `merge` by one thread for each slot
 * in order of rows. Either may be NULL; both return 0, or -1 with *e (unit: only when memory is out,
 * and without *e). COLUMNS: wants them by columns, too. */
struct matrix_visitor {
    void *context;
    int (*unit)(void *context, size_t slot, const struct matrix_unit *unit);
    int (*merge)(void *context, size_t slot, const struct matrix_unit *unit, struct err *e);
    bool columns;
};

size_t matrix_unit_rows(const struct matrix *m);
size_t matrix_slots(const struct matrix *m);

/* Shows the first ROWS rows (0: all) to every visitor, in the order given. Pages that were read are
 * given back, so that memory does not grow with the rows. */
int matrix_pass(const struct matrix *m, uint64_t rows, const struct matrix_visitor *visitors,
                size_t n, struct err *e);

#endif
