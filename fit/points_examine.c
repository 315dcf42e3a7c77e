/* points_examine.c - see points_examine.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/points_examine.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int note_range(struct points *p, struct err *e, const double *v, const char *name)
{
    double lo = INFINITY, hi = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!(v[i] > 0)) continue;
        lo = fmin(lo, v[i]);
        hi = fmax(hi, v[i]);
    }
    if (hi == 0) return 0;
    if (hi == lo) return points_note(p, e, "all rows have the same %s, %.6g", name, lo);
    if (hi < 10 * lo)
        return points_note(p, e, "%s spans less than a decade: %.4g to %.4g", name, lo, hi);
    return 0;
}

static int by_value(const void *a, const void *b, void *context)
{
    const struct points *sorting = context;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const double *keys[] = {sorting->N, sorting->D, sorting->step, sorting->loss};
    for (size_t m = 0; m < 4; m++) {
        double x = keys[m][i], y = keys[m][k];
        if (isnan(x) && isnan(y)) continue;
        if (isnan(x) != isnan(y)) return isnan(x) ? 1 : -1;
        if (x != y) return x < y ? -1 : 1;
    }
    return sorting->line[i] < sorting->line[k] ? -1 : sorting->line[i] > sorting->line[k];
}

static bool equal(double x, double y)
{
    return x == y || (isnan(x) && isnan(y));
}

int points_examine(struct points *p, struct err *e)
{
    size_t *order = malloc(p->n * sizeof *order);
    double *sorted = malloc(p->n * sizeof *sorted);
    int status = -1;
    if (!order || !sorted) {
        err_memory(e, p->path);
        goto out;
    }
    if (note_range(p, e, p->N, "N") || (p->have >> POINTS_D & 1 && note_range(p, e, p->D, "D")))
        goto out;
    double ratio_low = INFINITY, ratio_high = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!(p->D[i] > 0 && p->N[i] > 0)) continue;
        ratio_low = fmin(ratio_low, p->D[i] / p->N[i]);
        ratio_high = fmax(ratio_high, p->D[i] / p->N[i]);
    }
    if (p->n > 2 && ratio_high > 0 && ratio_high < 1.05 * ratio_low &&
        points_note(p, e,
                    "D/N is about %.4g in every row: terms in N and in D cannot be told apart",
                    ratio_low))
        goto out;
    for (size_t i = 0; i < p->n; i++) order[i] = i;
    qsort_r(order, p->n, sizeof *order, by_value, p);
    size_t same = 0, same_place = 0, first = 0, second = 0;
    for (size_t i = 1; i < p->n; i++) {
        size_t a = order[i - 1], b = order[i];
        if (!equal(p->N[a], p->N[b]) || !equal(p->D[a], p->D[b]) || !equal(p->step[a], p->step[b]))
            continue;
        if (p->loss[a] == p->loss[b]) {
            if (!same++) {
                first = p->line[a];
                second = p->line[b];
            }
        } else {
            same_place++;
        }
    }
    if (same &&
        points_note(p, e, "%zu duplicate rows, first on lines %zu and %zu", same, first, second))
        goto out;
    if (same_place && points_note(p, e, "%zu rows repeat an (N, D) with another loss", same_place))
        goto out;
    memcpy(sorted, p->loss, p->n * sizeof *sorted);
    gsl_sort(sorted, 1, p->n);
    size_t distinct = p->n > 0;
    for (size_t i = 1; i < p->n; i++) distinct += sorted[i] != sorted[i - 1];
    if (p->n >= 10 && distinct < 0.7 * (double)p->n &&
        points_note(
            p, e,
            "losses are quantised: %zu distinct values in %zu rows; least absolute deviations "
            "and small Huber deltas follow the ties",
            distinct, p->n))
        goto out;
    status = 0;
out:
    free(order);
    free(sorted);
    return status;
}
