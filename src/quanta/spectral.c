/* spectral.c - see spectral.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/spectral.h"

#include <omp.h>
#include <stdlib.h>

#include "simd/lapack.h"
#include "simd/simd.h"
#include "src/base/room.h"

/* M = the affinities below the diagonal; ROOT [n] = square roots of the degrees. */
static int degrees(double *m, double *root, const struct affinity *a, struct err *e)
{
    const size_t n = a->n;
#pragma omp parallel for schedule(dynamic, 16)
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) m[i * n + j] = affinity_at(a, i, j);
    }
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < i; j++) {
            sum += m[i * n + j];
            root[j] += m[i * n + j];
        }
        root[i] = sum;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(root[i] > 0))
            return err_set(e,
                           "%s: sample %zu: its affinities to the others sum to %g: expected more "
                           "than 0",
                           a->name, i, root[i]);
        root[i] = sqrt(root[i]);
    }
    return 0;
}

/* The largest entry, by its size, positive: signs of eigenvectors are anyone's choice. */
static void fix_sign(double *v, size_t n)
{
    size_t most = 0;
    for (size_t i = 1; i < n; i++) {
        if (fabs(v[i]) > fabs(v[most])) most = i;
    }
    if (v[most] < 0) {
        for (size_t i = 0; i < n; i++) v[i] = -v[i];
    }
}

static int decompose(struct spectral *s, double *m, double *root, const struct affinity *a,
                     struct err *e)
{
    const size_t n = s->n;
    if (degrees(m, root, a, e)) return -1;
#pragma omp parallel for schedule(dynamic, 16)
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) m[i * n + j] /= root[i] * root[j];
    }
    const char *why = lapack_largest(m, n, s->count, s->values, s->vectors, omp_get_max_threads());
    if (why) return err_set(e, "%s: eigenvectors: %s", a->name, why);
    for (size_t k = 0; k < s->count; k++) {
        double *v = s->vectors + k * n;
        s->values[k] = 1 - s->values[k];
        for (size_t i = 0; i < n; i++) v[i] /= root[i];
        fix_sign(v, n);
    }
    return 0;
}

int spectral_make(struct spectral *s, const struct affinity *a, size_t count, struct err *e)
{
    *s = (struct spectral){.n = a->n, .count = count};
    const char *why = lapack_open();
    if (why) return err_kind(e, ERR_SYSTEM, "%s", why);
    const size_t n = a->n, bytes = n * n * sizeof(double);
    const uint64_t room = memory_available();
    if (room && bytes + count * n * sizeof(double) > room)
        return err_kind(
            e, ERR_MEMORY,
            "%s: the eigenvectors of %zu samples need %.1f GB of memory, there are %.1f", a->name,
            n, (double)(bytes + count * n * sizeof(double)) / 1e9, (double)room / 1e9);
    double *m = simd_alloc(bytes), *root = calloc(n, sizeof *root);
    s->values = malloc(count * sizeof *s->values);
    s->vectors = malloc(count * n * sizeof *s->vectors);
    int status = m && root && s->values && s->vectors ? 0 : err_memory(e, a->name);
    if (!status) status = decompose(s, m, root, a, e);
    if (m) simd_free(m, bytes);
    free(root);
    if (status) spectral_free(s);
    return status;
}

void spectral_free(struct spectral *s)
{
    free(s->values);
    free(s->vectors);
    *s = (struct spectral){.n = 0};
}

int spectral_write(const struct spectral *s, const char *path, struct err *e)
{
    char header[NPY_HEADER];
    struct out out;
    double *row = malloc(s->count * sizeof *row);
    if (!row) return err_memory(e, path);
    npy_header(header, "<f8", s->n, s->count);
    int status = out_open(&out, path, e);
    if (!status) status = out_write(&out, header, sizeof header, e);
    for (size_t i = 0; i < s->n && !status; i++) {
        for (size_t k = 0; k < s->count; k++) row[k] = s->vectors[k * s->n + i];
        status = out_write(&out, row, s->count * sizeof *row, e);
    }
    if (!status)
        status = out_commit(&out, e);
    else
        out_abort(&out);
    free(row);
    return status;
}
