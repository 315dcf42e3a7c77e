/* archived.c - see archived.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/archived.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/flat/archive.h"

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

int archived_open(struct flat_model *m, const char *model, struct err *e)
{
    const char *name;
    char *file = archive_of(model, &name);
    int status = file ? open_archived(m, file, name, true, 0, e)
                      : err_set(e, "%s: no checkpoint of an archive", model);
    free(file);
    return status;
}

int archived_peek(struct flat_model *m, const char *model, size_t tensor, struct err *e)
{
    const char *name;
    char *file = archive_of(model, &name);
    int status = file ? open_archived(m, file, name, false, tensor, e)
                      : err_set(e, "%s: no checkpoint of an archive", model);
    free(file);
    return status;
}

int archived_names(char ***names, size_t *count, const char *model, struct err *e)
{
    const char *name;
    *names = NULL;
    *count = 0;
    char *file = archive_of(model, &name);
    if (!file) return 0;
    pthread_mutex_lock(&recent.lock);
    struct archive *a = recent_archive(file, e);
    size_t n = !a ? 0 : name ? 1 : archive_count(a);
    int status = a ? 0 : -1;
    *names = a ? calloc(n, sizeof **names) : NULL;
    for (; *names && *count < n && !status; ++*count) {
        (*names)[*count] = strdup(name ? model : archive_at(a, *count)->path);
        if (!(*names)[*count]) status = -1;
    }
    if (a && (!*names || status)) status = err_memory(e, model);
    pthread_mutex_unlock(&recent.lock);
    free(file);
    return status;
}

bool archived_is(const char *model)
{
    const char *name;
    char *file = archive_of(model, &name);
    free(file);
    return file != NULL;
}
