/* kernel.h - the hot loop of fitting: objective, gradient and Hessian of laws that are a constant
 * plus two power terms, L = E + e^(a - alpha x) + e^(b - beta z), summed over rows two at a time.
 *
 * Plain C with the compiler's portable vector types (two doubles, SSE2 on x86-64), own exp and log,
 * fixed order of summation: the same bits on every machine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_KERNEL_H
#define TRIPOD_FIT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* How a residual r = prediction - observation counts. */
struct kernel_loss {
    bool log; /* residuals of ln L, else of L */
    double
        delta; /* Huber: r^2/2 up to delta, then linear with slope delta; INFINITY: least squares */
    double active; /* rows with |r| <= active are taken as quadratic; = delta but when following a
                      path */
    double over;   /* weight of rows predicted too high; 1: symmetric */
};

/* Slots: 0 constant, 1 a, 2 alpha, 3 b, 4 beta. Matrices are packed lower triangles, row by row. */
struct kernel_sums {
    double f;
    double g[5];
    double h[15]; /* Hessian */
    double m[15]; /* majorant: sum of (psi(r) / r) J J', positive semi-definite */
};

/* Rows: n must be even (pad with w = 0 and finite values); y is ln L when loss->log, else L; w
 * weights. */
struct kernel_rows {
    size_t n;
    const double *x, *z, *y, *w;
};

/* E, a, alpha, b, beta; b = -INFINITY leaves the second term out, E = 0 the constant. */
void kernel_terms(const struct kernel_rows *rows, const struct kernel_loss *loss, const double q[5],
                  struct kernel_sums *out);

/* ln or identity is up to the caller: predictions L of every row. */
void kernel_predict(const struct kernel_rows *rows, const double q[5], double *L);

/* exp and log of n numbers (n even), about 1 ulp; exp saturates outside +-700. */
void kernel_exp(size_t n, const double *x, double *y);
void kernel_log(size_t n, const double *x, double *y);

#endif
