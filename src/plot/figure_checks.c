/* figure_checks.c - how far to trust a fit: residuals, profiles of the likelihood, pairs of resampled
 * parameters, and what each row moves. Profiles and influence fit the law again to the rows that the result
 * names, with its pins and bounds, and must come to the same parameters; of a pinned one there is nothing
 * to draw. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fit/infer.h"
#include "fit/pins.h"
#include "src/plot/figure.h"
#include "src/plot/fitted.h"

/* A fit with the rows it was made of. */
struct checked {
    const struct result *r;
    struct fitted f;
    struct points p;
    bool rows;
};

static int open_fit(struct checked *k, const struct figure_inputs *in, bool rows, struct err *e)
{
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    *k = (struct checked){.r = figure_input(in, RESULT_FIT, 0)};
    int status = fitted_read(&k->f, k->r->json, k->r->path, e);
    if (!status && rows) status = result_points(&k->p, k->r, file ? file->path : NULL, false, e);
    k->rows = !status && rows;
    if (status) fitted_free(&k->f);
    return status;
}

static void close_fit(struct checked *k)
{
    if (k->rows) points_close(&k->p);
    fitted_free(&k->f);
}

/* --- residuals --- */

int figure_residuals(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    static const struct {
        enum points_column column;
        struct axis axis;
    } against[] = {{POINTS_N, {"N (parameters)", true, AXIS_PLAIN, {0}}},
                   {POINTS_D, {"D (training tokens)", true, AXIS_PLAIN, {0}}},
                   {POINTS_C, {"C (training FLOP)", true, AXIS_PLAIN, {0}}},
                   {POINTS_STEP, {"training step (optimiser steps)", true, AXIS_PLAIN, {0}}}};
    struct checked k;
    if (open_fit(&k, in, true, e)) return -1;
    for (size_t a = 0; a < 4; a++) {
        const double *x = points_values(&k.p, against[a].column);
        double lo = INFINITY, hi = 0;
        for (size_t i = 0; i < k.p.n; i++) {
            if (!isfinite(x[i])) continue;
            lo = fmin(lo, x[i]);
            hi = fmax(hi, x[i]);
        }
        if (!(lo < hi)) continue;
        chart_panel(c, against[a].axis,
                    (struct axis){"residual (% of the loss)", false, AXIS_PLAIN, {0}},
                    "Observed less law");
        chart_series(c, PLOT_POINTS, CHART_BLUE, "%s", "");
        for (size_t i = 0; i < k.p.n; i++)
            if (isfinite(x[i]))
                chart_at(c, x[i],
                         100 * (k.p.loss[i] / fitted_row(&k.f, &k.p, i, result_variable(k.r)) - 1));
        chart_line(c, PLOT_DASHED, CHART_BLACK, (double[]){lo, 0}, (double[]){hi, 0}, "");
    }
    close_fit(&k);
    return 0;
}

/* --- pairs of resampled parameters --- */

int figure_pairs(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    struct checked k;
    if (open_fit(&k, in, false, e)) return -1;
    const struct law *law = k.f.law;
    int status = 0;
    if (k.f.n < 2 || law->n < 2)
        status = err_set(e, "%s: no resamples of two parameters in it (tripod fit --bootstrap)",
                         k.r->path);
    for (int i = 0; i < law->n && !status; i++) {
        for (int j = i + 1; j < law->n; j++) {
            const bool xlog = law->param[i].map != MAP_PLAIN, ylog = law->param[j].map != MAP_PLAIN;
            char x[96], y[96];
            snprintf(x, sizeof x, "%.20s (%s)", law->param[i].name,
                     xlog ? "coefficient" : "exponent");
            snprintf(y, sizeof y, "%.20s (%s)", law->param[j].name,
                     ylog ? "coefficient" : "exponent");
            chart_panel(c, (struct axis){x, xlog, AXIS_PLAIN, {0}},
                        (struct axis){y, ylog, AXIS_PLAIN, {0}}, "%s", "");
            chart_series(c, PLOT_POINTS, CHART_BLUE, "%s", "");
            for (size_t n = 0; n < k.f.n; n++) chart_at(c, k.f.draws[n][i], k.f.draws[n][j]);
            chart_series(c, PLOT_CROSSES, CHART_RED, "%s", "");
            chart_at(c, k.f.params[i], k.f.params[j]);
            chart_aspect(c, 0.8);
        }
    }
    chart_columns(c, 4);
    close_fit(&k);
    return status;
}

