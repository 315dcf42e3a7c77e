/* attention.h - what attention and its backward pass share: the micro-kernel, which keys a row sees,
 * and the way between the rows of a strip and a head's panels.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_ATTENTION_H
#define TRIPOD_SIMD_ISA_ATTENTION_H

#include "simd/isa/micro.h"
#include "simd/scratch.h"

/* Columns of a panel (what one micro-kernel reads, so that its part
 * of a panel is contiguous: at a stride of two cache lines it would use half of the L1 cache's
 * sets). */
enum { WIDTH = NR };

/* C[m][16 words] = diag(rescale) C + A B over k steps; rows of C `stride` apart, A in strips, or across
 * them (its rows are a strip's columns), B a panel. rescale NULL: C starts from zero. A B is summed
 * on its own: a chain that went on from C would round at C's size. Inlined with constant m:
 * everything stays in registers. */
V_WORD void micro(float *c, size_t stride, const float *a, const float *b, size_t k,
                  const float *rescale, const int m, const int words, const bool across)
{
    vf acc[MR][NR / 16];
    V_FOR (i, m)
        V_FOR (j, words) acc[i][j] = v_zero();
    for (size_t p = 0; p < k; p++) {
        vf w[NR / 16];
        V_FOR (j, words) w[j] = v_load(b + p * WIDTH + 16 * j);
        V_FOR (i, m) {
            vf x = v_set1(across ? a[p * SIMD_STRIP + i] : a[i * SIMD_STRIP + p]);
            V_FOR (j, words) acc[i][j] = v_fma(x, w[j], acc[i][j]);
        }
    }
    if (rescale) {
        V_FOR (i, m) {
            vf r = v_set1(rescale[i]);
            V_FOR (j, words) acc[i][j] = v_fma(v_load(c + i * stride + 16 * j), r, acc[i][j]);
        }
    }
    V_FOR (i, m)
        V_FOR (j, words) v_store(c + i * stride + 16 * j, acc[i][j]);
}

typedef void micro_fn(float *c, size_t stride, const float *a, const float *b, size_t k,
                      const float *rescale);

#define MICRO(m)                                                                                   \
    static void micro_##m(float *c, size_t stride, const float *a, const float *b, size_t k,       \
                          const float *rescale)                                                    \
    {                                                                                              \
        micro(c, stride, a, b, k, rescale, m, NR / 16, false);                                     \
    }
/* Of 16 columns: where a panel's last ones are nobody's. C's stay as they were. */
#define NARROW(m)                                                                                  \
    static void narrow_##m(float *c, size_t stride, const float *a, const float *b, size_t k,      \
                           const float *rescale)                                                   \
    {                                                                                              \
        micro(c, stride, a, b, k, rescale, m, 1, false);                                           \
    }
MICRO_HEIGHTS(MICRO)
MICRO_HEIGHTS(NARROW)
#undef MICRO
#undef NARROW

/* [columns > 16][height] */
static micro_fn *const micros[2][MR + 1] = {NARROW_TABLE, MICRO_TABLE};

/* rescale of a sum that goes on; MR is 14 at most. */
static const float ones[14] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* A run of query rows of one micro-kernel's height. */
struct group {
    size_t row, m,
        at; /* position of its first row in the document, height, first row in the tile */
};

/* Rows 0 .. n - 1 in `count` groups of heights as even as they can be: the first row and the height
 * of one of them. */
V_WORD struct group even_group(size_t i, size_t n, size_t count)
{
    const size_t extra = n % count, first = n / count * i + (i < extra ? i : extra);
    return (struct group){.row = first, .m = n / count + (i < extra)};
}

/* Keys begin .. end - 1 of a block; heads. */
struct span {
    size_t begin, end;
};

/* The first position that position t sees. */
V_WORD size_t first_key(size_t t, size_t window)
{
    return window && t >= window ? t + 1 - window : 0;
}

/* The keys of block [k0, k0 + 256) that position t sees; none: begin == end. */
V_WORD struct span own_keys(size_t t, size_t k0, size_t window)
{
    const size_t first = first_key(t, window);
    const size_t end = t + 1 < k0 ? 0 : t + 1 - k0 < ATTENTION_KEYS ? t + 1 - k0 : ATTENTION_KEYS;
    const size_t begin = first < k0 ? 0 : first - k0;
    return (struct span){begin < end ? begin : end, end};
}

