/* sweep_plot.c - the figure of an isoFLOP sweep; see report_sweep.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "src/report/plot.h"
#include "src/report/report_sweep.h"

enum { CURVE = 60 };

struct drawing {
    const struct sweep_results *r;
    double *x, *y; /* of all series, one after the other */
    size_t at;
    struct plot_series *series;
    size_t n;
    char (*color)[8], (*name)[32]; /* by budget */
};

/* Losses of one budget's runs, on the plateau or off it. */
static void add_runs(struct drawing *d, double budget, bool plateau, const char *color,
                     const char *name)
{
    const size_t first = d->at;
    for (size_t i = 0; i < d->r->plan->n; i++) {
        const struct sweep_cell *c = &d->r->plan->cells[i];
        const struct sweep_found *f = &d->r->found[i];
        if (!f->there || f->plateau != plateau || c->budget < budget || c->budget > budget)
            continue;
        d->x[d->at] = (double)c->N;
        d->y[d->at++] = f->loss;
    }
    if (d->at > first)
        d->series[d->n++] = (struct plot_series){.name = name,
                                                 .x = d->x + first,
                                                 .y = d->y + first,
                                                 .n = d->at - first,
                                                 .style = plateau ? PLOT_CROSSES : PLOT_POINTS,
                                                 .color = color};
}

static void add_line(struct drawing *d, double lo, double hi, double y, const char *color,
                     const char *name)
{
    d->x[d->at] = lo;
    d->x[d->at + 1] = hi;
    d->y[d->at] = d->y[d->at + 1] = y;
    d->series[d->n++] = (struct plot_series){.name = name,
                                             .x = d->x + d->at,
                                             .y = d->y + d->at,
                                             .n = 2,
                                             .style = PLOT_DASHED,
                                             .color = color};
    d->at += 2;
}

static void add_parabola(struct drawing *d, const struct isoflop_budget *b, const double *N,
                         const char *color)
{
    const double lo = log(N[b->row[0]]), hi = log(N[b->row[b->n - 1]]);
    for (size_t k = 0; k < CURVE; k++) {
        const double u = lo + (hi - lo) * (double)k / (CURVE - 1);
        d->x[d->at + k] = exp(u);
        d->y[d->at + k] = ols_parabola_at(&b->fit, u);
    }
    d->series[d->n++] = (struct plot_series){
        .x = d->x + d->at, .y = d->y + d->at, .n = CURVE, .style = PLOT_LINE, .color = color};
    d->at += CURVE;
    d->series[d->n++] = (struct plot_series){
        .x = &b->N, .y = &b->loss, .n = b->used, .style = PLOT_CROSSES, .color = "#000000"};
}

/* Budgets of finished runs, ascending; how many. */
static size_t budgets_of(const struct sweep_results *r, double *budgets, double *lo, double *hi)
{
    size_t n = 0;
    for (size_t i = 0; i < r->plan->n; i++) {
        const struct sweep_cell *c = &r->plan->cells[i];
        size_t k = 0;
        if (!r->found[i].there) continue;
        if (!n || (double)c->N < *lo) *lo = (double)c->N;
        if (!n || (double)c->N > *hi) *hi = (double)c->N;
        while (k < n && budgets[k] < c->budget) k++;
        if (k < n && !(budgets[k] > c->budget)) continue;
        for (size_t j = n++; j > k; j--) budgets[j] = budgets[j - 1];
        budgets[k] = c->budget;
    }
    return n;
}

static void draw(struct drawing *d, const double *budgets, size_t n, const struct isoflop *f,
                 const double *points)
{
    for (size_t b = 0; b < n; b++) {
        plot_color(n > 1 ? (double)b / (double)(n - 1) : 0.5, d->color[b]);
        snprintf(d->name[b], sizeof *d->name, "%.3g FLOP", budgets[b]);
        add_runs(d, budgets[b], false, d->color[b], d->name[b]);
        add_runs(d, budgets[b], true, d->color[b], NULL);
        for (size_t i = 0; i < f->n; i++)
            if (f->budget[i].status != ISOFLOP_REFUSED &&
                fabs(f->budget[i].C / budgets[b] - 1) < 0.05)
                add_parabola(d, &f->budget[i], points, d->color[b]);
    }
}

int sweep_plot(const struct sweep_results *r, const char *path, bool *drawn, struct err *e)
{
    const size_t room = r->plan->n + 1;
    struct drawing d = {.r = r};
    struct isoflop f = {.n = 0};
    struct err none;
    double *points = NULL, lo = 0, hi = 0;
    size_t n_points;
    *drawn = true;
    if (sweep_fit(r, false, &f, &points, &n_points, &none)) f.n = 0;
    d.x = malloc(2 * (room * (CURVE + 2) + 4) * sizeof *d.x);
    d.series = calloc(4 * room + 2, sizeof *d.series);
    d.color = calloc(room, sizeof *d.color);
    d.name = calloc(room, sizeof *d.name);
    double *budgets = calloc(room, sizeof *budgets);
    int status =
        d.x && d.series && d.color && d.name && budgets ? 0 : err_memory(e, "the sweep's figure");
    if (!status) {
        d.y = d.x + room * (CURVE + 2) + 4;
        const size_t n = budgets_of(r, budgets, &lo, &hi);
        draw(&d, budgets, n, &f, points);
        add_line(&d, lo, hi, r->plateau.unigram, "#999999", "unigram");
        add_line(&d, lo, hi, r->plateau.bigram, "#333333", "bigram");
        const struct plot p = {.title = "isoFLOP sweep (crosses in colour: on the plateau)",
                               .xlabel = "N, parameters",
                               .ylabel = "validation loss, nats a token",
                               .xlog = true,
                               .series = d.series,
                               .n = d.n};
        status = n ? plot_write(&p, path, drawn, e) : err_set(e, "%s: no finished run", path);
    }
    isoflop_free(&f);
    free(points);
    free(budgets);
    free(d.x);
    free(d.series);
    free(d.color);
    free(d.name);
    return status;
}
