/* cmd_allocate.c - `tripod allocate`: what a fitted law says about spending compute.
 *
 * The law comes from a fit's JSON, from a published fit by name, or from its parameters; bands from
 * the fit's covariance or from a CSV of bootstrap parameters. The question is a budget (optimal N
 * and D), a loss (the cheapest budget), a size (its optimal tokens), a size and a loss (the tokens
 * it takes), or a size and tokens (what that choice wastes).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/question.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/json.h"
#include "src/base/num.h"

struct args {
    struct cli_common common;
    const char *fit, *law, *params, *preset, *budget, *sweep, *grid, *samples, *line;
    double hours, rate, devices, utilization, N, D, loss, closest, factor, unique, level;
    uint64_t seed;
    bool numeric;
};

enum {
    KEY_LAW = 0x3001,
    KEY_PARAMS,
    KEY_PRESET,
    KEY_HOURS,
    KEY_RATE,
    KEY_DEVICES,
    KEY_UTILIZATION,
    KEY_SWEEP,
    KEY_CLOSEST,
    KEY_LOSS,
    KEY_FACTOR,
    KEY_UNIQUE,
    KEY_GRID,
    KEY_NUMERIC,
    KEY_SAMPLES,
    KEY_LEVEL,
    KEY_SEED,
    KEY_LINE
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The law (or FIT.json, written by tripod fit --json=FIT.json):", 1},
    {"preset", KEY_PRESET, "NAME", 0,
     "A published fit: hoffmann, hoffmann-tex, epoch, epoch-bootstrap, epoch-optimum, kaplan", 1},
    {"law", KEY_LAW, "NAME", 0, "A law of tripod fit, with --params", 1},
    {"params", KEY_PARAMS, "LIST", 0, "E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28", 1},
    {"factor", KEY_FACTOR, "K", 0, "C = K N D (default 6; tripod count knows better)", 1},
    {"unique", KEY_UNIQUE, "U", 0, "Unique tokens there are, for the law repeated", 1},
    {0, 0, 0, 0, "The question:", 2},
    {"budget", 'C', "C[,C...]", 0, "Compute-optimal N and D for these budgets in FLOP", 2},
    {"hours", KEY_HOURS, "H", 0, "The budget as hours x --rate x --devices x --utilization", 2},
    {"rate", KEY_RATE, "FLOP/S", 0, "What one device does per second", 2},
    {"devices", KEY_DEVICES, "N", 0, "How many (default 1)", 2},
    {"utilization", KEY_UTILIZATION, "U", 0, "Share of the rate that training reaches (default 1)",
     2},
    {"sweep", KEY_SWEEP, "LO:HI:K", 0, "Budgets 10^LO up to but below 10^HI, K per decade", 2},
    {"closest", KEY_CLOSEST, "N", 0,
     "Of the budgets, the one whose optimum is closest to N parameters", 2},
    {"loss", KEY_LOSS, "L", 0,
     "The cheapest budget with this loss (nats); with -N, the tokens for it", 2},
    {"size", 'N', "N", 0, "The budget for which N parameters are optimal", 2},
    {"tokens", 'D', "D", 0, "With -N: what this choice loses and wastes", 2},
    {0, 0, 0, 0, "How:", 3},
    {"grid", KEY_GRID, "LO:HI:K", 0,
     "Choose N from 10^LO up to but below 10^HI, K per decade, as notebooks do", 3},
    {"numeric", KEY_NUMERIC, 0, 0, "Do not use the closed form", 3},
    {"samples", KEY_SAMPLES, "FILE.csv", 0,
     "Bands from these parameters, one row per bootstrap resample, columns named as the law's", 3},
    {"level", KEY_LEVEL, "P", 0, "Of the bands (default 0.95)", 3},
    {"seed", KEY_SEED, "N", 0, "Of the draws from a covariance (default 1)", 3},
    {"line", KEY_LINE, "NAME", 0,
     "No law: log D linear in log N through published optima (approach1, approach2) or the N and D "
     "columns of a CSV file; with -N",
     3},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case KEY_LAW:
        a->law = arg;
        return 0;
    case KEY_PARAMS:
        a->params = arg;
        return 0;
    case KEY_PRESET:
        a->preset = arg;
        return 0;
    case 'C':
        a->budget = arg;
        return 0;
    case KEY_HOURS:
        a->hours = cli_real(arg, "--hours", 1e-9, 1e12, state);
        return 0;
    case KEY_RATE:
        a->rate = cli_real(arg, "--rate", 1, 1e30, state);
        return 0;
    case KEY_DEVICES:
        a->devices = cli_real(arg, "--devices", 1, 1e12, state);
        return 0;
    case KEY_UTILIZATION:
        a->utilization = cli_real(arg, "--utilization", 1e-9, 1, state);
        return 0;
    case KEY_SWEEP:
        a->sweep = arg;
        return 0;
    case KEY_CLOSEST:
        a->closest = cli_real(arg, "--closest", 1e-9, 1e30, state);
        return 0;
    case KEY_LOSS:
        a->loss = cli_real(arg, "--loss", 1e-9, 1e9, state);
        return 0;
    case 'N':
        a->N = cli_real(arg, "-N", 1e-9, 1e30, state);
        return 0;
    case 'D':
        a->D = cli_real(arg, "-D", 1e-9, 1e30, state);
        return 0;
    case KEY_FACTOR:
        a->factor = cli_real(arg, "--factor", 1e-9, 1e9, state);
        return 0;
    case KEY_UNIQUE:
        a->unique = cli_real(arg, "--unique", 1, 1e30, state);
        return 0;
    case KEY_GRID:
        a->grid = arg;
        return 0;
    case KEY_NUMERIC:
        a->numeric = true;
        return 0;
    case KEY_SAMPLES:
        a->samples = arg;
        return 0;
    case KEY_LEVEL:
        a->level = cli_real(arg, "--level", 0.01, 0.9999, state);
        return 0;
    case KEY_SEED:
        a->seed = cli_count(arg, "--seed", 0, (uint64_t)1 << 52, state);
        return 0;
    case KEY_LINE:
        a->line = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->fit) cli_misuse(state, "one FIT.json only, found '%s' too", arg);
        a->fit = arg;
        return 0;
    case ARGP_KEY_END:
        if (!!a->fit + !!a->preset + !!a->law + !!a->line != 1)
            cli_misuse(state, "give one of FIT.json, --preset, --law with --params, --line");
        if (!a->law != !a->params) cli_misuse(state, "--law and --params go together");
        if ((a->hours > 0) != (a->rate > 0)) cli_misuse(state, "--hours and --rate go together");
        if (a->line && a->N <= 0) cli_misuse(state, "--line needs -N");
        if (a->D > 0 && a->N <= 0) cli_misuse(state, "-D needs -N");
        if (a->D > 0 && a->loss > 0) cli_misuse(state, "give -D or --loss, not both");
        if (!a->line && !!a->budget + !!a->sweep + (a->hours > 0) + (a->N > 0 || a->loss > 0) != 1)
            cli_misuse(state,
                       "ask one question: --budget, --hours, --sweep, --loss, -N or -N with -D");
        if ((a->closest > 0 || a->grid) && !(a->budget || a->sweep || a->hours > 0))
            cli_misuse(state, "--grid and --closest need budgets");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 90}, {0}};
static const struct argp argp = {
    options,
    parse,
    "[FIT.json]",
    "Compute-optimal model sizes and tokens from a scaling law, with bands, and the reverse "
    "questions.\v"
    "Columns: C FLOP, N parameters, D tokens, loss nats, flat: from N/flat to N*flat the loss is "
    "within "
    "0.1 % of the optimum.\n\n"
    "Examples:\n"
    "  tripod fit chinchilla runs.csv --json=fit.json\n"
    "  tripod allocate fit.json --budget 1e21,1e22\n"
    "  tripod allocate --preset epoch --hours 72 --rate 2T --devices 8\n"
    "  tripod allocate --preset hoffmann -N 70B -D 300B\n"
    "  tripod allocate --preset hoffmann --budget 2.21e19 --grid 7:11:16\n"
    "  tripod allocate --line approach2 -N 124M\n",
    children,
    NULL,
    NULL};

static int read_source(const struct args *a, struct saved *s, struct err *e)
{
    int status = a->fit      ? saved_read(s, a->fit, !a->samples, a->seed, e)
                 : a->preset ? saved_preset(s, a->preset, e)
                             : saved_list(s, a->law, a->params, e);
    if (status) return -1;
    if (!allocate_can(s->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", s->law->name);
    if (s->law->variables & LAW_U ? 0 : a->unique > 0)
        return err_set(e, "--unique: the law %s knows no repeated data", s->law->name);
    return a->samples ? saved_samples(s, a->samples, e) : 0;
}

static void print_header(const struct saved *s, const struct question *q)
{
    printf("# %s: %s;", s->law->name, s->law->formula);
    for (int i = 0; i < s->law->n; i++) printf(" %s %.9g", s->law->param[i].name, s->params[i]);
    printf("%s%s%s%s\n", s->n ? "; bands: " : "", s->origin,
           *s->verdict ? "; verdict of the fit: " : "", s->verdict);
    double a, b, G;
    if (law_optimum(s->law, s->params, &a, &b, &G))
        printf("# N* = G (C/k)^a, D* = (C/k)^b / G: a %.5f, b %.5f, G %.6g\n", a, b, G);
    int last = question_values(q);
    for (int k = 0; k < last; k++) printf("%s%s", k ? "\t" : "", answer_names[k]);
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS) printf("\tflat");
    for (int k = 0; k < last && s->n; k++)
        if (!question_given(q, k)) printf("\t%s_lo\t%s_hi", answer_names[k], answer_names[k]);
    printf("\tmethod\n");
}

static void print_answer(const struct saved *s, const struct question *q, const struct answer *r)
{
    int last = question_values(q);
    for (int k = 0; k < last; k++) printf("%s%.7g", k ? "\t" : "", r->value[k]);
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS) printf("\t%.3g", r->around);
    for (int k = 0; k < last && s->n; k++)
        if (!question_given(q, k)) printf("\t%.5g\t%.5g", r->lo[k], r->hi[k]);
    printf("\t%s\n", r->method);
}

static json_t *answer_json(const struct saved *s, const struct question *q, const struct answer *r)
{
    json_t *o = json_pack("{s:s}", "method", r->method);
    int last = question_values(q);
    for (int k = 0; k < last; k++) {
        json_t *one = json_pack("{s:o}", "value", json_finite(r->value[k]));
        if (s->n && !question_given(q, k)) {
            json_object_set_new(one, "lo", json_finite(r->lo[k]));
            json_object_set_new(one, "hi", json_finite(r->hi[k]));
        }
        json_object_set_new(o, answer_names[k], one);
    }
    if (isfinite(r->around)) json_object_set_new(o, "flat", json_real(r->around));
    if (s->n)
        json_object_set_new(o, "samples_without_answer",
                            json_integer((json_int_t)(r->asked - r->answered)));
    return o;
}

/* "LO:HI:K" */
static int read_range(const char *text, const char *what, double g[3], struct err *e)
{
    char end;
    if (sscanf(text, "%lf:%lf:%lf%c", &g[0], &g[1], &g[2], &end) != 3 || !(g[1] > g[0]) ||
        !(g[2] > 0) || !(fabs(g[0]) < 60) || !(fabs(g[1]) < 60) || !((g[1] - g[0]) * g[2] <= 1e6))
        return err_set(e, "%s: expected LO:HI:PER_DECADE such as 7:11:16, found '%s'", what, text);
    return 0;
}

