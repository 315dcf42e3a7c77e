/* report_design.c - see report_design.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_design.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/report/law_text.h"
#include "src/report/plot.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *const criteria[] = {"v", "d", "mse"};
static const char *const criterion_text[] = {
    "V: the mean squared error at the target",
    "D: the determinant of the information; the target has no say",
    "MSE: the mean squared error at the target, the truth any law the rows allow",
};

static void remarks(struct sheet *s, const struct design *d, const struct points *rows,
                    const struct points *candidates, const struct design_options *o)
{
    char text[LAW_TEXT];
    sheet_remark(s, "%s on %zu rows of %s: %s, with a weak prior; ln L spreads by %.4g",
                 o->law->name, rows->n, rows->path, law_text(o->law, d->fit.params, NULL, text),
                 d->sigma);
    sheet_remark(s, "%s", criterion_text[o->criterion]);
    for (size_t k = 0; k < d->laws; k++)
        sheet_detail(s, "weight of %s: %.3g", d->law[k].law->name, d->law[k].weight);
    sheet_remark(s, "%zu of %zu candidates chosen, %.4g of %.4g spent", d->n, candidates->n,
                 d->spent, o->budget);
}

static json_t *targets(struct sheet *s, const struct design *d, const struct design_options *o)
{
    const struct column columns[] = {
        {.name = "N", .format = "%.8g", .unit = TABLE_COUNT},
        {.name = "D", .format = "%.8g", .unit = TABLE_COUNT},
        {.name = "loss", .format = "%.7g"},
        {.name = "half_width", .unit = TABLE_PERCENT, .head = "+-"},
        {.name = "half_width_after", .unit = TABLE_PERCENT, .head = "+- after"},
    };
    sheet_gap(s);
    sheet_remark(s, "target: half-widths of the %.4g %% interval of ln %s", 100 * o->level,
                 o->optimum > 0 ? "N*" : "L");
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < d->n_targets; i++) {
        table_real(t, d->target[i].N);
        table_real(t, d->target[i].D);
        table_real(t, d->target[i].loss);
        table_real(t, d->target[i].half);
        table_real(t, d->target[i].half_after);
    }
    return table_json(t, false);
}

static json_t *runs(struct sheet *s, const struct design *d, const struct points *candidates,
                    const double *cost, bool rounds)
{
    const struct column columns[] = {
        {.name = "run", .unit = TABLE_EXACT},
        {.name = "round", .unit = TABLE_EXACT, .flags = rounds ? 0 : TABLE_DETAIL},
        {.name = "line", .unit = TABLE_EXACT, .flags = TABLE_DETAIL},
        {.name = "N", .format = "%.8g", .unit = TABLE_COUNT},
        {.name = "D", .format = "%.8g", .unit = TABLE_COUNT},
        {.name = "cost", .format = "%.7g", .unit = TABLE_FLOP},
        {.name = "spent", .format = "%.7g", .unit = TABLE_FLOP},
        {.name = "half_width", .unit = TABLE_PERCENT, .head = "+-"},
        {.name = "shrink_per_cost", .head = "shrinks per cost"},
    };
    sheet_gap(s);
    sheet_remark(s,
                 "runs, %s first; the half-width with each and all before; how much it shrinks by "
                 "what the run costs",
                 rounds ? "by round, the cheapest" : "what helps most per FLOP");
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < d->n; i++) {
        const struct design_step *step = &d->step[i];
        const size_t k = step->candidate;
        table_whole(t, i + 1);
        table_whole(t, step->round);
        table_whole(t, candidates->line[k]);
        table_real(t, candidates->N[k]);
        table_real(t, candidates->D[k]);
        table_real(t, cost[k]);
        table_real(t, step->spent);
        table_real(t, step->half);
        table_real(t, step->gain / cost[k]);
    }
    return table_json(t, false);
}

/* When more runs stop helping, and why they may even harm. */
static void end(struct sheet *s, const struct design *d)
{
    const double every = 100 * d->half_every;
    sheet_gap(s);
    if (!d->n)
        sheet_remark(s,
                     "no candidate within the budget helps: +-%.4g %% now, +-%.4g %% with all that "
                     "help at any cost",
                     100 * d->half, every);
    else if (d->enough)
        sheet_remark(s,
                     "more runs stop helping after run %zu, %.4g spent: from there all candidates "
                     "that help, whatever they cost, would win less than 10 %%, to +-%.4g %%",
                     d->enough, d->step[d->enough - 1].spent, every);
    else
        sheet_remark(s, "more runs would help: all that do, whatever they cost, give +-%.4g %%",
                     every);
    if (d->half_all > 1.001 * d->half_every)
        sheet_remark(
            s,
            "every single candidate: +-%.4g %%: a fit counts all runs alike, and those far "
            "from the target pull it towards where the truth may depart from the law",
            100 * d->half_all);
    if (d->half_after > d->half)
        sheet_remark(s, "wider than before: %s",
                     d->sigma_last > d->sigma
                         ? "the new runs lie further from the law than those there were"
                         : "the criterion does not look at the target");
}

