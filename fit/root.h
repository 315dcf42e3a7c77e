/* root.h - where a function of one variable changes sign, by Brent's method (GSL).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_ROOT_H
#define TRIPOD_FIT_ROOT_H

#include <stdbool.h>

/* Between lo and hi, where f has opposite signs (or is 0), to `relative` of the root and no finer
 * than its last digits. False when the signs are equal or f is not finite. Thread-safe. */
bool root_between(double (*f)(double x, void *context), void *context, double lo, double hi,
                  double relative, double *root);

#endif
