/* weight_gradient.c - dW = dY^T X in the panel layout of W, and the bias's gradient.
 *
 * The micro-kernel of the GEMM with other operands: its rows are in features, its B is dY where it
 * lies. For 256 rows of x at a time, a word of x's columns is laid out in L1, and a group of
 * eight panels of dY, one strip, streams by from L2. The group's tiles, 256 in features by 32
 * columns, stay in L2 until all rows have been added, and go to the sink from there: x is read from
 * memory once per eight panels. A tile is finished in one place: no sum depends on who computes
 * which panels.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/gemm_micro.h"
#include "simd/isa/kernels_internal.h"
#include "simd/scratch.h"

static const struct micro_layout micro_layout = {.row = 1,
                                                 .step = SIMD_LANES,
                                                 .b = SIMD_STRIP,
                                                 .out = SIMD_PANEL,
                                                 .ahead = SIMD_STRIP * sizeof(float)};
MICRO_HEIGHTS(MICRO)
MICRO_HEIGHTS(NARROW)
static micro_kernel *const micro_kernels[MR + 1] = MICRO_TABLE;
static micro_kernel *const narrow_kernels[MR + 1] = NARROW_TABLE;

enum {
    GROUP = SIMD_STRIP / SIMD_PANEL, /* panels: part of the tiles' order */
    WIDE = SIMD_LANES / MR * MR,     /* in features laid out at a time: whole slivers in a word */
};

struct gradient_scratch {
    float x[SIMD_STRIP * SIMD_LANES];           /* [rows][16] */
    float tile[GROUP][SIMD_STRIP * SIMD_PANEL]; /* [in features][32] each */
};
_Static_assert(sizeof(struct gradient_scratch) <= GEMM_ROWS * SIMD_STRIP * sizeof(float),
               "simd_scratch_bytes()");

/* Panels p .. of a group, in features k0 .., rows row .. : at most 8, 256 and 256. The tiles are in
 * scratch, or, where there are sums so far, those, which have the same layout. */
