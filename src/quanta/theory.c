/* theory.c - see theory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/theory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

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

/* P(N < needed), N Poisson's of this mean. */
static double too_few(double mean, double needed)
{
    double term = exp(-mean), sum = 0;
    for (double i = 0; i < needed; i++) {
        sum += term;
        term *= mean / (i + 1);
    }
    return sum;
}

/* The lower incomplete gamma function of A > 0 and X >= 0, by its series. */
static double lower_gamma(double a, double x)
{
    double term = 1 / a, sum = term;
    for (double n = 1; term > 1e-17 * sum && n < 1e5; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return x > 0 ? exp(a * log(x) - x) * sum : 0;
}

/* The expected loss of the quanta beyond K, their sum an integral from K + 1/2 on. With u = D p(x) it is
 * (D / zeta)^(1/s) / (s D) times that of P(N_u < needed) u^(-1/s) from 0 to u(K + 1/2). */
static double beyond(double quanta, double samples, const struct theory_draws *q)
{
    const double s = q->alpha + 1, zeta = theory_tail(s, 1);
    const double most = samples * pow(quanta + 0.5, -s) / zeta;
    double sum = 0, factorial = 1;
    for (double i = 0; i < q->needed; i++) {
        sum += lower_gamma(i + 1 - 1 / s, most) / factorial;
        factorial *= i + 1;
    }
    return pow(samples / zeta, 1 / s) / (s * samples) * sum;
}

/* Quanta are drawn in blocks, whose sums are added in order. */
enum { BLOCK = 1 << 14 };

struct sums {
    double loss, expected, learned;
};

static struct sums draw_block(uint64_t block, size_t run, double samples, double zeta,
                              const struct theory_draws *q)
{
    struct sums sums = {0};
    const uint64_t first = block * BLOCK, left = q->quanta - first;
    for (uint64_t i = 0; i < BLOCK && i < left; i++) {
        const double p = pow((double)(first + i + 1), -(q->alpha + 1)) / zeta;
        const double few = too_few(samples * p, q->needed);
        const bool missed = rng_uniform(q->seed, run, first + i) < few;
        sums.expected += few * p;
        sums.loss += missed ? p : 0;
        sums.learned += !missed;
    }
    return sums;
}

static struct sums draw_run(struct sums *block, size_t run, double samples, double zeta,
                            const struct theory_draws *q)
{
    const uint64_t blocks = (q->quanta + BLOCK - 1) / BLOCK;
    struct sums all = {0};
#pragma omp parallel for schedule(static)
    for (uint64_t b = 0; b < blocks; b++) block[b] = draw_block(b, run, samples, zeta, q);
    for (uint64_t b = 0; b < blocks; b++) {
        all.loss += block[b].loss;
        all.expected += block[b].expected;
        all.learned += block[b].learned;
    }
    return all;
}

int theory_draw(struct theory_loss *l, double samples, const struct theory_draws *q, struct err *e)
{
    const double zeta = theory_tail(q->alpha + 1, 1);
    struct sums *block = malloc((q->quanta / BLOCK + 1) * sizeof *block);
    double *loss = malloc(q->runs * sizeof *loss), square = 0;
    if (!block || !loss) {
        free(block);
        free(loss);
        return err_memory(e, NULL);
    }
    *l = (struct theory_loss){.error = NAN, .beyond = beyond((double)q->quanta, samples, q)};
    for (size_t r = 0; r < q->runs; r++) {
        const struct sums sums = draw_run(block, r, samples, zeta, q);
        loss[r] = sums.loss + l->beyond;
        l->mean += loss[r] / (double)q->runs;
        l->learned += sums.learned / (double)q->runs;
        l->expected = sums.expected + l->beyond;
    }
    for (size_t r = 0; r < q->runs; r++) square += (loss[r] - l->mean) * (loss[r] - l->mean);
    if (q->runs > 1) l->error = sqrt(square / (double)(q->runs - 1) / (double)q->runs);
    free(block);
    free(loss);
    return 0;
}
