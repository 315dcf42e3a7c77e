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
    MAP_WOVEN, /* follows from several internal ones: struct law, weave and unweave */
};

struct law_param {
    const char *name; /* "E", "A", "alpha" */
    const char *text; /* what it means */
    enum law_map map;
    int exponent; /* index of the exponent's parameter; MAP_COEFFICIENT and MAP_SCALE */
    int variable; /* 0 N, 1 D, 2 the third */
    /* How far a search goes, internal: a coefficient, a scale and the constant beyond the least and
     * the greatest ln L, a place beyond the range of its variable; others as they are. */
    double lower, upper;
    /* Where scattered starts (scatter.h) begin, as the limits; both 0 in laws that have none. */
    double from, to;
};

/* A point where a law is evaluated. A law of one variable (power) reads it from N, whatever it is;
 * laws of steps read the step from D, one of the vocabulary reads V from U. */
struct law_at {
    double N, D, U;
};

enum law_variables {
    LAW_N = 1,
    LAW_D = 2,
    LAW_U = 4,
    LAW_ANY = 8,       /* N is whichever single column is asked for */
    LAW_STEP = 16,     /* D is the optimiser step */
    LAW_V = 32,        /* U is the vocabulary */
    LAW_C = 64,        /* N is the compute C */
    LAW_SCHEDULE = 128 /* U is the number of the run's learning-rate schedule (schedule.h) */
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
    /* Laws that are not in the table, or need more than it holds. */
    unsigned linear; /* bit per logarithmic parameter whose value L is linear in (scatter.h) */
    unsigned scale;  /* bit per parameter: adding m to all of them multiplies L by e^m */
    /* Laws with woven parameters: all natural ones from the internal ones, with the Jacobian [n * n]
     * unless NULL, and back. */
    void (*weave)(const double *centre, const double *t, double *params, double *jacobian);
    void (*unweave)(const double *centre, const double *params, double *t);
    /* Turns a draw from the ranges from..to into internal parameters; NULL: it is one already. */
    void (*place)(const struct law *law, const double *centre, double *t);
    const void *context; /* what the function reads besides: a schedule, an expression */
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
