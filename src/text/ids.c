/* ids.c - see ids.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/ids.h"

#include <stdlib.h>

int ids_reserve(struct ids *ids, size_t more, struct err *e)
{
    if (ids->capacity - ids->count >= more) return 0;
    size_t capacity = ids->capacity ? ids->capacity : 256;
    while (capacity - ids->count < more) {
        if (capacity > SIZE_MAX / 16) return err_memory(e, "too many tokens");
        capacity *= 2;
    }
    uint32_t *id = realloc(ids->id, capacity * sizeof *id);
    if (!id) return err_kind(e, ERR_MEMORY, "out of memory for %zu tokens", capacity);
    ids->id = id;
    ids->capacity = capacity;
    return 0;
}

void ids_free(struct ids *ids)
{
    free(ids->id);
    *ids = (struct ids){0};
}
