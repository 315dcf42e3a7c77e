/* elementwise.c - checks of the kernels that treat one element at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

typedef void function_kernel(float *out, const float *in, size_t n);

/* Absolute error allowed at x, where the exact value is y. */
typedef double bound_fn(double x, double y);

/* A last FMA (half a unit), its inner sum (a fraction of it) and the polynomial's own error. */
static double bound_1(double x, double y)
{
    (void)x;
    return 1.0 * ulp(y);
}

/* erf: 1 - e with e <= 0.18 known to a few units of its own; tanh: two sums and a quotient. */
static double bound_2(double x, double y)
{
    (void)x;
    return 2.0 * ulp(y);
}

static double normal_tail(double a)
{
    return 0.5 * erfc(a / sqrt(2.0));
}

static double gelu_erf_reference(double x)
{
    if (isinf(x)) return x > 0 ? x : 0;
    return x > 0 ? x - x * normal_tail(x) : x * normal_tail(-x);
}

/* max(x, 0) - a 2^-P(a): the last rounding; Horner's roundings (three units of P) and exp2's; and
 * what coefficients.py reports for the polynomial (relative to the larger of the tail and 2^-9,
 * decaying beyond 4). Beyond 12.8 the tail stays where it is. */
static double tail_error(double a)
{
    double q = normal_tail(a), p = -log2(q);
    /* beyond 5 the even and the odd terms of P cancel: about their size */
    double parts = a > 5 ? 40 * pow(a / 5, 7.6) : 0;
    double weight = 0x1p-9 * (a < 4 ? 1 : exp(-1.2 * (a - 4)));
    double relative = M_LN2 * 3 * UNIT * (p + parts) + 3 * UNIT + 6.1e-9 / fmax(q, weight);
    return q * expm1(relative);
}

static double gelu_erf_bound(double x, double y)
{
    double a = fmin(fabs(x), 30);
    return 0.5 * ulp(y) + a * tail_error(a) + (a > 12.7 ? 0x1p-119 : 0) + 0x1p-149;
}

/* What the GELUs' errors are reported in ULP of: the result, where it is not far smaller than x. */
static double gelu_scale(double x, double y)
{
    return fmax(fabs(y), fabs(x) / 64);
}

static double own_scale(double x, double y)
{
    (void)x;
    return y;
}

static double tanh_exponent(double x)
{
    return -2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}

static double gelu_tanh_reference(double x)
{
    return x == -INFINITY ? NAN : x / (1 + exp(tanh_exponent(x)));
}

/* The exponent's four roundings count as far as exp(u) / (1 + exp(u)) lets them; far out on the
 * left the power is cut at 2^128. */
static double gelu_tanh_bound(double x, double y)
{
    double u = tanh_exponent(x), share = u > 0 ? 1 / (1 + exp(-u)) : exp(u);
    return 2 * ulp(y) + fabs(y) * (4 * UNIT * fabs(u) * share + 4 * UNIT) + fabs(x) * 0x1p-127;
}

/* Values that the function treats differently, anything at all, and the special ones. */
static float awkward(float low, float high)
{
    uint32_t u = (uint32_t)random_bits();
    float x;
    switch (random_below(4)) {
    case 0:
        return random_special(true);
    case 1:
        memcpy(&x, &u, sizeof x);
        return x;
    default:
        return random_between(low, high);
    }
}

static void run_function(function_kernel *const kernel[], double (*reference)(double),
                         bound_fn *bound, bound_fn *scale, float low, float high, size_t n,
                         bool at_end, bool in_place)
{
    float *in = guarded(n * sizeof *in, at_end), *first = NULL;
    for (size_t i = 0; i < n; i++) in[i] = bench ? random_between(low, high) : awkward(low, high);
    describe("n = %zu%s", n, in_place ? ", in place" : "");
    for (int t = 0; t < tables; t++) {
        float *out = guarded(n * sizeof *out, at_end);
        if (in_place && n) memcpy(out, in, n * sizeof *out);
        CALL(t, 0, 8.0 * (double)n, kernel[t](out, in_place ? out : in, n));
        if (in_place && bench) continue;
        if (t == 0) first = out;
        expect_same(t, out, first, n, table[0]->name);
        for (size_t i = 0; i < n; i++) {
            double x = (double)in[i], y = reference(x);
            if (fabs(y) > 0x1.ffffffp127) y = copysign(INFINITY, y);
            describe("x = %a", x);
            expect_close(t, (double)out[i], y, bound(x, y), scale(x, y));
        }
        describe("n = %zu%s", n, in_place ? ", in place" : "");
    }
    release();
}

