/* text_counts.h - bytes and words of the text a plan predicts, for bits per byte and word
 * perplexity.
 * SPDX-License-Identifier: GPL-3.0-or-later */
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

/* The same of single documents, by any number of threads. Zero-initialise; the caller closes. */
struct text_counter {
    struct text_token *token; /* [size + 1] what each id counts; the last: ids not in use */
    size_t size;
};
int text_counter_open(struct text_counter *c, const struct tokenizer *tokenizer, struct err *e);
void text_counter_close(struct text_counter *c);
int text_count_document(const struct text_counter *c, const struct plan *plan, size_t document,
                        uint64_t *bytes, uint64_t *words, struct err *e);

#endif
