/* cmd_fit.c - tripod fit: scaling laws from a table of runs, with what they are worth.
 *
 * Reads points, fits a law, and prints a table (tab-separated; lines that begin with # are remarks)
 * or one JSON object. The work is fit/analysis.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/analysis.h"
#include "fit/compare.h"
#include "fit/points_examine.h"
#include "fit/sensitivity.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"

enum { MAX_LIST = 64 };

struct args {
    struct cli_common common;
    const char *law, *file;
    struct cmd_points points;
    const char *objective, *x, *resamples;
    const char *pins[LAW_PARAMS], *bounds[LAW_PARAMS];
    size_t n_pins, n_bounds;
    double budgets[MAX_LIST];
    size_t n_budgets;
    struct prediction predict[MAX_LIST];
    size_t n_predict;
    struct bootstrap_options bootstrap;
    double level;
    int grid;
    bool bootstrap_given, no_profile, no_witness, compare, sensitivity;
    double holdout;
    const struct csv *table; /* of the file, and how its rows were read */
    const struct points_options *read;
};

enum {
    KEY_UNIQUE = 0x200,
    KEY_WEIGHT,
    KEY_BY,
    KEY_X,
    KEY_LAST,
    KEY_OBJECTIVE,
    KEY_PIN,
    KEY_BOUND,
    KEY_GRID,
    KEY_BOOTSTRAP,
    KEY_BOOT_STARTS,
    KEY_SEED,
    KEY_LEVEL,
    KEY_NO_PROFILE,
    KEY_NO_WITNESS,
    KEY_BUDGET,
    KEY_PREDICT,
    KEY_COMPARE,
    KEY_HOLDOUT,
    KEY_SENSITIVITY,
    KEY_RESAMPLES,
};

static const struct argp_option options[] = {
    {"unique", KEY_UNIQUE, "COLUMN", 0, "Unique training tokens (law repeated)", 1},
    {"weight", KEY_WEIGHT, "COLUMN", 0, "Weight of the row in the objective", 1},
    {"x", KEY_X, "N|D|C|step", 0, "The variable of a one-variable law (default: N)", 1},
    {"by", KEY_BY, "COLUMN", 0, "Fit each value of this column by itself", 2},
    {"last", KEY_LAST, 0, 0, "Keep the last step of each run (one-variable laws of N: the default)",
     2},
    {0, 0, 0, 0, "Fit:", 3},
    {"objective", KEY_OBJECTIVE, "WHAT", 0,
     "huber:DELTA or huber:auto, lad, logls (all on ln L), ls, asym:RATIO (on L); default "
     "huber:1e-3, for "
     "power and power-constant logls",
     3},
    {"pin", KEY_PIN, "NAME=VALUE", 0, "Hold a parameter; what that costs is reported", 3},
    {"bound", KEY_BOUND, "NAME=LOW:HIGH", 0, "Keep a parameter in a range; either end may be empty",
     3},
    {"grid", KEY_GRID, "G", 0, "Starts: G x G exponents (default 6)", 3},
    {0, 0, 0, 0, "Uncertainty:", 4},
    {"bootstrap", KEY_BOOTSTRAP, "[KIND:]N", 0,
     "N resamples; KIND pairs (default), residual, cluster (whole runs) or parametric; 0: none "
     "(default "
     "1000, fewer beyond 2000 rows)",
     4},
    {"resamples", KEY_RESAMPLES, "FILE.csv", 0,
     "Write the parameters of every resample, for the bands of tripod allocate --samples", 4},
    {"boot-starts", KEY_BOOT_STARTS, "K", 0, "Further starts of each resample (default 2)", 4},
    {"seed", KEY_SEED, "S", 0, "Of the resamples (default 1)", 4},
    {"level", KEY_LEVEL, "P", 0, "Of the intervals (default 0.95)", 4},
    {"no-profile", KEY_NO_PROFILE, 0, 0, "Leave out the profile likelihood", 4},
    {"no-witness", KEY_NO_WITNESS, 0, 0, "Do not ask GSL's minimisers whether the optimum is one",
     4},
    {0, 0, 0, 0, "Further results:", 5},
    {"budget", KEY_BUDGET, "C,...", 0, "Compute-optimal N, D, D/N and L at these FLOP, with bands",
     5},
    {"predict", KEY_PREDICT, "N[,D[,U]]", 0, "Loss there, with bands of the law and of a new run",
     5},
    {"compare", KEY_COMPARE, 0, 0,
     "All laws of these variables: AIC, AICc, BIC, errors with the largest compute and with each "
     "budget left out",
     5},
    {"holdout", KEY_HOLDOUT, "C", 0, "With --compare: the largest compute is what has C or more",
     5},
    {"sensitivity", KEY_SENSITIVITY, 0, 0,
     "The law again under other objectives, deltas, rows and counts of N: the spread of exponents "
     "and D/N",
     5},
    {0},
};

