/* Fuzz target: any bytes as a flat model file, with the checksums of header and metadata set right
 * so that the checks behind them are reached; what is accepted must lie within the file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/flat/flat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t get(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = aligned_alloc(64, (size + 64) / 64 * 64);
    if (!copy) return 0;
    memcpy(copy, data, size);
    if (size >= 256) {
        uint64_t directory = get(copy + 32), hash;
        if (directory <= size) {
            hash = XXH3_64bits(copy + directory, size - directory);
            memcpy(copy + 24, &hash, 8);
        }
        uint64_t whole = size;
        memcpy(copy + 16, &whole, 8);
        hash = XXH3_64bits(copy, 248);
        memcpy(copy + 248, &hash, 8);
    }
    struct flat_model m;
    struct err e = {0};
    if (flat_parse(&m, copy, size, "fuzz", &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
    } else {
        for (size_t i = 0; i < m.tensor_count; i++) {
            const struct flat_tensor *t = &m.tensors[i];
            const uint8_t *p = t->data;
            if (p < copy || p > copy + size || t->bytes > (size_t)(copy + size - p)) abort();
            if ((uintptr_t)p % 64) abort();
        }
        if (flat_verify(&m, &e) && !e.text[0]) abort();
        flat_close(&m);
    }
    free(copy);
    return 0;
}
