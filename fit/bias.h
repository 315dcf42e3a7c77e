/* bias.h - the systematic error of Approach 2 (a parabola through isoFLOP losses) at a known
 * surface.
 *
 * Along C = 6ND the surface L = E + A N^-alpha + B D^-beta is, with x = ln(N / N*),
 *
 *     L - E = K (exp(-alpha x) / alpha + exp(beta x) / beta),   K = alpha A N*^-alpha = beta B
 * D*^-beta,
 *
 * a parabola only near x = 0 and symmetric only if alpha = beta. The parabola of least squares over
 * a grid of x has its vertex at x_v != 0, and x_v depends on alpha, beta and the grid alone: not on
 * C, E, A, B. So N* is off by the factor exp(x_v) and D* by exp(-x_v) at every budget: exponents
 * stay, the coefficients are wrong. (If the grid's centre drifts with C, the exponents go wrong
 * too.)
 *
 * For n points even over [-w, w], h = 2w / (n - 1), all sums are derivatives of one geometric sum
 *     S(c) = sum exp(c x_i) = sinh(n c h / 2) / sinh(c h / 2):
 *     x_v = -(T1 / m2) / (2 T2 / (m4 - m2^2 / n)),
 *     T1 = S'(beta) / beta - S'(alpha) / alpha,
 *     T2 = (S''(alpha) - m2 S(alpha) / n) / alpha + (S''(beta) - m2 S(beta) / n) / beta,
 * with m2 = sum x_i^2, m4 = sum x_i^4. At Hoffmann et al.'s printed surface (alpha 0.34, beta 0.28)
 * and 15 points from N* / 16 to 16 N* this gives D* -5.1002 % (N* +5.3743 %); 5 points give -6.33
 * %, a continuum -4.50 %.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_BIAS_H
#define TRIPOD_FIT_BIAS_H

#include <stdbool.h>
#include <stddef.h>

/* x_v for n points even in ln N over +-ln(FACTOR) about the optimum, by the closed form. n >= 3. */
double bias_even(double alpha, double beta, double factor, size_t n);

/* The vertex, in ln N, of the parabola through the exact surface at the grid ln_n[n] when the
 * optimum is at ln_star. NaN when the grid has fewer than 3 distinct points. */
double bias_vertex(double alpha, double beta, const double *ln_n, size_t n, double ln_star);

/* The optimum whose exact losses on this grid would put the vertex at VERTEX: the corrected
 * estimate, on the user's own grid. False when there is none within the grid stretched by its own
 * width. */
bool bias_correct(double alpha, double beta, const double *ln_n, size_t n, double vertex,
                  double *ln_star);

#endif
