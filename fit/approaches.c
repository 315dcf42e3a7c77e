/* approaches.c - see approaches.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/approaches.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int approaches_envelope(const struct points *p, const struct envelope_options *o,
                        struct envelope *f, struct err *e)
{
    size_t *run = malloc((p->n + 1) * sizeof *run);
    if (!run) return err_memory(e, p->path);
    bool named = p->have >> POINTS_RUN & 1;
    for (size_t i = 0; i < p->n; i++) {
        size_t k = 0;
        while (!named && (p->N[k] < p->N[i] || p->N[k] > p->N[i])) k++;
        run[i] = named ? p->run[i] : k;
    }
    int status =
        envelope_fit(&(struct envelope_rows){p->N, p->D, p->C, p->loss, run, p->n}, o, f, e);
    free(run);
    return status;
}

/* Chinchilla's law through the rows: the surface of the bias, and Approach 3. */
static int chinchilla(const struct points *p, const struct analysis_options *given,
                      struct analysis *s, struct err *e)
{
    struct analysis_options o = *given;
    const struct law *law = law_find("chinchilla", e);
    if (!law || objective_parse(&o.fit.objective, "huber:1e-3", e)) return -1;
    return analyse(s, p, law, &o, e);
}

static double exponent(const struct analysis *s, const char *name)
{
    return s->fit.params[law_param_index(s->fit.law, name)];
}

static int correct(const struct points *p, const struct isoflop *f,
                   const struct approaches_surface *s, struct approaches_correction *c,
                   struct err *e)
{
    enum { ROOM = sizeof c->reason };
    if (s->kind == SURFACE_NONE) return 0;
    if (s->kind == SURFACE_GIVEN) {
        if (isoflop_correct(f, p->N, s->alpha, s->beta, &c->c, e)) return -1;
        snprintf(c->reason, ROOM, "alpha %.6g, beta %.6g as given", s->alpha, s->beta);
        c->known = true;
        return 0;
    }
    struct analysis three = {0};
    struct err why;
    int status = chinchilla(p, &(struct analysis_options){.level = f->level}, &three, &why);
    if (!status) {
        double alpha = exponent(&three, "alpha"), beta = exponent(&three, "beta");
        snprintf(c->reason, ROOM, "alpha %.6g, beta %.6g of Chinchilla's law through the same rows",
                 alpha, beta);
        status = isoflop_correct(f, p->N, alpha, beta, &c->c, &why);
    }
    if (status) snprintf(c->reason, ROOM, "no correction: %.150s", why.text);
    c->known = !status;
    analysis_close(&three);
    return 0;
}

int approaches_isoflop(const struct points *p, const struct isoflop_options *o,
                       const struct approaches_surface *s, struct isoflop *f,
                       struct approaches_correction *c, struct err *e)
{
    *c = (struct approaches_correction){.known = false};
    if (isoflop_fit(p->N, p->D, p->C, p->loss, p->n, o, f, e)) return err_prefix(e, "%s", p->path);
    if (!correct(p, f, s, c, e)) return 0;
    isoflop_free(f);
    return -1;
}

static void failed(struct approach *r, const char *reason)
{
    snprintf(r->reason, sizeof r->reason, "%.280s", reason);
}

static void from_lines(struct approach *r, const struct ols_line *N, const struct ols_line *D,
                       const double *budgets, size_t n)
{
    const double a[3] = {N->slope, N->slope_lo, N->slope_hi},
                 b[3] = {D->slope, D->slope_lo, D->slope_hi};
    r->known = true;
    r->verdict = ols_verdict(N);
    memcpy(r->a, a, sizeof a);
    memcpy(r->b, b, sizeof b);
    for (size_t i = 0; i < n; i++) {
        double x = log10(budgets[i]), lo, hi;
        r->N[i][0] = pow(10, ols_line_at(N, x, &lo, &hi));
        r->N[i][1] = pow(10, lo);
        r->N[i][2] = pow(10, hi);
        r->D[i][0] = pow(10, ols_line_at(D, x, &lo, &hi));
        r->D[i][1] = pow(10, lo);
        r->D[i][2] = pow(10, hi);
    }
}

static void envelope(struct approaches *r, const struct points *p,
                     const struct approaches_options *o)
{
    struct approach *all = &r->answer[APPROACH_ENVELOPE],
                    *sizes = &r->answer[APPROACH_ENVELOPE_SIZES];
    struct envelope f = {0};
    struct err why;
    if (approaches_envelope(p, &o->envelope, &f, &why)) {
        failed(all, why.text);
        failed(sizes, why.text);
        return;
    }
    from_lines(all, &f.N_of_C, &f.D_of_C, o->budgets, o->n_budgets);
    snprintf(all->reason, sizeof all->reason, "jackknife over runs%s",
             p->have >> POINTS_RUN & 1 ? ""
                                       : "; no column of runs: rows of one N taken as one curve");
    for (size_t k = 0; k < o->n_budgets; k++) /* 1500 budgets are not observations: no band */
        all->N[k][1] = all->N[k][2] = all->D[k][1] = all->D[k][2] = NAN;
    if (f.N_by_size.n > 1) from_lines(sizes, &f.N_by_size, &f.D_by_size, o->budgets, o->n_budgets);
    envelope_free(&f);
}

