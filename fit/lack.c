/* lack.c - see lack.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/lack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/infer.h"
#include "fit/ols.h"

static bool same_place(const struct fit_rows *r, size_t i, size_t k)
{
    return r->x[0][i] == r->x[0][k] && r->x[1][i] == r->x[1][k] && r->x[2][i] == r->x[2][k];
}

/* Rows are sorted by place, then loss: equal ones stand together. */
static int without_copies(struct points *to, const struct points *from, const struct fit_data *d,
                          struct err *e)
{
    size_t *keep = malloc((d->n + 1) * sizeof *keep), n = 0;
    if (!keep) return err_memory(e, from->path);
    for (size_t i = 0; i < d->n; i++) {
        if (!i || !same_place(&d->rows, i - 1, i) || d->rows.L[i - 1] != d->rows.L[i])
            keep[n++] = d->row[i];
    }
    int status = points_select(to, from, keep, n, e);
    for (size_t i = 0; i < n && !status; i++) to->line[i] = keep[i]; /* rows of `from` */
    free(keep);
    return status;
}

/* The end of the place that begins at row i. */
static size_t place_end(const struct fit_data *d, size_t i)
{
    size_t end = i + 1;
    while (end < d->n && same_place(&d->rows, i, end)) end++;
    return end;
}

static void count(struct lack *l, const struct fit_data *d)
{
    for (size_t i = 0, end; i < d->n; i = end) {
        end = place_end(d, i);
        l->all_places++;
        if (end - i < 2) continue;
        l->places++;
        l->repeats += end - i;
    }
}

/* The weighted mean of r over rows [i, end) and the sum of squares about it; *weight is all of it. */
static double place_mean(const struct fit_data *d, const double *r, size_t i, size_t end,
                         double *weight, double *squares)
{
    const double *w = d->rows.w;
    double sum = 0;
    *weight = *squares = 0;
    for (size_t k = i; k < end; k++) {
        sum += w[k] * r[k];
        *weight += w[k];
    }
    for (size_t k = i; k < end; k++) *squares += w[k] * pow(r[k] - sum / *weight, 2);
    return sum / *weight;
}

static void note_worst(struct lack *l, size_t row, double z)
{
    struct lack_place next = {row, z};
    for (int k = 0; k < LACK_WORST; k++) {
        if (fabs(next.z) <= fabs(l->worst[k].z)) continue;
        struct lack_place last = l->worst[k];
        l->worst[k] = next;
        next = last;
    }
}

static void sums(struct lack *l, const struct fit *f, const struct fit_data *d, const double *r,
                 const size_t *row)
{
    double pure = 0, weight, squares;
    for (size_t i = 0, end; i < d->n; i = end) {
        end = place_end(d, i);
        place_mean(d, r, i, end, &weight, &squares);
        pure += squares;
    }
    l->df_pure = (double)(l->repeats - l->places);
    l->df_lack = (double)l->all_places - f->free;
    l->sigma_pure = sqrt(pure / l->df_pure);
    l->sigma_fit = sqrt(f->rss_log / ((double)d->n - f->free));
    l->sigma_lack = l->F = l->p = NAN;
    if (l->df_lack > 0) {
        double lack = fmax(f->rss_log - pure, 0) / l->df_lack;
        l->sigma_lack = sqrt(lack);
        l->F = lack / (pure / l->df_pure);
        l->p = ols_f_tail(l->F, l->df_lack, l->df_pure);
    }
    const double limit = ols_t(1 - 0.05 / (double)l->all_places, l->df_pure);
    for (size_t i = 0, end; i < d->n; i = end) {
        end = place_end(d, i);
        const double mean = place_mean(d, r, i, end, &weight, &squares);
        const double z = -mean / (l->sigma_pure / sqrt(weight));
        if (!(fabs(z) > limit)) continue;
        l->over++;
        note_worst(l, row[d->row[i]], z);
    }
}

static int errors(struct lack *l, const struct fit *f, struct fit_data *d,
                  const struct fit_options *o, struct err *e)
{
    struct covariance c;
    const int n = f->law->n;
    if (infer_covariance(&c, f, d, o, e)) return -1;
    for (int i = 0; i < n; i++) l->se[i] = sqrt(c.hessian[i * n + i] / c.unit) * l->sigma_pure;
    return 0;
}

static int measure(struct lack *l, const struct points *p, const struct law *law,
                   enum points_column x, const struct fit_options *o, struct err *e)
{
    struct fit_options squares = *o;
    struct fit_data d;
    struct fit f;
    squares.objective = (struct objective){.kind = OBJ_LOGLS, .ratio = 1};
    if (fit_data_open(&d, p, law, x, e)) return -1;
    count(l, &d);
    int status = 0;
    if (l->places) {
        double *r = malloc((d.n + 1) * sizeof *r);
        status = r ? fit_law(&f, law, &d, &squares, e) : err_memory(e, p->path);
        if (!status) {
            fit_residuals(&f, &d, r);
            sums(l, &f, &d, r, p->line);
            status = errors(l, &f, &d, &squares, e);
        }
        free(r);
        if (status && e->kind != ERR_MEMORY) {
            snprintf(l->reason, sizeof l->reason, "%.190s", e->text);
            l->places = 0;
            status = 0;
        }
    }
    fit_data_close(&d);
    return status;
}

int lack_of_fit(struct lack *l, const struct points *p, const struct law *law, enum points_column x,
                const struct fit_options *o, struct err *e)
{
    struct fit_data d;
    struct points own;
    *l = (struct lack){.copies = 0};
    if (fit_data_open(&d, p, law, x, e)) return -1;
    int status = without_copies(&own, p, &d, e);
    fit_data_close(&d);
    if (status) return -1;
    l->copies = p->n - own.n;
    status = measure(l, &own, law, x, o, e);
    points_close(&own);
    return status;
}
