/* report_approaches.c - see report_approaches.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_approaches.h"

#include <math.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/report/report_points.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* --- a number with its interval --- */

/* Four columns for `three`: the number, its interval for people, both ends. */
#define THREE(title, of, more)                                                                     \
    {.name = title, .unit = of, .json = title ".value", .flags = more},                            \
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL | (more)},                               \
        {.name = title "_lo", .json = title ".lo", .flags = TABLE_NO_TERMINAL},                    \
    {                                                                                              \
        .name = title "_hi", .json = title ".hi", .flags = TABLE_NO_TERMINAL                       \
    }

static void three(struct table *t, double value, double lo, double hi, enum table_unit unit)
{
    table_real(t, value);
    table_between(t, lo, hi, unit);
    table_real(t, lo);
    table_real(t, hi);
}

static json_t *three_json(double v, double lo, double hi)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_finite(v), "lo", json_finite(lo), "hi",
                     json_finite(hi));
}

/* --- what isoflop and envelope share --- */

/* What a terminal leads with. */
static void headlines(struct sheet *s, const char *name, const struct ols_line *N,
                      const struct ols_line *D)
{
    char k[32], g[32];
    sheet_headline(s, "%s: %s", name, ols_verdict(N));
    sheet_headline(s, "N* = %s C^%.3f, D* = %s C^%.3f",
                   table_number(pow(10, N->intercept), TABLE_PLAIN, k, sizeof k), N->slope,
                   table_number(pow(10, D->intercept), TABLE_PLAIN, g, sizeof g), D->slope);
}

/* The keys every fit has beside DETAILS: objective, params, verdict, rows ... */
static json_t *with_frame(const struct points *p, const char *objective, const struct ols_line *N,
                          const struct ols_line *D, json_t *details)
{
    const struct ols_line *lines[] = {N, D};
    const char *const names[] = {"a", "b"};
    json_t *params = json_object();
    for (int i = 0; i < 2; i++) {
        const struct ols_line *l = lines[i];
        json_object_set_new(params, names[i],
                            json_pack("{s:f, s:o, s:o, s:o, s:s}", "value", l->slope, "se",
                                      json_finite(l->slope_se), "lo", json_finite(l->slope_lo),
                                      "hi", json_finite(l->slope_hi), "verdict", ols_verdict(l)));
    }
    json_object_set_new(details, "objective", json_string(objective));
    json_object_set_new(details, "params", params);
    /* Linear least squares has one answer and needs no start. */
    json_object_set_new(details, "starts", json_pack("{s:i, s:i}", "total", 1, "agree", 1));
    json_object_set_new(details, "verdict", json_string(ols_verdict(N)));
    json_object_set_new(details, "provenance", provenance_json());
    points_report_json(details, p);
    return details;
}

/* --- isoflop --- */

static const char *const statuses[] = {"ok", "outside", "weak", "refused"};

static void outliers(struct sheet *s, const struct points *p, const struct isoflop *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        for (size_t k = 0; k < b->n && b->status != ISOFLOP_REFUSED; k++) {
            if (b->in[k]) continue;
            sheet_remark(s, "line %zu (C %.3g, N %.4g, loss %.6g): left out as an outlier",
                         p->line[b->row[k]], b->C, p->N[b->row[k]], p->loss[b->row[k]]);
        }
    }
}

