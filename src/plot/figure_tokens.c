/* figure_tokens.c - losses token by token: their distribution, of what the mean is made, and means of groups
 * of tokens. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fit/ols.h"
#include "src/plot/figure.h"
#include "src/scan/row_list.h"
#include "src/scan/token_histogram.h"

#define P_OF_L                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "density p(L) (per nat)", false, AXIS_PER_LOSS,                                            \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define LP_OF_L                                                                                    \
    (struct axis)                                                                                  \
    {                                                                                              \
        "L p(L) (nats per nat)", false, AXIS_PLAIN,                                                \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define LOSS_L                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "loss L of a token (nats)", false, AXIS_LOSS,                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* A checkpoint's losses, as a matrix or a histogram's JSON has them; nats. */
struct column {
    const char *model;
    char label[96];
    double step, N, mean;
    const double *x, *density; /* [bins] */
};
struct columns {
    struct column *c;
    size_t n, bins;
    double *block;
    struct matrix m; /* what labels point into, of a matrix */
    double rows;
};

static void columns_free(struct columns *s)
{
    free(s->c);
    free(s->block);
    if (s->m.path) matrix_close(&s->m);
    *s = (struct columns){0};
}

static int from_matrix(struct columns *s, const char *path, size_t bins, struct err *e)
{
    struct histogram h = {0};
    const struct histogram_request q = {
        .bins = bins, .lo = 0, .hi = 18, .unit = 1, .one_pass = true};
    if (matrix_open(&s->m, path, e)) {
        s->m.path = NULL;
        return -1;
    }
    int status = histogram_make(&h, &s->m, &q, NULL, 0, e);
    const size_t n = s->m.columns;
    s->c = calloc(n, sizeof *s->c);
    s->block = malloc((n + 1) * bins * sizeof *s->block);
    if (!status && (!s->c || !s->block)) status = err_memory(e, path);
    for (size_t i = 0; i < bins && !status; i++) s->block[i] = token_bins_centre(&h.bins, i);
    for (size_t j = 0; j < n && !status; j++) {
        double *density = s->block + (j + 1) * bins;
        for (size_t i = 0; i < bins; i++) density[i] = histogram_density(&h, j, i);
        s->c[j] = (struct column){.model = s->m.column[j].model ? s->m.column[j].model : "",
                                  .step = (double)s->m.column[j].step,
                                  .N = s->m.column[j].parameters,
                                  .mean = h.mean[j],
                                  .x = s->block,
                                  .density = density};
        snprintf(s->c[j].label, sizeof s->c[j].label, "%s", s->m.column[j].label);
    }
    if (!status) s->rows = (double)h.rows;
    s->n = n;
    s->bins = bins;
    histogram_free(&h);
    return status;
}

static int from_json(struct columns *s, const struct result *r, struct err *e)
{
    json_t *list = json_object_get(r->json, "checkpoints");
    const size_t n = json_array_size(list);
    const size_t bins = json_array_size(json_object_get(json_array_get(list, 0), "density"));
    const double unit = strcmp(result_string(r->json, "unit"), "bits") ? 1 : log(2);
    size_t range_n;
    double *range = result_numbers(r->json, "range", &range_n);
    s->c = calloc(n + 1, sizeof *s->c);
    s->block = malloc((n + 1) * (bins + 1) * sizeof *s->block);
    int status = s->c && s->block ? 0 : err_memory(e, r->path);
    if (!status && (!n || !bins || range_n != 2))
        status = err_set(e, "%s: no range, or no checkpoint with a density", r->path);
    for (size_t i = 0; i < bins && !status; i++)
        s->block[i] = unit * (range[0] + (range[1] - range[0]) * ((double)i + 0.5) / (double)bins);
    for (size_t j = 0; j < n && !status; j++) {
        json_t *o = json_array_get(list, j);
        double *density = s->block + (j + 1) * bins;
        size_t have;
        double *v = result_numbers(o, "density", &have);
        if (!v || have != bins)
            status = err_set(e, "%s: checkpoint %zu: expected %zu densities, found %zu", r->path, j,
                             bins, have);
        for (size_t i = 0; i < bins && !status; i++) density[i] = v[i] / unit;
        free(v);
        s->c[j] = (struct column){.model = result_string(o, "model"),
                                  .step = result_number(o, "step"),
                                  .N = result_number(o, "N"),
                                  .mean = unit * result_number(o, "mean"),
                                  .x = s->block,
                                  .density = density};
        const double step = s->c[j].step;
        snprintf(s->c[j].label, sizeof s->c[j].label, step >= 0 ? "%.70s-step%.0f" : "%.70s",
                 s->c[j].model, step);
    }
    s->rows = result_number(r->json, "rows");
    s->n = n;
    s->bins = bins;
    free(range);
    return status;
}

