/* cmd_fit.c - `tripod fit LAW FILE`: a scaling law from a table of runs, with what it is worth. The
 * work is fit/analysis.c's, the tables are src/report/report_fit.c's; isoflop, envelope, approaches,
 * bias and laws are commands of their own (cmd_approaches.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/analysis.h"
#include "fit/average.h"
#include "fit/compare.h"
#include "fit/expression.h"
#include "fit/link.h"
#include "fit/pins.h"
#include "fit/points_examine.h"
#include "fit/saved.h"
#include "fit/scatter.h"
#include "fit/schedule.h"
#include "fit/sensitivity.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/report/report_average.h"
#include "src/report/report_compare.h"
#include "src/report/report_fit.h"
#include "src/report/report_link.h"
#include "src/report/report_noise.h"

enum { MOST_PREDICTIONS = 64 };

struct args {
    struct cli_common common;
    const char *law, *file, *formula, *schedule, *objective, *resamples;
    struct cmd_points points;
    struct texts pins, bounds;
    struct reals budgets;
    struct prediction predict[MOST_PREDICTIONS];
    size_t n_predict;
    struct bootstrap_options bootstrap;
    enum points_column x; /* POINTS_COLUMNS: not given */
    double level, holdout;
    int grid, link, variance;
    bool bootstrap_given, no_profile, no_witness, compare, average, sensitivity;
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
    if (a->n_predict == MOST_PREDICTIONS)
        return err_set(e, "--predict: given more than %d times", MOST_PREDICTIONS);
    if (parse_list(value, "--predict", v, 3, &n, e)) return -1;
    a->predict[a->n_predict++] = (struct prediction){.N = v[0], .D = v[1], .U = v[2]};
    return 0;
}