struct block {
    size_t p, panels, k0, kn, row, rows;
    float *tile[GROUP];
    bool add;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The word that begins at `column`, as far as its strip goes. */
static void lay_out_x(float *a, struct strips x, const struct block *b, size_t column)
{
    const float *from = strip_at(x, b->row, column);
    const size_t n = least(SIMD_LANES, SIMD_STRIP - column % SIMD_STRIP);
    for (size_t t = 0; t < b->rows; t++, from += SIMD_STRIP)
        v_store(a + t * SIMD_LANES, v_load_n(from, n));
}

/* The rows of dY that the block after this one meets; NULL where those are this one's, or it is the
 * last. */
static const float *later_dy(const struct weight_gradient *g, const struct block *b)
{
    size_t row = b->row + b->rows, p = b->p;
    if (row >= g->rows) {
        row = 0;
        if (b->k0 + b->kn >= g->k) p += b->panels;
    }
    if (p >= g->end || (p == b->p && row == b->row)) return NULL;
    return strip_at(g->dy, row, p / GROUP * SIMD_STRIP);
}

/* The block's rows added to its tiles, the first ones stored. A micro-kernel fetches a line or two
 * of a quarter of the rows on its way: first those of x's next word, then, a piece each, dY's of
 * the next block, which else would wait for each (5 to 7 % at 1024 rows). A prefetch beyond the
 * last row never faults. */
static void add_rows(struct gradient_scratch *s, const struct weight_gradient *g,
                     const struct block *b)
{
    const float *dy = strip_at(g->dy, b->row, b->p * SIMD_PANEL), *later = later_dy(g, b);
    const size_t words = (b->kn + WIDE - 1) / WIDE, columns = b->panels * SIMD_PANEL;
    size_t piece = later ? 0 : 4 * SIMD_STRIP / NR;
    for (size_t i = 0, k = 0, width; i < words; i++, k += width) {
        width = b->kn / words + (i < b->kn % words); /* almost equal: no thin sliver at the end */
        lay_out_x(s->x, g->x, b, b->k0 + k);
        /* The next word's end: its beginning is in lines that this one has read. */
        const float *next = strip_at(g->x, b->row, b->k0 + (i + 1 < words ? k + 2 * width - 1 : k));
        for (size_t m = 0, height; m < width; m += height) {
            height = least(MR, width - m);
            for (size_t c = 0; c < columns; c += NR) {
                const float *ahead = next + c / NR % 4 * b->rows / 4 * SIMD_STRIP;
                if (c >= 4 * NR && piece < 4 * SIMD_STRIP / NR) {
                    ahead = later + piece % 4 * b->rows / 4 * SIMD_STRIP + piece / 4 * NR;
                    piece++;
                }
                float *t = b->tile[c / SIMD_PANEL] + (k + m) * SIMD_PANEL + c % SIMD_PANEL;
                const bool half = g->n - b->p * SIMD_PANEL <= c + SIMD_LANES; /* or less is left */
                (half ? narrow_kernels : micro_kernels)[height](
                    s->x + m, dy + c, b->rows, SIMD_STRIP, t, b->add, (const char *)ahead);
            }
        }
    }
}

/* Zeros in the columns of a tile from n on. */
static void clear_columns(float *tile, size_t kn, size_t n)
{
    for (; kn; kn--, tile += SIMD_PANEL)
        for (size_t c = n; c < SIMD_PANEL; c++) tile[c] = 0;
}

void K(weight_gradient)(const struct weight_gradient *g, gradient_sink *sink, void *context,
                        void *scratch)
{
    struct gradient_scratch *s = scratch;
    struct block b;
    for (b.p = g->first; b.p < g->end; b.p += b.panels) {
        b.panels = least(GROUP - b.p % GROUP, g->end - b.p);
        for (b.k0 = 0; b.k0 < g->k; b.k0 += SIMD_STRIP) {
            b.kn = least(SIMD_STRIP, g->k - b.k0);
            for (size_t i = 0; i < b.panels; i++)
                b.tile[i] = g->sums ? g->sums + ((b.p + i) * g->k + b.k0) * SIMD_PANEL : s->tile[i];
            for (b.row = 0; b.row < g->rows; b.row += SIMD_STRIP) {
                b.rows = least(SIMD_STRIP, g->rows - b.row);
                b.add = b.row > 0 || g->sums;
                add_rows(s, g, &b);
            }
            for (size_t i = 0; i < b.panels; i++) {
                const size_t n = g->n - (b.p + i) * SIMD_PANEL;
                if (n < SIMD_PANEL) clear_columns(b.tile[i], b.kn, n);
                if (!g->sums) sink(context, b.p + i, b.k0, b.kn, b.tile[i]);
            }
        }
    }
}

void K(column_sums)(float *out, struct strips dy, size_t rows, size_t n)
{
    enum { WORDS = 4 }; /* as many sums at once as hide an addition's latency */
    for (size_t c = 0; c < n; c += WORDS * SIMD_LANES) {
        vf total[WORDS], sum[WORDS];
        V_FOR (i, WORDS) {
            const size_t at = c + SIMD_LANES * (size_t)i;
            total[i] = at < n ? v_load_n(out + at, least(SIMD_LANES, n - at)) : v_zero();
        }
        for (size_t row = 0; row < rows; row += SIMD_STRIP) {
            const size_t end = least(rows, row + SIMD_STRIP);
            V_FOR (i, WORDS) sum[i] = v_zero();
            for (size_t t = row; t < end; t++) {
                const float *from = strip_at(dy, t, c);
                V_FOR (i, WORDS) sum[i] = v_add(sum[i], v_load(from + i * SIMD_LANES));
            }
            V_FOR (i, WORDS) total[i] = v_add(total[i], sum[i]);
        }
        for (size_t i = 0; i < WORDS && c + i * SIMD_LANES < n; i++)
            v_store_n(out + c + i * SIMD_LANES, total[i],
                      least(SIMD_LANES, n - c - i * SIMD_LANES));
    }
}
