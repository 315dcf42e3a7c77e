/* bias.c - see bias.h for the derivation.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/bias.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "fit/ols.h"
#include "fit/root.h"

/* S(c) = sinh(n c h / 2) / sinh(c h / 2) and its first two derivatives in c. */
static void geometric(double c, double h, double n, double s[3])
{
    double p = n * h / 2, q = h / 2;
    double coth_p = 1 / tanh(p * c), coth_q = 1 / tanh(q * c);
    /* d ln S / dc = p coth(pc) - q coth(qc); its derivative q^2 / sinh^2(qc) - p^2 / sinh^2(pc). */
    double d = p * coth_p - q * coth_q;
    double d2 = q * q * (coth_q * coth_q - 1) - p * p * (coth_p * coth_p - 1);
    s[0] = sinh(p * c) / sinh(q * c);
    s[1] = s[0] * d;
    s[2] = s[0] * (d * d + d2);
}

double bias_even(double alpha, double beta, double factor, size_t n)
{
    double w = log(factor), h = 2 * w / ((double)n - 1), N = (double)n;
    double m2 = 0, m4 = 0, a[3], b[3];
    for (size_t i = 0; i < n; i++) {
        double x = -w + h * (double)i;
        m2 += x * x;
        m4 += x * x * x * x;
    }
    geometric(alpha, h, N, a);
    geometric(beta, h, N, b);
    double t1 = b[1] / beta - a[1] / alpha;
    double t2 = (a[2] - m2 * a[0] / N) / alpha + (b[2] - m2 * b[0] / N) / beta;
    return -(t1 / m2) / (2 * t2 / (m4 - m2 * m2 / N));
}

double bias_vertex(double alpha, double beta, const double *ln_n, size_t n, double ln_star)
{
    struct ols_parabola p;
    double lo, hi, *y = malloc((n ? n : 1) * sizeof *y);
    if (!y) return NAN;
    for (size_t i = 0; i < n; i++) {
        double x = ln_n[i] - ln_star;
        /* expm1: far from the optimum's scale the constant 1/alpha + 1/beta must not cost digits.
         */
        y[i] = expm1(-alpha * x) / alpha + expm1(beta * x) / beta;
    }
    bool fitted = ols_parabola(ln_n, y, NULL, n, &p);
    free(y);
    return fitted ? ols_vertex(&p, 0.95, &lo, &hi) : NAN;
}

struct grid {
    double alpha, beta, vertex;
    const double *ln_n;
    size_t n;
};

static double beyond_vertex(double ln_star, void *context)
{
    const struct grid *g = context;
    return bias_vertex(g->alpha, g->beta, g->ln_n, g->n, ln_star) - g->vertex;
}

bool bias_correct(double alpha, double beta, const double *ln_n, size_t n, double vertex,
                  double *ln_star)
{
    struct grid g = {alpha, beta, vertex, ln_n, n};
    if (!n || !isfinite(vertex)) return false;
    double lo = gsl_stats_min(ln_n, 1, n), hi = gsl_stats_max(ln_n, 1, n), width = hi - lo;
    lo -= width;
    hi += width;
    /* The vertex rises with the optimum; outside its range there is none. */
    return width > 0 && root_between(beyond_vertex, &g, lo, hi, 1e-14, ln_star);
}
