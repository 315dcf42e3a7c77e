/* epoch.h - Epoch's table of published scaling laws (scaling-laws.csv): rows, parameters, values.
 *
 * What the file asks of a reader: quoted commas, three nameless columns (each the upper end of the
 * range left of it), U+2212 minus signs inside parameter strings, empty cells everywhere, and
 * exponents whose sign is a matter of the functional form's text. A form is matched by its exact
 * text against a table of evaluators; a form that is not in the table is listed but has no value.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_EPOCH_H
#define TRIPOD_FIT_EPOCH_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/csv.h"
#include "src/base/err.h"

enum epoch_column {
    EPOCH_PAPER,
    EPOCH_DATE,
    EPOCH_CATEGORY,
    EPOCH_TASK,
    EPOCH_DETAILS,
    EPOCH_ARCHITECTURE,
    EPOCH_LOSS,
    EPOCH_DEPENDENT,
    EPOCH_VARIABLE_1,
    EPOCH_VARIABLE_2,
    EPOCH_TYPE,
    EPOCH_FORM,
    EPOCH_EXPONENT_1,
    EPOCH_EXPONENT_2,
    EPOCH_IRREDUCIBLE,
    EPOCH_PARAMETERS,
    EPOCH_COMPUTE_LO,
    EPOCH_COMPUTE_HI,
    EPOCH_DATA_LO,
    EPOCH_DATA_HI,
    EPOCH_DATA_UNIT,
    EPOCH_SIZE_LO,
    EPOCH_SIZE_HI,
    EPOCH_CONDITIONS,
    EPOCH_STRATEGY,
    EPOCH_COLUMNS
};

/* The header's names; the three upper ends have none in the file. */
extern const char *const epoch_names[EPOCH_COLUMNS];

#define EPOCH_PARAMS 8

struct epoch_param {
    char name[8];
    double value;
};

struct epoch_row {
    const char *text[EPOCH_COLUMNS]; /* as in the file, owned by the csv */
    double number[EPOCH_COLUMNS];    /* numeric columns; NaN where empty */
    struct epoch_param param[EPOCH_PARAMS];
    size_t params;
};

struct epoch {
    struct csv csv;
    struct epoch_row *row;
    size_t n;
};

/* Errors: not this table (a column is missing: named), a numeric cell that is no number, a
 * parameter string that cannot be read. The caller calls epoch_close. */
int epoch_read(struct epoch *t, const char *path, struct err *e);
void epoch_close(struct epoch *t);

/* "COLUMN=TEXT" (whole cell), "COLUMN~TEXT" (part of it), both without regard to case, "COLUMN<X",
 * "COLUMN>X" (numeric columns; empty cells never match). COLUMN: the start of a header's name. */
int epoch_match(const struct epoch_row *row, const char *condition, bool *matches, struct err *e);

/* Where to evaluate; NaN: not given. */
struct epoch_at {
    double N, D, C, S;
};

/* The law's value. NaN with a reason in *note when the row has no parameters, its form is not
 * known, or a variable is not given; else *note is NULL or a caveat. */
double epoch_value(const struct epoch_row *row, const struct epoch_at *at, const char **note);

/* One point of the (alpha_N, alpha_D) scatter: from a row with both exponents (parameters and
 * data), or from a paper's two rows, one for each, when it has none with both. */
struct epoch_pair {
    size_t n_row, d_row; /* 0-based data rows; equal for a row with both */
    double alpha_n, alpha_d;
};
/* All of them, in the file's order; pairs [t->n]. Returns how many. */
size_t epoch_pairs(const struct epoch *t, struct epoch_pair *pairs);

/* "Kaplan et al." for the papers of the figure, else the title's start. */
const char *epoch_authors(const char *paper);

#endif
