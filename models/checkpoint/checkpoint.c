/* checkpoint.c - finds a folder's weight files, reads their directories, gives out their bytes; see
 * checkpoint.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/checkpoint.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/torch_bin.h"

static int by_name(const void *a, const void *b)
{
    const struct checkpoint_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* A file may hold no tensor at all, and an empty list no array. */
static void sort(struct tensor_list *l)
{
    if (l->count) qsort(l->items, l->count, sizeof *l->items, by_name);
}

static int open_file(struct checkpoint *c, const char *name, struct err *e)
{
    struct checkpoint_file *files = reallocarray(c->files, c->file_count + 1, sizeof *files);
    if (!files) return err_memory(e, c->folder);
    c->files = files;
    struct checkpoint_file *f = &files[c->file_count++];
    *f = (struct checkpoint_file){.name = strdup(name),
                                  .path = format_string("%s/%s", c->folder, name)};
    if (!f->name || !f->path) return err_memory(e, c->folder);
    if (map_open(&f->map, f->path, e)) return -1;
    if (!f->map.size) return err_kind(e, ERR_DAMAGED, "%s: the file is empty", f->path);
    if (!strcmp(c->format, "pytorch")) return torch_bin_open(f, c->file_count - 1, &c->tensors, e);
    return safetensors_parse(f->map.data, f->map.size, f->path, c->file_count - 1, &c->tensors, e);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A shard's name comes from a file: it must stay within the folder. */
static int check_shard(const char *index, const char *tensor, const json_t *shard, struct err *e)
{
    const char *name = json_string_value(shard);
    if (!name) return err_set(e, "%s: weight_map: %.128s: expected a file name", index, tensor);
    if (!*name || strchr(name, '/') || name[0] == '.')
        return err_set(e,
                       "%s: weight_map: %.128s: a shard must be a file of this folder, found "
                       "%.128s",
                       index, tensor, name);
    return 0;
}

static int open_shards(struct checkpoint *c, const char *index, const json_t *where, struct err *e)
{
    size_t count = 0;
    const char **names = calloc(json_object_size(where) + 1, sizeof *names), *tensor;
    if (!names) return err_memory(e, index);
    json_t *shard;
    int status = -1;
    json_object_foreach((json_t *)(uintptr_t)where, tensor, shard)
    {
        if (check_shard(index, tensor, shard, e)) goto out;
        names[count++] = json_string_value(shard);
    }
    qsort(names, count, sizeof *names, compare_strings);
    for (size_t i = 0; i < count; i++) {
        if (i && !strcmp(names[i], names[i - 1])) continue;
        char *path = format_string("%s/%s", c->folder, names[i]);
        bool there = path && file_exists(path);
        free(path);
        if (!there) {
            err_kind(e, ERR_MISSING, "%s: the shard %.128s it names is missing", index, names[i]);
            goto out;
        }
        if (open_file(c, names[i], e)) goto out;
    }
    status = 0;
out:
    free(names);
    return status;
}

static int open_index(struct checkpoint *c, const char *name, struct err *e)
{
    char *index = format_string("%s/%s", c->folder, name);
    struct map map = {0};
    json_error_t error;
    json_t *root = NULL;
    int status = -1;
    if (!index) {
        err_memory(e, c->folder);
        goto out;
    }
    if (map_open(&map, index, e)) goto out;
    root = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        err_kind(e, ERR_DAMAGED, "%s: line %d: %s", index, error.line, error.text);
        goto out;
    }
    const json_t *where = json_object_get(root, "weight_map");
    if (!json_is_object(where) || !json_object_size(where)) {
        err_kind(e, ERR_DAMAGED, "%s: expected an object weight_map with the tensors' files",
                 index);
        goto out;
    }
    if (open_shards(c, index, where, e)) goto out;
    sort(&c->tensors);
    const char *tensor;
    json_t *shard;
    json_object_foreach((json_t *)(uintptr_t)where, tensor, shard)
    {
        const struct checkpoint_tensor *t = checkpoint_find(c, tensor);
        if (!t || strcmp(c->files[t->file].name, json_string_value(shard))) {
            err_kind(e, ERR_DAMAGED, "%s: %.128s is not in %.128s, where the index places it",
                     index, tensor, json_string_value(shard));
            goto out;
        }
    }
    status = 0;
out:
    json_decref(root);
    map_close(&map);
    free(index);
    return status;
}

/* The forms, in the order transformers looks for them. */
static const struct form {
    const char *file, *format;
    bool index;
} forms[] = {
    {"model.safetensors", "safetensors", false},
    {"model.safetensors.index.json", "safetensors", true},
    {"pytorch_model.bin", "pytorch", false},
    {"pytorch_model.bin.index.json", "pytorch", true},
};

static const struct form *find_form(const char *folder)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *path = format_string("%s/%s", folder, forms[i].file);
        bool there = path && file_exists(path);
        free(path);
        if (there) return &forms[i];
    }
    return NULL;
}

static int check_names(struct checkpoint *c, struct err *e)
{
    struct tensor_list *l = &c->tensors;
    sort(l);
    for (size_t i = 1; i < l->count; i++) {
        if (strcmp(l->items[i].name, l->items[i - 1].name)) continue;
        return err_kind(e, ERR_DAMAGED, "%s: %.128s is there twice (the other one in %s)",
                        c->files[l->items[i].file].path, l->items[i].name,
                        c->files[l->items[i - 1].file].name);
    }
    return 0;
}

bool checkpoint_exists(const char *folder)
{
    return find_form(folder) != NULL;
}

int checkpoint_open(struct checkpoint *c, const char *folder, struct err *e)
{
    *c = (struct checkpoint){.folder = strdup(folder)};
    if (!c->folder) return err_memory(e, folder);
    const struct form *form = find_form(folder);
    int status;
    if (!form) {
        status = err_kind(e, ERR_MISSING,
                          "%s: no weights: expected model.safetensors, pytorch_model.bin or an "
                          "index of their shards",
                          folder);
    } else {
        c->format = form->format;
        c->index = form->index ? form->file : NULL;
        status = form->index ? open_index(c, form->file, e) : open_file(c, form->file, e);
        if (!status) status = check_names(c, e);
    }
    if (status) checkpoint_close(c);
    return status;
}

void checkpoint_close(struct checkpoint *c)
{
    for (size_t i = 0; i < c->file_count; i++) {
        struct checkpoint_file *f = &c->files[i];
        torch_bin_close(f);
        map_close(&f->map);
        free(f->name);
        free(f->path);
    }
    free(c->files);
    free(c->folder);
    tensor_list_free(&c->tensors);
    *c = (struct checkpoint){0};
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name)
{
    const struct checkpoint_tensor key = {.name = (char *)(uintptr_t)name};
    if (!c->tensors.count) return NULL;
    return bsearch(&key, c->tensors.items, c->tensors.count, sizeof key, by_name);
}

int checkpoint_unit(struct checkpoint *c, const struct checkpoint_tensor *t,
                    struct checkpoint_unit *u, struct err *e)
{
    struct checkpoint_file *f = &c->files[t->file];
    if (f->zip) return torch_bin_read(f, t->unit, u, e);
    u->data = f->map.data + t->unit;
    u->bytes = t->type->bytes;
    for (size_t i = 0; i < t->rank; i++) u->bytes *= t->shape[i];
    u->end = t->unit + u->bytes;
    return 0;
}
