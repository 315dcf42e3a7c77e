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

#include "fit/allocate.h"
#include "fit/laws.h"
#include "fit/ols.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/csv.h"
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

/* The law, and its parameters in draws[0], bootstrap or covariance draws after it. */
struct source {
    const struct law *law;
    double params[LAW_PARAMS];
    double (*draws)[LAW_PARAMS];
    size_t n;
    char origin[64]; /* of the bands */
    char verdict[32];
};

#define DRAWS 4000

static int read_params(const char *list, struct source *s, struct err *e)
{
    bool seen[LAW_PARAMS] = {false};
    char *copy = strdup(list), *save = NULL;
    int status = copy ? 0 : err_memory(e, NULL);
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !status;
         item = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(item, '=');
        if (equals) *equals = 0;
        int i = equals ? law_param_index(s->law, item) : -1;
        if (i < 0) {
            status = err_set(e, "--params: %s has no parameter '%s' (%s)", s->law->name, item,
                             s->law->formula);
            break;
        }
        status = parse_real(equals + 1, "--params", &s->params[i], e);
        seen[i] = true;
    }
    free(copy);
    for (int i = 0; i < s->law->n && !status; i++) {
        if (!seen[i]) status = err_set(e, "--params: %s is missing", s->law->param[i].name);
    }
    return status;
}

static int read_samples(const char *path, struct source *s, struct err *e)
{
    struct csv c;
    if (csv_read(&c, path, e)) return -1;
    long column[LAW_PARAMS];
    int status = 0;
    for (int i = 0; i < s->law->n && !status; i++) {
        column[i] = csv_find(&c, s->law->param[i].name);
        /* Names differ by letter case only ("e", "E"): the header's own case wins over csv_find's.
         */
        for (size_t k = 0; k < c.columns && column[i] == CSV_TWICE; k++) {
            if (!strcmp(csv_header(&c, k), s->law->param[i].name)) column[i] = (long)k;
        }
        if (column[i] < 0)
            status =
                err_set(e, "%s: no column '%s' (%s)", path, s->law->param[i].name, s->law->formula);
    }
    s->draws = status ? NULL : calloc(c.rows, sizeof *s->draws);
    if (!status && !s->draws) status = err_memory(e, path);
    for (size_t r = 0; r < c.rows && !status; r++) {
        for (int i = 0; i < s->law->n && !status; i++)
            status = csv_number(&c, r, (size_t)column[i], &s->draws[r][i], e);
    }
    s->n = c.rows;
    snprintf(s->origin, sizeof s->origin, "%zu samples", c.rows);
    csv_close(&c);
    return status;
}

/* "covariance": [[...]] in the order of "names" (or of the law), natural parameters. */
static int read_covariance(const char *path, const json_t *fit, struct source *s, uint64_t seed,
                           struct err *e)
{
    const json_t *o = json_object_get(fit, "covariance");
    const json_t *m = json_is_object(o) ? json_object_get(o, "matrix") : o;
    const json_t *names = json_is_object(o) ? json_object_get(o, "names") : NULL;
    if (!m) return 0;
    size_t n = json_array_size(m);
    double cov[LAW_PARAMS * LAW_PARAMS] = {0};
    if (!n || (names && json_array_size(names) != n) || (!names && n != (size_t)s->law->n))
        return err_set(e, "%s: covariance: expected a matrix of the law's parameters", path);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(m, i);
        const char *a = json_string_value(json_array_get(names, i));
        int pi = names ? (a ? law_param_index(s->law, a) : -1) : (int)i;
        if (pi < 0 || json_array_size(row) != n)
            return err_set(e, "%s: covariance: row %zu is not one of the law's parameters", path,
                           i + 1);
        for (size_t j = 0; j < n; j++) {
            const char *b = json_string_value(json_array_get(names, j));
            int pj = names ? (b ? law_param_index(s->law, b) : -1) : (int)j;
            const json_t *v = json_array_get(row, j);
            if (json_is_null(v)) return 0; /* not known: no bands */
            if (pj < 0 || !json_is_number(v))
                return err_set(e, "%s: covariance: row %zu: expected numbers", path, i + 1);
            cov[pi * s->law->n + pj] = json_number_value(v);
        }
    }
    s->draws = calloc(DRAWS, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    s->n = DRAWS;
    snprintf(s->origin, sizeof s->origin, "%d draws from the covariance", DRAWS);
    return allocate_draw(s->law, s->params, cov, DRAWS, seed, s->draws, e)
               ? err_prefix(e, "%s", path)
               : 0;
}

