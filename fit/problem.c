/* problem.c - see problem.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/problem.h"

#include <math.h>
#include <string.h>

#include "fit/solve.h"

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
            h[PACKED(k, l)] += times * s.h[n];
            m[PACKED(k, l)] += times * s.m[n];
        }
    }
}

/* How a row counts: psi and its derivative, the majorant's, dr/dL, and whether r is of ln L. */
struct share {
    double psi, curve, major, scale, bend;
};

/* A row's part of the gradient and of the packed matrices; lg and lh are those of L. */
static inline void add_row(int n, const struct share *s, const double *restrict lg,
                           const double *restrict lh, double *restrict g, double *restrict h,
                           double *restrict m)
{
    const double both = s->curve - s->bend * s->psi, psi = s->psi, major = s->major,
                 scale = s->scale;
    for (int a = 0, k = 0; a < n; a++) {
        const double ja = lg[a] * scale;
        g[a] += psi * ja;
        for (int b = 0; b <= a; b++, k++) {
            const double jj = ja * lg[b] * scale;
            h[k] += both * jj + psi * lh[k] * scale;
            m[k] += major * jj;
        }
    }
}

void fit_evaluate(const struct fit_problem *p, const double *t, double *f, double *g, double *h,
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
        double L = law_internal(law, t, x, p->centre, lg, lh), r = L - rows->L[i];
        struct share s = {.scale = 1};
        if (loss->log) {
            r = log(L) - rows->y[i];
            s.scale = 1 / L;
            s.bend = 1;
        }
        double w = rows->w[i] * (r > 0 ? loss->over : 1), size = fabs(r);
        bool inside = size <= loss->active;
        s.psi = w * (inside ? r : copysign(loss->delta, r));
        s.curve = inside ? w : 0;
        s.major = inside ? w : w * loss->delta / (size + 1e-300);
        *f += w * (inside ? 0.5 * r * r : loss->delta * (size - 0.5 * loss->delta));
        add_row(n, &s, lg, lh, g, h, m);
    }
}

double fit_total_weight(const struct fit_rows *rows)
{
    double sum = 0;
    for (size_t i = 0; i < rows->n; i++) sum += rows->w[i];
    return sum;
}

/* The law's limits (laws.h), from the range of the rows. */
static void limits(struct fit_problem *p)
{
    const struct fit_rows *rows = p->rows;
    double low = INFINITY, high = -INFINITY, x_low = INFINITY, x_high = -INFINITY;
    for (size_t i = 0; i < rows->n; i++) {
        low = fmin(low, rows->y[i]);
        high = fmax(high, rows->y[i]);
        x_low = fmin(x_low, rows->x[0][i]);
        x_high = fmax(x_high, rows->x[0][i]);
    }
    for (int i = 0; i < p->law->n; i++) {
        const struct law_param *param = &p->law->param[i];
        bool of_loss =
            param->map == MAP_COEFFICIENT || param->map == MAP_SCALE || i == p->law->constant;
        p->lower[i] = param->lower + (of_loss ? low : param->map == MAP_PLACE ? x_low : 0);
        p->upper[i] = param->upper + (of_loss ? high : param->map == MAP_PLACE ? x_high : 0);
    }
}

static double to_internal(const struct law *law, const double *centre, int i, double value)
{
    const struct law_param *param = &law->param[i];
    double l = value > 0 ? log(value) : -60;
    if (!law_param_positive(param)) return value;
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
        if (param->map == MAP_WOVEN)
            return err_set(e, "%s of the law %s cannot be held: it goes with others", param->name,
                           law->name);
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
    limits(p);
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

void fit_problem_delta(struct fit_problem *p, double delta)
{
    p->loss.delta = p->loss.active = delta;
}

double fit_objective_value(const struct fit_problem *p, const double *t)
{
    struct fit_problem q = *p;
    double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN];
    if (p->objective.kind == OBJ_LAD || p->objective.kind == OBJ_ASYM) {
        /* Huber's with a delta below rounding is delta |r|. */
        fit_problem_delta(&q, 0x1p-200);
        fit_evaluate(&q, t, &f, g, h, m);
        return f * 0x1p200;
    }
    fit_problem_delta(&q, p->objective.kind == OBJ_HUBER ? p->objective.delta : INFINITY);
    fit_evaluate(&q, t, &f, g, h, m);
    return f;
}
