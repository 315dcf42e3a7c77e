/* jet.h - a number with its gradient and Hessian in up to JET_MAX variables (forward mode,
 * second order), so that a law is written once, as its formula, and its derivatives are exact.
 *
 * Every function takes n, the variables in use, and may write over its arguments.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_JET_H
#define TRIPOD_FIT_JET_H

#include <math.h>

enum { JET_MAX = 12, JET_HESSIAN = JET_MAX * (JET_MAX + 1) / 2 };

struct jet {
    double v;
    double g[JET_MAX];
    double h[JET_HESSIAN]; /* packed lower triangle, row by row */
};

static inline struct jet jet_constant(int n, double v)
{
    struct jet j;
    j.v = v;
    for (int i = 0; i < n; i++) j.g[i] = 0;
    for (int i = 0; i < n * (n + 1) / 2; i++) j.h[i] = 0;
    return j;
}

/* The i-th variable itself. */
static inline struct jet jet_variable(int n, int i, double v)
{
    struct jet j = jet_constant(n, v);
    j.g[i] = 1;
    return j;
}

/* f(a) from f, f', f'' at a.v. */
static inline struct jet jet_chain(int n, const struct jet *a, double f, double f1, double f2)
{
    struct jet j;
    j.v = f;
    for (int i = 0, k = 0; i < n; i++) {
        j.g[i] = f1 * a->g[i];
        for (int m = 0; m <= i; m++, k++) j.h[k] = f1 * a->h[k] + f2 * a->g[i] * a->g[m];
    }
    return j;
}

/* a x + b y + c */
static inline struct jet jet_linear(int n, double a, const struct jet *x, double b,
                                    const struct jet *y, double c)
{
    struct jet j;
    j.v = a * x->v + b * y->v + c;
    for (int i = 0; i < n; i++) j.g[i] = a * x->g[i] + b * y->g[i];
    for (int i = 0; i < n * (n + 1) / 2; i++) j.h[i] = a * x->h[i] + b * y->h[i];
    return j;
}

static inline struct jet jet_scale(int n, double a, const struct jet *x, double c)
{
    return jet_linear(n, a, x, 0, x, c);
}

static inline struct jet jet_add(int n, const struct jet *x, const struct jet *y)
{
    return jet_linear(n, 1, x, 1, y, 0);
}

static inline struct jet jet_mul(int n, const struct jet *x, const struct jet *y)
{
    struct jet j;
    j.v = x->v * y->v;
    for (int i = 0, k = 0; i < n; i++) {
        j.g[i] = x->v * y->g[i] + y->v * x->g[i];
        for (int m = 0; m <= i; m++, k++)
            j.h[k] = x->v * y->h[k] + y->v * x->h[k] + x->g[i] * y->g[m] + x->g[m] * y->g[i];
    }
    return j;
}

static inline struct jet jet_inverse(int n, const struct jet *x)
{
    double r = 1 / x->v;
    return jet_chain(n, x, r, -r * r, 2 * r * r * r);
}

static inline struct jet jet_div(int n, const struct jet *x, const struct jet *y)
{
    struct jet r = jet_inverse(n, y);
    return jet_mul(n, x, &r);
}

static inline struct jet jet_exp(int n, const struct jet *x)
{
    double e = exp(x->v);
    return jet_chain(n, x, e, e, e);
}

static inline struct jet jet_log(int n, const struct jet *x)
{
    double r = 1 / x->v;
    return jet_chain(n, x, log(x->v), r, -r * r);
}

static inline struct jet jet_expm1(int n, const struct jet *x)
{
    double e = exp(x->v);
    return jet_chain(n, x, expm1(x->v), e, e);
}

/* ln(1 + e^x), without overflow. */
static inline struct jet jet_softplus(int n, const struct jet *x)
{
    double s = 1 / (1 + exp(-fabs(x->v))); /* the logistic of |x| */
    double p = x->v > 0 ? s : 1 - s, f = (x->v > 0 ? x->v : 0) + log1p(exp(-fabs(x->v)));
    return jet_chain(n, x, f, p, s * (1 - s));
}

/* ln(e^x + e^y) */
static inline struct jet jet_lse(int n, const struct jet *x, const struct jet *y)
{
    struct jet d = jet_linear(n, 1, x, -1, y, 0);
    d = jet_softplus(n, &d);
    return jet_add(n, &d, y);
}

#endif