json_t *design_report(struct sheet *s, const struct design *d, const struct points *rows,
                      const struct points *candidates, const double *cost,
                      const struct design_options *o)
{
    remarks(s, d, rows, candidates, o);
    json_t *at = targets(s, d, o), *steps = runs(s, d, candidates, cost, o->rounds > 1);
    end(s, d);
    json_t *weights = json_object(), *params = json_object();
    for (size_t k = 0; k < d->laws; k++)
        json_object_set_new(weights, d->law[k].law->name, json_finite(d->law[k].weight));
    for (int i = 0; i < o->law->n; i++)
        json_object_set_new(params, o->law->param[i].name, json_finite(d->last.params[i]));
    return json_pack(
        "{s:s, s:o, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:{s:o, s:o, s:o, s:o}, s:I, s:o, s:o, s:o, s:o}",
        "law", o->law->name, "params", params, "criterion", criteria[o->criterion], "rows",
        (json_int_t)rows->n, "candidates", (json_int_t)candidates->n, "sigma", d->sigma, "level",
        o->level, "budget", o->budget, "spent", d->spent, "half_width", "before",
        json_finite(d->half), "after", json_finite(d->half_after), "every_candidate",
        json_finite(d->half_every), "all_together", json_finite(d->half_all), "enough",
        (json_int_t)d->enough, "weights", weights, "targets", at, "runs", steps, "provenance",
        provenance_json());
}

int design_plot(const struct design *d, const struct points *rows, const struct points *candidates,
                const char *path, bool *drawn, struct err *e)
{
    const size_t n = d->n, at = d->n_targets;
    double *v = malloc((4 * (n + 1) + 2 * at) * sizeof *v);
    if (!v) return err_memory(e, path);
    double *N = v, *D = N + n + 1, *spent = D + n + 1, *half = spent + n + 1,
           *target_N = half + n + 1, *target_D = target_N + at;
    for (size_t i = 0; i < n; i++) {
        N[i] = candidates->N[d->step[i].candidate];
        D[i] = candidates->D[d->step[i].candidate];
        spent[i] = d->step[i].spent;
        half[i] = 100 * d->step[i].half;
    }
    for (size_t i = 0; i < at; i++) {
        target_N[i] = d->target[i].N;
        target_D[i] = d->target[i].D;
    }
    const struct plot_series where[] = {
        {.name = "candidates",
         .x = candidates->N,
         .y = candidates->D,
         .n = candidates->n,
         .color = "#c0c0c0"},
        {.name = "rows there are", .x = rows->N, .y = rows->D, .n = rows->n, .color = "#4878a8"},
        {.name = "chosen", .x = N, .y = D, .n = n, .color = "#c83232"},
        {.name = "target",
         .x = target_N,
         .y = target_D,
         .n = at,
         .style = PLOT_CROSSES,
         .color = "#000000"},
    };
    const struct plot_series curve[] = {
        {.name = "with the runs chosen", .x = spent, .y = half, .n = n, .style = PLOT_LINE_POINTS}};
    const struct plot right = {.title = "what they buy",
                               .xlabel = "cost",
                               .ylabel = "half-width of the interval at the target, %",
                               .xlog = true,
                               .ylog = true,
                               .series = curve,
                               .n = 1};
    const struct plot left = {.title = "which runs to train next",
                              .xlabel = "N, parameters",
                              .ylabel = "D, tokens",
                              .xlog = true,
                              .ylog = true,
                              .key = "outside bottom center horizontal",
                              .series = where,
                              .n = COUNT_OF(where),
                              .beside = &right};
    int status = plot_write(&left, path, drawn, e);
    free(v);
    return status;
}
