/* report_deviations.c - see report_deviations.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_deviations.h"

void report_deviations(struct sheet *s, const struct record *records, size_t count)
{
    static const struct column columns[] = {
        {.name = "model"},
        {.name = "step", .unit = TABLE_EXACT},
        {.name = "deviation", .format = "%.17g", .head = "mean |d|"},
        {.name = "deviation_se", .format = "%.17g", .head = "s.e."},
        {.name = "deviation_rms", .format = "%.17g", .head = "rms d"},
        {.name = "deviation_rms_se", .format = "%.17g", .head = "s.e."},
        {.name = "deviation_max", .format = "%.17g", .head = "max |d|"},
        {.name = "bias", .format = "%.17g", .head = "bias"},
        {.name = "bias_se", .format = "%.17g", .head = "s.e."}};
    sheet_gap(s);
    sheet_remark(s, "d: a loss less float32's, nats; standard errors by document");
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < count; i++) {
        const struct record *r = &records[i];
        const struct deviation *d = &r->deviation;
        table_text(t, "%s", r->model);
        if (r->step >= 0)
            table_whole(t, (uint64_t)r->step);
        else
            table_none(t);
        const double values[] = {d->mean,  d->mean_error, d->rms,       d->rms_error,
                                 d->worst, d->bias,       d->bias_error};
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) table_real(t, values[j]);
    }
}
