/* cmd_fit_design.c - `tripod fit design`: which runs to train next. The choice is fit/design.c's, how it
 * looks src/report/report_design.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/design.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/report/plot.h"
#include "src/report/report_design.h"

enum { TARGETS = 64, REGION = 5 /* by 5 places */ };

struct args {
    struct cli_common common;
    struct cmd_points points;
    const char *file, *candidates, *grid, *law, *cost, *output, *plot;
    double N[TARGETS], D[TARGETS];
    struct design_options design;
    bool region;
};
#define ARGS struct args

static const struct args defaults = {
    .law = "coupled", .design = {.level = 0.95, .misfit = DESIGN_MISFIT, .rounds = 1}};

/* "LO:HI" */
static int read_range(const char *text, size_t length, const char *what, double range[2],
                      struct err *e)
{
    char copy[64], *colon;
    snprintf(copy, sizeof copy, "%.*s", (int)length, text);
    if (length >= sizeof copy || !(colon = strchr(copy, ':')))
        return err_set(e, "%s: expected LO:HI, found '%.*s'", what, (int)length, text);
    *colon = 0;
    if (parse_real_in(copy, what, 1e-9, 1e30, &range[0], e) ||
        parse_real_in(colon + 1, what, 1e-9, 1e30, &range[1], e))
        return -1;
    return range[0] < range[1]
               ? 0
               : err_set(e, "%s: expected LO < HI, found '%.*s'", what, (int)length, text);
}

/* N,D or N1:N2,D1:D2 or C=FLOP */
static int take_target(void *args, const char *value, struct err *e)
{
    static const char what[] = "--target";
    struct args *a = args;
    struct design_options *o = &a->design;
    const char *comma = strchr(value, ',');
    const bool optimum = !strncasecmp(value, "C=", 2), region = strchr(value, ':') != NULL;
    if (o->optimum > 0 || a->region || ((optimum || region) && o->n_targets))
        return err_set(e, "--target: a region and a budget stand alone");
    if (optimum) return parse_real_in(value + 2, what, 1e-9, 1e40, &o->optimum, e);
    if (!comma)
        return err_set(e, "--target: expected N,D or N1:N2,D1:D2 or C=FLOP, found '%.60s'", value);
    if (!region) {
        double v[2];
        size_t n;
        if (o->n_targets == TARGETS)
            return err_set(e, "--target: given more than %d times", TARGETS);
        if (parse_list(value, what, v, 2, &n, e)) return -1;
        if (n < 2) return err_set(e, "--target: expected N,D, found '%.60s'", value);
        a->N[o->n_targets] = v[0];
        a->D[o->n_targets++] = v[1];
        return 0;
    }
    double N[2], D[2];
    if (read_range(value, (size_t)(comma - value), what, N, e) ||
        read_range(comma + 1, strlen(comma + 1), what, D, e))
        return -1;
    for (int i = 0; i < REGION * REGION; i++) {
        a->N[i] = N[0] * pow(N[1] / N[0], (double)(i / REGION) / (REGION - 1));
        a->D[i] = D[0] * pow(D[1] / D[0], (double)(i % REGION) / (REGION - 1));
    }
    o->n_targets = (size_t)REGION * REGION;
    a->region = true;
    return 0;
}

static int take_rounds(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    uint64_t rounds = 4;
    if (value && parse_count(value, "--sequential", 2, 1000, &rounds, e)) return -1;
    a->design.rounds = rounds;
    return 0;
}

/* As enum design_criterion. */
static const char *const criteria[] = {"v", "d", "mse", NULL};

