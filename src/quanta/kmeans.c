/* kmeans.c - see kmeans.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/kmeans.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/progress.h"
#include "src/quanta/agreement.h"
#include "src/quanta/kmeans_seed.h"

/* What the restarts found. */
struct restarts {
    int32_t *label; /* [restarts][n] */
    double *inertia;
    size_t *steps;
};

static int restart_all(struct restarts *r, const struct kmeans_points *p,
                       const struct kmeans_options *o)
{
    int failed = 0;
    const size_t most = (size_t)omp_get_max_threads();
#pragma omp parallel num_threads(o->restarts < most ? (int)o->restarts : (int)most)
    {
        struct lloyd *l = lloyd_open(p, o->clusters);
        size_t *seeds = malloc(o->clusters * sizeof *seeds);
        float *scratch = malloc(kmeans_seed_floats(p) * sizeof *scratch);
        if (!l || !seeds || !scratch) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < o->restarts; i++) {
            if (!l || !seeds || !scratch) continue;
            kmeans_seed(seeds, o->clusters, p, o->seed, (uint64_t)o->clusters << 32 | i, scratch);
            r->inertia[i] = lloyd_run(l, seeds, o, r->label + i * p->n, &r->steps[i]);
            progress_add(1);
        }
        free(scratch);
        free(seeds);
        lloyd_close(l);
    }
    return failed ? -1 : 0;
}

/* Whether each cluster of A lies in one of B. */
static bool same(const int32_t *a, const int32_t *b, size_t n, int32_t *of, size_t k)
{
    for (size_t c = 0; c < k; c++) of[c] = -1;
    for (size_t j = 0; j < n; j++) {
        if (of[a[j]] < 0) of[a[j]] = b[j];
        if (of[a[j]] != b[j]) return false;
    }
    return true;
}

/* Of restarts FIRST, FIRST + STEP ... */
static size_t best_of(const struct restarts *r, const struct kmeans_points *p,
                      const struct kmeans_options *o, size_t first, size_t step, int32_t *of)
{
    size_t best = first;
    for (size_t i = first + step; i < o->restarts; i += step) {
        if (r->inertia[i] < r->inertia[best] &&
            !same(r->label + i * p->n, r->label + best * p->n, p->n, of, o->clusters))
            best = i;
    }
    return best;
}

int kmeans_run(struct kmeans *r, const struct kmeans_points *p, const struct kmeans_options *o,
               struct err *e)
{
    *r = (struct kmeans){.agreement = NAN};
    struct restarts all = {malloc(o->restarts * p->n * sizeof *all.label),
                           malloc(o->restarts * sizeof *all.inertia),
                           malloc(o->restarts * sizeof *all.steps)};
    int32_t *of = malloc(o->clusters * sizeof *of);
    r->label = malloc(p->n * sizeof *r->label);
    int status = all.label && all.inertia && all.steps && of && r->label ? 0 : -1;
    if (!status) status = restart_all(&all, p, o);
    if (!status) {
        const size_t best = best_of(&all, p, o, 0, 1, of);
        memcpy(r->label, all.label + best * p->n, p->n * sizeof *r->label);
        r->inertia = all.inertia[best];
        r->steps = all.steps[best];
        if (o->restarts > 1)
            r->agreement =
                agreement(all.label + best_of(&all, p, o, 0, 2, of) * p->n,
                          all.label + best_of(&all, p, o, 1, 2, of) * p->n, p->n, o->clusters);
    } else {
        err_memory(e, NULL);
        kmeans_free(r);
    }
    free(of);
    free(all.label);
    free(all.inertia);
    free(all.steps);
    return status;
}

void kmeans_free(struct kmeans *r)
{
    free(r->label);
    *r = (struct kmeans){.label = NULL};
}
