/* figure_isoflop.c - Approaches 1 and 2: isoFLOP parabolas with their minima, the envelope of training
 * curves, and what both say of N* and D*. Both are computed again from the rows that the result names, and
 * must come to what it says. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/plot/draw.h"
#include "src/plot/figure.h"

enum { CURVE = 60 };

/* log10 y = a + b log10 x: the line over [lo, hi] with its confidence band. */
static void put_line(struct chart *c, const struct ols_line *l, double lo, double hi,
                     const char *color, const char *name)
{
    chart_series(c, PLOT_BAND, color, "%s", "");
    for (int i = 0; i < CURVE; i++) {
        const double x = lo * pow(hi / lo, i / (CURVE - 1.0));
        double low, high;
        const double y = ols_line_at(l, log10(x), &low, &high);
        chart_range(c, x, pow(10, y), pow(10, low), pow(10, high));
    }
    chart_series(c, PLOT_LINE, color, "%s", name);
    for (int i = 0; i < CURVE; i++) {
        const double x = lo * pow(hi / lo, i / (CURVE - 1.0));
        double low, high;
        chart_at(c, x, pow(10, ols_line_at(l, log10(x), &low, &high)));
    }
}

static void note_line(struct chart *c, const char *what, const struct ols_line *l)
{
    chart_note(c, "%s^%.3g (%.3g to %.3g)", what, l->slope, l->slope_lo, l->slope_hi);
}

/* --- isoFLOP --- */

static void isoflop_options(const struct result *r, struct isoflop_options *o)
{
    const char *reject = result_option(r, "reject"), *tolerance = result_option(r, "tolerance");
    *o = (struct isoflop_options){.level = result_number(r->json, "level"),
                                  .tolerance = tolerance ? strtod(tolerance, NULL) : 0,
                                  .keep = result_option(r, "keep") != NULL};
    if (reject && !strcmp(reject, "mad")) o->reject = ISOFLOP_REJECT_MAD;
    if (reject && !strcmp(reject, "none")) o->reject = ISOFLOP_REJECT_NONE;
    if (reject && !strncmp(reject, "exact:", 6)) o->reject_level = strtod(reject + 6, NULL);
}

static int same_slope(const struct result *r, const struct ols_line *l, struct err *e)
{
    const double was = result_number(r->json, "exponents.N_of_C.value");
    return fabs(l->slope - was) <= 1e-9 * fabs(was)
               ? 0
               : err_set(e, "%s: from its rows the exponent of N is %.9g, where it says %.9g",
                         r->path, l->slope, was);
}

static void put_profiles(struct chart *c, const struct isoflop *f, const struct points *p)
{
    chart_panel(c, AXIS_N, AXIS_L, "isoFLOP profiles");
    chart_scale(c, "C (training FLOP)", true, f->budget[0].C, f->budget[f->n - 1].C);
    chart_series(c, PLOT_POINTS, NULL, "%s", "");
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->budget[i].n; k++)
            chart_z(c, p->N[f->budget[i].row[k]], p->loss[f->budget[i].row[k]], f->budget[i].C);
    chart_series(c, PLOT_HOLLOW, CHART_BLACK, "rejected");
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->budget[i].n; k++)
            if (!f->budget[i].in[k])
                chart_at(c, p->N[f->budget[i].row[k]], p->loss[f->budget[i].row[k]]);
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        if (!b->used) continue;
        const double lo = log(p->N[b->row[0]]), hi = log(p->N[b->row[b->n - 1]]);
        chart_series(c, PLOT_LINE, NULL, "%s", "");
        for (int k = 0; k < CURVE; k++) {
            const double u = lo + (hi - lo) * k / (CURVE - 1.0);
            chart_z(c, exp(u), ols_parabola_at(&b->fit, u), b->C);
        }
    }
    chart_series(c, PLOT_CROSSES, CHART_RED, "minima used");
    for (size_t i = 0; i < f->n; i++)
        if (f->budget[i].used) chart_at(c, f->budget[i].N, f->budget[i].loss);
}

static double end_or_point(double end, double point)
{
    return isfinite(end) && end > 0 ? end : point;
}

