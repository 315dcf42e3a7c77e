/* inner.c - inner products of long vectors: the GEMM's micro-kernel between every vector of one
 * group and every vector of another, whose sums leave float32 after each 256 coordinates.
 *
 * Vectors lie in strips, so that those of group a are read in place; a strip of group b is
 * transposed into L2, and each sliver of MR vectors of a passes by. What the micro-kernel gives, a
 * chain of FMAs a pair, is added to the pair's double at once: a sum of 19 million products has no
 * other rounding that counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/strip_micro.h"
#include "simd/scratch.h"

enum { ROW_BYTES = SIMD_STRIP * sizeof(float) }; /* a row of a strip */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* 16 vectors' coordinates k0 .. k0 + k of one strip, of which n are there, side by side: out[k][NR]
 * has theirs in 16 of its columns. */
V_WORD void pack_lanes(float *out, const float *in, size_t n, size_t k)
{
    for (size_t c = 0; c < k; c += SIMD_LANES) {
        const size_t columns = least(SIMD_LANES, k - c);
        vf r[SIMD_LANES];
        V_FOR (i, SIMD_LANES)
            r[i] = (size_t)i < n ? v_load_n(in + (size_t)i * SIMD_STRIP + c, columns) : v_zero();
        v_transpose(r);
        V_FOR (i, SIMD_LANES)
            if ((size_t)i < columns) v_store(out + (c + (size_t)i) * NR, r[i]);
    }
}

/* n vectors' k coordinates of one strip: [panel of NR][k][NR], panels NR * SIMD_STRIP apart. */
struct packed {
    float *panels;
    size_t n, k;
};

static void pack(const struct packed *p, const float *in)
{
    float *out = p->panels;
    for (size_t j = 0; j < p->n; j += NR, out += NR * SIMD_STRIP) {
        for (size_t h = 0; h < NR; h += SIMD_LANES) {
            const size_t at = least(j + h, p->n);
            pack_lanes(out + h, in + at * SIMD_STRIP, least(SIMD_LANES, p->n - at), p->k);
        }
    }
}

/* sums[i][0..n) += t[i][0..n): exact conversions, one rounding an addition. */
static void add_rows(double *sums, size_t stride, const float *t, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++, sums += stride, t += SIMD_STRIP)
        for (size_t j = 0; j < n; j++) sums[j] += (double)t[j];
}

/* Asks for bytes on their way into L2. */
static void fetch(const float *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i, 0, 2);
}

/* One strip's chains, all a_rows of x with n packed vectors, added to the sums. next: n rows that
 * are packed next, or NULL. t: [MR][SIMD_STRIP].
 *
 * Both groups come from RAM, in runs that the hardware does not foresee; the micro-kernel asks for
 * most of the next sliver, evenly spread (all of it in one burst stalls: 0.70 of the peak instead of
 * 0.85 at 190 by 32 vectors). */
static void strip_products(double *sums, size_t stride, const float *x, size_t a_rows,
                           const struct packed *b, const float *next, float *t)
{
    const size_t slivers = (a_rows + MR - 1) / MR, share = (b->n + slivers - 1) / slivers;
    for (size_t i = 0, rows; i < slivers; i++, x += rows * SIMD_STRIP, sums += rows * stride) {
        rows = a_rows / slivers + (i < a_rows % slivers);
        const size_t bytes = i + 1 < slivers ? a_rows / slivers * ROW_BYTES : 0;
        const float *behind = x + rows * SIMD_STRIP, *panel = b->panels;
        size_t asked = 0;
        for (size_t c = 0; c < b->n; c += NR, panel += NR * SIMD_STRIP, asked += STRIP_AHEAD) {
            const char *ahead = asked < bytes ? (const char *)behind + asked : (const char *)x;
            micro_kernels[rows](x, panel, b->k, SIMD_STRIP, t + c, 0, ahead);
        }
        if (asked < bytes) fetch(behind + asked / sizeof *x, bytes - asked);
        if (next && i * share < b->n)
            fetch(next + i * share * SIMD_STRIP, least(share, b->n - i * share) * ROW_BYTES);
        add_rows(sums, stride, t, rows, b->n);
    }
}

void K(inner_products)(double *sums, size_t stride, struct strips a, size_t a_rows, struct strips b,
                       size_t b_rows, size_t columns, void *scratch)
{
    const size_t most = gemm_block().columns;
    const struct product_scratch s = product_scratch(scratch);
    for (size_t j = 0; j < b_rows && a_rows; j += most) {
        for (size_t k = 0; k < columns; k += SIMD_STRIP) {
            const struct packed p = {s.weights, least(most, b_rows - j),
                                     least(SIMD_STRIP, columns - k)};
            const bool last = k + SIMD_STRIP >= columns;
            pack(&p, strip_at(b, j, k));
            strip_products(sums + j, stride, strip_at(a, 0, k), a_rows, &p,
                           last ? NULL : strip_at(b, j, k + SIMD_STRIP), s.sums);
        }
    }
}
