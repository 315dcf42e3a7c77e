/* scratch.c - block sizes of the native GEMM from the cache size the machine reports, and the
 * scratch they make.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/scratch.h"

#include <cpuid.h>
#include <unistd.h>

static struct gemm_block forced;

size_t simd_l2_bytes(void)
{
    static size_t known;
    size_t bytes = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (bytes) return bytes;
    long reported = sysconf(_SC_LEVEL2_CACHE_SIZE);
    unsigned a, b, c, d;
    bytes = reported > 0 ? (size_t)reported : 0;
    /* musl, and glibc on CPUs it does not know: AMD's own leaf, in KiB. */
    if (!bytes && __get_cpuid(0x80000006, &a, &b, &c, &d)) bytes = (size_t)(c >> 16) << 10;
    if (bytes < (128U << 10) || bytes > (64U << 20)) bytes = 1U << 20;
    __atomic_store_n(&known, bytes, __ATOMIC_RELAXED);
    return bytes;
}

struct gemm_block gemm_block(void)
{
    if (forced.columns) return forced;
    /* Half of L2: the other half is for activations, the sums and the weights on their way in. */
    size_t strips = simd_l2_bytes() / 2 / (SIMD_STRIP * SIMD_STRIP * sizeof(float));
    struct gemm_block block = {SIMD_STRIP, SIMD_STRIP * strips};
    if (!strips) {
        block.columns = SIMD_STRIP / 2;
        block.depth = SIMD_STRIP;
    }
    return block;
}

void gemm_block_force(struct gemm_block block)
{
    forced = block;
}

struct product_scratch product_scratch(void *scratch)
{
    struct gemm_block block = gemm_block();
    struct product_scratch s;
    s.weights = scratch;
    s.sums = s.weights + block.columns * block.depth;
    s.state = s.sums + (size_t)GEMM_ROWS * SIMD_STRIP;
    return s;
}

size_t simd_scratch_bytes(void)
{
    struct gemm_block block = gemm_block();
    size_t weights = block.columns * block.depth * sizeof(float);
    size_t sums = (size_t)GEMM_ROWS * SIMD_STRIP * sizeof(float);
    size_t state = (size_t)GEMM_ROWS * 2 * sizeof(double);
    return weights + sums + state;
}

size_t attention_scratch_bytes(size_t n, size_t head_size)
{
    return attention_layout(NULL, n, head_size).floats * sizeof(float);
}

size_t attention_back_scratch_bytes(size_t n, size_t head_size)
{
    return attention_back_layout(NULL, n, head_size).floats * sizeof(float);
}

size_t attention_cache_bytes(size_t capacity, const struct attention_shape *shape)
{
    return shape->heads * attention_cache_floats(capacity, shape->head_size) * sizeof(float);
}
