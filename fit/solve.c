/* solve.c - see solve.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/solve.h"

#include <math.h>
#include <string.h>

bool cholesky(int n, double *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double s = a[PACKED(i, j)];
            for (int k = 0; k < j; k++) s -= a[PACKED(i, k)] * a[PACKED(j, k)];
            if (i == j) {
                /* Below this the pivot is rounding. */
                if (!(s > 1e-16 * fabs(a[PACKED(i, i)])) || !isfinite(s)) return false;
                a[PACKED(i, i)] = sqrt(s);
            } else {
                a[PACKED(i, j)] = s / a[PACKED(j, j)];
            }
        }
    }
    return true;
}

void cholesky_solve(int n, const double *a, double *b)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) b[i] -= a[PACKED(i, k)] * b[k];
        b[i] /= a[PACKED(i, i)];
    }
    for (int i = n; i-- > 0;) {
        for (int k = i + 1; k < n; k++) b[i] -= a[PACKED(k, i)] * b[k];
        b[i] /= a[PACKED(i, i)];
    }
}

/* What a trial point evaluates to. */
struct value {
    double f, g[SOLVE_MAX], h[SOLVE_PACKED], m[SOLVE_PACKED];
};

static void evaluate(const struct solve_problem *p, const double *t, struct value *v)
{
    p->function(p->context, t, &v->f, v->g, v->h, v->m);
    double sum = v->f;
    for (int i = 0; i < p->n; i++) sum += 0 * v->g[i] + 0 * v->h[PACKED(i, i)];
    if (!isfinite(sum)) v->f = INFINITY;
}

/* The variables that may move: not fixed, not held at a bound by the gradient. */
static int free_set(const struct solve_problem *p, const double *t, const double *g, int *index)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->lower) {
            if (p->lower[i] == p->upper[i]) continue;
            if (t[i] <= p->lower[i] && g[i] > 0) continue;
            if (t[i] >= p->upper[i] && g[i] < 0) continue;
        }
        index[n++] = i;
    }
    return n;
}

/* (H + lambda (M + diag M / 100)) s = -g over the free set, or with M in H's place. False when the
 * matrix is not positive. */
static bool damped_step(const struct value *v, bool exact, double lambda, int n, const int *index,
                        double *s)
{
    const double *h = exact ? v->h : v->m;
    double a[SOLVE_PACKED];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            int k = PACKED(index[i], index[j]);
            a[PACKED(i, j)] = h[k] + lambda * v->m[k] * (i == j ? 1.01 : 1);
        }
        s[i] = -v->g[index[i]];
    }
    if (!cholesky(n, a)) return false;
    cholesky_solve(n, a, s);
    for (int i = 0; i < n; i++) {
        if (!isfinite(s[i])) return false;
    }
    return true;
}

/* f(t) - model(t + s) of the quadratic model. */
static double predicted(const struct value *v, bool exact, int n, const int *index, const double *s)
{
    const double *h = exact ? v->h : v->m;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double hs = 0;
        for (int j = 0; j < n; j++) {
            int a = index[i > j ? i : j], b = index[i > j ? j : i];
            hs += h[PACKED(a, b)] * s[j];
        }
        sum -= s[i] * (v->g[index[i]] + 0.5 * hs);
    }
    return sum;
}

static void move(const struct solve_problem *p, const double *t, int n, const int *index, double *s,
                 double *to)
{
    memcpy(to, t, (size_t)p->n * sizeof *to);
    for (int i = 0; i < n; i++) {
        int k = index[i];
        to[k] = t[k] + s[i];
        if (!p->lower) continue;
        if (to[k] < p->lower[k]) to[k] = p->lower[k];
        if (to[k] > p->upper[k]) to[k] = p->upper[k];
        s[i] = to[k] - t[k];
    }
}

/* g' M^-1-like size of the gradient: what lets steps below the rounding of f be compared. */
static double gradient_size(const struct value *v, int n, const int *index)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double scale = v->m[PACKED(index[i], index[i])];
        if (scale > 0) sum += v->g[index[i]] * v->g[index[i]] / scale;
    }
    return sum;
}

/* One exact step in the linear variables; costs an evaluation. */
static void project(const struct solve_problem *p, double *t, struct value *v, int *steps)
{
    double a[SOLVE_PACKED], s[SOLVE_MAX], to[SOLVE_MAX];
    int index[SOLVE_MAX], n = 0;
    struct value projected;
    if (!isfinite(v->f)) return;
    for (int i = 0; i < p->n; i++) {
        if (p->linear >> i & 1) index[n++] = i;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) a[PACKED(i, j)] = v->h[PACKED(index[i], index[j])];
        s[i] = -v->g[index[i]];
    }
    if (!cholesky(n, a)) return;
    cholesky_solve(n, a, s);
    memcpy(to, t, (size_t)p->n * sizeof *to);
    for (int i = 0; i < n; i++) to[index[i]] += s[i];
    evaluate(p, to, &projected);
    ++*steps;
    if (!(projected.f < v->f)) return;
    *v = projected;
    memcpy(t, to, (size_t)p->n * sizeof *t);
}