/* The reason stands before the correction in JSON, at the end elsewhere. */
static struct table *minima(struct sheet *s, const struct isoflop *f,
                            const struct isoflop_corrected *corrected)
{
    const unsigned without = corrected ? 0 : TABLE_NO_TSV | TABLE_NO_JSON | TABLE_NO_TERMINAL;
    const struct column columns[] = {
        {.name = "C", .unit = TABLE_FLOP},
        {.name = "runs"},
        {.name = "inliers"},
        THREE("curvature", TABLE_PLAIN, TABLE_DETAIL),
        THREE("N", TABLE_COUNT, 0),
        THREE("D", TABLE_COUNT, 0),
        THREE("loss", TABLE_PLAIN, TABLE_DETAIL),
        {.name = "status"},
        {.name = "used"},
        {.name = "reason", .flags = TABLE_ONLY_JSON},
        {.name = "N_corrected", .unit = TABLE_COUNT, .flags = without},
        {.name = "bias_percent", .flags = without | TABLE_NO_JSON},
        {.name = "bias", .flags = without | TABLE_ONLY_JSON},
        {.name = "reason", .flags = TABLE_NO_JSON},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        const double shift = corrected ? corrected->shift[i] : NAN;
        table_real(t, b->C);
        table_whole(t, b->n);
        table_whole(t, b->inliers);
        three(t, b->curvature, b->curvature_lo, b->curvature_hi, TABLE_PLAIN);
        three(t, b->N, b->N_lo, b->N_hi, TABLE_COUNT);
        three(t, b->D, b->D_lo, b->D_hi, TABLE_COUNT);
        three(t, b->loss, b->loss_lo, b->loss_hi, TABLE_PLAIN);
        table_text(t, "%s", statuses[b->status]);
        table_flag(t, b->used);
        table_text(t, "%s", b->reason);
        table_real(t, b->N * exp(-shift));
        table_real(t, 100 * expm1(shift));
        table_real(t, expm1(shift));
        table_text(t, "%s", b->reason);
    }
    return t;
}

static void line_row(struct table *t, const char *name, const struct ols_line *l)
{
    table_text(t, "%s", name);
    table_real(t, l->slope);
    table_real(t, l->slope_se);
    table_between(t, l->slope_lo, l->slope_hi, TABLE_PLAIN);
    table_real(t, l->slope_lo);
    table_real(t, l->slope_hi);
    table_real(t, l->intercept);
    table_between(t, l->intercept_lo, l->intercept_hi, TABLE_PLAIN);
    table_real(t, l->intercept_lo);
    table_real(t, l->intercept_hi);
    table_whole(t, l->n);
    table_text(t, "%s", ols_verdict(l));
}

static void isoflop_lines(struct sheet *s, const struct isoflop *f,
                          const struct isoflop_corrected *corrected)
{
    const struct column columns[] = {
        {.name = "law"},
        {.name = "exponent"},
        {.name = "se", .flags = TABLE_DETAIL},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .flags = TABLE_NO_TERMINAL},
        {.name = "log10_coefficient", .flags = TABLE_DETAIL},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL | TABLE_DETAIL},
        {.name = "lo", .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .flags = TABLE_NO_TERMINAL},
        {.name = "budgets"},
        {.name = "verdict"},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    line_row(t, "N*(C)", &f->N_of_C);
    line_row(t, "D*(C)", &f->D_of_C);
    line_row(t, "D*(N*)", &f->D_of_N);
    if (!corrected) return;
    line_row(t, "N*(C) corrected", &corrected->N_of_C);
    line_row(t, "D*(C) corrected", &corrected->D_of_C);
}

static json_t *line_json(const struct ols_line *l)
{
    json_t *o = three_json(l->slope, l->slope_lo, l->slope_hi);
    json_object_set_new(o, "se", json_finite(l->slope_se));
    json_object_set_new(o, "log10_coefficient",
                        three_json(l->intercept, l->intercept_lo, l->intercept_hi));
    json_object_set_new(o, "r2", json_finite(l->r2));
    json_object_set_new(o, "budgets", json_integer((json_int_t)l->n));
    json_object_set_new(o, "verdict", json_string(ols_verdict(l)));
    return o;
}

json_t *isoflop_report(struct sheet *s, const struct points *p, const struct isoflop *f,
                       const struct approaches_correction *c)
{
    const struct isoflop_corrected *corrected = c->known ? &c->c : NULL;
    headlines(s, "isoflop", &f->N_of_C, &f->D_of_C);
    points_report(s, p);
    outliers(s, p, f);
    if (*c->reason) sheet_remark(s, "bias of the parabolas: %s", c->reason);
    const struct table *budgets = minima(s, f, corrected);
    sheet_gap(s);
    isoflop_lines(s, f, corrected);

    json_t *exponents = json_pack("{s:o, s:o, s:o}", "N_of_C", line_json(&f->N_of_C), "D_of_C",
                                  line_json(&f->D_of_C), "D_of_N", line_json(&f->D_of_N));
    if (corrected) {
        json_object_set_new(exponents, "N_of_C_corrected", line_json(&corrected->N_of_C));
        json_object_set_new(exponents, "D_of_C_corrected", line_json(&corrected->D_of_C));
    }
    json_t *o =
        json_pack("{s:s, s:f, s:o, s:o, s:s}", "law", "isoflop", "level", f->level, "budgets",
                  table_json(budgets, false), "exponents", exponents, "surface", c->reason);
    return with_frame(p, "least squares of the loss on ln N, by budget", &f->N_of_C, &f->D_of_C, o);
}

