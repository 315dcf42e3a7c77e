/* laws.h - the scaling laws: one const table of names, parameters, formulas and derivatives.
 *
 * A law gives the loss L as a function of up to three variables (N, D and, for repeated data, the
 * unique tokens U) and of parameters in the papers' names and natural units (N in parameters, D in
 * tokens). Fits work in internal parameters, one for each natural one: logarithms of coefficients
 * at the centre (mean of ln N, ln D) of the data, which takes the condition number of J'J from 1e14
 * to 1e3.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_LAWS_H
#define TRIPOD_FIT_LAWS_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/forms.h"
#include "src/base/err.h"

enum { LAW_PARAMS = 12, LAW_HESSIAN = LAW_PARAMS * (LAW_PARAMS + 1) / 2 };

/* How a natural parameter p becomes an internal one t; c is the centre of its variable. */
enum law_map {
    MAP_PLAIN, /* t = p */
    MAP_LOG,   /* t = ln p */
    /* t = ln p - exponent * c: a term p x^-exponent is exp(t - exponent (ln x - c)) */
    MAP_COEFFICIENT,
    MAP_SCALE, /* t = exponent (ln p - c): a term (p / x)^exponent */
    MAP_PLACE, /* t = ln p - c: a value of the variable itself */
};

struct law_param {
    const char *name; /* "E", "A", "alpha" */
    const char *text; /* what it means */
    enum law_map map;
    int exponent; /* index of the exponent's parameter, MAP_COEFFICIENT and MAP_SCALE */
    int variable; /* 0 N, 1 D, 2 U */
    /* How far a search goes, internal: a coefficient, a scale and the constant beyond the least and
     * the greatest ln L, a place beyond the range of its variable; others as they are. */
    double lower, upper;
};

/* A point where a law is evaluated. A law of one variable (power) reads it from N, whatever it is;
 * the law of steps reads the step from D. */
struct law_at {
    double N, D, U;
};

enum law_variables {
    LAW_N = 1,
    LAW_D = 2,
    LAW_U = 4,
    LAW_ANY = 8,  /* N is whichever single column is asked for */
    LAW_STEP = 16 /* D is the optimiser step */
};

struct law_term {
    int coefficient, exponent, variable;
};

struct law {
    const char *name;    /* as on the command line: "chinchilla" */
    const char *formula; /* "L = E + A N^-alpha + B D^-beta" */
    const char *text;    /* when to use it */
    const char *citation;
    unsigned variables; /* enum law_variables */
    int n;              /* parameters */
    struct law_param param[LAW_PARAMS];
    /* A constant (index of its parameter, or -1) plus up to two power terms: such laws have a fast
     * path. terms is 0 for laws of another form, which have `function`. */
    int constant, terms;
    struct law_term term[2];
    law_function *function;
};

extern const struct law laws[];
extern const size_t n_laws;

/* By name ("chinchilla"; aliases too: "hoffmann", "power+c"); NULL and *e listing the names. */
const struct law *law_find(const char *name, struct err *e);
/* Index of a parameter by name, -1 when the law has none. */
int law_param_index(const struct law *law, const char *name);

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

/* Compute-optimal allocation in closed form, for laws with one power term in N and one in D and
 * C = 6ND: N* = G (C/6)^a, D* = (C/6)^b / G. Returns false when there is none. */
bool law_optimum(const struct law *law, const double *params, double *a, double *b, double *G);

#endif
