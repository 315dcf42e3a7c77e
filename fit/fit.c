/* fit.c - see fit.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/fit.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/solve.h"
#include "src/base/rng.h"

#define AT(i, j) ((i) * ((i) + 1) / 2 + (j))

enum { MANY_STEPS = 200 };

/* --- rows --- */

struct key {
    double x[3], L, w;
    size_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct key *p = a, *q = b;
    for (int i = 0; i < 3; i++) {
        if (p->x[i] != q->x[i]) return p->x[i] < q->x[i] ? -1 : 1;
    }
    if (p->L != q->L) return p->L < q->L ? -1 : 1;
    if (p->w != q->w) return p->w < q->w ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static const double *column(const struct points *p, enum points_column x)
{
    switch (x) {
    case POINTS_D:
        return p->D;
    case POINTS_C:
        return p->C;
    case POINTS_STEP:
        return p->step;
    case POINTS_UNIQUE:
        return p->unique;
    default:
        return p->N;
    }
}

int fit_data_open(struct fit_data *d, const struct points *p, const struct law *law,
                  enum points_column x, struct err *e)
{
    size_t n = p->n, padded = n + (n & 1);
    *d = (struct fit_data){.n = n};
    struct key *keys = malloc((n + 1) * sizeof *keys);
    d->row = malloc((n + 1) * sizeof *d->row);
    d->block = malloc(6 * (padded + 1) * sizeof *d->block);
    if (!keys || !d->row || !d->block) {
        free(keys);
        fit_data_close(d);
        return err_memory(e, p->path);
    }
    const double *source[3] = {law->variables & LAW_ANY ? column(p, x) : p->N,
                               law->variables & LAW_STEP ? p->step : p->D, p->unique};
    bool used[3] = {law->variables & LAW_N, law->variables & LAW_D, law->variables & LAW_U};
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct key){.L = p->loss[i], .w = p->weight[i], .row = i};
        for (int k = 0; k < 3; k++) {
            keys[i].x[k] = used[k] ? source[k][i] : 1;
            if (keys[i].x[k] > 0 && isfinite(keys[i].x[k])) continue;
            err_set(e, "%s: line %zu: expected a positive number for %c, found %g", p->path,
                    p->line[i], "NDU"[k], keys[i].x[k]);
            free(keys);
            fit_data_close(d);
            return -1;
        }
    }
    qsort(keys, n, sizeof *keys, by_key);
    struct fit_rows *r = &d->rows;
    r->n = padded;
    for (int k = 0; k < 3; k++) r->x[k] = d->block + (size_t)k * padded;
    r->y = d->block + 3 * padded;
    r->L = d->block + 4 * padded;
    r->w = d->block + 5 * padded;
    double weight = 0;
    for (size_t i = 0; i < n; i++) {
        d->row[i] = keys[i].row;
        r->L[i] = keys[i].L;
        r->y[i] = log(keys[i].L);
        r->w[i] = keys[i].w;
        weight += keys[i].w;
        for (int k = 0; k < 3; k++) {
            r->x[k][i] = log(keys[i].x[k]);
            d->centre[k] += r->x[k][i] * keys[i].w;
        }
    }
    free(keys);
    for (int k = 0; k < 3; k++) {
        d->centre[k] /= weight;
        for (size_t i = 0; i < n; i++) r->x[k][i] -= d->centre[k];
        if (padded > n) r->x[k][n] = 0;
    }
    if (padded > n) {
        r->y[n] = r->y[0];
        r->L[n] = r->L[0];
        r->w[n] = 0;
    }
    return 0;
}

void fit_data_close(struct fit_data *d)
{
    free(d->row);
    free(d->block);
    *d = (struct fit_data){0};
}

void fit_data_recentre(struct fit_data *d, int variable, double to)
{
    double shift = d->centre[variable] - to;
    for (size_t i = 0; i < d->n; i++) d->rows.x[variable][i] += shift;
    d->centre[variable] = to;
}

/* --- evaluation --- */

