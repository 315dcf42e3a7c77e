/* locate.c - from a model's name or path to an open flat file; see locate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/locate.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/flat/import.h"
#include "models/suite.h"

/* --- the cached import of a folder --- */

static bool has_weights(const char *folder)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        char *path = format_string("%s/%s", folder, names[i]);
        found = path && file_exists(path);
        free(path);
    }
    return found;
}

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
    if (file_exists(cached) && !has_weights(folder)) {
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

/* --- the Hugging Face cache --- */

static char *hub_cache(void)
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

struct hub_name {
    char organisation[128], model[128], revision[128];
};

static bool plain_word(const char *s)
{
    if (!*s || *s == '.' || *s == '-') return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("._-", *s)) return false;
    }
    return true;
}

/* ORG/NAME[@REVISION]; of the suite's models the organisation may be left out. */
static bool parse_hub_name(const char *model, struct hub_name *h)
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
    return plain_word(h->organisation) && plain_word(h->model) && plain_word(h->revision);
}

/* The snapshot's folder, or NULL with the download line in the error. */
static char *hub_folder(const char *model, const struct hub_name *h, struct err *e)
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
    if (root && plain_word(hash)) folder = format_string("%s/snapshots/%s", root, hash);
    if (!folder || !directory_exists(folder) || !has_weights(folder)) {
        free(folder);
        folder = NULL;
        bool is_main = !strcmp(h->revision, "main");
        err_set(e,
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
    } else if (parse_hub_name(model, &h)) {
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
    if (stat(model, &st) && parse_hub_name(model, &h)) return hub_folder(model, &h, e);
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
