/* rng.h - a counter-based random number generator: the value depends only on (seed, stream,
 * counter), so any thread may draw any number and the results are the same for any thread count.
 *
 * Philox 2x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_RNG_H
#define TRIPOD_RNG_H

#include <stdint.h>

/* Fills out[0..1] with 128 random bits. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t out[2]);

/* The counter-th number of a stream. */
uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t counter);
double rng_uniform(uint64_t seed, uint64_t stream, uint64_t counter); /* in [0, 1), 53 bits */
double rng_gaussian(uint64_t seed, uint64_t stream,
                    uint64_t counter); /* Box-Muller, one per counter */
/* Uniform on 0..n-1 (n > 0), by multiply-shift: bias below n / 2^64. */
uint64_t rng_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n);

#endif
