/* report_fit.c - see report_fit.h. A terminal leads with the verdict and the law in numbers; the
 * other intervals, the correlations and the solver's evidence are details there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_fit.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "src/base/json.h"
#include "src/report/law_text.h"
#include "src/report/report_points.h"

static const char real[] = "%.8g";
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* --- what a terminal leads with, and remarks --- */

static void headlines(struct sheet *s, const struct analysis *a, enum points_column x)
{
    static const char *const names[] = {
        [POINTS_N] = "N", [POINTS_D] = "D", [POINTS_C] = "C", [POINTS_STEP] = "step"};
    char law[LAW_TEXT];
    sheet_headline(s, "%s: %s%s%s%s", a->fit.law->name, verdict_names[a->verdict],
                   a->reason[0] ? " (" : "", a->reason, a->reason[0] ? ")" : "");
    sheet_headline(s, "%s",
                   law_text(a->fit.law, a->fit.params, x <= POINTS_STEP ? names[x] : NULL, law));
}

static void witness_remark(struct sheet *s, const struct witness *w)
{
    if (w->says == WITNESS_AGREES)
        sheet_remark(s, "GSL agrees to %.0e (%s)", w->difference, w->method);
    if (w->says == WITNESS_LOWER)
        sheet_remark(s,
                     "WARNING: GSL does not agree: its %s finds an objective lower by %.1e of it, "
                     "%.2g standard errors away",
                     w->method, w->difference, w->shift);
    if (w->says == WITNESS_DIFFERS)
        sheet_remark(s, "WARNING: the objective summed by its definition differs by %.1e of it",
                     w->difference);
    if (w->says == WITNESS_SHORT)
        sheet_remark(s, "GSL is no witness here: its %s stops above, by %.1e of the objective",
                     w->method, w->difference);
}

static void witness_json(json_t *o, const struct witness *w)
{
    static const char *const says[] = {NULL, "agrees", "finds a lower objective",
                                       "sums another objective", "stops above"};
    if (w->says == WITNESS_NONE) return;
    json_object_set_new(o, "witness",
                        json_pack("{s:s, s:b, s:s, s:o, s:o}", "method", w->method, "agrees",
                                  w->says == WITNESS_AGREES, "says", says[w->says], "difference",
                                  json_finite(w->difference), "standard_errors",
                                  json_finite(w->shift)));
}

static void remarks(struct sheet *s, const struct analysis *a, const struct points *p,
                    const struct analysis_options *o)
{
    const struct fit *f = &a->fit;
    char objective[40], resamples[160] = "";
    objective_text(&f->objective, objective, sizeof objective);
    sheet_detail(s, "%s: %s", f->law->name, f->law->formula);
    points_report(s, p);
    sheet_detail(s,
                 "objective %s = %.14g; %d of %d starts agree; gradient %.1e, Newton decrement "
                 "%.1e, condition %.2g (in natural parameters %.2g)",
                 objective, f->value, f->agree, f->starts, f->gradient, f->decrement, f->condition,
                 f->condition_raw);
    witness_remark(s, &a->witness);
    if (a->held)
        sheet_remark(s, "pinning costs: objective %.14g without; chi2(%d) = %.4g, p = %.3g",
                     a->free_value, a->held, a->held_chi2, a->held_p);
    if (a->bootstrap.n)
        snprintf(resamples, sizeof resamples,
                 "; %zu resamples, seed %" PRIu64
                 ", %d starts each, %zu failed, in %zu another start won",
                 a->bootstrap.n, o->bootstrap.seed, o->bootstrap.starts + 1, a->bootstrap.failed,
                 a->bootstrap.moved);
    sheet_detail(s, "lo, hi: %s, %.4g %%%s", a->interval_kind, 100 * o->level, resamples);
    sheet_headline(s, "intervals: %s, %.4g %%", a->interval_kind, 100 * o->level);
}

/* --- tables --- */

/* The last cell on a terminal: "weak: known to a factor of 5.9". */
static void verdict_cell(struct table *t, enum verdict verdict, const char *reason)
{
    table_text(t, "%s%s%s", verdict_names[verdict], *reason ? ": " : "", reason);
}