/* --- envelope --- */

static struct table *winners(struct sheet *s, const struct envelope *f)
{
    static const struct column columns[] = {{.name = "N", .unit = TABLE_COUNT},
                                            {.name = "C", .unit = TABLE_FLOP},
                                            {.name = "C_lo", .unit = TABLE_FLOP},
                                            {.name = "C_hi", .unit = TABLE_FLOP},
                                            {.name = "D", .unit = TABLE_COUNT},
                                            {.name = "loss"},
                                            {.name = "budgets"},
                                            {.name = "edge"}};
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < f->n; i++) {
        const struct envelope_winner *w = &f->winner[i];
        table_real(t, w->N);
        table_real(t, w->C);
        table_real(t, w->C_lo);
        table_real(t, w->C_hi);
        table_real(t, w->D);
        table_real(t, w->loss);
        table_whole(t, w->budgets);
        table_flag(t, w->edge);
    }
    return t;
}

/* One line of the envelope into the table; its JSON. */
static json_t *envelope_line(struct table *t, const char *name, const struct ols_line *l,
                             const char *how)
{
    if (!l->n) return json_null();
    table_text(t, "%s", name);
    table_real(t, l->slope);
    table_real(t, l->slope_se);
    table_between(t, l->slope_lo, l->slope_hi, TABLE_PLAIN);
    table_real(t, l->slope_lo);
    table_real(t, l->slope_hi);
    table_real(t, l->intercept);
    table_whole(t, l->n);
    table_text(t, "%s", how);
    table_text(t, "%s", ols_verdict(l));
    return json_pack("{s:f, s:o, s:o, s:o, s:f, s:I, s:s, s:s}", "value", l->slope, "se",
                     json_finite(l->slope_se), "lo", json_finite(l->slope_lo), "hi",
                     json_finite(l->slope_hi), "log10_coefficient", l->intercept, "points",
                     (json_int_t)l->n, "interval", how, "verdict", ols_verdict(l));
}

static json_t *envelope_lines(struct sheet *s, const struct envelope *f)
{
    static const struct column columns[] = {
        {.name = "law"},
        {.name = "exponent"},
        {.name = "se", .flags = TABLE_DETAIL},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .flags = TABLE_NO_TERMINAL},
        {.name = "log10_coefficient", .flags = TABLE_DETAIL},
        {.name = "points", .flags = TABLE_DETAIL},
        {.name = "interval", .head = "from"},
        {.name = "verdict"},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    json_t *o = json_object();
    json_object_set_new(o, "N_of_C", envelope_line(t, "N*(C)", &f->N_of_C, "jackknife over runs"));
    json_object_set_new(o, "D_of_C", envelope_line(t, "D*(C)", &f->D_of_C, "jackknife over runs"));
    json_object_set_new(o, "N_of_C_by_size", envelope_line(t, "N*(C) by size", &f->N_by_size, "t"));
    json_object_set_new(o, "D_of_C_by_size", envelope_line(t, "D*(C) by size", &f->D_by_size, "t"));
    return o;
}

json_t *envelope_report(struct sheet *s, const struct points *p, const struct envelope *f)
{
    headlines(s, "envelope", &f->N_of_C, &f->D_of_C);
    points_report(s, p);
    sheet_remark(s,
                 "%zu curves, %zu runs of one checkpoint; of %zu budgets %zu have two curves, %zu "
                 "are used",
                 f->runs, f->single, f->budgets, f->compared, f->used);
    const struct table *won = winners(s, f);
    sheet_gap(s);
    json_t *o = json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "law", "envelope",
                          "level", f->level, "runs", (json_int_t)f->runs, "single",
                          (json_int_t)f->single, "budgets", (json_int_t)f->budgets, "compared",
                          (json_int_t)f->compared, "used", (json_int_t)f->used, "winners",
                          table_json(won, false), "exponents", envelope_lines(s, f));
    return with_frame(p, "least loss at each budget", &f->N_of_C, &f->D_of_C, o);
}

