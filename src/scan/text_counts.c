/* text_counts.c - see text_counts.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/text_counts.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int text_count(const struct plan *plan, const struct tokenizer *tokenizer,
               struct text_counts *counts, struct err *e)
{
    enum { CHUNK = 4096 };
    uint32_t ids[CHUNK];
    uint64_t bytes = 0, words = 0;
    for (size_t d = plan->begin; d < plan->end; d++) {
        size_t tokens = plan_predictions(plan, d) + 1;
        bool space = true;
        for (size_t at = 0, n; tokens > 1 && at < tokens; at += n) {
            n = tokens - at < CHUNK ? tokens - at : CHUNK;
            if (corpus_read(plan->corpus, d, at, n, ids, e)) return -1;
            for (size_t i = 0; i < n; i++) {
                size_t length;
                const char *text = tokenizer_bytes(tokenizer, ids[i], &length);
                if (!text) continue; /* a padding row of the vocabulary: no text */
                bool predicted = at + i > 0;
                if (predicted) bytes += length;
                for (size_t j = 0; j < length; j++) {
                    bool now = is_space(text[j]);
                    if (predicted && space && !now) words++;
                    space = now;
                }
            }
        }
    }
    *counts = (struct text_counts){(double)bytes, (double)words};
    return 0;
}
