/* cmd_quanta_envelope.c - `tripod quanta envelope`: the sizes of clusters against their rank; the work
 * is src/quanta/rank_envelope.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/rank_envelope.h"
#include "src/plot/draw.h"
#include "src/report/plot.h"
#include "src/report/report_rank_sizes.h"

struct args {
    struct cli_common common;
    const char *path, *plot;
    struct rank_envelope_request request;
    size_t seed;
    double alpha;
};
#define ARGS struct args

static int take_window(void *args, const char *value, struct err *e)
{
    struct rank_envelope_request *q = &((struct args *)args)->request;
    return cmd_quanta_ranks(value, &q->first, &q->last, e);
}

static const struct option_row options[] = {
    OPTION_PLAIN(path, "LABELS.npy"),
    OPTION_CALL("window", 0, "FIRST:LAST", take_window,
                "Ranks of the line (default: 101:1000 of 10,000 samples as published, the same "
                "share of fewer)"),
    OPTION_SIZE("resamples", 0, "N", request.resamples, 0, 1000000,
                "Resamples of the bootstrap; 0: no interval"),
    OPTION_REAL("alpha", 0, "A", alpha, 0, 100,
                "The theory's line falls as rank^-(A + 1); 0.083: Pythia's alpha_N"),
    CLI_SEED(seed, "Of the bootstrap"),
    OPTION_TEXT("plot", 0, "FIGURE", plot,
                "Draw it: FIGURE.png, .svg or .pdf, with its data and gnuplot script"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .common.beside = true, .request.resamples = 1000, .alpha = 0.083};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    a->request.seed = a->seed;
    return a->path ? 0
                   : err_set(e, "no labels: give LABELS.npy as written by `tripod quanta cluster`");
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct clustering r;
    struct rank_envelope v;
    bool drawn = true;
    cli_use_threads(a->common.threads);
    if (clustering_read(&r, a->path, e)) return -1;
    int status = rank_envelope_make(&v, &r, &a->request, e);
    if (status) {
        err_prefix(e, "%s", a->path);
        clustering_free(&r);
        return -1;
    }
    if (a->plot) status = draw_ranks(a->plot, &r, &v, a->alpha, &drawn, e);
    if (a->plot && !status) plot_note(a->plot, drawn, stderr);
    if (!status) {
        struct sheet *s = sheet_open();
        report_rank_sizes(s, a->path, &r, &v, a->alpha);
        json_t *o = report_rank_sizes_json(a->path, &r, &v, a->alpha);
        if (o) json_object_set_new(o, "provenance", provenance_json());
        status = cli_write(&a->common, s, o, e);
        sheet_free(s);
    }
    rank_envelope_free(&v);
    clustering_free(&r);
    return status;
}

const struct command cmd_quanta_envelope = {
    .name = "quanta envelope",
    .summary = "sizes of clusters against their rank: the envelope's slope",
    .text = "The largest size that clusters of each rank have in any of the clusterings, and the "
            "slope of ln size on ln rank: -(alpha + 1) where quanta are used with frequencies "
            "rank^-(alpha + 1).",
    .more = "The interval says how much the samples scatter while their labels stay. It does not "
            "say how much the clusters do: compare seeds for that. The published figure is "
            "-1.24 with an error of 0.2 that the toy model (`tripod quanta toy`) accounts for.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
