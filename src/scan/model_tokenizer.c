/* model_tokenizer.c - see model_tokenizer.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/model_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "models/flat/locate.h"
#include "src/base/file.h"
#include "src/text/origin.h"

int model_tokenizer_open(struct tokenizer **t, const char *path, const char *folder, struct err *e)
{
    *t = NULL;
    char *found = !path && folder ? model_tokenizer(folder) : NULL;
    if (found) path = found;
    int status = path ? tokenizer_open(t, path, e) : 0;
    free(found);
    return status;
}

static char *tokenizer_file(const char *path)
{
    return directory_exists(path) ? format_string("%s/tokenizer.json", path) : strdup(path);
}

int corpus_tokenizer_open(struct tokenizer **t, char **gone, const char *prefix, const char *given,
                          const char *scan, struct err *e)
{
    char *named = given ? NULL : origin_tokenizer(prefix);
    const char *wanted = given ? given : named ? named : scan;
    *t = NULL;
    *gone = NULL;
    char *file = wanted ? tokenizer_file(wanted) : NULL;
    int status = wanted && !file ? err_memory(e, wanted) : 0;
    if (named && file && !file_exists(file) && scan && file_exists(scan)) {
        free(file);
        file = strdup(scan);
        if (!file) status = err_memory(e, scan);
    }
    if (file && !given && !file_exists(file)) {
        *gone = file;
        file = NULL;
    }
    if (file) status = tokenizer_open(t, file, e);
    if (*t) status = origin_check_tokenizer(prefix, *t, e);
    if (status) {
        tokenizer_close(*t);
        *t = NULL;
    }
    free(file);
    free(named);
    return status;
}
