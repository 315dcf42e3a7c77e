/* toy.c - see toy.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/toy.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/rng.h"
#include "src/quanta/agreement.h"
#include "src/quanta/gram.h"

/* SIZE [subtasks]; returns how many samples. */
static size_t draw_sizes(uint32_t *size, const struct toy_request *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->subtasks; i++) {
        size[i] = (uint32_t)floor((double)q->points / pow((double)(i + 1), q->alpha));
        n += size[i];
    }
    return n;
}

/* X [n][d] of length 1; SUBTASK [n]. Centres and noise are drawn under two seeds, a
 * stream each subtask and each sample. */
static void draw_samples(float *x, int32_t *subtask, const uint32_t *size,
                         const struct toy_request *q)
{
    const size_t d = q->d;
    size_t at = 0;
    for (size_t i = 0; i < q->subtasks; i++) {
        for (size_t j = 0; j < size[i]; j++) subtask[at++] = (int32_t)i;
    }
#pragma omp parallel for schedule(dynamic, 16)
    for (size_t s = 0; s < at; s++) {
        const uint64_t centre = (uint64_t)subtask[s];
        float *row = x + s * d;
        double square = 0;
        for (size_t f = 0; f < d; f++) {
            const double v = rng_gaussian(q->cluster.seed, centre, f) +
                             q->sigma * rng_gaussian(~q->cluster.seed, s, f);
            row[f] = (float)v;
            square += v * v;
        }
        for (size_t f = 0; f < d; f++) row[f] = (float)((double)row[f] / sqrt(square));
    }
}

/* SIMILARITY [n, n] = 1 + cos. */
static int similarities(float *similarity, const float *x, size_t n, const struct toy_request *q)
{
    const size_t bytes = strips_size(n, n) * sizeof *x;
    struct strips dots = {simd_alloc(bytes), n};
    if (!dots.data) return -1;
    int status = gram(dots, x, n, q->d, q->cluster.kernels);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) similarity[i * n + j] = 1 + *strip_at(dots, i, j);
    }
    simd_free(dots.data, bytes);
    return status;
}

static int measure(struct toy *t, const struct clustering *r, const int32_t *subtask,
                   const uint32_t *size, const struct toy_request *q, struct err *e)
{
    struct rank_envelope v;
    size_t most = 0;
    for (size_t k = 0; k < r->kinds; k++)
        most = r->kind[k].clusters > most ? r->kind[k].clusters : most;
    const struct rank_envelope_request line = {.first = q->last     ? q->first
                                                        : most < 15 ? 1
                                                                    : most * 101 / 1500,
                                               .last = q->last ? q->last : most * 1000 / 1500};
    if (rank_envelope_make(&v, r, &line, e)) return -1;
    t->first = v.first;
    t->last = v.last;
    t->slope = v.slope;
    t->truth = rank_envelope_slope(size, v.first, v.last, NULL);
    rank_envelope_free(&v);
    t->agreement = malloc(r->kinds * sizeof *t->agreement);
    if (!t->agreement) return err_memory(e, "toy model");
    const size_t drawn =
        (size_t)subtask[r->n - 1] + 1; /* of subtasks so rare there are no samples */
    for (size_t k = 0; k < r->kinds; k++) {
        const size_t names = r->kind[k].clusters > drawn ? r->kind[k].clusters : drawn;
        t->agreement[k] = agreement(subtask, r->labels + k * r->n, r->n, names);
    }
    return 0;
}

static int run(struct toy *t, const uint32_t *size, const struct toy_request *q, struct err *e)
{
    const size_t n = t->n;
    float *x = malloc(n * q->d * sizeof *x), *similarity = simd_alloc(n * n * sizeof *similarity);
    int32_t *subtask = malloc(n * sizeof *subtask);
    int status = x && similarity && subtask ? 0 : err_memory(e, "toy model");
    if (!status) {
        draw_samples(x, subtask, size, q);
        if (similarities(similarity, x, n, q)) status = err_memory(e, "toy model");
    }
    free(x);
    if (!status) {
        struct affinity a;
        struct clustering r;
        affinity_take(&a, "toy model", similarity, n);
        status = cluster_run(&r, &a, &q->cluster, e);
        if (!status) {
            status = measure(t, &r, subtask, size, q, e);
            clustering_free(&r);
        }
    }
    free(subtask);
    if (similarity) simd_free(similarity, n * n * sizeof *similarity);
    return status;
}

int toy_run(struct toy *t, const struct toy_request *q, struct err *e)
{
    *t = (struct toy){.n = 0};
    uint32_t *size = malloc(q->subtasks * sizeof *size);
    if (!size) return err_memory(e, "toy model");
    t->n = draw_sizes(size, q);
    int status = 0;
    for (size_t k = 0; k < q->cluster.kinds && !status; k++) {
        if (q->cluster.clusters[k] >= t->n)
            status = err_set(e, "toy model: %zu clusters need more than its %zu samples",
                             q->cluster.clusters[k], t->n);
    }
    if (!status) status = run(t, size, q, e);
    free(size);
    if (status) toy_free(t);
    return status;
}

void toy_free(struct toy *t)
{
    free(t->agreement);
    *t = (struct toy){.n = 0};
}
