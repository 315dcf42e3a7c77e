/* token_index.c - see token_index.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/npy.h"
#include "src/text/known.h"

/* Whether this is the corpus of the record, which has its first DOCUMENTS, 0: all. What is known of
 * it lies beside the matrix. */
static int match_record(const struct token_index *x, const struct matrix *m, size_t documents,
                        struct err *e)
{
    const char *slash = strrchr(m->path, '/');
    char *folder = slash ? strndup(m->path, (size_t)(slash - m->path) + 1) : strdup(".");
    int status = corpus_is(&x->corpus, documents, m->corpus_hash, m->path, folder, e);
    free(folder);
    return status;
}

static int find_starts(struct token_index *x, struct err *e)
{
    size_t n = token_index_documents(x);
    x->start = malloc((n + 1) * sizeof *x->start);
    if (!x->start) return err_memory(e, x->corpus.prefix);
    x->start[0] = 0;
    for (size_t d = 0; d < n; d++) x->start[d + 1] = x->start[d] + plan_predictions(&x->plan, d);
    return 0;
}

int token_index_open(struct token_index *x, const struct matrix *m, const char *prefix,
                     const struct protocol *protocol, struct err *e)
{
    *x = (struct token_index){0};
    struct protocol p = *protocol;
    size_t documents = 0;
    char *text = NULL;
    if (m && m->protocol && protocol_parse(&p, &documents, m->protocol, m->path, e)) return -1;
    if (protocol_open_corpus(&x->corpus, &p, prefix, e)) return -1;
    int status = m && m->protocol ? match_record(x, m, documents, e) : 0;
    if (!status)
        status = plan_make(&x->plan, &x->corpus, &p, 0, documents ? documents : SIZE_MAX, e);
    if (!status && m && x->plan.predictions != m->rows) {
        text = protocol_text(&p, documents);
        status = text ? err_set(e,
                                "%s: expected %" PRIu64 " losses, as %s has rows, found %" PRIu64
                                " (%s)",
                                x->corpus.prefix, m->rows, m->path, x->plan.predictions, text)
                      : err_memory(e, prefix);
    }
    free(text);
    if (!status) status = find_starts(x, e);
    if (status) token_index_close(x);
    return status;
}

void token_index_close(struct token_index *x)
{
    free(x->start);
    plan_free(&x->plan);
    if (x->corpus.prefix) corpus_close(&x->corpus);
    *x = (struct token_index){0};
}

size_t token_index_documents(const struct token_index *x)
{
    return x->plan.end - x->plan.begin;
}

uint64_t token_index_start(const struct token_index *x, size_t document)
{
    return x->start[document];
}

void token_index_find(const struct token_index *x, uint64_t row, size_t *document, size_t *position)
{
    size_t lo = 0, hi = token_index_documents(x); /* start[lo] <= row < start[hi] */
    while (hi - lo > 1) {
        size_t middle = lo + (hi - lo) / 2;
        if (x->start[middle] <= row)
            lo = middle;
        else
            hi = middle;
    }
    *document = lo;
    *position = (size_t)(row - x->start[lo]) + 1;
}

int token_index_write(const struct token_index *x, const char *path, struct err *e)
{
    const size_t n = token_index_documents(x) + 1;
    return npy_save(path, "<i8", n, 0, x->start, n * sizeof *x->start, e);
}
