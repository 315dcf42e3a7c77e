/* bpe.h - byte pair encoding: the merges of a vocabulary, and the ids of one word.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BPE_H
#define TRIPOD_BPE_H

#include "src/text/ids.h"

struct bpe {
    uint32_t byte_id[256]; /* the symbol of each byte; NO_ID: none, the byte is dropped */
    struct merge *merges;  /* open addressing */
    size_t merge_mask;
};

/* Makes room for COUNT merges; b->merges is NULL before. -1: out of memory. */
int bpe_reserve(struct bpe *b, size_t count);
/* LEFT and RIGHT become ID. Of equal pairs the last counts, as in Hugging Face. */
void bpe_put(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
void bpe_free(struct bpe *b);

/* What one thread keeps between words: the words it met last, and scratch memory. */
struct bpe_words;
struct bpe_words *bpe_words_open(void); /* NULL when out of memory */
void bpe_words_close(struct bpe_words *w);

/* Appends the ids of one word; *out has room for BYTES of them. W serves one B only. */
int bpe_word(const struct bpe *b, struct bpe_words *w, const uint8_t *p, size_t bytes,
             struct ids *out, struct err *e);

#endif
