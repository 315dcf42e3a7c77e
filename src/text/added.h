/* added.h - added tokens: strings that are tokens by themselves, cut out of a text before it is split
 * into words.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ADDED_H
#define TRIPOD_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct added_token {
    uint8_t *text;
    size_t bytes;
    uint32_t id;
};

/* Longest first among those that begin with the same byte. Zero-initialise; added_free releases. */
struct added {
    struct added_token *token;
    size_t count;
    uint32_t first[257]; /* token[first[b] .. first[b + 1]) begin with byte b */
    /* If every token begins with the same two bytes, those, to search for; else pairs is false. */
    bool pairs;
    uint8_t pair[2];
};

/* Adds a token, a copy of TEXT; one of no bytes is left out. -1: out of memory. */
int added_put(struct added *a, const uint8_t *text, size_t bytes, uint32_t id);
/* After the last added_put, before added_find. */
void added_index(struct added *a);
/* The first added token at or after p: its place and its index in *token, or END. */
const uint8_t *added_find(const struct added *a, const uint8_t *p, const uint8_t *end,
                          size_t *token);
void added_free(struct added *a);

#endif
