/* silhouette.h - how well samples lie in their clusters (Rousseeuw 1987).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SILHOUETTE_H
#define TRIPOD_SILHOUETTE_H

#include "src/quanta/affinity.h"

/* MEAN [kinds] = the mean silhouette of each clustering LABELS [kinds][n], of CLUSTERS [kinds]
 * clusters each: (b - a) / max(a, b) of a sample, a its mean distance to the others of its cluster, b
 * to the nearest other cluster; 0 where it is alone. The distance is the affinity's: top - affinity,
 * for angular ones arccos(c) / pi. One pass over the matrix; the same bits for any number of
 * threads. Errors: out of memory. */
int silhouettes(double *mean, const int32_t *labels, const size_t *clusters, size_t kinds,
                const struct affinity *a, struct err *e);

#endif