/* Budgets into a fresh array. */
static int read_budgets(const struct args *a, double **budgets, size_t *n, struct err *e)
{
    *n = 0;
    if (a->sweep) {
        double g[3];
        if (read_range(a->sweep, "--sweep", g, e)) return -1;
        size_t count = (size_t)ceil((g[1] - g[0]) * g[2] - 1e-9);
        *budgets = malloc((count + 1) * sizeof **budgets);
        if (!*budgets) return err_memory(e, NULL);
        for (; *n < count; ++*n) (*budgets)[*n] = pow(10, g[0] + (double)*n / g[2]);
        return 0;
    }
    *budgets = malloc((a->budget ? strlen(a->budget) + 1 : 1) * sizeof **budgets);
    char *copy = strdup(a->budget ? a->budget : ""), *save = NULL;
    int status = *budgets && copy ? 0 : err_memory(e, NULL);
    if (!status && a->hours > 0)
        (*budgets)[(*n)++] = 3600 * a->hours * a->rate * a->devices * a->utilization;
    for (char *item = status ? NULL : strtok_r(copy, ",", &save); item && !status;
         item = strtok_r(NULL, ",", &save)) {
        double C;
        status = parse_real(item, "--budget", &C, e);
        if (!status && !(C > 0))
            status = err_set(e, "--budget: expected positive FLOP, found '%s'", item);
        (*budgets)[(*n)++] = C;
    }
    if (!status && !*n) status = err_set(e, "--budget: expected FLOP such as 1e21, found ''");
    free(copy);
    return status;
}

