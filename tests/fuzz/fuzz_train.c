/* Fuzz target: the state of an unfinished training run, with a checksum that fits, for a run of 4 floats and
 * 5 steps. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/train/train_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLOATS = 4, STEPS = 5, SETTINGS = 77 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float w[FLOATS], m[FLOATS], v[FLOATS];
    struct trainer t = {.w = w, .m = m, .v = v, .floats = FLOATS};
    struct train_log l;
    struct err e;
    uint8_t *copy = malloc(size + 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    if (size >= 24) {
        const uint64_t settings = SETTINGS, sum = XXH3_64bits(copy, size - 8);
        memcpy(copy + 8, &settings, 8);
        memcpy(copy + size - 8, &sum, 8);
    }
    if (!train_state_parse(&t, &l, SETTINGS, STEPS, "x", copy, size, &e)) {
        if (l.steps != t.steps || l.steps > STEPS || l.tests > l.steps + 1) abort();
        train_log_mean(&l, 3);
        train_log_free(&l);
    }
    free(copy);
    return 0;
}
