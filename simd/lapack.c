/* lapack.c - see lapack.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/lapack.h"

#include <lapacke.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd/library.h"

/* OpenBLAS's own header is in a package that nothing else here needs. */
typedef void set_threads(int n);
typedef void dgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha,
                   const double *a, int lda, const double *b, int ldb, double beta, double *c,
                   int ldc);
enum { COLUMN_MAJOR = 102, PLAIN = 111 };

static struct {
    __typeof__(&LAPACKE_dsyevr) syevr;
    __typeof__(&LAPACKE_dgeqp3) geqp3;
    __typeof__(&LAPACKE_dgesdd) gesdd;
} lapacke;
static struct {
    set_threads *threads;
    dgemm *gemm;
} blas;

static char reason[512]; /* why it is not open; empty: it is */

static void open_library(void)
{
    static const char *const of_lapacke[] = {"LAPACKE_dsyevr", "LAPACKE_dgeqp3", "LAPACKE_dgesdd"},
                             *const of_blas[] = {"openblas_set_num_threads", "cblas_dgemm"};
    void *found_lapacke[3], *found_blas[2];
    const char *why = library_functions("libopenblas.so.0", of_blas, found_blas, 2);
    if (!why) why = library_functions("liblapacke.so.3", of_lapacke, found_lapacke, 3);
    if (why) {
        snprintf(reason, sizeof reason,
                 "eigenvectors need liblapacke and libopenblas0, which cannot be used: %s", why);
        return;
    }
    memcpy(&lapacke, found_lapacke, sizeof lapacke);
    memcpy(&blas, found_blas, sizeof blas);
}

const char *lapack_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    return *reason ? reason : NULL;
}

static const char *explain(lapack_int info)
{
    if (!info) return NULL;
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return "out of memory";
    return info > 0 ? "LAPACK found no solution" : "LAPACK refuses the matrix (not finite?)";
}

static const char *check_sizes(size_t a, size_t b)
{
    return a > INT32_MAX / 64 || b > INT32_MAX / 64 ? "the matrix is too large for LAPACK" : NULL;
}

const char *lapack_largest(double *a, size_t n, size_t count, double *values, double *vectors,
                           int threads)
{
    const char *why = check_sizes(n, count);
    double *w = malloc(n * sizeof *w), *swap = malloc(n * sizeof *swap);
    lapack_int *support = malloc(2 * n * sizeof *support), found = 0;
    if (!why && (!w || !swap || !support)) why = "out of memory";
    if (!why) {
        const lapack_int N = (lapack_int)n, first = (lapack_int)(n - count) + 1;
        blas.threads(threads);
        why = explain(lapacke.syevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', N, a, N, 0, 0, first, N, 0,
                                    &found, w, vectors, N, support));
        blas.threads(1);
    }
    if (!why && (size_t)found != count) why = "LAPACK found fewer eigenvectors than there are";
    for (size_t i = 0; !why && i < count; i++) values[i] = w[count - 1 - i];
    for (size_t i = 0; !why && i < count / 2; i++) {
        double *one = vectors + i * n, *other = vectors + (count - 1 - i) * n;
        memcpy(swap, one, n * sizeof *one);
        memcpy(one, other, n * sizeof *one);
        memcpy(other, swap, n * sizeof *one);
    }
    free(w);
    free(swap);
    free(support);
    return why;
}

const char *lapack_pivots(double *a, size_t rows, size_t columns, int32_t *pivots, int threads)
{
    const char *why = check_sizes(rows, columns);
    double *tau = malloc(rows * sizeof *tau);
    lapack_int *p = calloc(columns, sizeof *p);
    if (!why && (!tau || !p)) why = "out of memory";
    if (!why) {
        blas.threads(threads);
        why = explain(lapacke.geqp3(LAPACK_COL_MAJOR, (lapack_int)rows, (lapack_int)columns, a,
                                    (lapack_int)rows, p, tau));
        blas.threads(1);
    }
    for (size_t i = 0; !why && i < columns; i++) pivots[i] = p[i] - 1;
    free(tau);
    free(p);
    return why;
}

const char *lapack_orthogonal(double *a, size_t n, int threads)
{
    const char *why = check_sizes(n, n);
    double *s = malloc(n * sizeof *s), *u = malloc(n * n * sizeof *u),
           *vt = malloc(n * n * sizeof *vt);
    if (!why && (!s || !u || !vt)) why = "out of memory";
    if (!why) {
        const lapack_int N = (lapack_int)n;
        blas.threads(threads);
        why = explain(lapacke.gesdd(LAPACK_COL_MAJOR, 'A', N, N, a, N, s, u, N, vt, N));
        blas.threads(1);
    }
    if (!why) why = lapack_multiply(a, u, vt, n, n, n, threads);
    free(s);
    free(u);
    free(vt);
    return why;
}

const char *lapack_multiply(double *out, const double *a, const double *b, size_t rows, size_t n,
                            size_t k, int threads)
{
    const char *why = check_sizes(rows, n > k ? n : k);
    if (why) return why;
    blas.threads(threads);
    blas.gemm(COLUMN_MAJOR, PLAIN, PLAIN, (int)rows, (int)n, (int)k, 1, a, (int)rows, b, (int)k, 0,
              out, (int)rows);
    blas.threads(1);
    return NULL;
}