static void evaluate_terms(const struct fit_problem *p, const double *t, double *f, double *g,
                           double *h, double *m)
{
    const struct law *law = p->law;
    const struct law_term *a = &law->term[0], *b = &law->term[1];
    const struct fit_rows *rows = p->rows;
    bool two = law->terms > 1;
    int slot[5] = {law->constant, a->coefficient, a->exponent, two ? b->coefficient : -1,
                   two ? b->exponent : -1};
    double q[5] = {law->constant >= 0 ? exp(t[law->constant]) : 0, t[a->coefficient],
                   t[a->exponent], two ? t[b->coefficient] : -INFINITY, two ? t[b->exponent] : 0};
    struct kernel_rows r = {rows->n, rows->x[a->variable], rows->x[two ? b->variable : a->variable],
                            p->loss.log ? rows->y : rows->L, rows->w};
    struct kernel_sums s;
    kernel_terms(&r, &p->loss, q, &s);
    *f = s.f;
    for (int i = 0; i < law->n; i++) g[i] = 0;
    for (int i = 0; i < law->n * (law->n + 1) / 2; i++) h[i] = m[i] = 0;
    for (int i = 0, n = 0; i < 5; i++) {
        if (slot[i] >= 0) g[slot[i]] += s.g[i];
        for (int j = 0; j <= i; j++, n++) {
            int k = slot[i] > slot[j] ? slot[i] : slot[j],
                l = slot[i] > slot[j] ? slot[j] : slot[i];
            if (l < 0) continue;
            /* Two slots may be one parameter (tied exponents): (i, j) and (j, i) both land there.
             */
            double times = i != j && k == l ? 2 : 1;
            h[AT(k, l)] += times * s.h[n];
            m[AT(k, l)] += times * s.m[n];
        }
    }
}

void fit_evaluate(struct fit_problem *p, const double *t, double *f, double *g, double *h,
                  double *m)
{
    const struct law *law = p->law;
    if (law->terms) {
        evaluate_terms(p, t, f, g, h, m);
        return;
    }
    const struct fit_rows *rows = p->rows;
    const struct kernel_loss *loss = &p->loss;
    int n = law->n, packed = n * (n + 1) / 2;
    *f = 0;
    for (int i = 0; i < n; i++) g[i] = 0;
    for (int i = 0; i < packed; i++) h[i] = m[i] = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->w[i] == 0) continue;
        double x[3] = {rows->x[0][i], rows->x[1][i], rows->x[2][i]}, lg[LAW_PARAMS],
               lh[LAW_HESSIAN];
        double L = law_internal(law, t, x, p->centre, lg, lh), r = L - rows->L[i], scale = 1,
               bend = 0;
        if (loss->log) {
            r = log(L) - rows->y[i];
            scale = 1 / L;
            bend = 1;
        }
        double w = rows->w[i] * (r > 0 ? loss->over : 1), size = fabs(r);
        bool inside = size <= loss->active;
        double psi = w * (inside ? r : copysign(loss->delta, r)), curve = inside ? w : 0,
               major = inside ? w : w * loss->delta / (size + 1e-300);
        *f += w * (inside ? 0.5 * r * r : loss->delta * (size - 0.5 * loss->delta));
        for (int a = 0, k = 0; a < n; a++) {
            double ja = lg[a] * scale;
            g[a] += psi * ja;
            for (int b = 0; b <= a; b++, k++) {
                double jj = ja * lg[b] * scale;
                h[k] += (curve - bend * psi) * jj + psi * lh[k] * scale;
                m[k] += major * jj;
            }
        }
    }
}

static void problem_function(void *context, const double *t, double *f, double *g, double *h,
                             double *m)
{
    fit_evaluate(context, t, f, g, h, m);
}

/* --- problems --- */

static double total_weight(const struct fit_rows *rows)
{
    double sum = 0;
    for (size_t i = 0; i < rows->n; i++) sum += rows->w[i];
    return sum;
}

static void limits(const struct fit_problem *p, const struct fit_rows *rows)
{
    struct fit_problem *q = (struct fit_problem *)(uintptr_t)p;
    double low = INFINITY, high = -INFINITY, x_low = INFINITY, x_high = -INFINITY;
    for (size_t i = 0; i < rows->n; i++) {
        low = fmin(low, rows->y[i]);
        high = fmax(high, rows->y[i]);
        x_low = fmin(x_low, rows->x[0][i]);
        x_high = fmax(x_high, rows->x[0][i]);
    }
    for (int i = 0; i < p->law->n; i++) {
        const struct law_param *param = &p->law->param[i];
        double lo = -3, hi = 10;
        switch (param->map) {
        case MAP_PLAIN:
            for (int k = 0; k < p->law->n; k++) {
                if (p->law->param[k].map == MAP_SCALE && p->law->param[k].exponent == i) lo = 1e-3;
            }
            if (param->name[0] == 'c') lo = -10;
            break;
        case MAP_LOG:
            lo = i == p->law->constant ? low - 40 : -5;
            hi = i == p->law->constant ? high + 1 : 12;
            break;
        case MAP_COEFFICIENT:
            lo = low - 40;
            hi = high + 80;
            break;
        case MAP_SCALE:
            lo = low - 80;
            hi = high + 80;
            break;
        case MAP_PLACE:
            lo = x_low - 1;
            hi = x_high + 1;
            break;
        }
        q->lower[i] = lo;
        q->upper[i] = hi;
    }
}

