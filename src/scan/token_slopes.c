/* token_slopes.c - see token_slopes.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_slopes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS = 4 };

static bool same_model(const struct matrix_column *a, const struct matrix_column *b)
{
    if (a->model && b->model) return strcmp(a->model, b->model) == 0;
    return !a->model && !b->model && a->parameters == b->parameters;
}

/* Whether column I is one of the line's. */
static bool belongs(const struct matrix *m, size_t i, enum slopes_axis axis, size_t model)
{
    const struct matrix_column *c = &m->column[i];
    if (axis == SLOPES_STEP) return c->step > 0 && same_model(c, &m->column[model]);
    if (!(c->parameters > 0)) return false;
    for (size_t k = 0; k < m->columns; k++) {
        if (same_model(c, &m->column[k]) && m->column[k].step > c->step) return false;
    }
    return true;
}

/* The column of MODEL, or of the largest that has a step > 0. */
static size_t find_model(const struct matrix *m, const char *model)
{
    size_t found = m->columns;
    for (size_t i = 0; i < m->columns; i++) {
        const struct matrix_column *c = &m->column[i];
        if (model ? !c->model || strcmp(c->model, model) != 0 : c->step <= 0) continue;
        if (found == m->columns || c->parameters > m->column[found].parameters) found = i;
    }
    return found;
}

int slopes_points(struct slopes_points *p, const struct matrix *m, enum slopes_axis axis,
                  const char *model, struct err *e)
{
    *p = (struct slopes_points){.column = calloc(m->columns, sizeof *p->column),
                                .x = calloc(m->columns, sizeof *p->x)};
    if (!p->column || !p->x) {
        slopes_points_free(p);
        return err_memory(e, m->path);
    }
    const size_t of = axis == SLOPES_STEP ? find_model(m, model) : 0;
    for (size_t i = 0; i < m->columns && of < m->columns; i++) {
        if (!belongs(m, i, axis, of)) continue;
        double x = log(axis == SLOPES_STEP ? (double)m->column[i].step : m->column[i].parameters);
        size_t k = p->n++;
        for (; k > 0 && p->x[k - 1] > x; k--) {
            p->x[k] = p->x[k - 1];
            p->column[k] = p->column[k - 1];
        }
        p->x[k] = x;
        p->column[k] = i;
    }
    if (p->n >= 2 && p->x[p->n - 1] > p->x[0]) return 0;
    slopes_points_free(p);
    return axis == SLOPES_STEP
               ? err_set(e, "%s: expected two steps > 0 or more of %s to draw a line through",
                         m->path, model ? model : "a model")
               : err_set(e,
                         "%s: expected two different sizes or more to draw a line through; where "
                         "there is no record of them, give --N",
                         m->path);
}

void slopes_points_free(struct slopes_points *p)
{
    free(p->column);
    free(p->x);
    *p = (struct slopes_points){0};
}

struct lines {
    const struct matrix *m;
    const struct slopes_points *p;
    double *weight; /* [n] x - mean */
    double squares; /* of the weights */
    float *out;     /* [slots, unit rows, OUTPUTS] */
    size_t unit_rows;
    double *sum; /* [slots, 3] slope, R^2, rows that have them */
    double total[3];
    struct out file;
};

/* Y [n] to OUT. */
static void line(const struct lines *l, const double *y, float *out, double *sum)
{
    const size_t n = l->p->n;
    double mean = 0, xy = 0, yy = 0, most = 0;
    size_t where = 0;
    for (size_t i = 0; i < n; i++) mean += y[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = y[i] - mean;
        xy += l->weight[i] * d;
        yy += d * d;
        if (i == 0) continue;
        double change = y[i] - y[i - 1];
        if (where == 0 || fabs(change) > fabs(most)) {
            most = change;
            where = i;
        }
    }
    if (!isfinite(mean)) {
        for (int k = 0; k < 3; k++) out[k] = NAN;
        out[3] = -1;
        return;
    }
    double slope = xy / l->squares, r2 = xy * xy / l->squares / yy;
    out[0] = (float)slope;
    out[1] = (float)r2;
    out[2] = (float)most;
    out[3] = (float)l->p->column[where];
    if (isnan(r2)) return;
    sum[0] += slope;
    sum[1] += r2;
    sum[2]++;
}

static int lines_unit(void *context, size_t slot, const struct matrix_unit *u)
{
    const struct lines *l = context;
    float *out = l->out + slot * l->unit_rows * OUTPUTS;
    double *sum = l->sum + slot * 3, *y = malloc(l->p->n * sizeof *y);
    if (!y) return -1;
    memset(sum, 0, 3 * sizeof *sum);
    for (size_t r = 0; r < u->n; r++) {
        for (size_t i = 0; i < l->p->n; i++)
            y[i] = matrix_value(l->m, u->values, r * l->m->columns + l->p->column[i]);
        line(l, y, out + r * OUTPUTS, sum);
    }
    free(y);
    return 0;
}

static int lines_merge(void *context, size_t slot, const struct matrix_unit *u, struct err *e)
{
    struct lines *l = context;
    for (int k = 0; k < 3; k++) l->total[k] += l->sum[slot * 3 + (size_t)k];
    return out_write(&l->file, l->out + slot * l->unit_rows * OUTPUTS,
                     u->n * OUTPUTS * sizeof *l->out, e);
}

int token_slopes(const struct matrix *m, uint64_t rows, const struct slopes_points *p,
                 const char *path, double means[2], struct err *e)
{
    struct lines l = {.m = m, .p = p, .unit_rows = matrix_unit_rows(m), .file = {.slot = -1}};
    const size_t slots = matrix_slots(m);
    char header[NPY_HEADER];
    double mean = 0;
    if (rows == 0 || rows > m->rows) rows = m->rows;
    l.weight = calloc(p->n, sizeof *l.weight);
    l.sum = calloc(slots * 3, sizeof *l.sum);
    l.out = malloc(slots * l.unit_rows * OUTPUTS * sizeof *l.out);
    int status = l.weight && l.sum && l.out ? 0 : err_memory(e, path);
    for (size_t i = 0; i < p->n; i++) mean += p->x[i] / (double)p->n;
    for (size_t i = 0; i < p->n && !status; i++) {
        l.weight[i] = p->x[i] - mean;
        l.squares += l.weight[i] * l.weight[i];
    }
    npy_header(header, "<f4", rows, OUTPUTS);
    if (!status) status = out_open(&l.file, path, e);
    if (!status) status = out_write(&l.file, header, sizeof header, e);
    struct matrix_visitor v = {.context = &l, .unit = lines_unit, .merge = lines_merge};
    if (!status) status = matrix_pass(m, rows, &v, 1, e);
    for (int k = 0; k < 2; k++) means[k] = l.total[2] > 0 ? l.total[k] / l.total[2] : NAN;
    if (!status)
        status = out_commit(&l.file, e);
    else if (l.file.file)
        out_abort(&l.file);
    free(l.weight);
    free(l.sum);
    free(l.out);
    return status;
}
