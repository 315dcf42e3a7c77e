/* cmd_fit_results.c - see cmd_fit_results.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_fit_results.h"

#include <stdlib.h>

#include "fit/average.h"
#include "fit/compare.h"
#include "fit/link.h"
#include "fit/saved.h"
#include "fit/sensitivity.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/report/report_average.h"
#include "src/report/report_compare.h"
#include "src/report/report_fit.h"
#include "src/report/report_link.h"
#include "src/report/report_noise.h"

const char *const fit_variances[] = {"equal", "N", "D", NULL};

/* The second stage, from losses to outcomes. */
static int add_link(const struct fit_work *w, const struct analysis *a, const struct points *p,
                    json_t *json, struct err *e)
{
    struct link link;
    struct linked predicted[FIT_PREDICTIONS];
    if (link_analyse(&link, predicted, a, p, &w->options, e)) return -1;
    json_object_set_new(json, "link", link_report(w->sheet, &link, predicted, a->n_predict));
    return 0;
}

/* Laws beside each other, and what they say together. */
static int add_laws(const struct fit_work *w, const struct points *p, json_t *json, struct err *e)
{
    const struct analysis_options *o = &w->options;
    struct comparison rows[COMPARE_LAWS];
    struct compare_split split;
    struct average average;
    int n = compare_laws(rows, p, w->law, o->x, &o->fit, w->wanted->holdout, &split, e);
    if (n < 0) return -1;
    json_object_set_new(json, "compare", compare_report(w->sheet, rows, n, &split));
    if (!w->wanted->average) return 0;
    int status = average_laws(&average, rows, n, p, o, e);
    if (!status) json_object_set_new(json, "average", average_report(w->sheet, &average, o->level));
    average_close(&average);
    return status;
}

/* Adds to sheet and JSON; GROUP: its name, or NULL. */
static int add_comparisons(const struct fit_work *w, const struct points *p, const char *group,
                           json_t *json, struct err *e)
{
    const struct analysis_options *o = &w->options;
    if (w->wanted->compare && add_laws(w, p, json, e)) return -1;
    if (!w->wanted->sensitivity || group) return 0;
    struct sensitivity s = {.law = w->law,
                            .x = o->x,
                            .fit = &o->fit,
                            .budget = o->n_budgets ? o->budgets[0] : 0,
                            .table = &w->table,
                            .points = &w->rows};
    struct choice *c = calloc(SENSITIVITY_MOST, sizeof *c);
    int n = c ? sensitivity_run(c, &s, p, e) : err_memory(e, NULL);
    if (n >= 0)
        json_object_set_new(json, "sensitivity",
                            sensitivity_report(w->sheet, c, n, w->law, s.budget));
    free(c);
    return n < 0 ? -1 : 0;
}

/* Noise told from misfit where runs are repeated, and rows from runs. */
static int add_noise(const struct fit_work *w, const struct points *p, struct analysis *a,
                     json_t *json, struct err *e)
{
    struct lack l;
    struct boot_check c;
    struct reml_runs runs;
    if (lack_of_fit(&l, p, w->law, w->options.x, &w->options.fit, e) ||
        boot_check(&c, a, p, &w->options, e) ||
        reml_runs(&runs, p, w->options.x, &a->fit, &w->options.fit, e))
        return -1;
    noise_report(w->sheet, json, p, w->law, &l, &c);
    runs_report(w->sheet, json, a, &runs, &c);
    return 0;
}

/* One fit into sheet and JSON. */
static int fit_one(const struct fit_work *w, struct points *p, const char *group, json_t **json,
                   struct err *e)
{
    const struct analysis_options *o = &w->options;
    const int follows = w->wanted->variance;
    struct reml_variance variance;
    struct analysis a = {.n_derived = 0};
    *json = NULL;
    int status = !follows ? 0
                          : reml_variance(&variance, p, w->law, o->x,
                                          follows == 1 ? POINTS_N : POINTS_D, &o->fit, e);
    if (!status) status = analyse(&a, p, w->law, o, e);
    if (!status && w->wanted->resamples)
        status = saved_write_samples(w->wanted->resamples, w->law, &a.bootstrap, e);
    if (!status) {
        if (group) sheet_remark(w->sheet, "group %s", group);
        *json = fit_report(w->sheet, &a, p, &w->options);
        if (follows) variance_report(w->sheet, *json, &variance, fit_variances[follows]);
        status = add_noise(w, p, &a, *json, e);
        if (!status && w->wanted->link) status = add_link(w, &a, p, *json, e);
        if (!status) status = add_comparisons(w, p, group, *json, e);
    }
    analysis_close(&a);
    return status;
}

/* Each group by itself; a group that cannot be fitted is said so, and only if none can is it a
 * failure. */
static int fit_groups(const struct fit_work *w, const struct points *p, json_t *json, struct err *e)
{
    size_t *rows = malloc((p->n + 1) * sizeof *rows), good = 0;
    if (!rows) return err_memory(e, p->path);
    json_t *groups = json_array();
    json_object_set_new(json, "law", json_string(w->law->name));
    json_object_set_new(json, "groups", groups);
    for (size_t g = 0; g < p->n_by; g++) {
        struct points part;
        json_t *one;
        size_t n = 0;
        for (size_t i = 0; i < p->n; i++) {
            if (p->by[i] == g) rows[n++] = i;
        }
        if (points_select(&part, p, rows, n, e)) break;
        if (!fit_one(w, &part, p->by_names[g], &one, e)) {
            good++;
            json_object_set_new(one, "group", json_utf8(p->by_names[g]));
        } else {
            json_decref(one);
            one = json_pack("{s:o, s:s}", "group", json_utf8(p->by_names[g]), "failed", e->text);
            sheet_remark(w->sheet, "group %s: not fitted: %s", p->by_names[g], e->text);
        }
        sheet_gap(w->sheet);
        json_array_append_new(groups, one);
        points_close(&part);
    }
    free(rows);
    return good ? 0 : -1;
}

int fit_results(json_t **json, const struct fit_work *w, struct points *p, struct err *e)
{
    json_t *one = NULL;
    *json = provenance_json();
    int status = !*json          ? err_memory(e, NULL)
                 : w->wanted->by ? fit_groups(w, p, *json, e)
                                 : fit_one(w, p, NULL, &one, e);
    if (status) {
        err_prefix(e, "%s", p->path);
        json_decref(*json);
        *json = NULL;
    } else {
        json_object_update(*json, one);
    }
    json_decref(one);
    return status;
}
