/* gradients.c - checks of the backward products: of the input, of the weights, of the bias.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/scratch.h"
#include "tests/kernels/products.h"

#include <math.h>
#include <string.h>

/* Shapes of the smallest Pythia's layers, and lengths of text. */
static const size_t bench_shapes[][2] = {{1536, 512}, {2048, 512}, {512, 2048}};
static const size_t bench_rows[] = {60, 256, 430, 1024};
enum { BENCHES = 12 };

/* Ordinary numbers, very large ones, denormals, zeros. */
static void fill(struct strips x, size_t rows, size_t columns, int kind)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < columns; c++)
            *strip_at(x, i, c) = kind == 1   ? random_between(-1e15f, 1e15f)
                                 : kind == 2 ? 0x1p-140f * (float)random_below(100)
                                 : kind == 3 ? 0.0f
                                             : random_between(-3, 3);
}

static void run_gemm_back(size_t rows, size_t n, size_t k, enum simd_dtype dtype,
                          enum gemm_epilogue epilogue, int kind, bool at_end)
{
    static const struct gemm_block blocks[] = {{0, 0}, {256, 256}, {128, 256}, {32, 512}};
    size_t capacity = rows + random_below(3);
    struct strips dy = guarded_strips(capacity, n, at_end);
    struct strips before = guarded_strips(capacity, k, true);
    float *w, *turned = guarded(n * k * sizeof *turned, true);
    float *want = guarded(rows * k * sizeof *want, true);
    struct panels panels = make_weights(&w, n, k, dtype, kind == 1 ? 1e3f : 0.1f, at_end);
    fill(dy, rows, n, kind);
    fill(before, rows, k, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < k; c++) turned[c * n + i] = w[i * k + c];
    for (size_t i = 0; i < rows && !bench; i++)
        for (size_t c = 0; c < k; c++) {
            float sum = chain(dy, i, turned + c * n, n);
            const float old = *strip_at(before, i, c);
            want[i * k + c] = epilogue == GEMM_ADD     ? old + sum
                              : epilogue == GEMM_SCALE ? old * sum
                                                       : sum;
        }
    for (int t = 0; t < tables; t++) {
        const size_t b = bench ? 0 : random_below(4);
        describe("M %zu N %zu K %zu, dtype %d, epilogue %d, input %d, blocks %zu x %zu", rows, n, k,
                 (int)dtype, (int)epilogue, kind, blocks[b].columns, blocks[b].depth);
        gemm_block_force(blocks[b]);
        void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
        struct strips dx = guarded_strips(capacity, k, at_end);
        memcpy(dx.data, before.data, strips_size(capacity, k) * sizeof(float));
        CALL(t, 2.0 * (double)rows * (double)n * (double)k, 0,
             table[t]->gemm_back(dx, dy, rows, panels, epilogue, scratch));
        gemm_block_force(blocks[0]);
        for (size_t i = rows; i < capacity && !bench; i++)
            for (size_t c = 0; c < k; c++)
                if (!isnan(*strip_at(dx, i, c))) fail(t, "row %zu, of another, was written", i);
        for (size_t i = 0; i < rows && !bench; i++)
            for (size_t c = 0; c < k; c++) {
                float got = *strip_at(dx, i, c);
                if (!same(got, want[i * k + c]))
                    fail(t, "row %zu column %zu: the contract's chain gives %a, here %a", i, c,
                         (double)want[i * k + c], (double)got);
                if (epilogue == GEMM_SCALE) continue;
                double a = epilogue == GEMM_ADD ? (double)*strip_at(before, i, c) : 0;
                double sum = a, size = 0;
                for (size_t j = 0; j < n && t == 0; j++) {
                    double term = (double)*strip_at(dy, i, j) * (double)w[j * k + c];
                    sum += term;
                    size += fabs(term);
                }
                double bound = (chain_units(n) + 1) * UNIT * size + UNIT * fabs(a);
                if (t == 0)
                    expect_close(t, (double)got, sum, 1.01 * bound + (double)n * 0x1p-149,
                                 size + fabs(a));
            }
    }
    release();
}

static enum gemm_epilogue back_epilogue(size_t i)
{
    static const enum gemm_epilogue all[] = {GEMM_STORE, GEMM_ADD, GEMM_SCALE};
    return all[i % 3];
}

