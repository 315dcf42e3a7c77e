/* fit_data.c - see fit_data.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/fit_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/schedule.h"

struct key {
    double x[3], L, w;
    size_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct key *p = a, *q = b;
    for (int i = 0; i < 3; i++) {
        if (p->x[i] != q->x[i]) return p->x[i] < q->x[i] ? -1 : 1;
    }
    if (p->L != q->L) return p->L < q->L ? -1 : 1;
    if (p->w != q->w) return p->w < q->w ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

enum points_column fit_data_column(const struct law *law, int k, enum points_column x)
{
    const unsigned has = law->variables;
    if (!(has >> k & 1)) return POINTS_COLUMNS;
    if (k == 0) return has & LAW_ANY ? x : has & LAW_C ? POINTS_C : POINTS_N;
    if (k == 1) return has & LAW_STEP ? POINTS_STEP : POINTS_D;
    if (has & LAW_SCHEDULE) return POINTS_COLUMNS; /* not a column */
    return has & LAW_V ? POINTS_VOCABULARY : POINTS_UNIQUE;
}

double fit_data_value(const struct law *law, int k, enum points_column x, const struct points *p,
                      size_t row)
{
    const enum points_column column = fit_data_column(law, k, x);
    if (k == 2 && law->variables & LAW_SCHEDULE && law->context)
        return (double)schedule_number(law->context, p->run_names[p->run[row]]);
    return column == POINTS_COLUMNS ? 0 : points_values(p, column)[row];
}

const char *fit_data_name(const struct law *law, int k)
{
    static const char *const names[POINTS_COLUMNS] = {
        [POINTS_N] = "N",           [POINTS_D] = "D",      [POINTS_C] = "C",
        [POINTS_STEP] = "the step", [POINTS_UNIQUE] = "U", [POINTS_VOCABULARY] = "V"};
    if (k == 2 && law->variables & LAW_SCHEDULE) return "the schedule's number";
    return law->variables & LAW_ANY && k == 0 ? "the variable"
                                              : names[fit_data_column(law, k, POINTS_N)];
}

int fit_data_open(struct fit_data *d, const struct points *p, const struct law *law,
                  enum points_column x, struct err *e)
{
    size_t n = p->n, padded = n + (n & 1);
    *d = (struct fit_data){.n = n};
    struct key *keys = malloc((n + 1) * sizeof *keys);
    d->row = malloc((n + 1) * sizeof *d->row);
    d->block = malloc(6 * (padded + 1) * sizeof *d->block);
    if (!keys || !d->row || !d->block) {
        free(keys);
        fit_data_close(d);
        return err_memory(e, p->path);
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct key){.L = p->loss[i], .w = p->weight[i], .row = i};
        for (int k = 0; k < 3; k++) {
            keys[i].x[k] = law->variables >> k & 1 ? fit_data_value(law, k, x, p, i) : 1;
            if (keys[i].x[k] > 0 && isfinite(keys[i].x[k])) continue;
            err_set(e, "%s: line %zu: expected a positive number for %s, found %g", p->path,
                    p->line[i], fit_data_name(law, k), keys[i].x[k]);
            free(keys);
            fit_data_close(d);
            return -1;
        }
    }
    qsort(keys, n, sizeof *keys, by_key);
    struct fit_rows *r = &d->rows;
    r->n = padded;
    for (int k = 0; k < 3; k++) r->x[k] = d->block + (size_t)k * padded;
    r->y = d->block + 3 * padded;
    r->L = d->block + 4 * padded;
    r->w = d->block + 5 * padded;
    double weight = 0;
    for (size_t i = 0; i < n; i++) {
        d->row[i] = keys[i].row;
        r->L[i] = keys[i].L;
        r->y[i] = log(keys[i].L);
        r->w[i] = keys[i].w;
        weight += keys[i].w;
        for (int k = 0; k < 3; k++) {
            r->x[k][i] = log(keys[i].x[k]);
            d->centre[k] += r->x[k][i] * keys[i].w;
        }
    }
    free(keys);
    for (int k = 0; k < 3; k++) {
        d->centre[k] /= weight;
        for (size_t i = 0; i < n; i++) r->x[k][i] -= d->centre[k];
        if (padded > n) r->x[k][n] = 0;
    }
    if (padded > n) {
        r->y[n] = r->y[0];
        r->L[n] = r->L[0];
        r->w[n] = 0;
    }
    return 0;
}

void fit_data_close(struct fit_data *d)
{
    free(d->row);
    free(d->block);
    *d = (struct fit_data){0};
}

void fit_data_recentre(struct fit_data *d, int variable, double to)
{
    double shift = d->centre[variable] - to;
    for (size_t i = 0; i < d->n; i++) d->rows.x[variable][i] += shift;
    d->centre[variable] = to;
}