static const struct option_row options[] = {
    OPTION_PLAIN(file, "POINTS"),
    OPTION_HEADING("Candidates:"),
    OPTION_TEXT("candidates", 0, "CAND.csv", candidates,
                "Runs that could be trained, with columns named as those of POINTS; a loss is only "
                "needed for --sequential"),
    OPTION_TEXT("grid", 0, "N1:N2:K,D1:D2:K", grid,
                "Or a grid of sizes and tokens, K per decade each"),
    OPTION_TEXT("cost", 0, "COLUMN", cost, "What a run costs (default: its FLOP, 6ND)"),
    OPTION_HEADING("The question:"),
    OPTION_REAL("budget", 'C', "C", design.budget, 1e-300, 1e300,
                "What the chosen runs may cost together"),
    OPTION_CALL("target", 0, "N,D|N1:N2,D1:D2|C=FLOP", take_target,
                "Where the loss is to be known (may be repeated), a region, or a budget whose "
                "compute-optimal N is"),
    OPTION_CHOICE("criterion", 0, design.criterion, criteria,
                  "v: the error at the target; d: that of the parameters; mse: v, the truth being "
                  "any law that the rows allow, by Akaike weights"),
    OPTION_TEXT("law", 0, "NAME", law, "The law of N and D that is fitted"),
    OPTION_REAL("misfit", 0, "X", design.misfit, 0, 1000,
                "How far the truth may depart from the law, in standard deviations of the fit; 0: "
                "the law is true"),
    OPTION_CALL("sequential", 0, "[ROUNDS]", take_rounds,
                "Run the cheapest part of the plan (its losses are those of CAND.csv), fit again, "
                "plan again: 4 rounds unless told"),
    OPTION_HEADING("Results:"),
    OPTION_TEXT("output", 'o', "CHOSEN.csv", output, "Write the chosen rows of CAND.csv"),
    OPTION_TEXT("plot", 0, "FILE", plot,
                "Draw rows, candidates, choice and what it buys (.png, .svg, .pdf)"),
    OPTION_REAL("level", 0, "P", design.level, 0.01, 0.9999, "Of the intervals"),
    OPTION_GROUP(cmd_points_columns, points),
    OPTION_GROUP(cmd_points_rows, points),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->file) return err_set(e, "no POINTS: give a table of the runs there are");
    if (!a->candidates == !a->grid) return err_set(e, "give one of --candidates and --grid");
    if (!(a->design.budget > 0)) return err_set(e, "no budget: give --budget C");
    if (!a->design.n_targets && !(a->design.optimum > 0))
        return err_set(e, "no target: give --target N,D");
    if (a->grid && (a->cost || a->points.flop || a->design.rounds > 1))
        return err_set(e, "--cost, --flop and --sequential need --candidates");
    if (a->candidates && !strcmp(a->file, "-") && !strcmp(a->candidates, "-"))
        return err_set(e, "POINTS and --candidates cannot both be stdin");
    return 0;
}

/* "LO:HI:K": LO 10^(i / K) up to HI. */
static int read_axis(const char *text, size_t length, double *lo, double *per_decade, size_t *n,
                     struct err *e)
{
    const char *last = memrchr(text, ':', length);
    double range[2];
    char copy[32];
    if (!last || memchr(text, ':', length) == last)
        return err_set(e,
                       "--grid: expected N1:N2:K,D1:D2:K such as 1e8:1e10:4,1e9:1e12:4, found "
                       "'%.*s'",
                       (int)length, text);
    snprintf(copy, sizeof copy, "%.*s", (int)(text + length - last - 1), last + 1);
    if (read_range(text, (size_t)(last - text), "--grid", range, e) ||
        parse_real_in(copy, "--grid", 0.1, 1000, per_decade, e))
        return -1;
    *lo = range[0];
    *n = (size_t)(log10(range[1] / range[0]) * *per_decade + 1e-9) + 1;
    return 0;
}

/* The grid as a table. */
static int read_grid(struct csv *c, const char *text, struct err *e)
{
    const char *comma = strchr(text, ',');
    double N, D, n_step, d_step;
    size_t n, d, size = 0;
    if (!comma) return err_set(e, "--grid: expected N1:N2:K,D1:D2:K, found '%.60s'", text);
    if (read_axis(text, (size_t)(comma - text), &N, &n_step, &n, e) ||
        read_axis(comma + 1, strlen(comma + 1), &D, &d_step, &d, e))
        return -1;
    if (n * d > DESIGN_CANDIDATES)
        return err_set(e, "--grid: expected at most %d places, found %zu x %zu", DESIGN_CANDIDATES,
                       n, d);
    char *table = malloc(64 * (n * d + 1));
    if (!table) return err_memory(e, "--grid");
    size += (size_t)sprintf(table, "N,D,C\n");
    for (size_t i = 0; i < n * d; i++) {
        const double Ni = N * pow(10, (double)(i / d) / n_step),
                     Di = D * pow(10, (double)(i % d) / d_step);
        size += (size_t)sprintf(table + size, "%.8g,%.8g,%.8g\n", Ni, Di, 6 * Ni * Di);
    }
    int status = csv_read_memory(c, "--grid", table, size, e);
    free(table);
    return status;
}

static size_t csv_row(const struct csv *c, size_t line)
{
    size_t row = 0;
    while (c->line[row + 1] != line) row++;
    return row;
}

/* What each candidate costs; the caller frees. */
static int read_costs(double **cost, const struct points *p, const struct csv *c, const char *name,
                      struct err *e)
{
    long column = name ? csv_find(c, name) : 0;
    if (column == CSV_TWICE)
        return err_set(e, "%s: expected one column '%s', found several", c->path, name);
    if (column < 0) return csv_missing(c, e, name, "the cost");
    *cost = malloc(p->n * sizeof **cost);
    if (!*cost) return err_memory(e, c->path);
    for (size_t i = 0; i < p->n; i++) {
        (*cost)[i] = p->C[i];
        if (name && csv_number(c, csv_row(c, p->line[i]), (size_t)column, &(*cost)[i], e))
            return -1;
    }
    return 0;
}

