/* cmd_epoch.c - `tripod epoch`: Epoch's table of published scaling laws, listed, filtered,
 * evaluated, and the scatter of their exponents.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/epoch.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/report/plot.h"
#include "src/report/report_epoch.h"

struct args {
    struct cli_common common;
    const char *file, *at, *plot;
    struct texts where;
    bool scatter, logarithmic;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_PLAIN(file, "scaling-laws.csv"),
    OPTION_HEADING("Laws:"),
    OPTION_TEXTS(
        "where", 0, "COLUMN=TEXT", where,
        "Only rows whose cell is TEXT; ~ holds TEXT, < and > compare numbers; all given must hold"),
    OPTION_TEXT("at", 0, "LIST", at, "Evaluate each law, e.g. N=1e9,D=2e10,C=1.2e20,S=1e5"),
    OPTION_HEADING("Exponents:"),
    OPTION_FLAG("scatter", 0, scatter,
                "The (alpha_N, alpha_D) pairs instead, with the theory's alpha_D"),
    OPTION_TEXT("plot", 0, "FILE", plot,
                "Draw that scatter (.png, .svg, .pdf; data and script beside it)"),
    OPTION_FLAG("log", 0, logarithmic, "With --plot, logarithmic axes"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.file = NULL};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (a->logarithmic && !a->plot) return err_set(e, "--log needs --plot");
    return a->at && (a->scatter || a->plot)
               ? err_set(e, "--at evaluates laws, --scatter lists exponents")
               : 0;
}

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
        else if (!isnan(*target))
            status = err_set(e, "--at: %c is given twice", *item);
        else
            status = parse_real(item + 2, "--at", target, e);
        if (!status && !(*target > 0))
            status = err_set(e, "--at: expected positive numbers, found '%s'", item);
    }
    free(copy);
    return status;
}

/* The rows that every --where lets through. Errors: there is none. */
static int choose(const struct args *a, const struct epoch *t, bool *keep, struct err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        keep[i] = true;
        for (size_t k = 0; k < a->where.n; k++) {
            bool matches = false;
            if (epoch_match(&t->row[i], a->where.item[k], &matches, e)) return -1;
            keep[i] &= matches;
        }
        kept += keep[i];
    }
    return kept ? 0 : err_set(e, "%s: no row matches", a->file);
}

static int write(const struct args *a, const struct sheet *s, const char *key, json_t *list,
                 struct err *e)
{
    return cli_write(&a->common, s,
                     json_pack("{s:o, s:o}", key, list, "provenance", provenance_json()), e);
}

static int scatter(const struct args *a, const struct epoch *t, const bool *keep, struct sheet *s,
                   struct err *e)
{
    struct epoch_pair *pairs = calloc(t->n, sizeof *pairs);
    if (!pairs) return err_memory(e, a->file);
    size_t all = epoch_pairs(t, pairs), n = 0;
    for (size_t i = 0; i < all; i++) {
        if (keep[pairs[i].n_row] && keep[pairs[i].d_row]) pairs[n++] = pairs[i];
    }
    bool drawn = true;
    int status = n ? 0 : err_set(e, "%s: no row has both exponents", a->file);
    if (!status && a->plot) status = epoch_plot(a->plot, t, pairs, n, a->logarithmic, &drawn, e);
    if (!status) {
        if (a->plot) plot_note(a->plot, drawn, stderr);
        epoch_pairs_sheet(s, t, pairs, n);
        status = write(a, s, "pairs", epoch_pairs_json(t, pairs, n), e);
    }
    free(pairs);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct epoch t;
    struct epoch_at point, *at = a->at ? &point : NULL;
    if (read_at(a->at, &point, e) || epoch_read(&t, a->file, e)) return -1;
    struct sheet *s = sheet_open();
    bool *keep = calloc(t.n, sizeof *keep);
    int status = keep ? choose(a, &t, keep, e) : err_memory(e, a->file);
    if (!status && (a->scatter || a->plot)) {
        status = scatter(a, &t, keep, s, e);
    } else if (!status) {
        epoch_rows_sheet(s, &t, keep, at);
        status = write(a, s, "rows", epoch_rows_json(&t, keep, at), e);
    }
    sheet_free(s);
    free(keep);
    epoch_close(&t);
    return status;
}

const struct command cmd_epoch = {
    .name = "epoch",
    .summary = "Epoch's table of published scaling laws: list, filter, evaluate, scatter",
    .text = "Reads Epoch's table of published scaling laws: lists, filters and evaluates them, and "
            "draws the exponents of parameters and data against the theory of Michaud et al., "
            "alpha_D = alpha_N / (1 + alpha_N).",
    .more = "Examples:\n"
            "  tripod epoch scaling-laws.csv --where 'paper~language models'\n"
            "  tripod epoch scaling-laws.csv --at N=1e9,D=2e10 --where 'dep=loss'\n"
            "  tripod epoch scaling-laws.csv --plot figure18.png\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
