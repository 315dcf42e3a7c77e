/* amx.c - the product of 16-bit integers by AMX's tiles of bytes: q = 256 hi + lo, hi signed and lo
 * not, so that a product of q is four of bytes, combined modulo 2^32: the bits of all others. The
 * AVX-512 object has the CPU's tile instructions, the scalar one their definition (amx_tiles.h), by
 * which this file is tested where no CPU has them.
 *
 * A tile of W is 16 columns by 64 k, [k / 4][column][k % 4]; one of x is 16 rows by 64 k; high bytes
 * and low bytes have tiles of their own. Sums of 256 k are three tiles: hi hi, hi lo + lo hi, lo lo.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>

#include "simd/isa/int16_product.h"
#include "simd/isa/kernels_internal.h"

#if !defined ISA_avx2 /* neither tiles nor their definition */

#include "simd/isa/amx_tiles.h"

enum { ROWS = 16, COLUMNS = 16, DEPTH = 64 };

/* Both halves of every integer. */
struct tile_pair {
    uint8_t hi[ROWS * DEPTH], lo[ROWS * DEPTH];
};
_Static_assert(SIMD_STRIP / DEPTH * SIMD_PANEL / COLUMNS * sizeof(struct tile_pair) ==
                   PAIRS * PAIR_ROW * sizeof(int16_t),
               "a panel's strip");

/* [half of the panel][64 of k]; zeros beyond the steps that there are. */
static void lay(int16_t *b, const int16_t *at, size_t steps)
{
    struct tile_pair *tile = (struct tile_pair *)(void *)b;
    for (size_t half = 0; half < SIMD_PANEL; half += COLUMNS)
        for (size_t k0 = 0; k0 < SIMD_STRIP; k0 += DEPTH, tile++)
            for (size_t k = k0; k < k0 + DEPTH; k++) {
                const int16_t *from = at + k / 2 * PAIR_ROW + half * 2 + k % 2;
                const size_t to = (k - k0) / 4 * DEPTH + k % 4;
                for (size_t c = 0; c < COLUMNS; c++) {
                    const int q = k < steps ? from[2 * c] : 0;
                    tile->hi[to + 4 * c] = (uint8_t)((unsigned)q >> 8);
                    tile->lo[to + 4 * c] = (uint8_t)q;
                }
            }
}

/* Rows of x, 64 k a tile; what lies beyond the steps meets zeros. */
static void split(struct tile_pair x[SIMD_STRIP / DEPTH], const struct int16_strip *s)
{
    for (size_t k0 = 0; k0 < s->steps; k0 += DEPTH, x++)
        for (size_t i = 0; i < s->n; i++) {
            const int16_t *from = s->a + i * SIMD_STRIP + k0;
            for (size_t k = 0; k < DEPTH; k++) {
                x->hi[i * DEPTH + k] = (uint8_t)((unsigned)from[k] >> 8);
                x->lo[i * DEPTH + k] = (uint8_t)from[k];
            }
        }
}

static void strip(float *t, const struct int16_strip *s, bool add, struct ahead *ahead)
{
    _Alignas(64) struct tile_pair x[SIMD_STRIP / DEPTH];
    _Alignas(64) uint32_t high[ROWS][COLUMNS], middle[ROWS][COLUMNS], low[ROWS][COLUMNS];
    const struct tile_pair *w = (const struct tile_pair *)(const void *)s->b;
    (void)ahead; /* the hardware's guesses: nothing was measured */
    if (s->n < ROWS) memset(x, 0, sizeof x);
    split(x, s);
    for (size_t c = 0; c < s->width; c += COLUMNS, w += SIMD_STRIP / DEPTH) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        for (size_t i = 0; i * DEPTH < s->steps; i++) {
            TILE_LOAD(3, x[i].hi);
            TILE_LOAD(4, x[i].lo);
            TILE_LOAD(5, w[i].hi);
            TILE_LOAD(6, w[i].lo);
            TILE_DOT(ss, 0, 3, 5);
            TILE_DOT(su, 1, 3, 6);
            TILE_DOT(us, 1, 4, 5);
            TILE_DOT(uu, 2, 4, 6);
        }
        TILE_STORE(0, high);
        TILE_STORE(1, middle);
        TILE_STORE(2, low);
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = 0; j < COLUMNS; j++) {
                const uint32_t sum = (high[i][j] << 16) + (middle[i][j] << 8) + low[i][j];
                float *to = t + i * SIMD_STRIP + c + j;
                *to = (add ? *to : 0.0f) + (float)(int32_t)sum;
            }
    }
}

void K(product_amx)(const struct product *p, size_t row0, size_t rows, size_t n0,
                    const struct product_scratch *scratch)
{
    const struct int16_way way = {ROWS, lay, strip};
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 7; i++) {
        config.rows[i] = ROWS;
        config.row_bytes[i] = DEPTH;
    }
    tile_config(&config);
    int16_product(&way, p, row0, rows, n0, scratch);
    tile_release();
}

#endif
