/* rank_envelope.c - see rank_envelope.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/rank_envelope.h"

#include <stdlib.h>

#include "src/base/rng.h"
#include "src/base/stats.h"

double rank_envelope_slope(const uint32_t *size, size_t first, size_t last, double *level)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t r = first; r <= last; r++) {
        if (!size[r - 1]) continue;
        n++;
        x += log((double)r);
        y += log((double)size[r - 1]);
    }
    x /= n;
    y /= n;
    for (size_t r = first; r <= last; r++) {
        if (!size[r - 1]) continue;
        const double by = log((double)r) - x;
        xx += by * by;
        xy += by * (log((double)size[r - 1]) - y);
    }
    if (!(xx > 0)) return NAN;
    if (level) *level = y - xy / xx * x;
    return xy / xx;
}

/* One thread's memory. */
struct counts {
    uint32_t *weight; /* [n] how often each sample is there */
    uint32_t *size;   /* [most clusters] */
    uint32_t *of;     /* [n + 1] clusters of each size */
};

static int counts_open(struct counts *c, const struct clustering *r, size_t most)
{
    *c = (struct counts){calloc(r->n, sizeof *c->weight), malloc(most * sizeof *c->size),
                         calloc(r->n + 1, sizeof *c->of)};
    return c->weight && c->size && c->of ? 0 : -1;
}

static void counts_free(struct counts *c)
{
    free(c->weight);
    free(c->size);
    free(c->of);
}

/* SIZE [ranks] of the samples that the weights say; KIND may be NULL. */
static void find(uint32_t *size, size_t *kind, size_t ranks, const struct clustering *r,
                 struct counts *c)
{
    memset(size, 0, ranks * sizeof *size);
    for (size_t k = 0; k < r->kinds; k++) {
        const int32_t *label = r->labels + k * r->n;
        uint32_t most = 0;
        memset(c->size, 0, r->kind[k].clusters * sizeof *c->size);
        for (size_t i = 0; i < r->n; i++) c->size[label[i]] += c->weight[i];
        for (size_t j = 0; j < r->kind[k].clusters; j++) {
            c->of[c->size[j]]++;
            if (c->size[j] > most) most = c->size[j];
        }
        size_t rank = 0;
        for (uint32_t s = most; s > 0; s--) {
            for (uint32_t left = c->of[s]; left; left--, rank++) {
                if (s <= size[rank]) continue;
                size[rank] = s;
                if (kind) kind[rank] = k;
            }
            c->of[s] = 0;
        }
        c->of[0] = 0;
    }
}

static int bootstrap(struct rank_envelope *v, const struct clustering *r,
                     const struct rank_envelope_request *q, size_t most)
{
    int failed = 0;
    double *slope = malloc(q->resamples * sizeof *slope);
    if (!slope) return -1;
#pragma omp parallel
    {
        struct counts c;
        uint32_t *size = malloc(v->ranks * sizeof *size);
        const bool good = !counts_open(&c, r, most) && size;
        if (!good) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic)
        for (size_t b = 0; b < q->resamples; b++) {
            if (!good) continue;
            memset(c.weight, 0, r->n * sizeof *c.weight);
            for (size_t i = 0; i < r->n; i++) c.weight[rng_below(q->seed, b + 1, i, r->n)]++;
            find(size, NULL, v->ranks, r, &c);
            slope[b] = rank_envelope_slope(size, v->first, v->last, NULL);
        }
        free(size);
        counts_free(&c);
    }
    size_t n = 0;
    double sum = 0, square = 0;
    for (size_t b = 0; b < q->resamples && !failed; b++) {
        if (!isfinite(slope[b])) continue;
        slope[n++] = slope[b];
        sum += slope[n - 1];
    }
    for (size_t b = 0; b < n; b++) square += pow(slope[b] - sum / (double)n, 2);
    if (n > 1) {
        qsort(slope, n, sizeof *slope, stats_rising);
        v->lo = slope[(size_t)(0.025 * (double)(n - 1) + 0.5)];
        v->hi = slope[(size_t)(0.975 * (double)(n - 1) + 0.5)];
        v->bias = sum / (double)n - v->slope;
        v->error = sqrt(square / (double)(n - 1));
    }
    free(slope);
    return failed ? -1 : 0;
}

/* The ranks of the line: as asked, or the published ones scaled to the samples there are. */
static int choose(struct rank_envelope *v, const struct clustering *r,
                  const struct rank_envelope_request *q, struct err *e)
{
    const double share = r->n < 10000 ? (double)r->n / 10000 : 1;
    v->first = q->last ? q->first : (size_t)ceil(101 * share);
    v->last = q->last ? q->last : (size_t)(1000 * share);
    if (v->first < 1) v->first = 1;
    if (v->last > v->ranks) v->last = v->ranks;
    if (v->last >= v->first + 2) return 0;
    return err_set(e,
                   "a line needs at least 3 ranks: there are ranks 1 to %zu, it was to be from %zu "
                   "to %zu",
                   v->ranks, v->first, q->last ? q->last : (size_t)(1000 * share));
}

int rank_envelope_make(struct rank_envelope *v, const struct clustering *r,
                       const struct rank_envelope_request *q, struct err *e)
{
    struct counts c;
    size_t most = 0;
    *v = (struct rank_envelope){.lo = NAN, .hi = NAN, .bias = NAN, .error = NAN};
    for (size_t k = 0; k < r->kinds; k++) {
        if (r->kind[k].filled > v->ranks) v->ranks = r->kind[k].filled;
        if (r->kind[k].clusters > most) most = r->kind[k].clusters;
    }
    v->size = malloc(v->ranks * sizeof *v->size);
    v->kind = malloc(v->ranks * sizeof *v->kind);
    int status = counts_open(&c, r, most) || !v->size || !v->kind ? err_memory(e, NULL) : 0;
    if (!status) {
        for (size_t i = 0; i < r->n; i++) c.weight[i] = 1;
        find(v->size, v->kind, v->ranks, r, &c);
        status = choose(v, r, q, e);
    }
    counts_free(&c);
    if (!status) v->slope = rank_envelope_slope(v->size, v->first, v->last, &v->level);
    if (!status && q->resamples > 1 && bootstrap(v, r, q, most)) status = err_memory(e, NULL);
    if (status) rank_envelope_free(v);
    return status;
}

void rank_envelope_free(struct rank_envelope *v)
{
    free(v->size);
    free(v->kind);
    *v = (struct rank_envelope){.ranks = 0};
}
