/* report_parity.c - see report_parity.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_parity.h"

#include <math.h>
#include <stdlib.h>

static struct table *runs_table(struct sheet *s, const struct parity_folder *f)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "loss_bits", .format = "%.6f", .head = "last, bits"},
        {.name = "best_bits", .format = "%.6f", .head = "least, bits"},
        {.name = "best_step", .unit = TABLE_EXACT, .head = "at step"},
        {.name = "learned_bit", .unit = TABLE_EXACT, .head = "< 0.1 bit"},
        {.name = "learned_nat", .unit = TABLE_EXACT, .head = "ever < 0.1 nat"},
    };
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", f->n > 40);
    for (size_t i = 0; i < f->n; i++) {
        const struct parity_found *r = &f->found[i];
        const size_t best = parity_log_best(&r->log);
        table_text(t, "%s", r->name);
        table_whole(t, parity_parameters(&r->run.shape, r->run.width));
        if (r->run.data)
            table_whole(t, r->run.data);
        else
            table_none(t);
        table_whole(t, (r->log.n - 1) * r->run.log);
        table_real(t, r->log.mean[r->log.n - 1] / M_LN2);
        table_real(t, r->log.mean[best] / M_LN2);
        table_whole(t, best * r->run.log);
        table_whole(t, parity_learned(r, PARITY_TENTH_BIT, false));
        table_whole(t, parity_learned(r, 0.1, true));
    }
    return t;
}

static struct table *exponents_table(struct sheet *s, const struct parity_exponent *x, size_t n)
{
    static const struct column columns[] = {
        {.name = "zipf"},
        {.name = "quantity"},
        {.name = "value", .format = "%.4f"},
        {.name = "lo", .format = "%.4f", .json = "interval.lo"},
        {.name = "hi", .format = "%.4f", .json = "interval.hi"},
        {.name = "interval_of", .json = "interval.of", .head = "interval of"},
        {.name = "seeds", .unit = TABLE_EXACT},
        {.name = "points", .unit = TABLE_EXACT},
        {.name = "published", .format = "%.3f"},
        {.name = "theory", .format = "%.4f"},
    };
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < n; i++) {
        table_real(t, x[i].zipf);
        table_text(t, "%s", parity_quantity_names[x[i].what]);
        table_real(t, x[i].value);
        table_real(t, x[i].lo);
        table_real(t, x[i].hi);
        table_text(t, "%s", x[i].by_seeds ? "seeds" : isfinite(x[i].lo) ? "line" : "-");
        table_whole(t, x[i].seeds);
        table_whole(t, x[i].points);
        table_real(t, x[i].published);
        table_real(t, x[i].theory);
    }
    return t;
}

int report_parity(struct sheet *s, json_t **json, const struct parity_folder *f,
                  const struct parity_window *w, struct err *e)
{
    struct parity_exponent *x = malloc((f->n * PARITY_QUANTITIES + 1) * sizeof *x);
    *json = NULL;
    if (!x) return err_memory(e, "exponents");
    const size_t n = parity_exponents(x, f, w);
    sheet_remark(s, "losses are of the tests at the last log and at the log where they were least; "
                    "learned: subtasks below 0.1 bit at the last log, below 0.1 nat at any");
    struct table *runs = runs_table(s, f);
    json_t *exponents = json_array();
    if (n) {
        sheet_gap(s);
        sheet_remark(s,
                     "slopes of logarithms; alpha_S: steps %g <= S < %g of the widest runs; "
                     "convergence: first step below 0.1 bit by frequency; order: rank correlation "
                     "of that step and the subtask's rank; published: other settings than these "
                     "unless the preset is a full one",
                     w->first, w->end);
        struct table *t = exponents_table(s, x, n);
        json_decref(exponents);
        exponents = table_json(t, false);
    }
    *json = json_pack("{s:o, s:o, s:[f, f]}", "runs", table_json(runs, false), "exponents",
                      exponents, "window", w->first, w->end);
    free(x);
    return 0;
}

void report_parity_plan(struct sheet *s, json_t **json, const struct parity_grid *g, double rate,
                        int threads)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "flop", .unit = TABLE_FLOP},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "bytes", .unit = TABLE_BYTES, .head = "memory"},
    };
    double flop = 0, seconds = 0, longest = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->n; i++) {
        const double one = parity_run_cost(&g->runs[i]) / rate;
        flop += parity_run_flop(&g->runs[i], 0, g->runs[i].steps);
        seconds += one;
        if (one > longest) longest = one;
        if (parity_run_bytes(&g->runs[i]) > bytes) bytes = parity_run_bytes(&g->runs[i]);
    }
    const double shared = seconds / threads, wall = shared > longest ? shared : longest;
    sheet_remark(s,
                 "%zu runs, %.3g FLOP of the plain products, %.3g hours on %d threads (the longest "
                 "run: %.3g), at most %.3g MB a thread; early stops not counted",
                 g->n, flop, wall / 3600, threads, longest / 3600, (double)bytes * 1e-6);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", g->n > 40);
    for (size_t i = 0; i < g->n; i++) {
        const struct parity_run *r = &g->runs[i];
        char name[96];
        parity_run_name(r, name, sizeof name);
        table_text(t, "%s", name);
        table_whole(t, parity_parameters(&r->shape, r->width));
        if (r->data)
            table_whole(t, r->data);
        else
            table_none(t);
        table_whole(t, r->steps);
        table_real(t, parity_run_flop(r, 0, r->steps));
        table_real(t, parity_run_cost(r) / rate);
        table_whole(t, parity_run_bytes(r));
    }
    *json = json_pack("{s:I, s:f, s:f, s:i, s:I, s:o}", "runs", (json_int_t)g->n, "flop", flop,
                      "hours", wall / 3600, "threads", threads, "bytes_a_thread", (json_int_t)bytes,
                      "plan", table_json(t, false));
}
