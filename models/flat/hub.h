/* hub.h - names of models: where the local Hugging Face cache keeps one, and which model and step a
 * folder's path stands for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_HUB_H
#define TRIPOD_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

struct hub_name {
    char organisation[128], model[128], revision[128];
};

/* ORG/NAME[@REVISION]; of the suite's models the organisation may be left out. False when MODEL is
 * no such name. */
bool hub_parse(const char *model, struct hub_name *h);

/* The local Hugging Face cache, which need not exist: the first of HF_HUB_CACHE,
 * HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub
 * that is set. The caller frees; NULL when none is. */
char *hub_cache(void);

/* Whether S may be an organisation, a model or a revision: letters, digits and ._-, the first
 * neither a dot nor a dash. */
bool hub_word(const char *s);

/* The snapshot's folder in the cache (HF_HUB_CACHE, HF_HOME, ~/.cache/huggingface), which the caller
 * frees, or NULL with the `hf download` line in the error. Never downloads. MODEL is for the
 * message. */
char *hub_folder(const char *model, const struct hub_name *h, struct err *e);

/* Model name (255 bytes at most, "" if unknown) and step (-1) a folder's path stands for:
 * pythia-70m/step3000, pythia-70m-step3000, .../models--ORG--pythia-70m/snapshots/HASH with the
 * cache's refs. Outside the suite the folder's own name is taken. NAME: 256 bytes. */
void folder_identity(const char *folder, char *name, int64_t *step);

/* The path made absolute, without "." parts; links are not followed, for their names are what the
 * user chose. The caller frees; NULL when out of memory or the directory is gone. */
char *folder_absolute(const char *folder);

#endif
