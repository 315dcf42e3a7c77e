/* amx_tiles.h - the tile instructions that amx.c uses: in the AVX-512 object the CPU's (as assembly,
 * since that object is for CPUs without them, too), in the scalar one their definition in C.
 *
 * Tile registers are known by number. All have 16 rows of 64 bytes.
 *
 *   tile_config(c)           palette and shapes (LDTILECFG: 64 bytes)
 *   tile_release()           back to the initial state
 *   TILE_ZERO(t)
 *   TILE_LOAD(t, p)          16 rows of 64 bytes, one after the other
 *   TILE_STORE(t, p)
 *   TILE_DOT(kind, c, a, b)  c[m][n] += a[m][4 k + j] * b[k][4 n + j] over k < 16 and j < 4, int32;
 *                            kind: ss, su, us, uu: signs of a's and b's bytes
 *
 * Intel, "64 and IA-32 Architectures Software Developer's Manual", volume 2, TDPBSSD and on, and
 * volume 1, chapter 18.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_AMX_TILES_H
#define TRIPOD_SIMD_ISA_AMX_TILES_H

#include "simd/isa/words.h"

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tile_config) == 64, "LDTILECFG reads 64 bytes");

#if defined ISA_avx512

V_WORD void tile_config(const struct tile_config *c)
{
    __asm__ volatile("ldtilecfg %0" ::"m"(*c));
}
V_WORD void tile_release(void)
{
    __asm__ volatile("tilerelease");
}
/* "memory": no compiler knows the tile registers; what is volatile stays in order. */
#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define TILE_LOAD(t, p)                                                                            \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"((size_t)64) : "memory")
#define TILE_STORE(t, p)                                                                           \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"((size_t)64) : "memory")
#define TILE_DOT(kind, c, a, b)                                                                    \
    __asm__ volatile("tdpb" #kind "d %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

#else

#include <stdlib.h>

/* What a CPU would trap at ends the program. */
static _Thread_local struct {
    struct tile_config config;
    uint8_t tile[8][16][64];
} tiles;

V_WORD void tile_config(const struct tile_config *c)
{
    for (size_t i = 0; i < sizeof c->reserved; i++)
        if (c->reserved[i]) abort();
    for (int i = 0; i < 16; i++)
        if (c->row_bytes[i] > (i < 8 ? 64 : 0) || c->rows[i] > (i < 8 ? 16 : 0)) abort();
    if (c->palette != 1 || c->start_row) abort();
    memset(&tiles, 0, sizeof tiles);
    tiles.config = *c;
}
V_WORD void tile_release(void)
{
    memset(&tiles, 0, sizeof tiles);
}
V_WORD void tile_need(int t)
{
    if (tiles.config.palette != 1 || !tiles.config.rows[t] || !tiles.config.row_bytes[t]) abort();
}
V_WORD void tile_zero(int t)
{
    tile_need(t);
    memset(tiles.tile[t], 0, sizeof tiles.tile[t]);
}
V_WORD void tile_load(int t, const void *p)
{
    tile_zero(t);
    for (size_t i = 0; i < tiles.config.rows[t]; i++)
        memcpy(tiles.tile[t][i], (const char *)p + 64 * i, tiles.config.row_bytes[t]);
}
V_WORD void tile_store(int t, void *p)
{
    tile_need(t);
    for (size_t i = 0; i < tiles.config.rows[t]; i++)
        memcpy((char *)p + 64 * i, tiles.tile[t][i], tiles.config.row_bytes[t]);
}
static int tile_byte(uint8_t x, bool is_signed)
{
    return is_signed ? (int8_t)x : x;
}
static void tile_dot(const char *kind, int c, int a, int b)
{
    const struct tile_config *f = &tiles.config;
    tile_need(a), tile_need(b), tile_need(c);
    if (a == b || a == c || b == c || f->rows[a] != f->rows[c] ||
        f->row_bytes[b] != f->row_bytes[c] || f->row_bytes[a] != 4 * f->rows[b])
        abort();
    for (size_t m = 0; m < f->rows[c]; m++)
        for (size_t n = 0; n < f->row_bytes[c] / 4U; n++) {
            uint32_t sum;
            memcpy(&sum, &tiles.tile[c][m][4 * n], sizeof sum);
            for (size_t k = 0; k < f->rows[b]; k++)
                for (size_t j = 0; j < 4; j++)
                    sum += (uint32_t)(tile_byte(tiles.tile[a][m][4 * k + j], kind[0] == 's') *
                                      tile_byte(tiles.tile[b][k][4 * n + j], kind[1] == 's'));
            memcpy(&tiles.tile[c][m][4 * n], &sum, sizeof sum);
        }
}
#define TILE_ZERO(t)            tile_zero(t)
#define TILE_LOAD(t, p)         tile_load(t, p)
#define TILE_STORE(t, p)        tile_store(t, p)
#define TILE_DOT(kind, c, a, b) tile_dot(#kind, c, a, b)

#endif

#endif
