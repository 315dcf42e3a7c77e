/* model_tokenizer.h - the tokenizer that belongs to a model, or to a corpus.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MODEL_TOKENIZER_H
#define TRIPOD_MODEL_TOKENIZER_H

#include "src/text/tokenizer.h"

/* PATH unless it is NULL, else tokenizer.json of the model's FOLDER, as model_open gives it. *t is
 * NULL where there is none: no error. The caller closes. */
int model_tokenizer_open(struct tokenizer **t, const char *path, const char *folder, struct err *e);

/* The tokenizer of the corpus PREFIX: GIVEN, a tokenizer.json or the folder of one; where that is NULL
 * the one the corpus's own record names; where that is not there SCAN, which may be NULL: the one it
 * was scanned with. *t is NULL where there is none, no error: *gone is then the path where it should
 * be, NULL where nobody says. The caller frees that, and closes. Errors: GIVEN is not there; it is
 * not the tokenizer the corpus was made with. */
int corpus_tokenizer_open(struct tokenizer **t, char **gone, const char *prefix, const char *given,
                          const char *scan, struct err *e);

#endif
