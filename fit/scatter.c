/* scatter.c - see scatter.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/scatter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/solve.h"
#include "src/base/rng.h"

enum { ROWS = 40, LINEAR = 5 };

/* Some of the rows, spread evenly over their order, and the middle of them all. */
struct sample {
    size_t n, row[ROWS];
    double middle[3], log_mean; /* weighted means of x and of ln L */
};

static void take_sample(struct sample *s, const struct fit_rows *rows)
{
    double weight = 0;
    size_t real = 0, *order = s->row, count = 0;
    *s = (struct sample){0};
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->w[i] == 0) continue;
        real++;
        weight += rows->w[i];
        s->log_mean += rows->w[i] * rows->y[i];
        for (int k = 0; k < 3; k++) s->middle[k] += rows->w[i] * rows->x[k][i];
    }
    s->log_mean /= weight;
    for (int k = 0; k < 3; k++) s->middle[k] /= weight;
    s->n = real < ROWS ? real : ROWS;
    for (size_t i = 0, seen = 0; i < rows->n && count < s->n; i++) {
        if (rows->w[i] == 0) continue;
        if (seen++ * s->n / real >= count) order[count++] = i;
    }
    s->n = count;
}

/* One draw, as the law's internal parameters at the problem's centre. */
static void draw(const struct fit_problem *p, const struct sample *s, uint64_t number, double *t)
{
    const struct law *law = p->law;
    double middle[3];
    for (int k = 0; k < 3; k++) middle[k] = s->middle[k] + p->centre[k];
    for (int i = 0; i < law->n; i++) {
        const struct law_param *param = &law->param[i];
        double u = rng_uniform(7, number, (uint64_t)i);
        t[i] = law->start[i][0] + u * (law->start[i][1] - law->start[i][0]);
        if (param->map == MAP_COEFFICIENT) t[i] += s->log_mean;
    }
    if (law->place) law->place(law, middle, t);
    /* From the middle of the data to the centre. */
    for (int i = 0; i < law->n; i++) {
        const struct law_param *param = &law->param[i];
        double k = t[param->exponent], x = s->middle[param->variable];
        if (param->map == MAP_COEFFICIENT) t[i] += k * x;
        if (param->map == MAP_PLACE) t[i] += x;
    }
}

/* Least squares of c >= 0 over every set of active columns; m packed, the last row the
 * observation's. Returns the residual sum of squares, INFINITY when no set will do. */
static double non_negative(int n, const double *m, double *c)
{
    double best = INFINITY;
    const double *rhs = m + n * (n + 1) / 2;
    for (int set = 1; set < 1 << n; set++) {
        double a[LINEAR * (LINEAR + 1) / 2], b[LINEAR], rss = rhs[n];
        int index[LINEAR], k = 0;
        for (int i = 0; i < n; i++) {
            if (set >> i & 1) index[k++] = i;
        }
        for (int i = 0; i < k; i++) {
            for (int j = 0; j <= i; j++) a[PACKED(i, j)] = m[PACKED(index[i], index[j])];
            b[i] = rhs[index[i]];
        }
        if (!cholesky(k, a)) continue;
        cholesky_solve(k, a, b);
        bool positive = true;
        for (int i = 0; i < k; i++) {
            positive = positive && b[i] > 0;
            rss -= b[i] * rhs[index[i]];
        }
        if (!positive || !(rss < best)) continue;
        best = rss;
        for (int i = 0; i < n; i++) c[i] = 0;
        for (int i = 0; i < k; i++) c[index[i]] = b[i];
    }
    return best;
}

/* Sets what L is linear in, relative least squares; L less what they make of it must be 0. */
static double project(const struct fit_problem *p, const struct sample *s, double *t)
{
    const struct law *law = p->law;
    const struct fit_rows *rows = p->rows;
    int index[LINEAR], n = 0;
    double m[(LINEAR + 1) * (LINEAR + 2) / 2] = {0}, c[LINEAR] = {0}, size[LINEAR] = {0};
    for (int i = 0; i < law->n && n < LINEAR; i++) {
        if (law->linear >> i & 1) index[n++] = i;
    }
    for (int i = 0; i < n; i++) t[index[i]] = 0;
    for (size_t r = 0; r < s->n; r++) {
        size_t row = s->row[r];
        double x[3] = {rows->x[0][row], rows->x[1][row], rows->x[2][row]}, g[LAW_PARAMS],
               h[LAW_HESSIAN], f[LINEAR + 1], rest;
        rest = law_internal(law, t, x, p->centre, g, h);
        double w = rows->w[row] / (rows->L[row] * rows->L[row]);
        for (int i = 0; i < n; i++) {
            f[i] = g[index[i]];
            rest -= f[i];
            size[i] += fabs(f[i]) / rows->L[row] / (double)s->n;
        }
        f[n] = rows->L[row] - rest;
        for (int i = 0, k = 0; i <= n; i++) {
            for (int j = 0; j <= i; j++, k++) m[k] += w * f[i] * f[j];
        }
    }
    double score = non_negative(n, m, c);
    /* What came out as 0 starts small but alive. */
    for (int i = 0; i < n; i++) t[index[i]] = log(fmax(c[i], 0.02 / fmax(size[i], 1e-300)));
    return score;
}

/* Sum of squares of ln L's residuals, after its scale was set. */
static double rescale(const struct fit_problem *p, const struct sample *s, double *t)
{
    const struct law *law = p->law;
    const struct fit_rows *rows = p->rows;
    double sum = 0, weight = 0, score = 0, r[ROWS];
    for (size_t i = 0; i < s->n; i++) {
        size_t row = s->row[i];
        double x[3] = {rows->x[0][row], rows->x[1][row], rows->x[2][row]};
        r[i] = log(law_internal(law, t, x, p->centre, NULL, NULL)) - rows->y[row];
        sum += rows->w[row] * r[i];
        weight += rows->w[row];
    }
    double mean = law->scale ? sum / weight : 0;
    for (size_t i = 0; i < s->n; i++) score += rows->w[s->row[i]] * (r[i] - mean) * (r[i] - mean);
    for (int i = 0; i < law->n; i++) {
        if (law->scale >> i & 1) t[i] -= mean;
    }
    return score;
}

struct start {
    double score, t[LAW_PARAMS];
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct start *)a)->score, y = ((const struct start *)b)->score;
    return (x > y) - (x < y);
}

bool scatter_has(const struct law *law)
{
    for (int i = 0; i < law->n; i++) {
        if (law->start[i][0] != law->start[i][1]) return true;
    }
    return law->linear;
}

int scatter_starts(const struct fit_problem *p, int grid, int max, double (*t)[LAW_PARAMS])
{
    struct sample sample;
    int draws = 16 * grid * grid, count = 0;
    struct start *all = malloc((size_t)draws * sizeof *all);
    if (!all) return 0;
    take_sample(&sample, p->rows);
    for (int k = 0; k < draws; k++) {
        struct start *s = &all[count];
        draw(p, &sample, (uint64_t)k, s->t);
        s->score = p->law->linear ? project(p, &sample, s->t) : rescale(p, &sample, s->t);
        for (int i = 0; i < p->law->n; i++) s->t[i] = fmin(fmax(s->t[i], p->lower[i]), p->upper[i]);
        count += isfinite(s->score);
    }
    qsort(all, (size_t)count, sizeof *all, by_score);
    if (count > grid * grid) count = grid * grid;
    if (count > max) count = max;
    for (int i = 0; i < count; i++) memcpy(t[i], all[i].t, sizeof t[i]);
    free(all);
    return count;
}