static void parameters(struct sheet *s, const struct analysis *a)
{
    const struct column columns[] = {
        {.name = "parameter"},
        {.name = "value", .format = real},
        {.name = "se", .format = real, .flags = TABLE_DETAIL},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "verdict", .flags = TABLE_NO_TERMINAL},
        {.name = "bca", .flags = TABLE_ONLY_TERMINAL | TABLE_DETAIL},
        {.name = "bca_lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "bca_hi", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "profile", .flags = TABLE_ONLY_TERMINAL | TABLE_DETAIL},
        {.name = "profile_lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "profile_hi", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "sandwich_se", .format = real, .flags = TABLE_DETAIL},
        {.name = "hessian_se", .format = real, .flags = TABLE_DETAIL},
        {.name = "reason", .flags = TABLE_NO_TERMINAL},
        {.name = "verdict", .flags = TABLE_ONLY_TERMINAL},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (int i = 0; i < a->fit.law->n; i++) {
        const struct known *k = &a->known[i];
        const double profile[] = {k->has_profile ? k->profile.lo : NAN,
                                  k->has_profile ? k->profile.hi : NAN};
        table_text(t, "%s", a->fit.law->param[i].name);
        table_real(t, k->value);
        table_real(t, k->se);
        table_between(t, k->lo, k->hi, TABLE_PLAIN);
        table_real(t, k->lo);
        table_real(t, k->hi);
        table_text(t, "%s", verdict_names[k->verdict]);
        table_between(t, k->bca.lo, k->bca.hi, TABLE_PLAIN);
        table_real(t, k->bca.lo);
        table_real(t, k->bca.hi);
        table_between(t, profile[0], profile[1], TABLE_PLAIN);
        table_real(t, profile[0]);
        table_real(t, profile[1]);
        table_real(t, k->sandwich.se);
        table_real(t, k->hessian.se);
        table_text(t, "%s", k->reason);
        verdict_cell(t, k->verdict, k->reason);
    }
}

/* The budget stands before the value in JSON, after the verdict in TSV and on a terminal. */
static struct table *derived(struct sheet *s, const struct analysis *a)
{
    const struct column columns[] = {
        {.name = "quantity", .json = "name"},
        {.name = "budget", .flags = TABLE_ONLY_JSON},
        {.name = "value", .format = real},
        {.name = "se", .format = real, .flags = TABLE_DETAIL},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "verdict", .flags = TABLE_NO_TERMINAL},
        {.name = "budget", .format = real, .unit = TABLE_FLOP, .flags = TABLE_NO_JSON},
        {.name = "reason", .flags = TABLE_NO_TERMINAL},
        {.name = "verdict", .flags = TABLE_ONLY_TERMINAL},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < a->n_derived; i++) {
        const struct derived *d = &a->derived[i];
        const bool count = !strcmp(d->name, "N*") || !strcmp(d->name, "D*");
        const enum table_unit unit = count ? TABLE_COUNT : TABLE_PLAIN;
        const double budget = d->budget > 0 ? d->budget : NAN;
        table_text(t, "%s", d->name);
        table_real(t, budget);
        table_real_in(t, d->value, unit);
        table_real_in(t, d->interval.se, unit);
        table_between(t, d->interval.lo, d->interval.hi, unit);
        table_real(t, d->interval.lo);
        table_real(t, d->interval.hi);
        table_text(t, "%s", verdict_names[d->verdict]);
        table_real(t, budget);
        table_text(t, "%s", d->reason);
        verdict_cell(t, d->verdict, d->reason);
    }
    return t;
}

static struct table *predictions(struct sheet *s, const struct analysis *a, enum points_column x)
{
    const unsigned has = a->fit.law->variables;
    const enum points_column first_is = has & LAW_C ? POINTS_C : has & LAW_ANY ? x : POINTS_N;
    const enum table_unit unit = first_is == POINTS_N || first_is == POINTS_D ? TABLE_COUNT
                                 : first_is == POINTS_C                       ? TABLE_FLOP
                                                                              : TABLE_EXACT;
    const enum table_unit tokens = has & LAW_STEP ? TABLE_EXACT : TABLE_COUNT;
    const bool third = has & LAW_U;
    const struct column columns[] = {
        /* in laws that have a third variable */
        {.name = has & LAW_V          ? "V"
                 : has & LAW_SCHEDULE ? "schedule"
                                      : "U",
         .format = real,
         .unit = has & (LAW_V | LAW_SCHEDULE) ? TABLE_EXACT : TABLE_COUNT},
        {.name = has & LAW_C ? "C" : "N", .format = real, .unit = unit},
        {.name = "D", .format = real, .unit = tokens},
        {.name = "loss", .format = real},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "of a new run", .flags = TABLE_ONLY_TERMINAL},
        {.name = "new_lo", .format = real, .flags = TABLE_NO_TERMINAL},
        {.name = "new_hi", .format = real, .flags = TABLE_NO_TERMINAL},
    };
    const int first = !third;
    struct table *t =
        sheet_table(s, columns + first, COUNT_OF(columns) - (size_t)first, "-", false);
    for (size_t i = 0; i < a->n_predict; i++) {
        const struct prediction *q = &a->predict[i];
        if (third) table_real(t, q->U);
        table_real(t, q->N > 0 ? q->N : NAN);
        table_real(t, q->D > 0 ? q->D : NAN);
        table_real(t, q->loss);
        table_between(t, q->lo, q->hi, TABLE_PLAIN);
        table_real(t, q->lo);
        table_real(t, q->hi);
        table_between(t, q->new_lo, q->new_hi, TABLE_PLAIN);
        table_real(t, q->new_lo);
        table_real(t, q->new_hi);
    }
    return t;
}

