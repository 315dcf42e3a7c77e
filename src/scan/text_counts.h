/* text_counts.h - bytes and words of the text a plan predicts, for bits per byte and word
 * perplexity. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TEXT_COUNTS_H
#define TRIPOD_TEXT_COUNTS_H

#include "src/scan/plan.h"
#include "src/text/tokenizer.h"

struct text_counts {
    double bytes; /* UTF-8 bytes of the predicted tokens */
    double words; /* words that begin in them: a byte that is no white space after one that is */
};

/* Reads every predicted token, on the threads OpenMP has. Errors: corpus_read's. */
int text_count(const struct plan *plan, const struct tokenizer *tokenizer,
               struct text_counts *counts, struct err *e);

#endif
