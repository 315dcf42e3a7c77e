/* allocate.c - see allocate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/allocate.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/root.h"
#include "src/base/rng.h"

const struct allocate_preset allocate_presets[] = {
    {"hoffmann",
     "chinchilla",
     {1.69, 406.4, 410.7, 0.34, 0.28},
     "Hoffmann et al. 2022, Approach 3 as printed: two digits of the exponents move D/N by half"},
    {"hoffmann-tex",
     "chinchilla",
     {1.69337368, 406.401018, 410.722827, 0.33917084, 0.2849083},
     "the same, unrounded, from the source of the paper"},
    {"epoch",
     "chinchilla",
     {1.8172355, 477.84171, 2143.86379, 0.34731266, 0.36718262},
     "Besiroglu et al. 2024, the repository's output"},
    {"epoch-bootstrap",
     "chinchilla",
     {1.8172, 482.01, 2085.43, 0.3478, 0.3658},
     "Besiroglu et al. 2024, as printed"},
    {"epoch-optimum",
     "chinchilla",
     {1.81721810, 477.825868, 2143.417363, 0.34731050, 0.36717243},
     "the optimum of the same objective on the same 240 rows"},
    {"kaplan", "kaplan", {6.4e13, 1.8e13, 0.076, 0.103}, "Kaplan et al. 2020, L(N, D)"},
};
const size_t n_allocate_presets = sizeof allocate_presets / sizeof *allocate_presets;

const double allocate_table[2][9][2] = {
    {{4e8, 8e9},
     {1e9, 20.2e9},
     {1e10, 205.1e9},
     {6.7e10, 1.5e12},
     {1.75e11, 3.7e12},
     {2.8e11, 5.9e12},
     {5.2e11, 11e12},
     {1e12, 21.2e12},
     {1e13, 216.2e12}},
    {{4e8, 7.7e9},
     {1e9, 20e9},
     {1e10, 219.5e9},
     {6.7e10, 1.7e12},
     {1.75e11, 4.3e12},
     {2.8e11, 7.1e12},
     {5.2e11, 13.4e12},
     {1e12, 26.5e12},
     {1e13, 292e12}},
};

static double factor(const struct allocate *p)
{
    return p->factor > 0 ? p->factor : 6;
}

bool allocate_can(const struct law *law)
{
    return (law->variables & LAW_N) && (law->variables & LAW_D) &&
           !(law->variables & (LAW_ANY | LAW_STEP | LAW_V | LAW_C));
}

double allocate_loss(const struct allocate *p, double N, double D)
{
    struct law_at at = {N, D, p->unique > 0 ? fmin(p->unique, D) : D};
    return law_value(p->law, p->params, &at);
}

/* Loss at ln N = x on the budget. */
static double on_budget(const struct allocate *p, double C, double x)
{
    double N = exp(x);
    return allocate_loss(p, N, C / (factor(p) * N));
}

struct valley {
    const struct allocate *p;
    double C, x, limit;
};

/* What is left until one of the sides has risen to the limit. */
static double below_limit(double half, void *context)
{
    const struct valley *v = context;
    return v->limit - fmax(on_budget(v->p, v->C, v->x + half), on_budget(v->p, v->C, v->x - half));
}

/* From the optimum outwards to where the loss has risen by 0.1 %: the wider-known half-width. */
static double flat_width(const struct allocate *p, const struct allocation *a)
{
    struct valley v = {p, a->C, log(a->N), 1.001 * a->loss};
    double hi = 1, half;
    while (hi < 64 && below_limit(hi, &v) > 0) hi *= 2;
    return exp(root_between(below_limit, &v, 0, hi, 1e-15, &half) ? half : hi);
}

static int numeric_optimum(const struct allocate *p, double C, struct allocation *a, struct err *e)
{
    /* A coarse scan, so that no assumption of one minimum is made (from far below one parameter to
     * far below one token, where laws know nothing but searches pass through), then golden section,
     * then one parabola through three points, which gives back the digits golden section cannot
     * see. */
    enum { SCAN = 800 };
    const double from = -30, to = log(C / factor(p)) + 30, step = (to - from) / SCAN;
    double best = INFINITY;
    int at = -1;
    for (int i = 0; i <= SCAN; i++) {
        double L = on_budget(p, C, from + i * step);
        if (!(L < best)) continue;
        best = L;
        at = i;
    }
    if (at <= 0 || at >= SCAN)
        return err_set(e, "%s: no interior optimum at C = %g: the law wants %s", p->law->name, C,
                       at == 0 ? "all compute in data" : "all compute in parameters");
    double l = from + (at - 1) * step, r = from + (at + 1) * step;
    const double golden = 0.6180339887498949;
    double x1 = r - golden * (r - l), x2 = l + golden * (r - l);
    double f1 = on_budget(p, C, x1), f2 = on_budget(p, C, x2);
    while (r - l > 1e-6) {
        if (f1 <= f2) {
            r = x2;
            x2 = x1;
            f2 = f1;
            x1 = r - golden * (r - l);
            f1 = on_budget(p, C, x1);
        } else {
            l = x1;
            x1 = x2;
            f1 = f2;
            x2 = l + golden * (r - l);
            f2 = on_budget(p, C, x2);
        }
    }
    double x = 0.5 * (l + r), h = 1e-3;
    double f0 = on_budget(p, C, x - h), fm = on_budget(p, C, x), f3 = on_budget(p, C, x + h);
    double curvature = f0 - 2 * fm + f3;
    double refined = x - 0.5 * h * (f3 - f0) / curvature;
    if (curvature > 0 && on_budget(p, C, refined) <= fm) x = refined; /* not across a kink */
    a->C = C;
    a->N = exp(x);
    a->D = C / (factor(p) * a->N);
    a->loss = allocate_loss(p, a->N, a->D);
    a->closed = false;
    return 0;
}

