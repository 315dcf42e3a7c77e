/* peak_rate.c - see peak_rate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/peak_rate.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "simd/peak.h"
#include "simd/vnni.h"

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

/* bench/RESULTS.md has 1.75 for int16, 1.4 for it by AVX2, 1.45 to 1.6 for bf16. */
static double all_of_it(const struct products *products, enum simd_isa isa)
{
    if (!products->packing || isa == SIMD_SCALAR) return 1;
    if (!strncmp(products->precision, "int16", 5)) return simd_vnni(isa) ? 1.7 : 1.4;
    return products->caution() ? 1 : 1.5;
}

double peak_speedup(const struct products *products, const struct kernels *kernels)
{
    const double speedup = all_of_it(products, kernels->isa);
    return products->packs_head ? speedup : 2 / (1 + 1 / speedup); /* the head is half, or so */
}