static double to_internal(const struct law *law, const double *centre, int i, double value)
{
    const struct law_param *param = &law->param[i];
    double l = value > 0 ? log(value) : -60;
    if (param->map == MAP_PLAIN) return value;
    if (param->map == MAP_PLACE) return l - centre[param->variable];
    return param->map == MAP_SCALE ? 0 : l; /* the centre was moved to make it so */
}

static int apply_pins(struct fit_problem *p, struct fit_data *d, const struct fit_options *o,
                      struct err *e)
{
    const struct law *law = p->law;
    for (int i = 0; i < law->n; i++) {
        const struct law_param *param = &law->param[i];
        if (!o->pinned[i] && !o->bounded[i]) continue;
        if (param->map == MAP_COEFFICIENT) fit_data_recentre(d, param->variable, 0);
        if (param->map == MAP_SCALE && o->bounded[i])
            return err_set(e, "%s of the law %s can be pinned but not bounded", param->name,
                           law->name);
        if (param->map == MAP_SCALE) {
            if (!(o->pin[i] > 0)) return err_set(e, "--pin %s: expected more than 0", param->name);
            fit_data_recentre(d, param->variable, log(o->pin[i]));
        }
    }
    /* Limits of coefficients follow the centre. */
    limits(p, &d->rows);
    for (int i = 0; i < law->n; i++) {
        if (law->param[i].map == MAP_COEFFICIENT && d->centre[law->param[i].variable] == 0) {
            p->lower[i] -= 300;
            p->upper[i] += 300;
        }
        if (o->pinned[i]) {
            p->lower[i] = p->upper[i] = to_internal(law, d->centre, i, o->pin[i]);
        } else if (o->bounded[i]) {
            double lo =
                isfinite(o->lower[i]) ? to_internal(law, d->centre, i, o->lower[i]) : -INFINITY;
            double hi =
                isfinite(o->upper[i]) ? to_internal(law, d->centre, i, o->upper[i]) : INFINITY;
            p->lower[i] = fmax(p->lower[i], lo);
            p->upper[i] = fmin(p->upper[i], hi);
            if (!(p->lower[i] < p->upper[i]))
                return err_set(e, "--bound %s: expected LOW:HIGH with room between them",
                               law->param[i].name);
        }
    }
    return 0;
}

int fit_problem_open(struct fit_problem *p, const struct law *law, struct fit_data *d,
                     const struct fit_options *o, struct err *e)
{
    *p = (struct fit_problem){
        .law = law, .rows = &d->rows, .centre = d->centre, .objective = o->objective};
    p->loss = (struct kernel_loss){.log = objective_is_log(&o->objective),
                                   .delta = INFINITY,
                                   .active = INFINITY,
                                   .over = o->objective.kind == OBJ_ASYM ? o->objective.ratio : 1};
    return apply_pins(p, d, o, e);
}

/* --- descents --- */

static void set_delta(struct fit_problem *p, double delta)
{
    p->loss.delta = p->loss.active = delta;
}

static void correct(void *context, double *t)
{
    struct fit_problem *p = context;
    fit_project(p, t, p->work);
}

static void run(struct fit_problem *p, double *t, double tolerance, int steps,
                struct solve_result *r)
{
    double weight = total_weight(p->rows);
    struct solve_problem s = {
        .n = p->law->n,
        .function = problem_function,
        .context = p,
        .lower = p->lower,
        .upper = p->upper,
        .zero = 1e-29 * weight,
        .tolerance = tolerance,
        .max_steps = steps,
        .max_length = 2,
        .correct = p->work && p->loss.delta == INFINITY && p->loss.over == 1 ? correct : NULL};
    int before = r->steps;
    solve(&s, t, r);
    r->steps += before;
}

