/* torch_bin.c - PyTorch's zip of a pickle and its storages; see torch_bin.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/torch_bin.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "models/checkpoint/pickle.h"

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
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(m->data, m->size, 0, &error);
    f->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    int status = f->zip ? 0
                        : err_set(e, "%s: not a readable zip archive (truncated?): %s", f->path,
                                  zip_error_strerror(&error));
    if (!f->zip) zip_source_free(source);
    zip_error_fini(&error);
    return status;
}

/* Entry INDEX whole into *BUFFER of *CAPACITY bytes, grown when needed. */
static int read_entry(struct checkpoint_file *f, uint64_t index, uint8_t **buffer, size_t *capacity,
                      uint64_t *bytes, struct err *e)
{
    zip_stat_t st;
    if (zip_stat_index(f->zip, index, 0, &st) || !(st.valid & ZIP_STAT_SIZE) ||
        !(st.valid & ZIP_STAT_COMP_SIZE) || !(st.valid & ZIP_STAT_COMP_METHOD))
        return err_set(e, "%s: zip entry %llu cannot be read", f->path, (unsigned long long)index);
    const char *name = st.valid & ZIP_STAT_NAME ? st.name : "?";
    if (st.comp_method != ZIP_CM_STORE)
        return err_set(e, "%s: %.128s: expected a stored entry, found a compressed one", f->path,
                       name);
    if (st.size != st.comp_size || st.size > f->map.size)
        return err_set(e, "%s: %.128s: its size does not fit the file", f->path, name);
    if (st.size > *capacity || !*buffer) {
        free(*buffer);
        *capacity = 0;
        *buffer = malloc(st.size + 1);
        if (!*buffer) return err_kind(e, ERR_MEMORY, "%s: %.128s: out of memory", f->path, name);
        *capacity = st.size;
    }
    zip_file_t *z = zip_fopen_index(f->zip, index, 0);
    if (!z) return err_set(e, "%s: %.128s: %s", f->path, name, zip_strerror(f->zip));
    uint64_t at = 0;
    zip_int64_t n = 0;
    while (at < st.size && (n = zip_fread(z, *buffer + at, st.size - at)) > 0) at += (uint64_t)n;
    /* The checksum is compared when the end is reached. */
    uint8_t rest;
    if (n >= 0) n = zip_fread(z, &rest, 1);
    int status = 0;
    if (n < 0)
        status =
            err_set(e, "%s: %.128s: %s: the data is damaged", f->path, name, zip_file_strerror(z));
    else if (n > 0 || at < st.size)
        status = err_set(e, "%s: %.128s: its size does not fit the file", f->path, name);
    zip_fclose(z);
    *bytes = st.size;
    return status;
}

/* "PREFIX/" of PREFIX/data.pkl and the entry's index. */
static int find_pickle(struct checkpoint_file *f, char **prefix, uint64_t *index, struct err *e)
{
    zip_int64_t n = zip_get_num_entries(f->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(f->zip, (zip_uint64_t)i, 0);
        const char *slash = name ? strchr(name, '/') : NULL;
        if (!slash || strcmp(slash, "/data.pkl")) continue;
        *prefix = strndup(name, (size_t)(slash - name) + 1);
        *index = (uint64_t)i;
        return *prefix ? 0 : err_memory(e, f->path);
    }
    return err_set(e, "%s: not a PyTorch file: the archive has no data.pkl", f->path);
}

static zip_int64_t locate(struct checkpoint_file *f, const char *prefix, const char *folder,
                          const char *name)
{
    char *path = format_string("%s%s%s", prefix, folder, name);
    zip_int64_t i = path ? zip_name_locate(f->zip, path, 0) : -1;
    free(path);
    return i;
}

static int check_byteorder(struct checkpoint_file *f, const char *prefix, struct err *e)
{
    zip_int64_t i = locate(f, prefix, "", "byteorder");
    if (i < 0) return 0; /* older files do not say and are little endian */
    uint8_t *text = NULL;
    size_t capacity = 0;
    uint64_t bytes;
    int status = read_entry(f, (uint64_t)i, &text, &capacity, &bytes, e);
    if (!status && (bytes != 6 || memcmp(text, "little", 6)))
        status = err_set(e, "%s: byteorder: expected little, found %.*s", f->path,
                         bytes < 16 ? (int)bytes : 16, (const char *)text);
    free(text);
    return status;
}

static int add_tensors(struct checkpoint_file *f, const char *prefix, size_t file,
                       const struct pickle_state *s, struct tensor_list *list, struct err *e)
{
    int status = -1;
    zip_int64_t *entries = calloc(s->storage_count + 1, sizeof *entries);
    if (!entries) return err_memory(e, f->path);
    for (size_t i = 0; i < s->storage_count; i++) {
        const struct pickle_storage *storage = &s->storages[i];
        entries[i] = locate(f, prefix, "data/", storage->key);
        zip_stat_t st;
        uint64_t bytes;
        if (entries[i] < 0) {
            err_set(e, "%s: storage %.64s is missing", f->path, storage->key);
            goto out;
        }
        if (zip_stat_index(f->zip, (zip_uint64_t)entries[i], 0, &st) ||
            !(st.valid & ZIP_STAT_SIZE) ||
            __builtin_mul_overflow(storage->elements, (uint64_t)storage->type->bytes, &bytes) ||
            st.size != bytes) {
            err_set(e, "%s: storage %.64s: expected %llu elements of %zu bytes, found %llu bytes",
                    f->path, storage->key, (unsigned long long)storage->elements,
                    storage->type->bytes, (unsigned long long)st.size);
            goto out;
        }
    }
    for (size_t i = 0; i < s->tensors.count; i++) {
        struct checkpoint_tensor t = s->tensors.items[i];
        t.unit = (uint64_t)entries[t.unit];
        t.file = file;
        if (tensor_list_add(list, &t, t.name, strlen(t.name))) {
            err_memory(e, f->path);
            goto out;
        }
    }
    status = 0;
out:
    free(entries);
    return status;
}

int torch_bin_open(struct checkpoint_file *f, size_t file, struct tensor_list *list, struct err *e)
{
    char *prefix = NULL;
    uint8_t *text = NULL;
    size_t capacity = 0;
    uint64_t index = 0, bytes = 0;
    struct pickle_state state = {0};
    int status = -1;
    if (open_zip(f, e) || find_pickle(f, &prefix, &index, e) || check_byteorder(f, prefix, e) ||
        read_entry(f, index, &text, &capacity, &bytes, e))
        goto out;
    if (bytes > MAX_PICKLE) {
        err_set(e, "%s: %sdata.pkl: expected at most %d bytes, found %llu", f->path, prefix,
                MAX_PICKLE, (unsigned long long)bytes);
        goto out;
    }
    if (pickle_parse(&state, text, bytes, f->path, e)) goto out;
    status = add_tensors(f, prefix, file, &state, list, e);
out:
    pickle_free(&state);
    free(text);
    free(prefix);
    return status;
}

int torch_bin_read(struct checkpoint_file *f, uint64_t unit, struct checkpoint_unit *u,
                   struct err *e)
{
    if (read_entry(f, unit, &u->buffer, &u->capacity, &u->bytes, e)) return -1;
    u->data = u->buffer;
    f->consumed += u->bytes;
    u->end = f->consumed;
    return 0;
}

void torch_bin_close(struct checkpoint_file *f)
{
    if (f->zip) zip_discard(f->zip);
    f->zip = NULL;
}