static void check_function(function_kernel *const kernel[], double (*reference)(double),
                           bound_fn *bound, bound_fn *scale, float low, float high)
{
    if (bench) {
        run_function(kernel, reference, bound, scale, low, high, 4096, true, false);
        return;
    }
    for (size_t n = 0; n <= 3 * SIMD_LANES + 1; n++)
        for (int variant = 0; variant < 4; variant++)
            run_function(kernel, reference, bound, scale, low, high, n, variant & 1, variant & 2);
    for (int i = 0; i < 8; i++)
        run_function(kernel, reference, bound, scale, low, high, 20000 + random_below(99), true,
                     false);
}

#define FUNCTION_CHECK(name, reference, bound, scale, low, high)                                   \
    void check_##name(void)                                                                        \
    {                                                                                              \
        function_kernel *kernel[SIMD_ISAS];                                                        \
        for (int t = 0; t < tables; t++) kernel[t] = table[t]->name;                               \
        check_function(kernel, reference, bound, scale, low, high);                                \
    }
FUNCTION_CHECK(exp, exp, bound_1, own_scale, -104.0f, 89.0f)
FUNCTION_CHECK(log, log, bound_1, own_scale, 0.0f, 4.0f)
FUNCTION_CHECK(erf, erf, bound_2, own_scale, -4.5f, 4.5f)
FUNCTION_CHECK(tanh, tanh, bound_2, own_scale, -10.0f, 10.0f)
FUNCTION_CHECK(gelu_erf, gelu_erf_reference, gelu_erf_bound, gelu_scale, -15.0f, 8.0f)
FUNCTION_CHECK(gelu_tanh, gelu_tanh_reference, gelu_tanh_bound, gelu_scale, -12.0f, 8.0f)

/* --- derivatives of the GELUs --- */

static double gelu_erf_slope(double x)
{
    if (isinf(x)) return x > 0;
    double a = fabs(x), r = normal_tail(a) - a * exp(-a * a / 2) / sqrt(2 * M_PI);
    return x < 0 ? r : 1 - r;
}

/* Q's own; of a phi(a), the square's rounding in the exponent, exp's and those of the products; and
 * the last. */
static double gelu_erf_slope_bound(double x, double y)
{
    double a = fmin(fabs(x), 30), b = a * exp(-a * a / 2) / sqrt(2 * M_PI);
    double error = tail_error(a) + b * (a * a / 2 + 6) * UNIT + UNIT * fmin(fabs(y), fabs(1 - y));
    return error + ulp(y) + (a > 12.7 ? 0x1p-115 : 0);
}

static double gelu_tanh_slope(double x)
{
    if (fabs(x) > 1e3) return x > 0;
    double e = tanh_exponent(x), s = 1 / (1 + exp(e)), rest = 1 / (1 + exp(-e));
    return s + x * s * rest * 2 * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
}

/* The exponent's four roundings move s and 1 - s; then those of the products. */
static double gelu_tanh_slope_bound(double x, double y)
{
    x = fmax(-1e3, fmin(1e3, x));
    double e = tanh_exponent(x), s = 1 / (1 + exp(e)), rest = 1 / (1 + exp(-e));
    double t = fabs(x) * rest * 2 * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
    double error = s * (4 * fabs(e) * rest + 4) * (1 + t) + s * t * (4 * fabs(e) * s + 10);
    return error * UNIT + ulp(y) + (x < -8 ? 0x1p-112 : 0);
}

/* In place of either input, or of none. */
static void run_slope(kernel_gelu_back *const kernel[], double (*function)(double),
                      double (*slope)(double), bound_fn *bound, size_t n, bool at_end, int place)
{
    float *u = guarded(n * sizeof *u, at_end), *dy = guarded(n * sizeof *dy, at_end), *first = NULL;
    for (size_t i = 0; i < n; i++) {
        u[i] = bench ? random_between(-6, 6) : awkward(-15.0f, 8.0f);
        dy[i] = random_between(-3, 3) * (random_below(4) ? 1.0f : 0x1p-120f);
        const double x = (double)random_between(-9, 9), h = 1e-5;
        describe("x = %a", x);
        if (fabs((function(x + h) - function(x - h)) / (2 * h) - slope(x)) > 1e-8)
            fail(0, "the reference is not the derivative");
    }
    describe("n = %zu%s", n, place == 1 ? ", in place of dy" : place == 2 ? ", in place of u" : "");
    for (int t = 0; t < tables; t++) {
        float *out = guarded(n * sizeof *out, at_end);
        if (place && n) memcpy(out, place == 1 ? dy : u, n * sizeof *out);
        CALL(t, 0, 12.0 * (double)n,
             kernel[t](out, place == 1 ? out : dy, place == 2 ? out : u, n));
        if (bench) continue;
        if (t == 0) first = out;
        expect_same(t, out, first, n, table[0]->name);
        for (size_t i = 0; i < n; i++) {
            double x = (double)u[i], g = (double)dy[i], y = slope(x);
            describe("u = %a, dy = %a", x, g);
            expect_close(t, (double)out[i], g * y, fabs(g) * bound(x, y) + 0.5 * ulp(g * y),
                         fabs(g) * fmax(fabs(y), fabs(x) / 64));
        }
    }
    release();
}