/* From the optimum at one delta towards that at a smaller one: rows keep their side (quadratic or
 * linear), which makes the path t(delta) a straight line between changes of side. */
static void follow(struct fit_problem *p, double *t, double from, double to)
{
    double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN], a[LAW_HESSIAN], s[LAW_PARAMS];
    int index[LAW_PARAMS], n = 0;
    p->loss.delta = to;
    p->loss.active = from;
    fit_evaluate(p, t, &f, g, h, m);
    for (int i = 0; i < p->law->n; i++) {
        if (t[i] > p->lower[i] && t[i] < p->upper[i]) index[n++] = i;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) a[AT(i, j)] = h[AT(index[i], index[j])];
        s[i] = -g[index[i]];
    }
    if (!cholesky(n, a)) return;
    cholesky_solve(n, a, s);
    for (int i = 0; i < n; i++) {
        if (!(fabs(s[i]) < 0.5)) return;
    }
    for (int i = 0; i < n; i++)
        t[index[i]] = fmin(fmax(t[index[i]] + s[i], p->lower[index[i]]), p->upper[index[i]]);
}

/* Down from one delta to another, a fifth at a time; the last stage to full precision. */
static void anneal(struct fit_problem *p, double *t, double delta, double target,
                   struct solve_result *r)
{
    while (delta > target) {
        set_delta(p, delta);
        run(p, t, 1e-3, 12, r);
        double next = fmax(0.2 * delta, target);
        follow(p, t, delta, next);
        if (next == target) break;
        delta = next;
    }
    set_delta(p, target);
    run(p, t, 1e-24, MANY_STEPS, r);
}

static double robust_target(const struct fit_problem *p, double scale)
{
    return p->objective.kind == OBJ_HUBER ? p->objective.delta : 1e-8 * scale;
}

static void descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r)
{
    int kind = (int)p->objective.kind;
    r->steps = 0;
    if (kind == OBJ_LS || kind == OBJ_LOGLS) {
        set_delta(p, INFINITY);
        run(p, t, 1e-24, MANY_STEPS, r);
        return;
    }
    if (warm && kind == OBJ_HUBER) {
        double start[LAW_PARAMS];
        memcpy(start, t, sizeof start);
        set_delta(p, p->objective.delta);
        run(p, t, 1e-24, 60, r);
        if (r->converged) return;
        memcpy(t, start, sizeof start);
    }
    set_delta(p, INFINITY);
    run(p, t, 1e-3, 60, r);
    double scale = fmax(sqrt(2 * r->f / total_weight(p->rows)), 1e-14);
    anneal(p, t, 0.5 * scale, robust_target(p, scale), r);
}

void fit_descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r)
{
    /* Without the scratch a descent only takes longer. */
    p->work = p->law->terms && !warm ? malloc(2 * p->rows->n * sizeof *p->work) : NULL;
    descend(p, t, warm, r);
    free(p->work);
    p->work = NULL;
}

/* Objectives with a kink have many local minima a millionth apart: the law bends over the rows it
 * passes through. From the best, small random steps (a fraction of a standard error) and short
 * descents, until a round of them finds nothing lower. */
