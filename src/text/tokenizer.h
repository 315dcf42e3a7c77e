/* tokenizer.h - a tokenizer.json of GPT-NeoX's or GPT-2's (GPT-Neo's) kind: the ids of Hugging Face
 * tokenizers, and back.
 *
 * Added tokens are cut out (special ones from the raw text, the others after NFC), the rest is
 * split by GPT-2's rule into words, each word's bytes are merged by byte pair encoding. Anything
 * else a file may ask for (another normaliser, pre-tokenizer or model, dropout, truncation ...) is
 * refused by name at opening.
 *
 * Invalid UTF-8 becomes U+FFFD, one for each maximal subpart (Unicode 3.9, as Python's
 * errors="replace"). A byte the vocabulary has no symbol for is dropped, as Hugging Face does
 * (GPT-NeoX's lacks only bytes that valid UTF-8 never holds).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKENIZER_H
#define TRIPOD_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/text/ids.h"

struct tokenizer;

/* Reads PATH (the whole of it is in memory afterwards, the file is no longer needed). The caller
 * closes. */
int tokenizer_open(struct tokenizer **t, const char *path, struct err *e);
/* The same from memory; NAME stands for the path in messages. */
int tokenizer_parse(struct tokenizer **t, const char *json, size_t bytes, const char *name,
                    struct err *e);
void tokenizer_close(struct tokenizer *t);

size_t tokenizer_size(const struct tokenizer *t);   /* the largest id + 1 */
uint64_t tokenizer_hash(const struct tokenizer *t); /* XXH3-64 of the file */
const char *tokenizer_path(const struct tokenizer *t);
/* What tokenizer_hash would say of PATH, which is not parsed. */
int tokenizer_file_hash(uint64_t *hash, const char *path, struct err *e);

/* Appends the ids of TEXT to *out; adds to *invalid_utf8 (may be NULL) the number of sequences
 * replaced. Any number of threads may share a tokenizer. Errors: out of memory. */
int tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, struct ids *out,
                     uint64_t *invalid_utf8, struct err *e);

/* The same with the scratch memory and the cache of words kept by the caller, one for each
 * thread. */
struct encoder;
struct encoder *encoder_open(const struct tokenizer *t); /* NULL when out of memory */
void encoder_close(struct encoder *c);
int encoder_encode(struct encoder *c, const char *text, size_t bytes, struct ids *out,
                   uint64_t *invalid_utf8, struct err *e);

/* The largest n <= bytes such that text[0..n) and text[n..] encoded apart give the ids of the
 * whole; 0 when no place is found (n = bytes is not considered). With it a document of any length
 * is encoded in pieces: a cut stands before white space that follows anything else. */
size_t tokenizer_cut(const struct tokenizer *t, const char *text, size_t bytes);

/* The bytes of one token (part of a UTF-8 sequence, perhaps), NULL for an id that is not in use.
 * The memory is the tokenizer's. */
const char *tokenizer_bytes(const struct tokenizer *t, uint32_t id, size_t *bytes);

/* Writes the bytes of IDS to OUT (at most CAPACITY of them) and returns how many there are in all,
 * as snprintf does without the final zero. Special tokens are written as their text; ids not in use
 * are left out. */
size_t tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t count, char *out,
                        size_t capacity);

/* The id of an added token such as "<|endoftext|>"; -1 when there is none. */
int64_t tokenizer_added(const struct tokenizer *t, const char *content);

#endif
