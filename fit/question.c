/* question.c - see question.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/question.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/csv.h"

const char *const answer_names[ANSWER_VALUES] = {
    "C", "N", "D", "D_per_N", "loss", "best_N", "best_D", "best_loss", "equal_C", "wasted"};

struct found {
    struct allocation a;
    struct allocate_waste w; /* Q_PRICE */
};

static int find(const struct allocate *p, const struct question *q, struct found *r, struct err *e)
{
    *r = (struct found){0};
    r->a.around = NAN;
    switch (q->kind) {
    case Q_BUDGET:
        return q->grid ? allocate_grid(p, q->C, q->g[0], q->g[1], q->g[2], &r->a, e)
                       : allocate_optimum(p, q->C, &r->a, e);
    case Q_LOSS:
        return allocate_for_loss(p, q->loss, &r->a, e);
    case Q_SIZE:
        return allocate_for_size(p, q->N, &r->a, e);
    case Q_TOKENS:
        r->a.N = q->N;
        r->a.loss = q->loss;
        if (allocate_tokens(p, q->N, q->loss, &r->a.D, e)) return -1;
        r->a.C = (p->factor > 0 ? p->factor : 6) * q->N * r->a.D;
        return 0;
    case Q_PRICE:
        if (allocate_price(p, q->N, q->D, &r->w, e)) return -1;
        r->a = (struct allocation){
            .C = r->w.C, .N = q->N, .D = q->D, .loss = r->w.loss, .around = NAN};
        return 0;
    }
    return -1;
}

static void values(const struct found *r, double v[ANSWER_VALUES])
{
    v[ANSWER_C] = r->a.C;
    v[ANSWER_N] = r->a.N;
    v[ANSWER_D] = r->a.D;
    v[ANSWER_RATIO] = r->a.D / r->a.N;
    v[ANSWER_LOSS] = r->a.loss;
    v[ANSWER_BEST_N] = r->w.best.N;
    v[ANSWER_BEST_D] = r->w.best.D;
    v[ANSWER_BEST_LOSS] = r->w.best.loss;
    v[ANSWER_EQUAL_C] = r->w.equal.C;
    v[ANSWER_WASTED] = r->w.wasted;
}

int question_answer(const struct allocate *p, const struct question *q, struct answer *r,
                    struct err *e)
{
    struct found f;
    *r = (struct answer){.asked = 0};
    for (int k = 0; k < ANSWER_VALUES; k++) r->lo[k] = r->hi[k] = NAN;
    if (find(p, q, &f, e)) return -1;
    values(&f, r->value);
    r->around = f.a.around;
    r->method = q->grid                                     ? "grid"
                : f.a.closed                                ? "closed form"
                : q->kind == Q_TOKENS || q->kind == Q_PRICE ? "law"
                                                            : "numeric";
    return 0;
}

static int band(const struct allocate *p, const struct saved *s, const struct question *q,
                double level, struct answer *b, struct err *e)
{
    double *v = malloc(s->n * ANSWER_VALUES * sizeof *v);
    if (!v) return err_memory(e, NULL);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < s->n; i++) {
        struct err ignored;
        struct found f;
        double one[ANSWER_VALUES];
        struct allocate sample = *p;
        sample.params = s->draws[i];
        bool ok = !find(&sample, q, &f, &ignored);
        values(&f, one);
        for (int k = 0; k < ANSWER_VALUES; k++) v[(size_t)k * s->n + i] = ok ? one[k] : NAN;
    }
    for (int k = 0; k < ANSWER_VALUES; k++) {
        double *column = v + (size_t)k * s->n;
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++) {
            if (isfinite(column[i])) column[n++] = column[i];
        }
        if (k == ANSWER_C) b->answered = n;
        b->lo[k] = allocate_percentile(column, n, (1 - level) / 2);
        b->hi[k] = allocate_percentile(column, n, (1 + level) / 2);
    }
    free(v);
    return 0;
}

int question_ask(const struct allocate *p, const struct saved *s, const struct question *q,
                 double level, struct answer *r, struct err *e)
{
    if (question_answer(p, q, r, e)) return -1;
    r->asked = s->n;
    return s->n ? band(p, s, q, level, r, e) : 0;
}

bool question_given(const struct question *q, int k)
{
    return (q->kind == Q_BUDGET && k == ANSWER_C) ||
           ((q->kind == Q_SIZE || q->kind == Q_TOKENS) && k == ANSWER_N) ||
           ((q->kind == Q_LOSS || q->kind == Q_TOKENS) && k == ANSWER_LOSS) ||
           (q->kind == Q_PRICE && k <= ANSWER_RATIO);
}

int question_values(const struct question *q)
{
    return q->kind == Q_PRICE ? ANSWER_VALUES : ANSWER_LOSS + 1;
}

int question_closest(const struct allocate *p, struct question *q, const double *budgets, size_t n,
                     double size, struct err *e)
{
    double best = INFINITY, at = budgets[0];
    for (size_t i = 0; i < n; i++) {
        struct found r;
        q->C = budgets[i];
        if (find(p, q, &r, e)) return -1;
        if (fabs(r.a.N - size) >= best) continue;
        best = fabs(r.a.N - size);
        at = budgets[i];
    }
    q->C = at;
    return 0;
}

int question_line(struct ols_line *l, const char *name, double level, struct err *e)
{
    double *x = NULL, *y = NULL;
    size_t n = 9;
    struct csv c = {0};
    int status = 0, table = strcmp(name, "approach1") ? strcmp(name, "approach2") ? -1 : 1 : 0;
    long cn = 0, cd = 0;
    if (table < 0) {
        if (csv_read(&c, name, e)) return -1;
        n = c.rows;
        cn = csv_find(&c, "N");
        cd = csv_find(&c, "D");
        if (cn < 0 || cd < 0) status = err_set(e, "%s: expected columns N and D", name);
    }
    x = malloc(2 * (n + 1) * sizeof *x);
    if (!status && !x) status = err_memory(e, NULL);
    y = x ? x + n : NULL;
    for (size_t i = 0; i < n && !status; i++) {
        double N, D;
        if (table >= 0) {
            N = allocate_table[table][i][0];
            D = allocate_table[table][i][1];
        } else {
            status = csv_number(&c, i, (size_t)cn, &N, e) || csv_number(&c, i, (size_t)cd, &D, e)
                         ? -1
                         : 0;
            if (!status && !(N > 0 && D > 0))
                status = csv_err(&c, i, (size_t)(N > 0 ? cd : cn), e, "expected a positive number");
        }
        if (status) break;
        x[i] = log10(N);
        y[i] = log10(D);
    }
    if (!status && !ols_line(x, y, n, level, l))
        status = err_set(e, "%s: a line needs two different sizes", name);
    free(x);
    csv_close(&c);
    return status;
}
