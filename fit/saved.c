/* saved.c - see saved.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/saved.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/ols.h"
#include "src/base/csv.h"
#include "src/base/file.h"
#include "src/base/num.h"

#define DRAWS 4000

int saved_samples(struct saved *s, const char *path, struct err *e)
{
    struct csv c;
    if (csv_read(&c, path, e)) return -1;
    long column[LAW_PARAMS];
    int status = 0;
    for (int i = 0; i < s->law->n && !status; i++) {
        column[i] = csv_find(&c, s->law->param[i].name);
        /* Names differ by letter case only ("e", "E"): the header's own case wins over csv_find's.
         */
        for (size_t k = 0; k < c.columns && column[i] == CSV_TWICE; k++) {
            if (!strcmp(csv_header(&c, k), s->law->param[i].name)) column[i] = (long)k;
        }
        if (column[i] < 0)
            status =
                err_set(e, "%s: no column '%s' (%s)", path, s->law->param[i].name, s->law->formula);
    }
    s->draws = status ? NULL : calloc(c.rows, sizeof *s->draws);
    if (!status && !s->draws) status = err_memory(e, path);
    for (size_t r = 0; r < c.rows && !status; r++) {
        for (int i = 0; i < s->law->n && !status; i++)
            status = csv_number(&c, r, (size_t)column[i], &s->draws[r][i], e);
    }
    s->n = c.rows;
    snprintf(s->origin, sizeof s->origin, "%zu samples", c.rows);
    csv_close(&c);
    return status;
}

/* "covariance": [[...]] in the order of "names" (or of the law), natural parameters. */
static int read_covariance(const char *path, const json_t *fit, struct saved *s, uint64_t seed,
                           struct err *e)
{
    const json_t *o = json_object_get(fit, "covariance");
    const json_t *m = json_is_object(o) ? json_object_get(o, "matrix") : o;
    const json_t *names = json_is_object(o) ? json_object_get(o, "names") : NULL;
    if (!m) return 0;
    size_t n = json_array_size(m);
    double cov[LAW_PARAMS * LAW_PARAMS] = {0};
    if (!n || (names && json_array_size(names) != n) || (!names && n != (size_t)s->law->n))
        return err_set(e, "%s: covariance: expected a matrix of the law's parameters", path);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(m, i);
        const char *a = json_string_value(json_array_get(names, i));
        int pi = names ? (a ? law_param_index(s->law, a) : -1) : (int)i;
        if (pi < 0 || json_array_size(row) != n)
            return err_set(e, "%s: covariance: row %zu is not one of the law's parameters", path,
                           i + 1);
        for (size_t j = 0; j < n; j++) {
            const char *b = json_string_value(json_array_get(names, j));
            int pj = names ? (b ? law_param_index(s->law, b) : -1) : (int)j;
            const json_t *v = json_array_get(row, j);
            if (json_is_null(v)) return 0; /* not known: no bands */
            if (pj < 0 || !json_is_number(v))
                return err_set(e, "%s: covariance: row %zu: expected numbers", path, i + 1);
            cov[pi * s->law->n + pj] = json_number_value(v);
        }
    }
    s->draws = calloc(DRAWS, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    s->n = DRAWS;
    snprintf(s->origin, sizeof s->origin, "%d draws from the covariance", DRAWS);
    return allocate_draw(s->law, s->params, cov, DRAWS, seed, s->draws, e)
               ? err_prefix(e, "%s", path)
               : 0;
}

/* "correlation": {NAME: {NAME: r}} of logarithms and exponents, with each parameter's interval: for
 * a positive one the width of its logarithm, else its standard error. */
static int read_correlation(const char *path, const json_t *fit, struct saved *s, uint64_t seed,
                            struct err *e)
{
    const json_t *c = json_object_get(fit, "correlation"), *params = json_object_get(fit, "params");
    const json_t *level = json_object_get(fit, "level");
    double z = ols_t(json_is_number(level) ? json_number_value(level) : 0.95, 1e9);
    double sd[LAW_PARAMS], cov[LAW_PARAMS * LAW_PARAMS];
    int n = s->law->n;
    if (!json_is_object(c)) return 0;
    for (int i = 0; i < n; i++) {
        const json_t *p = json_object_get(params, s->law->param[i].name);
        const json_t *lo = json_object_get(p, "lo"), *hi = json_object_get(p, "hi"),
                     *se = json_object_get(p, "se");
        double l = json_is_number(lo) ? json_number_value(lo) : NAN;
        double h = json_is_number(hi) ? json_number_value(hi) : NAN;
        sd[i] = json_is_number(se) ? json_number_value(se) : NAN;
        if (law_param_positive(&s->law->param[i]) && l > 0 && h > l)
            sd[i] = s->params[i] * log(h / l) / (2 * z);
        if (!(sd[i] >= 0)) return 0; /* not known: no bands */
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            const json_t *r =
                json_object_get(json_object_get(c, s->law->param[i].name), s->law->param[j].name);
            double v = json_is_number(r) ? json_number_value(r) : i == j;
            if (!(fabs(v) <= 1.0001))
                return err_set(e, "%s: correlation: expected -1 to 1, found %g", path, v);
            cov[i * n + j] = v * sd[i] * sd[j];
        }
    }
    s->draws = calloc(DRAWS, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    s->n = DRAWS;
    snprintf(s->origin, sizeof s->origin, "%d draws from intervals and correlations", DRAWS);
    return allocate_draw(s->law, s->params, cov, DRAWS, seed, s->draws, e)
               ? err_prefix(e, "%s", path)
               : 0;
}