static int write_row(struct out *o, const struct csv *c, size_t row, bool header, struct err *e)
{
    for (size_t k = 0; k < c->columns; k++) {
        if (k && out_printf(o, e, ",")) return -1;
        if (csv_write_text(o, header ? csv_header(c, k) : csv_field(c, row, k), e)) return -1;
    }
    return out_printf(o, e, "\n");
}

static int write_chosen(const char *path, const struct csv *c, const struct points *candidates,
                        const struct design *d, struct err *e)
{
    struct out o = {0};
    int status = out_open(&o, path, e) ? -1 : write_row(&o, c, 0, true, e);
    for (size_t i = 0; i < d->n && !status; i++)
        status = write_row(&o, c, csv_row(c, candidates->line[d->step[i].candidate]), false, e);
    if (!status) status = out_commit(&o, e);
    out_abort(&o);
    return status;
}

/* What one call works on. */
struct job {
    struct csv table;
    struct points rows, candidates;
    double *cost;
    struct design design;
};

static int read_all(struct job *j, const struct args *a, struct err *e)
{
    const unsigned need = 1u << POINTS_N | 1u << POINTS_D | 1u << POINTS_C;
    struct csv table;
    struct points_options o;
    struct points_flops flops;
    const char *const outputs[] = {a->output, a->plot};
    for (int i = 0; i < 2; i++) {
        if (cli_apart(a->file, outputs[i], e) || cli_apart(a->candidates, outputs[i], e)) return -1;
    }
    if (csv_read(&table, a->file, e)) return -1;
    int status = cmd_points_read(&j->rows, &a->points, &table, need, true, e);
    csv_close(&table);
    if (status) return -1;
    if (a->grid ? read_grid(&j->table, a->grid, e) : csv_read(&j->table, a->candidates, e))
        return -1;
    if (cmd_points_options(&o, &a->points, &flops, need, false, e)) return -1;
    if (a->grid) o = (struct points_options){.need = need};
    o.n_where = o.drop_highest = o.n_drop_lines = 0; /* of POINTS */
    o.no_loss = a->design.rounds < 2;
    return points_read(&j->candidates, &j->table, &o, e) ||
                   read_costs(&j->cost, &j->candidates, &j->table, a->cost, e)
               ? -1
               : 0;
}

static int choose(struct job *j, const struct args *a, struct err *e)
{
    struct design_options o = a->design;
    bool drawn = true;
    o.law = law_find(a->law, e);
    o.target_N = a->N;
    o.target_D = a->D;
    if (!o.law || design_choose(&j->design, &j->rows, &j->candidates, j->cost, &o, e)) return -1;
    if (a->output && write_chosen(a->output, &j->table, &j->candidates, &j->design, e)) return -1;
    if (a->plot && design_plot(&j->design, &j->rows, &j->candidates, a->plot, &drawn, e)) return -1;
    struct sheet *s = sheet_open();
    int status = cli_write(&a->common, s,
                           design_report(s, &j->design, &j->rows, &j->candidates, j->cost, &o), e);
    sheet_free(s);
    if (!status) plot_note(a->plot ? a->plot : "", drawn, stderr);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct job j = {.cost = NULL};
    cli_use_threads(a->common.threads);
    int status = read_all(&j, a, e) || choose(&j, a, e) ? -1 : 0;
    design_close(&j.design);
    points_close(&j.rows);
    points_close(&j.candidates);
    csv_close(&j.table);
    free(j.cost);
    return status;
}

const struct command cmd_fit_design = {
    .name = "fit design",
    .summary = "which runs to train next",
    .text =
        "Chooses, of runs that could be trained, those that under a budget make the prediction "
        "at a target best, from the runs there are: how much the interval shrinks by what a run costs, "
        "and when more runs stop helping.",
    .more = "Examples:\n"
            "  tripod fit design runs.csv --candidates more.csv --budget 1e21 --target 7B,140B -o "
            "next.csv\n"
            "  tripod fit design runs.csv --grid 1e8:3e9:6,1e9:1e11:6 --budget 1e21 --target "
            "C=1e23\n"
            "  tripod fit design runs.csv --candidates done.csv --budget 1e21 --target "
            "5e9:1e10,1e11:3e11 --sequential\n\n"
            "The loss at the target is a law's, fitted by least squares of ln L with a weak prior; "
            "half-widths are of the interval of ln L (of ln N* for C=FLOP), the misfit in them.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
