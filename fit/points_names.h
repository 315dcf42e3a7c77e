/* points_names.h - what the columns of other people's tables mean: names of N, D, C, loss ..., and the
 * unit a loss is in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_POINTS_NAMES_H
#define TRIPOD_FIT_POINTS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* What a column stands for. */
enum points_column {
    POINTS_N,          /* parameters */
    POINTS_D,          /* training tokens */
    POINTS_C,          /* training FLOP, or the budget of an isoFLOP group */
    POINTS_LOSS,       /* nats per token, whatever unit the file has */
    POINTS_STEP,       /* optimiser step of a checkpoint */
    POINTS_UNIQUE,     /* unique training tokens, for laws of repeated data */
    POINTS_VOCABULARY, /* tokens of the vocabulary, or its parameters */
    POINTS_OUTCOME,    /* an accuracy or another share of 1, for a second stage (link.h) */
    POINTS_WEIGHT,     /* multiplies the row's term of the objective; 1 where there is none */
    POINTS_RUN,        /* name of the training run (cluster of the bootstrap) */
    POINTS_BY,         /* name of the group to be fitted by itself */
    POINTS_COLUMNS
};

enum points_unit { UNIT_AUTO, UNIT_NATS, UNIT_BITS, UNIT_PERPLEXITY };

/* The header names recognised for a column, comma-separated, for help texts. */
const char *points_names(enum points_column column);
/* The i-th of them, most telling first; NULL beyond the last. */
const char *points_name(enum points_column column, size_t i);
/* Compares with case, blanks and punctuation left out: "Model Size" is model_size. */
bool points_same_name(const char *a, const char *b);
/* "N", "unique tokens": what a column stands for, in messages. */
const char *points_text(enum points_column column);

/* "N is 'model_size', loss is 'final_loss'": which headers (NULL where there is none) were taken
 * for what. False when all are the program's own names, so that nothing needs to be said. */
bool points_taken(char *const header[POINTS_COLUMNS], unsigned need, char *text, size_t size);

/* The unit that a header names; UNIT_AUTO when it names none. */
enum points_unit points_unit_of(const char *header);
/* Whether losses, as a file has them, can be in that unit (UNIT_AUTO: nats, as no name says): 0 they
 * can, 1 with a remark in text, -1 they hardly can, text saying why. NaN and losses of 0 or less do not
 * count. Sorts losses. */
int points_doubt_unit(double *losses, size_t n, enum points_unit unit, char *text, size_t size);

#endif