void check_gemm_back(void)
{
    for (size_t i = 0; i < BENCHES && bench; i++)
        run_gemm_back(bench_rows[i % 4], bench_shapes[i / 4][0], bench_shapes[i / 4][1], SIMD_F16,
                      GEMM_STORE, 0, true);
    if (bench) return;
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        run_gemm_back(rows, 1 + random_below(80), 1 + random_below(70), (enum simd_dtype)(rows % 3),
                      back_epilogue(rows / 3), (int)random_below(4), rows / 2 % 2);
    for (size_t k = 1; k <= 70; k++)
        run_gemm_back(1 + random_below(20), 1 + random_below(300), k, (enum simd_dtype)(k % 3),
                      back_epilogue(k / 3), (int)random_below(4), k / 2 % 2);
    static const size_t deep[] = {1,   15,  16,  17,  31,  32,  33,  63,  64,   65,
                                  129, 255, 256, 257, 383, 511, 512, 513, 1024, 2300};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_gemm_back(1 + random_below(30), deep[i], 1 + random_below(600),
                      (enum simd_dtype)(i % 3), back_epilogue(i / 3), 0, i / 2 % 2);
    run_gemm_back(GEMM_ROWS + 5, 40, 33, SIMD_F16, GEMM_ADD, 0, true);
}

/* What the tiles make up, and which one is due. */
struct tiles {
    const struct weight_gradient *g;
    float *out; /* panels_size(n, k) */
    size_t panel, k0;
    int t;
};

static void take_tile(void *context, size_t panel, size_t k0, size_t kn, const float *tile)
{
    struct tiles *s = context;
    const struct weight_gradient *g = s->g;
    const size_t due = g->k - s->k0 < 256 ? g->k - s->k0 : 256, group = s->panel / 8 * 8;
    if (panel != s->panel || k0 != s->k0 || kn != due)
        fail(s->t, "a tile of panel %zu, inputs %zu + %zu, where %zu, %zu + %zu is due", panel, k0,
             kn, s->panel, s->k0, due);
    memcpy(s->out + (panel * g->k + k0) * SIMD_PANEL, tile, kn * SIMD_PANEL * sizeof *tile);
    if (++s->panel < g->end && s->panel < group + 8) return;
    if ((s->k0 += 256) >= g->k)
        s->k0 = 0;
    else
        s->panel = group > g->first ? group : g->first;
}

static void no_tile(void *context, size_t panel, size_t k0, size_t kn, const float *tile)
{
    (void)context, (void)panel, (void)k0, (void)kn, (void)tile;
}

/* Chains over 256 rows. */
static double row_units(size_t rows)
{
    return (double)(rows < 256 ? rows : 256) + (double)((rows + 255) / 256);
}

static float row_chain(const struct weight_gradient *g, size_t n, size_t k)
{
    float total = 0;
    for (size_t row = 0; row < g->rows; row += 256) {
        float sum = 0;
        for (size_t t = row; t < g->rows && t < row + 256; t++)
            sum = fmaf(*strip_at(g->x, t, k), *strip_at(g->dy, t, n), sum);
        total = row ? total + sum : sum;
    }
    return total;
}

static void expect_gradient(int t, const struct weight_gradient *g, const float *got, size_t first,
                            size_t end)
{
    for (size_t i = first * SIMD_PANEL; i < end * SIMD_PANEL; i++)
        for (size_t c = 0; c < g->k; c++) {
            float x = got[(i / SIMD_PANEL * g->k + c) * SIMD_PANEL + i % SIMD_PANEL];
            float want = i < g->n ? row_chain(g, i, c) : 0;
            if (!same(x, want))
                fail(t, "n %zu k %zu: the contract's chain gives %a, here %a", i, c, (double)want,
                     (double)x);
            if (t || i >= g->n) continue;
            double sum = 0, size = 0;
            for (size_t r = 0; r < g->rows; r++) {
                double term = (double)*strip_at(g->x, r, c) * (double)*strip_at(g->dy, r, i);
                sum += term;
                size += fabs(term);
            }
            expect_close(t, (double)x, sum,
                         1.01 * row_units(g->rows) * UNIT * size + (double)g->rows * 0x1p-149,
                         size);
        }
}

/* The same by parts of the rows, each added to what those before have left. */
static void check_parts(int t, struct weight_gradient g, size_t cut, void *scratch, bool at_end)
{
    const struct weight_gradient all = g;
    const size_t panels = panels_count(g.n), size = panels_size(g.n, g.k);
    g.sums = guarded(size * sizeof *g.sums, at_end);
    for (size_t i = 0; i < size; i++) g.sums[i] = 0;
    for (size_t row = 0; row < all.rows; row += g.rows) {
        const size_t some = 256 * (1 + random_below(2));
        g.rows = all.rows - row < some ? all.rows - row : some;
        g.dy.data = strip_at(all.dy, row, 0);
        g.x.data = strip_at(all.x, row, 0);
        g.first = 0;
        g.end = cut;
        table[t]->weight_gradient(&g, NULL, NULL, scratch);
        g.first = cut;
        g.end = panels;
        table[t]->weight_gradient(&g, NULL, NULL, scratch);
    }
    expect_gradient(t, &all, g.sums, 0, panels);
}