/* --- which columns are drawn --- */

/* Of every model the last step, by N. */
static bool is_last(const struct columns *s, size_t j)
{
    for (size_t k = 0; k < s->n; k++)
        if (!strcmp(s->c[k].model, s->c[j].model) && s->c[k].step > s->c[j].step) return false;
    return true;
}

/* Of the model of the most parameters (the last of equal ones) every step. */
static bool is_largest(const struct columns *s, size_t j)
{
    size_t best = 0;
    for (size_t k = 0; k < s->n; k++)
        if (!(s->c[k].N < s->c[best].N)) best = k;
    return !strcmp(s->c[j].model, s->c[best].model);
}

static void put_densities(struct chart *c, const struct columns *s,
                          bool chosen(const struct columns *s, size_t j), bool times_loss,
                          const char *title)
{
    size_t n = 0, at = 0;
    for (size_t j = 0; j < s->n; j++) n += chosen(s, j);
    struct axis x = LOSS_L;
    x.log = !times_loss;
    if (x.log) {
        x.range[0] = 0.5 * s->c[0].x[0];
        x.range[1] = 18;
    }
    chart_panel(c, x, times_loss ? LP_OF_L : P_OF_L, "%s", title);
    for (size_t j = 0; j < s->n; j++) {
        char color[8];
        if (!chosen(s, j)) continue;
        plot_color(n > 1 ? 0.85 * (double)at / (double)(n - 1) : 0, color);
        at++;
        if (n > 12 || times_loss)
            chart_series(c, PLOT_LINE, color, "%s", "");
        else if (chosen == is_last && s->c[j].model[0])
            chart_series(c, PLOT_LINE, color, "%s", s->c[j].model);
        else if (s->c[j].step >= 0)
            chart_series(c, PLOT_LINE, color, "step %.0f", s->c[j].step);
        else
            chart_series(c, PLOT_LINE, color, "%s", s->c[j].label);
        for (size_t i = 0; i < s->bins; i++)
            chart_at(c, s->c[j].x[i], s->c[j].density[i] * (times_loss ? s->c[j].x[i] : 1));
    }
}

/* Means against N or step with the least-squares line of logarithms. */
static void put_means(struct chart *c, const struct columns *s,
                      bool chosen(const struct columns *s, size_t j), bool steps)
{
    double *u = malloc(2 * (s->n + 1) * sizeof *u), *v = u ? u + s->n : NULL;
    size_t n = 0;
    chart_panel(c, steps ? AXIS_STEP : AXIS_N, AXIS_L, "Mean loss");
    chart_series(c, PLOT_POINTS, CHART_BLUE, "%s", steps ? "checkpoints" : "models");
    for (size_t j = 0; j < s->n; j++) {
        const double at = steps ? s->c[j].step : s->c[j].N;
        if (!chosen(s, j) || !(at > 0)) continue;
        chart_at(c, at, s->c[j].mean);
        if (!u) continue;
        u[n] = log(at);
        v[n++] = log(s->c[j].mean);
    }
    struct ols_line line;
    if (u && n > 2 && ols_line(u, v, n, 0.95, &line)) {
        const double ends[2] = {u[0] < u[n - 1] ? u[0] : u[n - 1],
                                u[0] < u[n - 1] ? u[n - 1] : u[0]};
        const double y[2] = {exp(line.intercept + line.slope * ends[0]),
                             exp(line.intercept + line.slope * ends[1])};
        chart_line(c, PLOT_LINE, CHART_RED, (double[]){exp(ends[0]), y[0]},
                   (double[]){exp(ends[1]), y[1]}, "power law");
        chart_note(c, "L ∝ %s^%.3g (%.3g to %.3g)", steps ? "step" : "N", line.slope, line.slope_lo,
                   line.slope_hi);
    }
    free(u);
}

static int read_columns(struct columns *s, const struct figure_inputs *in, size_t bins,
                        struct err *e)
{
    const struct result *r = &in->result[0];
    *s = (struct columns){0};
    int status =
        r->kind == RESULT_HISTOGRAM ? from_json(s, r, e) : from_matrix(s, r->path, bins, e);
    if (status) columns_free(s);
    return status;
}

static size_t count_known(const struct columns *s, bool chosen(const struct columns *s, size_t j),
                          bool steps)
{
    size_t n = 0;
    for (size_t j = 0; j < s->n; j++) n += chosen(s, j) && (steps ? s->c[j].step : s->c[j].N) > 0;
    return n;
}

int figure_losses(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    struct columns s;
    if (read_columns(&s, in, 300, e)) return -1;
    if (count_known(&s, is_last, false) > 1) put_means(c, &s, is_last, false);
    put_densities(c, &s, is_last, false, "Distribution of losses");
    put_densities(c, &s, is_last, true, "What the mean is made of");
    if (s.n == 1) chart_note(c, "%.0f tokens, mean %.4g nats", s.rows, s.c[0].mean);
    columns_free(&s);
    return 0;
}

