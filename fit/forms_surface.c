/* forms_surface.c - the formulas of larger laws: Farseer's surface, the bounded law of scarce data,
 * the law with a vocabulary. Without derivatives asked for, jets of no variables do no more than
 * the arithmetic.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/forms.h"

#include <math.h>
#include <string.h>

#include "fit/jet.h"

/* Adds a jet of the m parameters from `first` on to L, g and h. */
static double add_part(const struct jet *j, int m, int first, double *g, double *h)
{
    for (int i = 0, k = 0; g && i < m; i++) {
        g[first + i] += j->g[i];
        for (int l = 0; l <= i; l++, k++) {
            int row = first + i;
            h[row * (row + 1) / 2 + first + l] += j->h[k];
        }
    }
    return j->v;
}

/* (e^z - 1) / z */
static struct jet slope_factor(int n, const struct jet *z)
{
    double v = z->v, f = 0, f1 = 0, f2 = 0;
    if (fabs(v) > 0.5) {
        f = expm1(v) / v;
        f1 = (exp(v) - f) / v;
        f2 = (exp(v) - 2 * f1) / v;
    } else { /* sum of v^k / (k + 1)!, backwards */
        static const double c[] = {1.,        2.,         6.,          24.,         120.,
                                   720.,      5040.,      40320.,      362880.,     3628800.,
                                   39916800., 479001600., 6227020800., 87178291200.};
        for (int k = 13; k >= 0; k--) {
            f = f * v + 1 / c[k];
            if (k > 0) f1 = f1 * v + k / c[k];
            if (k > 1) f2 = f2 * v + k * (k - 1) / c[k];
        }
    }
    return jet_chain(n, z, f, f1, f2);
}

/* Farseer's curves p N^k + r, inside: the slope u and the value m where ln N is at its centre, and
 * k. Without these (p and r are large and nearly opposite where k is small, as it is) a descent
 * takes 2500 steps instead of 30. Returns the curve at x. */
static struct jet curve(int n, const struct jet *u, const struct jet *k, const struct jet *m,
                        double x)
{
    struct jet z = jet_scale(n, x, k, 0);
    z = slope_factor(n, &z);
    z = jet_mul(n, &z, u);
    return jet_linear(n, x, &z, 1, m, 0);
}

/* exp(s N^q + S) has three parameters of its own; the term of D the other six. Of the latter's
 * coefficient, slope and value are those of the whole term at the centre of D, too. */
double form_farseer(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    enum { S = 0, B = 3 };
    if (g) {
        memset(g, 0, (size_t)law->n * sizeof *g);
        memset(h, 0, (size_t)(law->n * (law->n + 1) / 2) * sizeof *h);
    }
    int n = g ? 3 : 0, m = g ? 6 : 0;
    struct jet a[3], b[6];
    for (int i = 0; i < 3; i++) a[i] = jet_variable(n, i, t[S + i]);
    for (int i = 0; i < 6; i++) b[i] = jet_variable(m, i, t[B + i]);
    struct jet u = curve(n, &a[0], &a[1], &a[2], x[0]);
    u = jet_exp(n, &u);
    struct jet k = curve(m, &b[3], &b[4], &b[5], x[0]), middle = jet_exp(m, &b[5]);
    k = jet_exp(m, &k);
    middle = jet_scale(m, centre[1], &middle, 0);
    b[2] = jet_add(m, &b[2], &middle);
    middle = jet_mul(m, &middle, &b[3]);
    b[0] = jet_add(m, &b[0], &middle);
    struct jet v = curve(m, &b[0], &b[1], &b[2], x[0]);
    v = jet_linear(m, 1, &v, -(x[1] + centre[1]), &k, 0);
    v = jet_exp(m, &v);
    return add_part(&u, n, S, g, h) + add_part(&v, m, B, g, h);
}

