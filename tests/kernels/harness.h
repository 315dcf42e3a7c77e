/* harness.h - what a kernel's check is written with.
 *
 * A check makes cases (shapes and inputs), calls the kernel from every table this machine can run,
 * and compares: every table's results with the first one's bit by bit, and with a plain reference
 * in double within a bound derived from the arithmetic. Buffers lie flush against unmapped pages; a
 * crash fails the kernel and table that caused it and the rest goes on. With --bench the same calls
 * are timed on larger shapes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_KERNELS_HARNESS_H
#define TRIPOD_TESTS_KERNELS_HARNESS_H

#include "simd/simd.h"

/* One function per kernel: a kernel without one does not link. */
#define DECLARE_CHECK(type, name) void check_##name(void);
KERNEL_LIST(DECLARE_CHECK)
#undef DECLARE_CHECK

extern bool bench; /* larger shapes, timed */
extern int tables; /* how many there are to run, the reference one first */
extern const struct kernels *table[SIMD_ISAS];

/* Random numbers, replayed by --seed whatever else runs. */
uint64_t random_bits(void);
size_t random_below(size_t n);
float random_between(float low, float high);
/* A value from the list of awkward ones (zeros, denormals, extremes, halfway cases of narrower
 * types); with_nonfinite: infinities and NaN too. */
float random_special(bool with_nonfinite);

/* Memory whose last byte (at_end) or first byte touches an unmapped page; filled with 0xff, which
 * is NaN as floats; 64-byte aligned where bytes is a multiple of 64. Freed by release(). */
void *guarded(size_t bytes, bool at_end);
struct strips guarded_strips(size_t rows, size_t columns, bool at_end);
void release(void); /* everything guarded() gave out */

/* What the next calls are about, for messages and the bench table. */
void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Calls a kernel of table t; with --bench many times. flop, bytes: work of one call. */
#define CALL(t, flop, bytes, ...)                                                                  \
    do {                                                                                           \
        call_begin(t);                                                                             \
        do {                                                                                       \
            __VA_ARGS__;                                                                           \
        } while (call_again(flop, bytes));                                                         \
    } while (0)
void call_begin(int t);
bool call_again(double flop, double bytes);

/* Fails the current check for table t. */
void fail(int t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Equal but for NaN payloads and the sign of zero. */
bool same(float a, float b);
void expect_same(int t, const float *got, const float *want, size_t n, const char *what);
void expect_same_strips(int t, struct strips got, struct strips want, size_t row0, size_t rows,
                        size_t columns);

/* |got - want| <= bound; where want is infinite or NaN, got must be. scale: the worst error is
 * reported in units in the last place of this magnitude (the result's own, or the sum of the
 * magnitudes that went into it). */
void expect_close(int t, double got, double want, double bound, double scale);

/* The spacing of floats at this magnitude. */
double ulp(double x);
#define UNIT 0x1p-24 /* the relative error of one rounding */

#endif
