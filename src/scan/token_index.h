/* token_index.h - which token a row of a loss matrix is of: row <-> (document, position).
 *
 * starting_index[d] is the sum over the documents e before d of max(T_e - 1, 0), T_e their lengths
 * after truncation; row i is of the last document whose starting index is <= i and which predicts
 * anything, and of its token (0-based) position = i - starting_index + 1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_INDEX_H
#define TRIPOD_TOKEN_INDEX_H

#include "src/scan/matrix.h"
#include "src/scan/plan.h"

struct token_index {
    struct corpus corpus;
    struct plan plan;
    uint64_t *start; /* [documents + 1] starting_index */
};

/* Opens the corpus PREFIX and lays it out as MATRIX's record says, whose corpus hash must be this
 * one's; without a record as PROTOCOL says. Either way the number of losses must be the matrix's
 * rows. Without a MATRIX (NULL) the rows are the protocol's. Errors, a line each: no such corpus,
 * another corpus or protocol. */
int token_index_open(struct token_index *x, const struct matrix *m, const char *prefix,
                     const struct protocol *protocol, struct err *e);
void token_index_close(struct token_index *x);

size_t token_index_documents(const struct token_index *x);
/* Rows before document D, 0 .. documents: starting_index. */
uint64_t token_index_start(const struct token_index *x, size_t document);

/* The document and the position in it of the token that ROW, one of the matrix's, predicts. */
void token_index_find(const struct token_index *x, uint64_t row, size_t *document,
                      size_t *position);

/* starting_index as int64 [documents + 1], for numpy.searchsorted(a, row, "right") - 1. */
int token_index_write(const struct token_index *x, const char *path, struct err *e);

#endif
