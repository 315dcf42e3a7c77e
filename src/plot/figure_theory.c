/* figure_theory.c - the quantization model's own numbers: exact losses beside closed forms (Michaud et al.
 * 2023, appendix, Figure 6), and the toy model of clustering (Figure 17).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/figure.h"

static void put_member(struct chart *c, json_t *list, const char *x, const char *y,
                       enum plot_style style, const char *color, const char *name)
{
    json_t *row;
    size_t i;
    chart_series(c, style, color, "%s", name);
    json_array_foreach(list, i, row) chart_at(c, result_number(row, x), result_number(row, y));
}

int figure_theory(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_THEORY, 0);
    json_t *sums = json_object_get(r->json, "sums"), *draws = json_object_get(r->json, "draws"),
           *row;
    const double alpha = result_number(r->json, "alpha");
    const struct axis n = {"n (quanta learned)", true, AXIS_PLAIN, {0}};
    size_t i;
    if (json_array_size(sums) < 2) return err_set(e, "%s: fewer than two sums to draw", r->path);
    chart_panel(c, n, (struct axis){"loss less the least (b - a, or nats)", true, AXIS_PLAIN, {0}},
                "Loss by quanta learned");
    chart_note(c, "α = %.3g", alpha);
    put_member(c, sums, "n", "unigram", PLOT_LINE_POINTS, CHART_BLUE, "from -ln p to 0, nats");
    put_member(c, sums, "n", "unigram_closed", PLOT_DASHED, CHART_BLUE, "its closed form");
    put_member(c, sums, "n", "constant", PLOT_LINE_POINTS, CHART_RED,
               "from b to a, units of b - a");
    put_member(c, sums, "n", "constant_closed", PLOT_DASHED, CHART_RED, "its closed form");
    if (json_array_size(draws) < 2) return 0;
    chart_panel(c, (struct axis){"D (samples drawn)", true, AXIS_PLAIN, {0}},
                (struct axis){"loss less the least (b - a)", true, AXIS_PLAIN, {0}},
                "Loss by data");
    chart_note(c, "theory: D^%.3g", -alpha / (alpha + 1));
    chart_series(c, PLOT_POINTS, CHART_BLUE, "drawn, 2 standard errors");
    json_array_foreach(draws, i, row)
    {
        const double loss = result_number(row, "loss"), error = result_number(row, "error");
        chart_range(c, result_number(row, "samples"), loss, loss - 2 * error, loss + 2 * error);
    }
    put_member(c, draws, "samples", "expected", PLOT_LINE, CHART_RED, "expected");
    return 0;
}

int figure_toy(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_TOY, 0);
    json_t *rows = json_object_get(r->json, "rows"), *row;
    double lo = INFINITY, hi = -INFINITY;
    size_t i;
    if (!json_array_size(rows)) return err_set(e, "%s: no row in it", r->path);
    chart_panel(c, (struct axis){"slope of the sizes drawn (exponent)", false, AXIS_PLAIN, {0}},
                (struct axis){"slope of the envelope (exponent)", false, AXIS_PLAIN, {0}},
                "Toy model of clustering");
    chart_aspect(c, 0.8);
    chart_scale(c, "noise σ (standard deviations)", false, 0, 0);
    chart_series(c, PLOT_POINTS, NULL, "%zu settings", json_array_size(rows));
    json_array_foreach(rows, i, row)
    {
        const double truth = result_number(row, "truth"), slope = result_number(row, "slope");
        chart_z(c, truth, slope, result_number(row, "sigma"));
        lo = fmin(lo, fmin(truth, slope));
        hi = fmax(hi, fmax(truth, slope));
    }
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){lo, lo}, (double[]){hi, hi}, "equal");
    return 0;
}
