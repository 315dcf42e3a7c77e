/* panels.c - weights into the layout the GEMM reads (struct panels).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/simd.h"

#include <string.h>

/* Runs of 16 columns of k keep the reads of 32 rows and the writes within the L1 cache. */
enum { RUN = 16 };

#define PACK(type)                                                                                 \
    do {                                                                                           \
        const type *from = (const type *)w + p * SIMD_PANEL * k;                                   \
        type *to = (type *)out + p * SIMD_PANEL * k;                                               \
        for (size_t k0 = 0; k0 < k; k0 += RUN) {                                                   \
            size_t k1 = k0 + RUN < k ? k0 + RUN : k;                                               \
            for (size_t i = 0; i < SIMD_PANEL; i++)                                                \
                for (size_t j = k0; j < k1; j++)                                                   \
                    to[j * SIMD_PANEL + i] = i < rows ? from[i * k + j] : 0;                       \
        }                                                                                          \
    } while (0)

void panels_pack(void *out, const void *w, size_t n, size_t k, size_t element_bytes)
{
    for (size_t p = 0; p * SIMD_PANEL < n; p++) {
        size_t rows = n - p * SIMD_PANEL < SIMD_PANEL ? n - p * SIMD_PANEL : SIMD_PANEL;
        if (element_bytes == 2)
            PACK(uint16_t);
        else
            PACK(uint32_t);
    }
}
