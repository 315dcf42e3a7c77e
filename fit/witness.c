/* witness.c - see witness.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/witness.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The problem in coordinates z, t = origin + scale z, and in units of the objective at the origin:
 * about 1 + z'z / 2. */
struct round {
    const struct witness_problem *p;
    double origin[LAW_PARAMS], scale[LAW_PARAMS][LAW_PARAMS];
    double unit, ours; /* ours: the objective at the origin, in units: 1 but for perfect fits */
};

/* Outside the domain: a wall that steps are turned back by. */
static const double wall = 1e6;

static void place(const struct round *q, const gsl_vector *z, double *t)
{
    int n = q->p->n;
    for (int i = 0; i < n; i++) {
        t[i] = q->origin[i];
        for (int j = 0; j < n; j++) t[i] += q->scale[i][j] * gsl_vector_get(z, (size_t)j);
    }
}

static double weight(const struct witness_problem *p, size_t i)
{
    return p->weight ? p->weight[i] : 1;
}

/* The loss of a residual, and its slope. */
static double loss(const struct objective *o, double r, double *slope)
{
    double size = fabs(r), over = o->kind == OBJ_ASYM && r > 0 ? o->ratio : 1;
    switch (o->kind) {
    case OBJ_HUBER:
        *slope = fmax(fmin(r, o->delta), -o->delta);
        return size <= o->delta ? 0.5 * r * r : o->delta * (size - 0.5 * o->delta);
    case OBJ_LAD:
    case OBJ_ASYM:
        *slope = copysign(over, r);
        return over * size;
    default:
        *slope = r;
        return 0.5 * r * r;
    }
}

/* The objective at t, and its gradient unless NULL; infinite outside the domain. */
static double objective(const struct witness_problem *p, const double *t, double *g)
{
    double f = 0, row[LAW_PARAMS], slope;
    if (g) memset(g, 0, (size_t)p->n * sizeof *g);
    for (size_t i = 0; i < p->rows; i++) {
        double w = weight(p, i);
        f += w * loss(&p->loss, p->row(p->context, i, t, g ? row : NULL), &slope);
        for (int k = 0; g && k < p->n; k++) g[k] += w * slope * row[k];
    }
    return isnan(f) ? INFINITY : f;
}

/* --- coordinates --- */

/* scale = D^-1 V lambda^-1/2 sqrt(unit), D^-1 M D^-1 = V lambda V', M the sum of (slope / r) g g',
 * which Gauss and Newton would take for the Hessian. Eigenvalues of rounding are lifted: those are
 * directions nothing depends on. */
static int coordinates(struct round *q, struct err *e)
{
    const struct witness_problem *p = q->p;
    const size_t n = (size_t)p->n;
    gsl_matrix *m = gsl_matrix_calloc(n, n), *v = gsl_matrix_alloc(n, n);
    gsl_vector *lambda = gsl_vector_alloc(n);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    double d[LAW_PARAMS], g[LAW_PARAMS], mean = 0, slope;
    int status = m && v && lambda && work ? 0 : err_memory(e, "witness");
    if (status) goto out;
    for (size_t i = 0; i < p->rows; i++)
        mean += fabs(p->row(p->context, i, q->origin, NULL)) / (double)p->rows;
    for (size_t i = 0; i < p->rows; i++) {
        double r = p->row(p->context, i, q->origin, g);
        loss(&p->loss, r, &slope);
        double size = fmax(fabs(r), 1e-3 * mean + 1e-300), w = weight(p, i) * fabs(slope) / size;
        if (p->loss.kind == OBJ_LS || p->loss.kind == OBJ_LOGLS) w = weight(p, i);
        for (size_t k = 0; k < n; k++)
            for (size_t l = 0; l < n; l++) *gsl_matrix_ptr(m, k, l) += w * g[k] * g[l];
    }
    for (size_t k = 0; k < n; k++) {
        double s = sqrt(gsl_matrix_get(m, k, k));
        d[k] = s > 0 && isfinite(s) ? s : 1;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++) *gsl_matrix_ptr(m, k, l) /= d[k] * d[l];
    gsl_eigen_symmv(m, lambda, v, work);
    double least = 1e-12 * gsl_vector_max(lambda);
    for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++)
            q->scale[k][l] = sqrt(q->unit / fmax(gsl_vector_get(lambda, l), least)) *
                             gsl_matrix_get(v, k, l) / d[k];
out:
    if (m) gsl_matrix_free(m);
    if (v) gsl_matrix_free(v);
    if (lambda) gsl_vector_free(lambda);
    if (work) gsl_eigen_symmv_free(work);
    return status;
}

static double value(const gsl_vector *z, void *context)
{
    const struct round *q = context;
    double t[LAW_PARAMS];
    place(q, z, t);
    double f = objective(q->p, t, NULL) / q->unit;
    return f < wall ? f : wall;
}

/* --- least squares: trust region --- */

