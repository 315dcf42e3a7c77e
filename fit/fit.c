/* fit.c - see fit.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/fit.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/descend.h"
#include "fit/starts.h"

static int distinct(const double *x, size_t n)
{
    int count = 0;
    double seen[16];
    for (size_t i = 0; i < n && count < 16; i++) {
        int k = 0;
        while (k < count && seen[k] != x[i]) k++;
        if (k == count) seen[count++] = x[i];
    }
    return count;
}

static int check_rows(const struct law *law, const struct fit_data *d, const struct fit_options *o,
                      struct err *e)
{
    int n_free = 0;
    double low = INFINITY, high = 0;
    for (int i = 0; i < law->n; i++) n_free += !o->pinned[i];
    for (size_t i = 0; i < d->n; i++) {
        low = fmin(low, d->rows.L[i]);
        high = fmax(high, d->rows.L[i]);
    }
    if (d->n <= (size_t)n_free)
        return err_set(e,
                       "%zu rows cannot determine the %d parameters of %s: at least %d are needed",
                       d->n, n_free, law->name, n_free + 1);
    if (low == high)
        return err_set(e, "all %zu losses are equal (%.6g): there is no law in them", d->n, low);
    for (int v = 0; v < 3; v++) {
        if (!(law->variables >> v & 1)) continue;
        /* Unique tokens may be the same in every row, as they may be all tokens. */
        if (v == 2 && !(law->variables & LAW_V)) continue;
        int need = law->constant >= 0 && !o->pinned[law->constant], place = 0;
        for (int i = 0; i < law->n; i++) {
            const struct law_param *p = &law->param[i];
            if (p->map == MAP_PLACE) place += 3;
            if ((p->map != MAP_COEFFICIENT && p->map != MAP_SCALE) || p->variable != v) continue;
            bool shared = false;
            for (int k = 0; k < law->n; k++)
                shared = shared || (k != i && law->param[k].map == p->map &&
                                    law->param[k].exponent == p->exponent);
            need += !o->pinned[i] + (!o->pinned[p->exponent] && !shared);
        }
        need += place;
        if (law->function && need < 2) need = 2; /* of some form: it has to vary at least */
        int found = distinct(d->rows.x[v], d->n);
        const char *name = fit_data_name(law, v);
        if (found == 1 && need > 0)
            return err_set(e, "%s is the same in all %zu rows (%.6g): %s cannot be fitted", name,
                           d->n, exp(d->rows.x[v][0] + d->centre[v]), law->name);
        if (found < need)
            return err_set(e, "%s takes only %d different values: %s needs at least %d", name,
                           found, law->name, need);
    }
    return 0;
}

/* Squared ratio of the largest to the least singular value of R T, R'R = m (packed), T n x n or
 * NULL. */
static double condition_of(int n, const double *m, const double *T, const bool *skip)
{
    double a[LAW_HESSIAN], value = INFINITY;
    int index[LAW_PARAMS], k = 0;
    for (int i = 0; i < n; i++) {
        if (!skip[i]) index[k++] = i;
    }
    if (k == 0) return 1;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j <= i; j++) a[PACKED(i, j)] = m[PACKED(index[i], index[j])];
    }
    if (!cholesky(k, a)) return INFINITY;
    gsl_matrix *A = gsl_matrix_calloc((size_t)k, (size_t)k),
               *V = gsl_matrix_alloc((size_t)k, (size_t)k);
    gsl_vector *s = gsl_vector_alloc((size_t)k);
    if (A && V && s) {
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++) {
                double sum = 0;
                /* R is the transpose of the factor: R[i][l] = a[l][i], l >= i */
                for (int l = i; l < k; l++)
                    sum += a[PACKED(l, i)] * (T ? T[index[l] * n + index[j]] : l == j);
                gsl_matrix_set(A, (size_t)i, (size_t)j, sum);
            }
        }
        if (!gsl_linalg_SV_decomp_jacobi(A, V, s)) {
            double r = gsl_vector_get(s, 0) / gsl_vector_get(s, (size_t)k - 1);
            value = r * r;
        }
    }
    if (A) gsl_matrix_free(A);
    if (V) gsl_matrix_free(V);
    if (s) gsl_vector_free(s);
    return value;
}