static void search_nearby(struct fit_problem *p, double *t, struct solve_result *r)
{
    enum { ROUND = 24, ROUNDS = 6 };
    int n = p->law->n, index[LAW_PARAMS], k = 0;
    for (int i = 0; i < n; i++) {
        if (!r->at_bound[i]) index[k++] = i;
    }
    double best = fit_objective_value(p, t);
    for (int round = 0; round < ROUNDS; round++) {
        double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN], a[LAW_HESSIAN];
        double tries[ROUND][LAW_PARAMS], values[ROUND];
        struct solve_result results[ROUND];
        set_delta(p, INFINITY);
        fit_evaluate(p, t, &f, g, h, m);
        double scale = fmax(sqrt(2 * f / total_weight(p->rows)), 1e-14);
        for (int i = 0; i < k; i++) {
            for (int j = 0; j <= i; j++) a[AT(i, j)] = m[AT(index[i], index[j])];
        }
        if (k == 0 || !cholesky(k, a)) return;
#pragma omp parallel for schedule(dynamic)
        for (int trial = 0; trial < ROUND; trial++) {
            struct fit_problem mine = *p;
            double z[LAW_PARAMS], size = scale * (trial % 3 == 0 ? 0.1 : trial % 3 == 1 ? 0.3 : 1);
            for (int i = 0; i < k; i++)
                z[i] = rng_gaussian(1, (uint64_t)(round * ROUND + trial), (uint64_t)i);
            /* The covariance of z L^-1 is that of least squares. */
            for (int i = k; i-- > 0;) {
                for (int j = i + 1; j < k; j++) z[i] -= a[AT(j, i)] * z[j];
                z[i] /= a[AT(i, i)];
            }
            memcpy(tries[trial], t, sizeof tries[trial]);
            for (int i = 0; i < k; i++) tries[trial][index[i]] += size * z[i];
            results[trial].steps = 0;
            anneal(&mine, tries[trial], 0.02 * scale, robust_target(p, scale), &results[trial]);
            values[trial] =
                results[trial].converged ? fit_objective_value(&mine, tries[trial]) : INFINITY;
        }
        int found = -1;
        for (int i = 0; i < ROUND; i++) {
            if (!(values[i] < best * (1 - 1e-12))) continue;
            best = values[i];
            found = i;
        }
        if (found < 0) return;
        memcpy(t, tries[found], sizeof tries[found]);
        *r = results[found];
    }
}

double fit_objective_value(const struct fit_problem *p, const double *t)
{
    struct fit_problem q = *p;
    double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN];
    if (p->objective.kind == OBJ_LAD || p->objective.kind == OBJ_ASYM) {
        /* Huber's with a delta below rounding is delta |r|. */
        set_delta(&q, 0x1p-200);
        fit_evaluate(&q, t, &f, g, h, m);
        return f * 0x1p200;
    }
    set_delta(&q, p->objective.kind == OBJ_HUBER ? p->objective.delta : INFINITY);
    fit_evaluate(&q, t, &f, g, h, m);
    return f;
}

/* --- fitting --- */

static int distinct(const double *x, size_t n)
{
    int count = 0;
    double seen[16];
    for (size_t i = 0; i < n && count < 16; i++) {
        int k = 0;
        while (k < count && seen[k] != x[i]) k++;
        if (k == count) seen[count++] = x[i];
    }
    return count;
}

static int check_rows(const struct law *law, const struct fit_data *d, const struct fit_options *o,
                      struct err *e)
{
    static const char *const names[3] = {"N", "D", "U"};
    int n_free = 0;
    double low = INFINITY, high = 0;
    for (int i = 0; i < law->n; i++) n_free += !o->pinned[i];
    for (size_t i = 0; i < d->n; i++) {
        low = fmin(low, d->rows.L[i]);
        high = fmax(high, d->rows.L[i]);
    }
    if (d->n <= (size_t)n_free)
        return err_set(e,
                       "%zu rows cannot determine the %d parameters of %s: at least %d are needed",
                       d->n, n_free, law->name, n_free + 1);
    if (low == high)
        return err_set(e, "all %zu losses are equal (%.6g): there is no law in them", d->n, low);
    for (int v = 0; v < 3; v++) {
        if (!(law->variables >> v & 1) || (v == 2 && law->variables & LAW_U)) continue;
        int need = law->constant >= 0 && !o->pinned[law->constant], place = 0;
        for (int i = 0; i < law->n; i++) {
            const struct law_param *p = &law->param[i];
            if (p->map == MAP_PLACE) place += 3;
            if ((p->map != MAP_COEFFICIENT && p->map != MAP_SCALE) || p->variable != v) continue;
            bool shared = false;
            for (int k = 0; k < law->n; k++)
                shared = shared || (k != i && law->param[k].map == p->map &&
                                    law->param[k].exponent == p->exponent);
            need += !o->pinned[i] + (!o->pinned[p->exponent] && !shared);
        }
        need += place;
        int found = distinct(d->rows.x[v], d->n);
        const char *name = law->variables & LAW_ANY              ? "the variable"
                           : v == 1 && law->variables & LAW_STEP ? "the step"
                                                                 : names[v];
        if (found == 1 && need > 0)
            return err_set(e, "%s is the same in all %zu rows (%.6g): %s cannot be fitted", name,
                           d->n, exp(d->rows.x[v][0] + d->centre[v]), law->name);
        if (found < need)
            return err_set(e, "%s takes only %d different values: %s needs at least %d", name,
                           found, law->name, need);
    }
    return 0;
}

