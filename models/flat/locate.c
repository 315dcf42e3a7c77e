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

/* $XDG_CACHE_HOME/tripod/HASH-OF-PATH.tripod, its directory made. */
static char *private_cache(const char *folder, struct err *e)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *absolute = folder_absolute(folder), *dir = NULL, *path = NULL;
    if (xdg && *xdg)
        dir = format_string("%s/tripod", xdg);
    else if (home && *home)
        dir = format_string("%s/.cache/tripod", home);
    if (!dir || !absolute) {
        err_set(e,
                "%s: the folder cannot be written and there is no cache directory (HOME is not "
                "set): tripod import it elsewhere",
                folder);
    } else if (!make_directories(dir, e)) {
        path = format_string("%s/%016llx.tripod", dir,
                             (unsigned long long)XXH3_64bits(absolute, strlen(absolute)));
        if (!path) err_memory(e, folder);
    }
    free(dir);
    free(absolute);
    return path;
}

static int open_folder(struct flat_model *m, const char *folder, struct err *e)
{
    char *cached = format_string("%s/model.tripod", folder);
    if (!cached) return err_memory(e, folder);
    int status = -1;
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
            if (is_fresh(m, folder)) {
                status = 0;
                goto out;
            }
            flat_close(m);
        }
        if (access(folder, W_OK) && !strncmp(cached, folder, strlen(folder))) {
            free(cached);
            if (!(cached = private_cache(folder, e))) return -1;
        }
    }
    const struct import_options options = {.quiet = true};
    if (!model_import(folder, cached, &options, NULL, e)) status = flat_open(m, cached, e);
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

int model_open(struct flat_model *m, const char *model, char **folder, struct err *e)
{
    *m = (struct flat_model){0};
    if (folder) *folder = NULL;
    struct stat st;
    struct hub_name h;
    char *found = NULL;
    if (stat(model, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            if (flat_open(m, model, e)) return -1;
            if (folder) *folder = folder_of_flat(m);
            return 0;
        }
        found = strdup(model);
        if (!found) return err_memory(e, model);
    } else if (hub_parse(model, &h)) {
        if (!(found = hub_folder(model, &h, e))) return -1;
    } else {
        return err_errno(e, "%s: cannot open", model);
    }
    int status = open_folder(m, found, e);
    if (!status && folder)
        *folder = found;
    else
        free(found);
    return status;
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
