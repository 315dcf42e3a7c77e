/* forms_surface.c - the formulas of larger laws: Farseer's surface, the bounded law of scarce data,
 * the law with a vocabulary. Without derivatives asked for, jets of no variables do no more than
 * the arithmetic.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/forms.h"

#include <math.h>
#include <string.h>

#include "fit/jet.h"

/* x (e^(k x) - 1) / (k x) and its first two derivatives in k. */
struct lean {
    double v, k, kk;
};

static inline struct lean lean_of(double k, double x)
{
    const double z = k * x;
    double f = 0, f1 = 0, f2 = 0;
    if (fabs(z) > 0.5) {
        const double e = expm1(z);
        f = e / z;
        f1 = (e + 1 - f) / z;
        f2 = (e + 1 - 2 * f1) / z;
    } else { /* sum of z^k / (k + 1)!, backwards */
        static const double c[] = {1.,
                                   1 / 2.,
                                   1 / 6.,
                                   1 / 24.,
                                   1 / 120.,
                                   1 / 720.,
                                   1 / 5040.,
                                   1 / 40320.,
                                   1 / 362880.,
                                   1 / 3628800.,
                                   1 / 39916800.,
                                   1 / 479001600.,
                                   1 / 6227020800.,
                                   1 / 87178291200.};
        for (int i = 13; i >= 2; i--) {
            f = f * z + c[i];
            f1 = f1 * z + i * c[i];
            f2 = f2 * z + i * (i - 1) * c[i];
        }
        f1 = f1 * z + c[1];
        f = (f * z + c[1]) * z + c[0];
    }
    return (struct lean){x * f, x * x * f1, x * x * x * f2};
}

/* e^z in M parameters from FIRST on, z's gradient and lower triangle given. */
static inline double grow(double z, int m, int first, const double *zg, const double (*zh)[6],
                          double *g, double *h)
{
    const double u = exp(z);
    for (int i = 0; g && i < m; i++) {
        const int row = first + i;
        g[row] = u * zg[i];
        for (int j = 0; j <= i; j++)
            h[row * (row + 1) / 2 + first + j] = u * (zh[i][j] + zg[i] * zg[j]);
    }
    return u;
}

/* exp(s N^q + S) has three parameters of its own; the term of D the other six. Inside, a curve
 * p N^k + r is u lean(k) + m: the slope u and the value m where ln N is at its centre, and k. Without
 * these (p and r are large and nearly opposite where k is small, as it is) a descent takes 2500
 * steps instead of 30. Of the coefficient of D's term, slope and value are those of the whole term
 * at the centre of D: u = t0 + middle t3, m = t2 + middle, middle = centre e^t5. */
double form_farseer(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    enum { CONSTANT = 3, PARAMS = 9 };
    (void)law;
    const double *c = t + CONSTANT;
    const struct lean s = lean_of(t[1], x[0]), b = lean_of(c[1], x[0]), a = lean_of(c[4], x[0]);
    const double zs[3] = {s.v, t[0] * s.k, 1}, hs[3][6] = {{0}, {s.k, t[0] * s.kk}, {0}};
    if (g) memset(h, 0, PARAMS * (PARAMS + 1) / 2 * sizeof *h);
    const double limit = grow(t[0] * s.v + t[2], 3, 0, zs, hs, g, h);
    const double middle = centre[1] * exp(c[5]), u = c[0] + middle * c[3],
                 k = (x[1] + centre[1]) * exp(c[3] * a.v + c[5]);
    const double k4 = c[3] * a.k, tilt = middle * b.v * c[3];
    const double z[6] = {b.v, u * b.k, 1, middle * b.v - k * a.v, -k * k4, tilt + middle - k};
    const double zh[6][6] = {
        {0},
        {b.k, u * b.kk},
        {0},
        {0, middle * b.k, 0, -k * a.v * a.v},
        {0, 0, 0, -k * (a.v * k4 + a.k), -k * (k4 * k4 + c[3] * a.kk)},
        {0, middle * b.k * c[3], 0, middle * b.v - k * a.v, -k * k4, tilt + middle - k}};
    return limit + grow(u * b.v + c[2] + middle - k, 6, CONSTANT, z, zh, g, h);
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
