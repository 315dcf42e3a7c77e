/* report_sweep.c - see report_sweep.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* --- the plan --- */

static uint64_t cell_bytes(const struct sweep_cell *c)
{
    struct train_run r;
    sweep_run_of(c, &r);
    const struct trainer_shape shape = train_run_shape(&r, 1);
    return trainer_bytes(&r.config, &shape);
}

void report_sweep_plan(struct sheet *s, json_t **json, const struct sweep_plan *p, double peak,
                       int threads)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "layers", .unit = TABLE_EXACT},
        {.name = "width", .unit = TABLE_EXACT},
        {.name = "heads", .unit = TABLE_EXACT},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "rate", .format = "%.4g"},
        {.name = "epochs", .format = "%.3f"},
        {.name = "flop", .unit = TABLE_FLOP},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "bytes", .unit = TABLE_BYTES, .head = "memory"},
        {.name = "skipped", .head = "runs"},
    };
    static const char *const why[] = {
        [SWEEP_RUN] = "no", [SWEEP_EPOCHS] = "too many epochs", [SWEEP_SHORT] = "too few steps"};
    double flop = 0, seconds = 0, longest = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double one = sweep_seconds(&p->cells[i], peak);
        if (p->cells[i].skip != SWEEP_RUN) continue;
        flop += p->cells[i].C;
        seconds += one;
        if (one > longest) longest = one;
        if (cell_bytes(&p->cells[i]) > bytes) bytes = cell_bytes(&p->cells[i]);
    }
    const size_t runs = p->n - p->skipped;
    const double shared = seconds / threads;
    const double wall = runs < (size_t)threads || shared > longest ? shared : longest;
    sheet_remark(s,
                 "%zu runs, %.3g FLOP, %.3g hours on %d threads (the longest run on one: %.3g), at "
                 "most %.3g MB a run; %zu skipped",
                 runs, flop, wall / 3600, threads, longest / 3600, (double)bytes * 1e-6,
                 p->skipped);
    sheet_detail(s,
                 "times: of a thread's peak of %.3g GFLOP/s, measured now, the share that "
                 "training reaches by width: %g w / (w + %g)",
                 peak * 1e-9, SWEEP_SHARE, SWEEP_HALF);
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", p->n > 60);
    for (size_t i = 0; i < p->n; i++) {
        const struct sweep_cell *c = &p->cells[i];
        table_text(t, "%s", c->name);
        table_whole(t, c->shape.layers);
        table_whole(t, c->shape.width);
        table_whole(t, c->shape.heads);
        table_whole(t, c->N);
        table_whole(t, c->D);
        table_whole(t, c->steps);
        table_real(t, c->rate);
        table_real(t, c->epochs > 0 ? c->epochs : NAN);
        table_real(t, c->C);
        table_real(t, sweep_seconds(c, peak));
        table_whole(t, cell_bytes(c));
        table_text(t, "%s", why[c->skip]);
    }
    *json = json_pack("{s:I, s:I, s:f, s:f, s:i, s:I, s:o}", "runs", (json_int_t)runs, "skipped",
                      (json_int_t)p->skipped, "flop", flop, "hours", wall / 3600, "threads",
                      threads, "bytes_a_run", (json_int_t)bytes, "plan", table_json(t, false));
}

/* --- results --- */

int sweep_fit(const struct sweep_results *r, bool all, struct isoflop *f, double **points,
              size_t *n, struct err *e)
{
    struct isoflop_options o = {.reject = ISOFLOP_REJECT_NONE};
    const size_t room = r->plan->n + 1;
    double *p = malloc(4 * room * sizeof *p);
    *points = p;
    *n = 0;
    if (!p) return err_memory(e, "points");
    double *N = p, *loss = p + room, *D = loss + room, *C = D + room;
    for (size_t i = 0; i < r->plan->n; i++) {
        const struct sweep_cell *c = &r->plan->cells[i];
        const struct sweep_found *x = &r->found[i];
        if (!x->there || (x->plateau && !all) || !isfinite(x->loss)) continue;
        N[*n] = (double)c->N;
        D[*n] = (double)c->D;
        C[*n] = c->C;
        loss[(*n)++] = x->loss;
    }
    memmove(p + *n, loss, *n * sizeof *p); /* [2][n] */
    if (!*n) return err_set(e, "no run off the plateau");
    if (!isoflop_fit(N, D, C, p + *n, *n, &o, f, e)) return 0;
    struct err ignored;
    o.keep = true;
    return isoflop_fit(N, D, C, p + *n, *n, &o, f, &ignored);
}

static struct table *runs_table(struct sheet *s, const struct sweep_results *r)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "epochs", .format = "%.3f"},
        {.name = "loss", .format = "%.6f"},
        {.name = "error", .format = "%.6f", .head = "+-"},
        {.name = "plateau"},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", r->plan->n > 60);
    for (size_t i = 0; i < r->plan->n; i++) {
        const struct sweep_cell *c = &r->plan->cells[i];
        const struct sweep_found *x = &r->found[i];
        if (!x->there) continue;
        table_text(t, "%s", c->name);
        table_whole(t, c->N);
        table_whole(t, c->D);
        table_real(t, c->epochs);
        table_real(t, x->loss);
        table_real(t, x->error);
        table_flag(t, x->plateau);
    }
    return t;
}

