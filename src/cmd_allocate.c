/* cmd_allocate.c - `tripod allocate`: what a fitted law says about spending compute.
 *
 * The law comes from a fit's JSON, from a published fit by name, or from its parameters; bands from
 * the fit's resamples or covariance or from a CSV of parameters (fit/saved.h). The question is a
 * budget (optimal N and D), a loss (the cheapest budget), a size (its optimal tokens), a size and a
 * loss (the tokens it takes), or a size and tokens (what that choice wastes) (fit/question.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/question.h"
#include "src/base/num.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/report/report_allocate.h"

struct args {
    struct cli_common common;
    const char *fit, *law, *params, *preset, *budget, *sweep, *grid, *samples, *line;
    double hours, rate, devices, utilization, N, D, loss, closest, factor, unique, level;
    uint64_t seed;
    bool numeric;
};
#define ARGS struct args

static const struct args defaults = {
    .devices = 1, .utilization = 1, .level = 0.95, .seed = 1, .factor = 6};

static const struct option_row options[] = {
    OPTION_PLAIN(fit, "[FIT.json]"),
    OPTION_HEADING("The law (or FIT.json, written by tripod fit --json=FIT.json):"),
    OPTION_TEXT("preset", 0, "NAME", preset,
                "A published fit: hoffmann, hoffmann-tex, epoch, epoch-bootstrap, epoch-optimum, "
                "kaplan"),
    OPTION_TEXT("law", 0, "NAME|FORMULA", law, "A law of tripod fit, with --params"),
    OPTION_TEXT("params", 0, "LIST", params, "E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28"),
    OPTION_REAL("factor", 0, "K", factor, 1e-9, 1e9, "C = K N D; tripod count knows better"),
    OPTION_REAL("unique", 0, "U", unique, 1, 1e30, "Unique tokens there are, for the law repeated"),
    OPTION_HEADING("The question:"),
    OPTION_TEXT("budget", 'C', "C[,C...]", budget,
                "Compute-optimal N and D for these budgets in FLOP"),
    OPTION_REAL("hours", 0, "H", hours, 1e-9, 1e12,
                "The budget as hours x --rate x --devices x --utilization"),
    OPTION_REAL("rate", 0, "FLOP/S", rate, 1, 1e30, "What one device does per second"),
    OPTION_REAL("devices", 0, "N", devices, 1, 1e12, "How many"),
    OPTION_REAL("utilization", 0, "U", utilization, 1e-9, 1,
                "Share of the rate that training reaches"),
    OPTION_TEXT("sweep", 0, "LO:HI:K", sweep, "Budgets 10^LO up to but below 10^HI, K per decade"),
    OPTION_REAL("closest", 0, "N", closest, 1e-9, 1e30,
                "Of the budgets, the one whose optimum is closest to N parameters"),
    OPTION_REAL("loss", 0, "L", loss, 1e-9, 1e9,
                "The cheapest budget with this loss (nats); with -N, the tokens for it"),
    OPTION_REAL("size", 'N', "N", N, 1e-9, 1e30, "The budget for which N parameters are optimal"),
    OPTION_REAL("tokens", 'D', "D", D, 1e-9, 1e30, "With -N: what this choice loses and wastes"),
    OPTION_HEADING("How:"),
    OPTION_TEXT("grid", 0, "LO:HI:K", grid,
                "Choose N from 10^LO up to but below 10^HI, K per decade, as notebooks do"),
    OPTION_FLAG("numeric", 0, numeric, "Do not use the closed form"),
    OPTION_TEXT("samples", 0, "FILE.csv", samples,
                "Bands from these parameters, one row per bootstrap resample, columns named as the "
                "law's"),
    OPTION_REAL("level", 0, "P", level, 0.01, 0.9999, "Of the bands"),
    CLI_SEED(seed, "Of the draws from a covariance"),
    OPTION_TEXT("line", 0, "NAME", line,
                "No law: log D linear in log N through published optima (approach1, approach2) or "
                "the N and D columns of a CSV file; with -N"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    const bool budgets = a->budget || a->sweep || a->hours > 0;
    if (!!a->fit + !!a->preset + !!a->law + !!a->line != 1)
        return err_set(e, "give one of FIT.json, --preset, --law with --params, --line");
    if (!a->law != !a->params) return err_set(e, "--law and --params go together");
    if ((a->hours > 0) != (a->rate > 0)) return err_set(e, "--hours and --rate go together");
    if ((a->devices != defaults.devices || a->utilization != defaults.utilization) && !a->hours)
        return err_set(e, "--devices and --utilization need --hours and --rate");
    if (a->line && a->N <= 0) return err_set(e, "--line needs -N");
    if (a->line && (budgets || a->D > 0 || a->loss > 0 || a->samples || a->numeric))
        return err_set(e, "--line answers -N alone");
    if (a->D > 0 && a->N <= 0) return err_set(e, "-D needs -N");
    if (a->D > 0 && a->loss > 0) return err_set(e, "give -D or --loss, not both");
    if (!a->line && !!a->budget + !!a->sweep + (a->hours > 0) + (a->N > 0 || a->loss > 0) != 1)
        return err_set(e, "ask one question: --budget, --hours, --sweep, --loss, -N or -N with -D");
    if ((a->closest > 0 || a->grid) && !budgets)
        return err_set(e, "--grid and --closest need budgets");
    return 0;
}

static int read_law(const struct args *a, struct saved *s, struct err *e)
{
    int status = a->fit      ? saved_read(s, a->fit, !a->samples, a->seed, e)
                 : a->preset ? saved_preset(s, a->preset, e)
                             : saved_list(s, a->law, a->params, e);
    if (status) return -1;
    if (!allocate_can(s->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", s->law->name);
    if (!(s->law->variables & LAW_U) && a->unique > 0)
        return err_set(e, "--unique: the law %s knows no repeated data", s->law->name);
    return a->samples ? saved_samples(s, a->samples, e) : 0;
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
    double g[3] = {0, 1, 1};
    if (a->sweep && read_range(a->sweep, "--sweep", g, e)) return -1;
    size_t room = a->sweep    ? (size_t)ceil((g[1] - g[0]) * g[2] - 1e-9)
                  : a->budget ? strlen(a->budget) + 1
                              : 1;
    *budgets = malloc((room + 1) * sizeof **budgets);
    if (!*budgets) return err_memory(e, NULL);
    if (a->budget) return parse_list(a->budget, "--budget", *budgets, room, n, e);
    (*budgets)[0] = 3600 * a->hours * a->rate * a->devices * a->utilization;
    for (size_t i = 0; a->sweep && i < room; i++) (*budgets)[i] = pow(10, g[0] + (double)i / g[2]);
    *n = room;
    return 0;
}

static int read_question(const struct args *a, struct question *q, struct err *e)
{
    *q = (struct question){.N = a->N, .D = a->D, .loss = a->loss, .grid = a->grid};
    if (a->N > 0)
        q->kind = a->D > 0 ? Q_PRICE : a->loss > 0 ? Q_TOKENS : Q_SIZE;
    else
        q->kind = a->loss > 0 ? Q_LOSS : Q_BUDGET;
    return a->grid ? read_range(a->grid, "--grid", q->g, e) : 0;
}

/* All answers, before the first line is printed. */
static int ask(const struct args *a, const struct saved *s, const struct allocate *p,
               struct question *q, const double *budgets, size_t n, struct err *e)
{
    struct answer *answers = calloc(n, sizeof *answers);
    int status = answers ? 0 : err_memory(e, NULL);
    for (size_t i = 0; i < n && !status; i++) {
        if (budgets) q->C = budgets[i];
        status = question_ask(p, s, q, a->level, &answers[i], e);
    }
    struct sheet *sheet = sheet_open();
    if (!status)
        status =
            cli_write(&a->common, sheet, allocate_report(sheet, s, p, q, answers, n, a->level), e);
    for (size_t i = 0; i < n && !status && !a->common.json; i++) {
        const struct answer *r = &answers[i];
        if (r->answered < r->asked)
            fprintf(
                stderr,
                "tripod allocate: %zu of %zu samples have no answer; the bands leave them out\n",
                r->asked - r->answered, r->asked);
    }
    sheet_free(sheet);
    free(answers);
    return status;
}

