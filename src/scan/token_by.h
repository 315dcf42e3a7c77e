/* token_by.h - mean losses of groups of tokens: by token, frequency, place, length, occurrence.
 *
 * Standard errors are clustered by document, as everywhere (losses.h): a group's mean is a ratio of
 * sums over documents.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_BY_H
#define TRIPOD_TOKEN_BY_H

#include "src/scan/losses.h"
#include "src/scan/token_index.h"

enum token_by {
    BY_TOKEN,      /* the id predicted */
    BY_FREQUENCY,  /* how often that id is predicted in the corpus: 1, 2-3, 4-7 ... */
    BY_POSITION,   /* its 0-based place in the document: 1, 2-3, 4-7 ... */
    BY_LENGTH,     /* the document's tokens after truncation: 2-3, 4-7 ... */
    BY_OCCURRENCE, /* 0: the id's first in the document, 1: a repeated one */
};
extern const char *const token_by_names[];

struct groups {
    enum token_by by;
    size_t columns;
    size_t n;                /* groups, those without tokens included */
    struct moments *moments; /* [n, columns] */
};

/* Reads matrix and corpus once for every thread's share of the columns, and the corpus once more for
 * BY_FREQUENCY. The caller frees, after an error too. */
int token_groups(struct groups *g, const struct token_index *x, const struct matrix *m,
                 enum token_by by, struct err *e);
void groups_free(struct groups *g);

/* The least and the largest number in group I: 4 and 7 of powers of two; I and I where there are
 * none. */
void groups_range(const struct groups *g, size_t i, uint64_t *lo, uint64_t *hi);

#endif
