/* kmeans.h - k-means, as scikit-learn's: greedy k-means++, Lloyd's steps, the best of some restarts.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_KMEANS_H
#define TRIPOD_KMEANS_H

#include "src/quanta/lloyd.h"

struct kmeans {
    int32_t *label;   /* [n] 0 .. clusters - 1; a cluster may be empty where points coincide */
    double inertia;   /* sum of squared distances to the own centre */
    size_t steps;     /* of the best restart */
    double agreement; /* ARI between the best of the even and the best of the odd restarts; NaN: one
                         restart */
};

/* Restart after restart from its own seeds: Lloyd's steps until no label changes or the centres move
 * by less than the tolerance; a cluster that loses its points is given the point farthest from its
 * centre; a restart wins by a strictly smaller inertia and another clustering. That is scikit-learn
 * 1.9.1's KMeans(n_init), except that it counts in float32 where the numbers are large (inner
 * products) and in double elsewhere, and draws other random numbers. The same bits for any number of
 * threads, which divide the restarts between them, and every instruction set. One restart's memory
 * on each thread is 4 k n + 8 k d bytes. The caller frees with kmeans_free. Errors: out of
 * memory. */
int kmeans_run(struct kmeans *r, const struct kmeans_points *p, const struct kmeans_options *o,
               struct err *e);
void kmeans_free(struct kmeans *r);

#endif
