/* train_rows.c - see train_rows.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/train_rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

enum { MOST = 1 << 30 }; /* steps, rows */

/* "A" or "A:B"; *b is *a where there is no B. */
static int parse(const char *text, const char *what, uint64_t *a, uint64_t *b, bool *both,
                 struct err *e)
{
    const char *colon = strchr(text, ':');
    char *first = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    int status = first ? parse_count(first, what, 0, MOST, a, e) : err_memory(e, NULL);
    *both = colon != NULL;
    *b = *a;
    if (!status && colon) status = parse_count(colon + 1, what, 0, MOST, b, e);
    free(first);
    return status;
}

int train_rows_parse(const char *text, const char *what, struct train_rows *rows, struct err *e)
{
    bool both;
    if (parse(text, what, &rows->begin, &rows->end, &both, e)) return -1;
    if (both && rows->begin < rows->end) return 0;
    return err_set(e, "%s: expected A:B with A below B, found '%s'", what, text);
}

int train_steps_parse(const char *text, const char *what, uint64_t batch, struct train_rows *rows,
                      struct err *e)
{
    uint64_t first, last;
    bool both;
    if (parse(text, what, &first, &last, &both, e)) return -1;
    if (first > last)
        return err_set(e, "%s: expected S or S:E with S at most E, found '%s'", what, text);
    *rows = (struct train_rows){first * batch, (last + 1) * batch};
    return 0;
}

int train_rows_check(const struct corpus *corpus, struct train_rows rows, size_t *tokens,
                     struct err *e)
{
    if (rows.end > corpus->documents)
        return err_set(e,
                       "%s: expected rows %" PRIu64 " to %" PRIu64 ", found %zu rows in the corpus",
                       corpus->prefix, rows.begin, rows.end - 1, corpus->documents);
    *tokens = corpus_length(corpus, (size_t)rows.begin);
    for (uint64_t r = rows.begin; r < rows.end; r++)
        if (corpus_length(corpus, (size_t)r) != *tokens)
            return err_set(e,
                           "%s: expected rows of one length, found %zu tokens in row %" PRIu64
                           " and %zu in row %" PRIu64 ": these are documents, not training rows",
                           corpus->prefix, *tokens, rows.begin, corpus_length(corpus, (size_t)r),
                           r);
    return 0;
}

int train_rows_take(struct corpus *corpus, struct train_rows rows, struct err *e)
{
    size_t tokens;
    if (train_rows_check(corpus, rows, &tokens, e)) return -1;
    corpus_narrow(corpus, (size_t)rows.begin, (size_t)(rows.end - rows.begin));
    return 0;
}

uint64_t train_rows_seen(struct train_rows rows, uint64_t step)
{
    const uint64_t seen = step <= rows.end / TRAIN_BATCH ? step * TRAIN_BATCH : rows.end;
    return seen > rows.begin ? seen - rows.begin : 0;
}
