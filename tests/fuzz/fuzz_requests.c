/* Fuzz target: any bytes as a line of requests, with a small tokenizer and without. What is accepted
 * has a context and a continuation of its own, inside the ids; what is not leaves one line of message.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/scan/requests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte a token, two merges, two added tokens. */
static struct tokenizer *tokenizer(void)
{
    static struct tokenizer *t;
    struct err e;
    if (!t && tokenizer_open(&t, "tests/golden/tokenizer_small.json", &e)) abort();
    return t;
}

static void read_line(const uint8_t *data, size_t size, bool text)
{
    struct requests r = {0};
    struct err e = {0};
    const struct requests_options o = {.tokenizer = text ? tokenizer() : NULL, .prefix = -1};
    struct encoder *encoder = text ? encoder_open(o.tokenizer) : NULL;
    if (text && !encoder) return;
    if (requests_add(&r, (const char *)data, size, 7, &o, encoder, &e)) {
        if (strncmp(e.text, "line 7: ", 8) || strchr(e.text, '\n') || r.lines) abort();
    } else {
        if (r.lines != 1 || !r.n || r.line[0].count != r.n || r.line[0].number != 7) abort();
        if (r.line[0].gold >= (int64_t)r.n || (!r.line[0].choices && r.n != 1)) abort();
        uint64_t loss = 0;
        for (size_t i = 0; i < r.n; i++) {
            const struct request *q = &r.item[i];
            if (!q->context || !q->tokens || q->loss != loss || q->line != 0) abort();
            if (q->at + q->context + q->tokens > r.ids.count) abort();
            if (!text && q->bytes) abort();
            loss += q->tokens;
        }
        if (loss != r.predictions) abort();
        requests_part(&r, 0, 1);
        if (r.predictions != loss) abort();
    }
    requests_free(&r);
    encoder_close(encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *p = size ? data : (const uint8_t *)"";
    read_line(p, size, true);
    read_line(p, size, false);
    return 0;
}
