/* locate.c - from a model's name or path to an open flat file; see locate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/archived.h"
#include "models/flat/hub.h"
#include "models/flat/import.h"

/* --- the cached import of a folder --- */

/* Whether every source the file was made from still has the size and time it had. */
static bool is_fresh(const struct flat_model *m, const char *folder)
{
    const json_t *sources = json_object_get(m->provenance, "sources");
    size_t n = json_array_size(sources);
    for (size_t i = 0; i < n; i++) {
        const json_t *source = json_array_get(sources, i);
        const char *name = json_string_value(json_object_get(source, "file"));
        const char *mtime = json_string_value(json_object_get(source, "mtime"));
        char *path = name ? format_string("%s/%s", folder, name) : NULL;
        struct stat st;
        bool same = path && mtime && !stat(path, &st) &&
                    st.st_size == json_integer_value(json_object_get(source, "bytes")) &&
                    (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec ==
                        strtoll(mtime, NULL, 10);
        free(path);
        if (!same) return false;
    }
    return n > 0;
}

/* $XDG_CACHE_HOME/tripod/HASH-OF-PATH.tripod */
static char *private_cache(const char *folder, struct err *e)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *absolute = folder_absolute(folder), *path = NULL;
    unsigned long long hash = absolute ? XXH3_64bits(absolute, strlen(absolute)) : 0;
    free(absolute);
    if (!absolute || !((xdg && *xdg) || (home && *home))) {
        err_set(e,
                "%s: the folder cannot be written and there is no cache directory (HOME is not "
                "set): tripod import it elsewhere",
                folder);
        return NULL;
    }
    if (xdg && *xdg)
        path = format_string("%s/tripod/%016llx.tripod", xdg, hash);
    else
        path = format_string("%s/.cache/tripod/%016llx.tripod", home, hash);
    if (!path) err_memory(e, folder);
    return path;
}

/* The flat file of a folder: open in *m, or *import is the file to make of it. */
static int open_cached(struct flat_model *m, const char *folder, char **import, struct err *e)
{
    char *cached = format_string("%s/model.tripod", folder);
    if (!cached) return err_memory(e, folder);
    int status = 0;
    /* A folder that holds nothing but the flat file is used as it is. */
    if (file_exists(cached) && !checkpoint_exists(folder)) {
        status = flat_open(m, cached, e);
        goto out;
    }
    if (!file_exists(cached) && access(folder, W_OK)) {
        free(cached);
        if (!(cached = private_cache(folder, e))) return -1;
    }
    if (file_exists(cached)) {
        struct err ignored;
        if (!flat_open(m, cached, &ignored)) {
            if (is_fresh(m, folder)) goto out;
            flat_close(m);
        }
        if (access(folder, W_OK) && !strncmp(cached, folder, strlen(folder))) {
            free(cached);
            if (!(cached = private_cache(folder, e))) return -1;
        }
    }
    *import = cached;
    return 0;
out:
    free(cached);
    return status;
}

/* --- the whole --- */

/* Where a flat file's tokenizer may be: the folder it was imported from, else its own. */
static char *folder_of_flat(const struct flat_model *m)
{
    const char *from = json_string_value(json_object_get(m->provenance, "folder"));
    if (from && directory_exists(from)) return strdup(from);
    char *path = folder_absolute(m->path), *slash = path ? strrchr(path, '/') : NULL;
    if (slash) slash[slash == path] = 0;
    return path;
}

int model_peek(struct flat_model *m, const char *model, char **folder, char **import, struct err *e)
{
    *m = (struct flat_model){0};
    *folder = *import = NULL;
    struct stat st;
    struct hub_name h;
    if (archived_is(model)) {
        if (archived_peek(m, model, SIZE_MAX, e)) return -1;
        *folder = folder_of_flat(m);
        return 0;
    }
    if (stat(model, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            if (flat_open(m, model, e)) return -1;
            *folder = folder_of_flat(m);
            return 0;
        }
        *folder = strdup(model);
        if (!*folder) return err_memory(e, model);
    } else if (hub_parse(model, &h)) {
        if (!(*folder = hub_folder(model, &h, e))) return -1;
    } else {
        return err_errno(e, "%s: cannot open", model);
    }
    if (!open_cached(m, *folder, import, e)) return 0;
    free(*folder);
    *folder = NULL;
    return -1;
}

int model_make(const char *folder, const char *import, bool quiet, struct err *e)
{
    const struct import_options options = {.quiet = quiet};
    char *directory = strdup(import), *slash = directory ? strrchr(directory, '/') : NULL;
    if (slash) *slash = 0;
    int status = !directory          ? err_memory(e, folder)
                 : slash > directory ? make_directories(directory, e)
                                     : 0;
    free(directory);
    return status ? -1 : model_import(folder, import, &options, NULL, e);
}

int model_open(struct flat_model *m, const char *model, char **folder, struct err *e)
{
    char *found, *import;
    if (folder) *folder = NULL;
    if (archived_is(model)) {
        if (archived_open(m, model, e)) return -1;
        if (folder) *folder = folder_of_flat(m);
        return 0;
    }
    int status = model_peek(m, model, &found, &import, e);
    if (!status && import) {
        status = model_make(found, import, true, e);
        if (!status) status = flat_open(m, import, e);
    }
    free(import);
    if (!status && folder)
        *folder = found;
    else
        free(found);
    return status;
}

int model_head(struct flat_model *m, const char *model, size_t tensor, struct err *e)
{
    return archived_is(model) ? archived_peek(m, model, tensor, e) : model_open(m, model, NULL, e);
}

char *model_folder(const char *model, struct err *e)
{
    struct hub_name h;
    struct stat st;
    if (stat(model, &st) && hub_parse(model, &h)) return hub_folder(model, &h, e);
    char *copy = strdup(model);
    if (!copy) err_memory(e, model);
    return copy;
}

char *model_tokenizer(const char *folder)
{
    char *dir = folder_absolute(folder);
    for (int i = 0; dir && i < 3; i++) {
        char *path = format_string("%s/tokenizer.json", dir);
        if (path && file_exists(path)) {
            free(dir);
            return path;
        }
        free(path);
        char *slash = strrchr(dir, '/');
        if (!slash) break;
        *slash = 0;
    }
    free(dir);
    return NULL;
}
