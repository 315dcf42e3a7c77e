/* peak_rate.c - see peak_rate.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/peak_rate.h"

#include <omp.h>
#include <string.h>

#include "simd/peak.h"

double peak_rate(const char *name, int threads, double seconds)
{
    const struct peak_loop *loop = peak_loops;
    while (loop->name && strcmp(loop->name, name)) loop++;
    if (!loop->name || !loop->available()) return 0;
    double flop = 0, rate = 0;
    /* Warm up and find how many iterations fill a tenth of the time. */
    size_t iterations = 1000;
    for (double took = 0; took < seconds / 10 && iterations < (size_t)1 << 40;) {
        double start = omp_get_wtime();
        loop->run(iterations);
        took = omp_get_wtime() - start;
        if (took < seconds / 10) iterations *= 2;
    }
    /* The threads' rates are added: each runs alone on its core, none waits for another. */
#pragma omp parallel num_threads(threads) reduction(+ : flop, rate)
    {
        double start = omp_get_wtime(), took = 0;
        while (took < seconds) {
            flop += loop->run(iterations);
            took = omp_get_wtime() - start;
        }
        rate += flop / took;
    }
    return rate * 1e-9;
}