static void check_slope(kernel_gelu_back *const kernel[], double (*function)(double),
                        double (*slope)(double), bound_fn *bound)
{
    if (bench) {
        run_slope(kernel, function, slope, bound, 4096, true, 0);
        return;
    }
    for (size_t n = 0; n <= 3 * SIMD_LANES + 1; n++)
        for (int variant = 0; variant < 6; variant++)
            run_slope(kernel, function, slope, bound, n, variant & 1, variant / 2);
    for (int i = 0; i < 8; i++)
        run_slope(kernel, function, slope, bound, 20000 + random_below(99), true, 0);
}

#define SLOPE_CHECK(name, function, slope, bound)                                                  \
    void check_##name(void)                                                                        \
    {                                                                                              \
        kernel_gelu_back *kernel[SIMD_ISAS];                                                       \
        for (int t = 0; t < tables; t++) kernel[t] = table[t]->name;                               \
        check_slope(kernel, function, slope, bound);                                               \
    }
SLOPE_CHECK(gelu_erf_back, gelu_erf_reference, gelu_erf_slope, gelu_erf_slope_bound)
SLOPE_CHECK(gelu_tanh_back, gelu_tanh_reference, gelu_tanh_slope, gelu_tanh_slope_bound)

/* Both at once: the bits of the two kernels, whose own checks are above. */
static void check_both(kernel_gelu_slope *const kernel[], kernel_map *const gelu[],
                       kernel_gelu_back *const back[])
{
    const size_t most = bench ? 4096 : 3 * SIMD_LANES + 2;
    for (size_t n = bench ? most : 0; n <= most; n++)
        for (int variant = 0; variant < 4; variant++) {
            const bool at_end = variant & 1, place = variant & 2;
            float *u = guarded(n * sizeof *u, at_end), *want = guarded(n * sizeof *want, true);
            float *one = guarded(n * sizeof *one, true);
            for (size_t i = 0; i < n; i++) {
                u[i] = bench ? random_between(-6, 6) : awkward(-15.0f, 8.0f);
                one[i] = 1;
            }
            describe("n = %zu%s", n, place ? ", in place" : "");
            for (int t = 0; t < tables; t++) {
                float *y = guarded(n * sizeof *y, at_end), *slope = guarded(n * sizeof *y, at_end);
                memcpy(slope, u, n * sizeof *u);
                CALL(t, 0, 12.0 * (double)n, kernel[t](y, slope, place ? slope : u, n));
                if (bench) continue;
                gelu[0](want, u, n);
                expect_same(t, y, want, n, "the function");
                back[0](want, one, u, n);
                expect_same(t, slope, want, n, "the derivative");
            }
            release();
            if (bench) return;
        }
}

#define BOTH_CHECK(name, function, slope)                                                          \
    void check_##name(void)                                                                        \
    {                                                                                              \
        kernel_gelu_slope *kernel[SIMD_ISAS];                                                      \
        kernel_map *gelu[SIMD_ISAS];                                                               \
        kernel_gelu_back *back[SIMD_ISAS];                                                         \
        for (int t = 0; t < tables; t++) {                                                         \
            kernel[t] = table[t]->name;                                                            \
            gelu[t] = table[t]->function;                                                          \
            back[t] = table[t]->slope;                                                             \
        }                                                                                          \
        check_both(kernel, gelu, back);                                                            \
    }
BOTH_CHECK(gelu_erf_slope, gelu_erf, gelu_erf_back)
BOTH_CHECK(gelu_tanh_slope, gelu_tanh, gelu_tanh_back)

/* --- conversions: exact references, every half there is --- */