/* --- the fit again --- */

struct again {
    struct fit_data d;
    struct fit fit;
    struct fit_options o;
    struct covariance covariance;
};

static int fit_again(struct again *a, struct checked *k, struct err *e)
{
    *a = (struct again){0};
    size_t at = 1;
    for (const char *text; (text = result_next_option(k->r, "pin", &at));)
        if (pin_parse(&a->o, k->f.law, text, e)) return err_prefix(e, "%s", k->r->path);
    at = 1;
    for (const char *text; (text = result_next_option(k->r, "bound", &at));)
        if (bound_parse(&a->o, k->f.law, text, e)) return err_prefix(e, "%s", k->r->path);
    if (objective_parse(&a->o.objective, result_string(k->r->json, "objective"), e))
        return err_prefix(e, "%s", k->r->path);
    if (fit_data_open(&a->d, &k->p, k->f.law, result_variable(k->r), e)) return -1;
    int status = fit_law(&a->fit, k->f.law, &a->d, &a->o, e);
    if (!status) status = infer_covariance(&a->covariance, &a->fit, &a->d, &a->o, e);
    for (int i = 0; i < k->f.law->n && !status; i++) {
        if (fabs(a->fit.params[i] - k->f.params[i]) > 1e-5 * fabs(k->f.params[i]))
            status = err_set(e, "%s: from its rows %s is %.7g, where it says %.7g", k->r->path,
                             k->f.law->param[i].name, a->fit.params[i], k->f.params[i]);
    }
    if (status) fit_data_close(&a->d);
    return status;
}

/* Over the profile's interval and half of it again on either side. */
static int put_profile(struct chart *c, struct checked *k, struct again *a, int i, struct err *e)
{
    enum { CURVE = 41 };
    const struct law_param *param = &k->f.law->param[i];
    const bool logarithmic = param->map != MAP_PLAIN;
    const double rise = a->covariance.unit * 3.841458820694124 / 2; /* chi2 of one degree, 95 % */
    struct profile at;
    char label[96];
    if (!(k->f.params[i] > 0) || profile_parameter(&at, &a->fit, &a->d, &a->o, i, rise, e))
        return err_set(e, "%s: no profile of %s", k->r->path, param->name);
    double lo = at.lo, hi = at.hi;
    if (!(lo > 0) || at.lo_open) lo = k->f.params[i] / 4;
    if (at.hi_open) hi = k->f.params[i] * 4;
    lo = k->f.params[i] * pow(lo / k->f.params[i], 1.4);
    hi = k->f.params[i] * pow(hi / k->f.params[i], 1.4);
    snprintf(label, sizeof label, "%.20s (%s)", param->name,
             logarithmic ? "coefficient" : "exponent");
    chart_panel(c, (struct axis){label, logarithmic, AXIS_PLAIN, {0}},
                (struct axis){"-2 Δ ln likelihood (χ^2)", false, AXIS_PLAIN, {0}}, "Profile of %s",
                param->name);
    chart_note(c, "95 %%: %.4g to %.4g", at.lo, at.hi);
    chart_series(c, PLOT_LINE, CHART_BLUE, "%s", "");
    for (int n = 0; n < CURVE; n++) {
        const double value = lo * pow(hi / lo, n / (CURVE - 1.0));
        double params[LAW_PARAMS], objective;
        if (profile_at(&a->fit, &a->d, &a->o, i, value, params, &objective, e)) continue;
        chart_at(c, value, 2 * (objective - a->fit.value) / a->covariance.unit);
    }
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){lo, 3.841458820694124},
               (double[]){hi, 3.841458820694124}, "");
    chart_series(c, PLOT_CROSSES, CHART_RED, "%s", "");
    chart_at(c, k->f.params[i], 0);
    return 0;
}

