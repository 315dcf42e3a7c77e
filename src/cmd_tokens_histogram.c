/* cmd_tokens_histogram.c - `tripod tokens histogram`: the distribution of each checkpoint's losses;
 * the work is src/scan/token_histogram.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/cmd_tokens_find.h"
#include "src/report/plot.h"
#include "src/report/report_tokens.h"

struct args {
    struct cli_common common;
    struct cmd_tokens_matrix matrix;
    struct cmd_find find;
    const char *out, *lists, *plot;
    size_t rows, bins, change_bins, grid, tail_bins;
    double range[2], change_range[2], tail_range[2];
    size_t tail_fit[2];
    struct reals quantiles;
    bool bits, nats, one_pass, float32_mean, convergence, changes, tail;
};
#define ARGS struct args

static int take_range(void *args, const char *value, struct err *e)
{
    return cmd_tokens_range(value, "--range", ((struct args *)args)->range, e);
}

static int take_change_range(void *args, const char *value, struct err *e)
{
    return cmd_tokens_range(value, "--change-range", ((struct args *)args)->change_range, e);
}

static int take_tail_range(void *args, const char *value, struct err *e)
{
    return cmd_tokens_range(value, "--tail-range", ((struct args *)args)->tail_range, e);
}

static int take_tail_fit(void *args, const char *value, struct err *e)
{
    double fit[2];
    if (cmd_tokens_range(value, "--tail-fit", fit, e)) return -1;
    if (fit[0] < 0 || fit[1] > 1e6 || fit[0] != floor(fit[0]) || fit[1] != floor(fit[1]))
        return err_set(e, "--tail-fit: expected two bins FIRST:LAST, found '%s'", value);
    for (int i = 0; i < 2; i++) ((struct args *)args)->tail_fit[i] = (size_t)fit[i];
    return 0;
}

enum { MOST_BINS = 1000000, MOST_QUANTILES = 32 };

static const struct option_row options[] = {
    OPTION_GROUP(cmd_tokens_matrix, matrix),
    OPTION_HEADING("Histogram:"),
    OPTION_SIZE("bins", 0, "N", bins, 1, MOST_BINS, "Bins"),
    OPTION_CALL("range", 0, "LO:HI", take_range,
                "Their range (default: 0:18); losses outside are dropped and do not count"),
    OPTION_FLAG("bits", 0, bits, "Losses in bits"),
    OPTION_FLAG("nats", 0, nats, "Losses in nats (the default)"),
    OPTION_REALS("quantiles", 0, "Q,...", quantiles,
                 "Quantiles (default: 0.05,0.25,0.5,0.75,0.95)"),
    OPTION_FLAG("one-pass", 0, one_pass,
                "Read the matrix once: quantiles within 0.4 % of their size; otherwise they are "
                "exact, after a second reading"),
    OPTION_SIZE("rows", 0, "N", rows, 1, 9e15, "Look at the first N rows only"),
    OPTION_FLAG("float32-mean", 0, float32_mean,
                "Beside the mean what numpy gives for a float32 array, summed in float32 row after "
                "row: beyond some 10^7 rows it is far off"),
    OPTION_FLAG("convergence", 0, convergence, "Means of the first 10^4, 10^5 ... rows"),
    OPTION_FLAG("tail", 0, tail, "The slope of ln p on ln L at small losses, in bins of its own"),
    OPTION_SIZE("tail-bins", 0, "N", tail_bins, 1, MOST_BINS, "Bins of --tail"),
    OPTION_CALL("tail-range", 0, "LO:HI", take_tail_range,
                "Range of the bins of --tail (default: 0:20)"),
    OPTION_CALL("tail-fit", 0, "FIRST:LAST", take_tail_fit,
                "Bins of --tail that are fitted (default: 60:99)"),
    OPTION_HEADING("Files:"),
    OPTION_TEXT("out", 'o', "DIR", out, "Write histogram.tsv and convergence.tsv to DIR"),
    OPTION_FLAG("changes", 0, changes,
                "To DIR too: change.tsv, the density of changes from column to column, and "
                "start_change.tsv, changes from --from to --to against where they start"),
    OPTION_SIZE("change-bins", 0, "N", change_bins, 1, MOST_BINS, "Bins of changes"),
    OPTION_CALL("change-range", 0, "LO:HI", take_change_range,
                "Range of the bins of changes (default: -10:10)"),
    OPTION_SIZE("grid", 0, "N", grid, 1, 2000, "Bins of start_change.tsv, either way"),
    OPTION_TEXT("plot", 0, "FIGURE", plot,
                "Draw p(L) and L p(L): FIGURE.png, .svg or .pdf, with its data and gnuplot script"),
    OPTION_TEXT("find", 0, "DIR", lists,
                "Write the lists of `tokens find` too, from the same "
                "reading of the matrix"),
    OPTION_GROUP(cmd_find_options, find),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .matrix.step = -1,
                                     .find = CMD_FIND,
                                     .bins = 1000,
                                     .range = {0, 18},
                                     .change_bins = 1000,
                                     .change_range = {-10, 10},
                                     .grid = 100,
                                     .tail_bins = 10000,
                                     .tail_range = {0, 20},
                                     .tail_fit = {60, 99}};

static bool differs(const double a[2], const double b[2])
{
    return a[0] != b[0] || a[1] != b[1];
}

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (cmd_tokens_check(&a->matrix, NULL, false, e)) return -1;
    if (a->bits && a->nats) return err_set(e, "give --bits or --nats, not both");
    if (a->changes && !a->out) return err_set(e, "--changes needs a directory: -o DIR");
    if (!a->changes && (a->change_bins != defaults.change_bins || a->grid != defaults.grid ||
                        differs(a->change_range, defaults.change_range)))
        return err_set(e, "--change-bins, --change-range and --grid need --changes");
    if (!a->tail &&
        (a->tail_bins != defaults.tail_bins || differs(a->tail_range, defaults.tail_range) ||
         a->tail_fit[0] != defaults.tail_fit[0] || a->tail_fit[1] != defaults.tail_fit[1]))
        return err_set(e, "--tail-bins, --tail-range and --tail-fit need --tail");
    if (!a->lists && cmd_find_given(&a->find))
        return err_set(e, "the thresholds of what is looked for need --find DIR");
    if (!a->lists && !a->changes && (a->find.from || a->find.to))
        return err_set(e, "--from and --to need --find DIR or --changes");
    if (a->quantiles.n > MOST_QUANTILES)
        return err_set(e, "--quantiles: expected at most %d", MOST_QUANTILES);
    for (size_t i = 0; i < a->quantiles.n; i++) {
        if (a->quantiles.value[i] > 1)
            return err_set(e, "--quantiles: expected shares up to 1, found %g",
                           a->quantiles.value[i]);
    }
    if (a->tail && a->tail_fit[1] >= a->tail_bins)
        return err_set(e, "--tail-fit: expected bins below %zu, found %zu", a->tail_bins,
                       a->tail_fit[1]);
    return 0;
}

static struct histogram_request request(const struct args *a)
{
    static const double usual[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    struct histogram_request q = {.rows = a->rows,
                                  .bins = a->bins,
                                  .lo = a->range[0],
                                  .hi = a->range[1],
                                  .unit = a->bits ? M_LN2 : 1,
                                  .quantile = a->quantiles.n ? a->quantiles.value : usual,
                                  .quantiles = a->quantiles.n ? a->quantiles.n : 5,
                                  .one_pass = a->one_pass,
                                  .float32_mean = a->float32_mean};
    if (a->tail) {
        q.tail_bins = a->tail_bins;
        q.tail_lo = a->tail_range[0];
        q.tail_hi = a->tail_range[1];
        q.tail_first = a->tail_fit[0];
        q.tail_last = a->tail_fit[1];
    }
    return q;
}

/* What the matrix is read for. */
struct work {
    struct matrix m;
    struct histogram h;
    struct token_find find;
    struct changes changes;
};

