/* cmd_quanta_theory.c - `tripod quanta theory`: the quantization model in numbers; the work is
 * src/quanta/theory.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/theory.h"

struct args {
    struct cli_common common;
    double alpha;
    struct reals n, samples;
    size_t quanta, runs, needed, seed;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_REAL("alpha", 0, "A", alpha, 1e-3, 100,
                "Quantum k is needed with probability ~ k^-(A + 1)"),
    OPTION_HEADING("Sums:"),
    OPTION_REALS("n", 0, "N,...", n, "Quanta learned (default: 1,10,100,1000,10000,100000)"),
    OPTION_HEADING("Draws:"),
    OPTION_REALS("samples", 'D', "D,...", samples,
                 "Samples drawn (default: 1e3,1e4,1e5,1e6,1e7,1e8)"),
    OPTION_SIZE("needed", 0, "T", needed, 1, 1000, "Samples that a quantum is learned from"),
    OPTION_SIZE("quanta", 0, "K", quanta, 1, 1000000000,
                "Quanta drawn; what is expected of those beyond is added"),
    OPTION_SIZE("runs", 0, "N", runs, 1, 100000, "Draws of each"),
    CLI_SEED(seed, "Of the draws"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .common.beside = true, .alpha = 0.4, .quanta = 1000000, .runs = 5, .needed = 1};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    for (size_t i = 0; i < a->n.n; i++) {
        if (a->n.value[i] != floor(a->n.value[i]) || a->n.value[i] > 1e15)
            return err_set(e, "--n: expected whole numbers up to 1e15, found %g", a->n.value[i]);
    }
    for (size_t i = 0; i < a->samples.n; i++) {
        if (a->samples.value[i] < 1 || a->samples.value[i] > 1e18)
            return err_set(e, "--samples: expected numbers from 1 to 1e18, found %g",
                           a->samples.value[i]);
    }
    return 0;
}

static struct table *sums(struct sheet *s, const struct args *a)
{
    static const double usual[] = {1, 10, 100, 1000, 10000, 100000};
    static const struct column columns[] = {
        {.name = "n", .format = "%.15g", .unit = TABLE_EXACT},
        {.name = "constant", .format = "%.9g"},
        {.name = "constant_closed", .format = "%.9g", .head = "closed"},
        {.name = "constant_ratio", .format = "%.6f", .head = "ratio"},
        {.name = "unigram", .format = "%.9g"},
        {.name = "unigram_closed", .format = "%.9g", .head = "closed"},
        {.name = "unigram_ratio", .format = "%.6f", .head = "ratio"}};
    sheet_remark(
        s,
        "loss with the first n quanta learned less that with all: constant in units of b - "
        "a (also of ln C where learning makes a quantum's tokens C times as probable), "
        "unigram in nats (-ln p_k before, 0 after); closed: leading terms for large n, "
        "~ n^-%g",
        a->alpha);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    const size_t n = a->n.n ? a->n.n : sizeof usual / sizeof *usual;
    for (size_t i = 0; i < n; i++) {
        const double at = a->n.n ? a->n.value[i] : usual[i];
        table_real(t, at);
        for (int c = THEORY_CONSTANT; c <= THEORY_UNIGRAM; c++) {
            const double exact = theory_exact((enum theory_case)c, a->alpha, at),
                         closed = theory_closed((enum theory_case)c, a->alpha, at);
            table_real(t, exact);
            table_real(t, closed);
            table_real(t, closed / exact);
        }
    }
    return t;
}

static struct table *draws(struct sheet *s, const struct args *a, struct err *e)
{
    static const double usual[] = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    static const struct column columns[] = {
        {.name = "samples", .format = "%.15g", .unit = TABLE_COUNT},
        {.name = "loss", .format = "%.9g"},
        {.name = "error", .format = "%.3g"},
        {.name = "expected", .format = "%.9g"},
        {.name = "beyond", .format = "%.6g"},
        {.name = "learned", .format = "%.9g", .unit = TABLE_COUNT},
        {.name = "slope", .format = "%.6f"},
        {.name = "slope_without", .format = "%.6f", .head = "without beyond"},
        {.name = "theory", .format = "%.6f"}};
    const struct theory_draws q = {.alpha = a->alpha,
                                   .needed = (double)a->needed,
                                   .quanta = a->quanta,
                                   .runs = a->runs,
                                   .seed = a->seed};
    sheet_remark(s,
                 "loss after D samples, in units of b - a: quanta needed by %zu of them are "
                 "learned; %zu quanta are drawn, %zu times, beyond: what those after them are "
                 "expected to add; slope: -d ln loss / d ln D from the row before (theory: alpha / "
                 "(alpha + 1))",
                 a->needed, a->quanta, a->runs);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    const size_t n = a->samples.n ? a->samples.n : sizeof usual / sizeof *usual;
    struct theory_loss before = {.mean = NAN};
    double last = NAN;
    for (size_t i = 0; i < n; i++) {
        const double at = a->samples.n ? a->samples.value[i] : usual[i];
        struct theory_loss l;
        if (theory_draw(&l, at, &q, e)) return NULL;
        table_real(t, at);
        table_real(t, l.mean);
        table_real(t, l.error);
        table_real(t, l.expected);
        table_real(t, l.beyond);
        table_real(t, l.learned);
        table_real(t, -log(l.mean / before.mean) / log(at / last));
        table_real(t, -log((l.mean - l.beyond) / (before.mean - before.beyond)) / log(at / last));
        table_real(t, a->alpha / (a->alpha + 1));
        before = l;
        last = at;
    }
    return t;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    cli_use_threads(a->common.threads);
    struct sheet *s = sheet_open();
    const struct table *exact = sums(s, a);
    sheet_gap(s);
    const struct table *drawn = draws(s, a, e);
    int status = drawn ? 0 : -1;
    if (!status)
        status = cli_write(&a->common, s,
                           json_pack("{s:f, s:o, s:o, s:o}", "alpha", a->alpha, "sums",
                                     table_json(exact, false), "draws", table_json(drawn, false),
                                     "provenance", provenance_json()),
                           e);
    sheet_free(s);
    return status;
}

const struct command cmd_quanta_theory = {
    .name = "quanta theory",
    .summary = "the quantization model of scaling in numbers",
    .text = "Losses of the quantization model: exact sums over infinitely many quanta beside their "
            "closed forms, and losses after quanta were drawn by samples.",
    .more = "alpha is the paper's: the exponent of the loss against the number of quanta, hence of "
            "parameters; against samples and steps it is alpha / (alpha + 1).\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
