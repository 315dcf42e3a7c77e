/* spectral.h - where samples lie in the space of a graph's slowest changes: the eigenvectors of its
 * normalised Laplacian.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SPECTRAL_H
#define TRIPOD_SPECTRAL_H

#include "src/quanta/affinity.h"

struct spectral {
    size_t n, count;
    double *values;  /* [count] eigenvalues of the Laplacian from the smallest up */
    double *vectors; /* [count][n] D^-1/2 u, the largest entry of each positive */
};

/* The COUNT eigenvectors u of I - D^-1/2 A D^-1/2 with the smallest eigenvalues, where A is the
 * affinity without its diagonal and D its degrees, as scikit-learn 1.9.1's
 * SpectralClustering(affinity="precomputed") has them (von Luxburg 2007, section 3.2): the embedding
 * for k clusters is the first k. From the matrix's lower triangle, in double, by LAPACK, with
 * OpenMP's number of threads: not the same bits everywhere. 8 n (n + count) bytes. Errors: no
 * LAPACK, a sample without affinity to any other, out of memory. */
int spectral_make(struct spectral *s, const struct affinity *a, size_t count, struct err *e);
void spectral_free(struct spectral *s);

/* The vectors as float64 [n, count] to PATH.npy. */
int spectral_write(const struct spectral *s, const char *path, struct err *e);

#endif