/* Squared ratio of the largest to the least singular value of R T, R'R = m (packed), T n x n or
 * NULL. */
static double condition_of(int n, const double *m, const double *T, const bool *skip)
{
    double a[LAW_HESSIAN], value = INFINITY;
    int index[LAW_PARAMS], k = 0;
    for (int i = 0; i < n; i++) {
        if (!skip[i]) index[k++] = i;
    }
    if (k == 0) return 1;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j <= i; j++) a[AT(i, j)] = m[AT(index[i], index[j])];
    }
    if (!cholesky(k, a)) return INFINITY;
    gsl_matrix *A = gsl_matrix_calloc((size_t)k, (size_t)k),
               *V = gsl_matrix_alloc((size_t)k, (size_t)k);
    gsl_vector *s = gsl_vector_alloc((size_t)k);
    if (A && V && s) {
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++) {
                double sum = 0;
                /* R is the transpose of the factor: R[i][l] = a[l][i], l >= i */
                for (int l = i; l < k; l++)
                    sum += a[AT(l, i)] * (T ? T[index[l] * n + index[j]] : l == j);
                gsl_matrix_set(A, (size_t)i, (size_t)j, sum);
            }
        }
        if (!gsl_linalg_SV_decomp_jacobi(A, V, s)) {
            double r = gsl_vector_get(s, 0) / gsl_vector_get(s, (size_t)k - 1);
            value = r * r;
        }
    }
    if (A) gsl_matrix_free(A);
    if (V) gsl_matrix_free(V);
    if (s) gsl_vector_free(s);
    return value;
}

/* d internal / d natural: the inverse of law_jacobian, by its structure. */
static void inverse_jacobian(const struct law *law, const double *centre, const double *t,
                             double *T)
{
    int n = law->n;
    double params[LAW_PARAMS];
    law_to_natural(law, centre, t, params);
    memset(T, 0, (size_t)(n * n) * sizeof *T);
    for (int i = 0; i < n; i++) {
        const struct law_param *p = &law->param[i];
        double c = centre[p->variable];
        switch (p->map) {
        case MAP_PLAIN:
            T[i * n + i] = 1;
            break;
        case MAP_LOG:
        case MAP_PLACE:
            T[i * n + i] = 1 / params[i];
            break;
        case MAP_COEFFICIENT:
            T[i * n + i] = 1 / params[i];
            T[i * n + p->exponent] = -c;
            break;
        case MAP_SCALE:
            T[i * n + i] = params[p->exponent] / params[i];
            T[i * n + p->exponent] = log(params[i]) - c;
            break;
        }
    }
}

