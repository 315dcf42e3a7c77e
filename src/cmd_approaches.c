/* cmd_approaches.c - the sub-commands of `tripod fit` that are no single law: isoflop (Approach 2),
 * envelope (Approach 1), approaches (1, 2 and 3 side by side), bias (the error of Approach 2 by
 * design) and laws (the list).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "fit/approaches.h"
#include "fit/bias.h"
#include "src/base/num.h"
#include "src/cli.h"
#include "src/cmd_points.h"
#include "src/commands.h"
#include "src/plot/draw.h"
#include "src/report/plot.h"
#include "src/report/report_approaches.h"
#include "src/report/report_fit.h"

struct args {
    struct cli_common common;
    struct cmd_points points;
    const char *file, *surface, *plot;
    struct reals budgets;
    struct isoflop_options isoflop;
    struct envelope_options envelope;
    double level, span;
    size_t resamples, design;
    uint64_t seed;
    bool keep;
};
#define ARGS struct args

static const struct args defaults = {.isoflop = {.tolerance = 0.05},
                                     .envelope = {.budgets = 1500},
                                     .level = 0.95,
                                     .span = 16,
                                     .resamples = 1000,
                                     .design = 15,
                                     .seed = 1};

static int take_reject(void *args, const char *value, struct err *e)
{
    struct isoflop_options *o = &((struct args *)args)->isoflop;
    o->reject = ISOFLOP_REJECT_EXACT;
    if (!strcmp(value, "none"))
        o->reject = ISOFLOP_REJECT_NONE;
    else if (!strcmp(value, "mad"))
        o->reject = ISOFLOP_REJECT_MAD;
    else if (strncmp(value, "exact", 5) || (value[5] && value[5] != ':'))
        return err_set(e, "--reject: expected exact, exact:P, mad or none, found '%s'", value);
    else if (value[5])
        return parse_real_in(value + 6, "--reject exact", 1e-12, 0.5, &o->reject_level, e);
    return 0;
}

#define READING                                                                                    \
    OPTION_PLAIN(file, "FILE"), OPTION_GROUP(cmd_points_columns, points),                          \
        OPTION_GROUP(cmd_points_rows, points)
#define MINIMA                                                                                     \
    OPTION_CALL("reject", 0, "RULE", take_reject,                                                  \
                "exact[:P]: the points whose leaving is least explained by chance, of all "        \
                "subsets; mad: RANSAC's rule over all subsets of 4; none (default: exact:0.01)"),  \
        OPTION_REAL("tolerance", 0, "SHARE", isoflop.tolerance, 1e-9, 10,                          \
                    "Budgets closer than this are one")
#define CURVES                                                                                     \
    OPTION_SIZE("envelope-budgets", 0, "N", envelope.budgets, 10, 1000000,                         \
                "Budgets to compare at, even in ln C")
#define LEVEL OPTION_REAL("level", 0, "P", level, 0.01, 0.9999, "Of the intervals")

/* Rows: Approach 2 wants the last step of each run, the envelope every one. */
static int read_rows(const struct args *a, const struct csv *c, bool last, struct points *p,
                     struct err *e)
{
    const unsigned need = 1u << POINTS_N | 1u << POINTS_D | 1u << POINTS_C;
    return cmd_points_read(p, &a->points, c, need, last, e);
}

static int read_file(const struct args *a, bool last, struct points *p, struct err *e)
{
    struct csv c;
    if (csv_read(&c, a->file, e)) return -1;
    int status = read_rows(a, &c, last, p, e);
    csv_close(&c);
    return status;
}

static int read_surface(const char *text, struct approaches_surface *s, struct err *e)
{
    char end;
    *s = (struct approaches_surface){.kind = SURFACE_FIT};
    if (!text || !strcmp(text, "fit")) return 0;
    s->kind = strcmp(text, "none") ? SURFACE_GIVEN : SURFACE_NONE;
    if (s->kind == SURFACE_NONE) return 0;
    if (sscanf(text, "%lf,%lf%c", &s->alpha, &s->beta, &end) != 2 ||
        !(s->alpha > 0 && s->beta > 0) || !(s->alpha < 20 && s->beta < 20))
        return err_set(
            e, "--surface: expected fit, none or ALPHA,BETA such as 0.34,0.28, found '%s'", text);
    return 0;
}

