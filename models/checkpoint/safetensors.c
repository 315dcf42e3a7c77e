/* safetensors.c - reads the directory of a .safetensors file: eight bytes of header length, a JSON
 * object {name: {dtype, shape, data_offsets}}, the data. See safetensors.h for what is checked.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The limit the format's own reader has. */
enum { MAX_HEADER = 100000000 };

struct span {
    uint64_t begin, end;
    const char *name;
};

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int not_negative(const json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) return -1;
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

/* One entry of the header. DATA_SIZE: bytes after the header. */
static int parse_entry(const char *name, const json_t *entry, uint64_t data_size,
                       struct checkpoint_tensor *t, struct span *span, const char *path,
                       struct err *e)
{
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    uint64_t begin, end, elements = 1;
    if (!dtype || !json_is_array(shape) || !json_is_array(offsets) ||
        json_array_size(offsets) != 2 || not_negative(json_array_get(offsets, 0), &begin) ||
        not_negative(json_array_get(offsets, 1), &end))
        return err_kind(e, ERR_DAMAGED, "%s: %.128s: expected dtype, shape and two data_offsets",
                        path, name);
    t->type = element_type(dtype);
    if (!t->type) return err_set(e, "%s: %.128s: unknown element type %.32s", path, name, dtype);
    t->rank = json_array_size(shape);
    if (t->rank > CHECKPOINT_RANK)
        return err_set(e, "%s: %.128s: expected at most %d dimensions, found %zu", path, name,
                       CHECKPOINT_RANK, t->rank);
    for (size_t i = t->rank; i-- > 0;) {
        uint64_t n;
        if (not_negative(json_array_get(shape, i), &n))
            return err_kind(e, ERR_DAMAGED, "%s: %.128s: its shape is not a list of sizes", path,
                            name);
        t->shape[i] = (size_t)n;
        t->stride[i] = (size_t)elements;
        if (__builtin_mul_overflow(elements, n, &elements))
            return err_kind(e, ERR_DAMAGED, "%s: %.128s: its shape overflows", path, name);
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(elements, (uint64_t)t->type->bytes, &bytes))
        return err_kind(e, ERR_DAMAGED, "%s: %.128s: its shape overflows", path, name);
    if (begin > end || end > data_size)
        return err_kind(e, ERR_DAMAGED,
                        "%s: %.128s: data offsets %llu to %llu are outside the file's %llu bytes "
                        "of data",
                        path, name, (unsigned long long)begin, (unsigned long long)end,
                        (unsigned long long)data_size);
    if (end - begin != bytes)
        return err_kind(e, ERR_DAMAGED,
                        "%s: %.128s: its shape needs %llu bytes, its offsets span %llu", path, name,
                        (unsigned long long)bytes, (unsigned long long)(end - begin));
    *span = (struct span){begin, end, name};
    return 0;
}

static int parse_header(json_t *root, uint64_t data_at, uint64_t data_size, const char *path,
                        size_t file, struct tensor_list *list, struct err *e)
{
    size_t count = 0, capacity = json_object_size(root);
    struct span *spans = calloc(capacity + 1, sizeof *spans);
    if (!spans) return err_memory(e, path);
    const char *name;
    json_t *entry;
    int status = -1;
    json_object_foreach(root, name, entry)
    {
        if (!strcmp(name, "__metadata__")) continue;
        struct checkpoint_tensor t = {.file = file};
        if (parse_entry(name, entry, data_size, &t, &spans[count], path, e)) goto out;
        t.unit = data_at + spans[count++].begin;
        if (tensor_list_add(list, &t, name, strlen(name))) {
            err_memory(e, path);
            goto out;
        }
    }
    qsort(spans, count, sizeof *spans, by_begin);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin != end) {
            err_kind(e, ERR_DAMAGED,
                     "%s: %.128s: its data starts at %llu, %s the one before, which ends at %llu",
                     path, spans[i].name, (unsigned long long)spans[i].begin,
                     spans[i].begin < end ? "overlapping" : "with a hole after",
                     (unsigned long long)end);
            goto out;
        }
        end = spans[i].end;
    }
    if (end != data_size) {
        err_kind(e, ERR_DAMAGED, "%s: expected %llu bytes of data, found %llu", path,
                 (unsigned long long)end, (unsigned long long)data_size);
        goto out;
    }
    status = 0;
out:
    free(spans);
    return status;
}

int safetensors_parse(const uint8_t *data, size_t size, const char *path, size_t file,
                      struct tensor_list *list, struct err *e)
{
    if (size < 8)
        return err_kind(e, ERR_DAMAGED, "%s: truncated: %zu bytes are no safetensors file", path,
                        size);
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--) header = header << 8 | data[i];
    /* Checked first: the commonest "bad file" is one that git left as a pointer. */
    if (size >= 24 && !memcmp(data, "version https://git-lfs", 23))
        return err_set(e, "%s: this is a Git LFS pointer, not the file itself", path);
    if (header > size - 8)
        return err_kind(e, ERR_DAMAGED,
                        "%s: header: it says it has %llu bytes, the file has %zu (truncated, or "
                        "not safetensors)",
                        path, (unsigned long long)header, size);
    if (header > MAX_HEADER)
        return err_set(e, "%s: header: expected at most %d bytes, found %llu", path, MAX_HEADER,
                       (unsigned long long)header);
    json_error_t error;
    json_t *root =
        json_loadb((const char *)data + 8, (size_t)header, JSON_REJECT_DUPLICATES, &error);
    if (!root) return err_kind(e, ERR_DAMAGED, "%s: header: %s", path, error.text);
    int status = json_is_object(root)
                     ? parse_header(root, 8 + header, size - 8 - header, path, file, list, e)
                     : err_kind(e, ERR_DAMAGED, "%s: header: expected a JSON object", path);
    json_decref(root);
    return status;
}
