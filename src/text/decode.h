/* decode.h - token ids to text that is UTF-8 at every moment: bytes of a character that is not
 * complete wait for the next token, ill-formed ones become U+FFFD.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_DECODE_H
#define TRIPOD_DECODE_H

#include "src/text/tokenizer.h"
#include "src/text/unicode.h"

/* Zero-initialise but for the tokenizer; decoder_free releases. */
struct decoder {
    const struct tokenizer *tokenizer; /* borrowed; NULL: there is no text */
    struct bytes held;
};
void decoder_free(struct decoder *d);

/* Appends to *out what token ID completes. Ids not in use have no text. -1: out of memory. */
int decoder_add(struct decoder *d, uint32_t id, struct bytes *out);
/* The end of a text: what is held is not going to be a character. */
int decoder_end(struct decoder *d, struct bytes *out);

#endif
