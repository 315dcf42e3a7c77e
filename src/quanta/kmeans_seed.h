/* kmeans_seed.h - where k-means starts: greedy k-means++.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_KMEANS_SEED_H
#define TRIPOD_KMEANS_SEED_H

#include "src/quanta/kmeans_points.h"

/* SEEDS [k] = K points to start from: the first at random, each next one the best, by the sum of
 * squared distances it leaves, of 2 + int(ln k) drawn with probability proportional to the squared
 * distance from the seeds so far (Arthur and Vassilvitskii 2007, their greedy variant, as
 * scikit-learn has it). Draws are the numbers of STREAM of SEED, so they depend on nothing else.
 * SCRATCH: kmeans_seed_floats() floats. Any thread. */
void kmeans_seed(size_t *seeds, size_t k, const struct kmeans_points *p, uint64_t seed,
                 uint64_t stream, float *scratch);
size_t kmeans_seed_floats(const struct kmeans_points *p);

#endif
