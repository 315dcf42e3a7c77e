/* solve.h - a minimiser of smooth functions of a few variables, for fits: damped Newton steps.
 *
 * The step solves (H + lambda M) s = -g, H the exact Hessian and M a positive semi-definite
 * majorant (Gauss-Newton, or that of iteratively reweighted least squares): far away a Gauss-Newton
 * step within a trust region, near the minimum Newton's, which also works where residuals are
 * large. It stops by the Newton decrement relative to the function value, so neither the
 * objective's scale nor the parameters' units matter, and reports what it reached: success is for
 * the caller to judge.
 *
 * No allocation, no global state: thread-safe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SOLVE_H
#define TRIPOD_FIT_SOLVE_H

#include <stdbool.h>

/* Element (i, j), j <= i, of a packed lower triangle. */
#define PACKED(i, j) ((i) * ((i) + 1) / 2 + (j))

enum { SOLVE_MAX = 12, SOLVE_PACKED = SOLVE_MAX * (SOLVE_MAX + 1) / 2 };

/* f, g [n], h and m [n (n + 1) / 2] (packed lower triangles, row by row) at t. Non-finite f: t is
 * outside the domain. */
typedef void solve_function(void *context, const double *t, double *f, double *g, double *h,
                            double *m);

struct solve_problem {
    int n;
    solve_function *function;
    void *context;
    const double *lower, *upper; /* [n] bounds, or NULL; a variable with lower == upper is fixed */
    double zero;                 /* a function value that counts as 0 (rounding of a perfect fit) */
    double tolerance;            /* relative decrement at which to stop: 1e-24 for a final answer */
    int max_steps;
    /* Bit per variable that f is quadratic in while the others are held (linear parameters of least
     * squares): every trial point is taken to its minimum over them. */
    unsigned linear;
    /* Improves a trial point while steps still promise over 1 % of f (variable projection); or
     * NULL. */
    void (*correct)(void *context, double *t);
    double damping;    /* the first lambda; 0: 0.01 */
    double max_length; /* of a step, in any variable; 0: no limit */
};

struct solve_result {
    double f, g[SOLVE_MAX], h[SOLVE_PACKED], m[SOLVE_PACKED];
    double
        decrement; /* g' H^-1 g / 2 over the free variables, as a share of f; NaN: H not positive */
    int steps;     /* evaluations of the function */
    bool converged; /* the decrement went below 1e-10 f, or f below zero */
    bool at_bound[SOLVE_MAX];
};

/* From t to a minimum, in place. */
void solve(const struct solve_problem *p, double *t, struct solve_result *r);

/* Cholesky of a packed lower triangle in place; false when not positive definite. */
bool cholesky(int n, double *a);
/* Solves with that factor, in place. */
void cholesky_solve(int n, const double *a, double *b);

#endif
