/* planes.c - see planes.h.
 *
 * Loops run over STEP elements at a time: with a constant count the compiler vectorises them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/planes.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { STEP = 64, PAYS = 16 };

struct planes {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
    uint8_t plane[PLANES_MOST][PLANES_BLOCK]; /* split or decompressed */
    uint8_t packed[PLANES_BLOCK];
    uint8_t tail[2][STEP * PLANES_MOST];
};

struct planes *planes_new(void)
{
    struct planes *p = malloc(sizeof *p);
    if (!p) return NULL;
    p->compress = ZSTD_createCCtx();
    p->decompress = ZSTD_createDCtx();
    if (!p->compress || !p->decompress) {
        planes_free(p);
        return NULL;
    }
    /* What compresses is how often bytes occur, not what follows what: higher levels and short
     * matches gain nothing and decode more slowly (FORMAT.md has figures). */
    ZSTD_CCtx_setParameter(p->compress, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(p->compress, ZSTD_c_minMatch, 7);
    return p;
}

void planes_free(struct planes *p)
{
    if (!p) return;
    ZSTD_freeCCtx(p->compress);
    ZSTD_freeDCtx(p->decompress);
    free(p);
}

/* Sign and magnitude to an integer of the same order, and back: negative numbers have their
 * magnitude's bits turned over. */
static uint16_t ordered16(uint16_t x)
{
    return (uint16_t)(x ^ (uint16_t)((int16_t)x >> 15) >> 1);
}
static uint32_t ordered32(uint32_t x)
{
    return x ^ (uint32_t)((int32_t)x >> 31) >> 1;
}

/* Differences of either sign to small numbers: 0, -1, 1, -2 ... become 0, 1, 2, 3. */
static uint16_t between16(uint16_t x, uint16_t base)
{
    uint16_t d = (uint16_t)(ordered16(x) - ordered16(base));
    return (uint16_t)((uint16_t)(d << 1) ^ (uint16_t)((int16_t)d >> 15));
}
static uint32_t between32(uint32_t x, uint32_t base)
{
    uint32_t d = ordered32(x) - ordered32(base);
    return d << 1 ^ (uint32_t)((int32_t)d >> 31);
}
static uint16_t apply16(uint16_t z, uint16_t base)
{
    uint16_t d = (uint16_t)(z >> 1 ^ -(z & 1));
    return ordered16((uint16_t)(d + ordered16(base)));
}
static uint32_t apply32(uint32_t z, uint32_t base)
{
    uint32_t d = z >> 1 ^ -(z & 1);
    return ordered32(d + ordered32(base));
}

static void split16(struct planes *p, size_t at, const uint8_t *data, const uint8_t *base)
{
    uint16_t x[STEP], b[STEP];
    memcpy(x, data, sizeof x);
    if (base) {
        memcpy(b, base, sizeof b);
        for (size_t i = 0; i < STEP; i++) x[i] = between16(x[i], b[i]);
    }
    for (size_t i = 0; i < STEP; i++) p->plane[0][at + i] = (uint8_t)x[i];
    for (size_t i = 0; i < STEP; i++) p->plane[1][at + i] = (uint8_t)(x[i] >> 8);
}

static void split32(struct planes *p, size_t at, const uint8_t *data, const uint8_t *base)
{
    uint32_t x[STEP], b[STEP];
    memcpy(x, data, sizeof x);
    if (base) {
        memcpy(b, base, sizeof b);
        for (size_t i = 0; i < STEP; i++) x[i] = between32(x[i], b[i]);
    }
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < STEP; i++) p->plane[k][at + i] = (uint8_t)(x[i] >> 8 * k);
}

static void join16(uint8_t *out, const uint8_t *const *plane, size_t at, const uint8_t *base)
{
    uint16_t x[STEP], b[STEP];
    const uint8_t *low = plane[0] + at, *high = plane[1] + at;
    for (size_t i = 0; i < STEP; i++) x[i] = (uint16_t)(low[i] | high[i] << 8);
    if (base) {
        memcpy(b, base, sizeof b);
        for (size_t i = 0; i < STEP; i++) x[i] = apply16(x[i], b[i]);
    }
    memcpy(out, x, sizeof x);
}

static void join32(uint8_t *out, const uint8_t *const *plane, size_t at, const uint8_t *base)
{
    uint32_t x[STEP] = {0}, b[STEP];
    for (size_t k = 0; k < 4; k++) {
        const uint8_t *from = plane[k] + at;
        for (size_t i = 0; i < STEP; i++) x[i] |= (uint32_t)from[i] << 8 * k;
    }
    if (base) {
        memcpy(b, base, sizeof b);
        for (size_t i = 0; i < STEP; i++) x[i] = apply32(x[i], b[i]);
    }
    memcpy(out, x, sizeof x);
}

/* Raw where zstd does not save one byte in PAYS, which would not be worth its time. */
static size_t store_plane(struct planes *p, uint8_t *out, const uint8_t *plane, size_t n)
{
    size_t bytes = ZSTD_compress2(p->compress, p->packed, sizeof p->packed, plane, n);
    if (ZSTD_isError(bytes) || bytes > n - n / PAYS - 1) bytes = n;
    memcpy(out, bytes == n ? plane : p->packed, bytes);
    return bytes;
}

size_t planes_encode(struct planes *p, uint8_t *out, uint32_t *sizes, const void *data,
                     const void *base, size_t n, size_t width)
{
    const uint8_t *from = data, *old = base;
    for (size_t i = 0; i < n; i += STEP) {
        const uint8_t *x = from + i * width, *b = old ? old + i * width : NULL;
        if (n - i < STEP) {
            x = memcpy(p->tail[0], x, (n - i) * width);
            if (b) b = memcpy(p->tail[1], b, (n - i) * width);
        }
        if (width == 2)
            split16(p, i, x, b);
        else
            split32(p, i, x, b);
    }
    size_t used = 0;
    for (size_t k = 0; k < width; k++) {
        sizes[k] = (uint32_t)store_plane(p, out + used, p->plane[k], n);
        used += sizes[k];
    }
    return used;
}

int planes_decode(struct planes *p, void *out, const uint8_t *in, const uint32_t *sizes,
                  const void *base, size_t n, size_t width)
{
    const uint8_t *plane[PLANES_MOST], *old = base;
    uint8_t *to = out;
    for (size_t k = 0; k < width; in += sizes[k++]) {
        plane[k] = in;
        if (sizes[k] == n) continue;
        if (sizes[k] > n) return -1;
        plane[k] = p->plane[k];
        if (ZSTD_decompressDCtx(p->decompress, p->plane[k], n, in, sizes[k]) != n) return -1;
    }
    const size_t whole = n / STEP * STEP, rest = n - whole;
    for (size_t i = 0; i < whole; i += STEP) {
        const uint8_t *b = old ? old + i * width : NULL;
        if (width == 2)
            join16(to + i * width, plane, i, b);
        else
            join32(to + i * width, plane, i, b);
    }
    if (!rest) return 0;
    for (size_t k = 0; k < width; k++) plane[k] = memmove(p->plane[k], plane[k] + whole, rest);
    const uint8_t *b = old ? memcpy(p->tail[1], old + whole * width, rest * width) : NULL;
    if (width == 2)
        join16(p->tail[0], plane, 0, b);
    else
        join32(p->tail[0], plane, 0, b);
    memcpy(to + whole * width, p->tail[0], rest * width);
    return 0;
}
