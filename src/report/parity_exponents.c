/* parity_exponents.c - see parity_exponents.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/parity_exponents.h"

#include <math.h>
#include <stdlib.h>

#include "fit/ols.h"

const char *const parity_quantity_names[PARITY_QUANTITIES] = {"alpha_N", "alpha_S", "alpha_D",
                                                              "convergence", "order"};

/* Figure 10's slopes, read off the plot (N) or printed (S, D); Figure 8's for convergence. */
static double published(enum parity_quantity what, double zipf)
{
    static const double n[] = {0.23, 0.28, 0.34, 0.38, 0.455, 0.505, 0.575, 0.61},
                        s[] = {0.236, 0.267, 0.307, 0.346, 0.376, 0.448, 0.468, 0.482},
                        d[] = {0.275, 0.271, 0.274, 0.284, 0.297, 0.311, 0.308, 0.322,
                               0.335, 0.341, 0.357, 0.366, 0.373, 0.394, 0.404};
    const double tenth = (zipf - 1.1) / 0.1, half = (zipf - 1.1) / 0.05;
    const long i = lround(tenth), k = lround(half);
    if (what == PARITY_CONVERGENCE) return fabs(zipf - 1.4) < 1e-9 ? -0.81 : NAN;
    if (what == PARITY_ALPHA_D)
        return fabs(half - (double)k) < 1e-6 && k >= 0 && k < 15 ? d[k] : NAN;
    if (what == PARITY_ORDER || fabs(tenth - (double)i) > 1e-6 || i < 0 || i > 7) return NAN;
    return what == PARITY_ALPHA_N ? n[i] : s[i];
}

static double theory(enum parity_quantity what, double zipf)
{
    if (what == PARITY_CONVERGENCE) return -1;
    if (what == PARITY_ORDER) return 1;
    if (zipf <= 1) return NAN;
    return what == PARITY_ALPHA_N ? zipf - 1 : (zipf - 1) / zipf;
}

size_t parity_learned(const struct parity_found *r, double limit, bool ever)
{
    const size_t tasks = r->run.shape.tasks;
    size_t n = 0;
    for (size_t t = 0; t < tasks; t++) {
        bool found = false;
        for (size_t i = ever ? 0 : r->log.n - 1; i < r->log.n && !found; i++)
            found = (double)r->log.subtask[i * tasks + t] < limit;
        n += found;
    }
    return n;
}

/* Points of one seed. */
struct points {
    double *x, *y;
    size_t n, room;
    bool failed;
};
static void add(struct points *p, double x, double y)
{
    if (!isfinite(x) || !isfinite(y)) return; /* a run that diverged */
    if (p->n == p->room) {
        const size_t room = p->room ? 2 * p->room : 64;
        double *a = realloc(p->x, room * sizeof *a), *b = realloc(p->y, room * sizeof *b);
        if (a) p->x = a;
        if (b) p->y = b;
        if (!a || !b) {
            p->failed = true;
            return;
        }
        p->room = room;
    }
    p->x[p->n] = x;
    p->y[p->n++] = y;
}

/* --- the points of each quantity --- */

static bool chosen(const struct parity_found *r, double zipf, uint64_t seed, bool data)
{
    return r->run.shape.zipf == zipf && r->run.shape.seed == seed && (r->run.data != 0) == data;
}

static void points_n(struct points *p, const struct parity_folder *f, double zipf, uint64_t seed)
{
    size_t most = 0;
    for (size_t i = 0; i < f->n; i++)
        if (chosen(&f->found[i], zipf, seed, false) && f->found[i].run.steps > most)
            most = f->found[i].run.steps;
    for (size_t i = 0; i < f->n; i++) {
        const struct parity_found *r = &f->found[i];
        if (chosen(r, zipf, seed, false) && r->run.steps == most)
            add(p, log((double)parity_parameters(&r->run.shape, r->run.width)),
                log(r->log.mean[r->log.n - 1]));
    }
}

static const struct parity_found *widest(const struct parity_folder *f, double zipf, uint64_t seed)
{
    const struct parity_found *best = NULL;
    for (size_t i = 0; i < f->n; i++) {
        const struct parity_found *r = &f->found[i];
        if (chosen(r, zipf, seed, false) && (!best || r->run.width > best->run.width)) best = r;
    }
    return best;
}

static void points_s(struct points *p, const struct parity_found *r, const struct parity_window *w)
{
    for (size_t i = 1; r && i < r->log.n; i++) {
        const double step = (double)(i * r->run.log);
        if (step >= w->first && step < w->end) add(p, log(step), log(r->log.mean[i]));
    }
}

static int by_data(const void *x, const void *y)
{
    const struct parity_found *a = *(const struct parity_found *const *)x,
                              *b = *(const struct parity_found *const *)y;
    return (a->run.data > b->run.data) - (a->run.data < b->run.data);
}

static void points_d(struct points *p, const struct parity_folder *f, double zipf, uint64_t seed)
{
    const struct parity_found **some = malloc((f->n + 1) * sizeof(*some));
    size_t n = 0;
    bool begun = false;
    p->failed = p->failed || !some;
    for (size_t i = 0; i < f->n && some; i++)
        if (chosen(&f->found[i], zipf, seed, true)) some[n++] = &f->found[i];
    if (n) qsort(some, n, sizeof *some, by_data);
    for (size_t i = 0; i < n; i++) {
        const double loss = some[i]->log.mean[parity_log_best(&some[i]->log)];
        begun = begun || loss < 0.95 * M_LN2;
        if (begun) add(p, log((double)some[i]->run.data), log(loss));
    }
    free(some);
}

