/* lapack.h - eigenvectors of a symmetric matrix, and the few other decompositions that spectral
 * clustering asks for, by LAPACK.
 *
 * LAPACKE and OpenBLAS are opened when they are first asked for; their threads are set for each call
 * and belong to them: call from one thread, outside of OpenMP's regions. Their results are close to
 * the truth, not the same bits on every machine. Matrices are column-major; indices are 32 bits
 * wide.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_LAPACK_H
#define TRIPOD_SIMD_LAPACK_H

#include <stddef.h>
#include <stdint.h>

/* NULL, or the reason why it cannot be used in one line. The functions below need it to be NULL, and
 * return NULL or the reason likewise: sizes beyond 32 bits, no convergence, out of memory. */
const char *lapack_open(void);

/* The COUNT largest eigenvalues of A [n, n], symmetric, of which one triangle is read (row i's first
 * i + 1 elements, as C counts rows) and all is overwritten: VALUES [count] from the largest down,
 * VECTORS [count][n] one after the other, orthonormal (dsyevr: of a part of them by bisection and
 * inverse iteration, of all by Dhillon and Parlett's MRRR). */
const char *lapack_largest(double *a, size_t n, size_t count, double *values, double *vectors,
                           int threads);

/* QR with column pivoting of A [rows, columns], overwritten: PIVOTS [columns] from 0, the order in
 * which columns are taken (dgeqp3). */
const char *lapack_pivots(double *a, size_t rows, size_t columns, int32_t *pivots, int threads);

/* A [n, n] = its orthogonal polar factor U V^T, where A = U S V^T (dgesdd). */
const char *lapack_orthogonal(double *a, size_t n, int threads);

/* OUT [rows, n] = A [rows, k] B [k, n] */
const char *lapack_multiply(double *out, const double *a, const double *b, size_t rows, size_t n,
                            size_t k, int threads);

#endif
