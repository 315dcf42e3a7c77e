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

/* e^y of a few inner variables: y, its gradient and Hessian. */
enum { INNER = 3 };
struct inner {
    double y, g[INNER], h[INNER][INNER];
};

/* e^y in the law's parameters from FIRST on, each of which is an inner variable (OF) times FACTOR.
 * Much less than jets of every parameter, and the place where descents spend their time. */
static inline double spread(const struct inner *in, int n, const int *of, const double *factor,
                            int first, double *g, double *h)
{
    const double u = exp(in->y);
    for (int i = 0; g && i < n; i++) {
        const int a = of[i], row = first + i;
        g[row] = factor[i] * (u * in->g[a]);
        for (int j = 0; j <= i; j++)
            h[row * (row + 1) / 2 + first + j] =
                factor[i] * factor[j] * (u * (in->h[a][of[j]] + in->g[a] * in->g[of[j]]));
    }
    return u;
}

/* The norm of two terms: ln(e^(K u) + e^(K v)) / K = v + softplus(d) / K, d = K (u - v). p is the
 * share of u; tail = softplus(d) - p d without its cancellation. */
struct norm {
    double y, d, p, both, tail;
};

static inline struct norm norm_of(double u, double v, double K)
{
    const double d = (u - v) * K, size = fabs(d), e = exp(-size), large = 1 / (1 + e),
                 small = e / (1 + e), l = log1p(e);
    return (struct norm){(d > 0 ? u : v) + l / K, d, d > 0 ? large : small, large * small,
                         small * size + l};
}

/* [(Nc/N)^(alphaN/alphaD) + Dc/D]^alphaD: y = v + q softplus((u - v) / q) with u = t0 - alphaN x,
 * v = t1 - q z, q = alphaD; inner variables u, t1 and q. */
double form_kaplan(const struct law *law, const double *t, const double *x, const double *centre,
                   double *g, double *h)
{
    enum { PARAMS = 4 };
    (void)law;
    (void)centre;
    const double q = t[3], z = x[1];
    const struct norm s = norm_of(t[0] - t[2] * x[0], t[1] - q * z, 1 / q);
    const double bend = s.both / q, turn = bend * (s.d - z);
    const struct inner in = {
        s.y,
        {s.p, 1 - s.p, s.tail - z * (1 - s.p)},
        {{bend, -bend, -turn}, {-bend, bend, turn}, {-turn, turn, turn * (s.d - z)}}};
    static const int of[PARAMS] = {0, 1, 0, 2};
    const double factor[PARAMS] = {1, 1, -x[0], 1};
    return spread(&in, PARAMS, of, factor, 0, g, h);
}

