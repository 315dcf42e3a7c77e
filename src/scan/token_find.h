/* token_find.h - tokens whose loss depends on the model in a way worth looking at.
 *
 *   monogenic J  learned at once by column J: above `high` in all columns before, below `low` from J on
 *   plateau J    the same with unknown levels: all columns before J in [u, u + width], from J on in
 *                [l, l + width], l < u - gap; u = 2.7, 2.9 .. 11, l = 0, 0.2 ..
 *   polygenic    falling smoothly: least squares of the loss on ln N with slope < `slope`, R^2 > `r2`
 *   jumps        falling by more than `jump` from one given column to another; the largest risers
 *                and fallers between the two
 *   persistence  of the tokens first below `zero` in column j, how many stay below it after
 *
 * Losses in nats. Rules: Michaud et al., "The Quantization Model of Neural Scaling" (2023).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_FIND_H
#define TRIPOD_TOKEN_FIND_H

#include "simd/simd.h"
#include "src/scan/matrix.h"
#include "src/scan/row_list.h"

struct find_request {
    double high, low, slope, r2, zero, plateau_width, plateau_gap, jump;
    size_t from, to; /* columns */
    size_t top;      /* risers and fallers */
};

enum { FIND_EXAMPLES = 16, FIND_MOST_COLUMNS = 250 };

/* A list: written to DIRECTORY/NAME.npy, its first rows kept. */
struct find_list {
    char name[32];
    size_t column; /* J; 0: the list is of no column */
    struct row_file file;
    uint64_t example[FIND_EXAMPLES];
};
#define find_count(list) ((list)->file.n)

struct change {
    uint64_t row;
    double change;
};

struct token_find {
    const struct matrix *m;
    struct find_request q;
    uint64_t rows;          /* looked at */
    struct find_list *list; /* monogenic, plateau, polygenic, jumps, risers, fallers */
    size_t lists;
    uint64_t *first_below, *stay_below; /* [columns] */
    struct change *riser, *faller;      /* [top], the largest first */
    size_t risers, fallers;
    bool sized; /* N is known and differs: polygenic tokens were looked for */
    /* private */
    double *weight; /* [columns] of the slope on ln N */
    double xx;      /* sum of squares of ln N about its mean */
    float *narrow;  /* [columns] the same as floats, of */
    struct line_test line;
    const struct kernels *kernels;
    struct find_slot *slot;
    size_t slots;
};

/* Creates DIRECTORY and the lists in it. The caller closes, after an error too. Errors: too many
 * columns or fewer than two, cannot write. */
int token_find_open(struct token_find *f, const struct matrix *m, const struct find_request *q,
                    const char *directory, struct err *e);
/* To be shown every row once. */
struct matrix_visitor token_find_visitor(struct token_find *f);
/* After the pass: writes risers and fallers. */
int token_find_rank(struct token_find *f, struct err *e);
/* The lists get their names. */
int token_find_finish(struct token_find *f, struct err *e);
void token_find_close(struct token_find *f);

#endif
