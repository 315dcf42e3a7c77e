/* words_scalar.h - the words in plain C for any x86-64; words.h says what each does. fmaf is the C
 * library's, which takes the FMA instruction where the CPU has one and is exact where it has not.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

typedef struct {
    float f[16];
} vf;

#define V_EACH_(expression)                                                                        \
    vf r;                                                                                          \
    for (int i = 0; i < 16; i++) r.f[i] = (expression);                                            \
    return r

V_WORD uint32_t v_bits_(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
V_WORD float v_float_(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
V_WORD vf v_load(const float *p)
{
    vf r;
    memcpy(r.f, p, sizeof r.f);
    return r;
}
V_WORD vf v_load_n(const float *p, size_t n)
{
    vf r = {{0}};
    memcpy(r.f, p, n * sizeof *p);
    return r;
}
V_WORD void v_store(float *p, vf x)
{
    memcpy(p, x.f, sizeof x.f);
}
V_WORD void v_store_n(float *p, vf x, size_t n)
{
    memcpy(p, x.f, n * sizeof *p);
}
V_WORD vf v_set1(float x)
{
    V_EACH_(x);
}
V_WORD vf v_zero(void)
{
    V_EACH_(0.0f);
}
V_WORD vf v_add(vf a, vf b)
{
    V_EACH_(a.f[i] + b.f[i]);
}
V_WORD vf v_sub(vf a, vf b)
{
    V_EACH_(a.f[i] - b.f[i]);
}
V_WORD vf v_mul(vf a, vf b)
{
    V_EACH_(a.f[i] * b.f[i]);
}
V_WORD vf v_div(vf a, vf b)
{
    V_EACH_(a.f[i] / b.f[i]);
}
V_WORD vf v_sqrt(vf a)
{
    V_EACH_(sqrtf(a.f[i]));
}
V_WORD vf v_max(vf a, vf b)
{
    V_EACH_(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}
V_WORD vf v_min(vf a, vf b)
{
    V_EACH_(a.f[i] < b.f[i] ? a.f[i] : b.f[i]);
}
V_WORD vf v_fma(vf a, vf b, vf c)
{
    V_EACH_(fmaf(a.f[i], b.f[i], c.f[i]));
}
V_WORD vf v_fnma(vf a, vf b, vf c)
{
    V_EACH_(fmaf(-a.f[i], b.f[i], c.f[i]));
}
V_WORD vf v_round(vf a)
{
    V_EACH_(rintf(a.f[i]));
}
V_WORD vf v_abs(vf a)
{
    V_EACH_(fabsf(a.f[i]));
}
V_WORD vf v_copysign(vf magnitude, vf sign)
{
    V_EACH_(copysignf(magnitude.f[i], sign.f[i]));
}
V_WORD vf v_flip(vf x, uint32_t bits)
{
    V_EACH_(v_float_(v_bits_(x.f[i]) ^ (bits >> i & 1) << 31));
}
V_WORD vf v_only(vf x, uint32_t bits)
{
    V_EACH_(bits >> i & 1 ? x.f[i] : 0.0f);
}
V_WORD vf v_select_lt(vf a, vf b, vf x, vf y)
{
    V_EACH_(a.f[i] < b.f[i] ? x.f[i] : y.f[i]);
}
V_WORD uint32_t v_less(vf a, vf b)
{
    uint32_t r = 0;
    for (int i = 0; i < 16; i++) r |= (uint32_t)(a.f[i] < b.f[i]) << i;
    return r;
}
V_WORD vf v_keep_n(vf x, size_t n, vf fill)
{
    V_EACH_((size_t)i < n ? x.f[i] : fill.f[i]);
}
/* In two steps: the first product is exact, so the result is rounded once, denormal or not. */
V_WORD float v_scale2_(float x, float n)
{
    int i = n == n ? (int)n : 0, a = i >> 1, b = i - a;
    return x * v_float_((uint32_t)(a + 127) << 23) * v_float_((uint32_t)(b + 127) << 23);
}
V_WORD vf v_swap(vf x, size_t n)
{
    V_EACH_(x.f[(size_t)i < n ? (size_t)i + n : (size_t)i < 2 * n ? (size_t)i - n : (size_t)i]);
}
V_WORD vf v_scale2(vf x, vf n)
{
    V_EACH_(v_scale2_(x.f[i], n.f[i]));
}
V_WORD vf v_add_exponent(vf p, vf z)
{
    V_EACH_(v_float_(v_bits_(p.f[i]) + (v_bits_(z.f[i]) << 23)));
}
V_WORD vf v_split(vf x, vf *e)
{
    const uint32_t root = 0x3f3504f3; /* bits of sqrt(1/2) */
    vf r;
    for (int i = 0; i < 16; i++) {
        uint32_t u = v_bits_(x.f[i]) - root;
        e->f[i] = (float)((int32_t)u >> 23);
        r.f[i] = v_float_((u & 0x7fffff) + root);
    }
    return r;
}
V_WORD float v_sum(vf x)
{
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++) x.f[i] += x.f[i + half];
    return x.f[0];
}
V_WORD float v_hmax(vf x)
{
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++) x.f[i] = x.f[i] > x.f[i + half] ? x.f[i] : x.f[i + half];
    return x.f[0];
}

