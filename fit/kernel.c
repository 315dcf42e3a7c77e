/* kernel.c - see kernel.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/kernel.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef double two __attribute__((vector_size(16)));
typedef int64_t two_int __attribute__((vector_size(16)));

static inline two load(const double *p)
{
    two v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, two v)
{
    memcpy(p, &v, sizeof v);
}

static inline two splat(double v)
{
    return (two){v, v};
}

static inline two choose(two_int mask, two yes, two no)
{
    return (two)((mask & (two_int)yes) | (~mask & (two_int)no));
}

static inline two absolute(two v)
{
    return (two)((two_int)v & INT64_MAX);
}

/* e^x = 2^k e^r, |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 13 (remainder 4e-18). */
static inline two two_exp(two x)
{
    const two magic = splat(0x1.8p52);
    x = choose(x > splat(700), splat(700), x);
    x = choose(x < splat(-700), splat(-700), x);
    two k = x * splat(0x1.71547652b82fep0) + magic, n = k - magic;
    two r = x - n * splat(0x1.62e42fefa0000p-1) - n * splat(0x1.cf79abc9e3b3ap-40);
    two p = splat(1 / 6227020800.0);
    p = p * r + splat(1 / 479001600.0);
    p = p * r + splat(1 / 39916800.0);
    p = p * r + splat(1 / 3628800.0);
    p = p * r + splat(1 / 362880.0);
    p = p * r + splat(1 / 40320.0);
    p = p * r + splat(1 / 5040.0);
    p = p * r + splat(1 / 720.0);
    p = p * r + splat(1 / 120.0);
    p = p * r + splat(1 / 24.0);
    p = p * r + splat(1 / 6.0);
    p = p * r + splat(0.5);
    p = p * r * r + r;
    p = p + splat(1);
    two_int scale = ((two_int)k << 52) + (two_int)splat(1.0);
    return p * (two)scale;
}

/* ln x = e ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), m in [0.707, 1.414); for normal positive x. */
static inline two two_log(two x)
{
    const two_int one = (two_int)splat(1.0), root = (two_int)splat(0x1.6a09e667f3bcdp-1);
    two_int bits = (two_int)x, up = bits + (one - root);
    two_int biased = (two_int)((__attribute__((vector_size(16))) uint64_t)up >> 52);
    two e = (two)(biased | (two_int)splat(0x1p52)) - splat(0x1p52 + 1023);
    two m = (two)(bits - (biased << 52) + one);
    two f = m - splat(1), s = f / (f + splat(2)), q = s * s;
    two p = splat(1 / 23.0);
    p = p * q + splat(1 / 21.0);
    p = p * q + splat(1 / 19.0);
    p = p * q + splat(1 / 17.0);
    p = p * q + splat(1 / 15.0);
    p = p * q + splat(1 / 13.0);
    p = p * q + splat(1 / 11.0);
    p = p * q + splat(1 / 9.0);
    p = p * q + splat(1 / 7.0);
    p = p * q + splat(1 / 5.0);
    p = p * q + splat(1 / 3.0);
    /* 2 atanh(s) = f - f^2/2 + s (f^2/2 + 2 q p ...) has less rounding than 2 s (1 + q p). */
    two half = splat(0.5) * f * f;
    two tail = s * (half + splat(2) * q * p);
    return e * splat(0x1.62e42fefa3800p-1) +
           (f - (half - (tail + e * splat(0x1.ef35793c76730p-45))));
}

void kernel_exp(size_t n, const double *x, double *y)
{
    for (size_t i = 0; i < n; i += 2) store(y + i, two_exp(load(x + i)));
}

void kernel_log(size_t n, const double *x, double *y)
{
    for (size_t i = 0; i < n; i += 2) store(y + i, two_log(load(x + i)));
}

void kernel_predict(const struct kernel_rows *rows, const double q[5], double *L)
{
    for (size_t i = 0; i < rows->n; i += 2) {
        two u = two_exp(splat(q[1]) - splat(q[2]) * load(rows->x + i));
        two v = two_exp(splat(q[3]) - splat(q[4]) * load(rows->z + i));
        store(L + i, splat(q[0]) + u + v);
    }
}

