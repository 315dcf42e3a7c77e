/* cmd_fit_speedup.c - `tripod fit speedup`: how much less compute one recipe needs than another. The
 * work is fit/speedup.c's, the tables src/report/report_speedup.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/speedup.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/report/plot.h"
#include "src/report/report_speedup.h"

struct args {
    struct cli_common common;
    struct cmd_points points;
    const char *recipe, *base, *law, *plot;
    struct reals budgets;
    double level;
};
#define ARGS struct args

static const struct args defaults = {.law = "chinchilla", .level = 0.95};

static const struct option_row options[] = {
    OPTION_PLAIN(recipe, "A.csv"),
    OPTION_PLAIN(base, "[B.csv]"),
    OPTION_HEADING("The question:"),
    OPTION_TEXT("by", 0, "COLUMN", points.options.column[POINTS_BY],
                "Instead of B.csv: the rows of A.csv in two groups, the recipe the one that comes "
                "first"),
    OPTION_REALS("budget", 'C', "C,...", budgets,
                 "What the baseline spends, FLOP (default: three over what both have)"),
    OPTION_TEXT("law", 0, "NAME", law, "The law of N and D fitted to each"),
    OPTION_REAL("level", 0, "P", level, 0.01, 0.9999, "Of the intervals"),
    OPTION_TEXT("plot", 0, "FILE", plot, "Draw both curves and the runs (.png, .svg, .pdf)"),
    OPTION_GROUP(cmd_points_columns, points),
    OPTION_GROUP(cmd_points_rows, points),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    const char *by = a->points.options.column[POINTS_BY];
    if (!a->recipe) return err_set(e, "no A.csv: give a table of the recipe's runs");
    if (!a->base == !by) return err_set(e, "give one of B.csv and --by");
    if (a->base && !strcmp(a->recipe, "-") && !strcmp(a->base, "-"))
        return err_set(e, "A.csv and B.csv cannot both be stdin");
    if (a->points.flop) return err_set(e, "--flop: multipliers are of C = 6ND");
    return 0;
}

static const unsigned need = 1u << POINTS_N | 1u << POINTS_D | 1u << POINTS_C;

static int read_file(struct points *p, const struct args *a, const char *path, struct err *e)
{
    struct csv c;
    if (cli_apart(path, a->plot, e) || csv_read(&c, path, e)) return -1;
    int status = cmd_points_read(p, &a->points, &c, need, true, e);
    csv_close(&c);
    return status;
}

/* One table's two groups. */
static int read_groups(struct points *recipe, struct points *base, const struct args *a,
                       struct err *e)
{
    struct points all;
    if (read_file(&all, a, a->recipe, e)) return -1;
    struct points *const to[2] = {recipe, base};
    size_t *rows = malloc(all.n * sizeof *rows);
    int status = rows ? 0 : err_memory(e, a->recipe);
    if (!status && all.n_by != 2)
        status = err_set(e, "%s: expected two values of '%s', found %zu%s%s", a->recipe,
                         a->points.options.column[POINTS_BY], all.n_by,
                         all.n_by > 2 ? ", the third " : "", all.n_by > 2 ? all.by_names[2] : "");
    for (size_t g = 0; g < 2 && !status; g++) {
        size_t n = 0;
        for (size_t i = 0; i < all.n; i++) {
            if (all.by[i] == g) rows[n++] = i;
        }
        status = points_select(to[g], &all, rows, n, e);
    }
    free(rows);
    points_close(&all);
    return status;
}

/* Nothing is printed where no budget has an answer. */
static int refuse(const struct speedup *u, const char *base, struct err *e)
{
    for (size_t i = 0; i < u->n; i++) {
        if (!u->at[i].crosses && !u->at[i].reason[0]) return 0;
    }
    const struct speedup_at *a = &u->at[u->n - 1];
    if (a->reason[0]) return err_set(e, "at %.4g FLOP of %s: %s", a->C, base, a->reason);
    return err_set(e,
                   "at %.4g FLOP of %s the multiplier is %.3g to %.3g: the curves cross inside the "
                   "interval, which is better is not known; more runs, or --budget elsewhere",
                   a->C, base, a->lo, a->hi);
}

static int report(const struct args *a, const struct points *recipe, const struct points *base,
                  struct err *e)
{
    struct speedup_options o = {.law = law_find(a->law, e),
                                .level = a->level,
                                .budgets = a->budgets.value,
                                .n_budgets = a->budgets.n};
    const bool by = !a->base;
    const char *names[2] = {by ? recipe->by_names[0] : a->recipe, by ? base->by_names[1] : a->base};
    struct speedup u = {.n = 0};
    bool drawn = true;
    int status = o.law && !speedup_fit(&u, recipe, base, &o, e) ? refuse(&u, names[1], e) : -1;
    if (!status && a->plot) status = speedup_plot(&u, recipe, base, a->plot, &drawn, e);
    if (!status) {
        struct sheet *s = sheet_open();
        status = cli_write(&a->common, s, speedup_report(s, &u, &o, names[0], names[1]), e);
        sheet_free(s);
    }
    if (!status) plot_note(a->plot ? a->plot : "", drawn, stderr);
    speedup_close(&u);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct points recipe = {0}, base = {0};
    cli_use_threads(a->common.threads);
    int status = a->base ? (read_file(&recipe, a, a->recipe, e) || read_file(&base, a, a->base, e))
                         : read_groups(&recipe, &base, a, e);
    if (!status) status = report(a, &recipe, &base, e);
    points_close(&recipe);
    points_close(&base);
    return status ? -1 : 0;
}

const struct command cmd_fit_speedup = {
    .name = "fit speedup",
    .summary = "how much less compute one recipe needs than another",
    .text = "The compute multiplier of recipe A over the baseline B: what B spends on a loss over "
            "what A spends on it, each at its own compute-optimal sizes, with an interval, at "
            "budgets and in the limit.",
    .more = "Examples:\n"
            "  tripod fit speedup new.csv old.csv --budget 1e20,1e21\n"
            "  tripod fit speedup runs.csv --by optimizer --law coupled\n\n"
            "Where the interval holds 1 the curves cross inside it and no multiplier is given; if "
            "that is so at every budget, the command fails. In the limit there is one only if both "
            "laws tend to one loss with one slope.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
