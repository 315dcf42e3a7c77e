/* reml.c - see reml.h.
 *
 * With rows of variance sigma^2 / w and an effect of variance lambda sigma^2 on each run, the inverse
 * covariance of a run is W - lambda w w' / (1 + lambda sum w) over sigma^2, so that all sums take
 * one pass over the rows. sigma^2 is profiled out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/reml.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_min.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/solve.h"

/* The linear model at a fit. */
struct model {
    size_t n, runs;
    int k;             /* parameters that could move */
    double *J, *r, *w; /* [n * k], residuals [n], weights [n] */
    double *u;         /* [n] ln X minus its mean, or 0 */
    size_t *run, *row; /* [n]; of the points */
    double *sums;      /* [runs * (k + 2)] scratch: of w J, of w r, of w */
    double sigma2;     /* of the last call */
};

static void model_close(struct model *m)
{
    free(m->J);
    free(m->run);
    *m = (struct model){0};
}

static int model_open(struct model *m, const struct fit *f, const struct fit_data *d,
                      const struct points *p, struct err *e)
{
    int index[LAW_PARAMS], k = 0;
    for (int i = 0; i < f->law->n; i++) {
        if (!f->at_bound[i] && !f->vanished[i]) index[k++] = i;
    }
    const size_t n = d->n, width = (size_t)k;
    *m = (struct model){.n = n, .runs = p->n_runs, .k = k};
    m->J = calloc(n * (width + 3) + p->n_runs * (width + 2), sizeof *m->J);
    m->run = malloc((2 * n + 1) * sizeof *m->run);
    if (!m->J || !m->run) {
        model_close(m);
        return err_memory(e, NULL);
    }
    m->r = m->J + n * width;
    m->w = m->r + n;
    m->u = m->w + n;
    m->sums = m->u + n;
    m->row = m->run + n;
    for (size_t i = 0; i < n; i++) {
        const double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double g[LAW_PARAMS], h[LAW_HESSIAN], L = law_internal(f->law, f->t, x, f->centre, g, h);
        for (int j = 0; j < k; j++) m->J[i * width + (size_t)j] = g[index[j]] / L;
        m->r[i] = d->rows.y[i] - log(L);
        m->w[i] = d->rows.w[i];
        m->row[i] = d->row[i];
        m->run[i] = p->run[d->row[i]];
    }
    return 0;
}

/* Sums of w J, w r and w of every run. */
static void sum_runs(struct model *m, double g)
{
    const size_t k = (size_t)m->k;
    memset(m->sums, 0, m->runs * (k + 2) * sizeof *m->sums);
    for (size_t i = 0; i < m->n; i++) {
        const double w = m->w[i] * exp(-g * m->u[i]);
        double *s = m->sums + m->run[i] * (k + 2);
        for (size_t j = 0; j < k; j++) s[j] += w * m->J[i * k + j];
        s[k] += w * m->r[i];
        s[k + 1] += w;
    }
}

/* -2 ln restricted likelihood, less a constant. */
static double deviance(struct model *m, double lambda, double g)
{
    const int k = m->k;
    double a[LAW_HESSIAN] = {0}, b[LAW_PARAMS] = {0}, c = 0, logs = 0;
    for (size_t i = 0; i < m->n; i++) {
        const double w = m->w[i] * exp(-g * m->u[i]), *J = m->J + i * (size_t)k;
        for (int j = 0; j < k; j++) {
            for (int l = 0; l <= j; l++) a[PACKED(j, l)] += w * J[j] * J[l];
            b[j] += w * J[j] * m->r[i];
        }
        c += w * m->r[i] * m->r[i];
        logs -= log(w);
    }
    if (lambda > 0) sum_runs(m, g);
    for (size_t i = 0; i < m->runs && lambda > 0; i++) {
        const double *s = m->sums + i * (size_t)(k + 2), q = lambda / (1 + lambda * s[k + 1]);
        for (int j = 0; j < k; j++) {
            for (int l = 0; l <= j; l++) a[PACKED(j, l)] -= q * s[j] * s[l];
            b[j] -= q * s[j] * s[k];
        }
        c -= q * s[k] * s[k];
        logs += log1p(lambda * s[k + 1]);
    }
    if (!cholesky(k, a)) return INFINITY;
    double x[LAW_PARAMS];
    memcpy(x, b, sizeof x);
    cholesky_solve(k, a, x);
    for (int j = 0; j < k; j++) {
        c -= x[j] * b[j];
        logs += 2 * log(a[PACKED(j, j)]);
    }
    const double df = (double)m->n - k;
    m->sigma2 = c / df;
    return df * log(m->sigma2) + logs;
}

