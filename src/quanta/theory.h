/* theory.h - the quantization model of scaling in numbers: exact sums, their closed forms for many
 * quanta, and what data that are drawn do.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling", section 2 and its appendix: quantum
 * k = 1, 2 ... is needed with probability p_k = k^-(alpha + 1) / zeta(alpha + 1); a token that needs
 * it costs a_k once it is learned and b_k before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_THEORY_H
#define TRIPOD_QUANTA_THEORY_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Sums over k = FROM, FROM + 1 ... to infinity of k^-S and of k^-S ln k, S > 1, to about 1e-12 of
 * themselves (Euler and Maclaurin). FROM >= 1. */
double theory_tail(double s, double from);
double theory_log_tail(double s, double from);

/* The loss with the first N quanta learned, less that with all, in two cases. Where learning makes a
 * quantum's tokens C times as probable (b_k = -ln p_k, a_k = -ln(C p_k)) it is ln C times the first. */
enum theory_case {
    THEORY_CONSTANT, /* a_k = a, b_k = b: in units of b - a */
    THEORY_UNIGRAM,  /* b_k = -ln p_k, a_k = 0: nats */
};
double theory_exact(enum theory_case c, double alpha, double n);
/* The same by its leading terms for many quanta; n^-alpha, the second times ln n. */
double theory_closed(enum theory_case c, double alpha, double n);

/* D samples are drawn (their number Poisson's, so that quanta are independent), and a quantum that was
 * needed by at least NEEDED of them is learned. Losses in units of b - a. */
struct theory_draws {
    double alpha;
    double needed;   /* a whole number, at most 1000 */
    uint64_t quanta; /* drawn one by one; what lies beyond is added as it is expected */
    size_t runs;
    uint64_t seed;
};
struct theory_loss {
    double mean, error; /* over the runs; error of the mean, NaN: one run */
    double expected;    /* without a draw */
    double beyond;      /* expected part of the quanta beyond those drawn */
    double learned;     /* mean number of quanta learned, among those drawn */
};
/* OpenMP's threads; the same bits for any number. Errors: out of memory. */
int theory_draw(struct theory_loss *l, double samples, const struct theory_draws *q, struct err *e);

#endif
