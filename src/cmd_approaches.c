/* cmd_approaches.c - the part of `tripod fit` that is no single law: isoflop (Approach 2), envelope
 * (Approach 1), approaches (1, 2 and 3 side by side) and bias (the error of Approach 2 by design).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/approaches.h"
#include "fit/bias.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/base/json.h"
#include "src/report/plot.h"
#include "src/report/report_approaches.h"

enum { MAX_LIST = 64 };

struct args {
    struct cli_common common;
    struct cmd_points points;
    const char *mode, *file, *surface, *plot;
    double budgets[MAX_LIST];
    size_t n_budgets;
    struct isoflop_options isoflop;
    struct envelope_options envelope;
    double level, span;
    size_t resamples, design;
    uint64_t seed;
};

enum {
    KEY_REJECT = 0x6001,
    KEY_KEEP,
    KEY_TOLERANCE,
    KEY_SURFACE,
    KEY_PLOT,
    KEY_LEVEL,
    KEY_BUDGETS,
    KEY_BUDGET,
    KEY_BOOTSTRAP,
    KEY_SEED,
    KEY_SPAN,
    KEY_POINTS
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "isoflop:", 3},
    {"reject", KEY_REJECT, "RULE", 0,
     "exact[:P] (default, P 0.01): the points whose leaving is least explained by chance, of all "
     "subsets; "
     "mad: RANSAC's rule over all subsets of 4; none",
     3},
    {"keep", KEY_KEEP, 0, 0,
     "Use weak minima and those outside the sizes tried; envelope: edges too", 3},
    {"tolerance", KEY_TOLERANCE, "SHARE", 0, "Budgets closer than this are one (default 0.05)", 3},
    {"surface", KEY_SURFACE, "WHICH", 0,
     "Exponents for the bias of the parabolas: fit (default: Chinchilla's law through the same "
     "rows), "
     "ALPHA,BETA, or none",
     3},
    {0, 0, 0, 0, "envelope:", 4},
    {"envelope-budgets", KEY_BUDGETS, "N", 0, "Budgets to compare at, even in ln C (default 1500)",
     4},
    {0, 0, 0, 0, "bias:", 5},
    {"span", KEY_SPAN, "FACTOR", 0, "Sizes from N*/FACTOR to N* x FACTOR (default 16)", 5},
    {"points", KEY_POINTS, "N", 0, "How many (default 15)", 5},
    {0, 0, 0, 0, "Results:", 6},
    {"budget", KEY_BUDGET, "C,...", 0, "approaches: N* and D* of each approach there", 6},
    {"level", KEY_LEVEL, "P", 0, "Of the intervals (default 0.95)", 6},
    {"bootstrap", KEY_BOOTSTRAP, "N", 0, "approaches: resamples for Approach 3 (default 1000)", 6},
    {"seed", KEY_SEED, "S", 0, "Of the resamples (default 1)", 6},
    {"plot", KEY_PLOT, "FILE", 0, "isoflop: draw losses, parabolas and minima (.png, .svg, .pdf)",
     6},
    {0},
};

static void parse_reject(struct isoflop_options *o, const char *arg, struct argp_state *state)
{
    if (!strcmp(arg, "none"))
        o->reject = ISOFLOP_REJECT_NONE;
    else if (!strcmp(arg, "mad"))
        o->reject = ISOFLOP_REJECT_MAD;
    else if (!strncmp(arg, "exact", 5) && (!arg[5] || arg[5] == ':'))
        o->reject_level = arg[5] ? cli_real(arg + 6, "--reject exact", 1e-12, 0.5, state) : 0;
    else
        cli_misuse(state, "--reject: expected exact, exact:P, mad or none, found '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->points;
        state->child_inputs[1] = &a->common;
        return 0;
    case KEY_REJECT:
        parse_reject(&a->isoflop, arg, state);
        return 0;
    case KEY_KEEP:
        a->isoflop.keep = a->envelope.keep_edges = true;
        return 0;
    case KEY_TOLERANCE:
        a->isoflop.tolerance = cli_real(arg, "--tolerance", 1e-9, 10, state);
        return 0;
    case KEY_SURFACE:
        a->surface = arg;
        return 0;
    case KEY_PLOT:
        a->plot = arg;
        return 0;
    case KEY_LEVEL:
        a->level = cli_real(arg, "--level", 0.01, 0.9999, state);
        return 0;
    case KEY_BUDGETS:
        a->envelope.budgets = cli_count(arg, "--envelope-budgets", 10, 1000000, state);
        return 0;
    case KEY_BUDGET:
        a->n_budgets +=
            cli_list(arg, "--budget", a->budgets + a->n_budgets, MAX_LIST - a->n_budgets, state);
        return 0;
    case KEY_BOOTSTRAP:
        a->resamples = cli_count(arg, "--bootstrap", 20, 10000000, state);
        return 0;
    case KEY_SEED:
        a->seed = cli_count(arg, "--seed", 0, 9000000000000000, state);
        return 0;
    case KEY_SPAN:
        a->span = cli_real(arg, "--span", 1.0001, 1e6, state);
        return 0;
    case KEY_POINTS:
        a->design = cli_count(arg, "--points", 3, 100000, state);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) cli_misuse(state, "found also '%s'", arg);
        *(state->arg_num ? &a->file : &a->mode) = arg;
        return 0;
    case ARGP_KEY_END:
        if (strcmp(a->mode ? a->mode : "", "bias") && !a->file)
            cli_misuse(state, "expected a CSV file after '%s'", a->mode);
        if (a->plot && strcmp(a->mode, "isoflop")) cli_misuse(state, "--plot draws isoflop only");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cmd_points_argp, 0, NULL, 0}, {&cli_common_argp, 0, NULL, 90}, {0}};
