/* result.h - a file that a figure is drawn from: what kind of result it is, told by what is in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_RESULT_H
#define TRIPOD_PLOT_RESULT_H

#include <jansson.h>

#include "fit/points.h"
#include "src/base/err.h"

enum result_kind {
    RESULT_LOSSES,     /* .npy of one checkpoint with its record */
    RESULT_MATRIX,     /* .npy of tokens x checkpoints */
    RESULT_POINTS,     /* CSV of training runs */
    RESULT_EPOCH,      /* CSV of published laws, or its pairs as JSON */
    RESULT_SIMILARITY, /* square .npy of cosines */
    RESULT_CLUSTERS,   /* .npy of labels */
    RESULT_ROWS,       /* .npy of a matrix's rows */
    RESULT_GRADIENTS,  /* folder of quanta gradients */
    RESULT_RUNS,       /* folder of sparse parity, or a run in it */
    RESULT_FIT,        /* JSON, from here on */
    RESULT_FITS,       /* of several groups */
    RESULT_ISOFLOP,
    RESULT_ENVELOPE,
    RESULT_APPROACHES,
    RESULT_ALLOCATION,
    RESULT_DESIGN, /* runs to train next */
    RESULT_HISTOGRAM,
    RESULT_BY, /* tokens by position, frequency ... */
    RESULT_RANKS,
    RESULT_THEORY,
    RESULT_TOY,
    RESULT_EXPONENTS, /* of sparse parity */
    RESULT_PEAK,      /* bench, from here on */
    RESULT_KERNELS,
    RESULT_GEMM,
    RESULT_SCANS,
    RESULT_BACKWARD,
    RESULT_PROGRAMS, /* several programs' speeds and errors */
    RESULT_KINDS
};

/* "the JSON of tripod fit", for messages and lists. */
extern const char *const result_names[RESULT_KINDS];

struct result {
    char *path; /* of a record the array it belongs to, of a run its folder */
    enum result_kind kind;
    json_t *json; /* NULL: no JSON */
};

/* Recognises PATH. Errors, a line each: not there, damaged, nothing that is drawn. The caller calls
 * result_close, after an error too. */
int result_open(struct result *r, const char *path, struct err *e);
void result_close(struct result *r);

/* --- what is in JSON; a member that is not there is NaN, NULL, 0 --- */

/* PATH: keys with dots between them. */
json_t *result_member(json_t *object, const char *path);
double result_number(json_t *object, const char *path);
const char *result_string(json_t *object, const char *path); /* "" */
/* The elements of an array of numbers, NaN where one is none; the caller frees. NULL: not there. */
double *result_numbers(json_t *object, const char *path, size_t *n);

/* The rows a fit, isoFLOP or envelope was made of, read again from the file it names, by the columns and
 * tests of its command line. FILE: where that is now, or NULL: as the result has it. EVERY: all of a
 * run's steps. Errors: not there, other bytes than then, rows that are not those of the result. */
int result_points(struct points *p, const struct result *r, const char *file, bool every,
                  struct err *e);
/* The column that a fitted law of one variable reads. */
enum points_column result_variable(const struct result *r);
/* An option of the command line that made a result: its value, NULL where it is not there. */
const char *result_option(const struct result *r, const char *name);
/* Of one that may be repeated the next value after argument *AT, which is 1 at first. */
const char *result_next_option(const struct result *r, const char *name, size_t *at);

#endif
