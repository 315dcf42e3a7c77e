/* pick.c - see pick.h.
 *
 * A state holds the inverse of the information and what the departure adds up to over the choice; a
 * row comes and goes by Sherman and Morrison's formula. After each pass of exchanges the state is made
 * afresh, so rounding does not pile up.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/pick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/solve.h"

enum { PASSES = 10, SQUARE = LAW_PARAMS * LAW_PARAMS };

/* Over the rows there are and those chosen. */
struct sums {
    double inverse[SQUARE];
    double ln_det;
    double rows[SQUARE], cross[SQUARE]; /* as in struct pick_model */
};

/* A choice while it is being made. */
struct choice {
    struct sums sums;
    double *near;       /* [n * p] sum over rows and choice of K_ij j_j */
    bool *taken, *in;   /* [n] not to be taken (again); in the choice */
    double left, value; /* of the budget; of the criterion */
};

static double dot(int n, const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void times(int n, const double *matrix, const double *v, double *out)
{
    for (int i = 0; i < n; i++) out[i] = dot(n, matrix + i * n, v);
}

/* The sums with candidate i, whose row of `near` is NEAR, added (sign 1) or gone (-1). */
static void change(struct sums *s, const struct pick_model *m, size_t i, const double *near,
                   double sign)
{
    const int p = m->p;
    const double *j = m->row + i * (size_t)p, *h = m->at_target + i * (size_t)p;
    const double own = m->kernel[i * m->n + i];
    double u[LAW_PARAMS];
    times(p, s->inverse, j, u);
    const double d = 1 + sign * dot(p, j, u), f = sign / d;
    s->ln_det += log(d);
    for (int a = 0; a < p; a++) {
        for (int b = 0; b < p; b++) {
            const int k = a * p + b;
            s->inverse[k] -= f * u[a] * u[b];
            /* NEAR holds the row's own part once it is in */
            s->rows[k] += sign * (j[a] * near[b] + near[a] * j[b]) + own * j[a] * j[b];
            s->cross[k] += sign * h[a] * j[b];
        }
    }
}

static double squared_error(const struct sums *s, const struct pick_model *m)
{
    const int p = m->p;
    double variance = 0, bias = 0;
    /* The inverse times target times inverse, against rows. */
    for (int a = 0; a < p; a++) {
        double w[LAW_PARAMS], v[LAW_PARAMS];
        for (int b = 0; b < p; b++) w[b] = dot(p, s->inverse + a * p, m->target + b * p);
        for (int b = 0; b < p; b++) v[b] = dot(p, w, s->inverse + b * p);
        bias += dot(p, v, s->rows + a * p);
        for (int b = 0; b < p; b++) bias -= 2 * s->inverse[a * p + b] * s->cross[b * p + a];
        variance += w[a];
    }
    return m->sigma2 * variance + bias + m->own;
}

/* What is minimised. */
static double criterion(const struct sums *s, const struct pick_model *m)
{
    return m->d_optimal ? -s->ln_det : squared_error(s, m);
}

static double criterion_with(const struct choice *c, const struct pick_model *m, size_t i)
{
    struct sums s = c->sums;
    change(&s, m, i, c->near + i * (size_t)m->p, 1);
    return criterion(&s, m);
}

static void take(struct choice *c, const struct pick_model *m, size_t i, bool in)
{
    const size_t p = (size_t)m->p;
    const double *j = m->row + i * p, sign = in ? 1 : -1;
    change(&c->sums, m, i, c->near + i * p, sign);
    for (size_t k = 0; k < m->n; k++) {
        for (size_t a = 0; a < p; a++) c->near[k * p + a] += sign * m->kernel[k * m->n + i] * j[a];
    }
    c->in[i] = c->taken[i] = in;
    c->left -= sign * m->cost[i];
}

/* The sums of the rows there are, and of what is in the choice. */
static int start(struct choice *c, const struct pick_model *m, struct err *e)
{
    const int p = m->p;
    double a[LAW_HESSIAN], column[LAW_PARAMS];
    for (int i = 0; i < p; i++) {
        for (int k = 0; k <= i; k++) a[PACKED(i, k)] = m->there[i * p + k];
    }
    if (!cholesky(p, a)) return err_set(e, "the rows there are do not determine the law");
    struct sums *s = &c->sums;
    s->ln_det = 0;
    for (int i = 0; i < p; i++) {
        s->ln_det += 2 * log(a[PACKED(i, i)]);
        memset(column, 0, sizeof column);
        column[i] = 1;
        cholesky_solve(p, a, column);
        for (int k = 0; k < p; k++) s->inverse[k * p + i] = column[k];
    }
    memcpy(s->rows, m->rows, sizeof s->rows);
    memcpy(s->cross, m->cross, sizeof s->cross);
    memcpy(c->near, m->at_rows, m->n * (size_t)p * sizeof *c->near);
    const double left = c->left;
    for (size_t i = 0; i < m->n; i++) {
        if (c->in[i]) take(c, m, i, true);
    }
    c->left = left;
    c->value = criterion(s, m);
    return 0;
}

/* --- choosing --- */

/* The best of the candidates that are neither taken nor dearer than what is left, if it gains more
 * than *gain, which then is what it gains; else n. */
static size_t best(const struct choice *c, const struct pick_model *m, bool per_cost, double *gain)
{
    const double now = criterion(&c->sums, m);
    size_t found = m->n;
    for (size_t i = 0; i < m->n; i++) {
        if (c->taken[i] || m->cost[i] > c->left) continue;
        double g = now - criterion_with(c, m, i);
        if (per_cost) g /= m->cost[i];
        if (!(g > *gain)) continue;
        *gain = g;
        found = i;
    }
    return found;
}

static void fill(struct choice *c, const struct pick_model *m, bool per_cost)
{
    double gain = 0;
    for (size_t i; (i = best(c, m, per_cost, &gain)) < m->n; gain = 0) take(c, m, i, true);
    c->value = criterion(&c->sums, m);
}

/* Row i out and a better one in. */
static bool exchange_one(struct choice *c, const struct pick_model *m, size_t i)
{
    const struct sums whole = c->sums;
    double gain = -INFINITY;
    take(c, m, i, false);
    c->taken[i] = true; /* not itself */
    const double without = criterion(&c->sums, m);
    size_t k = best(c, m, false, &gain);
    c->taken[i] = false;
    const bool better = k < m->n && without - gain < c->value - 1e-9 * fabs(c->value);
    take(c, m, better ? k : i, true);
    if (better)
        c->value = without - gain;
    else
        c->sums = whole;
    return better;
}

static int exchange(struct choice *c, const struct pick_model *m, struct err *e)
{
    bool moved = true;
    for (int pass = 0; pass < PASSES && moved; pass++) {
        moved = false;
        for (size_t i = 0; i < m->n; i++) moved = (c->in[i] && exchange_one(c, m, i)) || moved;
        if (start(c, m, e)) return -1;
        fill(c, m, false);
    }
    return 0;
}

static int choice_open(struct choice *c, const struct pick_model *m, struct err *e)
{
    *c = (struct choice){.near = malloc((m->n * (size_t)m->p + 1) * sizeof *c->near),
                         .in = calloc(m->n + 1, sizeof *c->in),
                         .taken = calloc(m->n + 1, sizeof *c->taken)};
    if (!c->near || !c->in || !c->taken) return err_memory(e, NULL);
    return start(c, m, e);
}

static void choice_close(struct choice *c)
{
    free(c->near);
    free(c->in);
    free(c->taken);
}

/* Of a choice, what helps most per cost first. */
static int in_order(const struct pick_model *m, const bool *in, size_t *chosen, size_t *count,
                    struct err *e)
{
    struct choice c;
    int status = choice_open(&c, m, e);
    *count = 0;
    c.left = INFINITY;
    for (size_t i = 0; i < m->n && !status; i++) c.taken[i] = !in[i];
    while (!status) {
        double gain = -INFINITY;
        size_t i = best(&c, m, true, &gain);
        if (i == m->n) break;
        take(&c, m, i, true);
        chosen[(*count)++] = i;
    }
    choice_close(&c);
    return status;
}

int pick(const struct pick_model *m, const bool *usable, double budget, size_t *chosen,
         size_t *count, struct err *e)
{
    struct choice c[2] = {{.left = 0}};
    int status = 0;
    /* By gain and by gain per cost: which is better depends on the budget (Khuller, Moss and Naor,
     * "The budgeted maximum coverage problem", 1999, take the better of the two, too). */
    for (int k = 0; k < 2 && !status; k++) {
        status = choice_open(&c[k], m, e);
        c[k].left = budget;
        for (size_t i = 0; i < m->n && !status; i++) c[k].taken[i] = usable && !usable[i];
        if (!status) fill(&c[k], m, k == 1);
        if (!status) status = exchange(&c[k], m, e);
    }
    if (!status) status = in_order(m, c[c[1].value < c[0].value].in, chosen, count, e);
    for (int k = 0; k < 2; k++) choice_close(&c[k]);
    return status;
}

int pick_follow(const struct pick_model *m, const size_t *chosen, size_t count, double *error,
                struct err *e)
{
    struct choice c;
    int status = choice_open(&c, m, e);
    for (size_t i = 0; i <= count && !status; i++) {
        if (i) take(&c, m, chosen[i - 1], true);
        error[i] = squared_error(&c.sums, m);
    }
    choice_close(&c);
    return status;
}

int pick_limit(const struct pick_model *m, const size_t *chosen, size_t count, const bool *usable,
               double *least, size_t *more, double *all, struct err *e)
{
    struct pick_model errors = *m; /* D-optimality asks another question */
    struct choice c;
    errors.d_optimal = false;
    int status = choice_open(&c, &errors, e);
    c.left = INFINITY;
    *more = 0;
    for (size_t i = 0; i < count && !status; i++) take(&c, &errors, chosen[i], true);
    for (size_t i = 0; i < m->n && !status; i++) c.taken[i] = !usable[i];
    if (!status) fill(&c, &errors, false);
    *least = c.value;
    for (size_t i = 0; i < m->n && !status; i++) {
        if (!usable[i]) continue;
        *more += c.in[i];
        if (!c.in[i]) take(&c, &errors, i, true);
    }
    if (!status) *all = squared_error(&c.sums, &errors);
    choice_close(&c);
    return status;
}
