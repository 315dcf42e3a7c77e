/* Fuzz target: any bytes as a .safetensors file; what is accepted must lie within the file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor_list list = {0};
    struct err e = {0};
    if (safetensors_parse(data, size, "fuzz", 0, &list, &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
    } else {
        volatile uint8_t sink = 0;
        for (size_t i = 0; i < list.count; i++) {
            const struct checkpoint_tensor *t = &list.items[i];
            uint64_t bytes = t->type->bytes;
            for (size_t k = 0; k < t->rank; k++) bytes *= t->shape[k];
            if (t->unit + t->offset > size || bytes > size - t->unit - t->offset) abort();
            if (bytes) sink = data[t->unit];
            if (bytes) sink = data[t->unit + bytes - 1];
            (void)sink;
        }
    }
    tensor_list_free(&list);
    return 0;
}
