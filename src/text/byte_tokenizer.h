/* byte_tokenizer.h - the vocabulary of bytes: a text's ids are the bytes of its UTF-8, end-of-text is 256.
 *
 * It is a tokenizer.json of GPT-NeoX's kind without merges, so that everything that reads a
 * tokenizer reads this one; nothing is normalised.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BYTE_TOKENIZER_H
#define TRIPOD_BYTE_TOKENIZER_H

#include "src/text/tokenizer.h"

#define BYTE_TOKENIZER_END "<|endoftext|>" /* the added token, id 256 */

/* Opens it, without a file: what tokenizer_open would give for PATH once byte_tokenizer_write has
 * written that. The caller closes. Errors: out of memory. */
int byte_tokenizer_open(struct tokenizer **t, const char *path, struct err *e);

/* Writes its tokenizer.json, always the same bytes. Errors: cannot write, out of memory. */
int byte_tokenizer_write(const char *path, struct err *e);

#endif
