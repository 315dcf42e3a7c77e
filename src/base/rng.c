/* rng.c - Philox 2x64-10; see rng.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/rng.h"

#include <math.h>

void rng_block(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t out[2])
{
    uint64_t x0 = counter, x1 = stream, key = seed;
    for (int round = 0; round < 10; round++) {
        unsigned __int128 product = (unsigned __int128)x0 * 0xD2B74407B1CE6E93u;
        x0 = (uint64_t)(product >> 64) ^ key ^ x1;
        x1 = (uint64_t)product;
        key += 0x9E3779B97F4A7C15u;
    }
    out[0] = x0;
    out[1] = x1;
}

uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint64_t out[2];
    rng_block(seed, stream, counter, out);
    return out[0];
}

double rng_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return (double)(rng_u64(seed, stream, counter) >> 11) * 0x1p-53;
}

double rng_gaussian(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint64_t out[2];
    rng_block(seed, stream, counter, out);
    double u = ((double)(out[0] >> 11) + 1) * 0x1p-53, v = (double)(out[1] >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

uint64_t rng_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_u64(seed, stream, counter) * n) >> 64);
}
