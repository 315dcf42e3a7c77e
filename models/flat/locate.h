/* locate.h - from what a user writes to a model file: a flat file, a checkpoint of an archive
 * (FILE.tripod@step3000), a Hugging Face folder, or EleutherAI/pythia-70m@step3000 in the local
 * Hugging Face cache.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOCATE_H
#define TRIPOD_LOCATE_H

#include "models/flat/flat.h"

/* Opens MODEL. A folder is imported on the fly and cached in it as model.tripod (reused while the
 * sources' sizes and times are the same; when the folder cannot be written, in
 * $XDG_CACHE_HOME/tripod). A name with one slash that is no path is looked up in the Hugging Face
 * cache (HF_HUB_CACHE, HF_HOME, ~/.cache/huggingface); when absent the error gives the `hf
 * download` line. Never downloads. FOLDER, if not NULL, receives the Hugging Face folder (for its
 * tokenizer.json) or NULL; the caller frees. An archive's checkpoint is FILE@stepN, FILE@I where the step is
 * not known, or FILE where it is the only one; the archive used last stays open, and its checkpoint
 * decoded last in memory, so that the next in order takes one step (archive.h). A path that exists is
 * taken as it is, whatever @ is in it. Thread-safe. */
int model_open(struct flat_model *m, const char *model, char **folder, struct err *e);

/* The same for who wants the directory alone: of an archive's checkpoint no tensor's data is there
 * (NULL) but that of TENSOR (SIZE_MAX: none). */
int model_peek(struct flat_model *m, const char *model, size_t tensor, struct err *e);

/* MODELS [n] with every checkpoint of an archive in the archive's place, as model_open takes them;
 * model_names_free frees the names. Errors: a damaged archive, out of memory. */
int model_expand(const char *const *models, size_t n, char ***names, size_t *count, struct err *e);
void model_names_free(char **names, size_t count);

/* Whether MODEL is an archive or names a checkpoint of one. */
bool model_is_archived(const char *model);

/* The folder of a MODEL that is no flat file: MODEL itself, or its place in the Hugging Face cache.
 * The caller frees; NULL with the error set. */
char *model_folder(const char *model, struct err *e);

/* tokenizer.json of that folder, or of one of its two parents; NULL if there is none. The caller
 * frees. */
char *model_tokenizer(const char *folder);

#endif
