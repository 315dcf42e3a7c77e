/* block.h - how the native GEMM cuts its work: sizes that follow from the L2 cache this machine
 * reports and that no result depends on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_BLOCK_H
#define TRIPOD_SIMD_BLOCK_H

#include <stddef.h>

enum {
    /* Rows whose unfinished sums (1 KiB a row) and whose head state lie in scratch. */
    GEMM_ROWS = 2048,
};

/* Widened weights held in L2 at a time: columns of the output (a multiple of 32 that divides 256)
 * times a stretch of k (a multiple of 256). */
struct gemm_block {
    size_t columns, depth;
};
struct gemm_block gemm_block(void);

/* For tests: other blocks from now on, {0, 0} for the machine's own; scratch sizes follow. Not
 * while kernels run. */
void gemm_block_force(struct gemm_block block);

/* Bytes of L2 (one core's), as the machine reports it, 1 MiB where it does not. */
size_t simd_l2_bytes(void);

#endif
