/* locate.h - from what a user writes to a model file: a flat file, a Hugging Face folder, or
 * EleutherAI/pythia-70m@step3000 in the local Hugging Face cache.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOCATE_H
#define TRIPOD_LOCATE_H

#include "models/flat/flat.h"

/* Opens MODEL. A folder is imported on the fly and cached in it as model.tripod (reused while the
 * sources' sizes and times are the same; when the folder cannot be written, in
 * $XDG_CACHE_HOME/tripod). A name with one slash that is no path is looked up in the Hugging Face
 * cache (HF_HUB_CACHE, HF_HOME, ~/.cache/huggingface); when absent the error gives the `hf
 * download` line. Never downloads. FOLDER, if not NULL, receives the Hugging Face folder (for its
 * tokenizer.json) or NULL; the caller frees. An archive's checkpoint (archived.h) is decoded.
 * Thread-safe. */
int model_open(struct flat_model *m, const char *model, char **folder, struct err *e);

/* The same without importing or decoding anything: where a folder has to be imported first *import is
 * the file to make of it (else NULL) and *m stays closed; of an archive's checkpoint no tensor's data
 * is there. The caller frees both texts. */
int model_peek(struct flat_model *m, const char *model, char **folder, char **import,
               struct err *e);

/* Makes that file. QUIET: no progress line. */
int model_make(const char *folder, const char *import, bool quiet, struct err *e);

/* model_open for who wants the directory alone: of an archive's checkpoint no tensor's data is there
 * but that of TENSOR (SIZE_MAX: none). */
int model_head(struct flat_model *m, const char *model, size_t tensor, struct err *e);

/* The folder of a MODEL that is no flat file: MODEL itself, or its place in the Hugging Face cache.
 * The caller frees; NULL with the error set. */
char *model_folder(const char *model, struct err *e);

/* tokenizer.json of that folder, or of one of its two parents; NULL if there is none. The caller
 * frees. */
char *model_tokenizer(const char *folder);

#endif
