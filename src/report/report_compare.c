/* report_compare.c - see report_compare.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_compare.h"

#include <math.h>

#include "src/base/json.h"

static const char real[] = "%.8g";
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

json_t *compare_report(struct sheet *s, const struct comparison *rows, int n,
                       const struct compare_split *split)
{
    const struct column columns[] = {
        {.name = "law"},
        {.name = "parameters"},
        {.name = "rss_log", .format = real},
        {.name = "aic", .format = real},
        {.name = "aicc", .format = real},
        {.name = "bic", .format = real},
        {.name = "delta_aic", .format = real},
        {.name = "rmse_largest_out", .format = real},
        {.name = "rmse_budgets_out", .format = real},
        {.name = "reason"},
    };
    double best = INFINITY;
    for (int i = 0; i < n; i++) best = fmin(best, isnan(rows[i].aic) ? INFINITY : rows[i].aic);
    sheet_gap(s);
    sheet_remark(s,
                 "comparison: information criteria of least squares on ln L; rms errors of ln L "
                 "with C >= %.4g left out (%zu rows)",
                 split->cut, rows[0].test);
    sheet_remark(s, "and with each of %zu budgets left out in turn", split->budgets);
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (int i = 0; i < n; i++) {
        const struct comparison *c = &rows[i];
        table_text(t, "%s", c->law->name);
        table_whole(t, (uint64_t)c->k);
        table_real(t, c->rss_log);
        table_real(t, c->aic);
        table_real(t, c->aicc);
        table_real(t, c->bic);
        table_real(t, c->aic - best);
        table_real(t, c->largest);
        table_real(t, c->budgets);
        table_text(t, "%s", c->reason);
    }
    return json_pack("{s:o, s:o, s:I}", "laws", table_json(t, false), "holdout",
                     json_finite(split->cut), "budgets", (json_int_t)split->budgets);
}

/* The number K of a choice: its law's parameters, then a and D/N. */
static double choice_value(const struct choice *c, int k)
{
    const int n = c->fit.law->n;
    return k < n ? c->fit.params[k] : k == n ? c->a : c->ratio;
}

static const char *choice_name(const struct law *law, int k)
{
    return k < law->n ? law->param[k].name : k == law->n ? "a" : "D/N";
}

static json_t *choice_json(const struct choice *c, const struct law *law)
{
    json_t *params = json_object();
    for (int k = 0; k < law->n && !c->reason[0]; k++)
        json_object_set_new(params, law->param[k].name, json_finite(c->fit.params[k]));
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:s}", "choice", json_utf8(c->label), "rows",
                     (json_int_t)c->rows, "params", params, "a", json_finite(c->a), "D/N",
                     json_finite(c->ratio), "reason", c->reason);
}

static void choice_row(struct table *t, const struct choice *c, int numbers)
{
    table_text(t, "%s", c->label);
    table_whole(t, c->rows);
    for (int k = 0; k < numbers; k++) table_real(t, c->reason[0] ? NAN : choice_value(c, k));
}

json_t *sensitivity_report(struct sheet *s, const struct choice *c, int n, const struct law *law,
                           double budget)
{
    const int numbers = law->n + 2;
    struct column columns[LAW_PARAMS + 4] = {{.name = "choice"}, {.name = "rows"}};
    json_t *all = json_array(), *range = json_object();
    for (int k = 0; k < numbers; k++)
        columns[k + 2] = (struct column){.name = choice_name(law, k), .format = real};
    sheet_gap(s);
    sheet_remark(s, "sensitivity: the same law under other choices; D/N at %.4g FLOP", budget);
    struct table *t = sheet_table(s, columns, (size_t)numbers + 2, "-", false);
    for (int i = 0; i < n; i++) {
        choice_row(t, &c[i], numbers);
        json_array_append_new(all, choice_json(&c[i], law));
    }
    for (int end = 0; end < 2; end++) {
        table_text(t, end ? "greatest" : "least");
        table_none(t);
        for (int k = 0; k < numbers; k++) {
            double lo, hi;
            sensitivity_spread(c, n, k < law->n ? k : SENSITIVITY_A + k - law->n, &lo, &hi);
            table_real(t, !isfinite(lo) ? NAN : end ? hi : lo);
            if (end)
                json_object_set_new(range, choice_name(law, k),
                                    json_pack("[o, o]", json_finite(lo), json_finite(hi)));
        }
    }
    for (int i = 0; i < n; i++)
        if (c[i].reason[0]) sheet_remark(s, "%s: no fit: %s", c[i].label, c[i].reason);
    return json_pack("{s:o, s:o, s:o}", "choices", all, "spread", range, "budget",
                     json_finite(budget));
}
