/* peak_rate.h - the measured FMA peak of this machine, now: the denominator of a utilisation.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PEAK_RATE_H
#define TRIPOD_PEAK_RATE_H

/* Runs the peak loop NAME of simd/peak.h ("f32_avx512" ...) on THREADS threads for about SECONDS;
 * GFLOP/s of all of them together. 0 where this CPU cannot run it or there is none of that name. */
double peak_rate(const char *name, int threads, double seconds);

#endif
