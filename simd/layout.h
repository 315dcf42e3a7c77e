/* layout.h - how numbers lie in memory: activations in strips, weights in panels, both as the kernels
 * read them, so that nothing is packed on the way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_LAYOUT_H
#define TRIPOD_SIMD_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* Element types of weights; SIMD_I16 is of panels alone. */
enum simd_dtype { SIMD_F32, SIMD_F16, SIMD_BF16, SIMD_I16 };
static inline size_t simd_dtype_bytes(enum simd_dtype dtype)
{
    return dtype == SIMD_F32 ? 4 : 2;
}

enum {
    SIMD_LANES = 16,  /* one vector word */
    SIMD_PANEL = 32,  /* columns of a weight panel */
    SIMD_STRIP = 256, /* columns of an activation strip */
};

/* Steps of a product's chains of FMAs, the K block of the numbers contract; a divisor of
 * SIMD_STRIP. Their rounding is most of a loss's error and grows with the square root of the
 * length: 256 steps have 1.25 times the error of 128, 64 have 0.9 times but cost 1 to 2 % of the
 * speed. They are for small k, where other programs' chains are short as well. */
static inline size_t simd_chain(size_t k)
{
    return k > SIMD_STRIP ? 128 : 64;
}

/* Activations. A matrix of `rows` x C floats lies in ceil(C / 256) strips, each `rows` x 256,
 * row-major: the GEMM's A operand without packing, every row at the constant stride of 1 KiB.
 * Columns beyond C in the last strip are undefined; a kernel may write there and must not let them
 * reach a result. */
struct strips {
    float *data; /* 64-byte aligned */
    size_t rows; /* row capacity, the stride between strips in rows */
};
static inline float *strip_at(struct strips x, size_t row, size_t column)
{
    return x.data + ((column / SIMD_STRIP) * x.rows + row) * SIMD_STRIP + column % SIMD_STRIP;
}
/* Floats a matrix of rows x columns needs. */
static inline size_t strips_size(size_t rows, size_t columns)
{
    return (columns + SIMD_STRIP - 1) / SIMD_STRIP * SIMD_STRIP * rows;
}

/* Activations in 16-bit integers: x = q * scale of the row. Strips as above with int16 in the place of
 * float32, 512 bytes a row. */
struct strips_i16 {
    int16_t *data; /* 64-byte aligned; strips_size() of them */
    float *scales; /* [rows] */
    size_t rows;
};
static inline int16_t *strip_i16_at(struct strips_i16 x, size_t row, size_t column)
{
    return x.data + ((column / SIMD_STRIP) * x.rows + row) * SIMD_STRIP + column % SIMD_STRIP;
}
/* Rows FIRST and on. */
static inline struct strips_i16 strips_i16_rows(struct strips_i16 x, size_t first)
{
    return (struct strips_i16){strip_i16_at(x, first, 0), x.scales + first, x.rows};
}

/* A weight matrix W [n, k] (out features x in features, as checkpoints store it), in panels: panel
 * p holds rows 32 p .. 32 p + 31 of W as k groups of 32 consecutive elements: element (n, k) is at
 * ((n / 32) * K + k) * 32 + n % 32. Rows beyond n are zero. 64-byte aligned. This is also how the
 * flat model file stores it.
 *
 * SIMD_I16: a panel is 32 float32 scales, one a column, and ceil(k / 2) groups of 32 pairs of int16,
 * consecutive k of a column side by side (panels_i16_at). W = q * scale. Padding, of an odd k as well,
 * is zero. */
struct panels {
    const void *data;
    enum simd_dtype dtype;
    size_t n, k;
};
/* Panels of N rows. */
static inline size_t panels_count(size_t n)
{
    return (n + SIMD_PANEL - 1) / SIMD_PANEL;
}
/* Elements that W [n, k] occupies in panels. */
static inline size_t panels_size(size_t n, size_t k)
{
    return panels_count(n) * SIMD_PANEL * k;
}
/* Bytes of W [n, k] in panels. */
static inline size_t panels_bytes(enum simd_dtype dtype, size_t n, size_t k)
{
    if (dtype != SIMD_I16) return panels_size(n, k) * simd_dtype_bytes(dtype);
    return panels_count(n) * SIMD_PANEL * (sizeof(float) + (k + 1) / 2 * 2 * sizeof(int16_t));
}
/* Rows FIRST .. FIRST + n - 1 of W; FIRST is a multiple of a panel. */
static inline struct panels panels_rows(struct panels w, size_t first, size_t n)
{
    const size_t at = panels_bytes(w.dtype, first, w.k);
    return (struct panels){(const char *)w.data + at, w.dtype, n, w.k};
}
/* The scales of SIMD_I16's column n and of those after it in its panel. */
static inline const float *panels_scales(struct panels w, size_t n)
{
    const size_t at = panels_bytes(SIMD_I16, n / SIMD_PANEL * SIMD_PANEL, w.k);
    return (const float *)(const void *)((const char *)w.data + at) + n % SIMD_PANEL;
}
/* SIMD_I16's element (n, k). */
static inline const int16_t *panels_i16_at(struct panels w, size_t n, size_t k)
{
    const float *pairs = panels_scales(w, n / SIMD_PANEL * SIMD_PANEL) + SIMD_PANEL;
    return (const int16_t *)(const void *)pairs + (k / 2 * SIMD_PANEL + n % SIMD_PANEL) * 2 + k % 2;
}

/* W [n, k] row-major to panels (rows beyond n zeroed); element size 2 or 4 bytes. */
void panels_pack(void *out, const void *w, size_t n, size_t k, size_t element_bytes);

#endif