/* The result at NOW, where the N parameters of INDEX are free. */
static void finish(const struct solve_problem *p, const struct value *now, int n, const int *index,
                   struct solve_result *r)
{
    double s[SOLVE_MAX];
    r->f = now->f;
    memcpy(r->g, now->g, sizeof r->g);
    memcpy(r->h, now->h, sizeof r->h);
    memcpy(r->m, now->m, sizeof r->m);
    for (int i = 0; i < p->n; i++) r->at_bound[i] = true;
    for (int i = 0; i < n; i++) r->at_bound[index[i]] = false;
    r->decrement = NAN;
    if (!isfinite(now->f)) return;
    if (n == 0)
        r->decrement = 0;
    else if (damped_step(now, true, 0, n, index, s))
        r->decrement = predicted(now, true, n, index, s) / fmax(fabs(now->f), p->zero);
    r->converged = now->f <= p->zero || r->decrement < 1e-10;
}

void solve(const struct solve_problem *p, double *t, struct solve_result *r)
{
    struct value buffer[2], *now = &buffer[0], *next = &buffer[1];
    double lambda = p->damping > 0 ? p->damping : 1e-2, s[SOLVE_MAX], to[SOLVE_MAX];
    int index[SOLVE_MAX], polish = 0;
    memset(r, 0, sizeof *r);
    if (p->lower) {
        for (int i = 0; i < p->n; i++) t[i] = fmin(fmax(t[i], p->lower[i]), p->upper[i]);
    }
    evaluate(p, t, now);
    r->steps = 1;
    if (p->linear) project(p, t, now, &r->steps);
    int n = free_set(p, t, now->g, index);
    while (r->steps < p->max_steps && isfinite(now->f) && n > 0) {
        /* Where the Hessian is not positive, Gauss-Newton's matrix is the better guide. */
        bool exact = damped_step(now, true, lambda, n, index, s);
        if (!exact && !damped_step(now, false, fmax(lambda, 1e-3), n, index, s)) {
            lambda = lambda > 0 ? 10 * lambda : 1e-3;
            if (lambda > 1e12) break;
            continue;
        }
        double longest = 0, free_gain = predicted(now, exact, n, index, s),
               floor = fmax(fabs(now->f), p->zero);
        if (now->f <= p->zero) break;
        for (int i = 0; i < n; i++) longest = fmax(longest, fabs(s[i]));
        move(p, t, n, index, s, to);
        double gain = predicted(now, exact, n, index, s);
        /* Nearly singular: the step, or what bounds left of it, is not to be trusted. */
        if ((p->max_length > 0 && longest > p->max_length) ||
            (gain <= 0 && free_gain > 1e-12 * floor)) {
            lambda = fmax(lambda, 1e-3) * 8;
            if (lambda > 1e12) break;
            continue;
        }
        bool tiny = gain <= 1e-12 * floor;
        if (tiny && lambda > 0) {
            /* A small step only says something when it is Newton's. */
            double newton[SOLVE_MAX];
            if (lambda <= 1e-8 || damped_step(now, true, 0, n, index, newton)) {
                lambda = 0;
                if (polish++ > 4) break;
                continue;
            }
        }
        if (tiny && gain <= p->tolerance * floor) break;
        if (p->correct && gain > 1e-2 * floor) p->correct(p->context, to);
        evaluate(p, to, next);
        r->steps++;
        if (p->linear && !tiny) project(p, to, next, &r->steps);
        double actual = now->f - next->f;
        bool better;
        if (tiny) {
            int again[SOLVE_MAX], k = free_set(p, to, next->g, again);
            better = fabs(actual) <= 1e-11 * floor &&
                     gradient_size(next, k, again) < gradient_size(now, n, index);
            if (!better) break;
        } else {
            better = actual > 1e-4 * gain;
        }
        if (better) {
            struct value *swap = now;
            now = next;
            next = swap;
            memcpy(t, to, (size_t)p->n * sizeof *t);
            n = free_set(p, t, now->g, index);
            if (actual > 0.75 * gain)
                lambda = lambda < 1e-7 ? 0 : lambda * 0.1;
            else if (actual < 0.25 * gain && !tiny)
                lambda = fmax(lambda, 1e-3) * 4;
        } else {
            lambda = fmax(lambda, 1e-3) * 8;
            if (lambda > 1e12) break;
        }
    }
    finish(p, now, n, index, r);
}