static void describe(struct fit *f, struct fit_problem *p, const struct fit_data *d,
                     const struct solve_result *r)
{
    const struct law *law = p->law;
    double ls, g[LAW_PARAMS], h[LAW_HESSIAN], T[LAW_PARAMS * LAW_PARAMS], low = INFINITY;
    f->value = fit_objective_value(p, f->t);
    memcpy(f->g, r->g, sizeof f->g);
    memcpy(f->h, r->h, sizeof f->h);
    memcpy(f->m, r->m, sizeof f->m);
    f->decrement = r->decrement;
    f->gradient = 0;
    f->free = 0;
    for (size_t i = 0; i < d->n; i++) low = fmin(low, d->rows.y[i]);
    for (int i = 0; i < law->n; i++) {
        f->at_bound[i] = r->at_bound[i] || f->t[i] <= p->lower[i] || f->t[i] >= p->upper[i];
        f->free += p->lower[i] < p->upper[i];
        const struct law_param *param = &law->param[i];
        /* A coefficient worth less than a billionth of the loss at the centre is no term at all. */
        f->vanished[i] = ((param->map == MAP_LOG && i == law->constant) ||
                          (param->map == MAP_COEFFICIENT && f->centre[param->variable] != 0)) &&
                         f->t[i] < low - 20;
        double size = sqrt(r->m[AT(i, i)] * 2 * fmax(r->f, 1e-300));
        if (!f->at_bound[i] && size > 0) f->gradient = fmax(f->gradient, fabs(r->g[i]) / size);
    }
    struct fit_problem q = *p;
    double m[LAW_HESSIAN];
    set_delta(&q, INFINITY);
    fit_evaluate(&q, f->t, &ls, g, h, m);
    f->condition = condition_of(law->n, m, NULL, f->at_bound);
    inverse_jacobian(law, f->centre, f->t, T);
    f->condition_raw = condition_of(law->n, m, T, f->at_bound);
    f->rss = f->rss_log = 0;
    for (size_t i = 0; i < d->n; i++) {
        double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double L = law_internal(law, f->t, x, f->centre, NULL, NULL), dl = L - d->rows.L[i],
               dy = log(L) - d->rows.y[i];
        f->rss += d->rows.w[i] * dl * dl;
        f->rss_log += d->rows.w[i] * dy * dy;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 1.345 robust standard deviations of the residuals of the least absolute deviations fit. */
static int automatic_delta(struct fit *f, const struct law *law, struct fit_data *d,
                           const struct fit_options *o, struct fit_options *own, struct err *e)
{
    *own = *o;
    own->objective.kind = OBJ_LAD;
    double *r = malloc((d->n + 1) * sizeof *r);
    if (!r) return err_memory(e, NULL);
    int status = fit_law(f, law, d, own, e);
    if (!status) {
        fit_residuals(f, d, r);
        for (size_t i = 0; i < d->n; i++) r[i] = fabs(r[i]);
        qsort(r, d->n, sizeof *r, compare_doubles);
        own->objective.kind = OBJ_HUBER;
        own->objective.delta = fmax(1.345 * 1.4826 * r[d->n / 2], 1e-9);
    }
    free(r);
    return status;
}

int fit_law(struct fit *f, const struct law *law, struct fit_data *d, const struct fit_options *o,
            struct err *e)
{
    enum { MAX_STARTS = 900 };
    struct fit_options own;
    struct fit_problem p;
    gsl_set_error_handler_off();
    if (check_rows(law, d, o, e)) return -1;
    if (o->objective.kind == OBJ_HUBER && o->objective.delta == 0) {
        if (automatic_delta(f, law, d, o, &own, e)) return -1;
        o = &own;
    }
    if (fit_problem_open(&p, law, d, o, e)) return -1;
    *f = (struct fit){.law = law, .objective = o->objective, .rows = d->n};
    memcpy(f->centre, d->centre, sizeof f->centre);
    double(*t)[LAW_PARAMS] = malloc(MAX_STARTS * sizeof *t);
    struct solve_result *r = calloc(MAX_STARTS, sizeof *r);
    int status = -1;
    if (!t || !r) {
        err_memory(e, NULL);
        goto out;
    }
    int n = fit_starts(&p, o->grid ? o->grid : 6, MAX_STARTS, t);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++) {
        struct fit_problem mine = p;
        fit_descend(&mine, t[i], false, &r[i]);
    }
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (r[i].converged && (best < 0 || r[i].f < r[best].f)) best = i;
    }
    f->starts = n;
    if (best < 0) {
        err_set(e, "none of %d starts of %s reached an optimum: the rows do not determine it", n,
                law->name);
        goto out;
    }
    double close = 1e-8 * r[best].f + 1e-26 * total_weight(p.rows);
    for (int i = 0; i < n; i++) f->agree += r[i].converged && r[i].f - r[best].f <= close;
    if (o->objective.kind == OBJ_LAD || o->objective.kind == OBJ_ASYM)
        search_nearby(&p, t[best], &r[best]);
    memcpy(f->t, t[best], sizeof f->t);
    law_to_natural(law, f->centre, f->t, f->params);
    describe(f, &p, d, &r[best]);
    for (int i = 0; i < law->n; i++) {
        if (o->pinned[i]) f->params[i] = o->pin[i];
        if (f->vanished[i]) f->params[i] = 0;
    }
    status = 0;
out:
    free(t);
    free(r);
    return status;
}

void fit_residuals(const struct fit *f, const struct fit_data *d, double *r)
{
    bool log_scale = objective_is_log(&f->objective);
    for (size_t i = 0; i < d->n; i++) {
        double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double L = law_internal(f->law, f->t, x, f->centre, NULL, NULL);
        r[i] = log_scale ? log(L) - d->rows.y[i] : L - d->rows.L[i];
    }
}

double fit_predict(const struct fit *f, double N, double D, double U)
{
    double x[3] = {log(N) - f->centre[0], D > 0 ? log(D) - f->centre[1] : 0,
                   U > 0 ? log(U) - f->centre[2] : 0};
    return law_internal(f->law, f->t, x, f->centre, NULL, NULL);
}