/* --- approaches --- */

static struct table *exponents(struct sheet *s, const struct approaches *r)
{
    static const struct column columns[] = {{.name = "approach"},
                                            THREE("a", TABLE_PLAIN, 0),
                                            THREE("b", TABLE_PLAIN, 0),
                                            {.name = "verdict"},
                                            {.name = "reason"}};
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (int i = 0; i < APPROACHES; i++) {
        const struct approach *one = &r->answer[i];
        table_text(t, "%s", one->name);
        three(t, one->a[0], one->a[1], one->a[2], TABLE_PLAIN);
        three(t, one->b[0], one->b[1], one->b[2], TABLE_PLAIN);
        table_text(t, "%s", one->verdict);
        table_text(t, "%s", one->reason);
    }
    return t;
}

static void optima(struct sheet *s, const struct approaches *r, const struct approaches_options *o)
{
    static const struct column columns[] = {{.name = "C", .unit = TABLE_FLOP},
                                            {.name = "approach"},
                                            THREE("N", TABLE_COUNT, 0),
                                            THREE("D", TABLE_COUNT, 0),
                                            {.name = "D_per_N", .format = "%.5g"}};
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t k = 0; k < o->n_budgets; k++) {
        for (int i = 0; i < APPROACHES; i++) {
            const struct approach *one = &r->answer[i];
            if (!one->known) continue;
            const double *N = one->N[k], *D = one->D[k];
            table_real(t, o->budgets[k]);
            table_text(t, "%s", one->name);
            three(t, N[0], N[1], N[2], TABLE_COUNT);
            three(t, D[0], D[1], D[2], TABLE_COUNT);
            table_real(t, D[0] / N[0]);
        }
    }
}

json_t *approaches_report(struct sheet *s, const struct points *p, const struct approaches *r,
                          const struct approaches_options *o)
{
    points_report(s, p);
    json_t *list = table_json(exponents(s, r), false);
    if (o->n_budgets) {
        sheet_gap(s);
        optima(s, r, o);
    }
    for (int i = 0; i < APPROACHES; i++) {
        const struct approach *one = &r->answer[i];
        json_t *at = json_array();
        for (size_t k = 0; k < o->n_budgets && one->known; k++) {
            const double *N = one->N[k], *D = one->D[k];
            json_array_append_new(at, json_pack("{s:f, s:o, s:o}", "C", o->budgets[k], "N",
                                                three_json(N[0], N[1], N[2]), "D",
                                                three_json(D[0], D[1], D[2])));
        }
        json_object_set_new(json_array_get(list, (size_t)i), "budgets", at);
    }
    json_t *all = json_pack("{s:s, s:f, s:o, s:o}", "law", "approaches", "level", o->level,
                            "approaches", list, "provenance", provenance_json());
    points_report_json(all, p);
    return all;
}

/* --- bias --- */

json_t *bias_report(struct sheet *s, const struct approaches_surface *at, double span,
                    size_t points, double v)
{
    static const struct column columns[] = {
        {.name = "alpha"},
        {.name = "beta"},
        {.name = "span"},
        {.name = "points"},
        {.name = "vertex_ln", .format = "%.8g"},
        {.name = "N", .flags = TABLE_ONLY_JSON},
        {.name = "D", .flags = TABLE_ONLY_JSON},
        {.name = "N_percent", .format = "%+.4f", .flags = TABLE_NO_JSON},
        {.name = "D_percent", .format = "%+.4f", .flags = TABLE_NO_JSON},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    table_real(t, at->alpha);
    table_real(t, at->beta);
    table_real(t, span);
    table_whole(t, points);
    table_real(t, v);
    table_real(t, expm1(v));
    table_real(t, expm1(-v));
    table_real(t, 100 * expm1(v));
    table_real(t, 100 * expm1(-v));
    json_t *rows = table_json(t, false), *o = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    json_object_set_new(o, "provenance", provenance_json());
    return o;
}
