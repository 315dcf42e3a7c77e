/* report_speedup.c - see report_speedup.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_speedup.h"

#include <math.h>
#include <stdlib.h>

#include "fit/allocate.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/report/law_text.h"
#include "src/report/plot.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *const limits[] = {"constant", "grows", "vanishes", "unknown"};

static void law_remark(struct sheet *s, const char *name, const struct fit *f)
{
    char text[LAW_TEXT];
    sheet_remark(s, "%s: %s on %zu rows, ln L spreads by %.3g", name,
                 law_text(f->law, f->params, NULL, text), f->rows,
                 sqrt(f->rss_log / fmax((double)f->rows - f->free, 1)));
}

static json_t *table(struct sheet *s, const struct speedup *u)
{
    const struct column columns[] = {
        {.name = "C", .format = "%.7g", .unit = TABLE_FLOP},
        {.name = "loss", .format = "%.7g"},
        {.name = "C_recipe", .format = "%.7g", .unit = TABLE_FLOP},
        {.name = "multiplier"},
        {.name = "interval", .flags = TABLE_ONLY_TERMINAL},
        {.name = "lo", .flags = TABLE_NO_TERMINAL},
        {.name = "hi", .flags = TABLE_NO_TERMINAL},
        {.name = "verdict"},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < u->n; i++) {
        const struct speedup_at *a = &u->at[i];
        /* Where it may be either way there is no multiplier to quote. */
        const bool refused = a->crosses;
        table_real(t, a->C);
        table_real(t, a->loss);
        table_real(t, refused ? NAN : a->other);
        table_real(t, refused ? NAN : a->value);
        table_between(t, a->lo, a->hi, TABLE_PLAIN);
        table_real(t, a->lo);
        table_real(t, a->hi);
        table_text(t, "%s",
                   a->reason[0] ? a->reason
                   : refused    ? "refused: the curves cross inside the interval"
                   : a->beyond  ? "beyond the runs"
                                : "ok");
    }
    return table_json(t, false);
}

static void limit_remark(struct sheet *s, const struct speedup *u, const char *recipe,
                         const char *base)
{
    switch (u->limit) {
    case LIMIT_CONSTANT:
        if (u->shared.crosses)
            sheet_remark(s,
                         "in the limit: refused, %.4g to %.4g holds 1 (all but the coefficients "
                         "shared: p = %.3g)",
                         u->shared.lo, u->shared.hi, u->p);
        else
            sheet_remark(
                s,
                "in the limit: %.4g (%.4g to %.4g), all but the coefficients shared, which "
                "the rows allow (F(%.0f, %.0f) = %.3g, p = %.3g)",
                u->shared.value, u->shared.lo, u->shared.hi, u->df1, u->df2, u->F, u->p);
        break;
    case LIMIT_GROWS:
        sheet_remark(s, "in the limit: without bound, the loss that %s tends to is lower", recipe);
        break;
    case LIMIT_VANISHES:
        sheet_remark(s, "in the limit: 0, the loss that %s tends to is lower", base);
        break;
    case LIMIT_UNKNOWN:
        if (isfinite(u->p))
            sheet_remark(s,
                         "in the limit: not known; the laws differ in more than their coefficients "
                         "(F(%.0f, %.0f) = %.3g, p = %.3g)",
                         u->df1, u->df2, u->F, u->p);
        else
            sheet_remark(s, "in the limit: not known");
    }
}

json_t *speedup_report(struct sheet *s, const struct speedup *u, const struct speedup_options *o,
                       const char *recipe, const char *base)
{
    sheet_remark(s, "how much less compute %s needs than %s for the same loss; %.4g %% intervals",
                 recipe, base, 100 * o->level);
    law_remark(s, recipe, &u->recipe);
    law_remark(s, base, &u->base);
    sheet_gap(s);
    json_t *at = table(s, u);
    sheet_gap(s);
    if (u->crossing > 0) sheet_remark(s, "the curves cross at %.4g FLOP", u->crossing);
    if (u->cross_lo > 0)
        sheet_remark(s, "which is better is not known from %.4g to %.4g FLOP", u->cross_lo,
                     u->cross_hi);
    limit_remark(s, u, recipe, base);
    const bool constant = u->limit == LIMIT_CONSTANT;
    return json_pack("{s:s, s:o, s:o, s:f, s:o, s:o, s:[o, o], s:{s:s, s:o, s:o, s:o, s:o}, s:o}",
                     "law", o->law->name, "recipe", json_utf8(recipe), "base", json_utf8(base),
                     "level", o->level, "budgets", at, "crossing", json_finite(u->crossing),
                     "unknown_between", json_finite(u->cross_lo), json_finite(u->cross_hi), "limit",
                     "kind", limits[u->limit], "multiplier",
                     json_finite(constant ? u->shared.value : NAN), "lo",
                     json_finite(constant ? u->shared.lo : NAN), "hi",
                     json_finite(constant ? u->shared.hi : NAN), "p", json_finite(u->p),
                     "provenance", provenance_json());
}

enum { CURVE = 100 };

int speedup_plot(const struct speedup *u, const struct points *recipe, const struct points *base,
                 const char *path, bool *drawn, struct err *e)
{
    const struct points *p[2] = {recipe, base};
    const struct fit *f[2] = {&u->recipe, &u->base};
    double x[2][CURVE], y[2][CURVE], lo = INFINITY, hi = 0;
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < p[k]->n; i++) {
            lo = fmin(lo, p[k]->C[i]);
            hi = fmax(hi, p[k]->C[i]);
        }
    }
    for (size_t i = 0; i < u->n; i++) hi = fmax(hi, u->at[i].C);
    for (int k = 0; k < 2; k++) {
        const struct allocate law = {.law = f[k]->law, .params = f[k]->params};
        for (int i = 0; i < CURVE; i++) {
            struct allocation a;
            struct err none; /* no optimum there: left out */
            x[k][i] = lo * pow(hi / lo, (double)i / (CURVE - 1));
            y[k][i] = allocate_optimum(&law, x[k][i], &a, &none) ? NAN : a.loss;
        }
    }
    const struct plot_series series[] = {
        {.name = "recipe, runs",
         .x = recipe->C,
         .y = recipe->loss,
         .n = recipe->n,
         .color = "#4878a8"},
        {.name = "baseline, runs", .x = base->C, .y = base->loss, .n = base->n, .color = "#c83232"},
        {.name = "recipe, least loss",
         .x = x[0],
         .y = y[0],
         .n = CURVE,
         .style = PLOT_LINE,
         .color = "#4878a8"},
        {.name = "baseline, least loss",
         .x = x[1],
         .y = y[1],
         .n = CURVE,
         .style = PLOT_LINE,
         .color = "#c83232"},
    };
    const struct plot figure = {.title = "least loss by compute",
                                .xlabel = "C, FLOP",
                                .ylabel = "loss, nats",
                                .xlog = true,
                                .ylog = true,
                                .series = series,
                                .n = COUNT_OF(series)};
    return plot_write(&figure, path, drawn, e);
}
