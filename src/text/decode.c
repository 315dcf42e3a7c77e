/* decode.c - see decode.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/decode.h"

#include <string.h>

void decoder_free(struct decoder *d)
{
    bytes_free(&d->held);
}

/* Whether the BYTES at P, ill-formed as they are, may become a character with more of them. */
static bool may_go_on(const uint8_t *p, size_t bytes)
{
    size_t whole = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC2 ? 2 : 1;
    return p[0] < 0xF5 && bytes < whole;
}

/* Moves what is complete, or all of it. */
static int move(struct decoder *d, bool all, struct bytes *out)
{
    size_t at = 0, skip;
    while (at < d->held.count) {
        const uint8_t *p = d->held.data + at;
        size_t left = d->held.count - at, good = utf8_valid(p, left, &skip);
        if (good && bytes_append(out, p, good)) return -1;
        at += good;
        if (!skip) break;
        if (!all && good + skip == left && may_go_on(p + good, skip)) break;
        if (bytes_append(out, "\xEF\xBF\xBD", 3)) return -1;
        at += skip;
    }
    d->held.count -= at;
    if (d->held.count) memmove(d->held.data, d->held.data + at, d->held.count);
    return 0;
}

int decoder_add(struct decoder *d, uint32_t id, struct bytes *out)
{
    size_t bytes = 0;
    const char *text = d->tokenizer ? tokenizer_bytes(d->tokenizer, id, &bytes) : NULL;
    if (text && bytes && bytes_append(&d->held, text, bytes)) return -1;
    return move(d, false, out);
}

int decoder_end(struct decoder *d, struct bytes *out)
{
    return move(d, true, out);
}
