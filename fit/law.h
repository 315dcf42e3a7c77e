/* law.h - what a scaling law is: its variables, its parameters and how they are fitted, its
 * formula.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_LAW_H
#define TRIPOD_FIT_LAW_H

#include <stdbool.h>

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

struct law;

/* L and its derivatives in the law's n internal parameters t at centred logarithms x[3] of the
 * variables (x = ln variable - centre). g [n], h packed lower triangle [n (n + 1) / 2], row by row;
 * both or none. Which parameter is which: the law's row in
 * laws.c. */
typedef double law_function(const struct law *law, const double *t, const double *x,
                            const double *centre, double *g, double *h);

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
    /* Laws of larger forms: where scattered starts (scatter.h) of each parameter lie, internal,
     * coefficients relative to L. */
    double start[LAW_PARAMS][2];
    unsigned linear; /* bit per logarithmic parameter whose value L is linear in (scatter.h) */
    unsigned scale;  /* bit per parameter: adding m to all of them multiplies L by e^m */
    /* Laws with woven parameters: all natural ones from the internal ones, with the Jacobian [n * n]
     * unless NULL, and back. */
    void (*weave)(const double *centre, const double *t, double *params, double *jacobian);
    void (*unweave)(const double *centre, const double *params, double *t);
    /* Turns a draw from these ranges into internal parameters; NULL: it is one already. */
    void (*place)(const struct law *law, const double *centre, double *t);
    const void *context; /* what the function reads besides: a schedule, an expression */
};

#endif