static void parse_bootstrap(struct args *a, const char *arg, const struct argp_state *state)
{
    const char *colon = strchr(arg, ':');
    if (colon) {
        size_t n = (size_t)(colon - arg), k = 0;
        while (k < BOOT_KINDS &&
               (strlen(bootstrap_names[k]) != n || strncmp(arg, bootstrap_names[k], n)))
            k++;
        if (k == BOOT_KINDS)
            cli_misuse(state,
                       "--bootstrap: expected pairs, residual, cluster or parametric, found '%.*s'",
                       (int)n, arg);
        a->bootstrap.kind = (enum bootstrap_kind)k;
        arg = colon + 1;
    }
    a->bootstrap.n = cli_count(arg, "--bootstrap", 0, 10000000, state);
    if (a->bootstrap.n && a->bootstrap.n < 20)
        cli_misuse(state, "--bootstrap: expected 0 or at least 20 resamples, found '%s'", arg);
}

static void push(const char **to, size_t *n, size_t room, const char *arg, const char *what,
                 const struct argp_state *state)
{
    if (*n == room) cli_misuse(state, "%s: given more than %zu times", what, room);
    to[(*n)++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    double v[3] = {0};
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->points;
        state->child_inputs[1] = &a->common;
        return 0;
    case KEY_RESAMPLES:
        a->resamples = arg;
        return 0;
    case KEY_UNIQUE:
        a->points.options.column[POINTS_UNIQUE] = arg;
        return 0;
    case KEY_WEIGHT:
        a->points.options.column[POINTS_WEIGHT] = arg;
        return 0;
    case KEY_BY:
        a->points.options.column[POINTS_BY] = arg;
        return 0;
    case KEY_X:
        a->x = arg;
        return 0;
    case KEY_LAST:
        a->points.options.last = true;
        return 0;
    case KEY_OBJECTIVE:
        a->objective = arg;
        return 0;
    case KEY_PIN:
        push(a->pins, &a->n_pins, LAW_PARAMS, arg, "--pin", state);
        return 0;
    case KEY_BOUND:
        push(a->bounds, &a->n_bounds, LAW_PARAMS, arg, "--bound", state);
        return 0;
    case KEY_GRID:
        a->grid = (int)cli_count(arg, "--grid", 2, 30, state);
        return 0;
    case KEY_BOOTSTRAP:
        a->bootstrap_given = true;
        parse_bootstrap(a, arg, state);
        return 0;
    case KEY_BOOT_STARTS:
        a->bootstrap.starts = (int)cli_count(arg, "--boot-starts", 0, 8, state);
        return 0;
    case KEY_SEED:
        a->bootstrap.seed = cli_count(arg, "--seed", 0, 9000000000000000, state);
        return 0;
    case KEY_LEVEL:
        a->level = cli_real(arg, "--level", 0.01, 0.9999, state);
        return 0;
    case KEY_NO_PROFILE:
        a->no_profile = true;
        return 0;
    case KEY_NO_WITNESS:
        a->no_witness = true;
        return 0;
    case KEY_BUDGET:
        a->n_budgets +=
            cli_list(arg, "--budget", a->budgets + a->n_budgets, MAX_LIST - a->n_budgets, state);
        return 0;
    case KEY_PREDICT:
        if (a->n_predict == MAX_LIST) cli_misuse(state, "--predict: given too often");
        cli_list(arg, "--predict", v, 3, state);
        a->predict[a->n_predict++] = (struct prediction){.N = v[0], .D = v[1], .U = v[2]};
        return 0;
    case KEY_COMPARE:
        a->compare = true;
        return 0;
    case KEY_HOLDOUT:
        a->holdout = cli_real(arg, "--holdout", 0, INFINITY, state);
        return 0;
    case KEY_SENSITIVITY:
        a->sensitivity = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) cli_misuse(state, "expected LAW and FILE, found also '%s'", arg);
        *(state->arg_num ? &a->file : &a->law) = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->law)
            cli_misuse(state, "expected a law and a file; 'tripod fit laws' lists the laws");
        if (!a->file && strcmp(a->law, "laws"))
            cli_misuse(state, "expected a CSV file after the law");
        if (a->resamples && a->points.options.column[POINTS_BY])
            cli_misuse(state, "--resamples: one fit only, not with --by");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&cmd_points_argp, 0, NULL, 0}, {&cli_common_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "LAW FILE\nisoflop FILE\nenvelope FILE\napproaches FILE\nbias\nlaws",
    "Fits a scaling law to a table of training runs (CSV, or points.csv of tripod gather) and says "
    "what the "
    "rows identify."
    "\v"
    "Examples:\n"
    "  tripod fit laws                      the laws, their formulas and sources\n"
    "  tripod fit power losses/points.csv   L = A N^-alpha over model sizes\n"
    "  tripod fit power losses/points.csv --x step --by model\n"
    "  tripod fit chinchilla runs.csv --drop-highest 5 --budget 1e21,1e23\n"
    "  tripod fit isoflop --help            Hoffmann et al.'s Approaches 1 and 2, all three side "
    "by side\n"
    "  tripod fit chinchilla runs.csv --objective lad --bootstrap cluster:4000 --json\n\n"
    "Parameters are in the papers' units: N in parameters, D in tokens, loss in nats. Verdicts: "
    "identified; "
    "weak (an exponent or E known to 20 % or worse, a coefficient to a factor of 4); unidentified "
    "(the rows do "
    "not tell). FILE may be - for stdin.",
    children,
    NULL,
    NULL,
};

