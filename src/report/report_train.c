/* report_train.c - see report_train.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_train.h"

#include <math.h>

#define COLUMNS(columns) columns, sizeof columns / sizeof *columns

static double epochs(const struct train_run *r, const struct train_data *d)
{
    return (double)(r->steps * r->rows) / (double)train_data_windows(d, r->length);
}

static void shape_remark(struct sheet *s, const struct train_run *r, const struct train_data *d)
{
    const struct neox_config *c = &r->config;
    uint64_t held = 0;
    for (size_t i = 0; i < d->held_n; i++) held += d->held[i].n;
    sheet_remark(s,
                 "GPT-NeoX: %zu layers, width %zu, %zu heads, ffn %zu, rotary %zu, vocabulary %zu; "
                 "steps of %zu x %zu tokens; rate %.3g, %s; %llu tokens to train on, %llu held out",
                 c->layers, c->hidden, c->heads, c->ffn, c->rotary, c->vocab, r->rows, r->length,
                 r->rates.rate, train_schedule_names[r->schedule], (unsigned long long)d->tokens,
                 (unsigned long long)held);
}

void report_train_plan(struct sheet *s, json_t **json, const struct train_run *r,
                       const struct train_data *d, double rate, int threads)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "N_total", .unit = TABLE_COUNT},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "epochs"},
        {.name = "flop_6nd", .unit = TABLE_FLOP, .head = "6ND"},
        {.name = "flop", .unit = TABLE_FLOP},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "bytes", .unit = TABLE_BYTES, .head = "memory"},
    };
    const struct trainer_shape shape = train_run_shape(r, threads);
    const double flop = trainer_flop(&r->config, &shape) * (double)r->steps;
    shape_remark(s, r, d);
    if (rate > 0)
        sheet_remark(s,
                     "time at %.3g GFLOP/s, half of what %d threads' FMAs can do, measured now; "
                     "validation comes on top",
                     rate * 1e-9, threads);
    struct table *t = sheet_table(s, COLUMNS(columns), "-", false);
    table_text(t, "%s", r->name);
    table_real(t, train_run_parameters(r));
    table_real(t, neox_parameters(&r->config, true));
    table_whole(t, r->steps);
    table_whole(t, train_run_tokens(r, r->steps));
    table_real(t, epochs(r, d));
    table_real(t, 6 * train_run_parameters(r) * (double)train_run_tokens(r, r->steps));
    table_real(t, flop);
    table_real(t, rate > 0 ? flop / rate : NAN);
    table_whole(t, trainer_bytes(&r->config, &shape));
    *json = json_pack("{s:o, s:o}", "plan", table_json(t, false), "run", train_run_json(r));
}

void report_train(struct sheet *s, json_t **json, const struct train_run *r,
                  const struct train_data *d, const struct train_done *done)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "step", .unit = TABLE_EXACT},
        {.name = "loss", .format = "%.9g"},
        {.name = "error", .format = "%.3g"},
        {.name = "train_loss", .format = "%.6g", .head = "training loss"},
        {.name = "epochs"},
        {.name = "flop", .unit = TABLE_FLOP},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
    };
    const struct train_result *x = &done->result;
    shape_remark(s, r, d);
    sheet_remark(s,
                 "losses in nats a token: of the text held out, with its standard error; of the "
                 "last 50 steps' batches%s",
                 done->there ? "; finished before, nothing was run" : "");
    struct table *t = sheet_table(s, COLUMNS(columns), "-", false);
    table_text(t, "%s", r->name);
    table_real(t, x->N);
    table_real(t, x->D);
    table_whole(t, r->steps);
    table_real(t, x->loss);
    table_real(t, x->error);
    table_real(t, x->train_loss);
    table_real(t, epochs(r, d));
    table_real(t, x->flop);
    table_real(t, x->seconds);
    *json = json_pack("{s:o, s:b, s:I, s:I}", "runs", table_json(t, false), "there", done->there,
                      "first", (json_int_t)done->first, "end", (json_int_t)done->end);
}
