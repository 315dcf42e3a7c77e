/* tokenizer_private.h - what the three files of the tokenizer share: tokenizer_json.c reads
 * tokenizer.json, bpe.c merges the bytes of a word, tokenizer.c does the rest.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKENIZER_PRIVATE_H
#define TRIPOD_TOKENIZER_PRIVATE_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#include "src/text/tokenizer.h"
#include "src/text/unicode.h"

enum {
    MAX_ID = (1 << 24) - 1, /* a table of ids is kept: a larger one is a damaged file */
    SHORT_WORD = 96,        /* symbols up to which scanning beats the heap */
    CACHE_BITS = 15,        /* 1 MiB an encoder: larger loses in L2 what it wins in hits */
    KEY_BYTES = 15,
    KEY_IDS = 3,
    LONG_BITS = 12, /* half a MiB for words that do not fit a slot: most of the world's scripts */
    LONG_BYTES = 47,
    LONG_IDS = 19,
};
#define NO_ID UINT32_MAX

struct token {
    uint32_t offset, bytes; /* in text; offset NO_ID: not in use */
};

struct merge {
    uint64_t pair; /* left << 32 | right; NO_PAIR: free */
    uint32_t rank, id;
};
#define NO_PAIR UINT64_MAX

struct added_token {
    uint8_t *text;
    size_t bytes;
    uint32_t id;
};

/* Added tokens of one kind, longest first among those that begin with the same byte. */
struct added {
    struct added_token *token;
    size_t count;
    uint32_t first[257]; /* token[first[b] .. first[b + 1]) begin with byte b */
    /* If every token begins with the same two bytes, those, to search for; else pairs is false. */
    bool pairs;
    uint8_t pair[2];
};

struct tokenizer {
    char *path;
    uint64_t hash;
    size_t size;
    bool nfc, prefix_space, words; /* words: split by GPT-2's rule */
    bool cut_ok;                   /* no added token spans a cut */
    struct token *token;           /* [size] */
    struct bytes text;             /* of all tokens */
    uint32_t byte_id[256];
    struct merge *merges; /* open addressing */
    size_t merge_mask;
    struct added special, plain;
    json_t *added_ids; /* content -> id */
    pthread_mutex_t lock;
    struct encoder *idle; /* those tokenizer_encode lends out */
};

struct slot {
    uint8_t key[KEY_BYTES + 1]; /* made of the word's bytes; its length in the last (0: free) */
    uint32_t id[KEY_IDS];
    uint32_t count;
};

struct long_slot {
    uint8_t text[LONG_BYTES], bytes; /* bytes 0: free */
    uint32_t count, id[LONG_IDS];
};

struct symbol {
    uint32_t id, previous, next; /* indices; NO_ID: none */
};

struct encoder {
    const struct tokenizer *t;
    struct encoder *next;
    struct bytes repaired, normal, prefixed;
    struct slot *cache;
    struct long_slot *long_cache;
    struct symbol *symbols;
    size_t symbol_room;
    uint64_t *heap;
    size_t heap_count, heap_room;
};

/* White space in ASCII. */
static inline bool is_space_byte(uint8_t b)
{
    return b == ' ' || (b >= 9 && b <= 13);
}

/* Makes room for COUNT merges; t->merges is NULL before. -1: out of memory. */
int bpe_reserve(struct tokenizer *t, size_t count);
/* LEFT and RIGHT become ID. Of equal pairs the last counts, as in Hugging Face. */
void bpe_put(struct tokenizer *t, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);

/* Appends the ids of one word; *out has room for BYTES of them. */
int bpe_word(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out, struct err *e);

#endif
