/* locate.c - from a model's name or path to an open flat file; see locate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/locate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/archive.h"
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

/* --- checkpoints of an archive --- */

static bool file_is_archive(const char *path)
{
    uint8_t head[8];
    FILE *f = file_exists(path) ? fopen(path, "rbe") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return archive_is(head, n);
}

/* FILE of FILE or FILE@NAME, an archive, which the caller frees; NULL where MODEL is no such. *NAME is
 * NULL without one. */
static char *archive_of(const char *model, const char **name)
{
    struct stat st;
    const char *at = strrchr(model, '@');
    bool exists = !stat(model, &st);
    *name = exists || !at ? NULL : at + 1;
    if (!exists && !at) return NULL;
    char *file = exists ? strdup(model) : strndup(model, (size_t)(at - model));
    if (file && file_is_archive(file)) return file;
    free(file);
    return NULL;
}

/* The archive used last. */
static struct {
    pthread_mutex_t lock;
    struct archive *archive;
    char *file;
    struct stat is;
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Call it with the lock. */
static struct archive *recent_archive(const char *file, struct err *e)
{
    struct stat is;
    if (stat(file, &is)) {
        err_errno(e, "%s: cannot open", file);
        return NULL;
    }
    if (recent.archive && !strcmp(file, recent.file) && same_file(&is, &recent.is))
        return recent.archive;
    archive_close(recent.archive);
    free(recent.file);
    recent.archive = NULL;
    recent.is = is;
    recent.file = strdup(file);
    if (!recent.file)
        err_memory(e, file);
    else
        archive_open(&recent.archive, file, e);
    return recent.archive;
}

/* Which checkpoint is meant. The error lists what there is, as far as it fits into a line. */
static size_t choose(const struct archive *a, const char *file, const char *name, struct err *e)
{
    size_t n = archive_count(a), i = name ? archive_find(a, name) : n > 1 ? SIZE_MAX : 0;
    if (i < n) return i;
    char list[400] = "";
    for (size_t c = 0, used = 0; c < n && used < sizeof list - 40; c++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", c ? ", " : "",
                                 c + 1 < n && used > sizeof list - 80
                                     ? "..."
                                     : archive_at(a, c)->path + strlen(file) + 1);
    err_kind(e, ERR_MISSING, "%s: expected %s of its %zu checkpoint%s after an @%s%s: %s", file,
             n > 1 ? "one" : "the name", n, n > 1 ? "s" : "", name ? ", found " : "",
             name ? name : "", list);
    return SIZE_MAX;
}

/* ALL of it, or but TENSOR. */
static int open_archived(struct flat_model *m, const char *file, const char *name, bool all,
                         size_t tensor, struct err *e)
{
    int status = -1;
    pthread_mutex_lock(&recent.lock);
    struct archive *a = recent_archive(file, e);
    size_t i = a ? choose(a, file, name, e) : SIZE_MAX;
    if (i != SIZE_MAX)
        status = all ? archive_open_checkpoint(m, a, i, e) : archive_peek(m, a, i, tensor, e);
    pthread_mutex_unlock(&recent.lock);
    return status;
}

int model_peek(struct flat_model *m, const char *model, size_t tensor, struct err *e)
{
    const char *name;
    char *file = archive_of(model, &name);
    if (!file) return model_open(m, model, NULL, e);
    int status = open_archived(m, file, name, false, tensor, e);
    free(file);
    return status;
}

/* Adds MODEL to the names, or all checkpoints of A in its place. */
static int add_names(char ***names, size_t *count, const char *model, const struct archive *a)
{
    size_t n = a ? archive_count(a) : 1;
    char **more = realloc(*names, (*count + n) * sizeof *more);
    if (!more) return -1;
    *names = more;
    for (size_t i = 0; i < n; i++, ++*count) {
        if (!(more[*count] = strdup(a ? archive_at(a, i)->path : model))) return -1;
    }
    return 0;
}

int model_expand(const char *const *models, size_t n, char ***names, size_t *count, struct err *e)
{
    int status = 0;
    *names = NULL;
    *count = 0;
    for (size_t i = 0; i < n && !status; i++) {
        const char *name;
        char *file = archive_of(models[i], &name);
        pthread_mutex_lock(&recent.lock);
        struct archive *a = file && !name ? recent_archive(file, e) : NULL;
        if (file && !name && !a)
            status = -1;
        else if (add_names(names, count, models[i], a))
            status = err_memory(e, models[i]);
        pthread_mutex_unlock(&recent.lock);
        free(file);
    }
    if (!status) return 0;
    model_names_free(*names, *count);
    *names = NULL;
    *count = 0;
    return -1;
}

void model_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

bool model_is_archived(const char *model)
{
    const char *name;
    char *file = archive_of(model, &name);
    bool is = file != NULL;
    free(file);
    return is;
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
    const char *name;
    char *found = archive_of(model, &name);
    if (found) {
        int status = open_archived(m, found, name, true, 0, e);
        if (!status && folder) *folder = folder_of_flat(m);
        free(found);
        return status;
    }
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
