/* token_context.h - a row's token with the text around it and its losses.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_CONTEXT_H
#define TRIPOD_TOKEN_CONTEXT_H

#include "src/scan/token_index.h"
#include "src/text/tokenizer.h"
#include "src/text/unicode.h"
#include "src/text/visible.h"

struct token_context {
    uint64_t row;
    size_t document, position; /* of the token, from 0 */
    uint32_t id;
    struct bytes before, token, after; /* raw bytes; without a tokenizer ids and spaces */
    double *loss;                      /* [columns] nats; NULL: without */
};

/* BEFORE and AFTER: tokens shown around it, within its document, whole as it is in the corpus. T
 * may be NULL. Errors: an id the corpus cannot give, out of memory. */
int token_context_read(struct token_context *c, const struct token_index *x, const struct matrix *m,
                       const struct tokenizer *t, uint64_t row, size_t before, size_t after,
                       struct err *e);
/* The same without losses. */
int token_context_text(struct token_context *c, const struct token_index *x,
                       const struct tokenizer *t, uint64_t row, size_t before, size_t after,
                       struct err *e);
void token_context_free(struct token_context *c);

/* Text safe to show (visible.h) as a string the caller frees; NULL when out of memory. */
char *token_text(const struct bytes *raw, enum visible how);

/* The three parts of a context, each as token_text: to be freed even where it failed (-1, out of
 * memory). */
struct token_parts {
    char *before, *token, *after;
};
int token_parts_make(struct token_parts *p, const struct token_context *c, enum visible how);
void token_parts_free(struct token_parts *p);

/* A block character a value, from low to high between 0 and the largest; "?" for what is no number.
 * The caller frees; NULL when out of memory. */
char *token_sparkline(const double *value, size_t n);

#endif