static void isoflop(struct approaches *r, const struct points *p,
                    const struct approaches_options *o, const struct analysis *surface)
{
    struct approach *plain = &r->answer[APPROACH_ISOFLOP],
                    *corrected = &r->answer[APPROACH_ISOFLOP_CORRECTED];
    struct isoflop f = {0};
    struct isoflop_corrected c = {0};
    struct err why;
    if (isoflop_fit(p->N, p->D, p->C, p->loss, p->n, &o->isoflop, &f, &why)) {
        failed(plain, why.text);
        failed(corrected, "no minima to correct");
        return;
    }
    from_lines(plain, &f.N_of_C, &f.D_of_C, o->budgets, o->n_budgets);
    snprintf(plain->reason, sizeof plain->reason, "%zu of %zu budgets", f.used, f.n);
    double alpha = surface ? exponent(surface, "alpha") : 0,
           beta = surface ? exponent(surface, "beta") : 0;
    if (!surface) {
        failed(corrected, "no surface to take the bias from");
    } else if (!isoflop_correct(&f, p->N, alpha, beta, &c, &why)) {
        from_lines(corrected, &c.N_of_C, &c.D_of_C, o->budgets, o->n_budgets);
        snprintf(corrected->reason, sizeof corrected->reason, "at alpha %.4g, beta %.4g", alpha,
                 beta);
    } else {
        failed(corrected, why.text);
    }
    isoflop_corrected_free(&c);
    isoflop_free(&f);
}

static void parametric(struct approach *r, const struct analysis *s)
{
    size_t nN = 0, nD = 0;
    r->known = true;
    r->verdict = verdict_names[s->verdict];
    failed(r, s->reason);
    for (size_t i = 0; i < s->n_derived; i++) {
        const struct derived *d = &s->derived[i];
        const double v[3] = {d->value, d->interval.lo, d->interval.hi};
        double *to = !strcmp(d->name, "a")    ? r->a
                     : !strcmp(d->name, "b")  ? r->b
                     : !strcmp(d->name, "N*") ? r->N[nN++]
                     : !strcmp(d->name, "D*") ? r->D[nD++]
                                              : NULL;
        if (to) memcpy(to, v, sizeof v);
    }
}

int approaches_fit(struct approaches *r, const struct points *every, const struct points *last,
                   const struct approaches_options *o, struct err *e)
{
    static const char *const names[APPROACHES] = {"1 envelope", "1 envelope, by size", "2 isoFLOP",
                                                  "2 isoFLOP, bias corrected", "3 parametric"};
    const struct analysis_options law = {
        .level = o->level,
        .bootstrap = {.n = o->resamples, .seed = o->seed, .starts = 2},
        .budgets = o->budgets,
        .n_budgets = o->n_budgets};
    struct analysis three = {0};
    struct err why;
    *r = (struct approaches){.block =
                                 calloc(2 * 3 * APPROACHES * (o->n_budgets + 1), sizeof *r->block)};
    if (!r->block) return err_memory(e, last->path);
    double(*room)[3] = (double(*)[3])r->block;
    for (int i = 0; i < APPROACHES; i++, room += 2 * o->n_budgets)
        r->answer[i] = (struct approach){.name = names[i],
                                         .verdict = "unidentified",
                                         .a = {NAN, NAN, NAN},
                                         .b = {NAN, NAN, NAN},
                                         .N = room,
                                         .D = room + o->n_budgets};
    envelope(r, every, o);
    bool fitted = !chinchilla(last, &law, &three, &why);
    if (fitted)
        parametric(&r->answer[APPROACH_PARAMETRIC], &three);
    else
        failed(&r->answer[APPROACH_PARAMETRIC], why.text);
    isoflop(r, last, o, fitted ? &three : NULL);
    analysis_close(&three);
    const struct approach *one = &r->answer[APPROACH_ENVELOPE], *two = &r->answer[APPROACH_ISOFLOP],
                          *law3 = &r->answer[APPROACH_PARAMETRIC];
    if (one->known || two->known || law3->known) return 0;
    err_set(e, "%s: none of the three approaches works: %.200s; %.200s; %.200s", last->path,
            one->reason, two->reason, law3->reason);
    approaches_free(r);
    return -1;
}

void approaches_free(struct approaches *r)
{
    free(r->block);
    *r = (struct approaches){.block = NULL};
}
