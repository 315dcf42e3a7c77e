/* fitted.c - see fitted.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/fitted.h"

#include <math.h>
#include <stdlib.h>

#include "fit/allocate.h"
#include "fit/expression.h"
#include "fit/fit_data.h"

static int read_params(struct fitted *f, json_t *fit, const char *name, struct err *e)
{
    for (int i = 0; i < f->law->n; i++) {
        json_t *p = json_object_get(json_object_get(fit, "params"), f->law->param[i].name);
        f->params[i] = result_number(p, "value");
        f->lo[i] = result_number(p, "lo");
        f->hi[i] = result_number(p, "hi");
        if (!isfinite(f->params[i]))
            return err_set(e, "%s: params: expected a number for %s of the law %s, found none",
                           name, f->law->param[i].name, f->law->name);
    }
    return 0;
}

int fitted_read(struct fitted *f, json_t *fit, const char *name, struct err *e)
{
    *f = (struct fitted){0};
    f->law = expression_or_name(result_string(fit, "law"), &f->own, e);
    if (!f->law) return err_prefix(e, "%s", name);
    if (f->law->variables & LAW_SCHEDULE)
        return err_set(e, "%s: the law %s reads learning-rate schedules, which are not drawn", name,
                       f->law->name);
    if (read_params(f, fit, name, e)) return -1;
    f->level = result_number(fit, "level");
    json_t *samples = result_member(fit, "bootstrap.samples");
    f->n = json_array_size(samples);
    f->draws = malloc((f->n + 1) * sizeof *f->draws);
    f->work = malloc((f->n + 1) * sizeof *f->work);
    if (!f->draws || !f->work) return err_memory(e, name);
    for (size_t i = 0; i < f->n; i++) {
        for (int k = 0; k < f->law->n; k++) {
            json_t *v = json_array_get(json_array_get(samples, i), (size_t)k);
            if (!json_is_number(v))
                return err_set(e, "%s: bootstrap: sample %zu: expected %d numbers", name, i + 1,
                               f->law->n);
            f->draws[i][k] = json_number_value(v);
        }
    }
    return 0;
}

void fitted_free(struct fitted *f)
{
    free(f->draws);
    free(f->work);
    expression_free(f->own);
    *f = (struct fitted){0};
}

struct fitted_value fitted_at(const struct fitted *f,
                              double value(const struct law *law, const double *params,
                                           const void *context),
                              const void *context)
{
    struct fitted_value v = {value(f->law, f->params, context), NAN, NAN};
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double x = value(f->law, f->draws[i], context);
        if (isfinite(x)) f->work[n++] = x;
    }
    if (n < 20 || !isfinite(f->level)) return v;
    v.lo = allocate_percentile(f->work, n, (1 - f->level) / 2);
    v.hi = allocate_percentile(f->work, n, (1 + f->level) / 2);
    return v;
}

double fitted_row(const struct fitted *f, const struct points *p, size_t row, enum points_column x)
{
    const struct law_at at = {fit_data_value(f->law, 0, x, p, row),
                              fit_data_value(f->law, 1, x, p, row),
                              fit_data_value(f->law, 2, x, p, row)};
    return law_value(f->law, f->params, &at);
}

static double loss_there(const struct law *law, const double *params, const void *at)
{
    return law_value(law, params, at);
}

struct fitted_value fitted_loss(const struct fitted *f, const struct law_at *at)
{
    return fitted_at(f, loss_there, at);
}