static int line(const struct args *a, struct err *e)
{
    struct ols_line l;
    if (question_line(&l, a->line, a->level, e)) return -1;
    double lo, hi, D = pow(10, ols_line_at(&l, log10(a->N), &lo, &hi));
    if (!a->common.json) {
        printf("law\tslope\tslope_lo\tslope_hi\tintercept\tN\tD\tD_lo\tD_hi\tpoints\n");
        printf("log10 D = intercept + slope log10 "
               "N\t%.15g\t%.6g\t%.6g\t%.15g\t%.7g\t%.7g\t%.5g\t%.5g\t%zu\n",
               l.slope, l.slope_lo, l.slope_hi, l.intercept, a->N, D, pow(10, lo), pow(10, hi),
               l.n);
        return 0;
    }
    return cli_write_json(&a->common,
                          json_pack("{s:s, s:{s:f,s:o,s:o}, s:f, s:f, s:{s:f,s:o,s:o}, s:I, s:o}",
                                    "law", "line", "slope", "value", l.slope, "lo",
                                    json_finite(l.slope_lo), "hi", json_finite(l.slope_hi),
                                    "intercept", l.intercept, "N", a->N, "D", "value", D, "lo",
                                    json_finite(pow(10, lo)), "hi", json_finite(pow(10, hi)),
                                    "points", (json_int_t)l.n, "provenance", provenance_json()),
                          e);
}

