/* model_tokenizer.h - the tokenizer that belongs to a model.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MODEL_TOKENIZER_H
#define TRIPOD_MODEL_TOKENIZER_H

#include "src/text/tokenizer.h"

/* PATH unless it is NULL, else tokenizer.json of the model's FOLDER, as model_open gives it. *t is NULL
 * where there is none: no error. The caller closes. */
int model_tokenizer_open(struct tokenizer **t, const char *path, const char *folder, struct err *e);

#endif