static void run_weight_gradient(size_t rows, size_t n, size_t k, int kind, bool at_end)
{
    const size_t panels = panels_count(n);
    const size_t more =
        at_end ? 0 : random_below(3); /* else the guard stands behind the last row */
    struct weight_gradient g = {guarded_strips(rows + more, n, at_end),
                                guarded_strips(rows + more, k, at_end),
                                rows,
                                n,
                                k,
                                0,
                                panels,
                                NULL};
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    fill(g.dy, rows, n, kind);
    fill(g.x, rows, k, kind == 2 ? 0 : kind);
    /* in two parts, as threads share it */
    const size_t cut = bench ? 0 : random_below(panels + 1);
    describe("M %zu N %zu K %zu, input %d, from panel %zu", rows, n, k, kind, cut);
    for (int t = 0; t < tables; t++) {
        struct tiles tiles = {&g, guarded(panels_size(n, k) * sizeof(float), true), cut, 0, t};
        g.first = cut;
        g.end = panels;
        CALL(t, 2.0 * (double)rows * (double)n * (double)k, 0,
             table[t]->weight_gradient(&g, bench ? no_tile : take_tile, &tiles, scratch));
        if (bench) continue;
        for (size_t i = 0; i < cut * SIMD_PANEL * k; i++)
            if (!isnan(tiles.out[i])) fail(t, "element %zu, of another part, was given", i);
        if (tiles.panel != panels) fail(t, "the last tile did not come");
        g.first = tiles.panel = 0;
        g.end = cut;
        table[t]->weight_gradient(&g, take_tile, &tiles, scratch);
        if (tiles.panel != cut) fail(t, "the first part's last tile did not come");
        expect_gradient(t, &g, tiles.out, 0, panels);
        check_parts(t, g, cut, scratch, at_end);
    }
    release();
}

void check_weight_gradient(void)
{
    for (size_t i = 0; i < BENCHES && bench; i++)
        run_weight_gradient(bench_rows[i % 4], bench_shapes[i / 4][0], bench_shapes[i / 4][1], 0,
                            true);
    if (bench) return;
    for (size_t rows = 1; rows <= 40; rows++)
        run_weight_gradient(rows, 1 + random_below(80), 1 + random_below(70), (int)random_below(4),
                            rows % 2);
    for (size_t k = 1; k <= 60; k++) /* every edge of the slivers */
        run_weight_gradient(1 + random_below(20), 1 + random_below(70), k, (int)random_below(4),
                            k % 2);
    for (size_t n = 1; n <= 66; n++)
        run_weight_gradient(1 + random_below(20), n, 1 + random_below(40), (int)random_below(4),
                            n % 2);
    static const size_t deep[] = {255, 256, 257, 300, 511, 512, 513, 700};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_weight_gradient(deep[i], 1 + random_below(60), 1 + random_below(40), 0, i % 2);
    /* groups of panels, and tiles before the last of a row of them */
    static const size_t wide[][2] = {{255, 256}, {256, 256}, {257, 255}, {256, 257},
                                     {300, 600}, {513, 40},  {600, 300}, {800, 513}};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        run_weight_gradient(i % 2 ? 3 : 1 + random_below(280) / (1 + i), wide[i][0], wide[i][1], 0,
                            i % 2);
}

static void run_column_sums(size_t rows, size_t n, int kind, bool at_end)
{
    struct strips dy = guarded_strips(rows + (at_end ? 0 : random_below(3)), n, at_end);
    float *before = guarded(n * sizeof *before, true);
    fill(dy, rows, n, kind);
    for (size_t c = 0; c < n; c++) before[c] = kind ? 0 : random_between(-3, 3);
    describe("%zu rows of %zu, input %d", rows, n, kind);
    for (int t = 0; t < tables; t++) {
        float *out = guarded(n * sizeof *out, at_end);
        for (size_t c = 0; c < n; c++) out[c] = before[c];
        CALL(t, 0, (double)(rows * n * sizeof(float)), table[t]->column_sums(out, dy, rows, n));
        for (size_t c = 0; c < n && !bench; c++) {
            float total = before[c];
            double sum = (double)total, size = fabs(sum);
            for (size_t row = 0; row < rows; row += 256) {
                float some = 0;
                for (size_t i = row; i < rows && i < row + 256; i++) {
                    float x = *strip_at(dy, i, c);
                    some += x;
                    sum += (double)x;
                    size += fabs((double)x);
                }
                total += some;
            }
            if (!same(out[c], total))
                fail(t, "column %zu: the contract's sum is %a, here %a", c, (double)total,
                     (double)out[c]);
            expect_close(t, (double)out[c], sum, 1.01 * (row_units(rows) + 1) * UNIT * size, size);
        }
    }
    release();
}

void check_column_sums(void)
{
    for (size_t i = 0; i < 4 && bench; i++) run_column_sums(bench_rows[i], 2048, 0, true);
    if (bench) return;
    for (size_t n = 1; n <= 140; n++)
        run_column_sums(1 + random_below(40), n, (int)random_below(4), n % 2);
    static const size_t deep[] = {1, 2, 255, 256, 257, 511, 512, 513, 700};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_column_sums(deep[i], 1 + random_below(600), 0, i % 2);
}