/* The minima's X and Y with the interval of Y. */
enum minimum { MINIMUM_C, MINIMUM_N, MINIMUM_D };
static void minimum_of(const struct isoflop_budget *b, enum minimum what, double v[3])
{
    const double values[3][3] = {
        {b->C, b->C, b->C}, {b->N, b->N_lo, b->N_hi}, {b->D, b->D_lo, b->D_hi}};
    v[0] = values[what][0];
    v[1] = end_or_point(values[what][1], v[0]);
    v[2] = end_or_point(values[what][2], v[0]);
}

static void put_minima(struct chart *c, const struct isoflop *f, enum minimum x, enum minimum y,
                       const struct ols_line *line, const struct ols_line *corrected)
{
    static const char *const names[] = {"C", "N*", "D*"};
    const struct axis axes[] = {AXIS_C,
                                {"N* (parameters)", true, AXIS_PLAIN, {0}},
                                {"D* (training tokens)", true, AXIS_PLAIN, {0}}};
    double lo = INFINITY, hi = 0, at[3], up[3];
    char what[32];
    chart_panel(c, axes[x], axes[y], "%s against %s", names[y], names[x]);
    snprintf(what, sizeof what, "%s ∝ %s", names[y], names[x]);
    note_line(c, what, line);
    for (size_t i = 0; i < f->n; i++) {
        if (!f->budget[i].used) continue;
        minimum_of(&f->budget[i], x, at);
        lo = fmin(lo, at[0]);
        hi = fmax(hi, at[0]);
    }
    put_line(c, line, lo, hi, CHART_RED, "line and its band");
    if (corrected) {
        chart_series(c, PLOT_DASHED, CHART_BLACK, "corrected for bias");
        for (int i = 0; i < CURVE; i++) {
            const double u = lo * pow(hi / lo, i / (CURVE - 1.0));
            double low, high;
            chart_at(c, u, pow(10, ols_line_at(corrected, log10(u), &low, &high)));
        }
    }
    chart_series(c, PLOT_POINTS, CHART_BLUE, "minima");
    for (size_t i = 0; i < f->n; i++) {
        if (!f->budget[i].used) continue;
        minimum_of(&f->budget[i], x, at);
        minimum_of(&f->budget[i], y, up);
        chart_range(c, at[0], up[0], up[1], up[2]);
    }
}

static void put_isoflop(struct chart *c, const struct isoflop *f, const struct points *p,
                        const struct approaches_correction *fixed)
{
    const struct isoflop_corrected *known = fixed->known ? &fixed->c : NULL;
    chart_columns(c, 2);
    put_profiles(c, f, p);
    put_minima(c, f, MINIMUM_C, MINIMUM_N, &f->N_of_C, known ? &known->N_of_C : NULL);
    put_minima(c, f, MINIMUM_C, MINIMUM_D, &f->D_of_C, known ? &known->D_of_C : NULL);
}

int draw_isoflop(const char *path, const struct isoflop *f, const struct points *p,
                 const struct approaches_correction *fixed, bool *drawn, struct err *e)
{
    struct plot_output o = {.keep = true};
    struct chart *c = chart_open(false);
    put_isoflop(c, f, p, fixed);
    int status = chart_draw(c, path, &o, e);
    *drawn = o.drawn;
    chart_free(c);
    return status;
}

static int build(struct chart *c, const struct figure_inputs *in, bool sizes, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_ISOFLOP, 0);
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    const char *given = result_option(r, "surface");
    struct points p;
    struct isoflop f;
    struct isoflop_options o;
    struct approaches_correction fixed = {0};
    struct approaches_surface s = {.kind = SURFACE_FIT};
    isoflop_options(r, &o);
    if (given && !strcmp(given, "none")) s.kind = SURFACE_NONE;
    if (given && strchr(given, ',')) {
        s.kind = SURFACE_GIVEN;
        s.alpha = strtod(given, NULL);
        s.beta = strtod(strchr(given, ',') + 1, NULL);
    }
    if (result_points(&p, r, file ? file->path : NULL, false, e)) return -1;
    if (approaches_isoflop(&p, &o, &s, &f, &fixed, e)) {
        points_close(&p);
        return -1;
    }
    int status = same_slope(r, &f.N_of_C, e);
    if (!status) put_isoflop(c, &f, &p, &fixed);
    if (!status && sizes) put_minima(c, &f, MINIMUM_N, MINIMUM_D, &f.D_of_N, NULL);
    isoflop_corrected_free(&fixed.c);
    isoflop_free(&f);
    points_close(&p);
    return status;
}