/* "correlation": {NAME: {NAME: r}} of logarithms and exponents, with each parameter's interval: for
 * a positive one the width of its logarithm, else its standard error. */
static int read_correlation(const char *path, const json_t *fit, struct source *s, uint64_t seed,
                            struct err *e)
{
    const json_t *c = json_object_get(fit, "correlation"), *params = json_object_get(fit, "params");
    const json_t *level = json_object_get(fit, "level");
    double z = ols_t(json_is_number(level) ? json_number_value(level) : 0.95, 1e9);
    double sd[LAW_PARAMS], cov[LAW_PARAMS * LAW_PARAMS];
    int n = s->law->n;
    if (!json_is_object(c)) return 0;
    for (int i = 0; i < n; i++) {
        const json_t *p = json_object_get(params, s->law->param[i].name);
        const json_t *lo = json_object_get(p, "lo"), *hi = json_object_get(p, "hi"),
                     *se = json_object_get(p, "se");
        double l = json_is_number(lo) ? json_number_value(lo) : NAN;
        double h = json_is_number(hi) ? json_number_value(hi) : NAN;
        sd[i] = json_is_number(se) ? json_number_value(se) : NAN;
        if (s->law->param[i].map != MAP_PLAIN && l > 0 && h > l)
            sd[i] = s->params[i] * log(h / l) / (2 * z);
        if (!(sd[i] >= 0)) return 0; /* not known: no bands */
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            const json_t *r =
                json_object_get(json_object_get(c, s->law->param[i].name), s->law->param[j].name);
            double v = json_is_number(r) ? json_number_value(r) : i == j;
            if (!(fabs(v) <= 1.0001))
                return err_set(e, "%s: correlation: expected -1 to 1, found %g", path, v);
            cov[i * n + j] = v * sd[i] * sd[j];
        }
    }
    s->draws = calloc(DRAWS, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    s->n = DRAWS;
    snprintf(s->origin, sizeof s->origin, "%d draws from intervals and correlations", DRAWS);
    return allocate_draw(s->law, s->params, cov, DRAWS, seed, s->draws, e)
               ? err_prefix(e, "%s", path)
               : 0;
}

/* "bootstrap": {"samples": [[...] in the law's order, or {NAME: value}]} */
static int read_bootstrap(const char *path, const json_t *fit, struct source *s, struct err *e)
{
    const json_t *list = json_object_get(json_object_get(fit, "bootstrap"), "samples");
    size_t n = json_array_size(list);
    if (!n) return 0;
    s->draws = calloc(n, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i);
        for (int k = 0; k < s->law->n; k++) {
            const json_t *v = json_is_object(row) ? json_object_get(row, s->law->param[k].name)
                                                  : json_array_get(row, (size_t)k);
            if (!json_is_number(v))
                return err_set(e, "%s: bootstrap: sample %zu: no %s", path, i + 1,
                               s->law->param[k].name);
            s->draws[i][k] = json_number_value(v);
        }
    }
    s->n = n;
    snprintf(s->origin, sizeof s->origin, "%zu bootstrap resamples", n);
    return 0;
}

static int read_fit(const struct args *a, struct source *s, struct err *e)
{
    json_error_t where;
    json_t *o = json_load_file(a->fit, 0, &where);
    if (!o) {
        if (where.line < 0) return err_errno(e, "%s: cannot open", a->fit);
        return err_set(e, "%s: line %d: %s", a->fit, where.line, where.text);
    }
    const char *law = json_string_value(json_object_get(o, "law"));
    const json_t *params = json_object_get(o, "params");
    const char *verdict = json_string_value(json_object_get(o, "verdict"));
    int status = 0;
    snprintf(s->verdict, sizeof s->verdict, "%s", verdict ? verdict : "");
    if (!law || !json_is_object(params)) {
        status = err_set(e, "%s: not a fit of tripod: no \"law\" or no \"params\"", a->fit);
    } else {
        s->law = law_find(law, e);
        if (!s->law) status = err_prefix(e, "%s", a->fit);
    }
    for (int i = 0; !status && i < s->law->n; i++) {
        const json_t *v = json_object_get(json_object_get(params, s->law->param[i].name), "value");
        if (!json_is_number(v))
            status = err_set(e, "%s: params: %s has no value", a->fit, s->law->param[i].name);
        else
            s->params[i] = json_number_value(v);
    }
    if (!status && !a->samples) status = read_bootstrap(a->fit, o, s, e);
    if (!status && !a->samples && !s->n) status = read_covariance(a->fit, o, s, a->seed, e);
    if (!status && !a->samples && !s->n) status = read_correlation(a->fit, o, s, a->seed, e);
    json_decref(o);
    return status;
}

