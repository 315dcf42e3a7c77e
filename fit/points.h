/* points.h - training runs as numbers: one (N, D, C, loss ...) per row of a CSV file.
 *
 * Columns are recognised by the field's names (points_names lists them) or named by the caller; two
 * of N, D, C give the third by C = 6ND. A row that cannot be used (a missing, non-finite or
 * non-positive value, or one a filter refuses) is dropped and named with its line; text where a
 * number belongs is an error. Nothing is sorted here: rows keep the file's order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_POINTS_H
#define TRIPOD_FIT_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fit/points_names.h"
#include "src/base/csv.h"
#include "src/base/err.h"

/* FLOP of one training token, for rules other than 6N: the caller's own (it may know
 * architectures). Reads what it needs of the CSV row; returns 0 and *flops, or -1 with *e. */
struct points_flops {
    const char *name;
    int (*per_token)(const void *context, const struct csv *c, size_t row, double *flops,
                     struct err *e);
    const void *context;
};

/* Zero-initialise: recognise everything, use every row. */
struct points_options {
    const char *column[POINTS_COLUMNS]; /* a header's name, or NULL: recognise */
    unsigned need; /* bit (1u << column): rows without it are dropped; the loss always ... */
    bool no_loss;  /* ... unless these are runs that are still to be made */
    enum points_unit unit;
    const char *const *where; /* "column<1e21", "model=pythia-70m", "step=max": all must hold */
    size_t n_where;
    size_t drop_highest;      /* k: keep only losses strictly below the k-th highest */
    bool last;                /* of each run keep the row with the largest step */
    bool last_noted;          /* the same where runs have several, with a note */
    const size_t *drop_lines; /* file lines */
    size_t n_drop_lines;
    const struct points_flops *flops; /* NULL: 6ND */
};

struct points_drop {
    size_t line;
    char reason[120];
};

struct points {
    char *path;
    uint64_t hash; /* XXH3-64 of the file's bytes */
    size_t n;
    unsigned have; /* bit (1u << column): a column stands for it, or it was derived */
    /* [n] each; NaN (the loss only under no_loss) where not known; weight 1 */
    double *N, *D, *C, *loss, *step, *unique, *vocabulary, *outcome, *weight;
    size_t *line;                 /* file line of the row */
    size_t *run, *by;             /* index into the names; 0 where there is no such column */
    char **run_names, **by_names; /* by first appearance */
    size_t n_runs, n_by;          /* at least 1 */
    struct points_drop *dropped;
    size_t n_dropped;
    char *column[POINTS_COLUMNS]; /* header that stands for it; NULL: none or derived */
    const char *loss_conversion;  /* "ln(perplexity)", "bits x ln 2"; NULL when nats */
    const char *flop_rule;        /* "6ND" ... when one of N, D, C was derived; else NULL */
    char **notes;                 /* one-line remarks: duplicates, ties, narrow ranges ... */
    size_t n_notes;
};

/* The rows of a table, filtered; one table may give many points, under other options. Fails when a
 * named column is missing, a number is not one, or no row is left. The points keep nothing of *c;
 * the caller calls points_close. */
int points_read(struct points *p, const struct csv *c, const struct points_options *o,
                struct err *e);
void points_close(struct points *p);

/* Some rows as points of their own (a group, a resample): the arrays are copied, with the names of
 * runs and groups; dropped rows and notes are not. */
int points_select(struct points *to, const struct points *from, const size_t *rows, size_t n,
                  struct err *e);

/* The values of a numeric column, [n]. */
const double *points_values(const struct points *p, enum points_column column);

/* Adds a one-line remark, once. */
int points_note(struct points *p, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
