/* affinity.c - see affinity.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/affinity.h"

#include <inttypes.h>

/* What may be wrong with a pair; the first place, by rows, is reported. */
enum fault { NONE, NOT_FINITE, NO_COSINE, NOT_SYMMETRIC };

static enum fault fault_of(const struct affinity *a, size_t i, size_t j)
{
    const double c = affinity_value(a, i, j);
    if (!isfinite(c)) return NOT_FINITE;
    if (a->kind == AFFINITY_ANGULAR && fabs(c) > 1.001) return NO_COSINE;
    return j > i || fabs(c - affinity_value(a, j, i)) <= 1e-6 ? NONE : NOT_SYMMETRIC;
}

static int explain(const struct affinity *a, size_t i, size_t j, struct err *e)
{
    const double c = affinity_value(a, i, j);
    switch (fault_of(a, i, j)) {
    case NOT_FINITE:
        return err_set(e, "%s: row %zu, column %zu: expected a finite number, found %g", a->name, i,
                       j, c);
    case NO_COSINE:
        return err_set(e,
                       "%s: row %zu, column %zu: expected a cosine, found %g (--affinity given for "
                       "other measures)",
                       a->name, i, j, c);
    default:
        return err_set(
            e, "%s: not symmetric: row %zu, column %zu is %.9g, row %zu, column %zu is %.9g",
            a->name, i, j, c, j, i, affinity_value(a, j, i));
    }
}

/* Looks at every number, in tiles so that its partner across the diagonal is at hand. */
static int examine(struct affinity *a, struct err *e)
{
    enum { TILE = 64 };
    const size_t n = a->n;
    size_t bad = SIZE_MAX;
    double top = -INFINITY;
#pragma omp parallel for schedule(dynamic) reduction(min : bad) reduction(max : top)
    for (size_t row = 0; row < n; row += TILE) {
        for (size_t column = 0; column < n; column += TILE) {
            for (size_t i = row; i < row + TILE && i < n; i++) {
                for (size_t j = column; j < column + TILE && j < n; j++) {
                    const double c = affinity_value(a, i, j);
                    if (c > top) top = c;
                    if (i * n + j < bad && fault_of(a, i, j)) bad = i * n + j;
                }
            }
        }
    }
    if (bad != SIZE_MAX) return explain(a, bad / n, bad % n, e);
    a->top = a->kind == AFFINITY_ANGULAR ? 1 : top;
    return 0;
}

int affinity_open(struct affinity *a, const char *path, enum affinity_kind kind, struct err *e)
{
    *a = (struct affinity){.name = path, .kind = kind};
    if (npy_open(&a->npy, path, e)) return -1;
    const struct npy *m = &a->npy;
    int status = 0;
    a->wide = m->width == 8;
    a->values = m->data;
    a->n = (size_t)m->rows;
    if (m->descr[1] != 'f' || m->width < 4)
        status = err_set(e, "%s: expected float32 or float64, found type %s", path, m->descr);
    else if (m->rows != m->columns)
        status = err_set(e, "%s: expected a square matrix, found %" PRIu64 " x %" PRIu64, path,
                         m->rows, m->columns ? m->columns : 1);
    else if (m->rows < 2 || (uintptr_t)m->data % m->width)
        status = err_set(e, "%s: expected at least 2 samples, found %" PRIu64 "%s", path, m->rows,
                         m->rows < 2 ? "" : ", not aligned");
    else
        status = examine(a, e);
    if (status) affinity_close(a);
    return status;
}

void affinity_close(struct affinity *a)
{
    if (a->npy.map.data) npy_close(&a->npy);
    *a = (struct affinity){.name = NULL};
}

void affinity_take(struct affinity *a, const char *name, const float *values, size_t n)
{
    *a = (struct affinity){.name = name, .n = n, .kind = AFFINITY_GIVEN, .values = values};
    a->top = -INFINITY;
    for (size_t i = 0; i < n * n; i++) {
        if ((double)values[i] > a->top) a->top = (double)values[i];
    }
}