static int residuals(const gsl_vector *z, void *context, gsl_vector *f)
{
    const struct round *q = context;
    double t[LAW_PARAMS];
    place(q, z, t);
    for (size_t i = 0; i < q->p->rows; i++) {
        double r = q->p->row(q->p->context, i, t, NULL) * sqrt(weight(q->p, i) / q->unit);
        gsl_vector_set(f, i, fabs(r) < wall ? r : wall);
    }
    return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *z, void *context, gsl_matrix *J)
{
    const struct round *q = context;
    const int n = q->p->n;
    double t[LAW_PARAMS], g[LAW_PARAMS];
    place(q, z, t);
    for (size_t i = 0; i < q->p->rows; i++) {
        double w = sqrt(weight(q->p, i) / q->unit);
        q->p->row(q->p->context, i, t, g);
        for (int k = 0; k < n; k++) {
            double sum = 0;
            for (int l = 0; l < n; l++) sum += g[l] * q->scale[l][k];
            gsl_matrix_set(J, i, (size_t)k, isfinite(sum) ? w * sum : 0);
        }
    }
    return GSL_SUCCESS;
}

static int trust_region(struct round *q, gsl_vector *z, struct err *e)
{
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_fdf fdf = {
        .f = residuals, .df = jacobian, .n = q->p->rows, .p = z->size, .params = q};
    gsl_multifit_nlinear_workspace *w =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, fdf.n, fdf.p);
    int info;
    if (!w) return err_memory(e, "witness");
    /* Tolerances at rounding: it goes on until it cannot. */
    if (!gsl_multifit_nlinear_init(z, &fdf, w)) {
        gsl_multifit_nlinear_driver(200, 1e-15, 1e-15, 0, NULL, NULL, &info, w);
        gsl_vector_memcpy(z, gsl_multifit_nlinear_position(w));
    }
    gsl_multifit_nlinear_free(w);
    return 0;
}

/* --- Huber: BFGS2 --- */

static void value_slope(const gsl_vector *z, void *context, double *f, gsl_vector *slope)
{
    const struct round *q = context;
    const int n = q->p->n;
    double t[LAW_PARAMS], g[LAW_PARAMS];
    place(q, z, t);
    double sum = objective(q->p, t, g) / q->unit;
    *f = sum < wall ? sum : wall;
    for (int k = 0; k < n; k++) {
        double s = 0;
        for (int l = 0; l < n; l++) s += g[l] * q->scale[l][k];
        gsl_vector_set(slope, (size_t)k, isfinite(s) ? s / q->unit : 0);
    }
}

static void slope_only(const gsl_vector *z, void *context, gsl_vector *slope)
{
    double f;
    value_slope(z, context, &f, slope);
}

static int bfgs2(struct round *q, gsl_vector *z, struct err *e)
{
    enum { RESTARTS = 8, STEPS = 100 };
    gsl_multimin_function_fdf fdf = {
        .f = value, .df = slope_only, .fdf = value_slope, .n = z->size, .params = q};
    gsl_multimin_fdfminimizer *m =
        gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, fdf.n);
    if (!m) return err_memory(e, "witness");
    /* Where it meets rows changing their side it gives up; afresh from there it goes on. */
    for (int k = 0; k < RESTARTS; k++) {
        double before = value(z, q);
        if (gsl_multimin_fdfminimizer_set(m, &fdf, z, 0.1 * gsl_blas_dnrm2(z) + 1e-6, 0.1)) break;
        for (int i = 0; i < STEPS && !gsl_multimin_fdfminimizer_iterate(m); i++) {
        }
        if (m->f < before) gsl_vector_memcpy(z, m->x);
        if (!(m->f < before * (1 - 1e-14))) break;
    }
    gsl_multimin_fdfminimizer_free(m);
    return 0;
}

/* --- kinks: simplex --- */

static int simplex(struct round *q, gsl_vector *z, struct err *e)
{
    enum { RESTARTS = 8 };
    gsl_multimin_function f = {.f = value, .n = z->size, .params = q};
    gsl_multimin_fminimizer *m =
        gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, f.n);
    gsl_vector *step = gsl_vector_alloc(f.n);
    int status = m && step ? 0 : err_memory(e, "witness");
    double size = gsl_blas_dnrm2(z) / sqrt((double)f.n);
    for (int k = 0; k < RESTARTS && !status && !(fabs(value(z, q) - q->ours) < 1e-7);
         k++, size *= 0.4) {
        gsl_vector_set_all(step, size);
        if (gsl_multimin_fminimizer_set(m, &f, z, step)) break;
        for (size_t i = 0; i < 80 * f.n && !gsl_multimin_fminimizer_iterate(m); i++) {
            if (gsl_multimin_fminimizer_size(m) < 1e-5 * size) break;
        }
        if (m->fval < value(z, q)) gsl_vector_memcpy(z, m->x);
    }
    if (m) gsl_multimin_fminimizer_free(m);
    if (step) gsl_vector_free(step);
    return status;
}

/* --- the question --- */

/* A standard error away in every direction, forwards and backwards in turn; less where the
 * objective is steeper than that. */