static int line(const struct args *a, struct err *e)
{
    struct ols_line l;
    if (question_line(&l, a->line, a->level, e)) return -1;
    struct sheet *s = sheet_open();
    int status = cli_write(&a->common, s, allocate_line_report(s, &l, a->N), e);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    cli_use_threads(a->common.threads);
    if (a->line) return line(a, e);
    struct saved s = {0};
    struct question q;
    double *budgets = NULL;
    size_t n = 1;
    int status = read_law(a, &s, e) || read_question(a, &q, e) ? -1 : 0;
    struct allocate p = {.law = s.law,
                         .params = s.params,
                         .factor = a->factor,
                         .unique = a->unique,
                         .numeric = a->numeric};
    if (!status && q.kind == Q_BUDGET) status = read_budgets(a, &budgets, &n, e);
    if (!status && a->closest > 0) {
        status = question_closest(&p, &q, budgets, n, a->closest, e);
        budgets[0] = q.C;
        n = 1;
    }
    if (!status) status = ask(a, &s, &p, &q, budgets, n, e);
    free(budgets);
    saved_free(&s);
    return status;
}

const struct command cmd_allocate = {
    .name = "allocate",
    .summary = "compute-optimal N and D for budgets, with bands; the reverse questions",
    .text = "Compute-optimal model sizes and tokens from a scaling law, with bands, and the "
            "reverse questions.",
    .more = "Columns: C FLOP, N parameters, D tokens, loss nats, flat: from N/flat to N*flat the "
            "loss is within 0.1 % of the optimum.\n\n"
            "Examples:\n"
            "  tripod fit chinchilla runs.csv --json=fit.json\n"
            "  tripod allocate fit.json --budget 1e21,1e22\n"
            "  tripod allocate --preset epoch --hours 72 --rate 2T --devices 8\n"
            "  tripod allocate --preset hoffmann -N 70B -D 300B\n"
            "  tripod allocate --preset hoffmann --budget 2.21e19 --grid 7:11:16\n"
            "  tripod allocate --line approach2 -N 124M\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
