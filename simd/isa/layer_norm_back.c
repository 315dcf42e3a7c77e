/* layer_norm_back.c - the gradient of layer norm: with z = (x - mean) scale and g = dy weight,
 *
 *   dx += scale (g - mean(g) - z mean(g z)),  dweight = sum of dy z,  dbias = sum of dy
 *
 * 64 rows at a time, which stay in the L2 cache: row by row the four numbers that a row needs, the
 * means of g and g z summed as layer_norm.h sums; then, some columns at a time, down the rows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/layer_norm.h"

/* Steps of the chains over rows, part of the results; words of columns side by side. */
enum { ROWS = 64, WORDS = 4 };

struct norm {
    struct strips dx, dy, x;
    size_t d;
    const float *weight;
    float *dweight, *dbias;
};

struct row {
    struct moments x;
    float g, gz; /* the means */
};

V_WORD vf load(const float *p, size_t n, const bool whole)
{
    return whole ? v_load(p) : v_load_n(p, n);
}

V_WORD void store(float *p, vf x, size_t n, const bool whole)
{
    if (whole)
        v_store(p, x);
    else
        v_store_n(p, x, n);
}

/* Adds a word of g and of g z, n columns from c on: g is zero beyond them. */
V_WORD void add_word(vf *g, vf *gz, const struct norm *b, size_t row, size_t c, size_t n,
                     const struct moments *m, const bool whole)
{
    const vf mean = v_set1(m->mean), scale = v_set1(m->scale);
    const vf z = v_mul(v_sub(load(strip_at(b->x, row, c), n, whole), mean), scale);
    const vf y = v_mul(load(strip_at(b->dy, row, c), n, whole), load(b->weight + c, n, whole));
    *g = v_add(*g, y);
    *gz = v_fma(y, z, *gz);
}

static struct row row_of(const struct norm *b, size_t row, float eps)
{
    struct row r = {.x = moments(b->x, row, b->d, eps)};
    vf g[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    vf gz[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    size_t c = 0;
    for (; c + 64 <= b->d; c += 64)
        V_FOR (j, 4) add_word(&g[j], &gz[j], b, row, c + 16 * (size_t)j, 16, &r.x, true);
    V_FOR (j, 4) {
        const size_t at = c + 16 * (size_t)j;
        if (at < b->d)
            add_word(&g[j], &gz[j], b, row, at, b->d - at < 16 ? b->d - at : 16, &r.x, false);
    }
    r.g = (float)((double)v_sum(total(g)) / (double)b->d);
    r.gz = (float)((double)v_sum(total(gz)) / (double)b->d);
    return r;
}

/* Adds to out[0 .. n), unless it is NULL. */
V_WORD void add_to(float *out, vf x, size_t n, const bool whole)
{
    if (out) store(out, v_add(load(out, n, whole), x), n, whole);
}

/* `words` words of columns from c on, n columns in each, of rows first .. first + rows - 1. */
V_WORD void down_rows(const struct norm *b, size_t first, size_t rows, const struct row *row,
                      size_t c, const int words, size_t n, const bool whole)
{
    vf sums[WORDS], sums_z[WORDS], w[WORDS];
    V_FOR (j, words) {
        w[j] = load(b->weight + c + 16 * j, n, whole);
        sums[j] = sums_z[j] = v_zero();
    }
    for (size_t i = 0; i < rows; i++) {
        const float *x = strip_at(b->x, first + i, c), *dy = strip_at(b->dy, first + i, c);
        float *dx = strip_at(b->dx, first + i, c);
        const vf mean = v_set1(row[i].x.mean), scale = v_set1(row[i].x.scale);
        const vf g = v_set1(row[i].g), gz = v_set1(row[i].gz);
        V_FOR (j, words) {
            const vf y = load(dy + 16 * j, n, whole);
            const vf z = v_mul(v_sub(load(x + 16 * j, n, whole), mean), scale);
            const vf t = v_fnma(z, gz, v_sub(v_mul(y, w[j]), g));
            store(dx + 16 * j, v_fma(scale, t, load(dx + 16 * j, n, whole)), n, whole);
            sums[j] = v_add(sums[j], y);
            sums_z[j] = v_fma(y, z, sums_z[j]);
        }
    }
    V_FOR (j, words) {
        add_to(b->dweight ? b->dweight + c + 16 * j : NULL, sums_z[j], n, whole);
        add_to(b->dbias ? b->dbias + c + 16 * j : NULL, sums[j], n, whole);
    }
}

void K(layer_norm_back)(struct strips dx, struct strips dy, struct strips x, size_t rows, size_t d,
                        const float *weight, float eps, float *dweight, float *dbias)
{
    const struct norm b = {dx, dy, x, d, weight, dweight, dbias};
    if (dweight) memset(dweight, 0, d * sizeof *dweight);
    if (dbias) memset(dbias, 0, d * sizeof *dbias);
    for (size_t i0 = 0; i0 < rows; i0 += ROWS) {
        const size_t n = rows - i0 < ROWS ? rows - i0 : ROWS;
        struct row row[ROWS];
        for (size_t i = 0; i < n; i++) row[i] = row_of(&b, i0 + i, eps);
        size_t c = 0;
        for (; c + 16 * WORDS <= d; c += 16 * WORDS) down_rows(&b, i0, n, row, c, WORDS, 16, true);
        for (; c < d; c += 16) down_rows(&b, i0, n, row, c, 1, d - c < 16 ? d - c : 16, false);
    }
}
