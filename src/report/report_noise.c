/* report_noise.c - see report_noise.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_noise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/json.h"

static void remarks(struct sheet *s, const struct points *p, const struct law *law,
                    const struct lack *l)
{
    sheet_gap(s);
    sheet_remark(s,
                 "noise: %zu places have %zu runs, whose ln L differs by %.3g (standard deviation, "
                 "%.0f degrees of freedom); the residuals of least squares by %.3g",
                 l->places, l->repeats, l->sigma_pure, l->df_pure, l->sigma_fit);
    if (isfinite(l->p))
        sheet_remark(s, "lack of fit: F(%.0f, %.0f) = %.4g, p = %.3g: %s", l->df_lack, l->df_pure,
                     l->F, l->p,
                     l->p < 0.05
                         ? "the law misses the rows by more than runs differ; intervals from "
                           "residuals hold misfit, not noise alone"
                         : "the rows agree with the law to within what runs differ");
    char text[400] = "";
    for (int i = 0, used = 0; i < law->n && used < (int)sizeof text; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s %.3g", i ? ", " : "",
                         law->param[i].name, l->se[i]);
    sheet_detail(s, "standard errors from repeats alone: %s", text);
    for (size_t k = 0; k < LACK_WORST && k < l->over; k++) {
        const size_t row = l->worst[k].row;
        sheet_remark(s,
                     "note: line %zu (N %.4g, D %.4g): %.1f standard errors of repeats %s the law",
                     p->line[row], p->N[row], p->D[row], fabs(l->worst[k].z),
                     l->worst[k].z > 0 ? "above" : "below");
    }
    if (l->over > LACK_WORST)
        sheet_remark(s, "note: and %zu more of %zu places", l->over - LACK_WORST, l->all_places);
}

static json_t *lack_json(const struct points *p, const struct law *law, const struct lack *l)
{
    json_t *se = json_object(), *over = json_array();
    for (int i = 0; i < law->n; i++)
        json_object_set_new(se, law->param[i].name, json_finite(l->se[i]));
    for (size_t k = 0; k < LACK_WORST && k < l->over; k++)
        json_array_append_new(over,
                              json_pack("{s:I, s:f}", "line", (json_int_t)p->line[l->worst[k].row],
                                        "z", l->worst[k].z));
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}",
                     "copies", (json_int_t)l->copies, "places", (json_int_t)l->places, "repeats",
                     (json_int_t)l->repeats, "df_pure", l->df_pure, "df_lack", l->df_lack,
                     "sigma_pure", json_finite(l->sigma_pure), "sigma_lack",
                     json_finite(l->sigma_lack), "sigma_fit", json_finite(l->sigma_fit), "F",
                     json_finite(l->F), "p", json_finite(l->p), "se", se, "all_places",
                     (json_int_t)l->all_places, "over", (json_int_t)l->over, "worst", over);
}

void noise_report(struct sheet *s, json_t *o, const struct points *p, const struct law *law,
                  const struct lack *l, const struct boot_check *c)
{
    if (l->places) {
        remarks(s, p, law, l);
        json_object_set_new(o, "lack_of_fit", lack_json(p, law, l));
    } else if (*l->reason) {
        sheet_remark(s, "noise: runs are repeated, but least squares has no fit to test: %s",
                     l->reason);
    }
    if (!c->runs) return;
    const char *name = law->param[c->parameter].name;
    if (c->differ)
        sheet_remark(s,
                     "note: the bootstrap over the %zu runs spreads %s %.2g times as far as that "
                     "over rows: rows of a run are not independent; --bootstrap cluster:%d",
                     c->runs, name, c->clustered / c->rows, 1000);
    json_object_set_new(o, "bootstrap_check",
                        json_pack("{s:I, s:s, s:f, s:b}", "runs", (json_int_t)c->runs, "parameter",
                                  name, "cluster_over_rows", c->clustered / c->rows, "differ",
                                  c->differ));
}

/* How far the cluster bootstrap spreads a parameter, against the random effect's standard error, where
 * they differ most: theirs over ours, or 0 when there was no such bootstrap. */
static double bootstrap_over(const struct analysis *a, const struct reml_runs *r,
                             const struct boot_check *c, int *parameter)
{
    double worst = 0;
    if (c->runs) {
        *parameter = c->parameter;
        return r->se_t[c->parameter] > 0 ? c->clustered / r->se_t[c->parameter] : 0;
    }
    if (strncmp(a->interval_kind, "bootstrap cluster", 17)) return 0;
    for (int i = 0; i < a->fit.law->n; i++) {
        const double ratio = a->known[i].percentile.se / r->se[i];
        if (!(r->se[i] > 0 && ratio > 0)) continue;
        if (worst > 0 && fabs(log(ratio)) <= fabs(log(worst))) continue;
        worst = ratio;
        *parameter = i;
    }
    return worst;
}

void runs_report(struct sheet *s, json_t *o, const struct analysis *a, const struct reml_runs *r,
                 const struct boot_check *c)
{
    const struct law *law = a->fit.law;
    char text[400] = "";
    int parameter = 0;
    if (!r->runs) return;
    const double ratio = bootstrap_over(a, r, c, &parameter);
    const bool differ = ratio > 1.5 || (ratio > 0 && ratio < 1 / 1.5);
    json_t *se = json_object();
    for (int i = 0, used = 0; i < law->n; i++) {
        if (used < (int)sizeof text)
            used += snprintf(text + used, sizeof text - (size_t)used, "%s%s %.3g", i ? ", " : "",
                             law->param[i].name, r->se[i]);
        json_object_set_new(se, law->param[i].name, json_finite(r->se[i]));
    }
    if (r->p < 0.05) {
        sheet_gap(s);
        sheet_remark(
            s,
            "runs: rows of a run are off together: ln L varies by %.3g between %zu runs, by "
            "%.3g within (correlation %.2g, p = %.2g)",
            r->tau, r->runs, r->sigma, r->correlation, r->p);
        sheet_remark(s, "standard errors with that random effect: %s", text);
    }
    if (differ)
        sheet_remark(
            s,
            "note: the bootstrap over runs spreads %s %.2g times as far as the random effect "
            "does: runs differ by more than one level each, or are few",
            law->param[parameter].name, ratio);
    json_t *json = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "runs", (json_int_t)r->runs,
                             "tau", r->tau, "sigma", r->sigma, "correlation", r->correlation,
                             "chi2", r->chi2, "p", r->p, "se", se);
    if (ratio > 0) {
        json_object_set_new(json, "parameter", json_string(law->param[parameter].name));
        json_object_set_new(json, "bootstrap_over_effect", json_finite(ratio));
        json_object_set_new(json, "differ", json_boolean(differ));
    }
    json_object_set_new(o, "random_effect", json);
}

void variance_report(struct sheet *s, json_t *o, const struct reml_variance *v, const char *name)
{
    sheet_gap(s);
    sheet_remark(
        s,
        "variance ~ %s^%.3g (standard error %.2g, p = %.2g of 0; restricted likelihood, %d "
        "fits); rows are weighed by it",
        name, v->g, v->se, v->p, v->rounds);
    json_object_set_new(o, "variance",
                        json_pack("{s:s, s:f, s:f, s:f, s:f, s:i}", "of", name, "g", v->g, "se",
                                  v->se, "chi2", v->chi2, "p", v->p, "rounds", v->rounds));
}