int figure_profiles(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    struct checked k;
    struct again a;
    if (open_fit(&k, in, true, e)) return -1;
    int status = fit_again(&a, &k, e);
    if (!status) {
        for (int i = 0; i < k.f.law->n && !status; i++)
            if (!a.o.pinned[i]) status = put_profile(c, &k, &a, i, e);
        fit_data_close(&a.d);
    }
    close_fit(&k);
    return status;
}

/* --- influence --- */

/* The row that moves parameter I most among those not yet named. */
static size_t most_moving(const struct bootstrap *b, const struct fit *f, int i, bool *named)
{
    size_t best = b->n_jack;
    for (size_t n = 0; n < b->n_jack; n++) {
        if (named[n] || !isfinite(b->jack[n][i])) continue;
        if (best == b->n_jack ||
            fabs(b->jack[n][i] - f->params[i]) > fabs(b->jack[best][i] - f->params[i]))
            best = n;
    }
    if (best < b->n_jack) named[best] = true;
    return best;
}

static int put_influence(struct chart *c, const struct checked *k, const struct again *a,
                         const struct bootstrap *b, int i, struct err *e)
{
    enum { NAMED = 3 };
    const double se = sqrt(a->covariance.sandwich[i * k->f.law->n + i]);
    const enum points_column column =
        k->f.law->variables & LAW_ANY ? result_variable(k->r) : POINTS_C;
    const double *x = points_values(&k->p, column);
    bool *named = calloc(b->n_jack + 1, sizeof *named);
    if (!named) return err_memory(e, k->r->path);
    chart_panel(c,
                column == POINTS_C   ? AXIS_C
                : column == POINTS_N ? AXIS_N
                : column == POINTS_D ? AXIS_D
                                     : AXIS_STEP,
                (struct axis){"change (standard errors)", false, AXIS_PLAIN, {0}},
                "%s without each row", k->f.law->param[i].name);
    chart_series(c, PLOT_POINTS, CHART_BLUE, "%s", "");
    for (size_t n = 0; n < b->n_jack; n++)
        chart_at(c, x[a->d.row[n]], (b->jack[n][i] - a->fit.params[i]) / se);
    for (int m = 0; m < NAMED; m++) {
        const size_t n = most_moving(b, &a->fit, i, named);
        if (n == b->n_jack) break;
        chart_note(c, "line %zu: %+.2g", k->p.line[a->d.row[n]],
                   (b->jack[n][i] - a->fit.params[i]) / se);
        chart_series(c, PLOT_HOLLOW, CHART_RED, "%s", "");
        chart_at(c, x[a->d.row[n]], (b->jack[n][i] - a->fit.params[i]) / se);
    }
    free(named);
    return 0;
}

int figure_influence(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    struct checked k;
    struct again a;
    struct bootstrap b = {0};
    if (open_fit(&k, in, true, e)) return -1;
    int status = fit_again(&a, &k, e);
    if (!status) {
        const struct bootstrap_options o = {.kind = BOOT_PAIRS, .n = 20, .seed = 1};
        status = bootstrap_run(&b, &a.fit, &a.d, &a.o, &o, NULL, e);
        if (!status && b.n_jack != a.d.n)
            status =
                err_set(e, "%s: %zu rows are too many to leave each of them out", k.r->path, a.d.n);
        for (int i = 0; i < k.f.law->n && !status; i++)
            if (!a.o.pinned[i]) status = put_influence(c, &k, &a, &b, i, e);
        bootstrap_close(&b);
        fit_data_close(&a.d);
    }
    close_fit(&k);
    return status;
}
