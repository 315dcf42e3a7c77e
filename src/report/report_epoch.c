/* report_epoch.c - see report_epoch.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_epoch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/report/plot.h"

/* Inside the ranges the law was fitted on? Only what both the point and the row name. */
static bool extrapolates(const struct epoch_row *r, const struct epoch_at *at)
{
    const double given[3] = {at->C, at->D, at->N};
    const int lo[3] = {EPOCH_COMPUTE_LO, EPOCH_DATA_LO, EPOCH_SIZE_LO};
    for (int k = 0; k < 3; k++) {
        if (given[k] < r->number[lo[k]] || given[k] > r->number[lo[k] + 1]) return true;
    }
    return false;
}

/* --- the rows --- */

static void real(struct table *t, double v)
{
    table_real(t, isfinite(v) ? v : NAN);
}

/* Who, or as many of the title's words as a terminal has room for. */
static void authors(struct table *t, const char *paper)
{
    enum { ROOM = 18 };
    const char *name = epoch_authors(paper);
    size_t n = strlen(name), cut = n;
    if (n > ROOM) {
        for (cut = ROOM; cut && name[cut] != ' '; cut--) continue;
    }
    if (cut)
        table_text(t, "%.*s%s", (int)cut, name, cut < n ? " ..." : "");
    else
        table_text(t, "%s", name);
}

static void parameters(struct table *t, const struct epoch_row *r)
{
    char text[EPOCH_PARAMS * 32] = "";
    size_t used = 0;
    for (size_t k = 0; k < r->params; k++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%.6g", k ? " " : "",
                                 r->param[k].name, r->param[k].value);
    table_text(t, "%s", text);
}

static void value(struct table *t, const struct epoch_row *r, const struct epoch_at *at)
{
    if (!at) {
        table_none(t);
        table_none(t);
        return;
    }
    const char *note;
    double v = epoch_value(r, at, &note);
    bool outside = isfinite(v) && extrapolates(r, at);
    real(t, v);
    table_text(t, "%s%s%s", note ? note : "", note && outside ? "; " : "",
               outside ? "extrapolated" : "");
}

