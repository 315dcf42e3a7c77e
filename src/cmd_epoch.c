/* cmd_epoch.c - `tripod epoch`: Epoch's table of published scaling laws, listed, filtered,
 * evaluated, and the scatter of their exponents.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/epoch.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/report/plot.h"

#define MOST_CONDITIONS 32

struct args {
    struct cli_common common;
    const char *file, *at, *plot;
    const char *where[MOST_CONDITIONS];
    size_t n_where;
    bool scatter, logarithmic;
};

enum { KEY_WHERE = 0x4001, KEY_AT, KEY_SCATTER, KEY_PLOT, KEY_LOG };

static const struct argp_option options[] = {
    {"where", KEY_WHERE, "COLUMN=TEXT", 0,
     "Only rows whose cell is TEXT; ~ holds TEXT, < and > compare numbers; all given must hold", 1},
    {"at", KEY_AT, "LIST", 0, "Evaluate each law, e.g. N=1e9,D=2e10,C=1.2e20,S=1e5", 1},
    {"scatter", KEY_SCATTER, 0, 0,
     "The (alpha_N, alpha_D) pairs instead, with the theory's alpha_D", 2},
    {"plot", KEY_PLOT, "FILE", 0, "Draw that scatter (.png, .svg, .pdf; data and script beside it)",
     2},
    {"log", KEY_LOG, 0, 0, "with logarithmic axes", 2},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case KEY_WHERE:
        if (a->n_where == MOST_CONDITIONS) cli_misuse(state, "at most %d --where", MOST_CONDITIONS);
        a->where[a->n_where++] = arg;
        return 0;
    case KEY_AT:
        a->at = arg;
        return 0;
    case KEY_SCATTER:
        a->scatter = true;
        return 0;
    case KEY_PLOT:
        a->plot = arg;
        return 0;
    case KEY_LOG:
        a->logarithmic = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->file) cli_misuse(state, "one table only, found '%s' too", arg);
        a->file = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->file) cli_misuse(state, "give the table, scaling-laws.csv");
        if (a->at && (a->scatter || a->plot))
            cli_misuse(state, "--at evaluates laws, --scatter lists exponents");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 90}, {0}};
static const struct argp argp = {
    options,
    parse,
    "scaling-laws.csv",
    "Reads Epoch's table of published scaling laws: lists, filters and evaluates them, and draws "
    "the "
    "exponents of parameters and data against the theory of Michaud et al., alpha_D = alpha_N / (1 "
    "+ "
    "alpha_N).\v"
    "Examples:\n"
    "  tripod epoch scaling-laws.csv --where 'paper~language models'\n"
    "  tripod epoch scaling-laws.csv --at N=1e9,D=2e10 --where 'dep=loss'\n"
    "  tripod epoch scaling-laws.csv --plot figure18.png\n",
    children,
    NULL,
    NULL};

static int read_at(const char *list, struct epoch_at *at, struct err *e)
{
    *at = (struct epoch_at){NAN, NAN, NAN, NAN};
    if (!list) return 0;
    char *copy = strdup(list), *save = NULL;
    int status = copy ? 0 : err_memory(e, NULL);
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !status;
         item = strtok_r(NULL, ",", &save)) {
        double *target = *item == 'N'   ? &at->N
                         : *item == 'D' ? &at->D
                         : *item == 'C' ? &at->C
                         : *item == 'S' ? &at->S
                                        : NULL;
        if (!target || item[1] != '=')
            status = err_set(e, "--at: expected N=, D=, C= or S=, found '%s'", item);
        else
            status = parse_real(item + 2, "--at", target, e);
        if (!status && !(*target > 0))
            status = err_set(e, "--at: expected positive numbers, found '%s'", item);
    }
    free(copy);
    return status;
}

/* Inside the ranges the law was fitted on? Only what both the point and the row name. */
static bool extrapolates(const struct epoch_row *r, const struct epoch_at *at)
{
    const double given[3] = {at->C, at->D, at->N};
    const int lo[3] = {EPOCH_COMPUTE_LO, EPOCH_DATA_LO, EPOCH_SIZE_LO};
    for (int k = 0; k < 3; k++) {
        if (given[k] < r->number[lo[k]] || given[k] > r->number[lo[k] + 1]) return true;
    }
    return false;
}

static void number(double v)
{
    if (isfinite(v)) printf("%.6g", v);
    putchar('\t');
}