/* Standard deviation between seeds of a cell, over all cells off the plateau with several; NaN: none. */
static double noise(const struct sweep_results *r)
{
    double squares = 0, freedom = 0;
    for (size_t i = 0; i < r->plan->n; i++) {
        const struct sweep_cell *a = &r->plan->cells[i];
        double n = 0, sum = 0, sum2 = 0;
        bool first = true;
        for (size_t k = 0; k < r->plan->n; k++) {
            const struct sweep_cell *b = &r->plan->cells[k];
            const struct sweep_found *x = &r->found[k];
            if (a->N != b->N || a->budget < b->budget || a->budget > b->budget || !x->there ||
                x->plateau)
                continue;
            if (k < i) first = false;
            n++;
            sum += x->loss - r->plateau.bigram;
            sum2 += (x->loss - r->plateau.bigram) * (x->loss - r->plateau.bigram);
        }
        if (!first || n < 2) continue;
        squares += sum2 - sum * sum / n;
        freedom += n - 1;
    }
    return freedom > 0 ? sqrt(fmax(squares, 0) / freedom) : NAN;
}

static struct table *budgets_table(struct sheet *s, const struct isoflop *f, const double *N)
{
    static const char *const statuses[] = {"ok", "outside", "weak", "refused"};
    static const struct column columns[] = {
        {.name = "budget", .unit = TABLE_FLOP},
        {.name = "runs", .unit = TABLE_EXACT},
        {.name = "below", .unit = TABLE_EXACT, .head = "smaller"},
        {.name = "above", .unit = TABLE_EXACT, .head = "larger"},
        {.name = "N", .unit = TABLE_COUNT, .head = "N*"},
        {.name = "N_lo", .unit = TABLE_COUNT},
        {.name = "N_hi", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT, .head = "D*"},
        {.name = "loss", .format = "%.6f"},
        {.name = "status"},
    };
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        size_t below = 0;
        for (size_t k = 0; k < b->n; k++) below += N[b->row[k]] < b->N;
        const bool any = b->status != ISOFLOP_REFUSED;
        table_real(t, b->C);
        table_whole(t, b->n);
        table_whole(t, any ? below : 0);
        table_whole(t, any ? b->n - below : 0);
        table_real(t, any ? b->N : NAN);
        table_real(t, any ? b->N_lo : NAN);
        table_real(t, any ? b->N_hi : NAN);
        table_real(t, any ? b->D : NAN);
        table_real(t, any ? b->loss : NAN);
        table_text(t, "%s", statuses[b->status]);
    }
    return t;
}

static json_t *line_json(const struct ols_line *l)
{
    return json_pack("{s:f, s:o, s:o}", "value", l->slope, "lo", json_finite(l->slope_lo), "hi",
                     json_finite(l->slope_hi));
}

/* "C^0.64 (0.55 to 0.73)" */
static void say_exponent(struct sheet *s, const char *what, const struct isoflop *f)
{
    const struct ols_line *l = &f->N_of_C;
    if (isfinite(l->slope_lo))
        sheet_remark(s, "%s: N* ~ C^%.3f (95 %%: %.3f to %.3f), D* ~ C^%.3f", what, l->slope,
                     l->slope_lo, l->slope_hi, f->D_of_C.slope);
    else
        sheet_remark(s, "%s: N* ~ C^%.3f (two budgets: no interval), D* ~ C^%.3f", what, l->slope,
                     f->D_of_C.slope);
}

/* The fit with what is left out by rule, or with everything; NULL where there is none. */
static json_t *fit_report(struct sheet *s, const struct sweep_results *r, bool all)
{
    const char *what = all ? "with the plateau's runs, which is wrong" : "minima of parabolas";
    size_t doubtful = 0;
    struct isoflop f;
    struct err e;
    double *points;
    size_t n;
    json_t *json = json_object();
    if (sweep_fit(r, all, &f, &points, &n, &e)) {
        sheet_remark(s, "%s: none (%s)", what, e.text);
        json_object_set_new(json, "none", json_utf8(e.text));
    } else {
        for (size_t i = 0; i < f.n; i++) doubtful += f.budget[i].used && f.budget[i].status;
        say_exponent(s, what, &f);
        if (doubtful)
            sheet_remark(s, "doubtful: %zu of these minima are weak or outside the sizes tried",
                         doubtful);
        json_object_set_new(json, "doubtful_minima", json_integer((json_int_t)doubtful));
        json_object_set_new(json, "a", line_json(&f.N_of_C));
        json_object_set_new(json, "b", line_json(&f.D_of_C));
        if (!all)
            json_object_set_new(json, "budgets", table_json(budgets_table(s, &f, points), false));
        isoflop_free(&f);
    }
    free(points);
    return json;
}

void report_sweep(struct sheet *s, json_t **json, const struct sweep_results *r)
{
    size_t there = 0, stuck = 0, wanted = r->plan->n - r->plan->skipped;
    for (size_t i = 0; i < r->plan->n; i++) {
        there += r->found[i].there;
        stuck += r->found[i].there && r->found[i].plateau;
    }
    sheet_remark(s,
                 "%zu of %zu runs are finished; unigram loss %.4f, bigram %.4f nats; %zu on the "
                 "plateau: less than %g nats below the bigram's, left out",
                 there, wanted, r->plateau.unigram, r->plateau.bigram, stuck, PLATEAU_MARGIN);
    struct table *runs = runs_table(s, r);
    const double sd = noise(r);
    if (isfinite(sd)) sheet_remark(s, "standard deviation between seeds: %.4f nats", sd);
    sheet_gap(s);
    json_t *fit = fit_report(s, r, false), *wrong = stuck ? fit_report(s, r, true) : json_null();
    *json = json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "finished",
                      (json_int_t)there, "wanted", (json_int_t)wanted, "on_plateau",
                      (json_int_t)stuck, "unigram", r->plateau.unigram, "bigram", r->plateau.bigram,
                      "margin", PLATEAU_MARGIN, "seed_sd", json_finite(sd), "runs",
                      table_json(runs, false), "isoflop", fit, "isoflop_with_plateau", wrong);
}