static inline double total(two v)
{
    return v[0] + v[1];
}

enum { BLOCK = 32 }; /* pairs of rows */

/* Both terms and, for residuals of ln L, its logarithm, of some pairs of rows. Exponentials are long
 * chains of steps that wait for each other: a loop of nothing else has several under way. */
static void block_terms(const struct kernel_rows *rows, size_t first, size_t n, bool log,
                        const double q[5], two *u, two *v, two *ln)
{
    const bool second = q[3] > -INFINITY;
    for (size_t k = 0; k < n; k++)
        u[k] = two_exp(splat(q[1]) - splat(q[2]) * load(rows->x + first + 2 * k));
    for (size_t k = 0; k < n; k++)
        v[k] =
            second ? two_exp(splat(q[3]) - splat(q[4]) * load(rows->z + first + 2 * k)) : splat(0);
    for (size_t k = 0; log && k < n; k++) ln[k] = two_log(splat(q[0]) + u[k] + v[k]);
}

void kernel_terms(const struct kernel_rows *rows, const struct kernel_loss *loss, const double q[5],
                  struct kernel_sums *out)
{
    const two zero = {0, 0}, one = {1, 1};
    const two delta = splat(loss->delta), active = splat(loss->active);
    two f = zero, g[5], h[15], m[15], xx = zero, zz = zero;
    for (int i = 0; i < 5; i++) g[i] = zero;
    for (int i = 0; i < 15; i++) h[i] = m[i] = zero;
    two us[BLOCK], vs[BLOCK], logs[BLOCK];
    for (size_t i = 0; i < rows->n; i += 2) {
        const size_t pair = i / 2 % BLOCK, left = (rows->n - i) / 2;
        if (pair == 0)
            block_terms(rows, i, left < BLOCK ? left : BLOCK, loss->log, q, us, vs, logs);
        two x = load(rows->x + i), z = load(rows->z + i), w = load(rows->w + i);
        two u = us[pair], v = vs[pair];
        two c = splat(q[0]), L = c + u + v, r;
        if (loss->log) {
            two inverse = one / L;
            r = logs[pair] - load(rows->y + i);
            c *= inverse;
            u *= inverse;
            v *= inverse;
        } else {
            r = L - load(rows->y + i);
        }
        two size = absolute(r);
        two_int inside = size <= active, above = r > zero;
        w = choose(above, w * splat(loss->over), w);
        two psi = w * choose(inside, r, choose(above, delta, -delta));
        f += w * choose(inside, splat(0.5) * r * r, delta * (size - splat(0.5) * delta));
        two curve = choose(inside, w, zero); /* psi' */
        two major = choose(inside, w, w * delta / (size + splat(1e-300)));
        /* d2 ln L = diag(p) - p p', d2 L = diag(d), in (ln E, a - alpha x, b - beta z) */
        two bend = loss->log ? curve - psi : curve;
        two j[5] = {c, u, -x * u, v, -z * v};
        for (int k = 0, n = 0; k < 5; k++) {
            two jh = bend * j[k], jm = major * j[k];
            g[k] += psi * j[k];
            for (int l = 0; l <= k; l++, n++) {
                h[n] += jh * j[l];
                m[n] += jm * j[l];
            }
        }
        xx += psi * u * x * x;
        zz += psi * v * z * z;
    }
    out->f = total(f);
    for (int k = 0; k < 5; k++) out->g[k] = total(g[k]);
    for (int n = 0; n < 15; n++) {
        out->h[n] = total(h[n]);
        out->m[n] = total(m[n]);
    }
    /* The diagonal part: (k, k) for the logarithms, then each exponent with its coefficient. */
    out->h[0] += out->g[0];
    out->h[2] += out->g[1];
    out->h[4] += out->g[2]; /* (alpha, a): sum of psi u (-x) */
    out->h[5] += total(xx);
    out->h[9] += out->g[3];
    out->h[13] += out->g[4];
    out->h[14] += total(zz);
}