void form_farseer_weave(const double *centre, const double *t, double *params, double *jacobian)
{
    enum { N = 9, B = 3, A = 6 };
    const int n = jacobian ? N : 0;
    struct jet p[N];
    for (int i = 0; i < N; i++) p[i] = jet_variable(n, i, t[i]);
    struct jet middle = jet_exp(n, &p[A + 2]);
    middle = jet_scale(n, centre[1], &middle, 0);
    p[B + 2] = jet_add(n, &p[B + 2], &middle);
    middle = jet_mul(n, &middle, &p[A]);
    p[B] = jet_add(n, &p[B], &middle);
    for (int i = 0; i < N; i += 3) {
        struct jet u = jet_div(n, &p[i], &p[i + 1]), e = jet_scale(n, -centre[0], &p[i + 1], 0);
        e = jet_exp(n, &e);
        p[i] = jet_mul(n, &u, &e);
        p[i + 2] = jet_linear(n, 1, &p[i + 2], -1, &u, 0);
    }
    for (int i = 0; i < N; i++) {
        params[i] = p[i].v;
        if (jacobian) memcpy(jacobian + i * N, p[i].g, N * sizeof *jacobian);
    }
}

void form_farseer_unweave(const double *centre, const double *params, double *t)
{
    enum { N = 9, B = 3, A = 6 };
    for (int i = 0; i < N; i += 3) {
        double p = params[i] * exp(params[i + 1] * centre[0]);
        t[i] = p * params[i + 1];
        t[i + 1] = params[i + 1];
        t[i + 2] = params[i + 2] + p;
    }
    double middle = exp(t[A + 2]) * centre[1];
    t[B] -= middle * t[A];
    t[B + 2] -= middle;
}

/* ln of a power term: t[c] - t[k] x. */
static struct jet power_term(int n, const double *t, int c, int k, double x)
{
    struct jet p = jet_variable(n, c, t[c]), e = jet_variable(n, k, t[k]);
    return jet_linear(n, 1, &p, -x, &e, 0);
}

double form_bounded(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    enum { E, L0, A, B, C, ALPHA, BETA, GAMMA, DELTA };
    int n = g ? law->n : 0;
    struct jet gamma = jet_variable(n, GAMMA, t[GAMMA]), e = jet_variable(n, E, t[E]),
               l0 = jet_variable(n, L0, t[L0]);
    struct jet a = power_term(n, t, A, ALPHA, x[0]), b = power_term(n, t, B, BETA, x[1]),
               c = power_term(n, t, C, DELTA, fmin(x[2], x[1] + centre[1] - centre[2]));
    c = jet_linear(n, 1, &c, x[0] + centre[0], &gamma, 0);
    a = jet_lse(n, &a, &b);
    a = jet_lse(n, &a, &c); /* ln h */
    /* E (1 - s) + L0 s with s = h / (1 + h), both by their logarithms */
    struct jet above = jet_softplus(n, &a), share = jet_linear(n, 1, &a, -1, &above, 0);
    e = jet_linear(n, 1, &e, -1, &above, 0);
    l0 = jet_add(n, &l0, &share);
    e = jet_exp(n, &e);
    l0 = jet_exp(n, &l0);
    e = jet_add(n, &e, &l0);
    if (g) {
        memcpy(g, e.g, (size_t)n * sizeof *g);
        memcpy(h, e.h, (size_t)(n * (n + 1) / 2) * sizeof *h);
    }
    return e.v;
}

/* Drawn: c as the term's size in the middle of the data. */
void form_bounded_place(const struct law *law, const double *centre, double *t)
{
    (void)law;
    enum { C = 4, GAMMA = 7 };
    t[C] -= t[GAMMA] * centre[0];
}

double form_vocabulary(const struct law *law, const double *t, const double *x,
                       const double *centre, double *g, double *h)
{
    enum { E, FIRST, TERMS = 3 };
    (void)centre;
    double L = exp(t[E]);
    if (g) {
        memset(g, 0, (size_t)law->n * sizeof *g);
        memset(h, 0, (size_t)(law->n * (law->n + 1) / 2) * sizeof *h);
        g[E] = h[0] = L;
    }
    for (int c = FIRST, i = 0; i < TERMS; c++, i++) {
        int k = c + TERMS;
        double z = x[i], u = exp(t[c] - t[k] * z);
        L += u;
        if (!g) continue;
        g[c] = h[c * (c + 1) / 2 + c] = u;
        g[k] = h[k * (k + 1) / 2 + c] = -z * u;
        h[k * (k + 1) / 2 + k] = z * z * u;
    }
    return L;
}