static const struct argp argp = {
    options,
    parse,
    "isoflop FILE\nenvelope FILE\napproaches FILE\nbias",
    "Hoffmann et al.'s three ways to compute-optimal N and D. isoflop: a parabola per budget and "
    "the power "
    "laws of the minima; envelope: the best of the training curves at each budget; approaches: "
    "both beside "
    "the parametric law; bias: the systematic error of a parabola's minimum at a surface.\v"
    "Examples:\n"
    "  tripod fit isoflop runs.csv --plot isoflop.png\n"
    "  tripod fit isoflop runs.csv --where 'loss<2' --reject mad\n"
    "  tripod fit envelope curves.csv --run name\n"
    "  tripod fit approaches runs.csv --drop-highest 5 --budget 5.76e23\n"
    "  tripod fit bias --surface 0.34,0.28 --span 16 --points 15\n",
    children,
    NULL,
    NULL};
static const struct command approaches = {.name = "fit", .summary = "", .argp = &argp};

/* "0.34,0.28" */
static int read_exponents(const char *text, double *alpha, double *beta, struct err *e)
{
    char end;
    if (sscanf(text, "%lf,%lf%c", alpha, beta, &end) != 2 || !(*alpha > 0 && *beta > 0) ||
        !(*alpha < 20 && *beta < 20))
        return err_set(
            e, "--surface: expected fit, none or ALPHA,BETA such as 0.34,0.28, found '%s'", text);
    return 0;
}

/* Rows for a mode: isoFLOP wants the last step of each run, the envelope every one. */
static int rows(const struct args *a, const struct csv *c, bool last, struct points *p,
                struct err *e)
{
    const unsigned need = 1u << POINTS_N | 1u << POINTS_D | 1u << POINTS_C;
    return cmd_points_read(p, &a->points, c, need, last, e);
}

/* The keys every fit has: law, objective, params, rows, verdict; the rest of DETAILS beside
 * them. */
static json_t *with_frame(const struct points *p, const char *objective, const struct ols_line *N,
                          const struct ols_line *D, json_t *details)
{
    const struct ols_line *lines[] = {N, D};
    const char *const names[] = {"a", "b"};
    json_t *params = json_object();
    for (int i = 0; i < 2; i++) {
        const struct ols_line *l = lines[i];
        json_object_set_new(params, names[i],
                            json_pack("{s:f, s:o, s:o, s:o, s:s}", "value", l->slope, "se",
                                      json_finite(l->slope_se), "lo", json_finite(l->slope_lo),
                                      "hi", json_finite(l->slope_hi), "verdict", ols_verdict(l)));
    }
    json_object_set_new(details, "objective", json_string(objective));
    json_object_set_new(details, "params", params);
    /* Linear least squares has one answer and needs no start. */
    json_object_set_new(details, "starts", json_pack("{s:i, s:i}", "total", 1, "agree", 1));
    json_object_set_new(details, "verdict", json_string(ols_verdict(N)));
    json_object_set_new(details, "provenance", provenance_json());
    cmd_points_json(details, p);
    return details;
}

