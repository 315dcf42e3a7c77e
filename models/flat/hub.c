/* hub.c - names and folders: the Hugging Face cache, what a path says about its model; see hub.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/hub.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/checkpoint/checkpoint.h"
#include "models/suite.h"

/* --- the cache --- */

char *hub_cache(void)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value) return format_string("%s%s", value, places[i].below);
    }
    return NULL;
}

bool hub_word(const char *s)
{
    if (!*s || *s == '.' || *s == '-') return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("._-", *s)) return false;
    }
    return true;
}

bool hub_parse(const char *model, struct hub_name *h)
{
    *h = (struct hub_name){0};
    if (strlen(model) >= 128) return false;
    const char *at = strchr(model, '@'), *slash = strchr(model, '/');
    size_t end = at ? (size_t)(at - model) : strlen(model);
    if (slash && (size_t)(slash - model) > end) return false;
    size_t org = slash ? (size_t)(slash - model) : 0;
    memcpy(h->organisation, model, org);
    memcpy(h->model, model + org + (slash != NULL), end - org - (slash != NULL));
    strcpy(h->revision, at ? at + 1 : "main");
    struct suite_id id;
    if (!slash && suite_find(h->model, &id)) strcpy(h->organisation, "EleutherAI");
    return hub_word(h->organisation) && hub_word(h->model) && hub_word(h->revision);
}

char *hub_folder(const char *model, const struct hub_name *h, struct err *e)
{
    char *cache = hub_cache(), *root = NULL, *ref = NULL, *folder = NULL, hash[128] = "";
    if (cache) root = format_string("%s/models--%s--%s", cache, h->organisation, h->model);
    if (root) ref = format_string("%s/refs/%s", root, h->revision);
    FILE *f = ref ? fopen(ref, "re") : NULL;
    if (f) {
        hash[fread(hash, 1, sizeof hash - 1, f)] = 0;
        hash[strcspn(hash, " \r\n")] = 0;
        fclose(f);
    }
    /* A revision may also be the commit itself. */
    if (!*hash) strcpy(hash, h->revision);
    if (root && hub_word(hash)) folder = format_string("%s/snapshots/%s", root, hash);
    if (!folder || !directory_exists(folder) || !checkpoint_exists(folder)) {
        free(folder);
        folder = NULL;
        bool is_main = !strcmp(h->revision, "main");
        err_kind(
            e, ERR_MISSING,
            "%s: no such file or folder, and not in the Hugging Face cache (%s); to get it: hf "
            "download %s/%s%s%s",
            model, cache ? cache : "HOME is not set", h->organisation, h->model,
            is_main ? "" : " --revision ", is_main ? "" : h->revision);
    }
    free(cache);
    free(root);
    free(ref);
    return folder;
}

/* --- what a path says --- */

char *folder_absolute(const char *folder)
{
    char here[PATH_MAX] = "";
    if (folder[0] != '/' && !getcwd(here, sizeof here)) return NULL;
    if (strstr(folder, "..")) return realpath(folder, NULL);
    char *out = malloc(strlen(here) + strlen(folder) + 3), *p = out;
    if (!out) return NULL;
    p += sprintf(p, "%s", here);
    for (const char *s = folder; *s;) {
        while (*s == '/') s++;
        size_t n = strcspn(s, "/");
        if (n && !(n == 1 && *s == '.')) p += sprintf(p, "/%.*s", (int)n, s);
        s += n;
    }
    *p = 0;
    return out;
}

/* In the Hugging Face cache: .../models--ORG--NAME/snapshots/HASH; refs/REVISION holds the hash. */
static void cache_identity(const char *path, char *name, int64_t *step)
{
    const char *hash = strrchr(path, '/');
    const char *models = strstr(path, "/models--"), *last = NULL;
    for (; models; models = strstr(models + 1, "/models--")) last = models;
    const char *snapshots = last ? strstr(last, "/snapshots/") : NULL;
    if (!snapshots || hash != snapshots + 10) return;
    if (!*name) {
        const char *org = strstr(last + 9, "--");
        const char *begin = org && org < snapshots ? org + 2 : last + 9;
        snprintf(name, 256, "%.*s", (int)(snapshots - begin), begin);
    }
    if (*step >= 0) return;
    char *refs = format_string("%.*s/refs", (int)(snapshots - path), path);
    DIR *d = refs ? opendir(refs) : NULL;
    bool is_main = false;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char *file = format_string("%s/%s", refs, entry->d_name), text[128] = "";
        FILE *f = file && entry->d_name[0] != '.' ? fopen(file, "re") : NULL;
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        text[n] = 0;
        text[strcspn(text, " \r\n")] = 0;
        if (f) fclose(f);
        free(file);
        if (strcmp(text, hash + 1)) continue;
        if (!strcmp(entry->d_name, "main"))
            is_main = true;
        else if (suite_step(entry->d_name) >= 0)
            *step = suite_step(entry->d_name);
    }
    if (d) closedir(d);
    free(refs);
    struct suite_id id;
    if (*step < 0 && is_main && suite_find(name, &id)) *step = SUITE_FINAL_STEP;
}

void folder_identity(const char *folder, char *name, int64_t *step)
{
    char suite[SUITE_NAME_SIZE] = "", *path = folder_absolute(folder);
    *name = 0;
    *step = -1;
    if (!path) return;
    suite_parse_name(path, suite, step);
    snprintf(name, 256, "%s", suite);
    cache_identity(path, name, step);
    /* Outside the suite: NAME/stepN, NAME-stepN or NAME. */
    if (!*name) {
        char *last = strrchr(path, '/');
        if (last && suite_step(last + 1) >= 0) {
            *last = 0;
            last = strrchr(path, '/');
        }
        if (last) {
            snprintf(name, 256, "%.255s", last + 1);
            char *suffix = strrchr(name, '-');
            if (suffix && suffix > name && suite_step(suffix + 1) >= 0) *suffix = 0;
        }
    }
    free(path);
}
