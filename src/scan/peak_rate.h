/* peak_rate.h - the measured FMA peak of this machine, now: the denominator of a utilisation.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PEAK_RATE_H
#define TRIPOD_PEAK_RATE_H

#include "models/neox/products.h"

/* Runs the float32 peak loop of these kernels' instruction set (simd/peak.h) on THREADS threads for
 * about SECONDS; GFLOP/s of all of them together. 0 where there is none, for the scalar ones. */
double peak_rate(const struct kernels *kernels, int threads, double seconds);
/* The same of other numbers than "f32": "int16", "bf16". */
double peak_rate_of(const char *numbers, const struct kernels *kernels, int threads,
                    double seconds);
/* How many times as fast as float32 scans with PRODUCTS are taken to be where none has been measured. */
double peak_speedup(const struct products *products, const struct kernels *kernels);

#endif