static double at_lambda(double ln_lambda, void *m)
{
    return deviance(m, exp(ln_lambda), 0);
}

static double at_g(double g, void *m)
{
    return deviance(m, 0, g);
}

/* The minimum of F over [lo, hi]: a scan, then Brent's method. False when it lies at an end. */
static bool minimise(double (*f)(double, void *), struct model *m, double lo, double hi, double *at)
{
    enum { STEPS = 48 };
    gsl_function function = {f, m};
    double best = INFINITY;
    int place = 0;
    for (int i = 0; i <= STEPS; i++) {
        const double v = f(lo + (hi - lo) * i / STEPS, m);
        if (v < best) best = v, place = i;
    }
    const double step = (hi - lo) / STEPS, middle = lo + step * place;
    *at = middle;
    if (place == 0 || place == STEPS) return false;
    gsl_set_error_handler_off();
    gsl_min_fminimizer *s = gsl_min_fminimizer_alloc(gsl_min_fminimizer_brent);
    if (!s) return false;
    if (!gsl_min_fminimizer_set(s, &function, middle, middle - step, middle + step)) {
        for (int i = 0; i < 100; i++) {
            if (gsl_min_fminimizer_iterate(s)) break;
            if (!gsl_min_test_interval(gsl_min_fminimizer_x_lower(s), gsl_min_fminimizer_x_upper(s),
                                       1e-8, 1e-8))
                break;
        }
        *at = gsl_min_fminimizer_x_minimum(s);
    }
    gsl_min_fminimizer_free(s);
    return true;
}

/* Covariance of least squares under the two variances: B^-1 (B + lambda sum s s') B^-1 sigma^2. */
static void standard_errors(struct reml_runs *r, struct model *m, const struct fit *f,
                            double lambda)
{
    const int k = m->k, n = f->law->n;
    double a[LAW_HESSIAN] = {0}, covariance[LAW_PARAMS * LAW_PARAMS] = {0},
           jacobian[LAW_PARAMS * LAW_PARAMS], inverse[LAW_PARAMS][LAW_PARAMS];
    int index[LAW_PARAMS], count = 0;
    for (int i = 0; i < n; i++) {
        if (!f->at_bound[i] && !f->vanished[i]) index[count++] = i;
    }
    for (size_t i = 0; i < m->n; i++) {
        const double *J = m->J + i * (size_t)k;
        for (int j = 0; j < k; j++) {
            for (int l = 0; l <= j; l++) a[PACKED(j, l)] += m->w[i] * J[j] * J[l];
        }
    }
    if (!cholesky(k, a)) return;
    for (int j = 0; j < k; j++) {
        memset(inverse[j], 0, sizeof inverse[j]);
        inverse[j][j] = 1;
        cholesky_solve(k, a, inverse[j]);
    }
    sum_runs(m, 0);
    for (int j = 0; j < k; j++) {
        for (int l = 0; l < k; l++) covariance[index[j] * n + index[l]] = m->sigma2 * inverse[j][l];
    }
    for (size_t i = 0; i < m->runs; i++) {
        double s[LAW_PARAMS];
        memcpy(s, m->sums + i * (size_t)(k + 2), (size_t)k * sizeof *s);
        cholesky_solve(k, a, s);
        for (int j = 0; j < k; j++) {
            for (int l = 0; l < k; l++)
                covariance[index[j] * n + index[l]] += m->sigma2 * lambda * s[j] * s[l];
        }
    }
    law_jacobian(f->law, f->centre, f->t, jacobian);
    for (int i = 0; i < n; i++) {
        double variance = 0;
        for (int j = 0; j < n; j++) {
            for (int l = 0; l < n; l++)
                variance += jacobian[i * n + j] * covariance[j * n + l] * jacobian[i * n + l];
        }
        r->se[i] = sqrt(variance);
        r->se_t[i] = sqrt(covariance[i * n + i]);
    }
}