static const char *const links[] = {"none", "logit", NULL};
static const char *const variances[] = {"equal", "N", "D", NULL};

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
        "variance", 0, variance, variances,
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
    OPTION_TEXT("resamples", 0, "FILE.csv", resamples,
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
    OPTION_CHOICE("link", 0, link, links,
                  "logit: a sigmoid from the loss to an accuracy (--outcome), for --predict"),
    OPTION_FLAG("compare", 0, compare,
                "All laws of these variables: AIC, AICc, BIC, errors with the largest compute and "
                "with each budget left out"),
    OPTION_FLAG(
        "average", 0, average,
        "With --compare: --predict and --budget averaged over the laws, by Akaike weights and "
        "by errors with budgets left out; bands hold the spread between laws"),
    OPTION_REAL("holdout", 0, "C", holdout, 1e-300, 1e300,
                "With --compare: the largest compute is what has C or more (default: the top "
                "budget)"),
    OPTION_FLAG("sensitivity", 0, sensitivity,
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
    if (a->average && !a->compare) return err_set(e, "--average needs --compare");
    if (a->average && !a->n_predict && !a->budgets.n)
        return err_set(e, "--average needs --predict or --budget: what to average");
    if ((a->law || a->formula) && !a->file) return err_set(e, "expected FILE");
    if (a->holdout > 0 && !a->compare) return err_set(e, "--holdout goes with --compare");
    if (a->points.options.column[POINTS_OUTCOME] && !a->link)
        return err_set(e, "--outcome goes with --link logit");
    if (a->resamples && a->points.options.column[POINTS_BY])
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
    const struct law *law;
    struct law *own;      /* the law when it is a formula */
    struct law scheduled; /* the law with its schedule, where it reads one */
    struct schedule schedule;
    struct prediction predict[MOST_PREDICTIONS];
    struct analysis_options options;
    struct csv table;
    struct points_options rows; /* how points were read from the table */
    struct points_flops flops;
    struct sheet *sheet;
};

/* The law by name or formula, with its schedule. */
static int open_law(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    if (a->formula)
        j->law = j->own = expression_parse(a->formula, e);
    else
        j->law = expression_or_name(a->law, &j->own, e);
    if (!j->law) return -1;
    if (!(j->law->variables & LAW_SCHEDULE))
        return a->schedule ? err_set(e, "--schedule: the law %s reads none", j->law->name) : 0;
    if (!a->schedule)
        return err_set(e, "%s needs --schedule: a file of step and lr, or pythia", j->law->name);
    if (schedule_read(&j->schedule, a->schedule, e)) return -1;
    j->scheduled = *j->law;
    j->scheduled.context = &j->schedule;
    j->law = &j->scheduled;
    return 0;
}

/* --predict's values stand for the law's variables in their order. */
static int place_predictions(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    const struct law *law = j->law;
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
    j->options.predict = j->predict;
    j->options.n_predict = a->n_predict;
    return 0;
}

/* The rows the law can use, and what they can tell. */
static int read_points(struct points *p, struct job *j, struct err *e)
{
    const enum points_column x = j->options.x;
    const bool one = is_of_one(j->law), of_size = one && needed(j->law, x) == 1u << POINTS_N;
    if (cmd_points_options(&j->rows, &j->args->points, &j->flops, needed(j->law, x), of_size, e) ||
        points_read(p, &j->table, &j->rows, e))
        return -1;
    if (j->law->context == &j->schedule && schedule_check(&j->schedule, p, e)) {
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

/* The second stage, from losses to outcomes. */
static int add_link(const struct job *j, const struct analysis *a, const struct points *p,
                    json_t *json, struct err *e)
{
    struct link link;
    struct linked predicted[MOST_PREDICTIONS];
    if (link_analyse(&link, predicted, a, p, &j->options, e)) return -1;
    json_object_set_new(json, "link", link_report(j->sheet, &link, predicted, a->n_predict));
    return 0;
}

/* Laws beside each other, and what they say together. */
static int add_laws(const struct job *j, const struct points *p, json_t *json, struct err *e)
{
    const struct analysis_options *o = &j->options;
    struct comparison rows[COMPARE_LAWS];
    struct compare_split split;
    struct average average;
    int n = compare_laws(rows, p, j->law, o->x, &o->fit, j->args->holdout, &split, e);
    if (n < 0) return -1;
    json_object_set_new(json, "compare", compare_report(j->sheet, rows, n, &split));
    if (!j->args->average) return 0;
    int status = average_laws(&average, rows, n, p, o, e);
    if (!status) json_object_set_new(json, "average", average_report(j->sheet, &average, o->level));
    average_close(&average);
    return status;
}

/* Adds to sheet and JSON; GROUP: its name, or NULL. */
static int add_comparisons(const struct job *j, const struct points *p, const char *group,
                           json_t *json, struct err *e)
{
    const struct analysis_options *o = &j->options;
    if (j->args->compare && add_laws(j, p, json, e)) return -1;
    if (!j->args->sensitivity || group) return 0;
    struct sensitivity s = {.law = j->law,
                            .x = o->x,
                            .fit = &o->fit,
                            .budget = o->n_budgets ? o->budgets[0] : 0,
                            .table = &j->table,
                            .points = &j->rows};
    struct choice *c = calloc(SENSITIVITY_MOST, sizeof *c);
    int n = c ? sensitivity_run(c, &s, p, e) : err_memory(e, NULL);
    if (n >= 0)
        json_object_set_new(json, "sensitivity",
                            sensitivity_report(j->sheet, c, n, j->law, s.budget));
    free(c);
    return n < 0 ? -1 : 0;
}

/* Noise told from misfit where runs are repeated, and rows from runs. */
static int add_noise(const struct job *j, const struct points *p, struct analysis *a, json_t *json,
                     struct err *e)
{
    struct lack l;
    struct boot_check c;
    struct reml_runs runs;
    if (lack_of_fit(&l, p, j->law, j->options.x, &j->options.fit, e) ||
        boot_check(&c, a, p, &j->options, e) ||
        reml_runs(&runs, p, j->options.x, &a->fit, &j->options.fit, e))
        return -1;
    noise_report(j->sheet, json, p, j->law, &l, &c);
    runs_report(j->sheet, json, a, &runs, &c);
    return 0;
}

/* One fit into sheet and JSON. */
static int fit_one(const struct job *j, struct points *p, const char *group, json_t **json,
                   struct err *e)
{
    const struct analysis_options *o = &j->options;
    const int follows = j->args->variance;
    struct reml_variance variance;
    struct analysis a = {.n_derived = 0};
    *json = NULL;
    int status = !follows ? 0
                          : reml_variance(&variance, p, j->law, o->x,
                                          follows == 1 ? POINTS_N : POINTS_D, &o->fit, e);
    if (!status) status = analyse(&a, p, j->law, o, e);
    if (!status && j->args->resamples)
        status = saved_write_samples(j->args->resamples, j->law, &a.bootstrap, e);
    if (!status) {
        if (group) sheet_remark(j->sheet, "group %s", group);
        *json = fit_report(j->sheet, &a, p, &j->options);
        if (follows) variance_report(j->sheet, *json, &variance, variances[follows]);
        status = add_noise(j, p, &a, *json, e);
        if (!status && j->args->link) status = add_link(j, &a, p, *json, e);
        if (!status) status = add_comparisons(j, p, group, *json, e);
    }
    analysis_close(&a);
    return status;
}

/* Each group by itself; a group that cannot be fitted is said so, and only if none can is it a
 * failure. */
static int fit_groups(const struct job *j, const struct points *p, json_t *json, struct err *e)
{
    size_t *rows = malloc((p->n + 1) * sizeof *rows), good = 0;
    if (!rows) return err_memory(e, p->path);
    json_t *groups = json_array();
    json_object_set_new(json, "law", json_string(j->law->name));
    json_object_set_new(json, "groups", groups);
    for (size_t g = 0; g < p->n_by; g++) {
        struct points part;
        json_t *one;
        size_t n = 0;
        for (size_t i = 0; i < p->n; i++) {
            if (p->by[i] == g) rows[n++] = i;
        }
        if (points_select(&part, p, rows, n, e)) break;
        if (!fit_one(j, &part, p->by_names[g], &one, e)) {
            good++;
            json_object_set_new(one, "group", json_utf8(p->by_names[g]));
        } else {
            json_decref(one);
            one = json_pack("{s:o, s:s}", "group", json_utf8(p->by_names[g]), "failed", e->text);
            sheet_remark(j->sheet, "group %s: not fitted: %s", p->by_names[g], e->text);
        }
        sheet_gap(j->sheet);
        json_array_append_new(groups, one);
        points_close(&part);
    }
    free(rows);
    return good ? 0 : -1;
}

static int fit_points(struct job *j, struct points *p, struct err *e)
{
    json_t *json = provenance_json(), *one = NULL;
    int status = json ? 0 : err_memory(e, NULL);
    if (!status && j->args->points.options.column[POINTS_BY])
        status = fit_groups(j, p, json, e);
    else if (!status)
        status = fit_one(j, p, NULL, &one, e);
    if (status) {
        err_prefix(e, "%s", p->path);
    } else {
        json_object_update(json, one);
        status = cli_write(&j->args->common, j->sheet, json, e);
        json = NULL;
    }
    json_decref(one);
    json_decref(json);
    return status;
}

static int run_job(struct job *j, struct err *e)
{
    const struct args *a = j->args;
    struct points p;
    if (open_law(j, e) || read_options(a, j->law, &j->options, e) || place_predictions(j, e) ||
        cmd_points_apart(a->file, a->resamples, e) || csv_read(&j->table, a->file, e) ||
        read_points(&p, j, e))
        return -1;
    int status =
        a->link && !p.column[POINTS_OUTCOME] ? csv_missing(&j->table, e, NULL, "the outcome") : 0;
    if (!status) status = settle_bootstrap(a, j->law, &p, &j->options.bootstrap, e);
    j->sheet = sheet_open();
    if (!status) status = fit_points(j, &p, e);
    sheet_free(j->sheet);
    points_close(&p);
    return status;
}

static int run(void *args, struct err *e)
{
    struct job j = {.args = args};
    cli_use_threads(j.args->common.threads);
    int status = run_job(&j, e);
    csv_close(&j.table);
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
