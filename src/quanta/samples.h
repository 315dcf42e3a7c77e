/* samples.h - the tokens whose gradients are taken: rows of a loss matrix, given or selected, and how
 * they are shared out to threads.
 *
 * Row r of the losses of documents cut to max_tokens is the prediction of one token of one document
 * (src/scan/token_index.h): the gradient is that of its loss alone, given all tokens before it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_SAMPLES_H
#define TRIPOD_QUANTA_SAMPLES_H

#include "src/scan/token_index.h"

struct sample {
    uint64_t row;
    size_t document,
        target; /* token TARGET of the document (from 0), predicted from those before */
};

struct samples_request {
    const char *corpus; /* prefix */
    size_t max_tokens;  /* where the losses have no record that says it */
    /* Without losses: the corpus's training rows that are its documents, end 0: it has none; of its
     * documents the first so many, 0: all. */
    struct train_rows train;
    size_t documents;
    const char *losses;  /* a scan's losses or gather's matrix; NULL: none */
    const char *column;  /* of it; NULL: the only one */
    const uint64_t *row; /* these alone; NULL: */
    size_t row_n;
    const char *rows;  /* ROWS.npy; NULL: selected from the losses: */
    double below;      /* rows whose loss, nats, is less */
    bool no_induction; /* but those whose trigram occurred before (src/scan/token_induction.h) */
    size_t stride;     /* of these every STRIDE-th, from the first */
    size_t most;       /* and of those the first so many, 0: all; of given rows, too */
};

struct samples {
    struct token_index index;
    size_t documents; /* of the corpus that are looked at: all, or as the losses' record says */
    char *protocol;   /* as a scan's record has it */
    struct sample *sample; /* [n] in the order given, or ascending */
    size_t n;
    size_t found; /* rows that could have been selected, until there were enough; 0: given */
};

/* Errors, a line each: no such corpus or not that of the losses; losses in windows; rows out of range
 * or twice there (their places); nothing selected. The caller closes. */
int samples_open(struct samples *s, const struct samples_request *q, struct err *e);
void samples_close(struct samples *s); /* safe on a zeroed one */

/* Stands for the rows in their order: from 0 on the XXH3-64 of each, 8 bytes little endian, seeded with
 * that of those before it. */
uint64_t samples_hash(const struct samples *s);

/* A stretch of work: samples of one document that share a forward pass, order[first .. first + n),
 * by target. */
struct unit {
    size_t document, first, n, longest; /* longest: the last target */
    double cost;
};
enum { UNIT_MOST = 16 }; /* samples; another forward pass for every so many costs 3 % */

struct units {
    struct unit *unit; /* [n] the most costly first */
    size_t n;
    size_t *order; /* indices of samples */
};

/* Groups samples FIRST .. END - 1, but those that are DONE [end - first] (NULL: none). COST is FLOP of
 * a forward pass over n inputs and of a backward pass from target n. */
struct units_cost {
    const void *context;
    double (*forward)(const void *context, size_t n);
    double (*backward)(const void *context, size_t n);
};
int units_open(struct units *u, const struct samples *s, size_t first, size_t end, const bool *done,
               const struct units_cost *cost, struct err *e);
void units_close(struct units *u); /* safe on a zeroed one */

#endif
