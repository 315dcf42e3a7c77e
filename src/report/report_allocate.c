/* report_allocate.c - see report_allocate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_allocate.h"

#include <math.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/report/law_text.h"

/* Per value of an answer: its JSON keys, its ends in TSV, its unit. */
static const struct {
    const char *value, *lo, *hi, *tsv_lo, *tsv_hi;
    enum table_unit unit;
} texts[ANSWER_VALUES] = {
#define TEXTS(name, unit)                                                                          \
    {                                                                                              \
        name ".value", name ".lo", name ".hi", name "_lo", name "_hi", unit                        \
    }
    [ANSWER_C] = TEXTS("C", TABLE_FLOP),
    [ANSWER_N] = TEXTS("N", TABLE_COUNT),
    [ANSWER_D] = TEXTS("D", TABLE_COUNT),
    [ANSWER_RATIO] = TEXTS("D_per_N", TABLE_PLAIN),
    [ANSWER_LOSS] = TEXTS("loss", TABLE_PLAIN),
    [ANSWER_BEST_N] = TEXTS("best_N", TABLE_COUNT),
    [ANSWER_BEST_D] = TEXTS("best_D", TABLE_COUNT),
    [ANSWER_BEST_LOSS] = TEXTS("best_loss", TABLE_PLAIN),
    [ANSWER_EQUAL_C] = TEXTS("equal_C", TABLE_FLOP),
    [ANSWER_WASTED] = TEXTS("wasted", TABLE_PERCENT),
#undef TEXTS
};

/* Whose numbers these are. */
static void remarks(struct sheet *s, const struct saved *law, double level)
{
    char text[LAW_TEXT];
    size_t used = 0;
    sheet_headline(s, "%s: %s", law->law->name, law_text(law->law, law->params, NULL, text));
    for (int i = 0; i < law->law->n && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %s %.9g",
                                 law->law->param[i].name, law->params[i]);
    sheet_detail(s, "%s: %s;%s%s%s%s%s", law->law->name, law->law->formula, text,
                 law->n ? "; bands: " : "", law->origin,
                 *law->verdict ? "; verdict of the fit: " : "", law->verdict);
    if (*law->verdict) sheet_headline(s, "verdict of the fit: %s", law->verdict);
    double a, b, G;
    if (law_optimum(law->law, law->params, &a, &b, &G))
        sheet_remark(s, "N* = G (C/k)^a, D* = (C/k)^b / G: a %.5f, b %.5f, G %.6g", a, b, G);
    if (law->n) sheet_headline(s, "intervals: %s, %.4g %%", law->origin, 100 * level);
}

/* Values, each with its band beside it on a terminal; in TSV the bands follow all values. */
static struct table *open_table(struct sheet *s, const struct question *q, bool bands)
{
    struct column columns[4 * ANSWER_VALUES + 4];
    size_t n = 0;
    const int values = question_values(q);
    columns[n++] = (struct column){.name = "method", .flags = TABLE_ONLY_JSON};
    for (int k = 0; k < values; k++) {
        columns[n++] = (struct column){.name = answer_names[k],
                                       .format = "%.7g",
                                       .unit = texts[k].unit,
                                       .json = texts[k].value};
        if (bands && !question_given(q, (enum answer_value)k))
            columns[n++] = (struct column){.name = "interval", .flags = TABLE_ONLY_TERMINAL};
    }
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS)
        columns[n++] = (struct column){.name = "flat", .format = "%.3g"};
    for (int k = 0; k < values && bands; k++) {
        if (question_given(q, (enum answer_value)k)) continue;
        columns[n++] = (struct column){.name = texts[k].tsv_lo,
                                       .format = "%.5g",
                                       .json = texts[k].lo,
                                       .flags = TABLE_NO_TERMINAL};
        columns[n++] = (struct column){.name = texts[k].tsv_hi,
                                       .format = "%.5g",
                                       .json = texts[k].hi,
                                       .flags = TABLE_NO_TERMINAL};
    }
    columns[n++] = (struct column){.name = "method", .flags = TABLE_NO_JSON};
    if (bands)
        columns[n++] = (struct column){.name = "samples_without_answer", .flags = TABLE_ONLY_JSON};
    return sheet_table(s, columns, n, "nan", false);
}