/* Least squares of ln L on P's rows, and the model there. */
static int open_at(struct model *m, struct fit *f, const struct points *p, const struct law *law,
                   enum points_column x, const double *near, const struct fit_options *o,
                   struct err *e)
{
    struct fit_options own = *o;
    struct fit_data d;
    own.objective = (struct objective){.kind = OBJ_LOGLS, .ratio = 1};
    own.near = near;
    if (near) own.grid = 2;
    if (fit_data_open(&d, p, law, x, e)) return -1;
    int status = fit_law(f, law, &d, &own, e);
    if (!status) status = model_open(m, f, &d, p, e);
    fit_data_close(&d);
    return status;
}

int reml_runs(struct reml_runs *r, const struct points *p, enum points_column x,
              const struct fit *near, const struct fit_options *o, struct err *e)
{
    struct model m;
    struct fit f;
    double ln_lambda;
    *r = (struct reml_runs){0};
    if (p->n_runs < 4 || p->n_runs == p->n) return 0;
    if (open_at(&m, &f, p, near->law, x, near->params, o, e)) return -1;
    const double none = deviance(&m, 0, 0);
    minimise(at_lambda, &m, -14, 9, &ln_lambda);
    double lambda = exp(ln_lambda);
    r->chi2 = none - deviance(&m, lambda, 0);
    if (!(r->chi2 > 0)) {
        lambda = r->chi2 = 0;
        deviance(&m, 0, 0);
    }
    r->p = lambda > 0 ? gsl_cdf_chisq_Q(r->chi2, 1) / 2 : 1;
    r->runs = p->n_runs;
    r->sigma = sqrt(m.sigma2);
    r->tau = sqrt(lambda * m.sigma2);
    r->correlation = lambda / (1 + lambda);
    standard_errors(r, &m, &f, lambda);
    model_close(&m);
    return 0;
}

int reml_variance(struct reml_variance *v, struct points *p, const struct law *law,
                  enum points_column x, enum points_column column, const struct fit_options *o,
                  struct err *e)
{
    enum { ROUNDS = 30 };
    const double *X = points_values(p, column);
    const char *name = column == POINTS_N ? "N" : "D";
    double *given = malloc((p->n + 1) * sizeof *given), mean = 0, params[LAW_PARAMS], last = NAN;
    int status = -1;
    *v = (struct reml_variance){0};
    if (!given) return err_memory(e, NULL);
    memcpy(given, p->weight, p->n * sizeof *given);
    for (size_t i = 0; i < p->n; i++) {
        if (!(X[i] > 0)) {
            err_set(e, "line %zu: the variance cannot follow %s, which is not known", p->line[i],
                    name);
            goto out;
        }
        mean += log(X[i]) / (double)p->n;
    }
    while (v->rounds < ROUNDS && !(fabs(v->g - last) < 1e-7)) {
        struct model m;
        struct fit f;
        if (open_at(&m, &f, p, law, x, v->rounds ? params : NULL, o, e)) goto out;
        memcpy(params, f.params, sizeof params);
        for (size_t i = 0; i < m.n; i++) {
            m.u[i] = log(X[m.row[i]]) - mean;
            m.w[i] = given[m.row[i]];
        }
        last = v->g;
        const bool inside = minimise(at_g, &m, -4, 4, &v->g);
        const double step = 0.05, best = at_g(v->g, &m),
                     bend =
                         (at_g(v->g + step, &m) - 2 * best + at_g(v->g - step, &m)) / step / step;
        v->chi2 = fmax(at_g(0, &m) - best, 0);
        v->se = sqrt(2 / bend);
        model_close(&m);
        if (!inside || !(bend > 0)) {
            err_set(e, "the variance does not follow %s: no exponent within -4 to 4 is likeliest",
                    name);
            goto out;
        }
        for (size_t i = 0; i < p->n; i++) p->weight[i] = given[i] * exp(-v->g * (log(X[i]) - mean));
        v->rounds++;
    }
    v->p = gsl_cdf_chisq_Q(v->chi2, 1);
    status = 0;
out:
    if (status) memcpy(p->weight, given, p->n * sizeof *given);
    free(given);
    return status;
}