/* The keys of the block that any row of a group sees, from whole panels on. */
V_WORD struct span keys_seen(const struct group *g, size_t k0, size_t window)
{
    const size_t begin = own_keys(g->row, k0, window).begin;
    const size_t end = own_keys(g->row + g->m - 1, k0, window).end;
    return (struct span){begin / WIDTH * WIDTH, end};
}

/* Columns [column, column + n) of a row, which may lie in two strips or more. The rows are read one
 * after the other, a few lines of each 1 KiB, which no hardware guesses: fetched ahead, a training
 * step at width 64 takes 12 % less (`tripod bench train 64`). */
enum { COPY_AHEAD = 8 };
static void copy_out_of(float *to, struct strips x, size_t row, size_t column, size_t n)
{
    for (size_t c = 0; c < n;) {
        const float *from = strip_at(x, row, column + c);
        size_t left = SIMD_STRIP - (column + c) % SIMD_STRIP;
        size_t run = n - c < left ? n - c : left, i = 0;
        for (; i + 16 <= run; i += 16) {
            __builtin_prefetch(from + i + COPY_AHEAD * SIMD_STRIP, 0, 3);
            v_store(to + c + i, v_load(from + i));
        }
        if (i < run) memcpy(to + c + i, from + i, (run - i) * sizeof *to);
        c += run;
    }
}

/* Both halves of a turn in one word. */
V_WORD vf turn_word(vf x, vf c, vf s, size_t half, const bool back)
{
    const vf sines = v_flip(v_keep_n(s, half, v_swap(s, half)),
                            back ? (1U << 2 * half) - (1U << half) : (1U << half) - 1);
    const vf turned = v_fma(v_swap(x, half), sines, v_mul(x, v_keep_n(c, half, v_swap(c, half))));
    return v_keep_n(turned, 2 * half, x);
}

/* The first `rotary` dimensions of a head at this position, pairs (i, i + rotary / 2); or back. Where
 * a word holds them all, as in heads of 32 and 64, whole words are stored: what is loaded next would
 * wait for parts of one to be written. */
V_WORD void turn(float *x, size_t position, const struct attention_shape *shape, const bool back)
{
    size_t half = shape->rotary / 2;
    const float *cosine = shape->cosine + position * half, *sine = shape->sine + position * half;
    if (half == 4 || half == 8) {
        const vf c = v_load_n(cosine, half), s = v_load_n(sine, half);
        v_store(x, turn_word(v_load(x), c, s, half, back));
        return;
    }
    for (size_t i = 0; i < half; i += 16) {
        size_t n = half - i < 16 ? half - i : 16;
        vf a = v_load_n(x + i, n), b = v_load_n(x + half + i, n);
        vf c = v_load_n(cosine + i, n), s = v_load_n(sine + i, n);
        if (back) s = v_sub(v_zero(), s);
        v_store_n(x + i, v_fnma(b, s, v_mul(a, c)), n);
        v_store_n(x + half + i, v_fma(a, s, v_mul(b, c)), n);
    }
}

/* 16 rows of `stride` floats from x, transposed, become columns of a panel from `to`. */
static void transpose_into_panel(float *to, const float *x, size_t stride, size_t dimensions)
{
    for (size_t d = 0; d < dimensions; d += 16) {
        size_t n = dimensions - d < 16 ? dimensions - d : 16;
        vf r[16];
        V_FOR (i, 16) r[i] = v_load(x + (size_t)i * stride + d);
        v_transpose(r);
        if (n == 16) {
            V_FOR (i, 16) v_store(to + (d + (size_t)i) * WIDTH, r[i]);
        } else {
            for (size_t i = 0; i < n; i++) v_store(to + (d + i) * WIDTH, r[i]);
        }
    }
}

/* A row into place t of panels [row_size / WIDTH][n][WIDTH]. */
V_WORD void row_into_panels(float *to, size_t n, size_t t, const float *row, size_t row_size)
{
    for (size_t d = 0; d < row_size; d += 16)
        v_store(to + d / WIDTH * WIDTH * n + t * WIDTH + d % WIDTH, v_load(row + d));
}

/* The lanes of a word from key j on that are in `own`, which it overlaps; `fill` in the others. */
V_WORD vf own_lanes(vf x, size_t j, struct span own, vf fill)
{
    if (j + 16 > own.end) x = v_keep_n(x, own.end - j, fill);
    if (j < own.begin) x = v_keep_n(fill, own.begin - j, x);
    return x;
}

#endif
