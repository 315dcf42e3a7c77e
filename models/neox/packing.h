/* packing.h - weights made over for products in another precision than the file's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_PACKING_H
#define TRIPOD_NEOX_PACKING_H

#include "simd/simd.h"
#include "src/base/err.h"

/* Powers of two that a packed matrix is multiplied by: its columns (inputs) and its rows (outputs). */
struct pack_factors {
    const float *columns, *rows; /* [k], [n]; NULL: ones */
};

enum { PACK_SMALL = 1 << 18 }; /* weights that are not worth waking other threads for */

struct packing {
    bool equalised; /* factors are wanted: precision depends on how alike columns are */
    /* Bytes of W [n, k], whole cache lines; 0: it cannot be packed. */
    size_t (*bytes)(size_t n, size_t k);
    /* W times the factors to TO (64-byte aligned). By OpenMP's threads; not from inside a parallel
     * region. Errors: no memory; the library's. */
    int (*pack)(const struct kernels *kernels, struct panels *out, void *to, struct panels w,
                struct pack_factors factors, struct err *e);
};

#endif
