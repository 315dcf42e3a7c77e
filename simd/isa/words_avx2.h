/* words_avx2.h - the words in two 256-bit registers (AVX2, FMA, F16C); words.h says what each does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <immintrin.h>

typedef struct {
    __m256 lo, hi;
} vf;

V_WORD vf v_make_(__m256 lo, __m256 hi)
{
    vf r;
    r.lo = lo;
    r.hi = hi;
    return r;
}
/* A mask whose first n of 8 lanes are set; n may be anything. */
V_WORD __m256i v_mask8_(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
V_WORD vf v_load(const float *p)
{
    return v_make_(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
}
V_WORD vf v_load_n(const float *p, size_t n)
{
    return v_make_(_mm256_maskload_ps(p, v_mask8_((int)n)),
                   _mm256_maskload_ps(p + 8, v_mask8_((int)n - 8)));
}
V_WORD void v_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x.lo);
    _mm256_storeu_ps(p + 8, x.hi);
}
V_WORD void v_store_n(float *p, vf x, size_t n)
{
    _mm256_maskstore_ps(p, v_mask8_((int)n), x.lo);
    _mm256_maskstore_ps(p + 8, v_mask8_((int)n - 8), x.hi);
}
V_WORD vf v_set1(float x)
{
    __m256 a = _mm256_set1_ps(x);
    return v_make_(a, a);
}
V_WORD vf v_zero(void)
{
    return v_make_(_mm256_setzero_ps(), _mm256_setzero_ps());
}
V_WORD vf v_add(vf a, vf b)
{
    return v_make_(_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi));
}
V_WORD vf v_sub(vf a, vf b)
{
    return v_make_(_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi));
}
V_WORD vf v_mul(vf a, vf b)
{
    return v_make_(_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi));
}
V_WORD vf v_div(vf a, vf b)
{
    return v_make_(_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi));
}
V_WORD vf v_sqrt(vf a)
{
    return v_make_(_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi));
}
V_WORD vf v_max(vf a, vf b)
{
    return v_make_(_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi));
}
V_WORD vf v_min(vf a, vf b)
{
    return v_make_(_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi));
}
V_WORD vf v_fma(vf a, vf b, vf c)
{
    return v_make_(_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi));
}
V_WORD vf v_fnma(vf a, vf b, vf c)
{
    return v_make_(_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi));
}
V_WORD vf v_round(vf a)
{
    return v_make_(_mm256_round_ps(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                   _mm256_round_ps(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
V_WORD vf v_abs(vf a)
{
    __m256 s = _mm256_set1_ps(-0.0f);
    return v_make_(_mm256_andnot_ps(s, a.lo), _mm256_andnot_ps(s, a.hi));
}
V_WORD vf v_copysign(vf magnitude, vf sign)
{
    __m256 s = _mm256_set1_ps(-0.0f);
    return v_make_(_mm256_or_ps(_mm256_andnot_ps(s, magnitude.lo), _mm256_and_ps(s, sign.lo)),
                   _mm256_or_ps(_mm256_andnot_ps(s, magnitude.hi), _mm256_and_ps(s, sign.hi)));
}
/* Each lane's bit is shifted to where its sign stands. */
V_WORD vf v_flip(vf x, uint32_t bits)
{
    const __m256i all = _mm256_set1_epi32((int)bits), sign = _mm256_set1_epi32(INT32_MIN);
    const __m256i lo = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    const __m256i hi = _mm256_sub_epi32(lo, _mm256_set1_epi32(8));
    __m256i a = _mm256_and_si256(_mm256_sllv_epi32(all, lo), sign);
    __m256i b = _mm256_and_si256(_mm256_sllv_epi32(all, hi), sign);
    return v_make_(_mm256_xor_ps(x.lo, _mm256_castsi256_ps(a)),
                   _mm256_xor_ps(x.hi, _mm256_castsi256_ps(b)));
}
/* Each lane's bit is shifted to the sign and spread from there. */
V_WORD vf v_only(vf x, uint32_t bits)
{
    const __m256i all = _mm256_set1_epi32((int)bits);
    const __m256i lo = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    const __m256i hi = _mm256_sub_epi32(lo, _mm256_set1_epi32(8));
    __m256i a = _mm256_srai_epi32(_mm256_sllv_epi32(all, lo), 31);
    __m256i b = _mm256_srai_epi32(_mm256_sllv_epi32(all, hi), 31);
    return v_make_(_mm256_and_ps(x.lo, _mm256_castsi256_ps(a)),
                   _mm256_and_ps(x.hi, _mm256_castsi256_ps(b)));
}
V_WORD vf v_select_lt(vf a, vf b, vf x, vf y)
{
    return v_make_(_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
                   _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)));
}
V_WORD uint32_t v_less(vf a, vf b)
{
    uint32_t lo = (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ));
    uint32_t hi = (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ));
    return lo | hi << 8;
}
V_WORD vf v_keep_n(vf x, size_t n, vf fill)
{
    __m256 a = _mm256_castsi256_ps(v_mask8_((int)n));
    __m256 b = _mm256_castsi256_ps(v_mask8_((int)n - 8));
    return v_make_(_mm256_blendv_ps(fill.lo, x.lo, a), _mm256_blendv_ps(fill.hi, x.hi, b));
}
/* In two steps: the first product is exact, so the result is rounded once, denormal or not. */
V_WORD __m256 v_scale2_(__m256 x, __m256 n)
{
    __m256i i = _mm256_cvtps_epi32(n);
    __m256i a = _mm256_srai_epi32(i, 1), b = _mm256_sub_epi32(i, a), bias = _mm256_set1_epi32(127);
    __m256i fa = _mm256_slli_epi32(_mm256_add_epi32(a, bias), 23);
    __m256i fb = _mm256_slli_epi32(_mm256_add_epi32(b, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(fa)), _mm256_castsi256_ps(fb));
}
V_WORD vf v_swap(vf x, size_t n)
{
    return n == 8 ? v_make_(x.hi, x.lo) : v_make_(_mm256_permute2f128_ps(x.lo, x.lo, 1), x.hi);
}
V_WORD vf v_scale2(vf x, vf n)
{
    return v_make_(v_scale2_(x.lo, n.lo), v_scale2_(x.hi, n.hi));
}
V_WORD __m256 v_add_exponent_(__m256 p, __m256 z)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(z), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
}
V_WORD vf v_add_exponent(vf p, vf z)
{
    return v_make_(v_add_exponent_(p.lo, z.lo), v_add_exponent_(p.hi, z.hi));
}
V_WORD __m256 v_split_(__m256 x, __m256 *e)
{
    __m256i root = _mm256_set1_epi32(0x3f3504f3); /* bits of sqrt(1/2) */
    __m256i i = _mm256_sub_epi32(_mm256_castps_si256(x), root);
    *e = _mm256_cvtepi32_ps(_mm256_srai_epi32(i, 23));
    i = _mm256_add_epi32(_mm256_and_si256(i, _mm256_set1_epi32(0x7fffff)), root);
    return _mm256_castsi256_ps(i);
}
V_WORD vf v_split(vf x, vf *e)
{
    return v_make_(v_split_(x.lo, &e->lo), v_split_(x.hi, &e->hi));
}
V_WORD float v_sum(vf x)
{
    __m256 a = _mm256_add_ps(x.lo, x.hi);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
V_WORD float v_hmax(vf x)
{
    __m256 a = _mm256_max_ps(x.lo, x.hi);
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

/* Halves. AVX2 cannot mask 16-bit lanes: a part goes through the stack. */
V_WORD vf v_load_f16(const uint16_t *p)
{
    return v_make_(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                   _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8))));
}
V_WORD vf v_load_f16_n(const uint16_t *p, size_t n)
{
    uint16_t t[16] = {0};
    memcpy(t, p, n * sizeof *p);
    return v_load_f16(t);
}
V_WORD __m256 v_widen_bf16_(__m128i x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
V_WORD vf v_load_bf16(const uint16_t *p)
{
    return v_make_(v_widen_bf16_(_mm_loadu_si128((const __m128i *)p)),
                   v_widen_bf16_(_mm_loadu_si128((const __m128i *)(p + 8))));
}
V_WORD vf v_load_bf16_n(const uint16_t *p, size_t n)
{
    uint16_t t[16] = {0};
    memcpy(t, p, n * sizeof *p);
    return v_load_bf16(t);
}
V_WORD void v_store_f16(uint16_t *p, vf x)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x.lo, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(x.hi, _MM_FROUND_TO_NEAREST_INT));
}
V_WORD void v_store_f16_n(uint16_t *p, vf x, size_t n)
{
    uint16_t t[16];
    v_store_f16(t, x);
    memcpy(p, t, n * sizeof *p);
}
V_WORD __m256i v_narrow_bf16_(__m256 x)
{
    __m256i i = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(i, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(i, _mm256_set1_epi32(0x7fff)), odd);
    __m256i nan = _mm256_or_si256(i, _mm256_set1_epi32(0x400000));
    r = _mm256_blendv_epi8(r, nan, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    return _mm256_srli_epi32(r, 16);
}
V_WORD void v_store_bf16(uint16_t *p, vf x)
{
    /* the pack works in 128-bit halves: lo 0-3, hi 0-3, lo 4-7, hi 4-7 */
    __m256i r = _mm256_packus_epi32(v_narrow_bf16_(x.lo), v_narrow_bf16_(x.hi));
    _mm256_storeu_si256((__m256i *)p, _mm256_permute4x64_epi64(r, 0xd8));
}
V_WORD void v_store_bf16_n(uint16_t *p, vf x, size_t n)
{
    uint16_t t[16];
    v_store_bf16(t, x);
    memcpy(p, t, n * sizeof *p);
}

V_WORD void v_transpose8_(__m256 r[8])
{
    __m256 t[8];
    V_FOR (k, 2) {
        int i = 4 * k;
        __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        __m256 d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    V_FOR (i, 4) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}
/* Rows to columns, by quarters of 8 x 8. */
V_WORD void v_transpose(vf r[16])
{
    __m256 q[4][8];
    for (int i = 0; i < 8; i++) {
        q[0][i] = r[i].lo;
        q[1][i] = r[i].hi;
        q[2][i] = r[i + 8].lo;
        q[3][i] = r[i + 8].hi;
    }
    V_FOR (i, 4) v_transpose8_(q[i]);
    for (int i = 0; i < 8; i++) {
        r[i] = v_make_(q[0][i], q[2][i]);
        r[i + 8] = v_make_(q[1][i], q[3][i]);
    }
}

V_WORD void v_store_i16(int16_t *p, vf x)
{
    __m256i r = _mm256_packs_epi32(_mm256_cvtps_epi32(x.lo), _mm256_cvtps_epi32(x.hi));
    _mm256_storeu_si256((__m256i *)p, _mm256_permute4x64_epi64(r, 0xd8));
}

typedef struct {
    __m256i lo, hi;
} vint;

V_WORD vint i_make_(__m256i lo, __m256i hi)
{
    vint r;
    r.lo = lo;
    r.hi = hi;
    return r;
}
V_WORD vint i_zero(void)
{
    return i_make_(_mm256_setzero_si256(), _mm256_setzero_si256());
}
V_WORD vint i_load(const void *p)
{
    const __m256i *from = p;
    return i_make_(_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1));
}
V_WORD void i_store(void *p, vint x)
{
    __m256i *to = p;
    _mm256_storeu_si256(to, x.lo);
    _mm256_storeu_si256(to + 1, x.hi);
}
V_WORD vint i_set1(const int16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    __m256i a = _mm256_set1_epi32(pair);
    return i_make_(a, a);
}
V_WORD __m256i i_pair_(__m256 x, __m256 y)
{
    __m256i even = _mm256_cvtps_epi32(x), odd = _mm256_cvtps_epi32(y);
    return _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xaa);
}
V_WORD vint i_pair(vf x, vf y)
{
    return i_make_(i_pair_(x.lo, y.lo), i_pair_(x.hi, y.hi));
}
V_WORD __m256i i_dot_(__m256i c, __m256i a, __m256i b)
{
    __m256i t; /* as assembly: gcc spreads intrinsics over more registers than there are */
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(c), "=&x"(t) : "x"(a), "x"(b));
    return c;
}
V_WORD vint i_dot(vint c, vint a, vint b)
{
    return i_make_(i_dot_(c.lo, a.lo, b.lo), i_dot_(c.hi, a.hi, b.hi));
}
/* As assembly: this object is for CPUs without it, too. */
V_WORD vint i_dot_vnni(vint c, vint a, vint b)
{
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(c.lo) : "x"(a.lo), "x"(b.lo));
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(c.hi) : "x"(a.hi), "x"(b.hi));
    return c;
}
V_WORD vf i_float(vint x)
{
    return v_make_(_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi));
}
