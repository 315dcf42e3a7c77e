/* mpl.c - the multi-power law: L = L0 + A S^-alpha - B sum_k (eta_(k-1) - eta_k) G(eta_k^-gamma S_k),
 * G(y) = 1 - (1 + C y)^-beta; S is the sum of the learning rates so far, the warm-up's included, and
 * S_k that from step k on; k runs from the end of the warm-up (Luo et al. 2025, arXiv 2503.12811).
 *
 * The sum goes over the schedule's drops (schedule.h), in their order; its derivatives are closed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/forms.h"

#include <math.h>
#include <string.h>

#include "fit/schedule.h"
#include "fit/solve.h"

enum { L0, A, ALPHA, B, C, BETA, GAMMA };

/* The curve of the row: x[2] is the logarithm of its number. */
static const struct schedule_curve *curve_of(const struct law *law, double log_number)
{
    const struct schedule *s = law->context;
    if (!s) return NULL;
    double number = floor(exp(log_number) + 0.5);
    return number >= 1 && number <= (double)s->n ? &s->curve[(size_t)number - 1] : NULL;
}

/* G and its derivatives at u = ln(C y), summed over the drops; l = -ln eta, which u holds gamma
 * times. */
struct drop_sums {
    double v, u, ul, b, uu, uul, ull, ub, ubl, bb;
};

static void add_drop(struct drop_sums *s, double w, double u, double beta, double l)
{
    double near = exp(-fabs(u)), log1pe = (u > 0 ? u : 0) + log1p(near);
    double sigma = u > 0 ? 1 / (1 + near) : near / (1 + near), p = exp(-beta * log1pe);
    double gu = w * beta * sigma * p, guu = gu * (1 - sigma - beta * sigma),
           gub = w * sigma * p * (1 - beta * log1pe);
    s->v -= w * expm1(-beta * log1pe);
    s->u += gu;
    s->ul += gu * l;
    s->b += w * log1pe * p;
    s->uu += guu;
    s->uul += guu * l;
    s->ull += guu * l * l;
    s->ub += gub;
    s->ubl += gub * l;
    s->bb -= w * log1pe * log1pe * p;
}

static void add_at(struct drop_sums *s, double w, double rate, double r, const double *t)
{
    double l = -log(rate);
    if (r > 0 && rate > 0) add_drop(s, w, t[C] + log(r) + t[GAMMA] * l, t[BETA], l);
}

/* A stretch of falling rates, by Gauss's rule of two points. R is the sum of the rates from step k
 * on: as an area, up to half a step beyond the row's. */
static void add_stretch(struct drop_sums *s, const struct schedule_curve *c, double from, double to,
                        double end, const double *t)
{
    double middle = 0.5 * (from + to), off = (to - from) * 0.28867513459481288;
    double rate = schedule_rate(c, middle), at[2] = {middle - off, middle + off},
           w[2] = {schedule_rate(c, from) - rate, rate - schedule_rate(c, to)};
    for (int k = 0; k < 2; k++)
        add_at(s, w[k], schedule_rate(c, at[k]), end - schedule_area(c, at[k]), t);
}

/* What fell just before the row has hardly begun to show: finer and finer towards its step. */
static void sum_drops(struct drop_sums *s, const struct schedule_curve *c, double step, double end,
                      const double *t)
{
    *s = (struct drop_sums){0};
    for (size_t i = 0; i < c->n_drops && c->drop[i].from < step; i++) {
        const struct schedule_drop *d = &c->drop[i];
        double from = d->from, to = fmin(d->to, step), size = to - from;
        if (step - to > 4 * size) {
            add_at(s, d->w, d->rate, end - d->area, t);
            continue;
        }
        for (; step - to < size && size > 2; size *= 0.5) {
            add_stretch(s, c, from, from + 0.5 * size, end, t);
            from += 0.5 * size;
        }
        add_stretch(s, c, from, to, end, t);
    }
}

double form_mpl(const struct law *law, const double *t, const double *x, const double *centre,
                double *g, double *h)
{
    const struct schedule_curve *c = curve_of(law, x[2] + centre[2]);
    double step = exp(x[1] + centre[1]), end = NAN, z = NAN;
    if (c) {
        /* Sums of steps as areas, Euler and Maclaurin's first correction. */
        end = schedule_area(c, step) + 0.5 * schedule_rate(c, step);
        z = log(end - 0.5 * c->rate[0]);
    }
    double floor_loss = exp(t[L0]), term = exp(t[A] - t[ALPHA] * z), b = exp(t[B]);
    struct drop_sums s = {0};
    if (c) sum_drops(&s, c, step, end, t);
    if (g) {
        memset(g, 0, (size_t)law->n * sizeof *g);
        memset(h, 0, (size_t)(law->n * (law->n + 1) / 2) * sizeof *h);
        g[L0] = h[PACKED(L0, L0)] = floor_loss;
        g[A] = h[PACKED(A, A)] = term;
        g[ALPHA] = h[PACKED(ALPHA, A)] = -z * term;
        h[PACKED(ALPHA, ALPHA)] = z * z * term;
        g[B] = h[PACKED(B, B)] = -b * s.v;
        g[C] = h[PACKED(C, B)] = -b * s.u;
        g[BETA] = h[PACKED(BETA, B)] = -b * s.b;
        g[GAMMA] = h[PACKED(GAMMA, B)] = -b * s.ul;
        h[PACKED(C, C)] = -b * s.uu;
        h[PACKED(BETA, C)] = -b * s.ub;
        h[PACKED(GAMMA, C)] = -b * s.uul;
        h[PACKED(BETA, BETA)] = -b * s.bb;
        h[PACKED(GAMMA, BETA)] = -b * s.ubl;
        h[PACKED(GAMMA, GAMMA)] = -b * s.ull;
    }
    return floor_loss + term - b * s.v;
}

/* Drawn: C as the size of C y for the median rate and half of the area. */
void form_mpl_place(const struct law *law, const double *centre, double *t)
{
    const struct schedule *s = law->context;
    (void)centre;
    if (!s) return;
    const struct schedule_curve *c = &s->curve[0];
    double end = c->step[c->n - 1], rate = schedule_rate(c, 0.5 * end);
    t[C] -= log(0.5 * c->area[c->n - 1]) - t[GAMMA] * log(fmax(rate, 1e-300));
}