/* a and G of N* = G (C/k)^a, for the laws that have them: two power terms (laws.h), a k-norm of two
 * power terms (whose minimum is that of the k-th powers' sum), and Kaplan's, where (Nc/N)^p + Dc k
 * N / C, p = alphaN / alphaD, is least at N^(p+1) = p Nc^p / Dc C / k. */
static bool closed_form(const struct law *law, const double *params, double *a, double *G)
{
    double b, v[6];
    static const char *const names[] = {"A", "B", "alpha", "beta", "k"};
    static const char *const kaplan[] = {"Nc", "Dc", "alphaN", "alphaD"};
    if (law_optimum(law, params, a, &b, G)) return true;
    bool is_kaplan = !strcmp(law->name, "kaplan");
    if (!is_kaplan && strcmp(law->name, "coupled")) return false;
    for (int i = 0; i < (is_kaplan ? 4 : 5); i++) {
        v[i] = params[law_param_index(law, is_kaplan ? kaplan[i] : names[i])];
        if (!(v[i] > 0)) return false;
    }
    if (is_kaplan) {
        double p = v[2] / v[3];
        *a = 1 / (1 + p);
        *G = exp((log(p) + p * log(v[0]) - log(v[1])) / (1 + p));
    } else {
        *a = v[3] / (v[2] + v[3]);
        *G = exp((log(v[2] / v[3]) / v[4] + log(v[0] / v[1])) / (v[2] + v[3]));
    }
    return isfinite(*G) && *G > 0;
}

