/* root.c - see root.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/root.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <stddef.h>

bool root_between(double (*f)(double x, void *context), void *context, double lo, double hi,
                  double relative, double *root)
{
    gsl_set_error_handler_off();
    gsl_root_fsolver *s = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    gsl_function g = {f, context};
    bool good = s && !gsl_root_fsolver_set(s, &g, lo, hi);
    for (int i = 0; good && i < 200; i++) {
        good = !gsl_root_fsolver_iterate(s);
        double a = good ? gsl_root_fsolver_x_lower(s) : 0,
               b = good ? gsl_root_fsolver_x_upper(s) : 0;
        /* The bracket closes on one side only where the function is nearly a line. */
        if (good && gsl_root_test_interval(a, b, 0, relative) == GSL_SUCCESS) break;
    }
    if (good) *root = gsl_root_fsolver_root(s);
    if (s) gsl_root_fsolver_free(s);
    return good;
}