/* --- laws --- */

static int print_laws(const struct args *a, struct err *e)
{
    if (a->common.json) {
        json_t *all = json_array();
        for (size_t i = 0; i < n_laws; i++) {
            json_t *params = json_object();
            for (int k = 0; k < laws[i].n; k++)
                json_object_set_new(params, laws[i].param[k].name,
                                    json_string(laws[i].param[k].text));
            json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:o}", "law", laws[i].name,
                                                 "formula", laws[i].formula, "text", laws[i].text,
                                                 "citation", laws[i].citation, "params", params));
        }
        return cli_write_json(&a->common, all, e);
    }
    for (size_t i = 0; i < n_laws; i++) {
        printf("%s\n    %s\n    %s\n    %s\n", laws[i].name, laws[i].formula, laws[i].text,
               laws[i].citation);
        for (int k = 0; k < laws[i].n; k++)
            printf("    %-7s %s\n", laws[i].param[k].name, laws[i].param[k].text);
    }
    return 0;
}

/* --- options --- */

static int parameter(const struct law *law, const char *text, const char *what, const char **value,
                     struct err *e)
{
    const char *equal = strchr(text, '=');
    char name[32] = "";
    if (equal && (size_t)(equal - text) < sizeof name) memcpy(name, text, (size_t)(equal - text));
    int i = equal ? law_param_index(law, name) : -1;
    if (i >= 0) {
        *value = equal + 1;
        return i;
    }
    char all[200] = "";
    for (int k = 0; k < law->n; k++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", k ? ", " : "", law->param[k].name);
    }
    return err_set(e, "%s: expected NAME=... with a parameter of %s (%s), found '%.60s'", what,
                   law->name, all, text);
}

static int read_pins(const struct args *a, const struct law *law, struct fit_options *o,
                     struct err *e)
{
    const char *value;
    for (size_t k = 0; k < a->n_pins; k++) {
        int i = parameter(law, a->pins[k], "--pin", &value, e);
        if (i < 0 || parse_real(value, "--pin", &o->pin[i], e)) return -1;
        if (o->pin[i] < 0 && law->param[i].map != MAP_PLAIN)
            return err_set(e, "--pin %s: expected at least 0, found '%s'", law->param[i].name,
                           value);
        o->pinned[i] = true;
    }
    for (size_t k = 0; k < a->n_bounds; k++) {
        int i = parameter(law, a->bounds[k], "--bound", &value, e);
        if (i < 0) return -1;
        const char *colon = strchr(value, ':');
        char low[64] = "";
        if (!colon || (size_t)(colon - value) >= sizeof low)
            return err_set(e, "--bound %s: expected LOW:HIGH, found '%.60s'", law->param[i].name,
                           value);
        memcpy(low, value, (size_t)(colon - value));
        o->lower[i] = -INFINITY;
        o->upper[i] = INFINITY;
        if ((*low && parse_real(low, "--bound", &o->lower[i], e)) ||
            (colon[1] && parse_real(colon + 1, "--bound", &o->upper[i], e)))
            return -1;
        o->bounded[i] = true;
    }
    return 0;
}

static int variable(const char *name, enum points_column *x, struct err *e)
{
    static const struct {
        const char *name;
        enum points_column column;
    } known[] = {{"N", POINTS_N}, {"D", POINTS_D}, {"C", POINTS_C}, {"step", POINTS_STEP}};
    *x = POINTS_N;
    for (size_t i = 0; name && i < 4; i++) {
        if (strcasecmp(name, known[i].name)) continue;
        *x = known[i].column;
        return 0;
    }
    return name ? err_set(e, "--x: expected N, D, C or step, found '%.60s'", name) : 0;
}

static unsigned needed(const struct law *law, enum points_column x)
{
    if (law->variables & LAW_ANY) return 1u << x;
    unsigned need = 0;
    if (law->variables & LAW_N) need |= 1u << POINTS_N;
    if (law->variables & LAW_D) need |= 1u << (law->variables & LAW_STEP ? POINTS_STEP : POINTS_D);
    if (law->variables & LAW_U) need |= 1u << POINTS_UNIQUE;
    return need;
}

