/* lloyd.h - Lloyd's steps of one restart of a k-means (Lloyd 1982).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LLOYD_H
#define TRIPOD_LLOYD_H

#include "src/quanta/kmeans_points.h"

struct kmeans_options {
    size_t clusters;
    size_t restarts;  /* n_init */
    size_t most;      /* steps; 300 */
    double tolerance; /* of the centres' squared movement, in mean variances; 1e-4 */
    uint64_t seed;
};

/* One thread's memory for restarts of k clusters. */
struct lloyd;
struct lloyd *lloyd_open(const struct kmeans_points *p, size_t k); /* NULL: out of memory */
void lloyd_close(struct lloyd *l);

/* From SEEDS [k] until it stands still: LABEL [n], the inertia, and in *steps how many. */
double lloyd_run(struct lloyd *l, const size_t *seeds, const struct kmeans_options *o,
                 int32_t *label, size_t *steps);

#endif