static void describe(struct fit *f, const struct fit_problem *p, const struct fit_data *d,
                     const struct solve_result *r)
{
    const struct law *law = p->law;
    double ls, g[LAW_PARAMS], h[LAW_HESSIAN], T[LAW_PARAMS * LAW_PARAMS], low = INFINITY;
    f->value = fit_objective_value(p, f->t);
    memcpy(f->g, r->g, sizeof f->g);
    memcpy(f->h, r->h, sizeof f->h);
    memcpy(f->m, r->m, sizeof f->m);
    f->decrement = r->decrement;
    f->gradient = 0;
    f->free = 0;
    for (size_t i = 0; i < d->n; i++) low = fmin(low, d->rows.y[i]);
    for (int i = 0; i < law->n; i++) {
        f->at_bound[i] = r->at_bound[i] || f->t[i] <= p->lower[i] || f->t[i] >= p->upper[i];
        f->free += p->lower[i] < p->upper[i];
        const struct law_param *param = &law->param[i];
        /* A coefficient worth less than a billionth of the loss at the centre is no term at all. */
        f->vanished[i] = ((param->map == MAP_LOG && i == law->constant) ||
                          (param->map == MAP_COEFFICIENT && f->centre[param->variable] != 0)) &&
                         f->t[i] < low - 20;
        double size = sqrt(r->m[PACKED(i, i)] * 2 * fmax(r->f, 1e-300));
        if (!f->at_bound[i] && size > 0) f->gradient = fmax(f->gradient, fabs(r->g[i]) / size);
    }
    struct fit_problem q = *p;
    double m[LAW_HESSIAN];
    fit_problem_delta(&q, INFINITY);
    fit_evaluate(&q, f->t, &ls, g, h, m);
    f->condition = condition_of(law->n, m, NULL, f->at_bound);
    law_inverse_jacobian(law, f->centre, f->t, T);
    f->condition_raw = condition_of(law->n, m, T, f->at_bound);
    f->rss = f->rss_log = 0;
    for (size_t i = 0; i < d->n; i++) {
        double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double L = law_internal(law, f->t, x, f->centre, NULL, NULL), dl = L - d->rows.L[i],
               dy = log(L) - d->rows.y[i];
        f->rss += d->rows.w[i] * dl * dl;
        f->rss_log += d->rows.w[i] * dy * dy;
    }
}

/* 1.345 robust standard deviations of the residuals of the least absolute deviations fit. */
static int automatic_delta(struct fit *f, const struct law *law, struct fit_data *d,
                           const struct fit_options *o, struct fit_options *own, struct err *e)
{
    *own = *o;
    own->objective.kind = OBJ_LAD;
    double *r = malloc((d->n + 1) * sizeof *r);
    if (!r) return err_memory(e, NULL);
    int status = fit_law(f, law, d, own, e);
    if (!status) {
        fit_residuals(f, d, r);
        for (size_t i = 0; i < d->n; i++) r[i] = fabs(r[i]);
        gsl_sort(r, 1, d->n);
        own->objective.kind = OBJ_HUBER;
        own->objective.delta = fmax(1.345 * 1.4826 * r[d->n / 2], 1e-9);
    }
    free(r);
    return status;
}

int fit_law(struct fit *f, const struct law *law, struct fit_data *d, const struct fit_options *o,
            struct err *e)
{
    enum { MAX_STARTS = 900 };
    struct fit_options own;
    struct fit_problem p;
    gsl_set_error_handler_off();
    if (check_rows(law, d, o, e)) return -1;
    if (o->objective.kind == OBJ_HUBER && o->objective.delta == 0) {
        if (automatic_delta(f, law, d, o, &own, e)) return -1;
        o = &own;
    }
    if (fit_problem_open(&p, law, d, o, e)) return -1;
    *f = (struct fit){.law = law, .objective = o->objective, .rows = d->n};
    memcpy(f->centre, d->centre, sizeof f->centre);
    double(*t)[LAW_PARAMS] = malloc(MAX_STARTS * sizeof *t);
    struct solve_result *r = calloc(MAX_STARTS, sizeof *r);
    int status = -1;
    if (!t || !r) {
        err_memory(e, NULL);
        goto out;
    }
    int n = fit_starts(&p, o->grid ? o->grid : 6, MAX_STARTS - 1, t);
    if (o->near) law_to_internal(law, d->centre, o->near, t[n++]);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++) {
        struct fit_problem mine = p;
        fit_descend(&mine, t[i], false, &r[i]);
    }
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (r[i].converged && (best < 0 || r[i].f < r[best].f)) best = i;
    }
    f->starts = n;
    if (n == 0) {
        err_set(e, "%s: no start makes L a positive number at every row", law->name);
        goto out;
    }
    if (best < 0) {
        err_set(e, "none of %d starts of %s reached an optimum: the rows do not determine it", n,
                law->name);
        goto out;
    }
    double close = 1e-8 * r[best].f + 1e-26 * fit_total_weight(p.rows);
    for (int i = 0; i < n; i++) f->agree += r[i].converged && r[i].f - r[best].f <= close;
    if (o->objective.kind == OBJ_LAD || o->objective.kind == OBJ_ASYM)
        fit_search_nearby(&p, t[best], &r[best]);
    memcpy(f->t, t[best], sizeof f->t);
    law_to_natural(law, f->centre, f->t, f->params);
    describe(f, &p, d, &r[best]);
    for (int i = 0; i < law->n; i++) {
        if (o->pinned[i]) f->params[i] = o->pin[i];
        if (f->vanished[i]) f->params[i] = 0;
    }
    status = 0;
out:
    free(t);
    free(r);
    return status;
}

void fit_residuals(const struct fit *f, const struct fit_data *d, double *r)
{
    bool log_scale = objective_is_log(&f->objective);
    for (size_t i = 0; i < d->n; i++) {
        double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double L = law_internal(f->law, f->t, x, f->centre, NULL, NULL);
        r[i] = log_scale ? log(L) - d->rows.y[i] : L - d->rows.L[i];
    }
}

double fit_predict(const struct fit *f, double N, double D, double U)
{
    double x[3] = {log(N) - f->centre[0], D > 0 ? log(D) - f->centre[1] : 0,
                   U > 0 ? log(U) - f->centre[2] : 0};
    return law_internal(f->law, f->t, x, f->centre, NULL, NULL);
}