static void add_row(struct table *t, const struct question *q, const struct answer *r, bool bands)
{
    const int values = question_values(q);
    table_text(t, "%s", r->method);
    for (int k = 0; k < values; k++) {
        table_real(t, r->value[k]);
        if (bands && !question_given(q, (enum answer_value)k))
            table_between(t, r->lo[k], r->hi[k], texts[k].unit);
    }
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS) table_real(t, r->around);
    for (int k = 0; k < values && bands; k++) {
        if (question_given(q, (enum answer_value)k)) continue;
        table_real(t, r->lo[k]);
        table_real(t, r->hi[k]);
    }
    table_text(t, "%s", r->method);
    if (bands) table_whole(t, r->asked - r->answered);
}

json_t *allocate_report(struct sheet *s, const struct saved *law, const struct allocate *p,
                        const struct question *q, const struct answer *answers, size_t n,
                        double level)
{
    remarks(s, law, level);
    struct table *t = open_table(s, q, law->n > 0);
    for (size_t i = 0; i < n; i++) add_row(t, q, &answers[i], law->n > 0);
    json_t *list = table_json(t, false), *params = json_object();
    for (size_t i = 0; i < n; i++) /* it has no meaning there */
        if (!isfinite(answers[i].around)) json_object_del(json_array_get(list, i), "flat");
    for (int i = 0; i < law->law->n; i++)
        json_object_set_new(params, law->law->param[i].name,
                            json_pack("{s:f}", "value", law->params[i]));
    json_t *o =
        json_pack("{s:s, s:o, s:f, s:f, s:s, s:s, s:o, s:o}", "law", law->law->name, "params",
                  params, "factor", p->factor, "level", level, "bands", law->origin, "verdict",
                  law->verdict, "answers", list, "provenance", provenance_json());
    double a, b, G;
    if (o && law_optimum(law->law, law->params, &a, &b, &G))
        json_object_set_new(o, "closed_form", json_pack("{s:f,s:f,s:f}", "a", a, "b", b, "G", G));
    return o;
}

json_t *allocate_line_report(struct sheet *s, const struct ols_line *l, double N)
{
    static const struct column columns[] = {
        {.name = "law", .flags = TABLE_ONLY_JSON},
        {.name = "law", .flags = TABLE_NO_JSON},
        {.name = "slope", .format = "%.15g", .json = "slope.value"},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "slope_lo", .json = "slope.lo", .flags = TABLE_NO_TERMINAL},
        {.name = "slope_hi", .json = "slope.hi", .flags = TABLE_NO_TERMINAL},
        {.name = "intercept", .format = "%.15g"},
        {.name = "N", .format = "%.7g", .unit = TABLE_COUNT},
        {.name = "D", .format = "%.7g", .unit = TABLE_COUNT, .json = "D.value"},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "D_lo", .format = "%.5g", .json = "D.lo", .flags = TABLE_NO_TERMINAL},
        {.name = "D_hi", .format = "%.5g", .json = "D.hi", .flags = TABLE_NO_TERMINAL},
        {.name = "points"},
    };
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "nan", false);
    double lo, hi, D = pow(10, ols_line_at(l, log10(N), &lo, &hi));
    table_text(t, "line");
    table_text(t, "log10 D = intercept + slope log10 N");
    table_real(t, l->slope);
    table_between(t, l->slope_lo, l->slope_hi, TABLE_PLAIN);
    table_real(t, l->slope_lo);
    table_real(t, l->slope_hi);
    table_real(t, l->intercept);
    table_real(t, N);
    table_real(t, D);
    table_between(t, pow(10, lo), pow(10, hi), TABLE_COUNT);
    table_real(t, pow(10, lo));
    table_real(t, pow(10, hi));
    table_whole(t, l->n);
    json_t *rows = table_json(t, false), *o = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    json_object_set_new(o, "provenance", provenance_json());
    return o;
}
