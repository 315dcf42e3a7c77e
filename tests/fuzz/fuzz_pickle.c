/* Fuzz target: any bytes as a state dict's pickle or, when they start like a zip, as a whole
 * PyTorch file; what is accepted must lie within its storages.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/pickle.h"
#include "models/checkpoint/torch_bin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First and last byte of a tensor, by its strides, are within BYTES. */
static void check(const struct checkpoint_tensor *t, uint64_t bytes)
{
    uint64_t last = t->offset / t->type->bytes;
    for (size_t k = 0; k < t->rank; k++) {
        if (!t->shape[k]) return;
        last += (t->shape[k] - 1) * t->stride[k];
    }
    if (last * t->type->bytes + t->type->bytes > bytes) abort();
}

static void as_pickle(const uint8_t *data, size_t size)
{
    struct pickle_state s;
    struct err e = {0};
    if (pickle_parse(&s, data, size, "fuzz", &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
        return;
    }
    for (size_t i = 0; i < s.tensors.count; i++) {
        const struct checkpoint_tensor *t = &s.tensors.items[i];
        if (t->unit >= s.storage_count) abort();
        uint64_t bytes;
        const struct pickle_storage *storage = &s.storages[t->unit];
        if (!__builtin_mul_overflow(storage->elements, (uint64_t)t->type->bytes, &bytes))
            check(t, bytes);
    }
    pickle_free(&s);
}

static void as_zip(const uint8_t *data, size_t size)
{
    struct checkpoint_file f = {.path = (char *)(uintptr_t) "fuzz", .map = {data, size}};
    struct tensor_list list = {0};
    struct checkpoint_unit u = {0};
    struct err e = {0};
    int status = torch_bin_open(&f, 0, &list, &e);
    for (size_t i = 0; i < list.count && !status; i++) {
        if (torch_bin_read(&f, list.items[i].unit, &u, &e)) {
            if (!e.text[0]) abort();
        } else {
            check(&list.items[i], u.bytes);
        }
    }
    if (status && (!e.text[0] || strchr(e.text, '\n'))) abort();
    tensor_list_free(&list);
    torch_bin_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && !memcmp(data, "PK", 2))
        as_zip(data, size);
    else
        as_pickle(data, size);
    return 0;
}
