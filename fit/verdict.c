/* verdict.c - see verdict.h. The bars:
 *
 *   unidentified  no end to the profile on one side, a parameter at its limit or a term that
 * vanished, an exponent whose interval holds 0, E within 5 % of 0, a coefficient known to 2 decades
 *   weak          an exponent known to 20 %, E to 20 %, a coefficient to a factor of 4, or worse
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/verdict.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/solve.h"

const char *const verdict_names[] = {"identified", "weak", "unidentified", "pinned"};

/* The parameter that moves along, when one does. */
static void companion(const struct fit *f, const double *correlation, int i, char *text,
                      size_t size)
{
    int n = f->law->n, best = -1;
    text[0] = 0;
    for (int k = 0; correlation && k < n; k++) {
        double c = fabs(correlation[i * n + k]);
        if (k != i && isfinite(c) && (best < 0 || c > fabs(correlation[i * n + best]))) best = k;
    }
    if (best >= 0 && fabs(correlation[i * n + best]) > 0.9)
        snprintf(text, size, ", moves with %s (correlation %.4f)", f->law->param[best].name,
                 correlation[i * n + best]);
}

static void judge(struct known *k, enum verdict verdict, const char *reason)
{
    if (verdict <= k->verdict) return;
    k->verdict = verdict;
    snprintf(k->reason, sizeof k->reason, "%s", reason);
}

static void judge_param(struct known *k, const struct fit *f, int i, bool positive)
{
    const struct law_param *p = &f->law->param[i];
    char text[160];
    double width = k->hi - k->lo;
    if (!positive) judge(k, UNIDENTIFIED, "the objective is flat in some direction at the optimum");
    if (f->vanished[i]) judge(k, UNIDENTIFIED, "the term went to zero");
    if (f->at_bound[i] && !f->vanished[i])
        judge(k, UNIDENTIFIED, "it ran to the limit of the search");
    if (k->has_profile && (k->profile.lo_open || k->profile.hi_open)) {
        snprintf(text, sizeof text, "the profile never leaves its threshold %s",
                 k->profile.lo_open ? k->profile.hi_open ? "on either side" : "downwards"
                                    : "upwards");
        judge(k, UNIDENTIFIED, text);
    }
    if (!isfinite(k->lo) || !isfinite(k->hi)) return;
    bool ratio = p->map == MAP_COEFFICIENT || p->map == MAP_SCALE || p->map == MAP_PLACE ||
                 (p->map == MAP_LOG && i != f->law->constant);
    if (i == f->law->constant) {
        if (k->lo < 0.05 * k->value) judge(k, UNIDENTIFIED, "its interval touches 0");
        snprintf(text, sizeof text, "known to %.0f %% only", 50 * width / k->value);
        if (width > 0.4 * k->value) judge(k, WEAK, text);
    } else if (ratio) {
        snprintf(text, sizeof text, "known to a factor of %.3g",
                 k->lo > 0 ? k->hi / k->lo : INFINITY);
        if (!(k->lo > 0) || k->hi > 100 * k->lo) judge(k, UNIDENTIFIED, text);
        if (k->hi > 4 * k->lo) judge(k, WEAK, text);
    } else if (p->map == MAP_WOVEN) {
        snprintf(text, sizeof text, "known to %.0f %% only", 50 * width / fabs(k->value));
        if (width > 0.4 * fabs(k->value)) judge(k, WEAK, text);
    } else {
        if (k->lo <= 0 && k->hi >= 0) judge(k, UNIDENTIFIED, "its interval holds 0");
        snprintf(text, sizeof text, "known to %.0f %% only", 50 * width / fabs(k->value));
        if (width > 0.4 * fabs(k->value)) judge(k, WEAK, text);
    }
}

enum verdict verdict_params(struct known *k, const struct fit *f, const struct fit_options *o,
                            const double *correlation, bool positive)
{
    enum verdict worst = IDENTIFIED;
    /* A term without a coefficient has no exponent, and one without an exponent no coefficient. */
    bool gone[LAW_PARAMS] = {false};
    for (int i = 0; i < f->law->n; i++) {
        if (f->vanished[i] && i != f->law->constant) gone[f->law->param[i].exponent] = true;
    }
    for (int i = 0; i < f->law->n; i++) {
        k[i].verdict = IDENTIFIED;
        k[i].reason[0] = 0;
        if (o->pinned[i]) {
            k[i].verdict = PINNED;
            continue;
        }
        if (o->bounded[i] && f->at_bound[i]) {
            k[i].verdict = PINNED;
            snprintf(k[i].reason, sizeof k[i].reason, "at the bound given");
            continue;
        }
        judge_param(&k[i], f, i, positive);
        if (gone[i]) judge(&k[i], UNIDENTIFIED, "its term went to zero");
        char with[80];
        companion(f, correlation, i, with, sizeof with);
        size_t used = strlen(k[i].reason);
        if (k[i].verdict != IDENTIFIED)
            snprintf(k[i].reason + used, sizeof k[i].reason - used, "%s", with);
        if (k[i].verdict > worst) worst = k[i].verdict;
    }
    return worst;
}

void verdict_flat_direction(const struct fit *f, char *text, size_t size)
{
    int index[LAW_PARAMS], n = 0;
    text[0] = 0;
    for (int i = 0; i < f->law->n; i++) {
        if (!f->at_bound[i] && f->m[PACKED(i, i)] > 0) index[n++] = i;
    }
    if (n < 2) return;
    gsl_matrix *a = gsl_matrix_alloc((size_t)n, (size_t)n),
               *v = gsl_matrix_alloc((size_t)n, (size_t)n);
    gsl_vector *values = gsl_vector_alloc((size_t)n);
    gsl_eigen_symmv_workspace *w = gsl_eigen_symmv_alloc((size_t)n);
    if (a && v && values && w) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                int p = index[i > j ? i : j], q = index[i > j ? j : i];
                gsl_matrix_set(a, (size_t)i, (size_t)j,
                               f->h[PACKED(p, q)] / sqrt(f->m[PACKED(p, p)] * f->m[PACKED(q, q)]));
            }
        }
        if (!gsl_eigen_symmv(a, values, v, w)) {
            size_t least = gsl_vector_min_index(values);
            double top = 0;
            for (int i = 0; i < n; i++) top = fmax(top, fabs(gsl_matrix_get(v, (size_t)i, least)));
            for (int i = 0; i < n; i++) {
                double c = gsl_matrix_get(v, (size_t)i, least);
                size_t used = strlen(text);
                if (fabs(c) < 0.2 * top || used + 24 > size) continue;
                snprintf(text + used, size - used, "%s%s %s", used ? ", " : "",
                         f->law->param[index[i]].name, c > 0 ? "up" : "down");
            }
        }
    }
    if (a) gsl_matrix_free(a);
    if (v) gsl_matrix_free(v);
    if (values) gsl_vector_free(values);
    if (w) gsl_eigen_symmv_free(w);
}
