/* cmd_fit.c - `tripod fit LAW FILE`: a scaling law from a table of runs, with what it is worth. Here are
 * the options, the law and the rows; what is made of them is cmd_fit_results.c. isoflop, envelope,
 * approaches, bias and laws are commands of their own (cmd_approaches.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/expression.h"
#include "fit/pins.h"
#include "fit/points_examine.h"
#include "fit/scatter.h"
#include "fit/schedule.h"
#include "src/base/num.h"
#include "src/cli.h"
#include "src/cmd_fit_results.h"
#include "src/cmd_points.h"
#include "src/commands.h"

struct args {
    struct cli_common common;
    const char *law, *file, *formula, *schedule, *objective;
    struct cmd_points points;
    struct texts pins, bounds;
    struct reals budgets;
    struct prediction predict[FIT_PREDICTIONS];
    size_t n_predict;
    struct bootstrap_options bootstrap;
    enum points_column x; /* POINTS_COLUMNS: not given */
    double level;
    int grid;
    bool bootstrap_given, no_profile, no_witness;
    struct fit_wanted wanted;
};
#define ARGS struct args

static const struct args defaults = {
    .level = 0.95, .x = POINTS_COLUMNS, .bootstrap = {.n = 1000, .seed = 1, .starts = 2}};

static int take_x(void *args, const char *value, struct err *e)
{
    static const struct {
        const char *name;
        enum points_column column;
    } known[] = {{"N", POINTS_N}, {"D", POINTS_D}, {"C", POINTS_C}, {"step", POINTS_STEP}};
    struct args *a = args;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(value, known[i].name)) continue;
        a->x = known[i].column;
        return 0;
    }
    return err_set(e, "--x: expected N, D, C or step, found '%.60s'", value);
}

/* N or KIND:N */
static int take_bootstrap(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    const char *colon = strchr(value, ':'), *count = colon ? colon + 1 : value;
    size_t length = colon ? (size_t)(colon - value) : 0;
    int kind = 0;
    while (
        colon && kind < BOOT_KINDS &&
        (strlen(bootstrap_names[kind]) != length || strncmp(value, bootstrap_names[kind], length)))
        kind++;
    if (kind == BOOT_KINDS)
        return err_set(e,
                       "--bootstrap: expected pairs, residual, cluster or parametric, found '%.*s'",
                       (int)length, value);
    uint64_t n;
    if (parse_count(count, "--bootstrap", 0, 10000000, &n, e)) return -1;
    if (n && n < 20)
        return err_set(e, "--bootstrap: expected 0 or at least 20 resamples, found '%s'", count);
    if (colon) a->bootstrap.kind = (enum bootstrap_kind)kind;
    a->bootstrap.n = n;
    a->bootstrap_given = true;
    return 0;
}

/* N[,D[,U]] */
static int take_predict(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    double v[3] = {0};
    size_t n;
    if (a->n_predict == FIT_PREDICTIONS)
        return err_set(e, "--predict: given more than %d times", FIT_PREDICTIONS);
    if (parse_list(value, "--predict", v, 3, &n, e)) return -1;
    a->predict[a->n_predict++] = (struct prediction){.N = v[0], .D = v[1], .U = v[2]};
    return 0;
}

static const char *const links[] = {"none", "logit", NULL};

