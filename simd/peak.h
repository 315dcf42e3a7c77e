/* peak.h - the machine's own limits, the denominators of every percentage: arithmetic on registers
 * only, and bandwidth of plain streams over memory.
 *
 * Nothing here takes time: the caller runs a loop, on as many threads as it wants to know about,
 * and divides what came back by its clock.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_PEAK_H
#define TRIPOD_SIMD_PEAK_H

#include <stdbool.h>
#include <stddef.h>

/* Register-only loops of independent multiply-adds. The names are keys of `bench peak`. */
struct peak_loop {
    const char *name; /* "f32_avx2", "f32_avx512", "bf16_avx512" (dot products of pairs into f32),
                         "int8_avx512", "int16_avx512" (VNNI) ... */
    const char *what; /* for people: the instruction and what is counted */
    bool (*available)(void);
    double (*run)(size_t iterations); /* multiplications and additions done */
};
extern const struct peak_loop peak_loops[]; /* ends with a NULL name */

/* Streams over buffers of n floats (64-byte aligned, n a multiple of 64); each returns the bytes
 * that the program asked for, as STREAM counts them (McCalpin 1995): no write-allocate traffic. */
double peak_read(const float *a, size_t n, float *sum);                /* sum of a */
double peak_copy(float *a, const float *b, size_t n);                  /* a = b */
double peak_triad(float *a, const float *b, const float *c, size_t n); /* a = b + 3 c */

#endif