/* The rows a law can use. *o, which keeps pointing into *a and *flops, reads the same again. */
static int read_rows(struct points *p, const struct args *a, const struct csv *table,
                     const struct law *law, enum points_column x, struct points_options *o,
                     struct points_flops *flops, struct err *e)
{
    const bool one = law->variables & LAW_ANY;
    if (cmd_points_options(o, &a->points, flops, needed(law, x), one && x == POINTS_N, e) ||
        points_read(p, table, o, e))
        return -1;
    bool together = one && x != POINTS_N && p->n_runs > 1 && p->n_by < 2;
    if ((!together ||
         !points_note(p, e, "%zu runs are fitted together; --by %s fits each by itself", p->n_runs,
                      p->column[POINTS_RUN])) &&
        !points_examine(p, e))
        return 0;
    points_close(p);
    return -1;
}

/* --- output --- */

static json_t *interval_json(const struct interval *i)
{
    return json_pack("{s:o, s:o, s:o}", "se", json_finite(i->se), "lo", json_finite(i->lo), "hi",
                     json_finite(i->hi));
}

static json_t *known_json(const struct known *k)
{
    json_t *all = json_object();
    json_object_set_new(all, "bootstrap_percentile", interval_json(&k->percentile));
    json_object_set_new(all, "bootstrap_bca", interval_json(&k->bca));
    if (k->has_profile)
        json_object_set_new(all, "profile",
                            json_pack("{s:o, s:o, s:b, s:b}", "lo", json_finite(k->profile.lo),
                                      "hi", json_finite(k->profile.hi), "lo_open",
                                      k->profile.lo_open, "hi_open", k->profile.hi_open));
    json_object_set_new(all, "sandwich", interval_json(&k->sandwich));
    json_object_set_new(all, "hessian", interval_json(&k->hessian));
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "value", json_finite(k->value), "se",
                     json_finite(k->se), "lo", json_finite(k->lo), "hi", json_finite(k->hi),
                     "verdict", verdict_names[k->verdict], "reason", k->reason, "intervals", all);
}

static json_t *analysis_json(const struct analysis *a, const struct points *p,
                             const struct args *args)
{
    const struct fit *f = &a->fit;
    const struct law *law = f->law;
    char objective[40];
    objective_text(&f->objective, objective, sizeof objective);
    json_t *o = json_object(), *params = json_object(), *corr = json_object();
    json_object_set_new(o, "law", json_string(law->name));
    json_object_set_new(o, "formula", json_string(law->formula));
    json_object_set_new(o, "objective", json_string(objective));
    json_object_set_new(o, "objective_value", json_finite(f->value));
    for (int i = 0; i < law->n; i++) {
        json_object_set_new(params, law->param[i].name, known_json(&a->known[i]));
        json_t *row = json_object();
        for (int k = 0; k < law->n; k++)
            json_object_set_new(row, law->param[k].name,
                                json_finite(a->correlation[i * law->n + k]));
        json_object_set_new(corr, law->param[i].name, row);
    }
    json_object_set_new(o, "params", params);
    json_object_set_new(o, "interval", json_string(a->interval_kind));
    json_object_set_new(o, "level", json_finite(args->level));
    json_object_set_new(o, "starts",
                        json_pack("{s:i, s:i}", "total", f->starts, "agree", f->agree));
    json_object_set_new(o, "verdict", json_string(verdict_names[a->verdict]));
    json_object_set_new(o, "reason", json_string(a->reason));
    json_object_set_new(o, "flat_direction", json_string(a->flat));
    json_object_set_new(o, "gradient_norm", json_finite(f->gradient));
    json_object_set_new(o, "newton_decrement", json_finite(f->decrement));
    json_object_set_new(o, "condition", json_finite(f->condition));
    json_object_set_new(o, "condition_raw", json_finite(f->condition_raw));
    json_object_set_new(o, "cpu_seconds",
                        json_pack("{s:o, s:o, s:o, s:o}", "fit", json_finite(a->fit_seconds),
                                  "witness", json_finite(a->witness_seconds), "bootstrap",
                                  json_finite(a->bootstrap_seconds), "profile",
                                  json_finite(a->profile_seconds)));
    static const char *const says[] = {NULL, "agrees", "finds a lower objective",
                                       "sums another objective", "stops above"};
    const struct witness *w = &a->witness;
    if (w->says != WITNESS_NONE)
        json_object_set_new(o, "witness",
                            json_pack("{s:s, s:b, s:s, s:o, s:o}", "method", w->method, "agrees",
                                      w->says == WITNESS_AGREES, "says", says[w->says],
                                      "difference", json_finite(w->difference), "standard_errors",
                                      json_finite(w->shift)));
    json_object_set_new(o, "rss", json_finite(f->rss));
    json_object_set_new(o, "rss_log", json_finite(f->rss_log));
    json_object_set_new(o, "correlation", corr);
    json_object_set_new(o, "correlation_from", json_string(a->correlation_from));
    /* Resamples' parameters, in the law's order: what tripod allocate draws its bands from. */
    json_t *samples = json_array();
    for (size_t i = 0; i < a->bootstrap.n && i < 1000; i++) {
        json_t *row = json_array();
        bool finite = true;
        for (int k = 0; k < law->n; k++) {
            finite = finite && isfinite(a->bootstrap.params[i][k]);
            json_array_append_new(row, json_finite(a->bootstrap.params[i][k]));
        }
        if (finite)
            json_array_append_new(samples, row);
        else
            json_decref(row);
    }
    json_object_set_new(
        o, "bootstrap",
        json_pack("{s:s, s:I, s:I, s:i, s:I, s:I, s:o}", "kind",
                  bootstrap_names[args->bootstrap.kind], "resamples", (json_int_t)a->bootstrap.n,
                  "failed", (json_int_t)a->bootstrap.failed, "starts", args->bootstrap.starts + 1,
                  "another_start_won", (json_int_t)a->bootstrap.moved, "seed",
                  (json_int_t)args->bootstrap.seed, "samples", samples));
    if (a->held)
        json_object_set_new(o, "pinning",
                            json_pack("{s:i, s:o, s:o, s:o}", "held", a->held,
                                      "objective_value_without", json_finite(a->free_value), "chi2",
                                      json_finite(a->held_chi2), "p", json_finite(a->held_p)));
    json_t *derived = json_array(), *predictions = json_array();
    for (size_t i = 0; i < a->n_derived; i++) {
        const struct derived *d = &a->derived[i];
        json_array_append_new(
            derived, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "name", d->name,
                               "budget", d->budget > 0 ? json_finite(d->budget) : json_null(),
                               "value", json_finite(d->value), "se", json_finite(d->interval.se),
                               "lo", json_finite(d->interval.lo), "hi", json_finite(d->interval.hi),
                               "verdict", verdict_names[d->verdict], "reason", d->reason));
    }
    for (size_t i = 0; i < a->n_predict; i++) {
        const struct prediction *q = &a->predict[i];
        json_array_append_new(
            predictions,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "N", json_finite(q->N), "D",
                      q->D > 0 ? json_finite(q->D) : json_null(), "loss", json_finite(q->loss),
                      "lo", json_finite(q->lo), "hi", json_finite(q->hi), "new_lo",
                      json_finite(q->new_lo), "new_hi", json_finite(q->new_hi)));
    }
    json_object_set_new(o, "derived", derived);
    json_object_set_new(o, "predictions", predictions);
    cmd_points_json(o, p);
    return o;
}

