/* torch_bin.c - PyTorch's zip of a pickle and its storages; see torch_bin.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/torch_bin.h"

#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/pickle.h"
#include "models/checkpoint/zip.h"

enum { MAX_PICKLE = 64 << 20 };

/* First bytes of what torch.save wrote before 1.6: a pickled magic number. */
static const uint8_t legacy[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20};

static int open_zip(struct checkpoint_file *f, struct err *e)
{
    const struct map *m = &f->map;
    if (m->size >= sizeof legacy && !memcmp(m->data, legacy, sizeof legacy))
        return err_set(e,
                       "%s: PyTorch's format from before 1.6; save it again with a newer PyTorch "
                       "(torch.save), or as safetensors",
                       f->path);
    if (m->size >= 23 && !memcmp(m->data, "version https://git-lfs", 23))
        return err_set(e, "%s: this is a Git LFS pointer, not the file itself", f->path);
    if (m->size < 4 || memcmp(m->data, "PK", 2))
        return err_set(e, "%s: not a PyTorch file (no zip archive)", f->path);
    struct zip *z;
    if (zip_open(&z, m->data, m->size, f->path, e)) return -1;
    f->zip = z;
    return 0;
}

/* "PREFIX/" of PREFIX/data.pkl and the entry's index. */
static int find_pickle(struct checkpoint_file *f, char **prefix, size_t *index, struct err *e)
{
    for (size_t i = 0; i < zip_count(f->zip); i++) {
        const char *name = zip_name(f->zip, i), *slash = strchr(name, '/');
        if (!slash || strcmp(slash, "/data.pkl")) continue;
        *prefix = strndup(name, (size_t)(slash - name) + 1);
        *index = i;
        return *prefix ? 0 : err_memory(e, f->path);
    }
    return err_set(e, "%s: not a PyTorch file: the archive has no data.pkl", f->path);
}

/* *ENTRY is zip_count when there is none of that name. */
static int locate(struct checkpoint_file *f, const char *prefix, const char *name, size_t *entry,
                  struct err *e)
{
    char *path = format_string("%s%s", prefix, name);
    if (!path) return err_memory(e, f->path);
    *entry = zip_find(f->zip, path);
    free(path);
    return 0;
}

static int check_byteorder(struct checkpoint_file *f, const char *prefix, struct err *e)
{
    size_t entry = 0;
    const uint8_t *text;
    if (locate(f, prefix, "byteorder", &entry, e)) return -1;
    if (entry == zip_count(f->zip)) return 0; /* older files do not say and are little endian */
    if (zip_read(f->zip, entry, &text, e)) return -1;
    uint64_t bytes = zip_size(f->zip, entry);
    if (bytes == 6 && !memcmp(text, "little", 6)) return 0;
    return err_set(e, "%s: byteorder: expected little, found %.*s", f->path,
                   bytes < 16 ? (int)bytes : 16, (const char *)text);
}

/* The storages' entries in the archive, *ENTRIES, which the caller frees. */
static int find_storages(struct checkpoint_file *f, const char *prefix,
                         const struct pickle_state *s, size_t **entries, struct err *e)
{
    *entries = calloc(s->storage_count + 1, sizeof **entries);
    char *folder = format_string("%sdata/", prefix);
    int status = *entries && folder ? 0 : err_memory(e, f->path);
    for (size_t i = 0; i < s->storage_count && !status; i++) {
        const struct pickle_storage *storage = &s->storages[i];
        size_t *entry = &(*entries)[i];
        uint64_t bytes;
        if ((status = locate(f, folder, storage->key, entry, e))) break;
        if (*entry == zip_count(f->zip))
            status = err_set(e, "%s: storage %.64s is missing", f->path, storage->key);
        else if (__builtin_mul_overflow(storage->elements, (uint64_t)storage->type->bytes,
                                        &bytes) ||
                 zip_size(f->zip, *entry) != bytes)
            status = err_set(
                e, "%s: storage %.64s: expected %llu elements of %zu bytes, found %llu bytes",
                f->path, storage->key, (unsigned long long)storage->elements, storage->type->bytes,
                (unsigned long long)zip_size(f->zip, *entry));
    }
    free(folder);
    return status;
}

static int add_tensors(struct checkpoint_file *f, const char *prefix, size_t file,
                       const struct pickle_state *s, struct tensor_list *list, struct err *e)
{
    size_t *entries;
    int status = find_storages(f, prefix, s, &entries, e);
    for (size_t i = 0; i < s->tensors.count && !status; i++) {
        struct checkpoint_tensor t = s->tensors.items[i];
        t.unit = entries[t.unit];
        t.file = file;
        if (tensor_list_add(list, &t, t.name, strlen(t.name))) status = err_memory(e, f->path);
    }
    free(entries);
    return status;
}

int torch_bin_open(struct checkpoint_file *f, size_t file, struct tensor_list *list, struct err *e)
{
    char *prefix = NULL;
    const uint8_t *text;
    size_t index = 0;
    struct pickle_state state = {0};
    int status = -1;
    if (open_zip(f, e) || find_pickle(f, &prefix, &index, e) || check_byteorder(f, prefix, e) ||
        zip_read(f->zip, index, &text, e))
        goto out;
    uint64_t bytes = zip_size(f->zip, index);
    if (bytes > MAX_PICKLE) {
        err_set(e, "%s: %sdata.pkl: expected at most %d bytes, found %llu", f->path, prefix,
                MAX_PICKLE, (unsigned long long)bytes);
        goto out;
    }
    if (pickle_parse(&state, text, bytes, f->path, e)) goto out;
    status = add_tensors(f, prefix, file, &state, list, e);
out:
    pickle_free(&state);
    free(prefix);
    return status;
}

int torch_bin_read(struct checkpoint_file *f, uint64_t unit, struct checkpoint_unit *u,
                   struct err *e)
{
    if (zip_read(f->zip, unit, &u->data, e)) return -1;
    u->bytes = zip_size(f->zip, unit);
    u->end = (uint64_t)(u->data - f->map.data) + u->bytes;
    return 0;
}

void torch_bin_close(struct checkpoint_file *f)
{
    zip_close(f->zip);
    f->zip = NULL;
}