static int read_surface(const char *text, struct approaches_surface *s, struct err *e)
{
    *s = (struct approaches_surface){SURFACE_FIT, 0, 0};
    if (!text || !strcmp(text, "fit")) return 0;
    s->kind = strcmp(text, "none") ? SURFACE_GIVEN : SURFACE_NONE;
    return s->kind == SURFACE_NONE ? 0 : read_exponents(text, &s->alpha, &s->beta, e);
}

static void print_isoflop(const struct points *p, const struct isoflop *f,
                          const struct approaches_correction *c)
{
    cmd_points_remarks(p);
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        for (size_t k = 0; k < b->n; k++)
            if (b->status != ISOFLOP_REFUSED && !b->in[k])
                printf("# line %zu (C %.3g, N %.4g, loss %.6g): left out as an outlier\n",
                       p->line[b->row[k]], b->C, p->N[b->row[k]], p->loss[b->row[k]]);
    }
    if (*c->reason) printf("# bias of the parabolas: %s\n", c->reason);
    isoflop_print(f, c->known ? &c->c : NULL, stdout);
}

static int run_isoflop(const struct args *a, const struct csv *table, struct err *e)
{
    struct points p;
    struct isoflop f = {0};
    struct approaches_surface surface;
    struct approaches_correction c = {.known = false};
    bool drawn = true;
    if (read_surface(a->surface, &surface, e) || rows(a, table, true, &p, e)) return -1;
    int status = approaches_isoflop(&p, &a->isoflop, &surface, &f, &c, e);
    if (!status && a->plot) status = isoflop_plot(&f, p.N, p.loss, a->plot, &drawn, e);
    if (!status && a->common.json) {
        json_t *o = isoflop_json(&f, c.known ? &c.c : NULL);
        json_object_set_new(o, "surface", json_string(c.reason));
        status = cli_write_json(
            &a->common,
            with_frame(&p, "least squares of the loss on ln N, by budget", &f.N_of_C, &f.D_of_C, o),
            e);
    } else if (!status) {
        print_isoflop(&p, &f, &c);
    }
    if (!status) plot_note(a->plot ? a->plot : "", drawn, stderr);
    isoflop_corrected_free(&c.c);
    isoflop_free(&f);
    points_close(&p);
    return status;
}

static int run_envelope(const struct args *a, const struct csv *table, struct err *e)
{
    struct points p;
    struct envelope f = {0};
    if (rows(a, table, false, &p, e)) return -1;
    int status = approaches_envelope(&p, &a->envelope, &f, e);
    if (status) err_prefix(e, "%s", p.path);
    if (!status && a->common.json) {
        status = cli_write_json(
            &a->common,
            with_frame(&p, "least loss at each budget", &f.N_of_C, &f.D_of_C, envelope_json(&f)),
            e);
    } else if (!status) {
        cmd_points_remarks(&p);
        printf("# %zu curves, %zu runs of one checkpoint; of %zu budgets %zu have two curves, %zu "
               "are used\n",
               f.runs, f.single, f.budgets, f.compared, f.used);
        envelope_print(&f, stdout);
    }
    envelope_free(&f);
    points_close(&p);
    return status;
}

static void print_three(const double v[3])
{
    for (int i = 0; i < 3; i++) printf(isnan(v[i]) ? "\t-" : "\t%.6g", v[i]);
}

static json_t *three_json(const double v[3])
{
    return json_pack("{s:o, s:o, s:o}", "value", json_finite(v[0]), "lo", json_finite(v[1]), "hi",
                     json_finite(v[2]));
}

