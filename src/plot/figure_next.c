/* figure_next.c - the runs to train next, and what they would narrow (tripod fit design).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/figure.h"

static void put_where(struct chart *c, const struct result *r, json_t *runs, const char *unit)
{
    json_t *run, *target;
    size_t i;
    char label[64];
    snprintf(label, sizeof label, "spent with it (%s)", unit);
    chart_panel(c, AXIS_N, AXIS_D, "Which runs to train next");
    chart_scale(c, label, true, 0, 0);
    chart_series(c, PLOT_POINTS, NULL, "%zu of %.0f candidates", json_array_size(runs),
                 result_number(r->json, "candidates"));
    json_array_foreach(runs, i, run)
        chart_z(c, result_number(run, "N"), result_number(run, "D"), result_number(run, "spent"));
    chart_series(c, PLOT_CROSSES, CHART_RED, "target");
    json_array_foreach(json_object_get(r->json, "targets"), i, target)
        chart_at(c, result_number(target, "N"), result_number(target, "D"));
}

static void put_level(struct chart *c, const char *color, const char *name, const double ends[2],
                      double share)
{
    if (isfinite(share))
        chart_line(c, PLOT_DASHED, color, (double[]){ends[0], 100 * share},
                   (double[]){ends[1], 100 * share}, name);
}

static void put_width(struct chart *c, const struct result *r, json_t *runs, const char *unit)
{
    const size_t n = json_array_size(runs);
    const double ends[2] = {result_number(json_array_get(runs, 0), "spent"),
                            result_number(json_array_get(runs, n - 1), "spent")};
    json_t *run;
    size_t i;
    char label[64];
    snprintf(label, sizeof label, "spent (%s)", unit);
    chart_panel(c, (struct axis){label, true, AXIS_PLAIN, {0}},
                (struct axis){"half-width at the target (%)", false, AXIS_PLAIN, {0}},
                "What they would narrow");
    chart_note(c, "the %g %% interval of what the law %s says there",
               100 * result_number(r->json, "level"), result_string(r->json, "law"));
    chart_series(c, PLOT_LINE_POINTS, CHART_BLUE, "with the runs up to there");
    json_array_foreach(runs, i, run)
        chart_at(c, result_number(run, "spent"), 100 * result_number(run, "half_width"));
    put_level(c, CHART_GREY, "with those there are", ends,
              result_number(r->json, "half_width.before"));
    put_level(c, CHART_GREEN, "with all candidates", ends,
              result_number(r->json, "half_width.every_candidate"));
}

int figure_next(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_DESIGN, 0);
    json_t *runs = json_object_get(r->json, "runs");
    const char *cost = result_option(r, "cost");
    if (!json_array_size(runs)) return err_set(e, "%s: no run is chosen in it", r->path);
    put_where(c, r, runs, cost ? cost : "FLOP");
    put_width(c, r, runs, cost ? cost : "FLOP");
    return 0;
}
