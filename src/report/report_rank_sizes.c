/* report_rank_sizes.c - see report_rank_sizes.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_rank_sizes.h"

#include <stdlib.h>

#include "src/base/json.h"
#include "src/report/plot.h"

/* A terminal gets ranks 1 2 3 5 10 20 30 50 ..., and the line's ends. */
static bool shown(const struct rank_envelope *v, size_t rank)
{
    size_t r = rank;
    while (r % 10 == 0) r /= 10;
    return r == 1 || r == 2 || r == 3 || r == 5 || rank == v->first || rank == v->last ||
           rank == v->ranks;
}

void report_rank_sizes(struct sheet *s, const char *name, const struct clustering *r,
                       const struct rank_envelope *v, double alpha)
{
    static const struct column line[] = {
        {.name = "slope", .format = "%.6f"},   {.name = "lo", .format = "%.6f"},
        {.name = "hi", .format = "%.6f"},      {.name = "error", .format = "%.6f"},
        {.name = "bias", .format = "%.6f"},    {.name = "first", .unit = TABLE_EXACT},
        {.name = "last", .unit = TABLE_EXACT}, {.name = "alpha", .format = "%.6f"},
        {.name = "theory", .format = "%.6f"}};
    static const struct column points[] = {{.name = "rank", .unit = TABLE_EXACT},
                                           {.name = "size", .unit = TABLE_EXACT},
                                           {.name = "clusters", .unit = TABLE_EXACT},
                                           {.name = "line", .format = "%.6g"}};
    sheet_remark(s, "%s: %zu samples, %zu numbers of clusters; envelope of ranks 1 to %zu", name,
                 r->n, r->kinds, v->ranks);
    sheet_remark(
        s,
        "line: ln size on ln rank over ranks %zu to %zu (published: 101 to 1000 of 10000 "
        "samples); lo, hi, error, bias: bootstrap over samples, 95 %%, with labels as they "
        "are",
        v->first, v->last);
    struct table *t = sheet_table(s, line, sizeof line / sizeof *line, "-", false);
    table_real(t, v->slope);
    table_real(t, v->lo);
    table_real(t, v->hi);
    table_real(t, v->error);
    table_real(t, v->bias);
    table_whole(t, v->first);
    table_whole(t, v->last);
    table_real(t, -v->slope - 1);
    table_real(t, -(alpha + 1));
    sheet_gap(s);
    t = sheet_table(s, points, sizeof points / sizeof *points, "-", false);
    for (size_t i = 0; i < v->ranks; i++) {
        table_whole(t, i + 1);
        table_whole(t, v->size[i]);
        table_whole(t, r->kind[v->kind[i]].clusters);
        if (i + 1 >= v->first && i + 1 <= v->last)
            table_real(t, exp(v->level + v->slope * log((double)(i + 1))));
        else
            table_none(t);
        if (!shown(v, i + 1)) table_detail(t);
    }
}

json_t *report_rank_sizes_json(const char *name, const struct clustering *r,
                               const struct rank_envelope *v, double alpha)
{
    json_t *sizes = json_array(), *clusters = json_array();
    for (size_t i = 0; i < v->ranks; i++) {
        json_array_append_new(sizes, json_integer(v->size[i]));
        json_array_append_new(clusters, json_integer((json_int_t)r->kind[v->kind[i]].clusters));
    }
    return json_pack(
        "{s:o, s:I, s:{s:o, s:o, s:[I, I], s:o, s:o, s:{s:o, s:o}}, s:{s:f, s:f}, s:{s:o, s:o}}",
        "labels", json_utf8(name), "samples", (json_int_t)r->n, "line", "slope",
        json_finite(v->slope), "level", json_finite(v->level), "ranks", (json_int_t)v->first,
        (json_int_t)v->last, "error", json_finite(v->error), "bias", json_finite(v->bias),
        "interval", "lo", json_finite(v->lo), "hi", json_finite(v->hi), "theory", "alpha", alpha,
        "slope", -(alpha + 1), "envelope", "size", sizes, "clusters", clusters);
}

/* --- the figure --- */

/* SIZE [clusters] of one kind from the largest down. */
static int ranked_sizes(double *size, const struct clustering *r, size_t kind, struct err *e)
{
    size_t *all = clustering_sizes(r, kind, e);
    if (!all) return -1;
    for (size_t i = 0; i < r->kind[kind].clusters; i++) size[i] = (double)all[i];
    free(all);
    return 0;
}

int report_rank_sizes_plot(const char *path, const struct clustering *r,
                           const struct rank_envelope *v, double alpha, bool *drawn, struct err *e)
{
    size_t most = v->ranks;
    for (size_t k = 0; k < r->kinds; k++)
        most = r->kind[k].clusters > most ? r->kind[k].clusters : most;
    double *rank = malloc(most * sizeof *rank), *size = malloc(r->kinds * most * sizeof *size),
           *top = malloc(v->ranks * sizeof *top);
    struct plot_series *series = calloc(r->kinds + 3, sizeof *series);
    char(*colors)[8] = calloc(r->kinds, sizeof *colors);
    char line[64], theory[64];
    int status = rank && size && top && series && colors ? 0 : err_memory(e, path);
    for (size_t i = 0; i < most && !status; i++) rank[i] = (double)(i + 1);
    for (size_t k = 0; k < r->kinds && !status; k++) {
        status = ranked_sizes(size + k * most, r, k, e);
        plot_color(r->kinds > 1 ? 0.85 * (double)k / (double)(r->kinds - 1) : 0, colors[k]);
        series[k] = (struct plot_series){.x = rank,
                                         .y = size + k * most,
                                         .n = r->kind[k].clusters,
                                         .style = PLOT_LINE,
                                         .color = colors[k]};
    }
    if (!status) {
        const double ends[2] = {(double)v->first, (double)v->last};
        const double middle = sqrt(ends[0] * ends[1]);
        double y[2], theory_x[2] = {ends[0] / 10 < 1 ? 1 : ends[0] / 10, ends[1]}, theory_y[2];
        for (size_t i = 0; i < v->ranks; i++) top[i] = v->size[i];
        for (size_t i = 0; i < 2; i++) {
            y[i] = exp(v->level + v->slope * log(ends[i]));
            theory_y[i] =
                exp(v->level + v->slope * log(middle)) * pow(theory_x[i] / middle, -(alpha + 1));
        }
        snprintf(line, sizeof line, "slope %.3f", v->slope);
        snprintf(theory, sizeof theory, "theory %.3f", -(alpha + 1));
        struct plot_series *s = series + r->kinds;
        s[0] = (struct plot_series){.name = "envelope",
                                    .x = rank,
                                    .y = top,
                                    .n = v->ranks,
                                    .style = PLOT_LINE,
                                    .color = "#000000"};
        s[1] = (struct plot_series){
            .name = line, .x = ends, .y = y, .n = 2, .style = PLOT_LINE, .color = "#d62728"};
        s[2] = (struct plot_series){.name = theory,
                                    .x = theory_x,
                                    .y = theory_y,
                                    .n = 2,
                                    .style = PLOT_DASHED,
                                    .color = "#7f7f7f"};
        const struct plot p = {.title = "Sizes of clusters",
                               .xlabel = "rank",
                               .ylabel = "samples",
                               .xlog = true,
                               .ylog = true,
                               .series = series,
                               .n = r->kinds + 3};
        status = plot_write(&p, path, drawn, e);
    }
    free(rank);
    free(size);
    free(top);
    free(series);
    free(colors);
    return status;
}
