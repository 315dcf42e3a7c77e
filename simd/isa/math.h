/* math.h - exp, log, erf, tanh and the two forms of GELU over 16 lanes, for the kernels here.
 *
 * Each is an argument reduction and a minimax polynomial whose FMAs are written out, so that every
 * instruction set gives the same bits; coefficients.py derives the polynomials. Errors (tests/
 * kernels measures them): exp, log, erf and tanh within 2 units in the last place over the whole
 * range, denormal results included (exp); the GELUs as said beside them. NaN stays NaN.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_MATH_H
#define TRIPOD_SIMD_ISA_MATH_H

#include "simd/isa/coefficients.h"
#include "simd/isa/words.h"

#include <math.h>

#define M_COUNT(a) (sizeof(a) / sizeof(a)[0])

/* c[0] + c[1] x + ... by Horner's rule; n is a constant wherever it is called. */
V_WORD vf m_polynomial(vf x, const float *c, int n)
{
    vf r = v_set1(c[n - 1]);
    V_FOR (i, n - 1) r = v_fma(r, x, v_set1(c[n - 2 - i]));
    return r;
}

/* exp for x <= 0 or NaN, as a softmax needs it: exp(0) = 1, below -104 (-inf too) 0. */
V_WORD vf m_exp_negative(vf x)
{
    x = v_max(v_set1(-104.0f), x);
    vf n = v_round(v_mul(x, v_set1(0x1.715476p+0f))); /* 1 / ln 2 */
    vf r = v_fnma(n, v_set1(0x1.62e43p-1f), x);       /* ln 2, high part: this FMA is exact */
    r = v_fnma(n, v_set1(-0x1.05c61p-29f), r);        /* and low part */
    vf q = m_polynomial(r, EXP_C, M_COUNT(EXP_C));
    q = v_fma(r, q, v_set1(1.0f)); /* (e^r - 1) / r */
    return v_scale2(v_fma(r, q, v_set1(1.0f)), n);
}

/* exp over the whole range: +inf above 88.73. */
V_WORD vf m_exp(vf x)
{
    return m_exp_negative(v_min(v_set1(89.0f), x));
}

/* 2^x for x in [-160, 128]. */
V_WORD vf m_exp2(vf x)
{
    vf n = v_round(x), f = v_sub(x, n);
    vf q = m_polynomial(f, EXP2_C, M_COUNT(EXP2_C));
    return v_scale2(v_fma(f, q, v_set1(1.0f)), n);
}

/* exp for x <= 0 where only the order of magnitude matters far from 0: relative error 1.2 ULP plus
 * 1.2e-8 |x|; exp(0) = 1; below -87 it stays at 2^-126, nothing beside the 1 in every sum. */
V_WORD vf m_exp_softmax(vf x)
{
    const vf shift = v_set1(0x1.8p23f), log2e = v_set1(0x1.715476p+0f);
    x = v_max(v_set1(-87.0f), x);
    vf z = v_fma(x, log2e, shift); /* the nearest integer n, in its low bits */
    vf f = v_fma(x, log2e, v_sub(shift, z));
    vf q = m_polynomial(f, EXP2_C, M_COUNT(EXP2_C));
    return v_add_exponent(v_fma(f, q, v_set1(1.0f)), z);
}

V_WORD vf m_log(vf x)
{
    vf tiny = v_set1(0x1p-126f), e;
    vf y = v_select_lt(x, tiny, v_mul(x, v_set1(0x1p32f)), x);
    vf f = v_sub(v_split(y, &e), v_set1(1.0f));
    e = v_sub(e, v_select_lt(x, tiny, v_set1(32.0f), v_zero()));
    vf f2 = v_mul(f, f);
    vf t = v_mul(v_mul(f, f2), m_polynomial(f, LOG_C, M_COUNT(LOG_C)));
    t = v_fma(e, v_set1(-0x1.05c61p-29f), t); /* ln 2, low part */
    t = v_add(f, v_fnma(v_set1(0.5f), f2, t));
    vf r = v_fma(e, v_set1(0x1.62e43p-1f), t); /* and high part */
    /* inf and NaN are their own logarithms; zero gives -inf, what is below gives NaN */
    r = v_select_lt(x, v_set1(INFINITY), r, x);
    r = v_select_lt(v_zero(), x, r, v_select_lt(x, v_zero(), v_set1(NAN), v_set1(-INFINITY)));
    return v_select_lt(x, v_set1(INFINITY), r, x);
}

V_WORD vf m_erf(vf x)
{
    vf a = v_abs(x);
    vf small = m_polynomial(v_mul(x, x), ERF_SMALL_C, M_COUNT(ERF_SMALL_C));
    small = v_fma(x, small, x);
    vf b = v_min(v_set1(4.0f), a); /* erf(4) rounds to 1 */
    vf p = m_polynomial(b, ERF_LARGE_C, M_COUNT(ERF_LARGE_C));
    vf large = v_sub(v_set1(1.0f), m_exp2(v_sub(v_zero(), p)));
    return v_select_lt(a, v_set1(0.95f), small, v_copysign(large, x));
}

