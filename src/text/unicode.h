/* unicode.h - code points as the tokenizer sees them: UTF-8, classes, NFC.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_UNICODE_H
#define TRIPOD_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UNICODE_LETTER = 1,
    UNICODE_NUMBER = 2,
    UNICODE_SPACE = 4,
    UNICODE_MARK =
        8, /* NFC has to look: it may move, change, or compose with what stands before it */
};

/* Flags of each code point, [0x110000]; built on the first call. */
const uint8_t *unicode_flags(void);

/* The code point at p, which must be valid UTF-8; *bytes receives its length. */
static inline uint32_t utf8_read(const uint8_t *p, size_t *bytes)
{
    if (p[0] < 0x80) {
        *bytes = 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *bytes = 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *bytes = 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *bytes = 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

/* Writes a code point, at most 4 bytes; returns how many. */
size_t utf8_write(uint32_t c, uint8_t *out);

/* The length of the longest valid prefix; *skip receives the length of the ill-formed sequence
 * after it (a maximal subpart, 1 to 3 bytes), 0 when all is valid. */
size_t utf8_valid(const uint8_t *p, size_t bytes, size_t *skip);

/* Whether p[0..bytes), valid UTF-8, has no byte >= 0x80. */
bool utf8_is_ascii(const uint8_t *p, size_t bytes);

/* A growable byte buffer. */
struct bytes {
    uint8_t *data;
    size_t count, capacity;
};
int bytes_append(struct bytes *b, const void *data, size_t count); /* -1: out of memory */
int bytes_reserve(struct bytes *b, size_t more);
void bytes_free(struct bytes *b);

/* Runs of anything but Unicode white space. */
uint64_t count_words(const uint8_t *p, size_t bytes);

/* NFC of valid UTF-8: returns 1 and the text in *out (appended to what it holds) if it differs from
 * p or could not be ruled out quickly, 0 if p is in NFC already (nothing appended), -1 when out of
 * memory. */
int unicode_nfc(const uint8_t *p, size_t bytes, struct bytes *out);

#endif
