/* model_tokenizer.c - see model_tokenizer.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/model_tokenizer.h"

#include <stdlib.h>

#include "models/flat/locate.h"

int model_tokenizer_open(struct tokenizer **t, const char *path, const char *folder, struct err *e)
{
    *t = NULL;
    char *found = !path && folder ? model_tokenizer(folder) : NULL;
    if (found) path = found;
    int status = path ? tokenizer_open(t, path, e) : 0;
    free(found);
    return status;
}
