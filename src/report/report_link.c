/* report_link.c - see report_link.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_link.h"

#include <math.h>

#include "src/base/json.h"

static const char real[] = "%.8g";
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

json_t *link_report(struct sheet *s, const struct link *link, const struct linked *predicted,
                    size_t n)
{
    const struct column params[] = {{.name = "link"},
                                    {.name = "value", .format = real},
                                    {.name = "se", .format = real, .flags = TABLE_DETAIL},
                                    {.name = "lo", .format = real},
                                    {.name = "hi", .format = real}};
    const struct column points[] = {{.name = "N", .format = real, .unit = TABLE_COUNT},
                                    {.name = "D", .format = real, .unit = TABLE_COUNT},
                                    {.name = "loss", .format = real},
                                    {.name = "outcome", .format = real},
                                    {.name = "lo", .format = real},
                                    {.name = "hi", .format = real}};
    sheet_gap(s);
    sheet_remark(s,
                 "outcome = low + (high - low) / (1 + exp(k (L - mid))): %zu rows, rms error %.3g, "
                 "%zu of %zu starts agree",
                 link->rows, link->rms, link->agree, link->starts);
    struct table *t = sheet_table(s, params, COUNT_OF(params), "-", false);
    for (int i = 0; i < LINK_PARAMS; i++) {
        table_text(t, "%s", link_names[i]);
        table_real(t, link->param[i]);
        table_real(t, link->interval[i].se);
        table_real(t, link->interval[i].lo);
        table_real(t, link->interval[i].hi);
    }
    json_t *json =
        json_pack("{s:s, s:o, s:I, s:o}", "kind", "logit", "params", table_json(t, false), "rows",
                  (json_int_t)link->rows, "rms", json_finite(link->rms));
    if (!n) return json;
    sheet_gap(s);
    t = sheet_table(s, points, COUNT_OF(points), "-", false);
    for (size_t i = 0; i < n; i++) {
        const struct linked *q = &predicted[i];
        table_real(t, q->N > 0 ? q->N : NAN);
        table_real(t, q->D > 0 ? q->D : NAN);
        table_real(t, q->loss);
        table_real(t, q->outcome);
        table_real(t, q->lo);
        table_real(t, q->hi);
    }
    json_object_set_new(json, "predictions", table_json(t, false));
    return json;
}