static float f16_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 0x3ff;
    double x = e == 31 ? (m ? (double)NAN : (double)INFINITY)
               : e     ? ldexp(1024 + m, e - 25)
                       : ldexp(m, -24);
    return (float)(h & 0x8000 ? -x : x);
}

static float bf16_value(uint16_t h)
{
    int e = h >> 7 & 255, m = h & 0x7f;
    double x = e == 255 ? (m ? (double)NAN : (double)INFINITY)
               : e      ? ldexp(128 + m, e - 134)
                        : ldexp(m, -133);
    return (float)(h & 0x8000 ? -x : x);
}

/* The nearest value with `bits` of significand, quantum at least 2^low, +-inf from `over` on; rint
 * rounds halves to even. */
static double nearest(double x, int bits, int low, double over)
{
    if (isnan(x) || isinf(x) || x == 0) return x;
    int e;
    frexp(x, &e);
    int q = e - bits > low ? e - bits : low;
    double y = ldexp(rint(ldexp(x, -q)), q);
    return fabs(y) >= over ? copysign(INFINITY, x) : y;
}

static void check_widen(void (*const kernel[])(float *, const uint16_t *, size_t),
                        float (*value)(uint16_t))
{
    for (size_t n = 0; n <= 65536; n = n <= 3 * SIMD_LANES ? n + 1 : n < 65536 ? 65536 : n + 1)
        for (int at_end = 0; at_end < 2; at_end++) {
            if (bench && n != 65536) continue;
            uint16_t *in = guarded(n * sizeof *in, at_end), start = (uint16_t)random_bits();
            for (size_t i = 0; i < n; i++) in[i] = (uint16_t)(start + i);
            float *want = guarded(n * sizeof *want, true);
            for (size_t i = 0; i < n; i++) want[i] = value(in[i]);
            describe("n = %zu", n);
            for (int t = 0; t < tables; t++) {
                float *out = guarded(n * sizeof *out, at_end);
                CALL(t, 0, 6.0 * (double)n, kernel[t](out, in, n));
                expect_same(t, out, want, n, "the format");
            }
            release();
        }
}

static void check_narrow(void (*const kernel[])(uint16_t *, const float *, size_t),
                         float (*value)(uint16_t), int bits, int low, double over)
{
    static const size_t large = 70000;
    for (size_t n = 0; n <= large; n = n <= 3 * SIMD_LANES ? n + 1 : n < large ? large : n + 1)
        for (int at_end = 0; at_end < 2; at_end++) {
            if (bench && n != large) continue;
            float *in = guarded(n * sizeof *in, at_end);
            for (size_t i = 0; i < n; i++) {
                /* anything; special values; halfway between two neighbours and beside it */
                uint16_t h = (uint16_t)random_bits();
                float middle = (float)(((double)value(h) + (double)value((uint16_t)(h + 1))) / 2);
                uint32_t u = (uint32_t)random_bits();
                memcpy(&in[i], &u, sizeof u);
                if (i % 4 == 1) in[i] = random_special(true);
                if (i % 4 == 2) in[i] = middle;
                if (i % 4 == 3) in[i] = nextafterf(middle, random_below(2) ? INFINITY : -INFINITY);
            }
            describe("n = %zu", n);
            for (int t = 0; t < tables; t++) {
                uint16_t *out = guarded(n * sizeof *out, at_end);
                CALL(t, 0, 6.0 * (double)n, kernel[t](out, in, n));
                for (size_t i = 0; i < n; i++) {
                    float want = (float)nearest((double)in[i], bits, low, over);
                    float got = value(out[i]);
                    if (!same(got, want))
                        fail(t, "%a: expected %a, found %a", (double)in[i], (double)want,
                             (double)got);
                }
            }
            release();
        }
}

#define CONVERSION_CHECK(name, out_type, in_type, check, ...)                                      \
    void check_##name(void)                                                                        \
    {                                                                                              \
        void (*kernel[SIMD_ISAS])(out_type *, const in_type *, size_t);                            \
        for (int t = 0; t < tables; t++) kernel[t] = table[t]->name;                               \
        check(kernel, __VA_ARGS__);                                                                \
    }
CONVERSION_CHECK(f16_to_f32, float, uint16_t, check_widen, f16_value)
CONVERSION_CHECK(bf16_to_f32, float, uint16_t, check_widen, bf16_value)
CONVERSION_CHECK(f32_to_f16, uint16_t, float, check_narrow, f16_value, 11, -24, 65536.0)
CONVERSION_CHECK(f32_to_bf16, uint16_t, float, check_narrow, bf16_value, 8, -133, 0x1p128)
