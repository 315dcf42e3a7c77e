/* theory.c - see theory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/theory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

/* --- sums --- */

enum { DIRECT = 100 }; /* terms below this are added one by one */

double theory_tail(double s, double from)
{
    double sum = 0, k = from;
    for (; k < DIRECT; k++) sum += pow(k, -s);
    const double t = pow(k, -s);
    return sum + k * t / (s - 1) + t / 2 + s * t / k / 12 -
           s * (s + 1) * (s + 2) * t / (k * k * k) / 720;
}

double theory_log_tail(double s, double from)
{
    double sum = 0, k = from;
    for (; k < DIRECT; k++) sum += pow(k, -s) * log(k);
    const double t = pow(k, -s), l = log(k);
    const double integral = k * t * (l / (s - 1) + 1 / ((s - 1) * (s - 1)));
    const double first = t / k * (1 - s * l), /* derivatives of k^-s ln k */
        third = t / (k * k * k) * (3 * s * s + 6 * s + 2 - s * (s + 1) * (s + 2) * l);
    return sum + integral + t * l / 2 - first / 12 + third / 720;
}

double theory_exact(enum theory_case c, double alpha, double n)
{
    const double s = alpha + 1, zeta = theory_tail(s, 1), left = theory_tail(s, n + 1) / zeta;
    if (c != THEORY_UNIGRAM) return left;
    return s * theory_log_tail(s, n + 1) / zeta + log(zeta) * left;
}

double theory_closed(enum theory_case c, double alpha, double n)
{
    const double zeta = theory_tail(alpha + 1, 1), power = pow(n, -alpha);
    if (c != THEORY_UNIGRAM) return power / (alpha * zeta);
    return (1 + alpha + alpha * log(zeta)) / (alpha * alpha * zeta) * power +
           (alpha + 1) / (alpha * zeta) * power * log(n);
}

/* --- draws --- */

/* ln Gamma(a), a > 0. lgamma itself writes a variable of all threads'. */
static double log_gamma(double a)
{
    int sign;
    return lgamma_r(a, &sign);
}

/* P(N < needed), N Poisson's of this mean. */
static double too_few(double mean, double needed)
{
    double term = 1, sum = 0;
    if (mean < 700) {
        term = exp(-mean);
        for (double i = 0; i < needed; i++) {
            sum += term;
            term *= mean / (i + 1);
        }
        return sum;
    }
    /* exp(-mean) is nearly or wholly 0: from the last term down, in units of that */
    for (double i = needed - 1; i >= 0; i--) {
        sum += term;
        term *= i / mean;
    }
    return fmin(exp((needed - 1) * log(mean) - mean - log_gamma(needed)) * sum, 1);
}

/* The lower incomplete gamma function of A > 0 and X >= 0, divided by e^SCALE: its series, or for large X
 * what Legendre's continued fraction leaves of the whole (by Lentz's method). */
static double lower_gamma(double a, double x, double scale)
{
    if (!(x > 0)) return 0;
    const double power = exp(a * log(x) - x - scale);
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (double n = 1; term > 1e-17 * sum; n++) {
            term *= x / (a + n);
            sum += term;
        }
        return power * sum;
    }
    double b = x + 1 - a, c = INFINITY, d = 1 / b, fraction = d, change = 0;
    for (double n = 1; fabs(change - 1) > 1e-15; n++) {
        const double by = n * (a - n);
        b += 2;
        d = 1 / (b + by * d);
        c = b + by / c;
        change = c * d;
        fraction *= change;
    }
    return exp(log_gamma(a) - scale) - power * fraction;
}

/* The expected loss of the quanta beyond K, their sum an integral from K + 1/2 on. With u = D p(x) it is
 * (D / zeta)^(1/s) / (s D) times that of P(N_u < needed) u^(-1/s) from 0 to u(K + 1/2). */
static double beyond(double quanta, double samples, const struct theory_draws *q)
{
    const double s = q->alpha + 1, zeta = theory_tail(s, 1);
    const double most = samples * pow(quanta + 0.5, -s) / zeta;
    double sum = 0;
    for (double i = 0; i < q->needed; i++)
        sum += lower_gamma(i + 1 - 1 / s, most, log_gamma(i + 1));
    return pow(samples / zeta, 1 / s) / (s * samples) * sum;
}

/* Quanta are drawn in blocks, whose sums are added in order: some blocks at a time, all runs of each, as
 * all that is dear belongs to a quantum. */
enum { BLOCK = 1 << 14, AT_ONCE = 128 };

struct sums {
    double loss, learned;
};

/* SUMS [runs]; returns the block's expected loss. */
static double draw_block(struct sums *sums, uint64_t block, double samples, double zeta,
                         const struct theory_draws *q)
{
    const uint64_t first = block * BLOCK, left = q->quanta - first;
    double expected = 0;
    memset(sums, 0, q->runs * sizeof *sums);
    for (uint64_t i = 0; i < BLOCK && i < left; i++) {
        const double p = pow((double)(first + i + 1), -(q->alpha + 1)) / zeta;
        const double few = too_few(samples * p, q->needed);
        expected += few * p;
        for (size_t run = 0; run < q->runs; run++) {
            const bool missed = rng_uniform(q->seed, run, first + i) < few;
            sums[run].loss += missed ? p : 0;
            sums[run].learned += !missed;
        }
    }
    return expected;
}

/* ALL [runs], zeros; SOME: room for AT_ONCE times as many. Returns the expected loss. */
static double draw_all(struct sums *all, struct sums *some, double samples, double zeta,
                       const struct theory_draws *q)
{
    const uint64_t blocks = (q->quanta + BLOCK - 1) / BLOCK;
    double expected[AT_ONCE], sum = 0;
    for (uint64_t first = 0; first < blocks; first += AT_ONCE) {
        const uint64_t n = blocks - first < AT_ONCE ? blocks - first : AT_ONCE;
#pragma omp parallel for schedule(static)
        for (uint64_t b = 0; b < n; b++)
            expected[b] = draw_block(some + b * q->runs, first + b, samples, zeta, q);
        for (uint64_t b = 0; b < n; b++) {
            sum += expected[b];
            for (size_t run = 0; run < q->runs; run++) {
                all[run].loss += some[b * q->runs + run].loss;
                all[run].learned += some[b * q->runs + run].learned;
            }
        }
    }
    return sum;
}

int theory_draw(struct theory_loss *l, double samples, const struct theory_draws *q, struct err *e)
{
    const double zeta = theory_tail(q->alpha + 1, 1);
    struct sums *all = calloc(q->runs, sizeof *all),
                *some = malloc(AT_ONCE * q->runs * sizeof *some);
    double square = 0;
    int status = all && some ? 0 : err_memory(e, NULL);
    if (!status) {
        *l = (struct theory_loss){.error = NAN, .beyond = beyond((double)q->quanta, samples, q)};
        l->expected = draw_all(all, some, samples, zeta, q) + l->beyond;
        for (size_t r = 0; r < q->runs; r++) {
            all[r].loss += l->beyond;
            l->mean += all[r].loss / (double)q->runs;
            l->learned += all[r].learned / (double)q->runs;
        }
        for (size_t r = 0; r < q->runs; r++)
            square += (all[r].loss - l->mean) * (all[r].loss - l->mean);
        if (q->runs > 1) l->error = sqrt(square / (double)(q->runs - 1) / (double)q->runs);
    }
    free(all);
    free(some);
    return status;
}