/* binary16 to binary32: exact; a signalling NaN becomes quiet, as the instruction does. */
V_WORD float v_widen_f16_(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, m = h & 0x3ff;
    if (e == 0) {
        float x = (float)m * 0x1p-24f;
        return sign ? -x : x;
    }
    if (e == 31) return v_float_(sign | 0x7f800000 | m << 13 | (m ? 0x400000 : 0));
    return v_float_(sign | (e + 112) << 23 | m << 13);
}
/* binary32 to binary16, to nearest even: overflow to infinity, underflow to denormals. */
V_WORD uint16_t v_narrow_f16_(float x)
{
    uint32_t u = v_bits_(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x1ff));
    if (a >= 0x477ff000) /* 65520: halfway from the largest half to the next */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) { /* below 2^-14: adding 1/2 leaves units of 2^-24, rounded by the adder */
        uint32_t r = v_bits_(v_float_(a) + 0.5f) - 0x3f000000;
        return (uint16_t)(sign | r);
    }
    a += 0xfff + (a >> 13 & 1);
    return (uint16_t)(sign | (a - 0x38000000) >> 13);
}
V_WORD uint16_t v_narrow_bf16_(float x)
{
    uint32_t u = v_bits_(x);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
V_WORD vf v_load_f16_n(const uint16_t *p, size_t n)
{
    V_EACH_((size_t)i < n ? v_widen_f16_(p[i]) : 0.0f);
}
V_WORD vf v_load_f16(const uint16_t *p)
{
    return v_load_f16_n(p, 16);
}
V_WORD vf v_load_bf16_n(const uint16_t *p, size_t n)
{
    V_EACH_((size_t)i < n ? v_float_((uint32_t)p[i] << 16) : 0.0f);
}
V_WORD vf v_load_bf16(const uint16_t *p)
{
    return v_load_bf16_n(p, 16);
}
V_WORD void v_store_f16_n(uint16_t *p, vf x, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = v_narrow_f16_(x.f[i]);
}
V_WORD void v_store_f16(uint16_t *p, vf x)
{
    v_store_f16_n(p, x, 16);
}
V_WORD void v_store_bf16_n(uint16_t *p, vf x, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = v_narrow_bf16_(x.f[i]);
}
V_WORD void v_store_bf16(uint16_t *p, vf x)
{
    v_store_bf16_n(p, x, 16);
}

V_WORD void v_transpose(vf r[16])
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < i; j++) {
            float t = r[i].f[j];
            r[i].f[j] = r[j].f[i];
            r[j].f[i] = t;
        }
}

V_WORD void v_store_i16(int16_t *p, vf x)
{
    for (int i = 0; i < 16; i++) p[i] = (int16_t)lrintf(x.f[i]);
}

typedef struct {
    uint32_t u[16];
} vint;

V_WORD vint i_zero(void)
{
    vint r = {{0}};
    return r;
}
V_WORD vint i_load(const void *p)
{
    vint r;
    memcpy(r.u, p, sizeof r.u);
    return r;
}
V_WORD void i_store(void *p, vint x)
{
    memcpy(p, x.u, sizeof x.u);
}
V_WORD vint i_set1(const int16_t *p)
{
    vint r;
    for (int i = 0; i < 16; i++) memcpy(&r.u[i], p, sizeof r.u[i]);
    return r;
}
V_WORD vint i_pair(vf x, vf y)
{
    vint r;
    for (int i = 0; i < 16; i++)
        r.u[i] = ((uint32_t)lrintf(x.f[i]) & 0xffff) | (uint32_t)lrintf(y.f[i]) << 16;
    return r;
}
V_WORD vint i_dot(vint c, vint a, vint b)
{
    for (int i = 0; i < 16; i++) {
        int32_t even = (int16_t)a.u[i] * (int16_t)b.u[i];
        int32_t odd = (int16_t)(a.u[i] >> 16) * (int16_t)(b.u[i] >> 16);
        c.u[i] += (uint32_t)even + (uint32_t)odd;
    }
    return c;
}
V_WORD vint i_dot_vnni(vint c, vint a, vint b)
{
    return i_dot(c, a, b);
}
V_WORD vf i_float(vint x)
{
    V_EACH_((float)(int32_t)x.u[i]);
}