static void cell(double v)
{
    if (isfinite(v))
        printf("\t%.8g", v);
    else
        fputs(isinf(v) ? v > 0 ? "\tinf" : "\t-inf" : "\t-", stdout);
}

static void print_remarks(const struct analysis *a, const struct points *p, const struct args *args)
{
    const struct fit *f = &a->fit;
    char objective[40];
    objective_text(&f->objective, objective, sizeof objective);
    printf("# %s: %s\n", f->law->name, f->law->formula);
    cmd_points_remarks(p);
    printf("# objective %s = %.14g; %d of %d starts agree; gradient %.1e, Newton decrement %.1e, "
           "condition "
           "%.2g (in natural parameters %.2g)\n",
           objective, f->value, f->agree, f->starts, f->gradient, f->decrement, f->condition,
           f->condition_raw);
    const struct witness *w = &a->witness;
    if (w->says == WITNESS_AGREES) printf("# GSL agrees to %.0e (%s)\n", w->difference, w->method);
    if (w->says == WITNESS_LOWER)
        printf("# WARNING: GSL does not agree: its %s finds an objective lower by %.1e of it, %.2g "
               "standard errors away\n",
               w->method, w->difference, w->shift);
    if (w->says == WITNESS_DIFFERS)
        printf("# WARNING: the objective summed by its definition differs by %.1e of it\n",
               w->difference);
    if (w->says == WITNESS_SHORT)
        printf("# GSL is no witness here: its %s stops above, by %.1e of the objective\n",
               w->method, w->difference);
    if (a->held)
        printf("# pinning costs: objective %.14g without; chi2(%d) = %.4g, p = %.3g\n",
               a->free_value, a->held, a->held_chi2, a->held_p);
    printf("# lo, hi: %s, %.4g %%", a->interval_kind, 100 * args->level);
    if (a->bootstrap.n)
        printf("; %zu resamples, seed %" PRIu64
               ", %d starts each, %zu failed, in %zu another start won",
               a->bootstrap.n, args->bootstrap.seed, args->bootstrap.starts + 1,
               a->bootstrap.failed, a->bootstrap.moved);
    printf("\n");
}

