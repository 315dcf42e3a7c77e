/* model_tokenizer.c - see model_tokenizer.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/model_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "models/flat/locate.h"

int model_tokenizer_open(struct tokenizer **t, const char *path, const struct flat_model *flat,
                         const char *folder, struct err *e)
{
    *t = NULL;
    if (path) return tokenizer_open(t, path, e);
    const char *slash = strrchr(flat->path, '/');
    char *beside = folder  ? strdup(folder)
                   : slash ? strndup(flat->path, (size_t)(slash - flat->path) + 1)
                           : strdup(".");
    char *found = beside ? model_tokenizer(beside) : NULL;
    int status = !beside ? err_memory(e, flat->path) : found ? tokenizer_open(t, found, e) : 0;
    free(found);
    free(beside);
    return status;
}
