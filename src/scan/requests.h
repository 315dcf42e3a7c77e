/* requests.h - what evaluation harnesses ask of a language model: how likely is this continuation
 * after this context? Read from JSON lines, of which each is one of
 *
 *   {"context": "...", "continuation": "..."}
 *   {"context": "...", "choices": ["...", ...], "gold": 0, "delimiter": " "}
 *   {"context_ids": [...], "continuation_ids": [...]}
 *   {"context_ids": [...], "choices_ids": [[...], ...], "gold": 0}
 *
 * "gold", "delimiter" (put before each choice, and not counted in its length) and "id" (a string or
 * an integer, handed through) may be left out; other keys are ignored.
 *
 * Tokens are those of lm-evaluation-harness (TemplateLM of its version 0.4.13): white space at the
 * end of the context is moved to the continuation, then context + continuation are encoded together
 * and the continuation's tokens are those behind as many as the context alone has. Before an empty
 * context stands the prefix token, unless the continuation begins with it: then that token is the
 * context. (A context of nothing but white space is one of these here; the harness stops.)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REQUESTS_H
#define TRIPOD_REQUESTS_H

#include <stdbool.h>

#include "src/text/tokenizer.h"

/* One continuation after one context. */
struct request {
    size_t line;                /* of requests.line */
    uint64_t at;                /* in ids: the context's tokens, then the continuation's */
    uint32_t context, tokens;   /* of each at least one */
    uint64_t loss;              /* tokens of the requests before */
    uint64_t bytes, characters; /* of the text as given; 0: it was given as ids */
};

struct request_line {
    size_t number;       /* in the file, from 1 */
    size_t first, count; /* its requests; count is 1 unless there are choices */
    int64_t gold;        /* -1: not given */
    bool choices;
    char *id; /* as JSON; NULL: none */
};

struct requests {
    struct request *item;
    struct request_line *line;
    struct ids ids;
    size_t n, lines;
    uint64_t predictions; /* tokens of all continuations */
    bool encoded;         /* some ids are the tokenizer's: of text, or its prefix token */
    /* private */
    size_t room, lines_room;
};

struct requests_options {
    const struct tokenizer *tokenizer; /* NULL: only ids can be read */
    int64_t prefix;                    /* token before an empty context; -1: the tokenizer's
                                          <|endoftext|> */
};

/* Reads PATH ("-": stdin; zstd or not) on OpenMP's threads. Errors name file and line: not a request,
 * a continuation without a token of its own, text without a tokenizer, no prefix token; no request
 * at all. On error there is nothing to free. */
int requests_read(struct requests *r, const char *path, const struct requests_options *o,
                  struct err *e);
void requests_free(struct requests *r); /* safe on a zeroed one */

/* Leaves the lines of part INDEX of PARTS, consecutive ones. */
void requests_part(struct requests *r, size_t index, size_t parts);

/* Appends one line's requests; LINE numbers it in messages ("line 3: ..."). ENCODER: of o->tokenizer,
 * or NULL. */
int requests_add(struct requests *r, const char *text, size_t bytes, size_t line,
                 const struct requests_options *o, struct encoder *encoder, struct err *e);

#endif
