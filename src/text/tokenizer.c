/* tokenizer.c - byte-level BPE with Hugging Face's ids; see tokenizer.h.
 *
 *   text -> UTF-8 repaired -> special added tokens cut out -> NFC -> other added tokens cut out
 *        -> words (GPT-2's rule) -> ids of a word (bpe.c)
 *
 * Words are found by a scanner written out by hand: ASCII by table, the rest by code point.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "src/text/tokenizer_private.h"

/* --- words --- */

enum { OTHER, LETTER, NUMBER, SPACE, HIGH };

#define O16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define H16 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4
static const uint8_t ascii_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 0, 0, O16, /* controls */
    3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      /* space to / */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0,      /* digits */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1,   1,   1,   1,   1,
    1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1,   1,   1,   1,   1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, H16, H16, H16, H16, H16, H16, H16, H16};

/* Flags of unicode.h to a class. */
static const uint8_t flag_class[8] = {OTHER, LETTER, NUMBER, NUMBER, SPACE, SPACE, SPACE, SPACE};

static inline unsigned class_at(const uint8_t *p, const uint8_t *flags, size_t *bytes)
{
    unsigned class = ascii_class[*p];
    *bytes = 1;
    return class != HIGH ? class : flag_class[flags[utf8_read(p, bytes)] & 7];
}

/* The end of the run of CLASS that begins at p. */
static inline const uint8_t *run_end(const uint8_t *p, const uint8_t *end, unsigned class,
                                     const uint8_t *flags)
{
    size_t n;
    while (p < end) {
        if (ascii_class[*p] == class) {
            p++;
            continue;
        }
        if (ascii_class[*p] != HIGH || class_at(p, flags, &n) != class) break;
        p += n;
    }
    return p;
}

/* The end of the word that begins at p < end:
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static inline const uint8_t *word_end(const uint8_t *p, const uint8_t *end, const uint8_t *flags)
{
    size_t n;
    if (*p == '\'' && end - p >= 2) {
        uint8_t a = p[1], b = end - p >= 3 ? p[2] : 0;
        if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
        if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
            return p + 3;
    }
    const uint8_t *q = *p == ' ' && p + 1 < end ? p + 1 : p;
    unsigned class = class_at(q, flags, &n);
    if (class != SPACE) return run_end(q + n, end, class, flags);
    /* A run of white space: all of it at the end of the text, else all but its last character,
     * unless that is all. */
    const uint8_t *last = p;
    for (q = p; q < end; q += n) {
        if (class_at(q, flags, &n) != SPACE) break;
        last = q;
    }
    return q == end || last == p ? q : last;
}

/* --- encoding --- */

/* Text without added tokens, normalised. */
static int encode_words(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                        struct err *e)
{
    const struct tokenizer *t = c->t;
    if (!bytes) return 0;
    if (t->prefix_space && p[0] != ' ') {
        c->prefixed.count = 0;
        if (bytes_append(&c->prefixed, " ", 1) || bytes_append(&c->prefixed, p, bytes))
            return err_memory(e, NULL);
        p = c->prefixed.data;
        bytes++;
    }
    const uint8_t *end = p + bytes, *flags = unicode_flags();
    while (p < end) {
        const uint8_t *q = t->words ? word_end(p, end, flags) : end;
        size_t n = (size_t)(q - p);
        if (out->capacity - out->count < n && ids_reserve(out, n, e)) return -1;
        if (bpe_word(&t->bpe, c->words, p, n, out, e)) return -1;
        p = q;
    }
    return 0;
}

/* Text without special tokens: NFC, then the other added tokens. */
static int encode_piece(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                        struct err *e)
{
    const struct tokenizer *t = c->t;
    if (t->nfc && !utf8_is_ascii(p, bytes)) {
        c->normal.count = 0;
        int changed = unicode_nfc(p, bytes, &c->normal);
        if (changed < 0) return err_memory(e, NULL);
        if (changed) {
            p = c->normal.data;
            bytes = c->normal.count;
        }
    }
    if (!t->plain.count) return encode_words(c, p, bytes, out, e);
    const uint8_t *end = p + bytes;
    size_t token = 0;
    while (p < end) {
        const uint8_t *q = added_find(&t->plain, p, end, &token);
        if (encode_words(c, p, (size_t)(q - p), out, e)) return -1;
        if (q == end) break;
        if (ids_reserve(out, 1, e)) return -1;
        out->id[out->count++] = t->plain.token[token].id;
        p = q + t->plain.token[token].bytes;
    }
    return 0;
}

