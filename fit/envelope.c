/* envelope.c - Approach 1; see envelope.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/envelope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct point {
    double x, loss, N; /* x = ln C */
    size_t run;
};

struct curve {
    const struct point *p;
    size_t n;
    double N;
};

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* By size, then run, then compute: curves in an order that does not depend on the file's. */
static int by_curve(const void *va, const void *vb)
{
    const struct point *a = va, *b = vb;
    int c = compare(a->N, b->N);
    if (!c) c = (a->run > b->run) - (a->run < b->run);
    if (!c) c = compare(a->x, b->x);
    return c ? c : compare(a->loss, b->loss);
}

/* Loss of a curve at x, by a straight line between checkpoints; NaN outside. *at speeds a rising
 * x. */
static double interpolate(const struct curve *c, double x, size_t *at)
{
    if (x < c->p[0].x || x > c->p[c->n - 1].x) return NAN;
    while (*at + 2 < c->n && c->p[*at + 1].x < x) ++*at;
    const struct point *a = &c->p[*at], *b = a + 1;
    return b->x > a->x ? a->loss + (b->loss - a->loss) * (x - a->x) / (b->x - a->x)
                       : fmin(a->loss, b->loss);
}

/* The curves, and the budgets they are compared at. */
struct field {
    struct point *points;
    struct curve *curves;
    size_t n;  /* curves */
    double *x; /* ln C of the budgets [B] */
    size_t B;
    double lo, hi; /* ln C covered */
    size_t *at;    /* scratch [n] */
};

/* What one contest gave: of each budget the index of the curve that wins, or -1 where fewer than two
 * reach, and the loss there. */
struct outcome {
    long *winner;
    double *loss;
    long skip; /* a curve left out; -1: none */
};

static void contest(const struct field *f, struct outcome *o)
{
    memset(f->at, 0, f->n * sizeof *f->at);
    for (size_t k = 0; k < f->B; k++) {
        size_t reach = 0;
        o->winner[k] = -1;
        o->loss[k] = INFINITY;
        for (size_t i = 0; i < f->n; i++) {
            if ((long)i == o->skip) continue;
            double L = interpolate(&f->curves[i], f->x[k], &f->at[i]);
            if (isnan(L)) continue;
            reach++;
            if (!(L < o->loss[k])) continue;
            o->loss[k] = L;
            o->winner[k] = (long)i;
        }
        if (reach < 2) o->winner[k] = -1;
    }
}

/* Columns for a line, [B] each. */
struct columns {
    double *c, *a, *d; /* log10 of C, N, D */
};

/* The published lines through the budgets, N of C and D of C; false when there are none. *used: the
 * budgets in them. */
static bool published(const struct field *f, const struct outcome *o, const struct envelope *e,
                      bool keep, struct columns w, struct ols_line *lines, size_t *used)
{
    double smallest = INFINITY, largest = -INFINITY;
    size_t m = 0;
    for (size_t i = 0; i < f->n; i++) {
        if ((long)i == o->skip) continue;
        smallest = fmin(smallest, f->curves[i].N);
        largest = fmax(largest, f->curves[i].N);
    }
    for (size_t k = 0; k < f->B; k++) {
        if (o->winner[k] < 0) continue;
        double N = f->curves[o->winner[k]].N;
        if (!keep && (N <= smallest || N >= largest)) continue;
        w.c[m] = f->x[k] / M_LN10;
        w.a[m] = log10(N);
        w.d[m] = w.c[m] - log10(e->factor) - w.a[m];
        m++;
    }
    *used = m;
    return ols_line(w.c, w.a, m, e->level, &lines[0]) && ols_line(w.c, w.d, m, e->level, &lines[1]);
}

/* Replaces the regression's error by the jackknife's over the curves that win. */
static void jackknife(const double *estimates, size_t m, double level, struct ols_line *l)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < m; i++) mean += estimates[i] / (double)m;
    for (size_t i = 0; i < m; i++) sum += (estimates[i] - mean) * (estimates[i] - mean);
    l->slope_se = m >= 3 ? sqrt((double)(m - 1) / (double)m * sum) : NAN;
    l->t = ols_t(level, (double)m - 1);
    l->slope_lo = l->slope - l->t * l->slope_se;
    l->slope_hi = l->slope + l->t * l->slope_se;
    l->intercept_se = l->intercept_lo = l->intercept_hi = l->sigma = NAN;
}

