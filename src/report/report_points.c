/* report_points.c - see report_points.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_points.h"

#include <inttypes.h>

#include "src/base/json.h"

void points_report(struct sheet *s, const struct points *p)
{
    sheet_remark(s, "%s (xxh3 %016" PRIx64 "): %zu rows used, %zu dropped%s%s%s%s", p->path,
                 p->hash, p->n, p->n_dropped, p->loss_conversion ? "; loss = " : "",
                 p->loss_conversion ? p->loss_conversion : "", p->flop_rule ? "; C = " : "",
                 p->flop_rule ? p->flop_rule : "");
    size_t shown = p->n_dropped <= 10 ? p->n_dropped : 3;
    for (size_t i = 0; i < shown; i++)
        sheet_detail(s, "line %zu dropped: %s", p->dropped[i].line, p->dropped[i].reason);
    if (shown < p->n_dropped)
        sheet_detail(s, "... and %zu more (--json lists them)", p->n_dropped - shown);
    for (size_t i = 0; i < p->n_notes; i++) sheet_remark(s, "note: %s", p->notes[i]);
}

void points_report_json(json_t *object, const struct points *p)
{
    json_t *dropped = json_array(), *notes = json_array();
    for (size_t i = 0; i < p->n_dropped; i++)
        json_array_append_new(dropped,
                              json_pack("{s:I, s:o}", "line", (json_int_t)p->dropped[i].line,
                                        "reason", json_utf8(p->dropped[i].reason)));
    for (size_t i = 0; i < p->n_notes; i++) json_array_append_new(notes, json_utf8(p->notes[i]));
    json_object_set_new(object, "rows",
                        json_pack("{s:I, s:I, s:o}", "used", (json_int_t)p->n, "dropped",
                                  (json_int_t)p->n_dropped, "dropped_rows", dropped));
    json_object_set_new(object, "notes", notes);
    json_object_set_new(object, "data",
                        json_pack("{s:o, s:o, s:o, s:o}", "file", json_utf8(p->path), "xxh3",
                                  json_hex(p->hash), "loss",
                                  json_utf8(p->loss_conversion ? p->loss_conversion : "nats"),
                                  "flop_rule", json_utf8(p->flop_rule)));
}