/* Valid UTF-8 from any bytes, in c->repaired. */
static int repair(struct encoder *c, const uint8_t *p, size_t bytes, uint64_t *invalid,
                  struct err *e)
{
    c->repaired.count = 0;
    while (bytes) {
        size_t skip, n = utf8_valid(p, bytes, &skip);
        if (bytes_append(&c->repaired, p, n) ||
            (skip && bytes_append(&c->repaired, "\xEF\xBF\xBD", 3)))
            return err_memory(e, NULL);
        if (skip) ++*invalid;
        p += n + skip;
        bytes -= n + skip;
    }
    return 0;
}

int encoder_encode(struct encoder *c, const char *text, size_t bytes, struct ids *out,
                   uint64_t *invalid_utf8, struct err *e)
{
    const struct tokenizer *t = c->t;
    const uint8_t *p = (const uint8_t *)text;
    size_t skip;
    uint64_t invalid = 0;
    utf8_valid(p, bytes, &skip);
    if (skip) {
        if (repair(c, p, bytes, &invalid, e)) return -1;
        p = c->repaired.data;
        bytes = c->repaired.count;
    }
    if (invalid_utf8) *invalid_utf8 += invalid;
    if (!bytes) return 0;
    if (!t->special.count) return encode_piece(c, p, bytes, out, e);
    const uint8_t *end = p + bytes;
    size_t token = 0;
    while (p < end) {
        const uint8_t *q = added_find(&t->special, p, end, &token);
        if (encode_piece(c, p, (size_t)(q - p), out, e)) return -1;
        if (q == end) break;
        if (ids_reserve(out, 1, e)) return -1;
        out->id[out->count++] = t->special.token[token].id;
        p = q + t->special.token[token].bytes;
    }
    return 0;
}

struct encoder *encoder_open(const struct tokenizer *t)
{
    struct encoder *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->t = t;
    c->words = bpe_words_open();
    if (c->words) return c;
    encoder_close(c);
    return NULL;
}

void encoder_close(struct encoder *c)
{
    if (!c) return;
    bytes_free(&c->repaired);
    bytes_free(&c->normal);
    bytes_free(&c->prefixed);
    bpe_words_close(c->words);
    free(c);
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, struct ids *out,
                     uint64_t *invalid_utf8, struct err *e)
{
    struct tokenizer *lender =
        (struct tokenizer *)(uintptr_t)t; /* what is lent is behind its lock */
    pthread_mutex_lock(&lender->lock);
    struct encoder *c = lender->idle;
    if (c) lender->idle = c->next;
    pthread_mutex_unlock(&lender->lock);
    if (!c) c = encoder_open(t);
    if (!c) return err_memory(e, NULL);
    int status = encoder_encode(c, text, bytes, out, invalid_utf8, e);
    pthread_mutex_lock(&lender->lock);
    c->next = lender->idle;
    lender->idle = c;
    pthread_mutex_unlock(&lender->lock);
    return status;
}

size_t tokenizer_cut(const struct tokenizer *t, const char *text, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)text, *flags = unicode_flags();
    if (!t->cut_ok || !t->words) return 0;
    for (size_t i = bytes; i-- > 1;) {
        if (t->prefix_space ? p[i] != ' ' : !is_space_byte(p[i])) continue;
        if (is_space_byte(p[i - 1])) continue;
        if (p[i - 1] < 0x80) return i;
        /* The code point before, if it is one: it may be white space, too. */
        size_t start = i - 1, n;
        while (start > 0 && i - start < 4 && (p[start] & 0xC0) == 0x80) start--;
        size_t skip, valid = utf8_valid(p + start, i - start, &skip);
        if (valid != i - start) return i;
        if (!(flags[utf8_read(p + start, &n)] & UNICODE_SPACE)) return i;
    }
    return 0;
}

/* --- facts and decoding --- */

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->size;
}
uint64_t tokenizer_hash(const struct tokenizer *t)
{
    return t->hash;
}
const char *tokenizer_path(const struct tokenizer *t)
{
    return t->path;
}

int64_t tokenizer_added(const struct tokenizer *t, const char *content)
{
    const json_t *id = json_object_get(t->added_ids, content);
    return id ? (int64_t)json_integer_value(id) : -1;
}

const char *tokenizer_bytes(const struct tokenizer *t, uint32_t id, size_t *bytes)
{
    *bytes = 0;
    if (id >= t->size || t->token[id].offset == NO_ID) return NULL;
    *bytes = t->token[id].bytes;
    return t->text.data ? (const char *)t->text.data + t->token[id].offset : "";
}

size_t tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t count, char *out,
                        size_t capacity)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *text = tokenizer_bytes(t, ids[i], &bytes);
        if (!text) continue;
        if (total < capacity)
            memcpy(out + total, text, bytes < capacity - total ? bytes : capacity - total);
        total += bytes;
    }
    return total;
}