void epoch_rows_sheet(struct sheet *s, const struct epoch *e, const bool *keep,
                      const struct epoch_at *at)
{
    /* As much as 80 columns hold of what a person asks first: whose law, its exponents, and its form
     * or, where one was asked for, the value. */
    const unsigned asked = at ? 0 : TABLE_ONLY_JSON;
    const struct column columns[] = {
        {.name = "row", .unit = TABLE_EXACT},
        {.name = "authors", .head = "paper", .flags = TABLE_ONLY_TERMINAL},
        {.name = "paper", .flags = TABLE_DETAIL},
        {.name = "date", .flags = TABLE_DETAIL},
        {.name = "category", .flags = TABLE_DETAIL},
        {.name = "task", .flags = TABLE_DETAIL},
        {.name = "dependent", .flags = TABLE_DETAIL},
        {.name = "variable_1", .flags = TABLE_DETAIL},
        {.name = "variable_2", .flags = TABLE_DETAIL},
        {.name = "form", .flags = at ? TABLE_DETAIL : TABLE_NO_TERMINAL},
        {.name = "exponent_1", .head = "exp. 1"},
        {.name = "exponent_2", .head = "exp. 2"},
        {.name = "irreducible", .head = "E", .flags = at ? TABLE_DETAIL : 0},
        {.name = "parameters", .flags = TABLE_DETAIL},
        {.name = "C_lo", .unit = TABLE_FLOP, .flags = TABLE_DETAIL},
        {.name = "C_hi", .unit = TABLE_FLOP, .flags = TABLE_DETAIL},
        {.name = "data_lo", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
        {.name = "data_hi", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
        {.name = "data_unit", .flags = TABLE_DETAIL},
        {.name = "N_lo", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
        {.name = "N_hi", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
        {.name = "value", .flags = asked},
        {.name = "note", .flags = asked},
        {.name = "formula", .head = "form", .flags = at ? TABLE_ONLY_JSON : TABLE_ONLY_TERMINAL}};
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "", false);
    for (size_t i = 0; i < e->n; i++) {
        if (!keep[i]) continue;
        const struct epoch_row *r = &e->row[i];
        table_whole(t, i);
        authors(t, r->text[EPOCH_PAPER]);
        static const enum epoch_column texts[] = {
            EPOCH_PAPER,     EPOCH_DATE,       EPOCH_CATEGORY,   EPOCH_TASK,
            EPOCH_DEPENDENT, EPOCH_VARIABLE_1, EPOCH_VARIABLE_2, EPOCH_FORM};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            table_text(t, "%s", r->text[texts[k]]);
        for (int k = EPOCH_EXPONENT_1; k <= EPOCH_IRREDUCIBLE; k++) real(t, r->number[k]);
        parameters(t, r);
        for (int k = EPOCH_COMPUTE_LO; k <= EPOCH_DATA_HI; k++) real(t, r->number[k]);
        table_text(t, "%s", r->text[EPOCH_DATA_UNIT]);
        real(t, r->number[EPOCH_SIZE_LO]);
        real(t, r->number[EPOCH_SIZE_HI]);
        value(t, r, at);
        table_text(t, "%s", r->text[EPOCH_FORM]);
    }
}

static json_t *row_json(size_t i, const struct epoch_row *r, const struct epoch_at *at)
{
    json_t *params = json_object();
    for (size_t k = 0; k < r->params; k++)
        json_object_set_new(params, r->param[k].name, json_real(r->param[k].value));
    json_t *o = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:[o,o], s:[o,o], "
        "s:s, s:[o,o]}",
        "row", (json_int_t)i, "paper", r->text[EPOCH_PAPER], "date", r->text[EPOCH_DATE],
        "category", r->text[EPOCH_CATEGORY], "task", r->text[EPOCH_TASK], "dependent",
        r->text[EPOCH_DEPENDENT], "variable_1", r->text[EPOCH_VARIABLE_1], "variable_2",
        r->text[EPOCH_VARIABLE_2], "form", r->text[EPOCH_FORM], "exponent_1",
        json_finite(r->number[EPOCH_EXPONENT_1]), "exponent_2",
        json_finite(r->number[EPOCH_EXPONENT_2]), "irreducible",
        json_finite(r->number[EPOCH_IRREDUCIBLE]), "params", params, "compute",
        json_finite(r->number[EPOCH_COMPUTE_LO]), json_finite(r->number[EPOCH_COMPUTE_HI]), "data",
        json_finite(r->number[EPOCH_DATA_LO]), json_finite(r->number[EPOCH_DATA_HI]), "data_unit",
        r->text[EPOCH_DATA_UNIT], "size", json_finite(r->number[EPOCH_SIZE_LO]),
        json_finite(r->number[EPOCH_SIZE_HI]));
    if (o && at) {
        const char *note;
        double v = epoch_value(r, at, &note);
        json_object_set_new(o, "value", json_finite(v));
        json_object_set_new(o, "note", note ? json_string(note) : json_null());
        json_object_set_new(o, "extrapolated", json_boolean(extrapolates(r, at)));
    }
    return o;
}

json_t *epoch_rows_json(const struct epoch *t, const bool *keep, const struct epoch_at *at)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        if (keep[i]) json_array_append_new(list, row_json(i, &t->row[i], at));
    }
    return list;
}

/* --- the scatter of exponents --- */

/* Michaud et al.: what alpha_N implies. */
static double theory(const struct epoch_pair *p)
{
    return p->alpha_n / (1 + p->alpha_n);
}

static bool in_figure(const struct epoch_pair *p)
{
    return p->alpha_n <= 1.2 && p->alpha_d <= 1.2;
}

