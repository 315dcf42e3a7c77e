/* words.c - see words.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/archived.h"
#include "models/flat/words.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/flat/flat.h"
#include "models/flat/hub.h"
#include "models/suite.h"
#include "src/base/file.h"
#include "src/base/num.h"

enum { DEPTH = 3, MOST_FOLDERS = 100000 };

void words_free(struct words *w)
{
    for (size_t i = 0; i < w->n; i++) free(w->item[i]);
    free(w->item);
    *w = (struct words){0};
}

/* Takes ITEM (NULL: out of memory). */
static int take(struct words *w, char *item, struct err *e)
{
    if (item && w->n == w->room) {
        size_t room = 2 * w->room + 16;
        char **bigger = realloc(w->item, room * sizeof *bigger);
        if (bigger) {
            w->item = bigger;
            w->room = room;
        }
    }
    if (!item || w->n == w->room) {
        free(item);
        return err_memory(e, "models");
    }
    w->item[w->n++] = item;
    return 0;
}

static int by_nature(const void *a, const void *b)
{
    return compare_natural(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder that do not begin with a dot, in natural order. A folder that cannot be
 * read has none. */
static int names_in(struct words *names, const char *folder, struct err *e)
{
    *names = (struct words){0};
    DIR *d = opendir(folder);
    int status = 0;
    for (struct dirent *entry; d && !status && (entry = readdir(d));) {
        if (entry->d_name[0] != '.') status = take(names, strdup(entry->d_name), e);
    }
    if (d) closedir(d);
    if (status) words_free(names);
    if (names->n) qsort(names->item, names->n, sizeof *names->item, by_nature);
    return status;
}

/* --- files and folders --- */

static bool has_file(const char *folder, const char *name)
{
    char *path = format_string("%s/%s", folder, name);
    bool there = path && file_exists(path);
    free(path);
    return there;
}

static bool is_model_folder(const char *folder)
{
    return has_file(folder, "config.json") || has_file(folder, "model.tripod");
}

static bool named_flat(const char *path)
{
    size_t n = strlen(path);
    return n > 7 && !strcmp(path + n - 7, ".tripod");
}

static bool holds_flat(const char *path)
{
    char start[8];
    FILE *f = fopen(path, "re");
    bool flat =
        f && fread(start, 1, sizeof start, f) == sizeof start && flat_is(start, sizeof start);
    if (f) fclose(f);
    return flat;
}

/* The way down to a folder, against circles. */
struct walk {
    struct words *found;
    size_t folders; /* looked into */
    struct {
        dev_t device;
        ino_t inode;
    } above[DEPTH + 1];
};

static int walk_folder(struct walk *w, const char *folder, int depth, const struct stat *st,
                       struct err *e)
{
    for (int i = 0; i < depth; i++) {
        if (w->above[i].device == st->st_dev && w->above[i].inode == st->st_ino) return 0;
    }
    w->above[depth].device = st->st_dev;
    w->above[depth].inode = st->st_ino;
    if (++w->folders > MOST_FOLDERS)
        return err_set(e, "%s: more than %d folders to look into for models", folder, MOST_FOLDERS);
    struct words names;
    if (names_in(&names, folder, e)) return -1;
    int status = 0;
    for (size_t i = 0; i < names.n && !status; i++) {
        char *path = format_string("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                                   names.item[i]);
        struct stat is;
        if (!path)
            status = err_memory(e, folder);
        else if (stat(path, &is))
            ; /* gone, or a link to nowhere: no model */
        else if (S_ISREG(is.st_mode) ? named_flat(path)
                                     : S_ISDIR(is.st_mode) && is_model_folder(path))
            status = take(w->found, strdup(path), e);
        else if (S_ISDIR(is.st_mode) && depth + 1 < DEPTH)
            status = walk_folder(w, path, depth + 1, &is, e);
        free(path);
    }
    words_free(&names);
    return status;
}

/* All its checkpoints; a damaged one that was given stands for itself, to be told of later. */
static int take_archive(struct words *w, const char *path, bool given, struct err *e)
{
    char **names;
    size_t n;
    struct err why;
    int status = archived_names(&names, &n, path, &why);
    bool damaged = status && why.kind != ERR_MEMORY;
    if (status && !damaged) *e = why;
    if (damaged) status = given ? take(w, strdup(path), e) : 0;
    for (size_t i = 0; i < n; i++) {
        if (status || damaged)
            free(names[i]);
        else
            status = take(w, names[i], e);
    }
    free(names);
    return status;
}

/* GIVEN: the user named this very path, which then stands for itself if for nothing else. */
static int expand_path(struct words *w, const char *path, const struct stat *st, bool given,
                       struct err *e)
{
    if (S_ISREG(st->st_mode)) {
        if (archived_is(path)) return take_archive(w, path, given, e);
        return given || named_flat(path) || holds_flat(path) ? take(w, strdup(path), e) : 0;
    }
    if (!S_ISDIR(st->st_mode)) return given ? take(w, strdup(path), e) : 0;
    if (is_model_folder(path)) return take(w, strdup(path), e);
    struct walk walk = {.found = w};
    size_t before = w->n;
    if (walk_folder(&walk, path, 0, st, e)) return -1;
    return given && w->n == before ? take(w, strdup(path), e) : 0;
}

static int expand_glob(struct words *w, const char *pattern, struct err *e)
{
    glob_t g = {0};
    int code = glob(pattern, GLOB_NOSORT, NULL, &g), status = 0;
    if (code == GLOB_NOSPACE) status = err_memory(e, pattern);
    if (!code) qsort(g.gl_pathv, g.gl_pathc, sizeof *g.gl_pathv, by_nature);
    for (size_t i = 0; !code && !status && i < g.gl_pathc; i++) {
        struct stat st;
        if (!stat(g.gl_pathv[i], &st)) status = expand_path(w, g.gl_pathv[i], &st, false, e);
    }
    globfree(&g);
    return status;
}

/* --- the hub's names --- */

bool words_range(const char *text, int64_t *first, int64_t *last)
{
    const char *dots = strstr(text, "..");
    char from[32];
    if (!dots || (size_t)(dots - text) >= sizeof from) return false;
    memcpy(from, text, (size_t)(dots - text));
    from[dots - text] = 0;
    *first = suite_step(from);
    if (isdigit((unsigned char)dots[2]) && strlen(dots + 2) < 20)
        snprintf(from, sizeof from, "step%s", dots + 2);
    else
        snprintf(from, sizeof from, "%s", strlen(dots + 2) < sizeof from ? dots + 2 : "");
    *last = suite_step(from);
    return *first >= 0 && *last >= *first;
}

static bool is_pattern(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

bool words_pattern(const char *word)
{
    const char *at = strchr(word, '@');
    int64_t first, last;
    return is_pattern(word) || (at && words_range(at + 1, &first, &last));
}

/* Takes the name unless it is none of the hub's (too long, odd characters). */
static int take_name(struct words *w, const char *organisation, const char *name,
                     const char *revision, struct err *e)
{
    char *word = format_string("%s/%s@%s", organisation, name, revision);
    struct hub_name h;
    if (!word || hub_parse(word, &h)) return take(w, word, e);
    free(word);
    return 0;
}

/* The revisions of one model. */
static int expand_revisions(struct words *w, const char *organisation, const char *name,
                            const char *revision, struct err *e)
{
    int64_t first, last;
    const bool range = words_range(revision, &first, &last);
    if (!range && !is_pattern(revision)) return take_name(w, organisation, name, revision, e);
    struct suite_id id;
    if (range && suite_find(name, &id)) {
        uint32_t steps[SUITE_MAX_STEPS];
        size_t n = suite_steps(&id, steps);
        char step[32];
        int status = 0;
        for (size_t i = 0; i < n && !status; i++) {
            snprintf(step, sizeof step, "step%u", (unsigned)steps[i]);
            if (steps[i] >= first && steps[i] <= last)
                status = take_name(w, organisation, name, step, e);
        }
        return status;
    }
    char *cache = hub_cache();
    char *refs = cache ? format_string("%s/models--%s--%s/refs", cache, organisation, name) : NULL;
    struct words names = {0};
    int status = !cache ? 0 : refs ? names_in(&names, refs, e) : err_memory(e, name);
    for (size_t i = 0; i < names.n && !status; i++) {
        int64_t step = suite_step(names.item[i]);
        bool asked = range ? step >= first && step <= last : !fnmatch(revision, names.item[i], 0);
        if (asked && has_file(refs, names.item[i]))
            status = take_name(w, organisation, name, names.item[i], e);
    }
    words_free(&names);
    free(refs);
    free(cache);
    return status;
}

/* ORG/NAME where one of them is a pattern: models--ORG--NAME of the cache. */
static int expand_models(struct words *w, const char *organisation, const char *name,
                         const char *revision, struct err *e)
{
    char *cache = hub_cache();
    struct words names = {0};
    int status = cache ? names_in(&names, cache, e) : 0;
    for (size_t i = 0; i < names.n && !status; i++) {
        char *org = names.item[i] + strlen("models--");
        char *between = strncmp(names.item[i], "models--", 8) ? NULL : strstr(org, "--");
        if (!between) continue;
        *between = 0;
        if (!fnmatch(organisation, org, 0) && !fnmatch(name, between + 2, 0))
            status = expand_revisions(w, org, between + 2, revision, e);
    }
    words_free(&names);
    free(cache);
    return status;
}

static int expand_hub(struct words *w, const char *word, struct err *e)
{
    char organisation[128] = "EleutherAI", name[128], revision[128] = "main";
    const char *at = strchr(word, '@'), *slash = strchr(word, '/');
    size_t end = at ? (size_t)(at - word) : strlen(word);
    if (strlen(word) >= sizeof name || (slash && (size_t)(slash - word) > end)) return 0;
    if (slash) snprintf(organisation, sizeof organisation, "%.*s", (int)(slash - word), word);
    const char *begin = slash ? slash + 1 : word;
    snprintf(name, sizeof name, "%.*s", (int)(word + end - begin), begin);
    if (at) snprintf(revision, sizeof revision, "%s", at + 1);
    if (strchr(name, '/') || strchr(revision, '/')) return 0;
    if (is_pattern(name) || is_pattern(organisation))
        return expand_models(w, organisation, name, revision, e);
    return expand_revisions(w, organisation, name, revision, e);
}

int words_expand(struct words *w, const char *word, struct err *e)
{
    struct stat st;
    if (!stat(word, &st)) return expand_path(w, word, &st, true, e);
    if (!words_pattern(word)) return take(w, strdup(word), e);
    size_t before = w->n;
    if (is_pattern(word) && expand_glob(w, word, e)) return -1;
    return w->n == before ? expand_hub(w, word, e) : 0;
}