/* --- isoflop --- */

static const struct option_row isoflop_rows[] = {
    READING,
    OPTION_HEADING("Minima:"),
    MINIMA,
    OPTION_FLAG("keep", 0, isoflop.keep, "Use weak minima and those outside the sizes tried"),
    OPTION_TEXT("surface", 0, "WHICH", surface,
                "Exponents for the bias of the parabolas: fit (Chinchilla's law through the same "
                "rows), ALPHA,BETA, or none (default: fit)"),
    OPTION_HEADING("Results:"),
    LEVEL,
    OPTION_TEXT("plot", 0, "FILE", plot, "Draw losses, parabolas and minima (.png, .svg, .pdf)"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int run_isoflop(void *args, struct err *e)
{
    struct args *a = args;
    struct points p;
    struct isoflop f = {0};
    struct approaches_surface surface;
    struct approaches_correction c = {.known = false};
    bool drawn = true;
    cli_use_threads(a->common.threads);
    a->isoflop.level = a->level;
    if (read_surface(a->surface, &surface, e) || read_file(a, true, &p, e)) return -1;
    struct sheet *s = sheet_open();
    int status = approaches_isoflop(&p, &a->isoflop, &surface, &f, &c, e);
    if (!status && a->plot) status = draw_isoflop(a->plot, &f, &p, &c, &drawn, e);
    if (!status) status = cli_write(&a->common, s, isoflop_report(s, &p, &f, &c), e);
    if (!status) plot_note(a->plot ? a->plot : "", drawn, stderr);
    isoflop_corrected_free(&c.c);
    isoflop_free(&f);
    points_close(&p);
    sheet_free(s);
    return status;
}

const struct command cmd_fit_isoflop = {
    .name = "fit isoflop",
    .summary = "Approach 2: a parabola per budget",
    .text = "Hoffmann et al.'s Approach 2: a parabola of loss against ln N per compute budget, its "
            "minimum, and the power laws of the minima, as they are and corrected for the bias of "
            "parabolas.",
    .more = "Examples:\n"
            "  tripod fit isoflop runs.csv --plot isoflop.png\n"
            "  tripod fit isoflop runs.csv --where 'loss<2' --reject mad\n",
    .options = isoflop_rows,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run_isoflop,
};

/* --- envelope --- */

static const struct option_row envelope_rows[] = {
    READING,
    OPTION_HEADING("Envelope:"),
    CURVES,
    OPTION_FLAG("keep", 0, envelope.keep_edges,
                "As published: also budgets won by the smallest or the largest size"),
    OPTION_HEADING("Results:"),
    LEVEL,
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int run_envelope(void *args, struct err *e)
{
    struct args *a = args;
    struct points p;
    struct envelope f = {0};
    cli_use_threads(a->common.threads);
    a->envelope.level = a->level;
    if (read_file(a, false, &p, e)) return -1;
    struct sheet *s = sheet_open();
    int status = approaches_envelope(&p, &a->envelope, &f, e);
    if (status)
        err_prefix(e, "%s", p.path);
    else
        status = cli_write(&a->common, s, envelope_report(s, &p, &f), e);
    envelope_free(&f);
    points_close(&p);
    sheet_free(s);
    return status;
}

const struct command cmd_fit_envelope = {
    .name = "fit envelope",
    .summary = "Approach 1: the best curve at each budget",
    .text = "Hoffmann et al.'s Approach 1: which run's training curve is lowest at each compute "
            "budget, and the power laws of the sizes that win.",
    .more = "Example:\n  tripod fit envelope curves.csv --run name\n",
    .options = envelope_rows,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run_envelope,
};

/* --- approaches --- */

static const struct option_row approaches_rows[] = {
    READING,
    OPTION_HEADING("Approaches 1 and 2:"),
    MINIMA,
    CURVES,
    OPTION_FLAG("keep", 0, keep,
                "Use weak minima and those outside the sizes tried; of the envelope, edges too"),
    OPTION_HEADING("Results:"),
    OPTION_REALS("budget", 0, "C,...", budgets, "N* and D* of each approach there"),
    LEVEL,
    OPTION_SIZE("bootstrap", 0, "N", resamples, 20, 10000000, "Resamples for Approach 3"),
    CLI_SEED(seed, "Of the resamples"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static int run_approaches(void *args, struct err *e)
{
    const struct args *a = args;
    struct approaches_options o = {.envelope = a->envelope,
                                   .isoflop = a->isoflop,
                                   .level = a->level,
                                   .resamples = a->resamples,
                                   .seed = a->seed,
                                   .budgets = a->budgets.value,
                                   .n_budgets = a->budgets.n};
    struct csv c;
    struct points every, last = {0};
    struct approaches r = {0};
    o.isoflop.level = o.envelope.level = a->level;
    o.isoflop.keep = o.envelope.keep_edges = a->keep;
    cli_use_threads(a->common.threads);
    if (csv_read(&c, a->file, e)) return -1;
    int status = read_rows(a, &c, false, &every, e);
    if (!status) {
        struct sheet *s = sheet_open();
        status = read_rows(a, &c, true, &last, e);
        if (!status) status = approaches_fit(&r, &every, &last, &o, e);
        if (!status) status = cli_write(&a->common, s, approaches_report(s, &last, &r, &o), e);
        approaches_free(&r);
        points_close(&every);
        points_close(&last);
        sheet_free(s);
    }
    csv_close(&c);
    return status;
}

const struct command cmd_fit_approaches = {
    .name = "fit approaches",
    .summary = "Approaches 1, 2 and 3 side by side",
    .text = "Hoffmann et al.'s three ways to compute-optimal N and D from the same rows: the "
            "envelope of training curves, isoFLOP parabolas (as they are and corrected for their "
            "bias), the parametric law.",
    .more = "Example:\n  tripod fit approaches runs.csv --drop-highest 5 --budget 5.76e23\n",
    .options = approaches_rows,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run_approaches,
};

/* --- bias --- */

static const struct option_row bias_rows[] = {
    OPTION_TEXT("surface", 0, "ALPHA,BETA", surface, "Exponents of the surface"),
    OPTION_REAL("span", 0, "FACTOR", span, 1.0001, 1e6,
                "Sizes from N* / FACTOR to N* x FACTOR, even in ln N"),
    OPTION_SIZE("points", 0, "N", design, 3, 100000, "How many"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

/* What a design of sizes even in ln N does to Approach 2, before any run is made. */
static int run_bias(void *args, struct err *e)
{
    const struct args *a = args;
    struct approaches_surface at;
    if (!a->surface) return err_set(e, "bias: --surface ALPHA,BETA is missing");
    if (read_surface(a->surface, &at, e)) return -1;
    if (at.kind != SURFACE_GIVEN)
        return err_set(e, "bias: --surface: expected ALPHA,BETA, found '%s'", a->surface);
    struct sheet *s = sheet_open();
    double v = bias_even(at.alpha, at.beta, a->span, a->design);
    int status = cli_write(&a->common, s, bias_report(s, &at, a->span, a->design, v), e);
    sheet_free(s);
    return status;
}

const struct command cmd_fit_bias = {
    .name = "fit bias",
    .summary = "the error of Approach 2 by design",
    .text = "How far a parabola's minimum lies from the optimum of a surface with two exponents, "
            "for a design of sizes, before any run is made.",
    .more = "Example:\n  tripod fit bias --surface 0.34,0.28 --span 16 --points 15\n",
    .options = bias_rows,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run_bias,
};

/* --- laws --- */

static const struct option_row laws_rows[] = {
    OPTION_GROUP(cli_output_options, common),
    OPTION_END,
};

static int run_laws(void *args, struct err *e)
{
    const struct args *a = args;
    struct sheet *s = sheet_open();
    int status = cli_write(&a->common, s, laws_report(s), e);
    sheet_free(s);
    return status;
}

const struct command cmd_fit_laws = {
    .name = "fit laws",
    .summary = "the laws, their formulas and sources",
    .text = "Lists the scaling laws that tripod fit knows, what their parameters mean and where "
            "they come from.",
    .options = laws_rows,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run_laws,
};
