/* report_sweep.h - how isoFLOP sweeps look: the plan, the runs, each budget's minimum, the figure.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_SWEEP_H
#define TRIPOD_REPORT_SWEEP_H

#include "fit/isoflop.h"
#include "src/base/sheet.h"
#include "src/train/sweep_runs.h"

/* The table of runs with FLOP, time and memory on so many THREADS of PEAK FLOP/s each. *JSON: a new
 * reference, NULL when out of memory. */
void report_sweep_plan(struct sheet *s, json_t **json, const struct sweep_plan *p, double peak,
                       int threads);

/* A finished sweep, or what there is of it. */
struct sweep_results {
    const struct sweep_plan *plan;
    const struct sweep_found *found; /* [plan->n] */
    struct sweep_plateau plateau;
};

/* Approach 2 of the runs off the plateau, or (ALL) of every run, without rejection of outliers: what a
 * rule leaves out must be seen. Where fewer than two budgets have a minimum that is certain, weak ones
 * and those outside the sizes are used, too: budget[i].status says so. On success the caller frees *f; budget[i].row counts among the runs
 * used, whose N and losses are in *points, [2][n], which the caller frees either way. */
int sweep_fit(const struct sweep_results *r, bool all, struct isoflop *f, double **points,
              size_t *n, struct err *e);

/* Runs with their losses, plateau and epochs; noise between seeds; minima by budget; N* ~ C^a without
 * the plateau's runs and with them. */
void report_sweep(struct sheet *s, json_t **json, const struct sweep_results *r);

/* Losses against N, a colour a budget, runs on the plateau as crosses, parabolas and minima where they
 * can be fitted, the unigram and bigram losses as lines; see plot.h for PATH and DRAWN. Errors: no
 * finished run, plot_write's. */
int sweep_plot(const struct sweep_results *r, const char *path, bool *drawn, struct err *e);

#endif