static struct table *correlations(struct sheet *s, const struct analysis *a)
{
    const struct law *law = a->fit.law;
    struct column columns[LAW_PARAMS + 1] = {{.name = "correlation"}};
    for (int k = 0; k < law->n; k++)
        columns[k + 1] = (struct column){.name = law->param[k].name, .format = "%.4f"};
    struct table *t = sheet_table(s, columns, (size_t)law->n + 1, "-", true);
    for (int i = 0; i < law->n; i++) {
        table_text(t, "%s", law->param[i].name);
        for (int k = 0; k < law->n; k++) {
            double r = a->correlation[i * law->n + k];
            table_real(t, isfinite(r) ? r : NAN);
        }
    }
    return t;
}

/* --- JSON --- */

static json_t *interval_json(const struct interval *i)
{
    return json_pack("{s:o, s:o, s:o}", "se", json_finite(i->se), "lo", json_finite(i->lo), "hi",
                     json_finite(i->hi));
}

static json_t *known_json(const struct known *k)
{
    json_t *all = json_object();
    json_object_set_new(all, "bootstrap_percentile", interval_json(&k->percentile));
    json_object_set_new(all, "bootstrap_bca", interval_json(&k->bca));
    if (k->has_profile)
        json_object_set_new(all, "profile",
                            json_pack("{s:o, s:o, s:b, s:b}", "lo", json_finite(k->profile.lo),
                                      "hi", json_finite(k->profile.hi), "lo_open",
                                      k->profile.lo_open, "hi_open", k->profile.hi_open));
    json_object_set_new(all, "sandwich", interval_json(&k->sandwich));
    json_object_set_new(all, "hessian", interval_json(&k->hessian));
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "value", json_finite(k->value), "se",
                     json_finite(k->se), "lo", json_finite(k->lo), "hi", json_finite(k->hi),
                     "verdict", verdict_names[k->verdict], "reason", k->reason, "intervals", all);
}

/* Resamples' parameters, in the law's order: what tripod allocate draws its bands from. */
static json_t *bootstrap_json(const struct analysis *a, const struct bootstrap_options *o)
{
    json_t *samples = json_array();
    for (size_t i = 0; i < a->bootstrap.n && i < 1000; i++) {
        json_t *row = json_array();
        bool finite = true;
        for (int k = 0; k < a->fit.law->n; k++) {
            finite = finite && isfinite(a->bootstrap.params[i][k]);
            json_array_append_new(row, json_finite(a->bootstrap.params[i][k]));
        }
        if (finite)
            json_array_append_new(samples, row);
        else
            json_decref(row);
    }
    return json_pack("{s:s, s:I, s:I, s:i, s:I, s:I, s:o}", "kind", bootstrap_names[o->kind],
                     "resamples", (json_int_t)a->bootstrap.n, "failed",
                     (json_int_t)a->bootstrap.failed, "starts", o->starts + 1, "another_start_won",
                     (json_int_t)a->bootstrap.moved, "seed", (json_int_t)o->seed, "samples",
                     samples);
}