static void perturb(struct round *q, gsl_vector *z, double se)
{
    double rise = 4 * (double)z->size * se * se;
    for (size_t k = 0; k < z->size; k++) gsl_vector_set(z, k, k % 2 ? -se : se);
    for (int i = 0; i < 40 && !(value(z, q) < q->ours + rise); i++) gsl_vector_scale(z, 0.5);
}

/* From SHARE of a standard error away. */
static int ask_from(struct witness *w, struct round *q, double share, struct err *e)
{
    const struct witness_problem *p = q->p;
    bool kink = p->loss.kind == OBJ_LAD || p->loss.kind == OBJ_ASYM,
         huber = p->loss.kind == OBJ_HUBER;
    double se = sqrt(2 / fmax((double)p->rows - p->n, 1));
    gsl_vector *z = gsl_vector_alloc((size_t)p->n);
    if (!z) return err_memory(e, "witness");
    w->method = kink ? "simplex" : huber ? "BFGS2" : "trust region";
    perturb(q, z, share * se);
    int status = kink ? simplex(q, z, e) : huber ? bfgs2(q, z, e) : trust_region(q, z, e);
    double change = value(z, q) - q->ours;
    w->difference = fabs(change);
    w->shift = 0;
    for (size_t k = 0; k < z->size; k++) w->shift = fmax(w->shift, fabs(gsl_vector_get(z, k)) / se);
    /* As starts agree (fit.c); along a kink there are minima a millionth apart. */
    w->says = w->difference <= (kink ? 1e-5 : 1e-8) ? WITNESS_AGREES
              : change < 0                          ? WITNESS_LOWER
                                                    : WITNESS_SHORT;
    gsl_vector_free(z);
    return status;
}

int witness_ask(struct witness *w, const struct witness_problem *p, const double *t, double found,
                struct err *e)
{
    struct round q = {.p = p};
    *w = (struct witness){.says = WITNESS_NONE, .method = "sum"};
    if (p->n == 0) return 0;
    gsl_set_error_handler_off();
    memcpy(q.origin, t, (size_t)p->n * sizeof *t);
    double ours = objective(p, t, NULL);
    q.unit = fmax(fmin(ours, found), p->floor);
    q.ours = ours / q.unit;
    if (!(fabs(ours - found) <= 1e-8 * q.unit)) {
        w->says = WITNESS_DIFFERS;
        w->difference = fabs(ours - found) / q.unit;
        return 0;
    }
    if (coordinates(&q, e) || ask_from(w, &q, 1, e)) return -1;
    /* Where another valley is that near, from closer by. */
    return w->says == WITNESS_SHORT ? ask_from(w, &q, 0.1, e) : 0;
}

/* --- of a fit --- */

struct law_rows {
    const struct fit_problem *p;
    double t[LAW_PARAMS]; /* those that cannot move */
    int index[LAW_PARAMS], n;
};

static double law_row(const void *context, size_t i, const double *moving, double *g)
{
    const struct law_rows *c = context;
    const struct fit_rows *rows = c->p->rows;
    double t[LAW_PARAMS], lg[LAW_PARAMS], lh[LAW_HESSIAN],
        x[3] = {rows->x[0][i], rows->x[1][i], rows->x[2][i]};
    memcpy(t, c->t, sizeof t);
    for (int k = 0; k < c->n; k++) {
        int m = c->index[k];
        t[m] = moving[k];
        if (!(t[m] >= c->p->lower[m] && t[m] <= c->p->upper[m])) return NAN;
    }
    double L = law_internal(c->p->law, t, x, c->p->centre, g ? lg : NULL, g ? lh : NULL);
    for (int k = 0; g && k < c->n; k++) g[k] = lg[c->index[k]] / (c->p->loss.log ? L : 1);
    return c->p->loss.log ? log(L) - rows->y[i] : L - rows->L[i];
}

int witness_fit(struct witness *w, const struct fit *f, struct fit_data *d,
                const struct fit_options *o, struct err *e)
{
    struct fit_options own = *o;
    struct fit_problem p;
    struct law_rows c = {.p = &p};
    own.objective = f->objective;
    if (fit_problem_open(&p, f->law, d, &own, e)) return -1;
    memcpy(c.t, f->t, sizeof c.t);
    double moving[LAW_PARAMS], slope, floor = 0;
    for (int i = 0; i < f->law->n; i++) {
        if (f->at_bound[i] || f->vanished[i]) continue;
        moving[c.n] = f->t[i];
        c.index[c.n++] = i;
    }
    /* Residuals of 1e-8 of the loss are a perfect fit: what is below is rounding. */
    for (size_t i = 0; i < d->n; i++)
        floor += d->rows.w[i] * loss(&f->objective, 1e-8 * (p.loss.log ? 1 : d->rows.L[i]), &slope);
    struct witness_problem q = {.n = c.n,
                                .rows = d->n,
                                .row = law_row,
                                .context = &c,
                                .weight = d->rows.w,
                                .loss = f->objective,
                                .floor = floor};
    return witness_ask(w, &q, moving, f->value, e);
}
