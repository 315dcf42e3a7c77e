/* sensitivity.c - see sensitivity.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/sensitivity.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void choice_fit(struct choice *c, const char *label, const struct points *p,
                const struct sensitivity *s, const char *objective)
{
    struct fit_options own = *s->fit;
    struct fit_data d;
    struct err e;
    double a, b, G;
    *c = (struct choice){.rows = p->n, .a = NAN, .ratio = NAN};
    snprintf(c->label, sizeof c->label, "%s", label);
    if (objective_parse(&own.objective, objective, &e) || fit_data_open(&d, p, s->law, s->x, &e)) {
        snprintf(c->reason, sizeof c->reason, "%.190s", e.text);
        return;
    }
    if (fit_law(&c->fit, s->law, &d, &own, &e)) {
        snprintf(c->reason, sizeof c->reason, "%.190s", e.text);
    } else if (law_optimum(s->law, c->fit.params, &a, &b, &G)) {
        c->a = a;
        c->ratio = pow(s->budget / 6, b - a) / (G * G);
    }
    fit_data_close(&d);
}

int choice_inliers(const struct points *p, const struct sensitivity *s, double bar, size_t *rows,
                   size_t *n, struct err *e)
{
    struct fit_options own = *s->fit;
    struct fit_data d;
    struct fit f;
    own.objective = (struct objective){.kind = OBJ_LAD, .ratio = 1};
    *n = 0;
    if (fit_data_open(&d, p, s->law, s->x, e)) return -1;
    double *r = malloc(2 * (p->n + 1) * sizeof *r), *size = r + p->n;
    int status = r ? fit_law(&f, s->law, &d, &own, e) : err_memory(e, NULL);
    if (!status) {
        fit_residuals(&f, &d, r);
        for (size_t i = 0; i < p->n; i++) size[i] = fabs(r[i]);
        gsl_sort(size, 1, p->n);
        double limit = bar * 1.4826 * size[p->n / 2];
        for (size_t i = 0; i < p->n; i++) {
            if (fabs(r[i]) <= limit) rows[(*n)++] = d.row[i];
        }
    }
    free(r);
    fit_data_close(&d);
    return status;
}

/* The rows without the filters that drop outliers, or with one. */
static void other_rows(struct choice *c, int *n, const struct points *p,
                       const struct sensitivity *s, const char *objective)
{
    struct points_options other = *s->points;
    struct points q;
    struct err ignored;
    bool dropping = other.drop_highest || other.n_drop_lines;
    other.drop_highest = dropping ? 0 : 5;
    other.n_drop_lines = 0;
    if (p->n <= 20 || points_read(&q, s->table, &other, &ignored)) return;
    choice_fit(&c[(*n)++], dropping ? "dropped rows back in" : "5 highest losses out", &q, s,
               objective);
    points_close(&q);
}

static int without_outliers(struct choice *c, int *n, const struct points *p,
                            const struct sensitivity *s, const char *objective, struct err *e)
{
    struct points q;
    struct err ignored;
    size_t *rows = malloc((p->n + 1) * sizeof *rows), count;
    if (!rows) return err_memory(e, p->path);
    if (!choice_inliers(p, s, 4, rows, &count, &ignored) && count < p->n &&
        !points_select(&q, p, rows, count, &ignored)) {
        choice_fit(&c[(*n)++], "residuals over 4 robust sd out", &q, s, objective);
        points_close(&q);
    }
    free(rows);
    return 0;
}

/* N counted the other way, where the table has it. */
static void other_sizes(struct choice *c, int *n, const struct points *p,
                        const struct sensitivity *s, const char *objective)
{
    static const char *const counts[] = {"N_total", "N_with_embeddings", "N_non_embedding", "N"};
    struct points q;
    struct err ignored;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct points_options other = *s->points;
        char label[60];
        if (p->column[POINTS_N] && !strcasecmp(counts[i], p->column[POINTS_N])) continue;
        other.column[POINTS_N] = counts[i];
        if (points_read(&q, s->table, &other, &ignored)) continue;
        snprintf(label, sizeof label, "N is column %s", counts[i]);
        choice_fit(&c[(*n)++], label, &q, s, objective);
        points_close(&q);
    }
}

int sensitivity_run(struct choice *choices, struct sensitivity *s, const struct points *p,
                    struct err *e)
{
    static const char *const objectives[] = {"huber:1e-4", "huber:1e-3", "huber:1e-2", "huber:auto",
                                             "lad",        "logls",      "ls"};
    char objective[40], label[80];
    int n = 0;
    if (!(s->budget > 0)) {
        for (size_t i = 0; i < p->n; i++)
            s->budget = fmax(s->budget, p->C[i] > 0 ? 100 * p->C[i] : 0);
    }
    objective_text(&s->fit->objective, objective, sizeof objective);
    snprintf(label, sizeof label, "as asked: %s", objective);
    choice_fit(&choices[n++], label, p, s, objective);
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
        choice_fit(&choices[n++], objectives[i], p, s, objectives[i]);
    other_rows(choices, &n, p, s, objective);
    if (without_outliers(choices, &n, p, s, objective, e)) return -1;
    other_sizes(choices, &n, p, s, objective);
    return n;
}

void sensitivity_spread(const struct choice *c, int n, int value, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (c[i].reason[0]) continue;
        double v = value == SENSITIVITY_A       ? c[i].a
                   : value == SENSITIVITY_RATIO ? c[i].ratio
                                                : c[i].fit.params[value];
        if (isnan(v)) continue;
        *lo = fmin(*lo, v);
        *hi = fmax(*hi, v);
    }
}
