/* laws.h - the scaling laws: one const table of names, parameters, formulas and derivatives.
 *
 * A law gives the loss L as a function of up to three variables (N, D and a third: the unique tokens
 * U of repeated data, the vocabulary V) and of parameters in the papers' names and natural units (N in parameters, D in
 * tokens). Fits work in internal parameters, one for each natural one: logarithms of coefficients
 * at the centre (mean of ln N, ln D) of the data, which takes the condition number of J'J from 1e14
 * to 1e3.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_LAWS_H
#define TRIPOD_FIT_LAWS_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/law.h"
#include "src/base/err.h"

/* A point where a law is evaluated. A law of one variable (power) reads it from N, whatever it is;
 * laws of steps read the step from D, one of the vocabulary reads V from U. */
struct law_at {
    double N, D, U;
};

extern const struct law laws[];
extern const size_t n_laws;

/* By name ("chinchilla"; aliases too: "hoffmann", "power+c"); NULL and *e listing the names. */
const struct law *law_find(const char *name, struct err *e);
/* Index of a parameter by name, -1 when the law has none. */
int law_param_index(const struct law *law, const char *name);

/* True when a parameter must be positive, so that its logarithm is what errors are normal in. */
bool law_param_positive(const struct law_param *p);

/* L at a point, natural parameters params[law->n]. */
double law_value(const struct law *law, const double *params, const struct law_at *at);
/* The same with dL/dparams [n], natural. */
double law_gradient(const struct law *law, const double *params, const struct law_at *at,
                    double *gradient);

/* In internal parameters; g and h as law_function. */
double law_internal(const struct law *law, const double *t, const double *x, const double *centre,
                    double *g, double *h);

/* Natural <-> internal; centre [3] = means of the logarithms of N, D, U (0 where a law has none).
 * to_internal: a non-positive value of a logarithmic parameter becomes exp(-60). */
void law_to_internal(const struct law *law, const double *centre, const double *params, double *t);
void law_to_natural(const struct law *law, const double *centre, const double *t, double *params);
/* d natural / d internal, row-major [n * n]. */
void law_jacobian(const struct law *law, const double *centre, const double *t, double *jacobian);

/* d internal / d natural, its inverse. */
void law_inverse_jacobian(const struct law *law, const double *centre, const double *t,
                          double *inverse);

/* Compute-optimal allocation in closed form, for laws with one power term in N and one in D and
 * C = 6ND: N* = G (C/6)^a, D* = (C/6)^b / G. Returns false when there is none. */
bool law_optimum(const struct law *law, const double *params, double *a, double *b, double *G);

#endif
