/* train_validation.h - the validation loss of a model in training: that of `tripod scan --window T` of
 * the same weights on the same corpus, bit for bit.
 *
 * Documents are predicted in windows of T inputs, one after the other; losses are summed by
 * document, then over documents, in order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_VALIDATION_H
#define TRIPOD_TRAIN_VALIDATION_H

#include "models/neox/neox.h"
#include "src/scan/moments.h"
#include "src/scan/plan.h"

struct train_validation {
    struct corpus corpus;
    uint64_t hash;    /* of the first `documents` */
    size_t documents; /* of the corpus that are used */
    struct plan plan;
    char *protocol; /* as a scan's record has it */
    /* private */
    size_t pieces;
    struct neox_piece *piece; /* in order */
    uint32_t *tokens;
    float *losses;
};

/* Opens the corpus PREFIX, of which the first documents that hold MOST tokens are used (0: all), and
 * reads their tokens, all below VOCAB. Errors: corpus_open's, corpus_read's; nothing to predict; out
 * of memory. The caller closes. */
int train_validation_open(struct train_validation *v, const char *prefix, size_t length,
                          uint64_t most, size_t vocab, struct err *e);
void train_validation_close(struct train_validation *v); /* a zeroed one too */

/* The sums of all losses by MODEL (prepared for T positions) on so many threads. Errors: out of
 * memory. Not two at a time of one *v. */
int train_validation_measure(struct train_validation *v, const struct neox *model, int threads,
                             struct moments *sums, struct err *e);

#endif
