/* token_context.c - see token_context.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int append_tokens(struct bytes *out, const struct tokenizer *t, const uint32_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char number[16];
        size_t bytes;
        const char *text = t ? tokenizer_bytes(t, id[i], &bytes) : number;
        if (!t || !text)
            bytes = (size_t)snprintf(number, sizeof number, t ? "<%u>" : "%u ", (unsigned)id[i]);
        if (bytes_append(out, text ? text : number, bytes)) return -1;
    }
    return 0;
}

int token_context_text(struct token_context *c, const struct token_index *x,
                       const struct tokenizer *t, uint64_t row, size_t before, size_t after,
                       struct err *e)
{
    *c = (struct token_context){.row = row};
    token_index_find(x, row, &c->document, &c->position);
    const size_t length = corpus_length(&x->corpus, c->document);
    const size_t first = c->position > before ? c->position - before : 0;
    const size_t end = length - c->position - 1 > after ? c->position + 1 + after : length;
    const size_t at = c->position - first;
    uint32_t *id = malloc((end - first) * sizeof *id);
    int status = id ? corpus_read(&x->corpus, c->document, first, end - first, id, e)
                    : err_memory(e, x->corpus.prefix);
    if (!status) {
        c->id = id[at];
        if (append_tokens(&c->before, t, id, at) || append_tokens(&c->token, t, id + at, 1) ||
            append_tokens(&c->after, t, id + at + 1, end - first - at - 1))
            status = err_memory(e, x->corpus.prefix);
    }
    free(id);
    if (status) token_context_free(c);
    return status;
}

int token_context_read(struct token_context *c, const struct token_index *x, const struct matrix *m,
                       const struct tokenizer *t, uint64_t row, size_t before, size_t after,
                       struct err *e)
{
    if (token_context_text(c, x, t, row, before, after, e)) return -1;
    c->loss = malloc(m->columns * sizeof *c->loss);
    if (c->loss) {
        matrix_row(m, matrix_at(m, row), 0, c->loss);
        return 0;
    }
    token_context_free(c);
    return err_memory(e, m->path);
}

void token_context_free(struct token_context *c)
{
    bytes_free(&c->before);
    bytes_free(&c->token);
    bytes_free(&c->after);
    free(c->loss);
    *c = (struct token_context){0};
}

char *token_text(const struct bytes *raw, enum visible how)
{
    struct bytes out = {0};
    if (visible_append(&out, raw->data, raw->count, how) || bytes_append(&out, "", 1)) {
        bytes_free(&out);
        return NULL;
    }
    return (char *)out.data;
}

int token_parts_make(struct token_parts *p, const struct token_context *c, enum visible how)
{
    p->before = token_text(&c->before, how);
    p->token = token_text(&c->token, how);
    p->after = token_text(&c->after, how);
    return p->before && p->token && p->after ? 0 : -1;
}

void token_parts_free(struct token_parts *p)
{
    free(p->before);
    free(p->token);
    free(p->after);
}

char *token_sparkline(const double *value, size_t n)
{
    static const char *const block[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                        "\u2585", "\u2586", "\u2587", "\u2588"};
    char *text = malloc(3 * n + 1), *p = text;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(value[i]) && value[i] > most) most = value[i];
    }
    if (!text) return NULL;
    for (size_t i = 0; i < n; i++) {
        double at = most > 0 ? 8 * value[i] / most : 0;
        p = stpcpy(p, !isfinite(value[i]) ? "?" : block[at >= 8 ? 7 : at > 0 ? (int)at : 0]);
    }
    *p = 0;
    return text;
}
