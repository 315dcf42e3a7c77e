/* figure_contours.c - L(N, D) as Hoffmann et al. (arXiv 2203.15556), Figure 4: contours of the loss with the
 * efficient frontier, and slices at budgets. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "fit/allocate.h"
#include "src/plot/figure.h"
#include "src/plot/fitted.h"
#include "src/report/law_text.h"

enum { CURVE = 60, LEVELS = 8, SLICES = 6 };
static const double factor = 6; /* C = 6 N D */

struct range {
    double lo, hi;
};

static struct range range_of(const double *v, size_t n)
{
    struct range r = {INFINITY, 0};
    for (size_t i = 0; i < n; i++) {
        r.lo = fmin(r.lo, v[i]);
        r.hi = fmax(r.hi, v[i]);
    }
    return r;
}

/* Tokens with which N parameters reach LOSS, by bisection in ln D: the law falls with D. NaN: none. */
static double tokens_for(const struct fitted *f, double N, double loss)
{
    double lo = log(1e3), hi = log(1e20);
    if (!(law_value(f->law, f->params, &(struct law_at){.N = N, .D = exp(hi)}) < loss) ||
        !(law_value(f->law, f->params, &(struct law_at){.N = N, .D = exp(lo)}) > loss))
        return NAN;
    while (hi - lo > 1e-9) {
        const double middle = 0.5 * (lo + hi);
        if (law_value(f->law, f->params, &(struct law_at){.N = N, .D = exp(middle)}) > loss)
            lo = middle;
        else
            hi = middle;
    }
    return exp(lo);
}

static void put_contours(struct chart *c, const struct fitted *f, struct range N, struct range C,
                         struct range L)
{
    /* Even in ln(L - E) where the law has a floor: contours spread as the loss does. */
    const double floor = f->law->constant >= 0 ? f->params[f->law->constant] : 0;
    const double lo = L.lo - floor > 0 ? L.lo - floor : 1e-3, hi = L.hi - floor;
    for (int i = 0; i < LEVELS; i++) {
        const double loss = floor + lo * pow(hi / lo, (i + 0.5) / LEVELS);
        chart_series(c, PLOT_LINE, NULL, "%s", "");
        for (int k = 0; k < CURVE; k++) {
            const double n = N.lo * pow(N.hi / N.lo, k / (CURVE - 1.0));
            const double budget = factor * n * tokens_for(f, n, loss);
            if (!(budget >= C.lo && budget <= C.hi)) continue;
            chart_z(c, budget, n, loss);
        }
    }
}

struct optimum_at {
    double C;
    enum { OPTIMUM_N, OPTIMUM_LOSS } what;
};

static double optimum(const struct law *law, const double *params, const void *context)
{
    const struct optimum_at *at = context;
    const struct allocate a = {.law = law, .params = params, .factor = factor};
    struct allocation best;
    struct err ignored;
    if (allocate_optimum(&a, at->C, &best, &ignored)) return NAN;
    return at->what == OPTIMUM_N ? best.N : best.loss;
}

static void put_frontier(struct chart *c, const struct fitted *f, struct range C)
{
    struct fitted_value v[CURVE];
    double at[CURVE];
    for (int i = 0; i < CURVE; i++) {
        at[i] = C.lo * pow(C.hi / C.lo, i / (CURVE - 1.0));
        v[i] = fitted_at(f, optimum, &(struct optimum_at){at[i], OPTIMUM_N});
    }
    chart_series(c, PLOT_BAND, CHART_RED, "%s", "");
    for (int i = 0; i < CURVE; i++) chart_range(c, at[i], v[i].value, v[i].lo, v[i].hi);
    chart_series(c, PLOT_LINE, CHART_RED, f->n >= 20 ? "efficient frontier, %g %%" : "frontier",
                 100 * f->level);
    for (int i = 0; i < CURVE; i++) chart_at(c, at[i], v[i].value);
}

/* L against N at even budgets, each with its least. */
static void put_slices(struct chart *c, const struct fitted *f, const struct points *p,
                       struct range N, struct range C)
{
    chart_panel(c, AXIS_N, AXIS_L, "Slices at budgets, and the runs");
    chart_scale(c, "C (training FLOP)", true, C.lo, C.hi);
    chart_series(c, PLOT_POINTS, NULL, "%s", "");
    for (size_t i = 0; i < p->n; i++) chart_z(c, p->N[i], p->loss[i], factor * p->N[i] * p->D[i]);
    double least[SLICES][2];
    for (int i = 0; i < SLICES; i++) {
        const double budget = C.lo * pow(C.hi / C.lo, (i + 0.5) / SLICES);
        chart_series(c, PLOT_LINE, NULL, "%s", "");
        least[i][0] = optimum(f->law, f->params, &(struct optimum_at){budget, OPTIMUM_N});
        least[i][1] = optimum(f->law, f->params, &(struct optimum_at){budget, OPTIMUM_LOSS});
        for (int k = 0; k < CURVE; k++) {
            const double n = N.lo * pow(N.hi / N.lo, k / (CURVE - 1.0));
            const double loss =
                law_value(f->law, f->params, &(struct law_at){.N = n, .D = budget / (factor * n)});
            if (loss < 1.3 * least[i][1]) chart_z(c, n, loss, budget);
        }
    }
    chart_series(c, PLOT_CROSSES, CHART_RED, "least of each slice");
    for (int i = 0; i < SLICES; i++) chart_at(c, least[i][0], least[i][1]);
}

int figure_contours(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_FIT, 0);
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    struct fitted f;
    struct points p;
    char text[LAW_TEXT];
    int status = fitted_read(&f, r->json, r->path, e);
    if (!status && (f.law->variables != (LAW_N | LAW_D) || !allocate_can(f.law)))
        status = err_set(e, "%s: the law %s has no contours in N and D", r->path, f.law->name);
    if (!status) status = result_points(&p, r, file ? file->path : NULL, false, e);
    if (status) {
        fitted_free(&f);
        return -1;
    }
    struct range N = range_of(p.N, p.n), L = range_of(p.loss, p.n), C = {INFINITY, 0};
    for (size_t i = 0; i < p.n; i++) {
        C.lo = fmin(C.lo, factor * p.N[i] * p.D[i]);
        C.hi = fmax(C.hi, factor * p.N[i] * p.D[i]);
    }
    chart_panel(c, AXIS_C, AXIS_N, "Loss by compute and size");
    chart_note(c, "%s nats", law_text(f.law, f.params, NULL, text));
    chart_scale_of_losses(c, "loss (nats per token)", L.lo, L.hi);
    put_contours(c, &f, N, C, L);
    chart_series(c, PLOT_POINTS, NULL, "%zu runs", p.n);
    for (size_t i = 0; i < p.n; i++) chart_z(c, factor * p.N[i] * p.D[i], p.N[i], p.loss[i]);
    put_frontier(c, &f, C);
    put_slices(c, &f, &p, N, C);
    points_close(&p);
    fitted_free(&f);
    return 0;
}