static int read_source(const struct args *a, struct source *s, struct err *e)
{
    if (a->fit) {
        if (read_fit(a, s, e)) return -1;
    } else if (a->preset) {
        for (size_t i = 0; i < n_allocate_presets && !s->law; i++) {
            const struct allocate_preset *p = &allocate_presets[i];
            if (strcmp(a->preset, p->name)) continue;
            s->law = law_find(p->law, e);
            if (!s->law) return -1;
            memcpy(s->params, p->params, sizeof p->params);
        }
        if (!s->law)
            return err_set(e,
                           "--preset: expected hoffmann, hoffmann-tex, epoch, epoch-bootstrap, "
                           "epoch-optimum or kaplan, found '%s'",
                           a->preset);
    } else {
        s->law = law_find(a->law, e);
        if (!s->law) return err_prefix(e, "--law");
        if (read_params(a->params, s, e)) return -1;
    }
    if (!allocate_can(s->law))
        return err_set(e, "%s: not a law of N and D: nothing to allocate", s->law->name);
    if (s->law->variables & LAW_U ? 0 : a->unique > 0)
        return err_set(e, "--unique: the law %s knows no repeated data", s->law->name);
    return a->samples ? read_samples(a->samples, s, e) : 0;
}

/* What is asked, for one parameter vector. */
struct question {
    enum { Q_BUDGET, Q_LOSS, Q_SIZE, Q_TOKENS, Q_PRICE } kind;
    double C, N, D, loss;
    bool grid;
    double g[3];
};

struct answer {
    struct allocation a;
    struct allocate_waste w; /* Q_PRICE */
};

static int answer(const struct allocate *p, const struct question *q, struct answer *r,
                  struct err *e)
{
    *r = (struct answer){0};
    r->a.around = NAN;
    switch (q->kind) {
    case Q_BUDGET:
        return q->grid ? allocate_grid(p, q->C, q->g[0], q->g[1], q->g[2], &r->a, e)
                       : allocate_optimum(p, q->C, &r->a, e);
    case Q_LOSS:
        return allocate_for_loss(p, q->loss, &r->a, e);
    case Q_SIZE:
        return allocate_for_size(p, q->N, &r->a, e);
    case Q_TOKENS:
        r->a.N = q->N;
        r->a.loss = q->loss;
        if (allocate_tokens(p, q->N, q->loss, &r->a.D, e)) return -1;
        r->a.C = (p->factor > 0 ? p->factor : 6) * q->N * r->a.D;
        return 0;
    case Q_PRICE:
        if (allocate_price(p, q->N, q->D, &r->w, e)) return -1;
        r->a = (struct allocation){
            .C = r->w.C, .N = q->N, .D = q->D, .loss = r->w.loss, .around = NAN};
        return 0;
    }
    return -1;
}

/* The numbers that get bands, in the order of the columns. */
enum {
    V_C,
    V_N,
    V_D,
    V_RATIO,
    V_LOSS,
    V_BEST_N,
    V_BEST_D,
    V_BEST_LOSS,
    V_EQUAL_C,
    V_WASTED,
    V_COUNT
};
static const char *const value_names[V_COUNT] = {
    "C", "N", "D", "D_per_N", "loss", "best_N", "best_D", "best_loss", "equal_C", "wasted"};

static void values(const struct answer *r, double v[V_COUNT])
{
    v[V_C] = r->a.C;
    v[V_N] = r->a.N;
    v[V_D] = r->a.D;
    v[V_RATIO] = r->a.D / r->a.N;
    v[V_LOSS] = r->a.loss;
    v[V_BEST_N] = r->w.best.N;
    v[V_BEST_D] = r->w.best.D;
    v[V_BEST_LOSS] = r->w.best.loss;
    v[V_EQUAL_C] = r->w.equal.C;
    v[V_WASTED] = r->w.wasted;
}

