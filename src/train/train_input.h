/* train_input.h - from the words a user gives to the corpus that is trained on: text, which is tokenised
 * and kept in the run's folder, or a tokenised corpus; its tokenizer, vocabulary and separator.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_INPUT_H
#define TRIPOD_TRAIN_INPUT_H

#include "src/text/corpus.h"
#include "src/text/tokenizer.h"

struct train_request {
    char *const *paths; /* texts, or the prefix of one tokenised corpus */
    size_t n;
    const char
        *tokenizer;    /* tokenizer.json or its folder. NULL: of text every byte is a token; of a
                              corpus the one its record names */
    const char *field; /* of JSON lines; NULL: "text" */
    const char
        *separator;     /* an id, or "none". NULL: the tokenizer's <|endoftext|>, unless the corpus
                              was made with one after each document */
    size_t vocab;       /* rows of the embedding; 0: the tokenizer's */
    const char *folder; /* where FOLDER/corpus.bin and .idx of a text go, and tokenizer.json */
};

struct train_input {
    struct corpus corpus;        /* its limit is vocab */
    struct tokenizer *tokenizer; /* NULL: not known */
    size_t vocab;
    int64_t separator; /* -1: none */
    uint64_t hash;     /* of the corpus */
};

/* FOLDER/tokenizer.json is written where a tokenizer is known, so that the run's checkpoints have one
 * beside them. Errors: no such file; text and a corpus together; a corpus whose tokenizer, or whose
 * vocabulary and separator, nobody says; another tokenizer in the folder; kept_open's. The caller
 * closes, after an error too. */
int train_input_open(struct train_input *in, const struct train_request *q, struct err *e);
void train_input_close(struct train_input *in);

#endif
