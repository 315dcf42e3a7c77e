/* head_kept.c - checks of the loss head and its gradient on logits that are kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/products.h"

#include <math.h>
#include <string.h>

enum { ROWS = 40 };

/* A case: what head is given, and the logits that come of it. */
struct kept {
    size_t rows, vocabulary, k, part; /* part: columns at a time, a multiple of 256 */
    struct strips logits;
    uint32_t targets[ROWS];
    float want[ROWS]; /* head's losses */
};

static void make(struct kept *c, float size, bool at_end)
{
    struct strips x = guarded_strips(c->rows, c->k, true);
    float *w;
    struct panels panels = make_weights(&w, c->vocabulary, c->k, SIMD_F32, size, true);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, true);
    c->logits = guarded_strips(c->rows, c->vocabulary, at_end);
    for (size_t i = 0; i < c->rows; i++) {
        for (size_t j = 0; j < c->k; j++) *strip_at(x, i, j) = random_between(-3, 3);
        c->targets[i] = (uint32_t)random_below(c->vocabulary);
    }
    table[0]->gemm(c->logits, x, c->rows, panels, NULL, GEMM_STORE, scratch);
    /* Of every third row the target is the greatest: where 1 - p has few digits. */
    for (size_t i = 0; i < c->rows; i += 3)
        for (size_t v = 0; v < c->vocabulary; v++)
            if (*strip_at(c->logits, i, v) > *strip_at(c->logits, i, c->targets[i]))
                c->targets[i] = (uint32_t)v;
    table[0]->head(c->want, x, c->rows, panels, c->targets, scratch);
    describe("%zu rows, vocabulary %zu in parts of %zu, width %zu, weights of %g", c->rows,
             c->vocabulary, c->part, c->k, (double)size);
}

/* The columns n0 .. n0 + n of the logits as a matrix of their own. */
static struct strips part_of(const struct kept *c, size_t n0, size_t n, bool at_end)
{
    struct strips s = guarded_strips(c->rows, n, at_end);
    memcpy(s.data, strip_at(c->logits, 0, n0), strips_size(c->rows, n) * sizeof(float));
    return s;
}

static size_t width(const struct kept *c, size_t n0)
{
    return c->vocabulary - n0 < c->part ? c->vocabulary - n0 : c->part;
}

static void sums(int t, const struct kept *c, struct head_state *state, float *loss, bool at_end)
{
    for (size_t n0 = 0; n0 < c->vocabulary; n0 += c->part) {
        const size_t n = width(c, n0);
        CALL(t, 0, (double)(c->rows * n * sizeof(float)),
             table[t]->head_sums(loss, state, part_of(c, n0, n, at_end), c->rows, n0, n,
                                 c->targets));
    }
}

static struct kept random_case(size_t vocabulary, bool at_end)
{
    struct kept c = {.rows = bench ? ROWS : 1 + random_below(ROWS),
                     .vocabulary = vocabulary,
                     .k = 1 + random_below(40)};
    c.part = 256 * (1 + random_below(8));
    make(&c, random_below(2) ? 0.05f : 1, at_end);
    return c;
}

static void run_sums(size_t vocabulary, bool at_end)
{
    const struct kept c = random_case(vocabulary, at_end);
    struct head_state first[ROWS];
    for (int t = 0; t < tables; t++) {
        struct head_state *state = guarded(c.rows * sizeof *state, at_end);
        float *loss = guarded(c.rows * sizeof *loss, at_end);
        sums(t, &c, state, loss, at_end);
        if (bench) continue;
        expect_same(t, loss, c.want, c.rows, "head");
        for (size_t i = 0; i < c.rows; i++) {
            if (!t) first[i] = state[i];
            if (state[i].sum != first[i].sum || state[i].most != first[i].most ||
                state[i].target != first[i].target)
                fail(t, "row %zu: another state than the first table's", i);
            if (state[i].target != *strip_at(c.logits, i, c.targets[i]))
                fail(t, "row %zu: not the target's logit", i);
        }
    }
    release();
}

static void expect_slopes(int t, const struct kept *c, struct strips got, size_t i, double scale)
{
    double most = -INFINITY, all = 0, others = 0;
    for (size_t v = 0; v < c->vocabulary; v++)
        most = fmax(most, (double)*strip_at(c->logits, i, v));
    for (size_t v = 0; v < c->vocabulary; v++) {
        const double e = exp((double)*strip_at(c->logits, i, v) - most);
        all += e;
        if (v != c->targets[i]) others += e;
    }
    /* exp's own and its argument's rounding; the sum's: lanes' chains of up to 16 within a block. */
    const double sum_units = 24 + 8;
    for (size_t v = 0; v < c->vocabulary; v++) {
        const double logit = (double)*strip_at(c->logits, i, v), p = exp(logit - most) / all;
        const bool target = v == c->targets[i];
        const double want = scale * (target ? -others / all : p);
        const double units = (8 + 2 * (most - logit) + sum_units) * fabs(scale) * p;
        expect_close(t, (double)*strip_at(got, i, v), want,
                     UNIT * (units + 2 * fabs(want)) + 0x1p-126, fabs(scale) * p + fabs(want));
    }
}

static void run_slopes(size_t vocabulary, bool at_end)
{
    const struct kept c = random_case(vocabulary, at_end);
    const float scale = random_between(0, 1);
    struct head_state state[ROWS];
    float loss[ROWS];
    for (size_t n0 = 0; n0 < vocabulary; n0 += c.part)
        table[0]->head_sums(loss, state, part_of(&c, n0, width(&c, n0), true), c.rows, n0,
                            width(&c, n0), c.targets);
    struct strips first = guarded_strips(c.rows, vocabulary, true);
    for (int t = 0; t < tables; t++) {
        struct strips got = guarded_strips(c.rows, vocabulary, true);
        for (size_t n0 = 0; n0 < vocabulary; n0 += c.part) {
            const size_t n = width(&c, n0);
            struct strips part = part_of(&c, n0, n, at_end);
            CALL(t, 0, (double)(2 * c.rows * n * sizeof(float)),
                 table[t]->head_slopes(part, c.rows, n0, n, state, c.targets, scale));
            memcpy(strip_at(got, 0, n0), part.data, strips_size(c.rows, n) * sizeof(float));
        }
        if (bench) continue;
        if (!t) first = got;
        expect_same_strips(t, got, first, 0, c.rows, vocabulary);
        for (size_t i = 0; i < c.rows && !t; i++) expect_slopes(t, &c, got, i, (double)scale);
    }
    release();
}

static const size_t vocabularies[] = {1,   2,   15,  16,  17,  31,  33,   96,
                                      255, 256, 257, 511, 512, 513, 2048, 3000};
enum { COUNT = sizeof vocabularies / sizeof *vocabularies };

void check_head_sums(void)
{
    if (bench) run_sums(512, true);
    for (size_t i = 0; i < 3 * COUNT && !bench; i++) run_sums(vocabularies[i / 3], i % 2);
}

void check_head_slopes(void)
{
    if (bench) run_slopes(512, true);
    for (size_t i = 0; i < 3 * COUNT && !bench; i++) run_slopes(vocabularies[i / 3], i % 2);
}