/* The optimum without the width, which searches do not need. */
static int optimum(const struct allocate *p, double C, struct allocation *a, struct err *e)
{
    double ea, G;
    if (!allocate_can(p->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", p->law->name);
    if (!(C > 0) || !isfinite(C))
        return err_set(e, "budget: expected a positive number, found %g", C);
    if (p->numeric || p->unique > 0 || !closed_form(p->law, p->params, &ea, &G))
        return numeric_optimum(p, C, a, e);
    double c = C / factor(p);
    a->C = C;
    a->N = G * pow(c, ea);
    a->D = c / a->N;
    a->loss = allocate_loss(p, a->N, a->D);
    a->closed = true;
    if (!(a->N > 0) || !isfinite(a->N) || !(a->D > 0))
        return err_set(e, "%s: no optimum at C = %g", p->law->name, C);
    return 0;
}

int allocate_optimum(const struct allocate *p, double C, struct allocation *a, struct err *e)
{
    if (optimum(p, C, a, e)) return -1;
    a->around = flat_width(p, a);
    return 0;
}

int allocate_grid(const struct allocate *p, double C, double lo, double hi, double per_decade,
                  struct allocation *a, struct err *e)
{
    if (!allocate_can(p->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", p->law->name);
    double count = ceil((hi - lo) * per_decade - 1e-9);
    if (!(count >= 1 && count <= 1e6))
        return err_set(e, "grid: expected 1 to 1000000 sizes, found %g", count);
    *a = (struct allocation){.C = C, .loss = INFINITY, .around = NAN};
    for (long i = 0; i < (long)count; i++) {
        double N = pow(10, lo + (double)i / per_decade), D = C / (factor(p) * N);
        double L = allocate_loss(p, N, D);
        if (!(L < a->loss)) continue;
        a->N = N;
        a->D = D;
        a->loss = L;
    }
    return isfinite(a->loss) ? 0 : err_set(e, "%s: no finite loss on the grid", p->law->name);
}

struct search {
    const struct allocate *p;
    double target;
    bool of_loss;
    struct err *e; /* filled when an optimum fails */
};

/* Rises with ln C. */
static double beyond_target(double x, void *context)
{
    const struct search *s = context;
    struct allocation a;
    if (optimum(s->p, exp(x), &a, s->e)) return NAN;
    return s->of_loss ? s->target - a.loss : a.N - s->target;
}

/* The budget between 1e3 and 1e40 whose optimum has the loss or the size. */
static int search_budget(const struct allocate *p, double target, bool of_loss,
                         struct allocation *a, struct err *e)
{
    struct search s = {p, target, of_loss, e};
    double x;
    if (!root_between(beyond_target, &s, log(1e3), log(1e40), 4e-15, &x)) return -1;
    return allocate_optimum(p, exp(x), a, e);
}

int allocate_for_loss(const struct allocate *p, double loss, struct allocation *a, struct err *e)
{
    struct allocation end;
    if (optimum(p, 1e40, &end, e)) return -1;
    if (!(loss > end.loss))
        return err_set(e, "loss %g: out of reach: the law's optimum at 1e40 FLOP is %.6g", loss,
                       end.loss);
    if (optimum(p, 1e3, &end, e)) return -1;
    if (loss >= end.loss)
        return err_set(e, "loss %g: above the law's optimum at 1000 FLOP, %.6g: nothing to compute",
                       loss, end.loss);
    return search_budget(p, loss, true, a, e);
}

int allocate_for_size(const struct allocate *p, double N, struct allocation *a, struct err *e)
{
    struct allocation lo, hi;
    if (optimum(p, 1e3, &lo, e) || optimum(p, 1e40, &hi, e)) return -1;
    if (!(N > lo.N && N < hi.N))
        return err_set(e, "N = %g: not optimal for any budget from 1e3 to 1e40 FLOP", N);
    return search_budget(p, N, false, a, e);
}

struct tokens {
    const struct allocate *p;
    double N, loss;
};

static double above_loss(double x, void *context)
{
    const struct tokens *t = context;
    return allocate_loss(t->p, t->N, exp(x)) - t->loss;
}

int allocate_tokens(const struct allocate *p, double N, double loss, double *D, struct err *e)
{
    if (!allocate_can(p->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", p->law->name);
    if (!(allocate_loss(p, N, 1e40) < loss))
        return err_set(e,
                       "loss %g: out of reach of %g parameters: with endless data they reach %.6g",
                       loss, N, allocate_loss(p, N, 1e40));
    if (!(allocate_loss(p, N, 1) > loss))
        return err_set(e, "loss %g: %g parameters have it with one token, says the law", loss, N);
    struct tokens t = {p, N, loss};
    double x;
    if (!root_between(above_loss, &t, 0, log(1e40), 4e-15, &x))
        return err_set(e, "loss %g: no number of tokens gives it to %g parameters", loss, N);
    *D = exp(x);
    return 0;
}

int allocate_price(const struct allocate *p, double N, double D, struct allocate_waste *w,
                   struct err *e)
{
    w->C = factor(p) * N * D;
    w->loss = allocate_loss(p, N, D);
    if (allocate_optimum(p, w->C, &w->best, e)) return -1;
    w->loss_excess = w->loss - w->best.loss;
    if (w->loss_excess <= 1e-12 * w->loss) { /* at the optimum: nothing to search */
        w->equal = w->best;
        w->loss_excess = fmax(w->loss_excess, 0);
    } else if (allocate_for_loss(p, w->loss, &w->equal, e)) {
        return -1;
    }
    w->wasted = fmax(1 - w->equal.C / w->C, 0);
    return 0;
}

static bool positive(const struct law *law, int i)
{
    return law_param_positive(&law->param[i]);
}

int allocate_draw(const struct law *law, const double *params, const double *covariance, size_t n,
                  unsigned long seed, double (*draws)[LAW_PARAMS], struct err *e)
{
    int m = law->n;
    double c[LAW_PARAMS][LAW_PARAMS], l[LAW_PARAMS][LAW_PARAMS] = {{0}}, scale[LAW_PARAMS];
    for (int i = 0; i < m; i++) {
        scale[i] = positive(law, i) ? params[i] : 1;
        if (!(scale[i] > 0))
            return err_set(e, "%s: %s must be positive", law->name, law->param[i].name);
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) c[i][j] = covariance[i * m + j] / (scale[i] * scale[j]);
    for (int i = 0; i < m; i++) {
        for (int j = 0; j <= i; j++) {
            double s = c[i][j];
            for (int k = 0; k < j; k++) s -= l[i][k] * l[j][k];
            if (i == j) {
                /* Printed correlations of 0.9997 may round to a slightly indefinite matrix. */
                if (!(s >= -1e-3 * c[i][i]) || !isfinite(s))
                    return err_set(e, "covariance: not positive semi-definite");
                l[i][i] = sqrt(fmax(s, 0));
            } else {
                l[i][j] = l[j][j] > 0 ? s / l[j][j] : 0;
            }
        }
    }
    for (size_t d = 0; d < n; d++) {
        double z[LAW_PARAMS];
        for (int i = 0; i < m; i++) z[i] = rng_gaussian(seed, (uint64_t)i, d);
        for (int i = 0; i < m; i++) {
            double s = 0;
            for (int k = 0; k <= i; k++) s += l[i][k] * z[k];
            draws[d][i] = positive(law, i) ? params[i] * exp(s) : params[i] + s;
        }
    }
    return 0;
}

double allocate_percentile(double *v, size_t n, double share)
{
    if (!n) return NAN;
    gsl_sort(v, 1, n);
    return gsl_stats_quantile_from_sorted_data(v, 1, n, share);
}