int figure_over_steps(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    struct columns s;
    if (read_columns(&s, in, 300, e)) return -1;
    int status = 0;
    if (count_known(&s, is_largest, true) < 2) {
        status = err_set(e, "%s: its largest model has only one training step", in->result[0].path);
    } else {
        put_means(c, &s, is_largest, true);
        put_densities(c, &s, is_largest, false, "Distribution of losses");
        put_densities(c, &s, is_largest, true, "What the mean is made of");
    }
    columns_free(&s);
    return status;
}

/* --- single tokens --- */

/* Loss of single tokens by size, a panel each: learned at once or smoothly. */
int figure_curves(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    enum { PANELS = 8 };
    const struct result *r = figure_input(in, RESULT_MATRIX, 0);
    const struct result *rows = figure_input(in, RESULT_ROWS, 0);
    struct matrix m;
    struct row_list list = {0};
    if (!rows) return err_set(e, "%s: which tokens? give a list of rows beside it", r->path);
    if (matrix_open(&m, r->path, e)) return -1;
    int status = row_list_read(&list, rows->path, m.rows, PANELS, e);
    if (!status && !list.n) status = err_set(e, "%s: an empty list", rows->path);
    double *loss = malloc((m.columns + 1) * sizeof *loss);
    if (!loss) status = err_memory(e, r->path);
    for (size_t i = 0; i < list.n && !status; i++) {
        size_t drawn = 0;
        chart_panel(c, AXIS_N, (struct axis){"loss (nats)", false, AXIS_LOSS, {0}}, "row %llu",
                    (unsigned long long)list.row[i]);
        chart_series(c, PLOT_POINTS, CHART_BLUE, "%s", "");
        matrix_row(&m, matrix_at(&m, list.row[i]), 0, loss);
        for (size_t j = 0; j < m.columns; j++) {
            bool last = m.column[j].parameters > 0;
            for (size_t k = 0; k < m.columns; k++)
                last = last && !(m.column[k].parameters == m.column[j].parameters &&
                                 m.column[k].step > m.column[j].step);
            if (!last) continue;
            chart_at(c, m.column[j].parameters, loss[j]);
            drawn++;
        }
        if (drawn < 2) status = err_set(e, "%s: losses of fewer than two sizes", r->path);
    }
    chart_columns(c, 4);
    free(loss);
    row_list_free(&list);
    matrix_close(&m);
    return status;
}

/* --- groups of tokens --- */

int figure_by(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    static const char *const by[][2] = {{"frequency", "times the token is predicted (tokens)"},
                                        {"position", "place in the document (tokens)"},
                                        {"length", "length of the document (tokens)"}};
    const struct result *r = figure_input(in, RESULT_BY, 0);
    const char *what = result_string(r->json, "by"), *label = NULL;
    json_t *columns = json_object_get(r->json, "columns"),
           *groups = json_object_get(r->json, "groups");
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(by[i][0], what)) label = by[i][1];
    if (!label)
        return err_set(e, "%s: by %s, which is a table; drawn are frequency, position and length",
                       r->path, what);
    chart_panel(c, (struct axis){label, true, AXIS_PLAIN, {0}}, AXIS_L, "Loss by %s", what);
    chart_note(c, "bars: 2 standard errors, by documents; groups at their geometric middle");
    const size_t n = json_array_size(columns);
    for (size_t j = 0; j < n; j++) {
        json_t *o = json_array_get(columns, j), *group;
        bool last = true;
        size_t i;
        for (size_t k = 0; k < n; k++) {
            json_t *other = json_array_get(columns, k);
            last = last && !(!strcmp(result_string(other, "model"), result_string(o, "model")) &&
                             result_number(other, "step") > result_number(o, "step"));
        }
        if (!last) continue;
        char color[8];
        plot_color(n > 1 ? 0.85 * (double)j / (double)(n - 1) : 0, color);
        chart_series(c, PLOT_POINTS, color, "%s", "");
        for (int pass = 0; pass < 2; pass++) {
            if (pass) chart_series(c, PLOT_LINE, color, "%s", result_string(o, "model"));
            json_array_foreach(groups, i, group)
            {
                json_t *means = json_object_get(group, "means"), *se = json_object_get(group, "se");
                const double mean = json_number_value(json_array_get(means, j)),
                             error = json_number_value(json_array_get(se, j)),
                             x = sqrt(result_number(group, "from") * result_number(group, "to"));
                if (!json_is_number(json_array_get(means, j))) continue;
                if (pass)
                    chart_at(c, x, mean);
                else
                    chart_range(c, x, mean, mean - 2 * error, mean + 2 * error);
            }
        }
    }
    return 0;
}
