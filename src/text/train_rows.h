/* train_rows.h - which rows of a preshuffled corpus a model was trained on when.
 *
 * Pythia's preshuffled data are one row of 2049 tokens a training sequence (2048 inputs and their
 * targets), in training order; step s, from 0, took rows 1024 s .. 1024 s + 1023, and checkpoint
 * stepN has seen rows 0 .. 1024 N - 1. In a corpus (corpus.h) each row is a document.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_ROWS_H
#define TRIPOD_TRAIN_ROWS_H

#include "src/text/corpus.h"

enum { TRAIN_BATCH = 1024 /* rows a step */, TRAIN_TOKENS = 2049 /* a row */ };

/* Rows begin .. end - 1; end 0: no rows, but a corpus of documents. */
struct train_rows {
    uint64_t begin, end;
};

/* "A:B", rows A .. B - 1. WHAT names it in the error. */
int train_rows_parse(const char *text, const char *what, struct train_rows *rows, struct err *e);
/* "S" or "S:E", the rows of steps S .. E, both included, of BATCH rows each. */
int train_steps_parse(const char *text, const char *what, uint64_t batch, struct train_rows *rows,
                      struct err *e);

/* Whether CORPUS has the rows and all are of one length, which *tokens gets. The error names the
 * corpus, the row, what was expected and found. */
int train_rows_check(const struct corpus *corpus, struct train_rows rows, size_t *tokens,
                     struct err *e);
/* The same check; then the corpus is these rows (corpus_narrow). */
int train_rows_take(struct corpus *corpus, struct train_rows rows, struct err *e);

/* How many of the rows checkpoint stepN has seen. */
uint64_t train_rows_seen(struct train_rows rows, uint64_t step);

#endif
