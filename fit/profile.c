/* profile.c - profile likelihood; see infer.h.
 *
 * A natural coefficient is held by moving its variable's centre to 0, where its logarithm is an
 * internal parameter. The search walks outwards from the optimum, each step starting from the last
 * one's parameters, and closes in by bisection and secants.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/infer.h"
#include "fit/descend.h"

/* A copy of the data with centres to suit the parameter, and the state of a walk. */
struct walk {
    struct fit_data d;
    struct fit_problem p;
    int i;                     /* parameter held */
    bool log;                  /* it is walked in its logarithm */
    double params[LAW_PARAMS]; /* of the last point, natural */
    double t[LAW_PARAMS];      /* internal: where woven parameters (laws.h) go on from */
};

static int copy_data(struct fit_data *to, const struct fit_data *from)
{
    size_t padded = from->rows.n;
    *to = *from;
    to->row = NULL;
    to->block = malloc(6 * (padded + 1) * sizeof *to->block);
    if (!to->block) return -1;
    memcpy(to->block, from->block, 6 * padded * sizeof *to->block);
    for (int k = 0; k < 3; k++) to->rows.x[k] = to->block + (size_t)k * padded;
    to->rows.y = to->block + 3 * padded;
    to->rows.L = to->block + 4 * padded;
    to->rows.w = to->block + 5 * padded;
    return 0;
}

static int walk_open(struct walk *w, const struct fit *f, const struct fit_data *d,
                     const struct fit_options *o, int i, double value, struct err *e)
{
    struct fit_options own = *o;
    own.objective = f->objective;
    own.pinned[i] = true;
    own.bounded[i] = false;
    own.pin[i] = value;
    w->i = i;
    w->log = law_param_positive(&f->law->param[i]);
    memcpy(w->params, f->params, sizeof w->params);
    memcpy(w->t, f->t, sizeof w->t);
    if (copy_data(&w->d, d)) return err_memory(e, NULL);
    if (fit_problem_open(&w->p, f->law, &w->d, &own, e)) {
        fit_data_close(&w->d);
        return -1;
    }
    return 0;
}

/* Minimum with the parameter at `value`, from the walk's last parameters. Infinite when it
 * fails. */
static double walk_to(struct walk *w, double value)
{
    const struct law *law = w->p.law;
    const struct law_param *param = &law->param[w->i];
    double t[LAW_PARAMS], params[LAW_PARAMS];
    struct solve_result r;
    memcpy(params, w->params, sizeof params);
    if (param->map == MAP_COEFFICIENT && params[w->i] > 0 && value > 0) {
        /* The exponent goes along, so that the term keeps its size in the middle of the data. */
        double x = 0, weight = 0;
        for (size_t k = 0; k < w->d.n; k++) {
            x += w->d.rows.w[k] * w->d.rows.x[param->variable][k];
            weight += w->d.rows.w[k];
        }
        x /= weight;
        if (fabs(x) > 1 && w->p.lower[param->exponent] < w->p.upper[param->exponent])
            params[param->exponent] += log(value / params[w->i]) / x;
    }
    params[w->i] = value;
    if (param->map == MAP_SCALE) fit_data_recentre(&w->d, param->variable, log(value));
    law_to_internal(law, w->d.centre, params, t);
    if (w->log && param->map != MAP_SCALE)
        t[w->i] = log(value) - (param->map == MAP_PLACE ? w->d.centre[param->variable] : 0);
    if (law->weave) {
        memcpy(t, w->t, sizeof t);
        t[w->i] = value;
    }
    w->p.lower[w->i] = w->p.upper[w->i] = t[w->i];
    fit_descend(&w->p, t, true, &r);
    if (!isfinite(r.f)) return INFINITY;
    memcpy(w->t, t, sizeof w->t);
    law_to_natural(law, w->d.centre, t, w->params);
    w->params[w->i] = value;
    return fit_objective_value(&w->p, t);
}