struct band {
    double lo[V_COUNT], hi[V_COUNT];
    size_t answered, asked;
};

static int bands(const struct source *s, const struct allocate *p, const struct question *q,
                 double level, struct band *b, struct err *e)
{
    *b = (struct band){.asked = s->n};
    if (!s->n) return 0;
    double *v = malloc(s->n * V_COUNT * sizeof *v);
    if (!v) return err_memory(e, NULL);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < s->n; i++) {
        struct err ignored;
        struct answer r;
        double one[V_COUNT];
        struct allocate sample = *p;
        sample.params = s->draws[i];
        bool ok = !answer(&sample, q, &r, &ignored);
        values(&r, one);
        for (int k = 0; k < V_COUNT; k++) v[(size_t)k * s->n + i] = ok ? one[k] : NAN;
    }
    for (int k = 0; k < V_COUNT; k++) {
        double *column = v + (size_t)k * s->n;
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++) {
            if (isfinite(column[i])) column[n++] = column[i];
        }
        if (k == V_C) b->answered = n;
        b->lo[k] = allocate_percentile(column, n, (1 - level) / 2);
        b->hi[k] = allocate_percentile(column, n, (1 + level) / 2);
    }
    free(v);
    return 0;
}

static bool asked_for(const struct question *q, int k)
{
    return (q->kind == Q_BUDGET && k == V_C) ||
           ((q->kind == Q_SIZE || q->kind == Q_TOKENS) && k == V_N) ||
           ((q->kind == Q_LOSS || q->kind == Q_TOKENS) && k == V_LOSS) ||
           (q->kind == Q_PRICE && k <= V_RATIO);
}

static void print_header(const struct source *s, const struct question *q)
{
    printf("# %s: %s;", s->law->name, s->law->formula);
    for (int i = 0; i < s->law->n; i++) printf(" %s %.9g", s->law->param[i].name, s->params[i]);
    printf("%s%s%s%s\n", s->n ? "; bands: " : "", s->origin,
           *s->verdict ? "; verdict of the fit: " : "", s->verdict);
    double a, b, G;
    if (law_optimum(s->law, s->params, &a, &b, &G))
        printf("# N* = G (C/k)^a, D* = (C/k)^b / G: a %.5f, b %.5f, G %.6g\n", a, b, G);
    int last = q->kind == Q_PRICE ? V_COUNT : V_LOSS + 1;
    for (int k = 0; k < last; k++) printf("%s%s", k ? "\t" : "", value_names[k]);
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS) printf("\tflat");
    for (int k = 0; k < last && s->n; k++)
        if (!asked_for(q, k)) printf("\t%s_lo\t%s_hi", value_names[k], value_names[k]);
    printf("\tmethod\n");
}

static const char *method(const struct question *q, const struct answer *r)
{
    if (q->grid) return "grid";
    return r->a.closed                                 ? "closed form"
           : q->kind == Q_TOKENS || q->kind == Q_PRICE ? "law"
                                                       : "numeric";
}

static void print_answer(const struct source *s, const struct question *q, const struct answer *r,
                         const struct band *b)
{
    double v[V_COUNT];
    values(r, v);
    int last = q->kind == Q_PRICE ? V_COUNT : V_LOSS + 1;
    for (int k = 0; k < last; k++) printf("%s%.7g", k ? "\t" : "", v[k]);
    if (q->kind != Q_PRICE && q->kind != Q_TOKENS) printf("\t%.3g", r->a.around);
    for (int k = 0; k < last && s->n; k++)
        if (!asked_for(q, k)) printf("\t%.5g\t%.5g", b->lo[k], b->hi[k]);
    printf("\t%s\n", method(q, r));
}

