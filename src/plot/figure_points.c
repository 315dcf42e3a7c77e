/* figure_points.c - training runs as they are, before any law. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "src/plot/figure.h"

/* Standard errors of the rows' losses, from a column se of the file; NaN where there is none. */
static double *standard_errors(const struct points *p, const struct csv *c, struct err *e)
{
    double *se = malloc((p->n + 1) * sizeof *se);
    const long column = csv_find(c, "se");
    if (!se) err_memory(e, p->path);
    for (size_t i = 0, row = 0; se && i < p->n; i++) {
        se[i] = NAN;
        while (row < c->rows && c->line[row + 1] < p->line[i]) row++;
        struct err ignored;
        if (column >= 0 && !p->loss_conversion &&
            csv_number(c, row, (size_t)column, &se[i], &ignored))
            se[i] = NAN;
    }
    return se;
}

static bool has(const struct points *p, enum points_column column)
{
    return p->have >> column & 1;
}

/* The row of a run with the most steps. */
static size_t last_row(const struct points *p, size_t run)
{
    size_t last = p->n;
    for (size_t i = 0; i < p->n; i++) {
        if (p->run[i] != run) continue;
        if (last == p->n || !(p->step[i] <= p->step[last])) last = i;
    }
    return last;
}

static void put_sizes(struct chart *c, const struct points *p, const double *se, bool last)
{
    chart_panel(c, AXIS_N, AXIS_L, last ? "Loss of the last step by size" : "Loss by size");
    chart_series(c, PLOT_POINTS, NULL, "%s", "");
    for (size_t k = 0; k < (last ? p->n_runs : p->n); k++) {
        const size_t i = last ? last_row(p, k) : k;
        if (i < p->n)
            chart_range(c, p->N[i], p->loss[i], p->loss[i] - 2 * se[i], p->loss[i] + 2 * se[i]);
    }
    if (isfinite(se[0])) chart_note(c, "bars: 2 standard errors");
}

static void put_steps(struct chart *c, const struct points *p, const double *se)
{
    chart_panel(c, AXIS_STEP, AXIS_L, "Loss by training step");
    for (size_t run = 0; run < p->n_runs; run++) {
        char color[8];
        plot_color(p->n_runs > 1 ? 0.85 * (double)run / (double)(p->n_runs - 1) : 0, color);
        const char *name = p->n_runs <= 12 ? p->run_names[run] : "";
        chart_series(c, PLOT_BAND, color, "%s", "");
        for (size_t i = 0; i < p->n; i++)
            if (p->run[i] == run && isfinite(se[i]))
                chart_range(c, p->step[i], p->loss[i], p->loss[i] - 2 * se[i],
                            p->loss[i] + 2 * se[i]);
        chart_series(c, PLOT_LINE_POINTS, color, "%s", name);
        for (size_t i = 0; i < p->n; i++)
            if (p->run[i] == run) chart_at(c, p->step[i], p->loss[i]);
    }
    if (isfinite(se[0])) chart_note(c, "bands: 2 standard errors");
}

static void put_compute(struct chart *c, const struct points *p)
{
    chart_panel(c, AXIS_C, AXIS_L, "Loss by compute");
    chart_scale(c, "N (parameters)", true, 0, 0);
    chart_series(c, PLOT_POINTS, NULL, "%s", "");
    for (size_t i = 0; i < p->n; i++) chart_z(c, p->C[i], p->loss[i], p->N[i]);
}

int figure_points(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_POINTS, 0);
    struct csv csv;
    struct points p;
    if (csv_read(&csv, r->path, e)) return -1;
    if (points_read(&p, &csv, &(struct points_options){0}, e)) {
        csv_close(&csv);
        return -1;
    }
    double *se = standard_errors(&p, &csv, e);
    const bool sizes = has(&p, POINTS_N), steps = has(&p, POINTS_STEP) && p.n_runs < p.n;
    size_t known = 0;
    for (size_t i = 0; i < p.n; i++) known += isfinite(p.C[i]) && isfinite(p.N[i]);
    int status = se ? 0 : -1;
    if (!status && !sizes && !steps)
        status =
            err_set(e, "%s: neither a column of parameters nor of steps to draw against", r->path);
    if (!status && sizes) put_sizes(c, &p, se, steps);
    if (!status && known > 1) put_compute(c, &p);
    if (!status && steps) put_steps(c, &p, se);
    free(se);
    points_close(&p);
    csv_close(&csv);
    return status;
}
