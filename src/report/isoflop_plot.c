/* isoflop_plot.c - see isoflop_plot.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/isoflop_plot.h"

#include <math.h>
#include <stdlib.h>

#include "src/report/plot.h"

/* Points, parabola and minimum of each budget. */
#define CURVE 60

int isoflop_plot(const struct isoflop *f, const double *N, const double *loss, const char *path,
                 bool *drawn, struct err *e)
{
    struct curve {
        double cx[CURVE], cy[CURVE];
        char color[8], name[48];
    } *curves = calloc(f->n, sizeof *curves);
    struct plot_series *s = calloc(3 * f->n, sizeof *s);
    size_t rows = 0, at = 0, n = 0;
    for (size_t i = 0; i < f->n; i++) rows += f->budget[i].n;
    double *x = malloc(2 * (rows + 1) * sizeof *x), *y = x + rows;
    int status = curves && s && x ? 0 : err_memory(e, path);
    double lo = log(f->budget[0].C), hi = log(f->budget[f->n - 1].C);
    for (size_t i = 0; i < f->n && !status; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        struct curve *c = &curves[i];
        plot_color(hi > lo ? (log(b->C) - lo) / (hi - lo) : 0.5, c->color);
        snprintf(c->name, sizeof c->name, "%.2g FLOP", b->C);
        s[n++] = (struct plot_series){.name = c->name,
                                      .x = x + at,
                                      .y = y + at,
                                      .n = b->n,
                                      .style = PLOT_POINTS,
                                      .color = c->color};
        for (size_t j = 0; j < b->n; j++, at++) {
            x[at] = N[b->row[j]];
            y[at] = loss[b->row[j]];
        }
        if (b->status == ISOFLOP_REFUSED) continue;
        double first = log(x[at - b->n]), last = log(x[at - 1]);
        for (size_t k = 0; k < CURVE; k++) {
            double u = first + (last - first) * (double)k / (CURVE - 1);
            c->cx[k] = exp(u);
            c->cy[k] = ols_parabola_at(&b->fit, u);
        }
        s[n++] = (struct plot_series){
            .x = c->cx, .y = c->cy, .n = CURVE, .style = PLOT_LINE, .color = c->color};
        s[n++] = (struct plot_series){
            .x = &b->N, .y = &b->loss, .n = b->used, .style = PLOT_CROSSES, .color = "#000000"};
    }
    struct plot p = {.title = "isoFLOP profiles",
                     .xlabel = "N, parameters",
                     .ylabel = "loss, nats",
                     .xlog = true,
                     .key = "outside right top",
                     .series = s,
                     .n = n};
    if (!status) status = plot_write(&p, path, drawn, e);
    free(curves);
    free(s);
    free(x);
    return status;
}