/* Inner variables u, v and ln k. */
double form_coupled(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    enum { PARAMS = 5 };
    (void)law;
    (void)centre;
    const double K = exp(t[5]), E = exp(t[0]);
    const struct norm s = norm_of(t[1] - t[3] * x[0], t[2] - t[4] * x[1], K);
    const double bend = s.both * K, turn = s.both * s.d;
    const struct inner in = {
        s.y,
        {s.p, 1 - s.p, -s.tail / K},
        {{bend, -bend, turn}, {-bend, bend, -turn}, {turn, -turn, (turn * s.d + s.tail) / K}}};
    static const int of[PARAMS] = {0, 1, 0, 1, 2};
    const double factor[PARAMS] = {1, 1, -x[0], -x[1], 1};
    if (g) {
        g[0] = h[0] = E;
        for (int i = 1; i <= PARAMS; i++) h[i * (i + 1) / 2] = 0;
    }
    return E + spread(&in, PARAMS, of, factor, 1, g, h);
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

/* ln of U (1 + R (1 - exp(-(X/U - 1)/R))), what X units are worth when U of them are fresh, with
 * derivatives in ln U and ln R. */
struct worth {
    double y, u, r, uu, ur, rr;
};

static inline struct worth worth_of(double x, double u, double log_r)
{
    const double R = exp(log_r), q = exp(x - u), z = (1 - q) / R, less = expm1(z), e = less + 1,
                 F = 1 - R * less;
    const double f_u = -e * q / F, f_r = R * (e * z - less) / F;
    return (struct worth){.y = u + log(F),
                          .u = 1 + f_u,
                          .r = f_r,
                          .uu = e * q * (1 - q / R) / F - f_u * f_u,
                          .ur = e * q * z / F - f_u * f_r,
                          .rr = f_r - R * e * z * z / F - f_r * f_r};
}

/* The term in N: e^z, z = A - alpha (worth(ln N, w, RN) - centre), w = ln of the optimal N for U
 * tokens = (ln(alpha A / beta B) + beta ln U) / alpha, or ln N itself where that is less. */
static double repeated_n(const double *t, double ln_n, double ln_u, const double *centre, double *g,
                         double *h)
{
    enum { A = 1, B, ALPHA, BETA, RN = 6, VARIABLES = 5 };
    static const int of[VARIABLES] = {A, B, ALPHA, BETA, RN};
    const double a = t[ALPHA], b = t[BETA];
    double w = ln_n, wg[4] = {0}, wh[4][4] = {{0}}; /* the lower triangle */
    if (a > 0 && b > 0) {
        const double slope = ln_u - centre[1] - 1 / b, own = centre[0] + 1 / a;
        w = (t[A] + a * centre[0] + log(a) - t[B] - b * centre[1] - log(b) + b * ln_u) / a;
        if (w < ln_n) {
            wg[0] = 1 / a;
            wg[1] = -1 / a;
            wg[2] = (own - w) / a;
            wg[3] = slope / a;
            wh[2][0] = -1 / (a * a);
            wh[2][1] = 1 / (a * a);
            wh[2][2] = (-1 / (a * a) - 2 * wg[2]) / a;
            wh[3][2] = -slope / (a * a);
            wh[3][3] = 1 / (b * b * a);
        } else {
            w = ln_n;
        }
    }
    const struct worth m = worth_of(ln_n, w, t[RN]);
    const double ln_m = m.y - centre[0], u = exp(t[A] - a * ln_m);
    if (!g) return u;
    double y[VARIABLES], z[VARIABLES];
    for (int i = 0; i < 4; i++) y[i] = m.u * wg[i];
    y[4] = m.r;
    for (int i = 0; i < VARIABLES; i++) z[i] = -a * y[i];
    z[0] += 1;
    z[2] -= ln_m;
    for (int i = 0; i < VARIABLES; i++) {
        const int row = of[i] * (of[i] + 1) / 2;
        g[of[i]] += u * z[i];
        for (int j = 0; j <= i; j++) {
            double yy = i < 4 ? m.u * wh[i][j] + m.uu * wg[i] * wg[j] : j < 4 ? m.ur * wg[j] : m.rr;
            double zz = -a * yy - (i == 2 ? y[j] : 0) - (j == 2 ? y[i] : 0);
            h[row + of[j]] += u * (zz + z[i] * z[j]);
        }
    }
    return u;
}

double form_repeated(const struct law *law, const double *t, const double *x, const double *centre,
                     double *g, double *h)
{
    enum { E, B = 2, BETA = 4, RD = 5 };
    const double ln_n = x[0] + centre[0], ln_d = x[1] + centre[1],
                 ln_u = fmin(x[2] + centre[2], ln_d), constant = exp(t[E]);
    if (g) {
        memset(g, 0, (size_t)law->n * sizeof *g);
        memset(h, 0, (size_t)(law->n * (law->n + 1) / 2) * sizeof *h);
        g[E] = h[0] = constant;
    }
    const struct worth d = worth_of(ln_d, ln_u, t[RD]);
    const double ln_worth = d.y - centre[1], v = exp(t[B] - t[BETA] * ln_worth);
    if (g) {
        const double z_b = -ln_worth, z_r = -t[BETA] * d.r;
        g[B] = v;
        g[BETA] = v * z_b;
        g[RD] = v * z_r;
        h[B * (B + 1) / 2 + B] = v;
        h[BETA * (BETA + 1) / 2 + B] = v * z_b;
        h[BETA * (BETA + 1) / 2 + BETA] = v * z_b * z_b;
        h[RD * (RD + 1) / 2 + B] = v * z_r;
        h[RD * (RD + 1) / 2 + BETA] = v * (z_b * z_r - d.r);
        h[RD * (RD + 1) / 2 + RD] = v * (z_r * z_r - t[BETA] * d.rr);
    }
    return constant + repeated_n(t, ln_n, ln_u, centre, g, h) + v;
}