static json_t *answer_json(const struct source *s, const struct question *q, const struct answer *r,
                           const struct band *b)
{
    double v[V_COUNT];
    values(r, v);
    json_t *o = json_pack("{s:s}", "method", method(q, r));
    int last = q->kind == Q_PRICE ? V_COUNT : V_LOSS + 1;
    for (int k = 0; k < last; k++) {
        json_t *one = json_pack("{s:o}", "value", json_finite(v[k]));
        if (s->n && !asked_for(q, k)) {
            json_object_set_new(one, "lo", json_finite(b->lo[k]));
            json_object_set_new(one, "hi", json_finite(b->hi[k]));
        }
        json_object_set_new(o, value_names[k], one);
    }
    if (isfinite(r->a.around)) json_object_set_new(o, "flat", json_real(r->a.around));
    if (s->n)
        json_object_set_new(o, "samples_without_answer",
                            json_integer((json_int_t)(b->asked - b->answered)));
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

/* The optimum, among the budgets, nearest to a size. */
static int closest(const struct allocate *p, struct question *q, const double *budgets, size_t n,
                   double wanted, struct err *e)
{
    double best = INFINITY, at = budgets[0];
    for (size_t i = 0; i < n; i++) {
        struct answer r;
        q->C = budgets[i];
        if (answer(p, q, &r, e)) return -1;
        if (fabs(r.a.N - wanted) >= best) continue;
        best = fabs(r.a.N - wanted);
        at = budgets[i];
    }
    q->C = at;
    return 0;
}

static int line(const struct args *a, struct err *e)
{
    double *x = NULL, *y = NULL;
    size_t n = 9;
    struct csv c = {0};
    int status = 0,
        table = strcmp(a->line, "approach1") ? strcmp(a->line, "approach2") ? -1 : 1 : 0;
    long cn = 0, cd = 0;
    if (table < 0) {
        if (csv_read(&c, a->line, e)) return -1;
        n = c.rows;
        cn = csv_find(&c, "N");
        cd = csv_find(&c, "D");
        if (cn < 0 || cd < 0) status = err_set(e, "%s: expected columns N and D", a->line);
    }
    x = malloc(2 * (n + 1) * sizeof *x);
    if (!status && !x) status = err_memory(e, NULL);
    y = x ? x + n : NULL;
    for (size_t i = 0; i < n && !status; i++) {
        double N, D;
        if (table >= 0) {
            N = allocate_table[table][i][0];
            D = allocate_table[table][i][1];
        } else {
            status = csv_number(&c, i, (size_t)cn, &N, e) || csv_number(&c, i, (size_t)cd, &D, e)
                         ? -1
                         : 0;
            if (!status && !(N > 0 && D > 0))
                status = csv_err(&c, i, (size_t)(N > 0 ? cd : cn), e, "expected a positive number");
        }
        if (status) break;
        x[i] = log10(N);
        y[i] = log10(D);
    }
    struct ols_line l;
    if (!status && !ols_line(x, y, n, a->level, &l))
        status = err_set(e, "%s: a line needs two different sizes", a->line);
    free(x);
    csv_close(&c);
    if (status) return -1;
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

static int ask(const struct args *a, const struct source *s, const struct allocate *p,
               struct question *q, const double *budgets, size_t n, struct err *e)
{
    json_t *list = json_array();
    int status = 0;
    struct answer *answers = calloc(n, sizeof *answers);
    struct band *b = calloc(n, sizeof *b);
    if (!answers || !b) status = err_memory(e, NULL);
    /* All answers before the first line: a failure prints nothing. */
    for (size_t i = 0; i < n && !status; i++) {
        if (budgets) q->C = budgets[i];
        status = answer(p, q, &answers[i], e);
        if (!status) status = bands(s, p, q, a->level, &b[i], e);
    }
    if (!status && !a->common.json) print_header(s, q);
    for (size_t i = 0; i < n && !status; i++) {
        if (a->common.json)
            json_array_append_new(list, answer_json(s, q, &answers[i], &b[i]));
        else
            print_answer(s, q, &answers[i], &b[i]);
        if (!a->common.json && b[i].answered < b[i].asked)
            fprintf(
                stderr,
                "tripod allocate: %zu of %zu samples have no answer; the bands leave them out\n",
                b[i].asked - b[i].answered, b[i].asked);
    }
    free(answers);
    free(b);
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
    struct source s = {0};
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
            status = closest(&p, &q, budgets, n, a.closest, e);
            budgets[0] = q.C;
            n = 1;
        }
    }
    if (!status) status = ask(&a, &s, &p, &q, budgets, n, e);
    free(budgets);
    free(s.draws);
    return status;
}

const struct command cmd_allocate = {
    .name = "allocate",
    .summary = "compute-optimal N and D for budgets, with bands; the reverse questions",
    .argp = &argp,
    .run_line = run};
