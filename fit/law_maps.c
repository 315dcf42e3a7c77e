/* law_maps.c - what follows from a law's row in the table: its value and derivatives, the ways between
 * natural and internal parameters, the optimum in closed form; see laws.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

#include "fit/laws.h"

bool law_param_positive(const struct law_param *p)
{
    return p->map != MAP_PLAIN && p->map != MAP_WOVEN;
}

/* Sums of power terms: L, and its derivatives, which are the terms themselves. */
static double sum_of_terms(const struct law *law, const double *t, const double *x, double *g,
                           double *h)
{
    int n = law->n, c = law->constant;
    double L = c >= 0 ? exp(t[c]) : 0;
    if (g) {
        memset(g, 0, (size_t)n * sizeof *g);
        memset(h, 0, (size_t)(n * (n + 1) / 2) * sizeof *h);
        if (c >= 0) g[c] = h[c * (c + 1) / 2 + c] = L;
    }
    for (int i = 0; i < law->terms; i++) {
        int a = law->term[i].coefficient, k = law->term[i].exponent;
        double z = x[law->term[i].variable], u = exp(t[a] - t[k] * z);
        L += u;
        if (!g) continue;
        int hi = a > k ? a : k, lo = a > k ? k : a;
        g[a] += u;
        g[k] -= z * u;
        h[a * (a + 1) / 2 + a] += u;
        h[k * (k + 1) / 2 + k] += z * z * u;
        h[hi * (hi + 1) / 2 + lo] -= z * u;
    }
    return L;
}

double law_internal(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h)
{
    return law->terms ? sum_of_terms(law, t, x, g, h) : law->function(law, t, x, centre, g, h);
}

static double safe_log(double v)
{
    return v > 0 ? log(v) : -INFINITY;
}

/* Where a law is evaluated: at logarithms as they are, but woven parameters at the point itself,
 * where the curves that they are of lose no digits. */
static void at_logs(const struct law *law, const struct law_at *at, double x[3], double centre[3])
{
    x[0] = safe_log(at->N);
    x[1] = safe_log(at->D);
    x[2] = safe_log(at->U);
    for (int k = 0; k < 3; k++) {
        centre[k] = law->weave ? x[k] : 0;
        if (law->weave) x[k] = 0;
    }
}

double law_value(const struct law *law, const double *params, const struct law_at *at)
{
    double x[3], centre[3], t[LAW_PARAMS];
    at_logs(law, at, x, centre);
    law_to_internal(law, centre, params, t);
    return law_internal(law, t, x, centre, NULL, NULL);
}

double law_gradient(const struct law *law, const double *params, const struct law_at *at,
                    double *gradient)
{
    double x[3], centre[3], t[LAW_PARAMS], g[LAW_PARAMS], h[LAW_HESSIAN];
    at_logs(law, at, x, centre);
    law_to_internal(law, centre, params, t);
    double L = law_internal(law, t, x, centre, g, h);
    if (law->weave) {
        double inverse[LAW_PARAMS * LAW_PARAMS];
        law_inverse_jacobian(law, centre, t, inverse);
        for (int i = 0; i < law->n; i++) {
            gradient[i] = 0;
            for (int k = 0; k < law->n; k++) gradient[i] += g[k] * inverse[k * law->n + i];
        }
        return L;
    }
    for (int i = 0; i < law->n; i++) gradient[i] = 0;
    for (int i = 0; i < law->n; i++) {
        const struct law_param *p = &law->param[i];
        switch (p->map) {
        case MAP_PLAIN:
        case MAP_WOVEN:
            gradient[i] += g[i];
            break;
        case MAP_SCALE:
            gradient[i] += g[i] * params[p->exponent] / params[i];
            gradient[p->exponent] += g[i] * safe_log(params[i]);
            break;
        default:
            /* E = 0 is written as exp(-60), but the loss still rises one for one with it. */
            gradient[i] += i == law->constant && params[i] <= 0 ? 1 : g[i] / exp(t[i]);
        }
    }
    return L;
}

void law_to_internal(const struct law *law, const double *centre, const double *params, double *t)
{
    if (law->unweave) {
        law->unweave(centre, params, t);
        return;
    }
    for (int i = 0; i < law->n; i++) {
        const struct law_param *p = &law->param[i];
        double c = centre[p->variable], l = params[i] > 0 ? log(params[i]) : -60;
        switch (p->map) {
        case MAP_PLAIN:
            t[i] = params[i];
            break;
        case MAP_LOG:
            t[i] = l;
            break;
        case MAP_COEFFICIENT:
            t[i] = l - params[p->exponent] * c;
            break;
        case MAP_SCALE:
            t[i] = params[p->exponent] * (l - c);
            break;
        case MAP_PLACE:
            t[i] = l - c;
            break;
        case MAP_WOVEN:
            break;
        }
    }
}

