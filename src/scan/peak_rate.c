/* peak_rate.c - see peak_rate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/peak_rate.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "simd/peak.h"

double peak_rate(const struct kernels *kernels, int threads, double seconds)
{
    return peak_rate_of("f32", kernels, threads, seconds);
}

double peak_rate_of(const char *numbers, const struct kernels *kernels, int threads, double seconds)
{
    const struct peak_loop *loop = peak_loops;
    char name[32];
    snprintf(name, sizeof name, "%s_%s", numbers,
             kernels->isa == SIMD_AMX ? "avx512" : kernels->name);
    while (loop->name && strcmp(loop->name, name)) loop++;
    if (!loop->name || !loop->available()) return 0;
    enum { WINDOWS = 5 };
    const double window = seconds / WINDOWS;
    /* Warm up and find how many iterations fill a tenth of a window. */
    size_t iterations = 1000;
    for (double took = 0; took < window / 10 && iterations < (size_t)1 << 40;) {
        double start = omp_get_wtime();
        loop->run(iterations);
        took = omp_get_wtime() - start;
        if (took < window / 10) iterations *= 2;
    }
    /* The best window: what disturbs the machine must not make its peak look low. Threads' rates
     * are added: none waits for another. */
    double best = 0;
    for (int i = 0; i < WINDOWS; i++) {
        double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
        {
            double flop = 0, took = 0, start = omp_get_wtime();
            while (took < window) {
                flop += loop->run(iterations);
                took = omp_get_wtime() - start;
            }
            rate = flop / took;
        }
        if (rate > best) best = rate;
    }
    return best * 1e-9;
}

double peak_speedup(const struct products *products, const struct kernels *kernels, int threads)
{
    /* Of the ratio of the peaks: bench/RESULTS.md has 0.88 for int16, 0.7 for it by AVX2, 0.8 for bf16. */
    static const double REACHED = 0.8;
    if (!products->packing) return 1;
    char numbers[16];
    snprintf(numbers, sizeof numbers, "%.*s", (int)strcspn(products->precision, ","),
             products->precision);
    const double own = peak_rate_of(numbers, kernels, threads, 0.02),
                 exact = peak_rate(kernels, threads, 0.02);
    const double speedup = own > 0 && exact > 0 ? REACHED * own / exact : 1;
    return products->packs_head ? speedup
                                : 2 / (1 + 1 / speedup); /* the head is about half of it */
}