static void print_row(size_t i, const struct epoch_row *r, const struct args *a,
                      const struct epoch_at *at)
{
    printf("%zu\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", i, r->text[EPOCH_PAPER], r->text[EPOCH_DATE],
           r->text[EPOCH_CATEGORY], r->text[EPOCH_TASK], r->text[EPOCH_DEPENDENT],
           r->text[EPOCH_VARIABLE_1], r->text[EPOCH_VARIABLE_2], r->text[EPOCH_FORM]);
    number(r->number[EPOCH_EXPONENT_1]);
    number(r->number[EPOCH_EXPONENT_2]);
    number(r->number[EPOCH_IRREDUCIBLE]);
    for (size_t k = 0; k < r->params; k++)
        printf("%s%s=%.6g", k ? " " : "", r->param[k].name, r->param[k].value);
    putchar('\t');
    for (int k = EPOCH_COMPUTE_LO; k <= EPOCH_DATA_HI; k++) number(r->number[k]);
    printf("%s\t", r->text[EPOCH_DATA_UNIT]);
    number(r->number[EPOCH_SIZE_LO]);
    if (isfinite(r->number[EPOCH_SIZE_HI])) printf("%.6g", r->number[EPOCH_SIZE_HI]);
    if (a->at) {
        const char *note;
        double v = epoch_value(r, at, &note);
        printf("\t");
        number(v);
        printf("%s%s", note ? note : "",
               isfinite(v) && extrapolates(r, at) ? note ? "; extrapolated" : "extrapolated" : "");
    }
    putchar('\n');
}

static json_t *row_json(size_t i, const struct epoch_row *r, const struct args *a,
                        const struct epoch_at *at)
{
    json_t *params = json_object();
    for (size_t k = 0; k < r->params; k++)
        json_object_set_new(params, r->param[k].name, json_real(r->param[k].value));
    json_t *o = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:[o,o], s:[o,o], "
        "s:s, s:[o,o]}",
        "row", (json_int_t)i, "paper", r->text[EPOCH_PAPER], "date", r->text[EPOCH_DATE],
        "category", r->text[EPOCH_CATEGORY], "task", r->text[EPOCH_TASK], "dependent",
        r->text[EPOCH_DEPENDENT], "variable_1", r->text[EPOCH_VARIABLE_1], "variable_2",
        r->text[EPOCH_VARIABLE_2], "form", r->text[EPOCH_FORM], "exponent_1",
        json_finite(r->number[EPOCH_EXPONENT_1]), "exponent_2",
        json_finite(r->number[EPOCH_EXPONENT_2]), "irreducible",
        json_finite(r->number[EPOCH_IRREDUCIBLE]), "params", params, "compute",
        json_finite(r->number[EPOCH_COMPUTE_LO]), json_finite(r->number[EPOCH_COMPUTE_HI]), "data",
        json_finite(r->number[EPOCH_DATA_LO]), json_finite(r->number[EPOCH_DATA_HI]), "data_unit",
        r->text[EPOCH_DATA_UNIT], "size", json_finite(r->number[EPOCH_SIZE_LO]),
        json_finite(r->number[EPOCH_SIZE_HI]));
    if (o && a->at) {
        const char *note;
        double v = epoch_value(r, at, &note);
        json_object_set_new(o, "value", json_finite(v));
        json_object_set_new(o, "note", note ? json_string(note) : json_null());
        json_object_set_new(o, "extrapolated", json_boolean(extrapolates(r, at)));
    }
    return o;
}

#define CURVE 1000

/* Figure 18: one series per paper, and the two theory curves. */
static int draw(const struct args *a, const struct epoch *t, const struct epoch_pair *pairs,
                size_t n, struct err *e)
{
    static double cx[CURVE], theory[CURVE];
    struct plot_series *s = calloc(n + 2, sizeof *s);
    double *x = calloc(2 * n + 1, sizeof *x), *y = x ? x + n : NULL;
    size_t series = 2;
    bool drawn;
    if (!s || !x) {
        free(s);
        free(x);
        return err_memory(e, a->plot);
    }
    for (size_t i = 0; i < CURVE; i++) {
        cx[i] = 1.2 * (double)i / (CURVE - 1);
        theory[i] = cx[i] / (1 + cx[i]);
    }
    s[0] = (struct plot_series){.name = "α_D = α_N / (1 + α_N)",
                                .x = cx,
                                .y = theory,
                                .n = CURVE,
                                .style = PLOT_LINE,
                                .color = "#000000"};
    s[1] = (struct plot_series){.name = "α_D = α_N",
                                .x = cx,
                                .y = cx,
                                .n = CURVE,
                                .style = PLOT_DASHED,
                                .color = "#888888"};
    for (size_t i = 0; i < n; i++) {
        const char *paper = t->row[pairs[i].n_row].text[EPOCH_PAPER];
        x[i] = pairs[i].alpha_n;
        y[i] = pairs[i].alpha_d;
        if (i && !strcmp(paper, t->row[pairs[i - 1].n_row].text[EPOCH_PAPER])) {
            s[series - 1].n++;
            continue;
        }
        s[series++] = (struct plot_series){
            .name = epoch_authors(paper), .x = x + i, .y = y + i, .n = 1, .style = PLOT_POINTS};
    }
    struct plot p = {.title = "Exponents of parameters and of data",
                     .xlabel = "α_N",
                     .ylabel = "α_D",
                     .xlog = a->logarithmic,
                     .ylog = a->logarithmic,
                     .x_range = {0.01, 1.2},
                     .y_range = {0.01, 1.2},
                     .key = "outside right top",
                     .width = 920,
                     .height = 640,
                     .series = s,
                     .n = series};
    int status = plot_write(&p, a->plot, &drawn, e);
    if (!status) plot_note(a->plot, drawn, stderr);
    free(s);
    free(x);
    return status;
}

