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
struct token {
    uint32_t bytes;
    uint32_t words; /* that begin in it after its first byte */
    bool starts;    /* its first byte is no white space */
    bool ends;      /* its last byte is white space */
};

/* Of every id of the tokenizer. */
static struct token *read_tokens(const struct tokenizer *tokenizer)
{
    size_t n = tokenizer_size(tokenizer);
    struct token *tokens = calloc(n + 1, sizeof *tokens);
    for (size_t id = 0; tokens && id < n; id++) {
        size_t bytes;
        const char *text = tokenizer_bytes(tokenizer, (uint32_t)id, &bytes);
        if (!text || !bytes) continue; /* a padding row of the vocabulary: no text */
        struct token *t = &tokens[id];
        t->bytes = (uint32_t)bytes;
        t->starts = !is_space(text[0]);
        t->ends = is_space(text[bytes - 1]);
        for (size_t i = 1; i < bytes; i++) t->words += is_space(text[i - 1]) && !is_space(text[i]);
    }
    return tokens;
}

struct sums {
    uint64_t bytes, words;
};

/* Adds one document's. */
static int count_document(const struct plan *plan, size_t document, const struct token *tokens,
                          size_t vocabulary, struct sums *sums, struct err *e)
{
    enum { CHUNK = 4096 };
    uint32_t ids[CHUNK];
    size_t count = plan_predictions(plan, document) + 1;
    bool space = true;
    for (size_t at = 0, n; count > 1 && at < count; at += n) {
        n = count - at < CHUNK ? count - at : CHUNK;
        if (corpus_read(plan->corpus, document, at, n, ids, e)) return -1;
        for (size_t i = 0; i < n; i++) {
            const struct token *t = &tokens[ids[i] < vocabulary ? ids[i] : vocabulary];
            if (at + i > 0) { /* the first is not predicted */
                sums->bytes += t->bytes;
                sums->words += t->words + (space && t->starts);
            }
            if (t->bytes) space = t->ends;
        }
    }
    return 0;
}

int text_count(const struct plan *plan, const struct tokenizer *tokenizer,
               struct text_counts *counts, struct err *e)
{
    const size_t vocabulary = tokenizer_size(tokenizer);
    struct token *tokens = read_tokens(tokenizer);
    uint64_t bytes = 0, words = 0;
    size_t failed = plan->end; /* the first document that cannot be read */
    if (!tokens) return err_memory(e, tokenizer_path(tokenizer));
#pragma omp parallel for schedule(dynamic, PLAN_BLOCK) reduction(+ : bytes, words)
    for (size_t d = plan->begin; d < plan->end; d++) {
        struct sums sums = {0, 0};
        struct err why;
        if (count_document(plan, d, tokens, vocabulary, &sums, &why)) {
#pragma omp critical(text_count)
            if (d < failed) {
                failed = d;
                *e = why;
            }
        }
        bytes += sums.bytes;
        words += sums.words;
    }
    free(tokens);
    *counts = (struct text_counts){(double)bytes, (double)words};
    return failed < plan->end ? -1 : 0;
}