static int read_matrix(struct work *w, const struct args *a, const struct histogram_request *q,
                       struct err *e)
{
    struct matrix_visitor visitors[2];
    size_t n = 0;
    struct find_request f;
    if (cmd_find_request(&f, &a->find, &w->m, e)) return -1;
    if (a->lists) {
        if (token_find_open(&w->find, &w->m, &f, a->lists, e)) return -1;
        visitors[n++] = token_find_visitor(&w->find);
    }
    if (a->changes) {
        const struct changes_request c = {.unit = q->unit,
                                          .bins = a->change_bins,
                                          .lo = a->change_range[0],
                                          .hi = a->change_range[1],
                                          .from = f.from,
                                          .to = f.to,
                                          .grid = a->grid,
                                          .start_lo = q->lo,
                                          .start_hi = q->hi};
        if (changes_open(&w->changes, &w->m, &c, e)) return -1;
        visitors[n++] = changes_visitor(&w->changes);
    }
    if (histogram_make(&w->h, &w->m, q, visitors, n, e)) return -1;
    if (a->changes) changes_finish(&w->changes);
    return a->lists ? token_find_rank(&w->find, e) : 0;
}

static int write_results(struct work *w, const struct args *a, const struct histogram_request *q,
                         struct err *e)
{
    bool drawn = true;
    if (a->out && report_histogram_files(a->out, &w->m, &w->h, a->changes ? &w->changes : NULL, e))
        return -1;
    if (a->plot && report_histogram_plot(a->plot, &w->m, &w->h, a->bits, &drawn, e)) return -1;
    if (a->plot) plot_note(a->plot, drawn, stderr);
    if (a->lists && token_find_finish(&w->find, e)) return -1;
    struct sheet *s = sheet_open();
    report_histogram(s, &w->m, &w->h, q, a->convergence);
    json_t *o = report_histogram_json(&w->m, &w->h, q);
    if (a->lists) {
        sheet_gap(s);
        report_find(s, &w->find, a->lists);
        if (o) json_object_set_new(o, "find", report_find_json(&w->find, a->lists));
    }
    if (o) json_object_set_new(o, "provenance", provenance_json());
    int status = cli_write(&a->common, s, o, e);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    const struct histogram_request q = request(a);
    struct work w = {.h = {.rows = 0}};
    cli_use_threads(a->common.threads);
    if (cmd_tokens_open(&w.m, &a->matrix, e)) return -1;
    int status = read_matrix(&w, a, &q, e) || write_results(&w, a, &q, e) ? -1 : 0;
    histogram_free(&w.h);
    token_find_close(&w.find);
    changes_close(&w.changes);
    matrix_close(&w.m);
    return status;
}

const struct command cmd_tokens_histogram = {
    .name = "tokens histogram",
    .summary = "the distribution of losses of every checkpoint",
    .text = "The distribution of the losses of every column of a matrix: mean, quantiles, "
            "histogram.",
    .more = "Bins are numpy.histogram's with density=True: a loss on an edge counts above it, on "
            "the last one below it; losses outside the range count nowhere. --json has density, "
            "integrand (bin centre x density) and cdf of every checkpoint. NaNs and infinities "
            "are counted in not_finite; quantiles leave NaNs out.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