static void print_tables(const struct analysis *a)
{
    const struct law *law = a->fit.law;
    printf("parameter\tvalue\tse\tlo\thi\tverdict\tbca_lo\tbca_hi\tprofile_lo\tprofile_"
           "hi\tsandwich_se\t"
           "hessian_se\treason\n");
    for (int i = 0; i < law->n; i++) {
        const struct known *k = &a->known[i];
        printf("%s", law->param[i].name);
        cell(k->value);
        cell(k->se);
        cell(k->lo);
        cell(k->hi);
        printf("\t%s", verdict_names[k->verdict]);
        cell(k->bca.lo);
        cell(k->bca.hi);
        cell(k->has_profile ? k->profile.lo : NAN);
        cell(k->has_profile ? k->profile.hi : NAN);
        cell(k->sandwich.se);
        cell(k->hessian.se);
        printf("\t%s\n", k->reason);
    }
    if (a->n_derived) printf("\nquantity\tvalue\tse\tlo\thi\tverdict\tbudget\treason\n");
    for (size_t i = 0; i < a->n_derived; i++) {
        const struct derived *d = &a->derived[i];
        printf("%s", d->name);
        cell(d->value);
        cell(d->interval.se);
        cell(d->interval.lo);
        cell(d->interval.hi);
        printf("\t%s", verdict_names[d->verdict]);
        cell(d->budget > 0 ? d->budget : NAN);
        printf("\t%s\n", d->reason);
    }
    if (a->n_predict) printf("\nN\tD\tloss\tlo\thi\tnew_lo\tnew_hi\n");
    for (size_t i = 0; i < a->n_predict; i++) {
        const struct prediction *q = &a->predict[i];
        printf("%.8g", q->N);
        cell(q->D > 0 ? q->D : NAN);
        cell(q->loss);
        cell(q->lo);
        cell(q->hi);
        cell(q->new_lo);
        cell(q->new_hi);
        printf("\n");
    }
    printf("\ncorrelation");
    for (int i = 0; i < law->n; i++) printf("\t%s", law->param[i].name);
    printf("\n");
    for (int i = 0; i < law->n; i++) {
        printf("%s", law->param[i].name);
        for (int k = 0; k < law->n; k++) {
            double r = a->correlation[i * law->n + k];
            if (isfinite(r))
                printf("\t%.4f", r);
            else
                printf("\t-");
        }
        printf("\n");
    }
    printf("# verdict: %s%s%s\n", verdict_names[a->verdict], a->reason[0] ? ": " : "", a->reason);
    if (a->flat[0]) printf("# flattest direction: %s\n", a->flat);
}

/* --- comparison, sensitivity --- */

static int compare(const struct args *args, const struct law *law, const struct points *p,
                   const struct analysis_options *o, json_t *json, struct err *e)
{
    struct comparison rows[32];
    double cut;
    size_t groups;
    int n = compare_laws(rows, p, law, o->x, &o->fit, args->holdout, &cut, &groups, e);
    if (n < 0) return -1;
    double best = INFINITY;
    for (int i = 0; i < n; i++) best = fmin(best, isnan(rows[i].aic) ? INFINITY : rows[i].aic);
    if (json) {
        json_t *all = json_array();
        for (int i = 0; i < n; i++) {
            const struct comparison *c = &rows[i];
            json_array_append_new(
                all, json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "law",
                               c->law->name, "parameters", c->k, "rss_log", json_finite(c->rss_log),
                               "aic", json_finite(c->aic), "aicc", json_finite(c->aicc), "bic",
                               json_finite(c->bic), "delta_aic", json_finite(c->aic - best),
                               "rmse_largest_out", json_finite(c->largest), "rmse_budgets_out",
                               json_finite(c->budgets), "reason", c->reason));
        }
        json_object_set_new(json, "compare",
                            json_pack("{s:o, s:o, s:I}", "laws", all, "holdout", json_finite(cut),
                                      "budgets", (json_int_t)groups));
        return 0;
    }
    printf("\n# comparison: information criteria of least squares on ln L; rms errors of ln L with "
           "C >= %.4g left out "
           "(%zu rows)\n# and with each of %zu budgets left out in turn\n",
           cut, rows[0].test, groups);
    printf("law\tparameters\trss_log\taic\taicc\tbic\tdelta_aic\trmse_largest_out\trmse_budgets_"
           "out\treason\n");
    for (int i = 0; i < n; i++) {
        const struct comparison *c = &rows[i];
        printf("%s\t%d", c->law->name, c->k);
        cell(c->rss_log);
        cell(c->aic);
        cell(c->aicc);
        cell(c->bic);
        cell(c->aic - best);
        cell(c->largest);
        cell(c->budgets);
        printf("\t%s\n", c->reason);
    }
    return 0;
}

static void choice_row(const struct choice *c)
{
    printf("%s\t%zu", c->label, c->rows);
    for (int i = 0; i < c->fit.law->n; i++) cell(c->fit.params[i]);
    cell(c->a);
    cell(c->ratio);
    printf("\n");
}