/* x: ln of the frequency, up to a constant; or the rank. */
static void points_convergence(struct points *p, const struct parity_found *r, bool rank)
{
    for (size_t t = 0; r && t < r->run.shape.tasks; t++) {
        const struct parity_shape *s = &r->run.shape;
        size_t i = 0;
        while (i < r->log.n && !((double)r->log.subtask[i * s->tasks + t] < PARITY_TENTH_BIT)) i++;
        if (i == 0 || i == r->log.n) continue;
        if (rank)
            add(p, (double)t, (double)i);
        else
            add(p, -s->zipf * log((double)(t + 1) + s->offset), log((double)(i * r->run.log)));
    }
}

/* --- values --- */

/* Half ranks where equal: how many are smaller, and half of the others that are equal. */
static void to_ranks(double *out, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double rank = 0;
        for (size_t k = 0; k < n; k++) rank += v[k] < v[i] ? 1 : v[k] == v[i] ? 0.5 : 0;
        out[i] = rank;
    }
}

static double correlation(const struct points *p)
{
    double *a = malloc(2 * (p->n + 1) * sizeof *a), r = NAN;
    if (!a) return NAN;
    double *b = a + p->n;
    struct ols_line up, down;
    to_ranks(a, p->x, p->n);
    to_ranks(b, p->y, p->n);
    if (ols_line(a, b, p->n, 0.95, &up) && ols_line(b, a, p->n, 0.95, &down))
        r = up.slope * sqrt(down.sxx > 0 ? up.sxx / down.sxx : NAN);
    free(a);
    return r;
}

static bool value_of(struct parity_exponent *x, const struct points *p, double *value)
{
    struct ols_line line;
    if (p->failed || p->n < 3) return false;
    if (x->what == PARITY_ORDER) {
        *value = correlation(p);
        x->lo = x->hi = NAN;
        return isfinite(*value);
    }
    if (!ols_line(p->x, p->y, p->n, 0.95, &line)) return false;
    const double sign = x->what == PARITY_CONVERGENCE ? 1 : -1;
    *value = sign * line.slope;
    x->lo = sign > 0 ? line.slope_lo : -line.slope_hi;
    x->hi = sign > 0 ? line.slope_hi : -line.slope_lo;
    return true;
}

static void points_of(struct points *p, enum parity_quantity what, const struct parity_folder *f,
                      double zipf, uint64_t seed, const struct parity_window *w)
{
    p->n = 0;
    p->failed = false;
    switch (what) {
    case PARITY_ALPHA_N:
        points_n(p, f, zipf, seed);
        break;
    case PARITY_ALPHA_S:
        points_s(p, widest(f, zipf, seed), w);
        break;
    case PARITY_ALPHA_D:
        points_d(p, f, zipf, seed);
        break;
    default:
        points_convergence(p, widest(f, zipf, seed), what == PARITY_ORDER);
    }
}

/* Whether run I is the first with its Zipf exponent (and seed). */
static bool first_of(const struct parity_folder *f, size_t i, bool seed)
{
    const struct parity_shape *s = &f->found[i].run.shape;
    for (size_t k = 0; k < i; k++) {
        const struct parity_shape *o = &f->found[k].run.shape;
        if (o->zipf == s->zipf && (!seed || o->seed == s->seed)) return false;
    }
    return true;
}

static bool exponent(struct parity_exponent *x, const struct parity_folder *f,
                     const struct parity_window *w)
{
    struct points p = {.n = 0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < f->n; i++) {
        double value;
        if (f->found[i].run.shape.zipf != x->zipf || !first_of(f, i, true)) continue;
        points_of(&p, x->what, f, x->zipf, f->found[i].run.shape.seed, w);
        if (!value_of(x, &p, &value)) continue;
        x->seeds++;
        x->points += p.n;
        sum += value;
        squares += value * value;
    }
    free(p.x);
    free(p.y);
    if (!x->seeds) return false;
    const double n = (double)x->seeds;
    x->value = sum / n;
    if (x->what == PARITY_ORDER) return true; /* bounded: no interval of Student's */
    if (x->seeds >= 3) {
        const double error = sqrt(fmax(squares - sum * sum / n, 0) / (n - 1) / n);
        x->lo = x->value - ols_t(0.95, n - 1) * error;
        x->hi = x->value + ols_t(0.95, n - 1) * error;
        x->by_seeds = true;
    } else if (x->seeds == 2) {
        x->lo = x->hi = NAN;
    }
    return true;
}

size_t parity_exponents(struct parity_exponent *out, const struct parity_folder *f,
                        const struct parity_window *w)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!first_of(f, i, false)) continue;
        for (int what = 0; what < PARITY_QUANTITIES; what++) {
            const double zipf = f->found[i].run.shape.zipf;
            struct parity_exponent x = {.what = (enum parity_quantity)what,
                                        .zipf = zipf,
                                        .lo = NAN,
                                        .hi = NAN,
                                        .published = published((enum parity_quantity)what, zipf),
                                        .theory = theory((enum parity_quantity)what, zipf)};
            if (exponent(&x, f, w)) out[n++] = x;
        }
    }
    return n;
}