void epoch_pairs_sheet(struct sheet *s, const struct epoch *e, const struct epoch_pair *pairs,
                       size_t n)
{
    static const struct column columns[] = {
        {.name = "rows"},
        {.name = "paper"},
        {.name = "task"},
        {.name = "alpha_N"},
        {.name = "alpha_D"},
        {.name = "theory_alpha_D", .format = "%.4f", .head = "theory"},
        {.name = "in_figure", .head = "in figure"}};
    struct table *t = sheet_table(s, columns, 7, "", false);
    for (size_t i = 0; i < n; i++) {
        const struct epoch_pair *p = &pairs[i];
        const struct epoch_row *r = &e->row[p->n_row];
        if (p->d_row == p->n_row)
            table_text(t, "%zu", p->n_row);
        else
            table_text(t, "%zu+%zu", p->n_row, p->d_row);
        table_text(t, "%s", epoch_authors(r->text[EPOCH_PAPER]));
        table_text(t, "%s", r->text[EPOCH_DETAILS]);
        table_real(t, p->alpha_n);
        table_real(t, p->alpha_d);
        table_real(t, theory(p));
        table_flag(t, in_figure(p));
    }
}

json_t *epoch_pairs_json(const struct epoch *t, const struct epoch_pair *pairs, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct epoch_pair *p = &pairs[i];
        const struct epoch_row *r = &t->row[p->n_row];
        json_array_append_new(
            list, json_pack("{s:[I,I], s:s, s:s, s:f, s:f, s:f, s:b}", "rows", (json_int_t)p->n_row,
                            (json_int_t)p->d_row, "paper", r->text[EPOCH_PAPER], "task",
                            r->text[EPOCH_TASK], "alpha_N", p->alpha_n, "alpha_D", p->alpha_d,
                            "theory_alpha_D", theory(p), "in_figure", in_figure(p)));
    }
    return list;
}

#define CURVE 1000

int epoch_plot(const char *path, const struct epoch *t, const struct epoch_pair *pairs, size_t n,
               bool logarithmic, bool *drawn, struct err *e)
{
    static double cx[CURVE], curve[CURVE];
    struct plot_series *s = calloc(n + 2, sizeof *s);
    double *x = calloc(2 * n + 1, sizeof *x), *y = x ? x + n : NULL;
    size_t series = 2;
    if (!s || !x) {
        free(s);
        free(x);
        return err_memory(e, path);
    }
    for (size_t i = 0; i < CURVE; i++) {
        cx[i] = 1.2 * (double)i / (CURVE - 1);
        curve[i] = cx[i] / (1 + cx[i]);
    }
    s[0] = (struct plot_series){.name = "α_D = α_N / (1 + α_N)",
                                .x = cx,
                                .y = curve,
                                .n = CURVE,
                                .style = PLOT_LINE,
                                .color = "#000000"};
    s[1] = (struct plot_series){.name = "α_D = α_N",
                                .x = cx,
                                .y = cx,
                                .n = CURVE,
                                .style = PLOT_DASHED,
                                .color = "#888888"};
    for (size_t i = 0; i < n; i++) {
        const char *paper = t->row[pairs[i].n_row].text[EPOCH_PAPER];
        x[i] = pairs[i].alpha_n;
        y[i] = pairs[i].alpha_d;
        if (i && !strcmp(paper, t->row[pairs[i - 1].n_row].text[EPOCH_PAPER])) {
            s[series - 1].n++;
            continue;
        }
        s[series++] = (struct plot_series){
            .name = epoch_authors(paper), .x = x + i, .y = y + i, .n = 1, .style = PLOT_POINTS};
    }
    struct plot p = {.title = "Exponents of parameters and of data",
                     .xlabel = "α_N (exponent of parameters)",
                     .ylabel = "α_D (exponent of data)",
                     .xlog = logarithmic,
                     .ylog = logarithmic,
                     .x_range = {0.01, 1.2},
                     .y_range = {0.01, 1.2},
                     .series = s,
                     .n = series};
    int status = plot_write(&p, path, drawn, e);
    free(s);
    free(x);
    return status;
}