void law_to_natural(const struct law *law, const double *centre, const double *t, double *params)
{
    if (law->weave) {
        law->weave(centre, t, params, NULL);
        return;
    }
    for (int i = 0; i < law->n; i++) {
        const struct law_param *p = &law->param[i];
        double c = centre[p->variable];
        switch (p->map) {
        case MAP_PLAIN:
            params[i] = t[i];
            break;
        case MAP_LOG:
            params[i] = exp(t[i]);
            break;
        case MAP_COEFFICIENT:
            params[i] = exp(t[i] + t[p->exponent] * c);
            break;
        case MAP_SCALE:
            params[i] = exp(t[i] / t[p->exponent] + c);
            break;
        case MAP_PLACE:
            params[i] = exp(t[i] + c);
            break;
        case MAP_WOVEN:
            break;
        }
    }
}

void law_jacobian(const struct law *law, const double *centre, const double *t, double *jacobian)
{
    int n = law->n;
    double params[LAW_PARAMS];
    if (law->weave) {
        law->weave(centre, t, params, jacobian);
        return;
    }
    law_to_natural(law, centre, t, params);
    memset(jacobian, 0, (size_t)(n * n) * sizeof *jacobian);
    for (int i = 0; i < n; i++) {
        const struct law_param *p = &law->param[i];
        double *row = jacobian + i * n, k = t[p->exponent];
        switch (p->map) {
        case MAP_PLAIN:
            row[i] = 1;
            break;
        case MAP_LOG:
        case MAP_PLACE:
            row[i] = params[i];
            break;
        case MAP_COEFFICIENT:
            row[i] = params[i];
            row[p->exponent] += params[i] * centre[p->variable];
            break;
        case MAP_SCALE:
            row[i] = params[i] / k;
            row[p->exponent] -= params[i] * t[i] / (k * k);
            break;
        case MAP_WOVEN:
            break;
        }
    }
}

/* The general way, for the Jacobian of woven parameters. */
static void invert_woven(const struct law *law, const double *centre, const double *t,
                         double *inverse)
{
    int n = law->n, sign;
    size_t order[LAW_PARAMS];
    double params[LAW_PARAMS], jacobian[LAW_PARAMS * LAW_PARAMS];
    law->weave(centre, t, params, jacobian);
    gsl_matrix_view a = gsl_matrix_view_array(jacobian, (size_t)n, (size_t)n),
                    b = gsl_matrix_view_array(inverse, (size_t)n, (size_t)n);
    gsl_permutation p = {(size_t)n, order};
    if (gsl_linalg_LU_decomp(&a.matrix, &p, &sign) ||
        gsl_linalg_LU_invert(&a.matrix, &p, &b.matrix))
        for (int i = 0; i < n * n; i++) inverse[i] = NAN;
}

void law_inverse_jacobian(const struct law *law, const double *centre, const double *t,
                          double *inverse)
{
    int n = law->n;
    double params[LAW_PARAMS];
    law_to_natural(law, centre, t, params);
    if (law->weave) {
        invert_woven(law, centre, t, inverse);
        return;
    }
    memset(inverse, 0, (size_t)(n * n) * sizeof *inverse);
    for (int i = 0; i < n; i++) {
        const struct law_param *p = &law->param[i];
        double c = centre[p->variable];
        switch (p->map) {
        case MAP_PLAIN:
            inverse[i * n + i] = 1;
            break;
        case MAP_LOG:
        case MAP_PLACE:
            inverse[i * n + i] = 1 / params[i];
            break;
        case MAP_COEFFICIENT:
            inverse[i * n + i] = 1 / params[i];
            inverse[i * n + p->exponent] = -c;
            break;
        case MAP_SCALE:
            inverse[i * n + i] = params[p->exponent] / params[i];
            inverse[i * n + p->exponent] = log(params[i]) - c;
            break;
        case MAP_WOVEN:
            break;
        }
    }
}

bool law_optimum(const struct law *law, const double *params, double *a, double *b, double *G)
{
    if (law->terms != 2 || law->variables & (LAW_STEP | LAW_U | LAW_C)) return false;
    double A = params[law->term[0].coefficient], B = params[law->term[1].coefficient];
    double alpha = params[law->term[0].exponent], beta = params[law->term[1].exponent];
    if (!(A > 0 && B > 0 && alpha > 0 && beta > 0)) return false;
    if (a) *a = beta / (alpha + beta);
    if (b) *b = alpha / (alpha + beta);
    if (G) *G = pow(alpha * A / (beta * B), 1 / (alpha + beta));
    return true;
}