V_WORD vf m_tanh(vf x)
{
    vf a = v_abs(x), z = v_mul(x, x);
    vf small = v_mul(z, m_polynomial(z, TANH_C, M_COUNT(TANH_C)));
    small = v_fma(x, small, x);
    vf t = m_exp_negative(v_mul(v_set1(-2.0f), a)); /* (1 - t) / (1 + t) */
    vf large = v_div(v_sub(v_set1(1.0f), t), v_add(v_set1(1.0f), t));
    return v_select_lt(a, v_set1(0.55f), small, v_copysign(large, x));
}

/* Q(a) = 1 - Phi(a), a in [0, 12.8], as 2^-P(a). P's even and odd terms are two chains: in one the
 * latency of 12 FMAs would be the cost. */
V_WORD vf m_normal_tail(vf a)
{
    const vf shift = v_set1(0x1.8p23f), a2 = v_mul(a, a);
    vf even = v_set1(GELU_C[12]), odd = v_set1(GELU_C[11]);
    V_FOR (i, 5) {
        even = v_fma(even, a2, v_set1(GELU_C[10 - 2 * i]));
        odd = v_fma(odd, a2, v_set1(GELU_C[9 - 2 * i]));
    }
    even = v_fma(even, a2, v_set1(GELU_C[0]));
    vf p = v_fma(odd, a, even);
    vf z = v_sub(shift, p); /* the integer nearest to -P, in its low bits */
    vf f = v_sub(v_sub(shift, z), p);
    vf q = m_polynomial(f, EXP2_C, M_COUNT(EXP2_C));
    return v_add_exponent(v_fma(f, q, v_set1(1.0f)), z);
}
_Static_assert(M_COUNT(GELU_C) == 13, "its terms are written out above");

/* x Phi(x) as max(x, 0) - |x| Q(|x|): nothing cancels on either side, where x / 2 (1 + erf(x / sqrt
 * 2)) in float32 loses all digits by x = -5. Absolute error within 2^-25 |x| on the left; relative
 * to the result it grows with P, slowly. Beyond 12.8 the tail stays at 2^-123. */
V_WORD vf m_gelu_erf(vf x)
{
    vf a = v_min(v_set1(12.8f), v_abs(x));
    return v_fnma(a, m_normal_tail(a), v_max(v_zero(), x));
}

/* Its derivative, Phi(x) + x phi(x): r = Q(a) - a phi(a) with a = |x| on the left, 1 - r on the
 * right. */
V_WORD vf m_gelu_erf_slope(vf x)
{
    vf a = v_min(v_set1(12.8f), v_abs(x));
    vf phi = m_exp_negative(v_mul(v_mul(a, a), v_set1(-0.5f)));
    vf r = v_fnma(v_mul(a, v_set1(0.3989422804f)), phi, m_normal_tail(a)); /* 1 / sqrt(2 pi) */
    return v_select_lt(x, v_zero(), r, v_sub(v_set1(1.0f), r));
}

/* x / 2 (1 + tanh(u)) = x / (1 + exp(-2 u)), u = 0.79788456 (x + 0.044715 x^3). */
V_WORD vf m_gelu_tanh(vf x)
{
    const float c1 = -2.302208198f, c3 = -0.1029432397f; /* -2 / ln 2 times u's coefficients */
    vf y = v_mul(x, v_fma(v_mul(x, x), v_set1(c3), v_set1(c1)));
    y = v_max(v_set1(-150.0f), v_min(v_set1(128.0f), y));
    return v_div(x, v_add(v_set1(1.0f), m_exp2(y)));
}

/* Its derivative, s + x s (1 - s) (2 u)' with s = 1 / (1 + e), e = exp(-2 u), 1 - s = e s: no
 * cancellation where s is near 1. Constant beyond 16, where s is 0 or 1 to all digits. */
V_WORD vf m_gelu_tanh_slope(vf x)
{
    const float c1 = -2.302208198f, c3 = -0.1029432397f; /* as above */
    const float d1 = 1.595769122f, d3 = 0.2140644488f;   /* (2 u)' = d1 + d3 x^2 */
    x = v_max(v_set1(-16.0f), v_min(v_set1(16.0f), x));
    vf x2 = v_mul(x, x), y = v_mul(x, v_fma(x2, v_set1(c3), v_set1(c1)));
    vf e = m_exp2(v_max(v_set1(-150.0f), v_min(v_set1(126.0f), y)));
    vf s = v_div(v_set1(1.0f), v_add(v_set1(1.0f), e));
    vf t = v_mul(v_mul(x, v_mul(e, s)), v_fma(x2, v_set1(d3), v_set1(d1)));
    return v_fma(s, t, s);
}

#endif
