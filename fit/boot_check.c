/* boot_check.c - see boot_check.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/boot_check.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 200, LEAST_RUNS = 10 };
static const double most = 1.5;

static double half_width(const struct bootstrap *b, int parameter, double *scratch)
{
    for (size_t k = 0; k < b->n; k++) scratch[k] = b->t[k][parameter];
    gsl_sort(scratch, 1, b->n);
    return (gsl_stats_quantile_from_sorted_data(scratch, 1, b->n, 0.84) -
            gsl_stats_quantile_from_sorted_data(scratch, 1, b->n, 0.16)) /
           2;
}

static void compare(struct boot_check *c, const struct bootstrap *rows,
                    const struct bootstrap *clustered, int n, double *scratch)
{
    double worst = 0;
    for (int i = 0; i < n; i++) {
        double a = half_width(rows, i, scratch), b = half_width(clustered, i, scratch);
        if (!(a > 0 && b / a > worst)) continue;
        worst = b / a;
        c->parameter = i;
        c->rows = a;
        c->clustered = b;
    }
    c->differ = worst > most;
}

int boot_check(struct boot_check *c, struct analysis *a, const struct points *p,
               const struct analysis_options *o, struct err *e)
{
    const struct bootstrap_options clusters = {
        .kind = BOOT_CLUSTER, .n = RESAMPLES, .seed = o->bootstrap.seed};
    struct bootstrap b = {.n = 0};
    *c = (struct boot_check){.runs = 0};
    if (o->bootstrap.kind != BOOT_PAIRS || a->bootstrap.n < 20 || p->n_runs < LEAST_RUNS ||
        p->n_runs == p->n)
        return 0;
    const size_t room = a->bootstrap.n > RESAMPLES ? a->bootstrap.n : RESAMPLES;
    size_t *cluster = malloc((p->n + 1) * sizeof *cluster);
    double *scratch = malloc(room * sizeof *scratch);
    int status = cluster && scratch ? 0 : err_memory(e, p->path);
    for (size_t i = 0; i < p->n && !status; i++) cluster[i] = p->run[a->data.row[i]];
    if (!status) status = bootstrap_run(&b, &a->fit, &a->data, &o->fit, &clusters, cluster, e);
    if (!status && b.n >= 20) {
        c->runs = p->n_runs;
        compare(c, &a->bootstrap, &b, a->fit.law->n, scratch);
    }
    bootstrap_close(&b);
    free(cluster);
    free(scratch);
    return status;
}