int profile_at(const struct fit *f, struct fit_data *d, const struct fit_options *o, int parameter,
               double value, double *params, double *objective, struct err *e)
{
    struct walk w;
    if (walk_open(&w, f, d, o, parameter, value, e)) return -1;
    *objective = walk_to(&w, value);
    memcpy(params, w.params, sizeof w.params);
    fit_data_close(&w.d);
    if (!isfinite(*objective))
        return err_set(e, "no fit with %s = %g", f->law->param[parameter].name, value);
    return 0;
}

static void walk_back(struct walk *w, const struct walk *to)
{
    memcpy(w->params, to->params, sizeof w->params);
    memcpy(w->t, to->t, sizeof w->t);
}

static double from_coordinate(const struct walk *w, double s)
{
    return w->log ? exp(s) : s;
}

/* One side: the coordinate where the profile reaches target. *open when it does not, up to the
 * limit. */
static double side(struct walk *w, double s0, double step, double limit, double f0, double target,
                   bool *open)
{
    double inside = s0, f_in = f0, outside = NAN, f_out = NAN;
    *open = true;
    for (int k = 0; k < 60; k++) {
        double s = inside + step;
        bool last = step > 0 ? s >= limit : s <= limit;
        if (last) s = limit;
        const struct walk held = *w;
        double f = walk_to(w, from_coordinate(w, s));
        if (f >= target) {
            outside = s;
            f_out = f;
            walk_back(w, &held);
            *open = false;
            break;
        }
        inside = s;
        f_in = f;
        if (last) return limit;
        step *= 1.6;
    }
    if (*open) return inside;
    for (int k = 0; k < 40 && fabs(outside - inside) > 1e-6 * fabs(outside - s0); k++) {
        /* The objective rises like a parabola: a secant of its square root, kept off the ends. */
        double a = sqrt(fmax(f_in - f0, 0)), b = sqrt(fmax(f_out - f0, 0)), c = sqrt(target - f0);
        double share = isfinite(b) && b > a ? (c - a) / (b - a) : 0.5;
        share = k % 3 == 2 ? 0.5 : fmin(fmax(share, 0.02), 0.98);
        double s = inside + share * (outside - inside);
        const struct walk held = *w;
        double f = walk_to(w, from_coordinate(w, s));
        if (f >= target) {
            outside = s;
            f_out = f;
            walk_back(w, &held);
        } else {
            inside = s;
            f_in = f;
        }
    }
    return 0.5 * (inside + outside);
}

int profile_parameter(struct profile *out, const struct fit *f, struct fit_data *d,
                      const struct fit_options *o, int i, double rise, struct err *e)
{
    struct walk w;
    *out = (struct profile){f->params[i], f->params[i], false, false};
    if (f->vanished[i] || !(rise > 0)) {
        *out = (struct profile){0, INFINITY, true, true};
        return 0;
    }
    if (walk_open(&w, f, d, o, i, f->params[i], e)) return -1;
    double s0 = w.log ? log(f->params[i]) : f->params[i];
    /* First step: about half of the way by the curvature seen with the others held, times ten. */
    double step = w.log ? 0.02 : 0.02 * fmax(fabs(s0), 0.05);
    double lo = w.log ? s0 - 15 : -3, hi = w.log ? s0 + 30 : 10;
    double f0 = walk_to(&w, f->params[i]), target = fmin(f0, f->value) + rise;
    const struct walk start = w;
    if (!isfinite(f0)) {
        fit_data_close(&w.d);
        return err_set(e, "profile of %s: the fit itself does not converge", f->law->param[i].name);
    }
    double a = side(&w, s0, -step, lo, f0, target, &out->lo_open);
    walk_back(&w, &start);
    double b = side(&w, s0, step, hi, f0, target, &out->hi_open);
    fit_data_close(&w.d);
    out->lo = w.log ? (out->lo_open ? 0 : exp(a)) : a;
    out->hi = w.log ? (out->hi_open ? INFINITY : exp(b)) : b;
    return 0;
}