static const struct option_row options[] = {
    OPTION_PLAIN(law, "LAW"),
    OPTION_PLAIN(file, "[FILE]"), /* not where --law stands for LAW: check */
    OPTION_GROUP(cmd_points_columns, points),
    OPTION_TEXT("unique", 0, "COLUMN", points.options.column[POINTS_UNIQUE],
                "Unique training tokens (law repeated)"),
    OPTION_TEXT("weight", 0, "COLUMN", points.options.column[POINTS_WEIGHT],
                "Weight of the row in the objective"),
    OPTION_TEXT("vocabulary", 0, "COLUMN", points.options.column[POINTS_VOCABULARY],
                "Vocabulary V (law vocabulary)"),
    OPTION_TEXT("schedule", 0, "FILE|pythia", schedule,
                "Learning rates, columns step, lr and run (law mpl)"),
    OPTION_TEXT("outcome", 0, "COLUMN", points.options.column[POINTS_OUTCOME],
                "Accuracy from 0 to 1 (--link logit)"),
    OPTION_CALL("x", 0, "N|D|C|step", take_x, "The variable of a one-variable law (default: N)"),
    OPTION_GROUP(cmd_points_rows, points),
    OPTION_TEXT("by", 0, "COLUMN", points.options.column[POINTS_BY],
                "Fit each value of this column by itself"),
    OPTION_FLAG("last", 0, points.options.last,
                "Keep the last step of each run (one-variable laws of N: the default)"),
    OPTION_HEADING("Fit:"),
    OPTION_TEXT("law", 0, "FORMULA", formula,
                "A law of your own instead of LAW: 'E + A*N^-alpha + B*D^-beta'; N, D, U, V, C and "
                "step are columns, other names parameters: positive ones unless they stand in an "
                "exponent or in exp()"),
    OPTION_TEXT("objective", 0, "WHAT", objective,
                "huber:DELTA or huber:auto, lad, logls (all on ln L), ls, asym:RATIO (on L) "
                "(default: huber:1e-3, for power, power-constant and formulas like them logls)"),
    OPTION_CHOICE(
        "variance", 0, wanted.variance, fit_variances,
        "Noise variance that grows or falls with N or D: the exponent is estimated, and rows "
        "weighed by it"),
    OPTION_TEXTS("pin", 0, "NAME=VALUE", pins, "Hold a parameter; what that costs is reported"),
    OPTION_TEXTS("bound", 0, "NAME=LOW:HIGH", bounds,
                 "Keep a parameter in a range; either end may be empty"),
    OPTION_INT("grid", 0, "G", grid, 2, 30,
               "Starts: G x G exponents (default: 6, hold-outs of --compare fewer)"),
    OPTION_HEADING("Uncertainty:"),
    OPTION_CALL("bootstrap", 0, "N|KIND:N", take_bootstrap,
                "N resamples; KIND pairs, residual, cluster (whole runs) or parametric; 0: none "
                "(default: pairs:1000, fewer beyond 2000 rows)"),
    OPTION_TEXT("resamples", 0, "FILE.csv", wanted.resamples,
                "Write the parameters of every resample, for the bands of tripod allocate "
                "--samples"),
    OPTION_INT("boot-starts", 0, "K", bootstrap.starts, 0, 8, "Further starts of each resample"),
    CLI_SEED(bootstrap.seed, "Of the resamples"),
    OPTION_REAL("level", 0, "P", level, 0.01, 0.9999, "Of the intervals"),
    OPTION_FLAG("no-profile", 0, no_profile, "Leave out the profile likelihood"),
    OPTION_FLAG("no-witness", 0, no_witness,
                "Do not ask GSL's minimisers whether the optimum is one"),
    OPTION_HEADING("Further results:"),
    OPTION_REALS("budget", 0, "C,...", budgets,
                 "Compute-optimal N, D, D/N and L at these FLOP, with bands"),
    OPTION_CALL("predict", 0, "N[,D[,U]]", take_predict,
                "Loss there, with a band of the law and one of a new run"),
    OPTION_CHOICE("link", 0, wanted.link, links,
                  "logit: a sigmoid from the loss to an accuracy (--outcome), for --predict"),
    OPTION_FLAG("compare", 0, wanted.compare,
                "All laws of these variables: AIC, AICc, BIC, errors with the largest compute and "
                "with each budget left out"),
    OPTION_FLAG(
        "average", 0, wanted.average,
        "With --compare: --predict and --budget averaged over the laws, by Akaike weights and "
        "by errors with budgets left out; bands hold the spread between laws"),
    OPTION_REAL("holdout", 0, "C", wanted.holdout, 1e-300, 1e300,
                "With --compare: the largest compute is what has C or more (default: the top "
                "budget)"),
    OPTION_FLAG("sensitivity", 0, wanted.sensitivity,
                "The law again under other objectives, deltas, rows and counts of N: the spread of "
                "exponents and D/N"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

/* FILE is needed; with --law it is the only plain argument. Options that go with another are refused
 * without it. */
static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (a->formula && a->law) {
        if (a->file) return err_set(e, "expected FILE alone after --law, found also '%s'", a->file);
        a->file = a->law;
        a->law = a->formula;
    }
    a->wanted.by = a->points.options.column[POINTS_BY] != NULL;
    if (a->wanted.average && !a->wanted.compare) return err_set(e, "--average needs --compare");
    if (a->wanted.average && !a->n_predict && !a->budgets.n)
        return err_set(e, "--average needs --predict or --budget: what to average");
    if ((a->law || a->formula) && !a->file) return err_set(e, "expected FILE");
    if (a->wanted.holdout > 0 && !a->wanted.compare)
        return err_set(e, "--holdout goes with --compare");
    if (a->points.options.column[POINTS_OUTCOME] && !a->wanted.link)
        return err_set(e, "--outcome goes with --link logit");
    if (a->wanted.resamples && a->wanted.by)
        return err_set(e, "--resamples writes those of one fit: not with --by");
    return 0;
}

/* --- what the options say of this law --- */

static unsigned needed(const struct law *law, enum points_column x)
{
    unsigned need = 0;
    for (int k = 0; k < 3; k++) {
        enum points_column column = fit_data_column(law, k, x);
        if (column < POINTS_COLUMNS) need |= 1u << column;
    }
    return need;
}

/* A law of one variable: the table's, or a formula of N, D, C or step alone. */
static bool is_of_one(const struct law *law)
{
    const unsigned v = law->variables & (LAW_N | LAW_D | LAW_U);
    return law->variables & LAW_ANY || !(v & (v - 1));
}

/* What to analyse and how, from the options that depend on the law. */
static int read_options(const struct args *a, const struct law *law, struct analysis_options *o,
                        struct err *e)
{
    const char *objective = a->objective                   ? a->objective
                            : is_of_one(law) && law->terms ? "logls"
                                                           : "huber:1e-3";
    *o = (struct analysis_options){.bootstrap = a->bootstrap,
                                   .profile = !a->no_profile,
                                   .witness = !a->no_witness,
                                   .level = a->level,
                                   .x = a->x < POINTS_COLUMNS ? a->x : POINTS_N,
                                   .budgets = a->budgets.value,
                                   .n_budgets = a->budgets.n};
    o->fit.grid = a->grid;
    if (objective_parse(&o->fit.objective, objective, e)) return -1;
    for (size_t i = 0; i < a->pins.n; i++)
        if (pin_parse(&o->fit, law, a->pins.item[i], e)) return -1;
    for (size_t i = 0; i < a->bounds.n; i++)
        if (bound_parse(&o->fit, law, a->bounds.item[i], e)) return -1;
    if (a->x < POINTS_COLUMNS && !(law->variables & LAW_ANY))
        return err_set(e, "--x: the law %s has its own variables", law->name);
    const unsigned need = needed(law, o->x);
    if (a->points.options.column[POINTS_UNIQUE] && !(need & 1u << POINTS_UNIQUE))
        return err_set(e, "--unique: the law %s reads no unique tokens", law->name);
    if (a->points.options.column[POINTS_VOCABULARY] && !(need & 1u << POINTS_VOCABULARY))
        return err_set(e, "--vocabulary: the law %s reads none", law->name);
    return 0;
}

/* What one call works on. */
struct job {
    const struct args *args;
    struct law *own;      /* the law when it is a formula */
    struct law scheduled; /* the law with its schedule, where it reads one */
    struct schedule schedule;
    struct prediction predict[FIT_PREDICTIONS];
    struct points_flops flops;
    struct fit_work work;
};

/* The law by name or formula, with its schedule. */
static int open_law(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    if (a->formula)
        j->work.law = j->own = expression_parse(a->formula, e);
    else
        j->work.law = expression_or_name(a->law, &j->own, e);
    if (!j->work.law) return -1;
    if (!(j->work.law->variables & LAW_SCHEDULE))
        return a->schedule ? err_set(e, "--schedule: the law %s reads none", j->work.law->name) : 0;
    if (!a->schedule)
        return err_set(e, "%s needs --schedule: a file of step and lr, or pythia",
                       j->work.law->name);
    if (schedule_read(&j->schedule, a->schedule, e)) return -1;
    j->scheduled = *j->work.law;
    j->scheduled.context = &j->schedule;
    j->work.law = &j->scheduled;
    return 0;
}

/* --predict's values stand for the law's variables in their order. */
static int place_predictions(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    const struct law *law = j->work.law;
    for (size_t i = 0; i < a->n_predict; i++) {
        const struct prediction *given = &a->predict[i];
        const double v[3] = {given->N, given->D, given->U};
        double to[3] = {v[0], 0, 0};
        char names[64] = "";
        bool enough = true;
        int n = 0;
        for (int k = 0; k < 3; k++) {
            if (!(law->variables >> k & 1)) continue;
            size_t used = strlen(names);
            const char *name = law->variables & LAW_STEP && k == 1 ? "STEP" : fit_data_name(law, k);
            snprintf(names + used, sizeof names - used, "%s%s", n ? "," : "", name);
            to[k] = v[n++];
            /* Of several schedules the first, unless told. */
            if (k == 2 && law->variables & LAW_SCHEDULE && !(to[k] > 0)) to[k] = 1;
            enough = enough && to[k] > 0;
        }
        if (!enough || (n < 3 && v[n] > 0))
            return err_set(e, "--predict: %s needs %s", law->name, names);
        if (law->variables & LAW_SCHEDULE && schedule_holds(&j->schedule, to[2], to[1], e))
            return err_prefix(e, "--predict");
        if (!(law->variables & LAW_N)) to[0] = NAN;
        j->predict[i] = (struct prediction){.N = to[0], .D = to[1], .U = to[2]};
    }
    j->work.options.predict = j->predict;
    j->work.options.n_predict = a->n_predict;
    return 0;
}

/* The rows the law can use, and what they can tell. */
static int read_points(struct points *p, struct job *j, struct err *e)
{
    const enum points_column x = j->work.options.x;
    const bool one = is_of_one(j->work.law),
               of_size = one && needed(j->work.law, x) == 1u << POINTS_N;
    if (cmd_points_options(&j->work.rows, &j->args->points, &j->flops, needed(j->work.law, x),
                           of_size, e) ||
        points_read(p, &j->work.table, &j->work.rows, e))
        return -1;
    if (j->work.law->context == &j->schedule && schedule_check(&j->schedule, p, e)) {
        points_close(p);
        return -1;
    }
    bool together = one && !of_size && p->n_runs > 1 && p->n_by < 2;
    if ((!together ||
         !points_note(p, e, "%zu runs are fitted together; --by %s fits each by itself", p->n_runs,
                      p->column[POINTS_RUN])) &&
        !points_examine(p, e))
        return 0;
    points_close(p);
    return -1;
}

/* Remarks on the bootstrap, and the default for many rows and for laws of larger forms, whose
 * descents take a hundred times as long: a matter of seconds. */
static int settle_bootstrap(const struct args *a, const struct law *law, struct points *p,
                            struct bootstrap_options *b, struct err *e)
{
    if (!a->bootstrap_given && p->n > 2000) {
        b->n = p->n > 20000 ? 100 : 2000000 / p->n;
        b->starts = 0;
        if (points_note(p, e,
                        "%zu rows: the default bootstrap is %zu resamples, one start each; "
                        "--bootstrap N asks for more",
                        p->n, b->n))
            return -1;
    }
    if (!a->bootstrap_given && p->n <= 2000 && scatter_has(law)) {
        b->n = 200;
        b->starts = 0;
        if (points_note(p, e,
                        "%s: the default bootstrap is 200 resamples, one start each; --bootstrap N "
                        "and --boot-starts ask for more",
                        law->name))
            return -1;
    }
    if (b->kind == BOOT_CLUSTER && b->n && p->n_runs < 10)
        return points_note(
            p, e,
            "%zu runs are few to draw clusters from: the bootstrap's intervals are too narrow",
            p->n_runs);
    return 0;
}

/* --- command --- */

static int run_job(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    struct points p;
    if (open_law(j, e) || read_options(a, j->work.law, &j->work.options, e) ||
        place_predictions(j, e) || cli_apart(a->file, a->wanted.resamples, e) ||
        csv_read(&j->work.table, a->file, e) || read_points(&p, j, e))
        return -1;
    int status = a->wanted.link && !p.column[POINTS_OUTCOME]
                     ? csv_missing(&j->work.table, e, NULL, "the outcome")
                     : 0;
    if (!status) status = settle_bootstrap(a, j->work.law, &p, &j->work.options.bootstrap, e);
    json_t *json = NULL;
    j->work.sheet = sheet_open();
    if (!status) status = fit_results(&json, &j->work, &p, e);
    if (!status) status = cli_write(&a->common, j->work.sheet, json, e);
    sheet_free(j->work.sheet);
    points_close(&p);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct job j = {.args = a, .work.wanted = &a->wanted};
    cli_use_threads(a->common.threads);
    int status = run_job(&j, e);
    csv_close(&j.work.table);
    schedule_close(&j.schedule);
    expression_free(j.own);
    return status;
}

static const struct command *const children[] = {
    &cmd_fit_design,     &cmd_fit_speedup, &cmd_fit_isoflop, &cmd_fit_envelope,
    &cmd_fit_approaches, &cmd_fit_bias,    &cmd_fit_laws,    NULL};

const struct command cmd_fit = {
    .name = "fit",
    .summary = "scaling laws from a table of runs, with intervals and verdicts",
    .text = "Fits a scaling law to a table of training runs (CSV, or points.csv of tripod gather) "
            "and says what the rows identify.",
    .more = "Examples:\n"
            "  tripod fit laws                      the laws, their formulas and sources\n"
            "  tripod fit power losses/points.csv   L = A N^-alpha over model sizes\n"
            "  tripod fit power losses/points.csv --x step --by model\n"
            "  tripod fit chinchilla runs.csv --drop-highest 5 --budget 1e21,1e23\n"
            "  tripod fit chinchilla runs.csv --bootstrap cluster:4000 --json\n"
            "  tripod fit mpl losses/points.csv --schedule pythia --by model\n"
            "  tripod fit --law 'E + A*N^-alpha + B*log(D)^-beta' runs.csv\n\n"
            "Parameters are in the papers' units: N in parameters, D in tokens, loss in nats. "
            "Verdicts: identified; weak (an exponent or E known to 20 % or worse, a coefficient to "
            "a factor of 4); unidentified (the rows do not tell). FILE may be - for stdin.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
    .children = children,
};
