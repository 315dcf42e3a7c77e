/* tensors.c - element types by either name, lists of tensors; see tensors.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "simd/simd.h"

static const struct element_type types[] = {
    {"F16", "HalfStorage", 2, SIMD_F16},
    {"BF16", "BFloat16Storage", 2, SIMD_BF16},
    {"F32", "FloatStorage", 4, SIMD_F32},
    {"F64", "DoubleStorage", 8, -1},
    {"BOOL", "BoolStorage", 1, -1},
    {"U8", "ByteStorage", 1, -1},
    {"I8", "CharStorage", 1, -1},
    {"I16", "ShortStorage", 2, -1},
    {"U16", NULL, 2, -1},
    {"I32", "IntStorage", 4, -1},
    {"U32", NULL, 4, -1},
    {"I64", "LongStorage", 8, -1},
    {"U64", NULL, 8, -1},
    {"F8_E4M3", NULL, 1, -1},
    {"F8_E5M2", NULL, 1, -1},
};
enum { TYPES = sizeof types / sizeof *types };

const struct element_type *element_type(const char *name)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (!strcmp(name, types[i].name)) return &types[i];
    }
    return NULL;
}

const struct element_type *element_type_of_storage(const char *storage)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (types[i].storage && !strcmp(storage, types[i].storage)) return &types[i];
    }
    return NULL;
}

int tensor_list_add(struct tensor_list *list, const struct checkpoint_tensor *t, const char *name,
                    size_t length)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct checkpoint_tensor *items = reallocarray(list->items, capacity, sizeof *items);
        if (!items) return -1;
        list->items = items;
        list->capacity = capacity;
    }
    struct checkpoint_tensor *item = &list->items[list->count];
    *item = *t;
    item->name = strndup(name, length);
    if (!item->name) return -1;
    list->count++;
    return 0;
}

void tensor_list_free(struct tensor_list *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->items[i].name);
    free(list->items);
    *list = (struct tensor_list){0};
}

char *tensor_shape(const struct checkpoint_tensor *t, char *buffer, size_t size)
{
    size_t at = (size_t)snprintf(buffer, size, "[");
    for (size_t i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s%zu", i ? ", " : "", t->shape[i]);
    if (at < size) snprintf(buffer + at, size - at, "]");
    return buffer;
}