static void print_choices(const struct choice *c, int n, const struct law *law, double budget)
{
    printf("\n# sensitivity: the same law under other choices; D/N at %.4g FLOP\nchoice\trows",
           budget);
    for (int i = 0; i < law->n; i++) printf("\t%s", law->param[i].name);
    printf("\ta\tD/N\n");
    for (int i = 0; i < n; i++) {
        if (c[i].reason[0])
            printf("%s\t%zu\t# no fit: %s\n", c[i].label, c[i].rows, c[i].reason);
        else
            choice_row(&c[i]);
    }
    for (int end = 0; end < 2; end++) {
        printf("%s\t-", end ? "greatest" : "least");
        for (int k = 0; k < law->n + 2; k++) {
            double lo, hi;
            sensitivity_spread(c, n, k < law->n ? k : SENSITIVITY_A + k - law->n, &lo, &hi);
            cell(isfinite(lo) ? end ? hi : lo : NAN);
        }
        printf("\n");
    }
}

static json_t *choices_json(const struct choice *c, int n, const struct law *law, double budget)
{
    json_t *all = json_array(), *range = json_object();
    for (int i = 0; i < n; i++) {
        json_t *params = json_object();
        for (int k = 0; k < law->n && !c[i].reason[0]; k++)
            json_object_set_new(params, law->param[k].name, json_finite(c[i].fit.params[k]));
        json_array_append_new(all, json_pack("{s:o, s:I, s:o, s:o, s:o, s:s}", "choice",
                                             json_utf8(c[i].label), "rows", (json_int_t)c[i].rows,
                                             "params", params, "a", json_finite(c[i].a), "D/N",
                                             json_finite(c[i].ratio), "reason", c[i].reason));
    }
    for (int k = 0; k < law->n + 2; k++) {
        double lo, hi;
        sensitivity_spread(c, n, k < law->n ? k : SENSITIVITY_A + k - law->n, &lo, &hi);
        json_object_set_new(range,
                            k < law->n    ? law->param[k].name
                            : k == law->n ? "a"
                                          : "D/N",
                            json_pack("[o, o]", json_finite(lo), json_finite(hi)));
    }
    return json_pack("{s:o, s:o, s:o}", "choices", all, "spread", range, "budget",
                     json_finite(budget));
}

static int sensitivity(const struct args *args, const struct law *law, const struct points *p,
                       const struct analysis_options *o, json_t *json, struct err *e)
{
    struct sensitivity s = {.law = law,
                            .x = o->x,
                            .fit = &o->fit,
                            .budget = args->n_budgets ? args->budgets[0] : 0,
                            .table = args->table,
                            .points = args->read};
    struct choice *c = calloc(SENSITIVITY_MOST, sizeof *c);
    int n = c ? sensitivity_run(c, &s, p, e) : err_memory(e, NULL);
    if (n >= 0 && json)
        json_object_set_new(json, "sensitivity", choices_json(c, n, law, s.budget));
    else if (n >= 0)
        print_choices(c, n, law, s.budget);
    free(c);
    return n < 0 ? -1 : 0;
}

/* --- command --- */

/* One row per resample, columns named as the law's parameters. */
static int write_resamples(const char *path, const struct law *law, const struct bootstrap *b,
                           struct err *e)
{
    struct out o = {0};
    if (!b->n) return err_set(e, "--resamples: there is no resample; --bootstrap asks for some");
    if (out_open(&o, path, e)) return -1;
    int status = 0;
    for (int k = 0; k < law->n && !status; k++)
        status = out_printf(&o, e, "%s%s", k ? "," : "", law->param[k].name);
    for (size_t i = 0; i < b->n && !status; i++) {
        for (int k = 0; k < law->n && !status; k++)
            status = out_printf(&o, e, "%c%.17g", k ? ',' : '\n', b->params[i][k]);
    }
    if (!status) status = out_printf(&o, e, "\n");
    if (!status) return out_commit(&o, e);
    out_abort(&o);
    return -1;
}

static int fit_one(const struct args *args, const struct law *law, const struct points *p,
                   const struct analysis_options *o, const char *group, json_t *json, struct err *e)
{
    struct analysis a;
    int status = analyse(&a, p, law, o, e);
    if (!status && args->resamples) status = write_resamples(args->resamples, law, &a.bootstrap, e);
    if (!status && args->common.json) {
        json_t *one = analysis_json(&a, p, args);
        if (args->compare) status = compare(args, law, p, o, one, e);
        if (!status && args->sensitivity && !group) status = sensitivity(args, law, p, o, one, e);
        if (group) {
            json_object_set_new(one, "group", json_utf8(group));
            json_array_append_new(json_object_get(json, "groups"), one);
        } else {
            json_object_update(json, one);
            json_decref(one);
        }
    } else if (!status) {
        if (group) printf("# group %s\n", group);
        print_remarks(&a, p, args);
        print_tables(&a);
        if (args->compare) status = compare(args, law, p, o, NULL, e);
        if (!status && args->sensitivity && !group) status = sensitivity(args, law, p, o, NULL, e);
        if (group) printf("\n");
    }
    analysis_close(&a);
    return status;
}

/* Each group by itself; a group that cannot be fitted is said so, and only if none can is it a
 * failure. */