/* One entry per size that wins. */
static int winners(const struct field *field, const struct outcome *o, struct envelope *f,
                   struct err *e)
{
    const size_t n = field->n;
    f->winner = calloc(n, sizeof *f->winner);
    double *mean = calloc(n, sizeof *mean);
    if (!f->winner || !mean) {
        free(mean);
        return err_memory(e, "envelope");
    }
    for (size_t i = 0; i < n; i++) {
        /* Curves are ordered by size: repeats of a size share an entry. */
        bool same = f->n && f->winner[f->n - 1].N >= field->curves[i].N;
        struct envelope_winner *w = same ? &f->winner[f->n - 1] : &f->winner[f->n];
        double *m = same ? &mean[f->n - 1] : &mean[f->n];
        size_t before = w->budgets;
        for (size_t k = 0; k < field->B; k++) {
            if (o->winner[k] != (long)i) continue;
            double C = exp(field->x[k]);
            w->C_lo = w->budgets ? fmin(w->C_lo, C) : C;
            w->C_hi = w->budgets ? fmax(w->C_hi, C) : C;
            w->budgets++;
            *m += field->x[k];
        }
        if (w->budgets == before) continue;
        w->N = field->curves[i].N;
        w->edge = w->N <= field->curves[0].N || w->N >= field->curves[n - 1].N;
        if (!same) f->n++;
    }
    for (size_t i = 0; i < f->n; i++) {
        struct envelope_winner *w = &f->winner[i];
        double middle = mean[i] / (double)w->budgets, nearest = INFINITY;
        w->C = exp(middle);
        w->D = w->C / (f->factor * w->N);
        for (size_t k = 0; k < field->B; k++) {
            if (o->winner[k] < 0 || fabs(field->x[k] - middle) >= nearest) continue;
            nearest = fabs(field->x[k] - middle);
            w->loss = o->loss[k];
        }
    }
    free(mean);
    return 0;
}

/* One point per winning size. */
static void by_size(struct envelope *f, bool keep, struct columns w)
{
    size_t m = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->winner[i].edge && !keep) continue;
        w.c[m] = log10(f->winner[i].C);
        w.a[m] = log10(f->winner[i].N);
        w.d[m] = log10(f->winner[i].D);
        m++;
    }
    if (!ols_line(w.c, w.a, m, f->level, &f->N_by_size) ||
        !ols_line(w.c, w.d, m, f->level, &f->D_by_size))
        f->N_by_size.n = f->D_by_size.n = 0;
}

/* Rows to points; k of C = k N D. */
static int read_rows(struct field *field, const struct envelope_rows *r, struct envelope *f,
                     struct err *e)
{
    double k = 0;
    for (size_t i = 0; i < r->n; i++) {
        const double N = r->N[i], D = r->D[i], C = r->C[i], loss = r->loss[i];
        if (!(N > 0 && D > 0 && C > 0) || !isfinite(N * D * C * loss))
            return err_set(e, "envelope: row %zu: N, D, C must be positive and the loss finite",
                           i + 1);
        field->points[i] = (struct point){log(C), loss, N, r->run[i]};
        k += log(C / (N * D));
    }
    f->factor = exp(k / (double)r->n);
    return 0;
}

/* Points to curves; runs of one checkpoint are counted and left out. */
static int cut_curves(struct field *field, size_t n, struct envelope *f, struct err *e)
{
    struct point *p = field->points;
    qsort(p, n, sizeof *p, by_curve);
    field->lo = INFINITY;
    field->hi = -INFINITY;
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && p[end].run == p[i].run && p[end].N <= p[i].N) end++;
        if (end - i < 2) {
            f->single++;
            continue;
        }
        field->curves[field->n++] = (struct curve){p + i, end - i, p[i].N};
        field->lo = fmin(field->lo, p[i].x);
        field->hi = fmax(field->hi, p[end - 1].x);
    }
    f->runs = field->n;
    return field->n ? 0
                    : err_set(e, "envelope: no run has two checkpoints; Approach 1 needs training "
                                 "curves");
}

