/* tokenizer_private.h - what the two files of the tokenizer share: tokenizer_json.c reads tokenizer.json,
 * tokenizer.c encodes and decodes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKENIZER_PRIVATE_H
#define TRIPOD_TOKENIZER_PRIVATE_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#include "src/text/added.h"
#include "src/text/bpe.h"
#include "src/text/unicode.h"

struct token {
    uint32_t offset, bytes; /* in text; offset NO_ID: not in use */
};

struct tokenizer {
    char *path;
    uint64_t hash;
    size_t size;
    bool nfc, prefix_space, words; /* words: split by GPT-2's rule */
    bool cut_ok;                   /* no added token spans a cut */
    struct token *token;           /* [size] */
    struct bytes text;             /* of all tokens */
    struct bpe bpe;
    struct added special, plain;
    json_t *added_ids; /* content -> id */
    pthread_mutex_t lock;
    struct encoder *idle; /* those tokenizer_encode lends out */
};

struct encoder {
    const struct tokenizer *t;
    struct encoder *next;
    struct bytes repaired, normal, prefixed;
    struct bpe_words *words;
};

/* GPT-2's alphabet: bytes that print stand for themselves, the others for U+0100 onwards in order. The
 * byte that each code point stands for, or -1. */
void byte_alphabet(int32_t byte_of[512]);

/* White space in ASCII. */
static inline bool is_space_byte(uint8_t b)
{
    return b == ' ' || (b >= 9 && b <= 13);
}

#endif
