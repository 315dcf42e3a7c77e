/* sample.c - see sample.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/sample.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/rng.h"

struct candidate {
    double weight;
    uint32_t id;
};

static int likeliest_first(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static uint32_t greatest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best] || isnan(logits[best])) best = i;
    return (uint32_t)best;
}

int sample_token(const float *logits, size_t n, const struct sampling *s, uint64_t position,
                 uint32_t *token, struct err *e)
{
    *token = greatest(logits, n);
    if (s->temperature <= 0) return 0;
    struct candidate *c = malloc(n * sizeof *c);
    if (!c) return err_memory(e, NULL);
    const double most = (double)logits[*token];
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double w = exp(((double)logits[i] - most) / s->temperature);
        c[i] = (struct candidate){isnan(w) ? 0 : w, (uint32_t)i};
        sum += c[i].weight;
    }
    /* All tokens below this together are less than what may be left out. */
    const double negligible = s->top_p < 1 ? (1 - s->top_p) * sum / (double)n : 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].weight > 0 && c[i].weight >= negligible) c[kept++] = c[i];
    if (s->top_p < 1) {
        qsort(c, kept, sizeof *c, likeliest_first);
        double reached = 0;
        size_t few = 0;
        while (few < kept && reached < s->top_p * sum) reached += c[few++].weight;
        kept = few ? few : 1;
    }
    double total = 0, at = 0;
    for (size_t i = 0; i < kept; i++) total += c[i].weight;
    const double drawn = rng_uniform(s->seed, 0, position) * total;
    size_t i = 0;
    for (; i + 1 < kept; i++) {
        at += c[i].weight;
        if (drawn < at) break;
    }
    *token = c[i].id;
    free(c);
    return 0;
}
