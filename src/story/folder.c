/* folder.c - see folder.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/story/folder.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/file.h"

enum { DEPTH = 3, MOST_FILES = 20000, MOST_BYTES = 64 << 20 };

struct walk {
    struct folder *f;
    size_t files;
};

int folder_warn(struct folder *f, const char *format, ...)
{
    char *text = NULL;
    char **more = realloc(f->warning, (f->warnings + 1) * sizeof *more);
    if (!more) return -1;
    f->warning = more;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) return -1;
    f->warning[f->warnings++] = text;
    return 0;
}

bool folder_format(const struct result *r, const char *format)
{
    return !strncmp(result_string(r->json, "format"), format, strlen(format));
}

json_t *folder_provenance(const struct result *r)
{
    json_t *inner = json_object_get(r->json, "provenance");
    if (json_is_array(json_object_get(inner, "command"))) return inner;
    return json_is_array(json_object_get(r->json, "command")) ? r->json : NULL;
}

const char *folder_inside(const struct folder *f, const char *path)
{
    const size_t n = strlen(f->path);
    return !strncmp(path, f->path, n) && path[n] == '/' ? path + n + 1 : path;
}

size_t folder_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

bool folder_is_sweep(const struct result *r)
{
    return json_is_integer(json_object_get(r->json, "on_plateau"));
}

bool folder_same(const struct result *a, const struct result *b)
{
    const size_t n = folder_directory(a->path);
    return n == folder_directory(b->path) && !strncmp(a->path, b->path, n);
}

static int add(struct folder *f, const struct result *r)
{
    struct result *more = realloc(f->result, (f->n + 1) * sizeof *more);
    if (!more) return -1;
    f->result = more;
    more[f->n++] = *r;
    return 0;
}

/* Whether a record of ours: other programs' JSON has members of any name. */
static bool is_ours(json_t *json)
{
    return !strncmp(result_string(json, "format"), "tripod-", 7) ||
           *result_string(json, "tripod") || *result_string(json, "provenance.tripod");
}

static int take_json(struct folder *f, const char *path, struct err *e)
{
    struct result r = {.path = strdup(path), .kind = RESULT_KINDS};
    struct err why;
    json_error_t error;
    if (!r.path) return err_memory(e, path);
    r.json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    int status = 0;
    if (!r.json) status = folder_warn(f, "%s: line %d: not JSON: %s", path, error.line, error.text);
    bool ours = is_ours(r.json);
    if (ours) {
        struct result drawn;
        if (!result_open(&drawn, path, &why)) {
            result_close(&r);
            r = drawn;
        } else {
            result_close(&drawn);
            ours = *result_string(r.json, "format") || folder_is_sweep(&r);
        }
    }
    if (ours && !status && !add(f, &r)) return 0;
    result_close(&r);
    return status || ours ? err_memory(e, path) : 0;
}

static int take_points(struct folder *f, const char *path, struct err *e)
{
    struct result r;
    struct err why;
    if (!result_open(&r, path, &why)) return add(f, &r) ? err_memory(e, path) : 0;
    result_close(&r);
    return folder_warn(f, "%s", why.text) ? err_memory(e, path) : 0;
}

static bool ends(const char *name, const char *with)
{
    const size_t n = strlen(name), k = strlen(with);
    return n >= k && !strcmp(name + n - k, with);
}

static int take_file(struct walk *w, const char *path, const char *name, const struct stat *st,
                     struct err *e)
{
    if (++w->files > MOST_FILES)
        return err_set(e, "%s: more than %d files: give a folder of results", w->f->path,
                       MOST_FILES);
    if (strstr(name, ".npy.part-") && !ends(name, ".log"))
        return folder_warn(w->f, "%s: a scan that has not ended: the same command goes on with it",
                           path)
                   ? err_memory(e, path)
                   : 0;
    if (!strcmp(name, "points.csv")) return take_points(w->f, path, e);
    if (!ends(name, ".json") || st->st_size > MOST_BYTES) return 0;
    return take_json(w->f, path, e);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk(struct walk *w, const char *folder, int depth, struct err *e)
{
    struct dirent **entry;
    const int n = scandir(folder, &entry, NULL, by_name);
    if (n < 0) return err_errno(e, "%s: cannot read the folder", folder);
    int status = 0;
    for (int i = 0; i < n; i++) {
        struct stat st;
        const char *name = entry[i]->d_name;
        char *path = status || name[0] == '.' ? NULL : format_string("%s/%s", folder, name);
        if (path && !lstat(path, &st)) {
            if (S_ISDIR(st.st_mode) && depth < DEPTH) status = walk(w, path, depth + 1, e);
            if (S_ISLNK(st.st_mode) && stat(path, &st)) st.st_mode = 0;
            if (S_ISREG(st.st_mode)) status = take_file(w, path, name, &st, e);
        }
        free(path);
        free(entry[i]);
    }
    free(entry);
    return status;
}

static int by_path(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    return strcmp(x->path, y->path);
}

int folder_open(struct folder *f, const char *path, struct err *e)
{
    *f = (struct folder){.path = strdup(path)};
    if (!f->path) return err_memory(e, path);
    for (size_t n = strlen(f->path); n > 1 && f->path[n - 1] == '/'; n--) f->path[n - 1] = 0;
    if (!directory_exists(path))
        return err_kind(e, ERR_MISSING, "%s: expected a folder of results, found %s", path,
                        file_exists(path) ? "a file" : "nothing");
    struct walk w = {.f = f};
    if (walk(&w, f->path, 1, e)) return -1;
    if (!f->n)
        return err_set(e,
                       "%s: no results: expected losses, a fit's JSON (--json=FILE), points.csv or "
                       "another record of tripod",
                       path);
    qsort(f->result, f->n, sizeof *f->result, by_path);
    /* Two names for one: a folder of gradients or runs is told by each of its records. */
    size_t kept = 1;
    for (size_t i = 1; i < f->n; i++) {
        struct result *r = &f->result[i];
        if (r->kind == f->result[kept - 1].kind && !strcmp(r->path, f->result[kept - 1].path))
            result_close(r);
        else
            f->result[kept++] = *r;
    }
    f->n = kept;
    return 0;
}

void folder_close(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++) result_close(&f->result[i]);
    for (size_t i = 0; i < f->warnings; i++) free(f->warning[i]);
    free(f->result);
    free(f->warning);
    free(f->path);
    *f = (struct folder){0};
}

const struct result *folder_next(const struct folder *f, enum result_kind kind, size_t *i)
{
    while (*i < f->n)
        if (f->result[(*i)++].kind == kind) return &f->result[*i - 1];
    return NULL;
}

size_t folder_count(const struct folder *f, enum result_kind kind)
{
    size_t n = 0, i = 0;
    while (folder_next(f, kind, &i)) n++;
    return n;
}
