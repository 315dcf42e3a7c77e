/* text_counts.c - see text_counts.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/text_counts.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A token's text as far as words go. */
struct text_token {
    uint32_t bytes;
    uint32_t words; /* that begin in it after its first byte */
    bool starts;    /* its first byte is no white space */
    bool ends;      /* its last byte is white space */
};

int text_counter_open(struct text_counter *c, const struct tokenizer *tokenizer, struct err *e)
{
    c->size = tokenizer_size(tokenizer);
    c->token = calloc(c->size + 1, sizeof *c->token);
    if (!c->token) return err_memory(e, tokenizer_path(tokenizer));
    for (size_t id = 0; id < c->size; id++) {
        size_t bytes;
        const char *text = tokenizer_bytes(tokenizer, (uint32_t)id, &bytes);
        if (!text || !bytes) continue; /* a padding row of the vocabulary: no text */
        struct text_token *t = &c->token[id];
        t->bytes = (uint32_t)bytes;
        t->starts = !is_space(text[0]);
        t->ends = is_space(text[bytes - 1]);
        for (size_t i = 1; i < bytes; i++) t->words += is_space(text[i - 1]) && !is_space(text[i]);
    }
    return 0;
}

void text_counter_close(struct text_counter *c)
{
    free(c->token);
    *c = (struct text_counter){0};
}

int text_count_document(const struct text_counter *c, const struct plan *plan, size_t document,
                        uint64_t *bytes, uint64_t *words, struct err *e)
{
    enum { CHUNK = 4096 };
    uint32_t ids[CHUNK];
    size_t count = plan_predictions(plan, document) + 1;
    bool space = true;
    *bytes = *words = 0;
    for (size_t at = 0, n; count > 1 && at < count; at += n) {
        n = count - at < CHUNK ? count - at : CHUNK;
        if (corpus_read(plan->corpus, document, at, n, ids, e)) return -1;
        for (size_t i = 0; i < n; i++) {
            const struct text_token *t = &c->token[ids[i] < c->size ? ids[i] : c->size];
            if (at + i > 0) { /* the first is not predicted */
                *bytes += t->bytes;
                *words += t->words + (space && t->starts);
            }
            if (t->bytes) space = t->ends;
        }
    }
    return 0;
}

int text_count(const struct plan *plan, const struct tokenizer *tokenizer,
               struct text_counts *counts, struct err *e)
{
    struct text_counter counter = {0};
    uint64_t bytes = 0, words = 0;
    size_t failed = plan->end; /* the first document that cannot be read */
    if (text_counter_open(&counter, tokenizer, e)) return -1;
#pragma omp parallel for schedule(dynamic, PLAN_BLOCK) reduction(+ : bytes, words)
    for (size_t d = plan->begin; d < plan->end; d++) {
        uint64_t some_bytes, some_words;
        struct err why;
        if (text_count_document(&counter, plan, d, &some_bytes, &some_words, &why)) {
#pragma omp critical(text_count)
            if (d < failed) {
                failed = d;
                *e = why;
            }
        }
        bytes += some_bytes;
        words += some_words;
    }
    text_counter_close(&counter);
    *counts = (struct text_counts){(double)bytes, (double)words};
    return failed < plan->end ? -1 : 0;
}
