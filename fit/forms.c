/* forms.c - see forms.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/forms.h"

#include <math.h>
#include <string.h>

#include "fit/jet.h"

static double deliver(int n, const struct jet *j, double *g, double *h)
{
    if (g) {
        memcpy(g, j->g, (size_t)n * sizeof *g);
        memcpy(h, j->h, (size_t)(n * (n + 1) / 2) * sizeof *h);
    }
    return j->v;
}

/* t[c] - t[k] x: the logarithm of a power term. */
static struct jet power_term(int n, const double *t, int c, int k, double x)
{
    struct jet j = jet_constant(n, t[c] - t[k] * x);
    j.g[c] = 1;
    j.g[k] = -x;
    return j;
}

/* L = (A N^-alphaN)^(1/alphaD) ... in the paper's form [(Nc/N)^(alphaN/alphaD) + Dc/D]^alphaD. */
double form_kaplan(const struct law *law, const double *t, const double *x, const double *centre,
                   double *g, double *h)
{
    const int n = law->n;
    (void)centre;
    struct jet q = jet_variable(n, 3, t[3]);
    struct jet u = power_term(n, t, 0, 2, x[0]), v = power_term(n, t, 1, 3, x[1]);
    u = jet_div(n, &u, &q);
    v = jet_div(n, &v, &q);
    u = jet_lse(n, &u, &v);
    u = jet_mul(n, &u, &q);
    u = jet_exp(n, &u);
    return deliver(n, &u, g, h);
}

double form_coupled(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    const int n = law->n;
    (void)centre;
    struct jet k = jet_variable(n, 5, t[5]), e = jet_variable(n, 0, t[0]);
    k = jet_exp(n, &k);
    struct jet u = power_term(n, t, 1, 3, x[0]), v = power_term(n, t, 2, 4, x[1]);
    u = jet_mul(n, &u, &k);
    v = jet_mul(n, &v, &k);
    u = jet_lse(n, &u, &v);
    u = jet_div(n, &u, &k);
    u = jet_exp(n, &u);
    e = jet_exp(n, &e);
    u = jet_add(n, &u, &e);
    return deliver(n, &u, g, h);
}

/* Smoothly broken power law; parameters a, b, c0, then (c, d, f) of each break. */
double form_broken(const struct law *law, const double *t, const double *x, const double *centre,
                   double *g, double *h)
{
    const int n = law->n;
    (void)centre;
    struct jet l = power_term(n, t, 1, 2, x[0]);
    for (int i = 3; i < n; i += 3) {
        struct jet c = jet_variable(n, i, t[i]), s = jet_constant(n, x[0] - t[i + 1]),
                   f = jet_variable(n, i + 2, t[i + 2]);
        s.g[i + 1] = -1;
        f = jet_exp(n, &f);
        s = jet_div(n, &s, &f);
        s = jet_softplus(n, &s);
        s = jet_mul(n, &s, &f);
        s = jet_mul(n, &s, &c);
        l = jet_linear(n, 1, &l, -1, &s, 0);
    }
    struct jet a = jet_variable(n, 0, t[0]);
    a = jet_exp(n, &a);
    l = jet_exp(n, &l);
    l = jet_add(n, &l, &a);
    return deliver(n, &l, g, h);
}

/* U (1 + R (1 - exp(-(X/U - 1)/R))) as a logarithm: what X units are worth when U of them are
 * fresh. */
static struct jet effective(int n, double x, const struct jet *u, const struct jet *log_r)
{
    struct jet r = jet_exp(n, log_r), repeats = jet_scale(n, -1, u, x);
    repeats = jet_exp(n, &repeats);
    repeats = jet_scale(n, -1, &repeats, 1); /* -(X/U - 1) */
    repeats = jet_div(n, &repeats, &r);
    repeats = jet_expm1(n, &repeats);
    repeats = jet_mul(n, &repeats, &r);
    repeats = jet_scale(n, -1, &repeats, 1);
    repeats = jet_log(n, &repeats);
    return jet_add(n, &repeats, u);
}

double form_repeated(const struct law *law, const double *t, const double *x, const double *centre,
                     double *g, double *h)
{
    const int n = law->n;
    enum { E, A, B, ALPHA, BETA, RD, RN };
    struct jet alpha = jet_variable(n, ALPHA, t[ALPHA]), beta = jet_variable(n, BETA, t[BETA]);
    double ln_n = x[0] + centre[0], ln_d = x[1] + centre[1], ln_u = fmin(x[2] + centre[2], ln_d);
    struct jet ln_rd = jet_variable(n, RD, t[RD]), ln_rn = jet_variable(n, RN, t[RN]);
    struct jet ud = jet_constant(n, ln_u), un = jet_constant(n, ln_n);
    if (t[ALPHA] > 0 && t[BETA] > 0) {
        /* ln G = ln(alpha A / beta B) / (alpha + beta); N for U tokens = G (G U)^(beta / alpha) */
        struct jet la = jet_constant(n, t[A] + t[ALPHA] * centre[0] + log(t[ALPHA])),
                   lb = jet_constant(n, t[B] + t[BETA] * centre[1] + log(t[BETA]));
        la.g[A] = lb.g[B] = 1;
        la.g[ALPHA] = centre[0] + 1 / t[ALPHA];
        lb.g[BETA] = centre[1] + 1 / t[BETA];
        la.h[ALPHA * (ALPHA + 1) / 2 + ALPHA] = -1 / (t[ALPHA] * t[ALPHA]);
        lb.h[BETA * (BETA + 1) / 2 + BETA] = -1 / (t[BETA] * t[BETA]);
        struct jet sum = jet_add(n, &alpha, &beta), ratio = jet_div(n, &beta, &alpha);
        struct jet G = jet_linear(n, 1, &la, -1, &lb, 0);
        G = jet_div(n, &G, &sum);
        struct jet w = jet_scale(n, 1, &G, ln_u);
        w = jet_mul(n, &w, &ratio);
        w = jet_add(n, &w, &G);
        if (w.v < ln_n) un = w;
    }
    struct jet d = effective(n, ln_d, &ud, &ln_rd), m = effective(n, ln_n, &un, &ln_rn);
    d = jet_scale(n, 1, &d, -centre[1]);
    m = jet_scale(n, 1, &m, -centre[0]);
    d = jet_mul(n, &d, &beta);
    m = jet_mul(n, &m, &alpha);
    d = jet_scale(n, -1, &d, t[B]);
    m = jet_scale(n, -1, &m, t[A]);
    d.g[B] += 1;
    m.g[A] += 1;
    d = jet_exp(n, &d);
    m = jet_exp(n, &m);
    struct jet e = jet_variable(n, E, t[E]);
    e = jet_exp(n, &e);
    e = jet_add(n, &e, &d);
    e = jet_add(n, &e, &m);
    return deliver(n, &e, g, h);
}