/* The published slopes' errors: every curve that wins is left out in turn. */
static void leave_out(const struct field *field, const struct outcome *all, struct outcome *other,
                      struct envelope *f, bool keep, struct columns w, double *estimates)
{
    size_t left = 0, used;
    struct ols_line both[2];
    for (size_t i = 0; i < field->n; i++) {
        bool wins = false;
        for (size_t b = 0; b < field->B && !wins; b++) wins = all->winner[b] == (long)i;
        if (!wins) continue;
        other->skip = (long)i;
        contest(field, other);
        if (published(field, other, f, keep, w, both, &used)) estimates[left++] = both[0].slope;
    }
    jackknife(estimates, left, f->level, &f->N_of_C);
    for (size_t i = 0; i < left; i++)
        estimates[i] = 1 - estimates[i]; /* log D = log C - log k - log N */
    jackknife(estimates, left, f->level, &f->D_of_C);
}

/* The envelope itself: the budgets that two curves reach. */
static int keep_envelope(const struct field *field, const struct outcome *o, struct envelope *f,
                         struct err *e)
{
    f->C = malloc(3 * f->compared * sizeof *f->C);
    if (!f->C) return err_memory(e, "envelope");
    f->N = f->C + f->compared;
    f->loss = f->N + f->compared;
    for (size_t i = 0, r = 0; i < field->B; i++) {
        if (o->winner[i] < 0) continue;
        f->C[r] = exp(field->x[i]);
        f->N[r] = field->curves[o->winner[i]].N;
        f->loss[r++] = o->loss[i];
    }
    return 0;
}

static int fit_field(struct field *field, struct outcome *o, struct outcome *other,
                     struct columns w, double *estimates, bool keep, struct envelope *f,
                     struct err *e)
{
    const size_t B = field->B;
    for (size_t i = 0; i < B; i++)
        field->x[i] = field->lo + (field->hi - field->lo) * (double)i / (double)(B - 1 ? B - 1 : 1);
    contest(field, o);
    for (size_t i = 0; i < B; i++) f->compared += o->winner[i] >= 0;
    if (!f->compared) return err_set(e, "envelope: no two training curves overlap in compute");
    if (winners(field, o, f, e)) return -1;
    struct ols_line both[2];
    bool fitted = published(field, o, f, keep, w, both, &f->used);
    size_t inner = 0;
    for (size_t i = 0; i < f->n; i++) inner += keep || !f->winner[i].edge;
    if (!fitted || inner < 2)
        return err_set(e,
                       "envelope: %zu size%s between the smallest and the largest win%s a budget; "
                       "two are needed",
                       inner, inner == 1 ? "" : "s", inner == 1 ? "s" : "");
    f->N_of_C = both[0];
    f->D_of_C = both[1];
    leave_out(field, o, other, f, keep, w, estimates);
    by_size(f, keep, w);
    return keep_envelope(field, o, f, e);
}

int envelope_fit(const struct envelope_rows *r, const struct envelope_options *o,
                 struct envelope *f, struct err *e)
{
    *f = (struct envelope){.level = o->level > 0 ? o->level : 0.95,
                           .budgets = o->budgets ? o->budgets : 1500};
    const size_t n = r->n, B = f->budgets;
    if (!n) return err_set(e, "envelope: no rows");
    struct field field = {.points = malloc(n * sizeof *field.points),
                          .curves = calloc(n, sizeof *field.curves),
                          .at = calloc(n, sizeof *field.at),
                          .B = B};
    long *winner = malloc(2 * B * sizeof *winner);
    double *work = malloc((7 * B + 2 * n) * sizeof *work);
    int status =
        field.points && field.curves && field.at && winner && work ? 0 : err_memory(e, "envelope");
    if (!status) status = read_rows(&field, r, f, e);
    if (!status) status = cut_curves(&field, n, f, e);
    if (!status) {
        field.x = work;
        struct outcome all = {winner, work + B, -1}, other = {winner + B, work + 2 * B, -1};
        struct columns columns = {work + 3 * B, work + 4 * B, work + 5 * B};
        status = fit_field(&field, &all, &other, columns, work + 7 * B, o->keep_edges, f, e);
    }
    free(field.points);
    free(field.curves);
    free(field.at);
    free(winner);
    free(work);
    if (status) envelope_free(f);
    return status;
}

void envelope_free(struct envelope *f)
{
    free(f->winner);
    free(f->C);
    *f = (struct envelope){0};
}