static void evidence_json(json_t *o, const struct analysis *a)
{
    const struct fit *f = &a->fit;
    json_object_set_new(o, "starts",
                        json_pack("{s:i, s:i}", "total", f->starts, "agree", f->agree));
    json_object_set_new(o, "verdict", json_string(verdict_names[a->verdict]));
    json_object_set_new(o, "reason", json_string(a->reason));
    json_object_set_new(o, "flat_direction", json_string(a->flat));
    json_object_set_new(o, "gradient_norm", json_finite(f->gradient));
    json_object_set_new(o, "newton_decrement", json_finite(f->decrement));
    json_object_set_new(o, "condition", json_finite(f->condition));
    json_object_set_new(o, "condition_raw", json_finite(f->condition_raw));
    json_object_set_new(o, "cpu_seconds",
                        json_pack("{s:o, s:o, s:o, s:o}", "fit", json_finite(a->fit_seconds),
                                  "witness", json_finite(a->witness_seconds), "bootstrap",
                                  json_finite(a->bootstrap_seconds), "profile",
                                  json_finite(a->profile_seconds)));
    witness_json(o, &a->witness);
    json_object_set_new(o, "rss", json_finite(f->rss));
    json_object_set_new(o, "rss_log", json_finite(f->rss_log));
}

static json_t *analysis_json(const struct analysis *a, const struct analysis_options *options)
{
    const struct law *law = a->fit.law;
    char objective[40];
    objective_text(&a->fit.objective, objective, sizeof objective);
    json_t *o = json_object(), *params = json_object();
    for (int i = 0; i < law->n; i++)
        json_object_set_new(params, law->param[i].name, known_json(&a->known[i]));
    json_object_set_new(o, "law", json_string(law->name));
    json_object_set_new(o, "formula", json_string(law->formula));
    json_object_set_new(o, "objective", json_string(objective));
    json_object_set_new(o, "objective_value", json_finite(a->fit.value));
    json_object_set_new(o, "params", params);
    json_object_set_new(o, "interval", json_string(a->interval_kind));
    json_object_set_new(o, "level", json_finite(options->level));
    evidence_json(o, a);
    return o;
}

json_t *fit_report(struct sheet *s, const struct analysis *a, const struct points *p,
                   const struct analysis_options *options)
{
    json_t *derivations = json_array(), *predicted = json_array();
    headlines(s, a, options->x);
    remarks(s, a, p, options);
    parameters(s, a);
    if (a->n_derived) {
        sheet_gap(s);
        json_decref(derivations);
        derivations = table_json(derived(s, a), false);
    }
    if (a->n_predict) {
        sheet_gap(s);
        json_decref(predicted);
        predicted = table_json(predictions(s, a, options->x), false);
    }
    sheet_gap(s);
    const struct table *correlation = correlations(s, a);
    sheet_line(s, "# verdict: %s%s%s", verdict_names[a->verdict], a->reason[0] ? ": " : "",
               a->reason);
    if (a->flat[0]) sheet_detail(s, "flattest direction: %s", a->flat);

    json_t *o = analysis_json(a, options);
    json_object_set_new(o, "correlation", table_json(correlation, true));
    json_object_set_new(o, "correlation_from", json_string(a->correlation_from));
    json_object_set_new(o, "bootstrap", bootstrap_json(a, &options->bootstrap));
    if (a->held)
        json_object_set_new(o, "pinning",
                            json_pack("{s:i, s:o, s:o, s:o}", "held", a->held,
                                      "objective_value_without", json_finite(a->free_value), "chi2",
                                      json_finite(a->held_chi2), "p", json_finite(a->held_p)));
    json_object_set_new(o, "derived", derivations);
    json_object_set_new(o, "predictions", predicted);
    points_report_json(o, p);
    return o;
}

/* --- the list of laws --- */

/* The same for a pipe and a terminal. */
static void line(struct sheet *s, const char *before, const char *text)
{
    sheet_line(s, "%s%s", before, text);
    sheet_headline(s, "%s%s", before, text);
}

json_t *laws_report(struct sheet *s)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n_laws; i++) {
        const struct law *law = &laws[i];
        json_t *params = json_object();
        line(s, "", law->name);
        line(s, "    ", law->formula);
        line(s, "    ", law->text);
        line(s, "    ", law->citation);
        for (int k = 0; k < law->n; k++) {
            char name[32];
            snprintf(name, sizeof name, "    %-7s ", law->param[k].name);
            line(s, name, law->param[k].text);
            json_object_set_new(params, law->param[k].name, json_string(law->param[k].text));
        }
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:o}", "law", law->name,
                                             "formula", law->formula, "text", law->text, "citation",
                                             law->citation, "params", params));
    }
    return all;
}