static int scatter(const struct args *a, const struct epoch *t, const bool *keep, struct err *e)
{
    struct epoch_pair *pairs = calloc(t->n, sizeof *pairs);
    if (!pairs) return err_memory(e, a->file);
    size_t all = epoch_pairs(t, pairs), n = 0;
    for (size_t i = 0; i < all; i++) {
        if (keep[pairs[i].n_row] && keep[pairs[i].d_row]) pairs[n++] = pairs[i];
    }
    int status = n ? 0 : err_set(e, "%s: no row has both exponents", a->file);
    if (!status && a->plot) status = draw(a, t, pairs, n, e);
    json_t *list = json_array();
    if (!status && !a->common.json)
        puts("rows\tpaper\ttask\talpha_N\talpha_D\ttheory_alpha_D\tin_figure");
    for (size_t i = 0; i < n && !status; i++) {
        const struct epoch_pair *p = &pairs[i];
        const struct epoch_row *r = &t->row[p->n_row];
        double theory = p->alpha_n / (1 + p->alpha_n);
        bool inside = p->alpha_n <= 1.2 && p->alpha_d <= 1.2;
        if (a->common.json) {
            json_array_append_new(list,
                                  json_pack("{s:[I,I], s:s, s:s, s:f, s:f, s:f, s:b}", "rows",
                                            (json_int_t)p->n_row, (json_int_t)p->d_row, "paper",
                                            r->text[EPOCH_PAPER], "task", r->text[EPOCH_TASK],
                                            "alpha_N", p->alpha_n, "alpha_D", p->alpha_d,
                                            "theory_alpha_D", theory, "in_figure", inside));
            continue;
        }
        printf("%zu", p->n_row);
        if (p->d_row != p->n_row) printf("+%zu", p->d_row);
        printf("\t%s\t%s\t%g\t%g\t%.4f\t%s\n", epoch_authors(r->text[EPOCH_PAPER]),
               r->text[EPOCH_DETAILS], p->alpha_n, p->alpha_d, theory, inside ? "yes" : "no");
    }
    if (!status)
        status = cli_write_json(
            &a->common, json_pack("{s:O, s:o}", "pairs", list, "provenance", provenance_json()), e);
    json_decref(list);
    free(pairs);
    return status;
}

static int list_rows(const struct args *a, const struct epoch *t, const bool *keep,
                     const struct epoch_at *at, struct err *e)
{
    json_t *list = json_array();
    if (!a->common.json)
        printf("row\tpaper\tdate\tcategory\ttask\tdependent\tvariable_1\tvariable_"
               "2\tform\texponent_1\t"
               "exponent_2\tirreducible\tparameters\tC_lo\tC_hi\tdata_lo\tdata_hi\tdata_unit\tN_"
               "lo\tN_hi%s\n",
               a->at ? "\tvalue\tnote" : "");
    for (size_t i = 0; i < t->n; i++) {
        if (!keep[i]) continue;
        if (a->common.json)
            json_array_append_new(list, row_json(i, &t->row[i], a, at));
        else
            print_row(i, &t->row[i], a, at);
    }
    int status = cli_write_json(
        &a->common, json_pack("{s:O, s:o}", "rows", list, "provenance", provenance_json()), e);
    json_decref(list);
    return status;
}

static int run(int argc, char **argv, struct err *e)
{
    struct args a = {0};
    struct epoch t;
    struct epoch_at at;
    cli_parse(&cmd_epoch, argc, argv, &a);
    if (read_at(a.at, &at, e) || epoch_read(&t, a.file, e)) return -1;
    bool *keep = calloc(t.n, sizeof *keep);
    int status = keep ? 0 : err_memory(e, a.file);
    size_t kept = 0;
    for (size_t i = 0; i < t.n && !status; i++) {
        keep[i] = true;
        for (size_t k = 0; k < a.n_where && !status; k++) {
            bool matches = false;
            status = epoch_match(&t.row[i], a.where[k], &matches, e);
            keep[i] &= matches;
        }
        kept += keep[i];
    }
    if (!status && !kept) status = err_set(e, "%s: no row matches", a.file);
    if (!status)
        status = a.scatter || a.plot ? scatter(&a, &t, keep, e) : list_rows(&a, &t, keep, &at, e);
    free(keep);
    epoch_close(&t);
    return status;
}

const struct command cmd_epoch = {
    .name = "epoch",
    .summary = "Epoch's table of published scaling laws: list, filter, evaluate, scatter",
    .argp = &argp,
    .run_line = run};
