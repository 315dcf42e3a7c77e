/* words_avx512.h - the words in one 512-bit register (F, BW, DQ, VL); words.h says what each does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <immintrin.h>

typedef __m512 vf;

V_WORD __mmask16 v_mask_(size_t n)
{
    return (__mmask16)((1U << n) - 1U);
}
V_WORD vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
V_WORD vf v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_mask_(n), p);
}
V_WORD void v_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
V_WORD void v_store_n(float *p, vf x, size_t n)
{
    _mm512_mask_storeu_ps(p, v_mask_(n), x);
}
V_WORD vf v_set1(float x)
{
    return _mm512_set1_ps(x);
}
V_WORD vf v_zero(void)
{
    return _mm512_setzero_ps();
}
V_WORD vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
V_WORD vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
V_WORD vf v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
V_WORD vf v_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
V_WORD vf v_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
V_WORD vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
V_WORD vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
V_WORD vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
V_WORD vf v_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
V_WORD vf v_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
V_WORD vf v_abs(vf a)
{
    return _mm512_abs_ps(a);
}
V_WORD vf v_copysign(vf magnitude, vf sign)
{
    __m512i m = _mm512_castps_si512(magnitude), s = _mm512_castps_si512(sign);
    /* 0xca: bit by bit, where the first operand is set the second, else the third */
    __m512i r = _mm512_ternarylogic_epi32(_mm512_set1_epi32(0x7fffffff), m, s, 0xca);
    return _mm512_castsi512_ps(r);
}
V_WORD vf v_flip(vf x, uint32_t bits)
{
    __m512i i = _mm512_castps_si512(x), sign = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(_mm512_mask_xor_epi32(i, (__mmask16)bits, i, sign));
}
V_WORD vf v_only(vf x, uint32_t bits)
{
    return _mm512_maskz_mov_ps((__mmask16)bits, x);
}
V_WORD vf v_select_lt(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
V_WORD uint32_t v_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
V_WORD vf v_keep_n(vf x, size_t n, vf fill)
{
    return _mm512_mask_blend_ps(v_mask_(n), fill, x);
}
V_WORD vf v_swap(vf x, size_t n)
{
    return n == 8 ? _mm512_shuffle_f32x4(x, x, 0x4e) : _mm512_shuffle_f32x4(x, x, 0xe1);
}
V_WORD vf v_scale2(vf x, vf n)
{
    return _mm512_scalef_ps(x, n);
}
V_WORD vf v_add_exponent(vf p, vf z)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(z), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), n));
}
V_WORD vf v_split(vf x, vf *e)
{
    __m512i root = _mm512_set1_epi32(0x3f3504f3); /* bits of sqrt(1/2) */
    __m512i i = _mm512_sub_epi32(_mm512_castps_si512(x), root);
    *e = _mm512_cvtepi32_ps(_mm512_srai_epi32(i, 23));
    i = _mm512_add_epi32(_mm512_and_si512(i, _mm512_set1_epi32(0x7fffff)), root);
    return _mm512_castsi512_ps(i);
}
V_WORD float v_sum(vf x)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
V_WORD float v_hmax(vf x)
{
    __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

/* Halves. Only AVX-512 BW masks 16-bit lanes: that is why it is asked for. */
V_WORD vf v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
V_WORD vf v_load_f16_n(const uint16_t *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(v_mask_(n), p));
}
V_WORD vf v_widen_bf16_(__m256i x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
V_WORD vf v_load_bf16(const uint16_t *p)
{
    return v_widen_bf16_(_mm256_loadu_si256((const __m256i *)p));
}
V_WORD vf v_load_bf16_n(const uint16_t *p, size_t n)
{
    return v_widen_bf16_(_mm256_maskz_loadu_epi16(v_mask_(n), p));
}
V_WORD void v_store_f16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
V_WORD void v_store_f16_n(uint16_t *p, vf x, size_t n)
{
    _mm256_mask_storeu_epi16(p, v_mask_(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
V_WORD __m256i v_narrow_bf16_(vf x)
{
    __m512i i = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(i, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(_mm512_add_epi32(i, _mm512_set1_epi32(0x7fff)), odd);
    __m512i nan = _mm512_or_si512(i, _mm512_set1_epi32(0x400000));
    r = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), r, nan);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16));
}
V_WORD void v_store_bf16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, v_narrow_bf16_(x));
}
V_WORD void v_store_bf16_n(uint16_t *p, vf x, size_t n)
{
    _mm256_mask_storeu_epi16(p, v_mask_(n), v_narrow_bf16_(x));
}

/* Rows to columns: pairs of floats, of doubles, then 128-bit blocks twice. */
V_WORD void v_transpose(vf r[16])
{
    __m512d t[16];
    vf u[16];
    V_FOR (k, 8) {
        int i = 2 * k;
        t[i] = _mm512_castps_pd(_mm512_unpacklo_ps(r[i], r[i + 1]));
        t[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(r[i], r[i + 1]));
    }
    V_FOR (k, 4) {
        int i = 4 * k;
        u[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(t[i], t[i + 2]));
        u[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(t[i], t[i + 2]));
        u[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(t[i + 1], t[i + 3]));
        u[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(t[i + 1], t[i + 3]));
    }
    /* u[4 q + c], block b: column 4 b + c of rows 4 q to 4 q + 3 */
    V_FOR (c, 4) {
        vf even01 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88);
        vf odd01 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd);
        vf even23 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
        vf odd23 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
        r[c] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        r[8 + c] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        r[4 + c] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        r[12 + c] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
}

V_WORD void v_store_i16(int16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(x)));
}

typedef __m512i vint;

V_WORD vint i_zero(void)
{
    return _mm512_setzero_si512();
}
V_WORD vint i_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
V_WORD void i_store(void *p, vint x)
{
    _mm512_storeu_si512(p, x);
}
V_WORD vint i_set1(const int16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}
V_WORD vint i_pair(vf x, vf y)
{
    vint even = _mm512_cvtps_epi32(x), odd = _mm512_cvtps_epi32(y);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, even, _mm512_slli_epi32(odd, 16));
}
V_WORD vint i_dot(vint c, vint a, vint b)
{
    vint t; /* as assembly: gcc spreads intrinsics over more registers than there are */
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(c), "=&v"(t) : "v"(a), "v"(b));
    return c;
}
/* As assembly: this object is for CPUs without it, too. */
V_WORD vint i_dot_vnni(vint c, vint a, vint b)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
V_WORD vf i_float(vint x)
{
    return _mm512_cvtepi32_ps(x);
}
