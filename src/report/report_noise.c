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
