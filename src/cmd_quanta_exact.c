/* cmd_quanta_exact.c - `tripod quanta gradients --exact`: what it would take and what it did; the work is
 * src/quanta/gradients_exact.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/gradients_exact.h"
#include "src/scan/peak_rate.h"

/* What is planned, in seconds at the FMA peak measured now; NaN: not known. */
static double seconds_of(const struct gradients *g, const struct gradients_exact *x)
{
    const double peak = 1e9 * peak_rate(g->o->kernels, g->o->threads, 0.05);
    return peak > 0 ? x->flop / (peak * CMD_QUANTA_SHARE) : NAN;
}

static int write_plan(const struct cli_common *common, const struct gradients *g,
                      const struct gradients_exact *x, struct err *e)
{
    static const struct column columns[] = {
        {.name = "samples", .unit = TABLE_EXACT},
        {.name = "stay", .unit = TABLE_EXACT},
        {.name = "pass", .unit = TABLE_EXACT},
        {.name = "gradients", .unit = TABLE_EXACT},
        {.name = "parameters", .unit = TABLE_EXACT},
        {.name = "flop", .format = "%.17g", .unit = TABLE_FLOP, .head = "FLOP"},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "memory", .unit = TABLE_BYTES},
        {.name = "disk", .unit = TABLE_BYTES},
    };
    const struct exact_plan *p = &x->plan;
    const double seconds = seconds_of(g, x);
    struct sheet *s = sheet_open();
    if (x->done) sheet_remark(s, "all of it is there already");
    sheet_remark(
        s,
        "so many gradients stay in memory while the others pass by, so many at a time; time "
        "on %d threads at %.2g of the FMA peak measured now",
        g->o->threads, CMD_QUANTA_SHARE);
    if (x->disk > x->disk_available)
        sheet_remark(s, "the disk does not hold it: %.3g GB are left",
                     (double)x->disk_available / 1e9);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_whole(t, p->n);
    table_whole(t, p->resident);
    table_whole(t, p->streamed);
    table_whole(t, p->gradients);
    table_whole(t, g->record.numbers);
    table_real(t, x->flop);
    table_real(t, seconds);
    table_whole(t, x->memory);
    table_whole(t, x->disk);
    json_t *o =
        json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:i, s:I, s:I, s:I}", "samples", (json_int_t)p->n,
                  "stay", (json_int_t)p->resident, "pass", (json_int_t)p->streamed, "gradients",
                  (json_int_t)p->gradients, "flop", x->flop, "seconds", json_finite(seconds),
                  "threads", g->o->threads, "memory", (json_int_t)x->memory, "disk",
                  (json_int_t)x->disk, "parameters", (json_int_t)g->record.numbers);
    int status = cli_write(common, s,
                           json_pack("{s:o, s:o}", "plan", o, "provenance", provenance_json()), e);
    sheet_free(s);
    return status;
}

static void announce(const struct gradients *g, const struct gradients_exact *x)
{
    char flop[32], time[32], when[96] = "";
    const double seconds = seconds_of(g, x);
    if (isfinite(seconds))
        snprintf(when, sizeof when, ", %s at %.2g of the FMA peak",
                 table_number(seconds, TABLE_SECONDS, time, sizeof time), CMD_QUANTA_SHARE);
    progress_note("%zu samples, of which %zu stay in memory%s: %llu gradients, %s FLOP%s",
                  x->plan.n, x->plan.resident, x->plan.streamed ? " while the others pass by" : "",
                  (unsigned long long)x->plan.gradients,
                  table_number(x->flop, TABLE_FLOP, flop, sizeof flop), when);
}

static int write_result(const struct cli_common *common, const struct gradients *g,
                        const struct gradients_result *r, struct err *e)
{
    static const struct column columns[] = {
        {.name = "samples", .unit = TABLE_EXACT},
        {.name = "computed", .unit = TABLE_EXACT, .head = "gradients computed"},
        {.name = "parameters", .unit = TABLE_EXACT},
        {.name = "mean_loss", .format = "%.8g", .head = "mean loss"},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "gflop_per_s", .head = "GFLOP/s"},
    };
    const double rate = r->seconds > 0 && r->computed ? r->flop / r->seconds / 1e9 : NAN;
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_whole(t, g->record.rows);
    table_whole(t, r->computed);
    table_whole(t, g->record.numbers);
    table_real(t, r->mean_loss);
    table_real(t, r->seconds);
    table_real(t, rate);
    json_t *o = gradients_record_json(&g->record, NULL);
    json_t *more = json_pack("{s:o, s:I, s:o, s:f, s:o}", "out", json_utf8(g->o->out), "computed",
                             (json_int_t)r->computed, "mean_loss", json_finite(r->mean_loss),
                             "seconds", r->seconds, "gflop_per_s", json_finite(rate));
    json_object_update(o, more);
    json_decref(more);
    int status = cli_write(
        common, s, json_pack("{s:o, s:o}", "gradients", o, "provenance", provenance_json()), e);
    sheet_free(s);
    return status;
}

int cmd_quanta_exact(const struct cli_common *common, struct gradients *g, bool dry_run,
                     struct err *e)
{
    struct gradients_exact x;
    struct gradients_result result;
    if (gradients_exact_needs(g, &x, e)) return -1;
    if (dry_run) return write_plan(common, g, &x, e);
    if (!x.done) announce(g, &x);
    return gradients_exact_run(g, &x, &result, e) ? -1 : write_result(common, g, &result, e);
}
