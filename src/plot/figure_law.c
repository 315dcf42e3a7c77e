/* figure_law.c - fitted laws of one variable through their points. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/expression.h"
#include "src/plot/figure.h"
#include "src/plot/fitted.h"
#include "src/report/law_text.h"

enum { CURVE = 80 };

/* Of a law of one variable. */
static struct axis axis_of(enum points_column column)
{
    return column == POINTS_N   ? AXIS_N
           : column == POINTS_D ? AXIS_D
           : column == POINTS_C ? AXIS_C
                                : AXIS_STEP;
}

/* The curve over [lo, hi] and what its parameters leave open. */
static void put_curve(struct chart *c, const struct fitted *f, double lo, double hi,
                      const char *color, const char *name)
{
    if (f->n >= 20) {
        chart_series(c, PLOT_BAND, color, "%s", "");
        for (int i = 0; i < CURVE; i++) {
            const double x = lo * pow(hi / lo, i / (CURVE - 1.0));
            const struct fitted_value v = fitted_loss(f, &(struct law_at){.N = x});
            chart_range(c, x, v.value, v.lo, v.hi);
        }
    }
    chart_series(c, PLOT_LINE, color, "%s", name);
    for (int i = 0; i < CURVE; i++) {
        const double x = lo * pow(hi / lo, i / (CURVE - 1.0));
        chart_at(c, x, law_value(f->law, f->params, &(struct law_at){.N = x}));
    }
}

/* Laws of other variables: what the law says beside what was seen. */
static void put_predicted(struct chart *c, const struct fitted *f, const struct points *p)
{
    double lo = INFINITY, hi = 0;
    chart_panel(c, AXIS_L, AXIS_L, "Predicted and observed loss");
    chart_series(c, PLOT_POINTS, NULL, "%zu runs, the law across, observed upwards", p->n);
    for (size_t i = 0; i < p->n; i++) {
        const double v = fitted_row(f, p, i, POINTS_N);
        chart_at(c, v, p->loss[i]);
        lo = fmin(lo, fmin(v, p->loss[i]));
        hi = fmax(hi, fmax(v, p->loss[i]));
    }
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){lo, lo}, (double[]){hi, hi}, "equal");
    chart_aspect(c, 1);
}

static void note_law(struct chart *c, const struct fitted *f, const char *x)
{
    char text[LAW_TEXT];
    chart_note(c, "%s nats", law_text(f->law, f->params, x, text));
}

int figure_law(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_FIT, 0);
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    struct fitted f;
    struct points p;
    int status = fitted_read(&f, r->json, r->path, e);
    if (!status) status = result_points(&p, r, file ? file->path : NULL, false, e);
    if (status) {
        fitted_free(&f);
        return -1;
    }
    if (f.law->variables & LAW_ANY) {
        const enum points_column column = result_variable(r);
        const double *x = points_values(&p, column);
        double lo = INFINITY, hi = 0;
        chart_panel(c, axis_of(column), AXIS_L, "Law %s", f.law->name);
        note_law(c, &f, points_text(column));
        for (size_t i = 0; i < p.n; i++) {
            lo = fmin(lo, x[i]);
            hi = fmax(hi, x[i]);
        }
        char label[64];
        snprintf(label, sizeof label, f.n >= 20 ? "law, band: %g %% of resamples" : "law",
                 100 * f.level);
        put_curve(c, &f, lo, hi, CHART_RED, label);
        chart_series(c, PLOT_POINTS, CHART_BLUE, "%zu runs", p.n);
        for (size_t i = 0; i < p.n; i++) chart_at(c, x[i], p.loss[i]);
    } else if (f.law->variables == (LAW_N | LAW_D) && allocate_can(f.law)) {
        points_close(&p);
        fitted_free(&f);
        return figure_contours(c, in, e);
    } else {
        put_predicted(c, &f, &p);
        note_law(c, &f, NULL);
    }
    points_close(&p);
    fitted_free(&f);
    return 0;
}

/* One group: its points and its law, in one colour. */
static int put_group(struct chart *c, const struct result *r, json_t *group, double share,
                     const struct points *p, const double *x, struct err *e)
{
    struct fitted f;
    char color[8];
    const char *name = result_string(group, "group");
    if (fitted_read(&f, group, r->path, e)) {
        fitted_free(&f);
        return -1;
    }
    double lo = INFINITY, hi = 0;
    plot_color(0.85 * share, color);
    chart_series(c, PLOT_POINTS, color, "%s", "");
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->by_names[p->by[i]], name) != 0 || !(x[i] > 0)) continue;
        chart_at(c, x[i], p->loss[i]);
        lo = fmin(lo, x[i]);
        hi = fmax(hi, x[i]);
    }
    char label[160];
    const int alpha = law_param_index(f.law, "alpha");
    if (alpha >= 0)
        snprintf(label, sizeof label, "%.60s: α = %.3g (%.3g to %.3g)", name, f.params[alpha],
                 f.lo[alpha], f.hi[alpha]);
    else
        snprintf(label, sizeof label, "%.100s", name);
    if (lo <= hi) put_curve(c, &f, lo, hi, color, label);
    fitted_free(&f);
    return 0;
}

int figure_laws(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_FITS, 0);
    const struct result *file = figure_input(in, RESULT_POINTS, 0);
    json_t *groups = json_object_get(r->json, "groups"), *group;
    struct law *own = NULL;
    const struct law *law = expression_or_name(result_string(r->json, "law"), &own, e);
    const size_t n = json_array_size(groups);
    struct points p;
    if (!law) return err_prefix(e, "%s", r->path);
    if (!(law->variables & LAW_ANY)) {
        err_set(e, "%s: groups of the law %s: only laws of one variable are drawn together",
                r->path, law->name);
        expression_free(own);
        return -1;
    }
    if (!n) return err_set(e, "%s: no group", r->path);
    if (result_points(&p, r, file ? file->path : NULL, false, e)) return -1;
    const enum points_column column = result_variable(r);
    const double *x = points_values(&p, column);
    chart_panel(c, axis_of(column), AXIS_L, "Law %s of each group", law->name);
    chart_note(c, "%s, x = %s", law->formula, points_text(column));
    int status = 0;
    size_t i;
    json_array_foreach(groups, i, group) if (!status) status =
        put_group(c, r, group, n > 1 ? (double)i / (double)(n - 1) : 0, &p, x, e);
    points_close(&p);
    return status;
}