static int ask(const struct args *a, const struct saved *s, const struct allocate *p,
               struct question *q, const double *budgets, size_t n, struct err *e)
{
    json_t *list = json_array();
    int status = 0;
    struct answer *answers = calloc(n, sizeof *answers);
    if (!answers) status = err_memory(e, NULL);
    /* All answers before the first line: a failure prints nothing. */
    for (size_t i = 0; i < n && !status; i++) {
        if (budgets) q->C = budgets[i];
        status = question_ask(p, s, q, a->level, &answers[i], e);
    }
    if (!status && !a->common.json) print_header(s, q);
    for (size_t i = 0; i < n && !status; i++) {
        const struct answer *r = &answers[i];
        if (a->common.json)
            json_array_append_new(list, answer_json(s, q, r));
        else
            print_answer(s, q, r);
        if (!a->common.json && r->answered < r->asked)
            fprintf(
                stderr,
                "tripod allocate: %zu of %zu samples have no answer; the bands leave them out\n",
                r->asked - r->answered, r->asked);
    }
    free(answers);
    if (status || !a->common.json) {
        json_decref(list);
        return status;
    }
    json_t *params = json_object();
    for (int i = 0; i < s->law->n; i++)
        json_object_set_new(params, s->law->param[i].name,
                            json_pack("{s:f}", "value", s->params[i]));
    json_t *o = json_pack("{s:s, s:o, s:f, s:f, s:s, s:s, s:o, s:o}", "law", s->law->name, "params",
                          params, "factor", p->factor, "level", a->level, "bands", s->origin,
                          "verdict", s->verdict, "answers", list, "provenance", provenance_json());
    double ea, eb, G;
    if (o && law_optimum(s->law, s->params, &ea, &eb, &G))
        json_object_set_new(o, "closed_form", json_pack("{s:f,s:f,s:f}", "a", ea, "b", eb, "G", G));
    return cli_write_json(&a->common, o, e);
}

static int run(int argc, char **argv, struct err *e)
{
    struct args a = {.devices = 1, .utilization = 1, .level = 0.95, .seed = 1, .factor = 6};
    cli_parse(&cmd_allocate, argc, argv, &a);
    cli_use_threads(a.common.threads);
    if (a.line) return line(&a, e);
    struct saved s = {0};
    struct question q = {.N = a.N, .D = a.D, .loss = a.loss};
    double *budgets = NULL;
    size_t n = 1;
    int status = read_source(&a, &s, e);
    struct allocate p = {.law = s.law,
                         .params = s.params,
                         .factor = a.factor,
                         .unique = a.unique,
                         .numeric = a.numeric};
    if (!status && a.grid) {
        q.grid = true;
        status = read_range(a.grid, "--grid", q.g, e);
    }
    if (a.N > 0)
        q.kind = a.D > 0 ? Q_PRICE : a.loss > 0 ? Q_TOKENS : Q_SIZE;
    else
        q.kind = a.loss > 0 ? Q_LOSS : Q_BUDGET;
    if (!status && q.kind == Q_BUDGET) {
        status = read_budgets(&a, &budgets, &n, e);
        if (!status && a.closest > 0) {
            status = question_closest(&p, &q, budgets, n, a.closest, e);
            budgets[0] = q.C;
            n = 1;
        }
    }
    if (!status) status = ask(&a, &s, &p, &q, budgets, n, e);
    free(budgets);
    saved_free(&s);
    return status;
}

const struct command cmd_allocate = {
    .name = "allocate",
    .summary = "compute-optimal N and D for budgets, with bands; the reverse questions",
    .argp = &argp,
    .run_line = run};