/* "bootstrap": {"samples": [[...] in the law's order, or {NAME: value}]} */
static int read_bootstrap(const char *path, const json_t *fit, struct saved *s, struct err *e)
{
    const json_t *list = json_object_get(json_object_get(fit, "bootstrap"), "samples");
    size_t n = json_array_size(list);
    if (!n) return 0;
    s->draws = calloc(n, sizeof *s->draws);
    if (!s->draws) return err_memory(e, path);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i);
        for (int k = 0; k < s->law->n; k++) {
            const json_t *v = json_is_object(row) ? json_object_get(row, s->law->param[k].name)
                                                  : json_array_get(row, (size_t)k);
            if (!json_is_number(v))
                return err_set(e, "%s: bootstrap: sample %zu: no %s", path, i + 1,
                               s->law->param[k].name);
            s->draws[i][k] = json_number_value(v);
        }
    }
    s->n = n;
    snprintf(s->origin, sizeof s->origin, "%zu bootstrap resamples", n);
    return 0;
}

int saved_read(struct saved *s, const char *path, bool draws, uint64_t seed, struct err *e)
{
    json_error_t where;
    if (directory_exists(path)) return err_set(e, "%s: expected a file, found a directory", path);
    json_t *o = json_load_file(path, 0, &where);
    if (!o) {
        if (where.line < 0) return err_errno(e, "%s: cannot open", path);
        return err_set(e, "%s: line %d: %s", path, where.line, where.text);
    }
    const char *law = json_string_value(json_object_get(o, "law"));
    const json_t *params = json_object_get(o, "params");
    const char *verdict = json_string_value(json_object_get(o, "verdict"));
    int status = 0;
    snprintf(s->verdict, sizeof s->verdict, "%s", verdict ? verdict : "");
    if (!law || !json_is_object(params)) {
        status = err_set(e, "%s: not a fit of tripod: no \"law\" or no \"params\"", path);
    } else {
        s->law = expression_or_name(law, &s->own, e);
        if (!s->law) status = err_prefix(e, "%s", path);
    }
    for (int i = 0; !status && i < s->law->n; i++) {
        const json_t *v = json_object_get(json_object_get(params, s->law->param[i].name), "value");
        if (!json_is_number(v))
            status = err_set(e, "%s: params: %s has no value", path, s->law->param[i].name);
        else
            s->params[i] = json_number_value(v);
        if (!status && s->params[i] < 0 && law_param_positive(&s->law->param[i]))
            status = err_set(e, "%s: params: %s: expected at least 0, found %g", path,
                             s->law->param[i].name, s->params[i]);
    }
    if (!status && draws) status = read_bootstrap(path, o, s, e);
    if (!status && draws && !s->n) status = read_covariance(path, o, s, seed, e);
    if (!status && draws && !s->n) status = read_correlation(path, o, s, seed, e);
    json_decref(o);
    return status;
}

int saved_preset(struct saved *s, const char *name, struct err *e)
{
    for (size_t i = 0; i < n_allocate_presets; i++) {
        const struct allocate_preset *p = &allocate_presets[i];
        if (strcmp(name, p->name)) continue;
        s->law = law_find(p->law, e);
        if (!s->law) return -1;
        memcpy(s->params, p->params, sizeof p->params);
        return 0;
    }
    return err_set(e,
                   "--preset: expected hoffmann, hoffmann-tex, epoch, epoch-bootstrap, "
                   "epoch-optimum or kaplan, found '%s'",
                   name);
}

static int read_params(struct saved *s, const char *list, struct err *e)
{
    bool seen[LAW_PARAMS] = {false};
    char *copy = strdup(list), *save = NULL;
    int status = copy ? 0 : err_memory(e, NULL);
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !status;
         item = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(item, '=');
        if (equals) *equals = 0;
        int i = equals ? law_param_index(s->law, item) : -1;
        if (i < 0) {
            status = err_set(e, "--params: %s has no parameter '%s' (%s)", s->law->name, item,
                             s->law->formula);
            break;
        }
        status = parse_real(equals + 1, "--params", &s->params[i], e);
        if (!status && seen[i]) status = err_set(e, "--params: %s is given twice", item);
        if (!status && s->params[i] < 0 && law_param_positive(&s->law->param[i]))
            status = err_set(e, "--params: %s: expected at least 0, found '%s'", item, equals + 1);
        seen[i] = true;
    }
    free(copy);
    for (int i = 0; i < s->law->n && !status; i++) {
        if (!seen[i]) status = err_set(e, "--params: %s is missing", s->law->param[i].name);
    }
    return status;
}

int saved_list(struct saved *s, const char *law, const char *list, struct err *e)
{
    s->law = expression_or_name(law, &s->own, e);
    return s->law ? read_params(s, list, e) : err_prefix(e, "--law");
}

void saved_free(struct saved *s)
{
    free(s->draws);
    expression_free(s->own);
    *s = (struct saved){.law = NULL};
}

int saved_write_samples(const char *path, const struct law *law, const struct bootstrap *b,
                        struct err *e)
{
    struct out o = {0};
    if (!b->n) return err_set(e, "--resamples: there is no resample; --bootstrap asks for some");
    if (out_open(&o, path, e)) return -1;
    int status = 0;
    for (int k = 0; k < law->n && !status; k++)
        status = out_printf(&o, e, "%s%s", k ? "," : "", law->param[k].name);
    for (size_t i = 0; i < b->n && !status; i++) {
        for (int k = 0; k < law->n && !status; k++)
            status = out_printf(&o, e, "%c%.17g", k ? ',' : '\n', b->params[i][k]);
    }
    if (!status) status = out_printf(&o, e, "\n");
    if (!status) return out_commit(&o, e);
    out_abort(&o);
    return -1;
}
