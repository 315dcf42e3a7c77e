/* sketch.c - see sketch.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/sketch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

enum { SLACK = 4 }; /* bytes that the kernel may read beyond the signs */

static uint64_t blocks_of(size_t k, uint64_t coordinates)
{
    return (coordinates + k / 2 - 1) / (k / 2);
}

uint64_t sketch_bytes(size_t k, uint64_t coordinates)
{
    const uint64_t words = (coordinates + 63) / 64;
    return 2 * (words * 8 + SLACK + blocks_of(k, coordinates) * sizeof(uint32_t));
}

int sketch_open(struct sketch *s, size_t k, uint64_t seed, uint64_t coordinates, struct err *e)
{
    const uint64_t words = (coordinates + 63) / 64, blocks = blocks_of(k, coordinates);
    *s = (struct sketch){.k = k, .bytes = (size_t)words * 8 + SLACK};
    for (int v = 0; v < 2; v++) {
        s->signs[v] = calloc(s->bytes, 1);
        s->shifts[v] = malloc((size_t)blocks * sizeof *s->shifts[v]);
        if (s->signs[v] && s->shifts[v]) continue;
        sketch_close(s);
        return err_kind(e, ERR_MEMORY, "out of memory for the signs of %" PRIu64 " coordinates",
                        coordinates);
    }
#pragma omp parallel for schedule(static)
    for (uint64_t i = 0; i < words; i++) {
        uint64_t bits[2];
        rng_block(seed, SKETCH_SIGNS, i, bits);
        for (int v = 0; v < 2; v++) memcpy(s->signs[v] + 8 * i, &bits[v], sizeof bits[v]);
    }
    for (uint64_t v = 0; v < 2; v++)
        for (uint64_t b = 0; b < blocks; b++)
            s->shifts[v][b] = (uint32_t)rng_below(seed, SKETCH_SHIFTS + v, b, k / 2);
    return 0;
}

void sketch_close(struct sketch *s)
{
    for (int v = 0; v < 2; v++) {
        free(s->signs[v]);
        free(s->shifts[v]);
    }
    *s = (struct sketch){0};
}

void sketch_add(const struct sketch *s, const struct kernels *kernels, float *vectors, uint64_t at,
                const float *values, size_t n)
{
    const size_t half = s->k / 2;
    while (n) {
        const size_t block = (size_t)(at / half), inside = (size_t)(at % half);
        const size_t part = n < half - inside ? n : half - inside;
        for (int v = 0; v < 2; v++) {
            const size_t to = (inside + s->shifts[v][block]) % half;
            const size_t before = part < half - to ? part : half - to; /* the vector's end */
            float *vector = vectors + (size_t)v * half;
            kernels->sketch_add(vector + to, values, s->signs[v], at, before);
            if (before < part)
                kernels->sketch_add(vector, values + before, s->signs[v], at + before,
                                    part - before);
        }
        at += part;
        values += part;
        n -= part;
    }
}