static int fit_groups(const struct args *args, const struct law *law, const struct points *p,
                      const struct analysis_options *o, json_t *json, struct err *e)
{
    size_t *rows = malloc((p->n + 1) * sizeof *rows), good = 0;
    if (!rows) return err_memory(e, p->path);
    json_object_set_new(json, "law", json_string(law->name));
    json_object_set_new(json, "groups", json_array());
    for (size_t g = 0; g < p->n_by; g++) {
        struct points part;
        size_t n = 0;
        for (size_t i = 0; i < p->n; i++) {
            if (p->by[i] == g) rows[n++] = i;
        }
        if (points_select(&part, p, rows, n, e)) break;
        if (!fit_one(args, law, &part, o, p->by_names[g], json, e)) {
            good++;
        } else if (args->common.json) {
            json_array_append_new(
                json_object_get(json, "groups"),
                json_pack("{s:o, s:s}", "group", json_utf8(p->by_names[g]), "failed", e->text));
        } else if (p->n_by > 1) {
            printf("# group %s: not fitted: %s\n\n", p->by_names[g], e->text);
        }
        points_close(&part);
    }
    free(rows);
    return good ? 0 : -1;
}

/* The rows of the table, the remarks they deserve, and the fits. */
static int fit_table(struct args *args, const struct law *law, struct analysis_options *o,
                     struct err *e)
{
    struct points p;
    struct points_options read;
    struct points_flops flops;
    if (read_rows(&p, args, args->table, law, o->x, &read, &flops, e)) return -1;
    args->read = &read;
    if (!args->bootstrap_given && p.n > 2000) {
        /* The default stays a matter of seconds. */
        o->bootstrap.n = args->bootstrap.n = p.n > 20000 ? 100 : 2000000 / p.n;
        o->bootstrap.starts = args->bootstrap.starts = 0;
        if (points_note(&p, e,
                        "%zu rows: the default bootstrap is %zu resamples, one start each; "
                        "--bootstrap N asks for more",
                        p.n, o->bootstrap.n)) {
            points_close(&p);
            return -1;
        }
    }
    if (args->bootstrap.kind == BOOT_CLUSTER && args->bootstrap.n && p.n_runs < 10 &&
        points_note(
            &p, e,
            "%zu runs are few to draw clusters from: the bootstrap's intervals are too narrow",
            p.n_runs)) {
        points_close(&p);
        return -1;
    }
    json_t *json = provenance_json();
    int status = json ? 0 : err_memory(e, NULL);
    if (!status) {
        if (args->points.options.column[POINTS_BY])
            status = fit_groups(args, law, &p, o, json, e);
        else
            status = fit_one(args, law, &p, o, NULL, json, e);
        if (status) err_prefix(e, "%s", p.path);
    }
    if (!status)
        status = cli_write_json(&args->common, json, e);
    else
        json_decref(json);
    points_close(&p);
    return status;
}

static int run(int argc, char **argv, struct err *e)
{
    static struct args args;
    args = (struct args){.level = 0.95, .bootstrap = {.n = 1000, .seed = 1, .starts = 2}};
    if (cmd_fit_is_approach(argc, argv)) return cmd_fit_approach(argc, argv, e);
    cli_parse(&cmd_fit, argc, argv, &args);
    if (!strcmp(args.law, "laws")) return print_laws(&args, e);
    cli_use_threads(args.common.threads);
    struct analysis_options o = {.bootstrap = args.bootstrap,
                                 .profile = !args.no_profile,
                                 .witness = !args.no_witness,
                                 .level = args.level,
                                 .budgets = args.budgets,
                                 .n_budgets = args.n_budgets,
                                 .predict = args.predict,
                                 .n_predict = args.n_predict};
    const struct law *law = law_find(args.law, e);
    if (!law) return -1;
    const char *objective = args.objective                           ? args.objective
                            : law->variables & LAW_ANY && law->terms ? "logls"
                                                                     : "huber:1e-3";
    if (objective_parse(&o.fit.objective, objective, e) || read_pins(&args, law, &o.fit, e))
        return -1;
    if (variable(args.x, &o.x, e)) return -1;
    if (args.x && !(law->variables & LAW_ANY))
        return err_set(e, "--x: the law %s has its own variables", law->name);
    o.fit.grid = args.grid;
    for (size_t i = 0; i < args.n_predict; i++) {
        const struct prediction *q = &args.predict[i];
        if ((law->variables & LAW_D && !(q->D > 0)) || (law->variables & LAW_U && !(q->U > 0)))
            return err_set(e, "--predict: %s needs %s", law->name,
                           law->variables & LAW_U      ? "N,D,U"
                           : law->variables & LAW_STEP ? "N,STEP"
                                                       : "N,D");
    }
    struct csv table;
    if (csv_read(&table, args.file, e)) return -1;
    args.table = &table;
    int status = fit_table(&args, law, &o, e);
    csv_close(&table);
    return status;
}

const struct command cmd_fit = {
    "fit", "scaling laws from a table of runs, with intervals and verdicts", &argp, run};