int figure_isoflop(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    return build(c, in, false, e);
}

int figure_minchilla(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    return build(c, in, true, e);
}

/* --- the envelope --- */

static void put_curves(struct chart *c, const struct envelope *f, const struct points *p)
{
    chart_panel(c, AXIS_C, AXIS_L, "Training curves and their envelope");
    chart_scale(c, "N (parameters)", true, 0, 0);
    const bool runs = p->column[POINTS_RUN] != NULL;
    for (size_t run = 0; run < p->n_runs; run++) {
        chart_series(c, runs ? PLOT_LINE : PLOT_POINTS, NULL, "%s", "");
        for (size_t i = 0; i < p->n; i++)
            if (p->run[i] == run) chart_z(c, p->C[i], p->loss[i], p->N[i]);
    }
    chart_series(c, PLOT_LINE, CHART_RED, "envelope");
    for (size_t i = 0; i < f->compared; i++) chart_at(c, f->C[i], f->loss[i]);
}

static void put_winners(struct chart *c, const struct envelope *f, bool tokens)
{
    const struct ols_line *line = tokens ? &f->D_of_C : &f->N_of_C;
    const struct ols_line *sizes = tokens ? &f->D_by_size : &f->N_by_size;
    const struct axis y =
        tokens ? (struct axis){"D of the winner (training tokens)", true, AXIS_PLAIN, {0}}
               : (struct axis){"N of the winner (parameters)", true, AXIS_PLAIN, {0}};
    double lo = INFINITY, hi = 0;
    chart_panel(c, AXIS_C, y, tokens ? "Tokens of the winners" : "Sizes that win");
    note_line(c, tokens ? "D* ∝ C" : "N* ∝ C", line);
    chart_series(c, PLOT_POINTS, CHART_BLUE, "wins, from first to last budget");
    for (size_t i = 0; i < f->n; i++) {
        const struct envelope_winner *w = &f->winner[i];
        if (w->edge) continue;
        chart_span(c, w->C, tokens ? w->D : w->N, w->C_lo, w->C_hi);
        lo = fmin(lo, w->C_lo);
        hi = fmax(hi, w->C_hi);
    }
    chart_series(c, PLOT_HOLLOW, CHART_GREY, "at the edge: left out");
    for (size_t i = 0; i < f->n; i++)
        if (f->winner[i].edge)
            chart_at(c, f->winner[i].C, tokens ? f->winner[i].D : f->winner[i].N);
    if (lo > hi) return;
    put_line(c, sizes, lo, hi, CHART_GREEN, "one point a size, 95 %");
    chart_series(c, PLOT_LINE, CHART_RED, "every budget, as published");
    for (int i = 0; i < CURVE; i++) {
        const double x = lo * pow(hi / lo, i / (CURVE - 1.0));
        double low, high;
        chart_at(c, x, pow(10, ols_line_at(line, log10(x), &low, &high)));
    }
}

int figure_envelope(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_ENVELOPE, 0);
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    const char *budgets = result_option(r, "envelope-budgets");
    const struct envelope_options o = {.level = result_number(r->json, "level"),
                                       .budgets = budgets ? strtoul(budgets, NULL, 10) : 0,
                                       .keep_edges = result_option(r, "keep") != NULL};
    struct points p;
    struct envelope f;
    if (result_points(&p, r, file ? file->path : NULL, false, e)) return -1;
    if (approaches_envelope(&p, &o, &f, e)) {
        points_close(&p);
        return -1;
    }
    int status = same_slope(r, &f.N_of_C, e);
    if (!status) {
        put_curves(c, &f, &p);
        put_winners(c, &f, false);
        put_winners(c, &f, true);
        chart_columns(c, 2);
    }
    envelope_free(&f);
    points_close(&p);
    return status;
}
