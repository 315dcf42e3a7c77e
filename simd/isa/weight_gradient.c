/* weight_gradient.c - dW = dY^T X in the panel layout of W, and the bias's gradient: sums over rows.
 *
 * The micro-kernel of the GEMM with other operands: a panel's 32 columns of dY are its B, in features
 * are its rows. For 256 rows of x at a time a group of eight panels of dY, one strip, is laid out
 * panel by panel in L2; then each sliver of in features passes by, laid out in L1 a word a row, while
 * the panels stream from L2. The group's tiles, 256 in features by 32 columns, stay in L2 until all
 * rows have been added, and go to the sink from there. So x is read from memory once per eight panels.
 *
 * A tile is finished in one place: no sum depends on who computes which panels.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/gemm_micro.h"
#include "simd/isa/kernels_internal.h"
#include "simd/scratch.h"

static const struct micro_layout micro_layout = {
    .row = 1, .step = SIMD_LANES, .out = SIMD_PANEL, .ahead = SIMD_STRIP * sizeof(float)};
MICRO_HEIGHTS(MICRO)
static micro_kernel *const micro_kernels[MR + 1] = MICRO_TABLE;

enum {
    GROUP = SIMD_STRIP / SIMD_PANEL, /* panels: part of the results' order */
    WIDE = SIMD_LANES / MR * MR,     /* in features laid out at a time: whole slivers in a word */
};

struct gradient_scratch {
    float x[SIMD_STRIP * SIMD_LANES];           /* [rows][16] */
    float dy[SIMD_STRIP * SIMD_STRIP];          /* [panels of NR columns][rows][NR] */
    float tile[GROUP][SIMD_STRIP * SIMD_PANEL]; /* [in features][32] each */
};
_Static_assert(sizeof(struct gradient_scratch) <= GEMM_ROWS * SIMD_STRIP * sizeof(float),
               "simd_scratch_bytes()");

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns `column` .. of rows row .. row + rows as so many panels. */
static void lay_out_dy(float *b, struct strips dy, size_t row, size_t rows, size_t column,
                       size_t panels)
{
    for (size_t c = column; c < column + panels * SIMD_PANEL; c += NR, b += SIMD_STRIP * NR) {
        const float *from = strip_at(dy, row, c);
        for (size_t t = 0; t < rows; t++, from += SIMD_STRIP) {
            v_store(b + t * NR, v_load(from));
            if (NR > 16) v_store(b + t * NR + NR - 16, v_load(from + NR - 16));
        }
    }
}

/* The word that begins at `column`, as far as its strip goes, of rows row .. row + rows. */
static void lay_out_x(float *a, struct strips x, size_t row, size_t rows, size_t column)
{
    const float *from = strip_at(x, row, column);
    const size_t n = least(SIMD_LANES, SIMD_STRIP - column % SIMD_STRIP);
    for (size_t t = 0; t < rows; t++, from += SIMD_STRIP)
        v_store(a + t * SIMD_LANES, v_load_n(from, n));
}

/* Rows row .. row + rows added to the tiles (the first ones stored) of in features k0 .. k0 + kn and
 * so many panels, whose dY is laid out. */
static void add_rows(struct gradient_scratch *s, struct strips x, size_t row, size_t rows,
                     size_t k0, size_t kn, size_t panels)
{
    const size_t words = (kn + WIDE - 1) / WIDE, halves = panels * (SIMD_PANEL / NR);
    for (size_t i = 0, k = 0, width; i < words; i++, k += width) {
        width = kn / words + (i < kn % words); /* almost equal: no thin sliver at the end */
        lay_out_x(s->x, x, row, rows, k0 + k);
        /* the next word's end: its beginning is in lines that this one has read */
        const size_t next = i + 1 < words ? k + 2 * width - 1 : k;
        for (size_t m = 0, height; m < width; m += height) {
            height = least(MR, width - m);
            for (size_t h = 0; h < halves; h++) {
                float *t =
                    s->tile[h * NR / SIMD_PANEL] + (k + m) * SIMD_PANEL + h * NR % SIMD_PANEL;
                const float *ahead = strip_at(x, row + h % 4 * rows / 4, k0 + next);
                micro_kernels[height](s->x + m, s->dy + h * SIMD_STRIP * NR, rows, SIMD_STRIP, t,
                                      row > 0, (const char *)ahead);
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
    for (size_t p = g->first, panels; p < g->end; p += panels) {
        panels = least(GROUP - p % GROUP, g->end - p);
        for (size_t k0 = 0; k0 < g->k; k0 += SIMD_STRIP) {
            const size_t kn = least(SIMD_STRIP, g->k - k0);
            for (size_t row = 0; row < g->rows; row += SIMD_STRIP) {
                const size_t rows = least(SIMD_STRIP, g->rows - row);
                if (k0 == 0 || g->rows > SIMD_STRIP)
                    lay_out_dy(s->dy, g->dy, row, rows, p * SIMD_PANEL, panels);
                add_rows(s, g->x, row, rows, k0, kn, panels);
            }
            for (size_t i = 0; i < panels; i++) {
                const size_t n = g->n - (p + i) * SIMD_PANEL;
                if (n < SIMD_PANEL) clear_columns(s->tile[i], kn, n);
                sink(context, p + i, k0, kn, s->tile[i]);
            }
        }
    }
}

void K(column_sums)(float *out, struct strips dy, size_t rows, size_t n)
{
    enum { WORDS = 4 }; /* as many sums at once as hide an addition's latency */
    for (size_t c = 0; c < n; c += WORDS * SIMD_LANES) {
        vf total[WORDS], sum[WORDS];
        V_FOR (i, WORDS) total[i] = v_zero();
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
