/* cluster.h - spectral clustering of samples into several numbers of clusters.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CLUSTER_H
#define TRIPOD_CLUSTER_H

#include "simd/simd.h"
#include "src/quanta/affinity.h"

enum cluster_method { CLUSTER_KMEANS, CLUSTER_QR };

struct cluster_request {
    const size_t *clusters; /* [kinds] numbers of clusters, each 2 .. n */
    size_t kinds;
    enum cluster_method method;
    size_t restarts; /* n_init of k-means */
    uint64_t seed;
    const char *vectors; /* the embedding's file, or NULL */
    const struct kernels *kernels;
};

/* What is known of one clustering besides its labels. */
struct cluster_kind {
    size_t clusters, filled;          /* asked for; not empty */
    size_t largest, smallest, single; /* sizes of those not empty; clusters of one sample */
    double inertia, agreement;        /* see kmeans.h; NaN by cluster_qr */
    double silhouette;
    size_t steps; /* k-means' of the best restart */
};

struct clustering {
    size_t n, kinds;
    int32_t *labels; /* [kinds][n] */
    struct cluster_kind *kind;
};

/* The eigenvectors once, then each kind from the leading ones. OpenMP's threads. Errors:
 * spectral_make's, out of memory. The caller frees with clustering_free. */
int cluster_run(struct clustering *r, const struct affinity *a, const struct cluster_request *q,
                struct err *e);
void clustering_free(struct clustering *r);

/* The labels as int32 [kinds, n] to PATH.npy. */
int clustering_write(const struct clustering *r, const char *path, struct err *e);

/* Reads them back; only n, kinds, labels and the kinds' clusters (largest label + 1) and sizes are
 * known then. Errors: not int32 or int64 of two dimensions (one: one kind), a label below 0 or not
 * below the number of samples. */
int clustering_read(struct clustering *r, const char *path, struct err *e);

/* SIZE [clusters] of one kind, and ORDER [clusters], clusters from the largest down, of equal ones the
 * one met first in the samples' order: a cluster's rank is its place there. */
int clustering_ranks(const struct clustering *r, size_t kind, size_t *size, size_t *order,
                     struct err *e);

/* Sizes of one kind [clusters] by rank, which the caller frees. NULL: out of memory. */
size_t *clustering_sizes(const struct clustering *r, size_t kind, struct err *e);

#endif