static int write_answers(const struct args *a, const struct points *p, const struct approach *r,
                         struct err *e)
{
    const double *budgets = a->budgets;
    const size_t n = a->n_budgets;
    if (!a->common.json) {
        cmd_points_remarks(p);
        puts("approach\ta\ta_lo\ta_hi\tb\tb_lo\tb_hi\tverdict\treason");
        for (int i = 0; i < APPROACHES; i++) {
            printf("%s", r[i].name);
            print_three(r[i].a);
            print_three(r[i].b);
            printf("\t%s\t%s\n", r[i].verdict, r[i].reason);
        }
        if (n) puts("\nC\tapproach\tN\tN_lo\tN_hi\tD\tD_lo\tD_hi\tD_per_N");
        for (size_t k = 0; k < n; k++) {
            for (int i = 0; i < APPROACHES; i++) {
                if (!r[i].known) continue;
                printf("%.6g\t%s", budgets[k], r[i].name);
                print_three(r[i].N[k]);
                print_three(r[i].D[k]);
                printf("\t%.5g\n", r[i].D[k][0] / r[i].N[k][0]);
            }
        }
        return 0;
    }
    json_t *list = json_array();
    for (int i = 0; i < APPROACHES; i++) {
        json_t *o =
            json_pack("{s:s, s:o, s:o, s:s, s:s}", "approach", r[i].name, "a", three_json(r[i].a),
                      "b", three_json(r[i].b), "verdict", r[i].verdict, "reason", r[i].reason);
        json_t *at = json_array();
        for (size_t k = 0; k < n && r[i].known; k++)
            json_array_append_new(at, json_pack("{s:f, s:o, s:o}", "C", budgets[k], "N",
                                                three_json(r[i].N[k]), "D", three_json(r[i].D[k])));
        json_object_set_new(o, "budgets", at);
        json_array_append_new(list, o);
    }
    json_t *o = json_pack("{s:s, s:f, s:o, s:o}", "law", "approaches", "level", a->level,
                          "approaches", list, "provenance", provenance_json());
    cmd_points_json(o, p);
    return cli_write_json(&a->common, o, e);
}

static int run_approaches(const struct args *a, const struct csv *table, struct err *e)
{
    const struct approaches_options o = {.envelope = a->envelope,
                                         .isoflop = a->isoflop,
                                         .level = a->level,
                                         .resamples = a->resamples,
                                         .seed = a->seed,
                                         .budgets = a->budgets,
                                         .n_budgets = a->n_budgets};
    struct points every, last = {0};
    struct approaches r = {0};
    if (rows(a, table, false, &every, e)) return -1;
    int status = rows(a, table, true, &last, e);
    if (!status) status = approaches_fit(&r, &every, &last, &o, e);
    if (!status) status = write_answers(a, &last, r.answer, e);
    approaches_free(&r);
    points_close(&every);
    points_close(&last);
    return status;
}

/* What a design of sizes even in ln N does to Approach 2, before any run is made. */
static int run_bias(const struct args *a, struct err *e)
{
    double alpha, beta;
    if (!a->surface) return err_set(e, "bias: --surface ALPHA,BETA is missing");
    if (read_exponents(a->surface, &alpha, &beta, e)) return -1;
    double v = bias_even(alpha, beta, a->span, a->design);
    if (a->common.json)
        return cli_write_json(&a->common,
                              json_pack("{s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:o}", "alpha", alpha,
                                        "beta", beta, "span", a->span, "points",
                                        (json_int_t)a->design, "vertex_ln", v, "N", expm1(v), "D",
                                        expm1(-v), "provenance", provenance_json()),
                              e);
    puts("alpha\tbeta\tspan\tpoints\tvertex_ln\tN_percent\tD_percent");
    printf("%.6g\t%.6g\t%.6g\t%zu\t%.8g\t%+.4f\t%+.4f\n", alpha, beta, a->span, a->design, v,
           100 * expm1(v), 100 * expm1(-v));
    return 0;
}

bool cmd_fit_is_approach(int argc, char **argv)
{
    static const char *const modes[] = {"isoflop", "envelope", "approaches", "bias"};
    for (int i = 1; i < argc; i++) {
        for (int k = 0; k < 4; k++) {
            if (!strcmp(argv[i], modes[k])) return true;
        }
    }
    return false;
}

int cmd_fit_approach(int argc, char **argv, struct err *e)
{
    static struct args a;
    a = (struct args){.level = 0.95, .resamples = 1000, .seed = 1, .span = 16, .design = 15};
    cli_parse(&approaches, argc, argv, &a);
    cli_use_threads(a.common.threads);
    a.isoflop.level = a.envelope.level = a.level;
    if (!strcmp(a.mode, "bias")) return run_bias(&a, e);
    static const struct {
        const char *mode;
        int (*run)(const struct args *a, const struct csv *table, struct err *e);
    } modes[] = {
        {"isoflop", run_isoflop}, {"envelope", run_envelope}, {"approaches", run_approaches}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(a.mode, modes[i].mode)) continue;
        struct csv table;
        if (csv_read(&table, a.file, e)) return -1;
        int status = modes[i].run(&a, &table, e);
        csv_close(&table);
        return status;
    }
    return err_set(e, "expected isoflop, envelope, approaches or bias first, found '%s'", a.mode);
}
