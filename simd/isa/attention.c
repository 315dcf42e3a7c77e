/* attention.c - causal softmax attention of one document (Vaswani et al. 2017; online softmax:
 * Milakov & Gimelshein 2018; rotary embedding: Su et al. 2021), head after head:
 *
 *   keys into panels [dimension][WIDTH keys], values into panels [key][WIDTH dimensions], turned
 *   for each tile of up to 28 query rows, for each block of 256 keys up to the tile's last row:
 *       S = Q K^T             micro-kernels as in a GEMM, the tile of S staying in the L1 cache
 *       P = exp(S - max)      row by row; max, sum and rescaling once per block
 *       O = O rescale + P V   the same micro-kernels, P read from the tile, V from its panels
 *   O / sum to the output
 *
 * Same bits for any tile height: key blocks are cut by position, a score is one chain over the
 * head's dimensions, an output one chain over keys per block, and what a tile computes beyond a
 * row's own position, or before its window, enters as an exact zero. Blocks and panels that no row
 * of the tile sees are left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/attention.h"
#include "simd/isa/double.h"
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"

/* Micro-kernels in a tile. */
enum { TILE = ATTENTION_ROWS / MR };

/* Where a document lies: the positions before the last run, and its rows, which are computed. */
struct document {
    const struct row_run *runs;
    size_t runs_n, n, before;
    struct row_run own;
};

/* The row of each position in turn; start from zeros. */
struct walk {
    size_t run, at;
};
static size_t next_row(const struct document *d, struct walk *w)
{
    while (w->at == d->runs[w->run].n) {
        w->run++;
        w->at = 0;
    }
    return d->runs[w->run].row + w->at++;
}

static void pack_keys(const struct attention_scratch *s, struct strips qkv,
                      const struct document *doc, size_t column,
                      const struct attention_shape *shape)
{
    size_t H = shape->head_size;
    struct walk walk = {0, 0};
    for (size_t t = 0; t < (doc->n + 31) / 32 * 32; t += 16) {
        for (size_t i = 0; i < 16; i++) {
            float *row = s->gather + i * s->row_size;
            if (t + i < doc->n) {
                copy_out_of(row, qkv, next_row(doc, &walk), column, H);
                turn(row, t + i, shape, false);
            } else {
                memset(row, 0, H * sizeof *row);
            }
        }
        transpose_into_panel(s->keys + t / WIDTH * WIDTH * H + t % WIDTH, s->gather, s->row_size,
                             H);
    }
}

/* One position's value into panels of n positions. */
static void pack_value(const struct attention_scratch *s, struct strips qkv, size_t row,
                       size_t column, size_t t, size_t n, size_t H)
{
    copy_out_of(s->gather, qkv, row, column, H);
    row_into_panels(s->values, n, t, s->gather, s->row_size);
}

static void pack_values(const struct attention_scratch *s, struct strips qkv,
                        const struct document *doc, size_t column, size_t H)
{
    struct walk walk = {0, 0};
    memset(s->gather, 0, s->row_size * sizeof *s->gather); /* the last panel's padding */
    for (size_t t = 0; t < doc->n; t++)
        pack_value(s, qkv, next_row(doc, &walk), column, t, doc->n, H);
}

static void load_queries(const struct attention_scratch *s, struct strips qkv, size_t row,
                         size_t column, const struct group *g, const struct attention_shape *shape)
{
    size_t H = shape->head_size;
    vf scale = v_set1(shape->scale);
    struct strips q = {s->queries, ATTENTION_ROWS};
    for (size_t i = 0; i < g->m; i++) {
        copy_out_of(s->gather, qkv, row + i, column, H);
        turn(s->gather, g->row + i, shape, false);
        for (size_t d = 0; d < H; d += 16)
            v_store(strip_at(q, g->at + i, d), v_mul(v_load(s->gather + d), scale));
    }
}

/* One row's scores against a block of keys, of which those in `own` (maybe none) are its own,
 * become exponentials, zeros in the rest of the words `seen`. */
static void softmax_row(const struct attention_scratch *s, size_t row, struct span own,
                        struct span seen, bool first)
{
    float *x = s->scores + row * ATTENTION_KEYS;
    float old = first ? -INFINITY : s->maximum[row], m = old;
    size_t word = own.begin / 16 * 16, j;

    if (own.begin < own.end) {
        vf top = v_set1(old);
        for (j = word; j < own.end; j += 16)
            top = v_max(top, own_lanes(v_load(x + j), j, own, top));
        m = v_hmax(top);
    }
    vf shift = v_set1(m), sum = v_zero();
    for (j = seen.begin; j < word; j += 16) v_store(x + j, v_zero());
    for (; j < own.end; j += 16) {
        vf p = own_lanes(m_exp_softmax(v_sub(v_load(x + j), shift)), j, own, v_zero());
        v_store(x + j, p);
        sum = v_add(sum, p);
    }
    for (; j < seen.end; j += 16) v_store(x + j, v_zero());

    float *l = s->denominator + row * 16;
    if (first) {
        v_store(l, sum);
        s->rescale[row] = 0.0f;
    } else {
        float r = 1.0f;
        if (m != old) {
            float t[16];
            v_store(t, m_exp_softmax(v_set1(old - m)));
            r = t[0];
        }
        s->rescale[row] = r;
        v_store(l, v_fma(v_load(l), v_set1(r), sum));
    }
    s->maximum[row] = m;
}

static void score_block(const struct attention_scratch *s, const struct group *groups, size_t count,
                        size_t k0, const struct attention_shape *shape)
{
    const size_t H = shape->head_size, window = shape->window;
    const size_t begin = keys_seen(&groups[0], k0, window).begin;
    const size_t end = keys_seen(&groups[count - 1], k0, window).end;
    for (size_t k = begin; k < end; k += WIDTH)
        for (size_t d = 0; d < H; d += SIMD_STRIP)
            for (size_t g = 0; g < count; g++) {
                const struct span seen = keys_seen(&groups[g], k0, window);
                if (k < seen.begin || k >= seen.end) continue;
                size_t at = groups[g].at * SIMD_STRIP,
                       depth = H - d < SIMD_STRIP ? H - d : SIMD_STRIP;
                const float *keys = s->keys + (k0 + k) * H + d * WIDTH;
                micros[seen.end > k + 16][groups[g].m](s->scores + at + k, SIMD_STRIP,
                                                       s->queries + d * ATTENTION_ROWS + at, keys,
                                                       depth, d ? ones : NULL);
            }
}

static void value_block(const struct attention_scratch *s, const struct group *groups, size_t count,
                        size_t n, size_t k0, bool first, const struct attention_shape *shape)
{
    struct strips sums = {s->sums, ATTENTION_ROWS};
    for (size_t d = 0; d < shape->head_size; d += WIDTH)
        for (size_t g = 0; g < count; g++) {
            const struct span seen = keys_seen(&groups[g], k0, shape->window);
            const size_t at = groups[g].at;
            if (seen.begin >= seen.end && !first) continue;
            micros[shape->head_size > d + 16][groups[g].m](
                strip_at(sums, at, d), SIMD_STRIP, s->scores + at * ATTENTION_KEYS + seen.begin,
                s->values + d * n + (k0 + seen.begin) * WIDTH, seen.end - seen.begin,
                first ? NULL : s->rescale + at);
        }
}

static void store_outputs(const struct attention_scratch *s, struct strips out, size_t row,
                          size_t column, const struct group *g, size_t H)
{
    struct strips sums = {s->sums, ATTENTION_ROWS};
    for (size_t i = 0; i < g->m; i++) {
        vf l = v_set1(v_sum(v_load(s->denominator + (g->at + i) * 16)));
        for (size_t d = 0; d < H;) {
            /* 16 at a time, less where the head or the output's strip ends */
            size_t left = SIMD_STRIP - (column + d) % SIMD_STRIP, width = H - d < 16 ? H - d : 16;
            size_t within = SIMD_STRIP - d % SIMD_STRIP;
            width = width < left ? width : left;
            width = width < within ? width : within;
            vf y = v_div(v_load_n(strip_at(sums, g->at + i, d), width), l);
            v_store_n(strip_at(out, row + i, column + d), y, width);
            d += width;
        }
    }
}

/* The log-sum-exp of each row's scores. */
static void store_log_sums(const struct attention_scratch *s, float *log_sums,
                           const struct group *g)
{
    for (size_t i = g->at; i < g->at + g->m; i++) {
        double sum = (double)v_sum(v_load(s->denominator + i * 16));
        log_sums[g->row + i - g->at] = (float)((double)s->maximum[i] + double_log(sum));
    }
}

/* A tile's rows against all keys they see; panels of values are of n positions. What a row of the
 * tile does not see of the first block leaves its maximum at -infinity and its sums at zero, and the
 * next block starts it. */
static void attend_tile(const struct attention_scratch *s, const struct group *groups, size_t count,
                        size_t n, const struct attention_shape *shape)
{
    const size_t end = groups[count - 1].row + groups[count - 1].m, window = shape->window;
    const size_t k_first = first_key(groups[0].row, window) / ATTENTION_KEYS * ATTENTION_KEYS;
    for (size_t k0 = k_first; k0 < end; k0 += ATTENTION_KEYS) {
        score_block(s, groups, count, k0, shape);
        for (size_t g = 0; g < count; g++) {
            const struct span seen = keys_seen(&groups[g], k0, window);
            if (seen.begin >= seen.end && k0 != k_first) continue;
            for (size_t i = 0; i < groups[g].m; i++)
                softmax_row(s, groups[g].at + i, own_keys(groups[g].row + i, k0, window), seen,
                            k0 == k_first);
        }
        value_block(s, groups, count, n, k0, k0 == k_first, shape);
    }
}

/* The rows of groups g0 .. g0 + TILE - 1, as far as there are, by head h; log_sums: NULL, or of the
 * head's positions. */
static void attend(const struct attention_scratch *s, struct strips out, float *log_sums,
                   struct strips qkv, const struct document *doc, size_t h, size_t g0,
                   const struct attention_shape *shape)
{
    const size_t H = shape->head_size, n = doc->own.n;
    const size_t all = (n + MR - 1) / MR; /* groups, of heights as even as they can be */
    const size_t count = all - g0 < TILE ? all - g0 : TILE;
    struct group groups[TILE] = {{0, 0, 0}};
    for (size_t g = 0, at = 0; g < count; g++) {
        groups[g] = even_group(g0 + g, n, all);
        const size_t row = doc->own.row + groups[g].row;
        groups[g].row += doc->before;
        groups[g].at = at;
        at += groups[g].m;
        load_queries(s, qkv, row, h * H, &groups[g], shape);
    }
    attend_tile(s, groups, count, doc->n, shape);
    for (size_t g = 0; g < count; g++) {
        store_outputs(s, out, doc->own.row + groups[g].row - doc->before, h * H, &groups[g], H);
        if (log_sums) store_log_sums(s, log_sums, &groups[g]);
    }
}

static void attend_heads(struct strips out, float *log_sums, struct strips qkv,
                         const struct row_run *runs, size_t runs_n, struct span heads,
                         const struct attention_shape *shape, void *scratch)
{
    const size_t H = shape->head_size, D = shape->heads * H;
    struct document doc = {.runs = runs, .runs_n = runs_n, .own = runs[runs_n - 1]};
    for (size_t i = 0; i + 1 < runs_n; i++) doc.before += runs[i].n;
    doc.n = doc.before + doc.own.n;
    const struct attention_scratch s = attention_layout(scratch, doc.n, H);
    for (size_t h = heads.begin; h < heads.end; h++) {
        float *logs = log_sums ? log_sums + h * doc.n : NULL;
        pack_keys(&s, qkv, &doc, D + h * H, shape);
        pack_values(&s, qkv, &doc, 2 * D + h * H, H);
        for (size_t g = 0; g * MR < doc.own.n; g += TILE)
            attend(&s, out, logs, qkv, &doc, h, g, shape);
    }
}

void K(attention_runs)(struct strips out, struct strips qkv, const struct row_run *runs,
                       size_t runs_n, size_t first, size_t count,
                       const struct attention_shape *shape, void *scratch)
{
    const struct span heads = {first, first + count};
    attend_heads(out, NULL, qkv, runs, runs_n, heads, shape, scratch);
}

void K(attention)(struct strips out, struct strips qkv, size_t row0, size_t n, size_t first,
                  size_t count, const struct attention_shape *shape, void *scratch)
{
    const struct row_run all = {row0, n};
    K(attention_runs)(out, qkv, &all, 1, first, count, shape, scratch);
}

void K(attention_kept)(struct strips out, float *log_sums, struct strips qkv,
                       const struct row_run *runs, size_t runs_n, size_t first, size_t count,
                       const struct attention_shape *shape, void *scratch)
{
    const struct span heads = {first, first + count};
    attend_heads(out, log_sums, qkv, runs, runs_n, heads, shape, scratch);
}

void K(attention_step)(struct strips out, struct strips qkv, size_t position, size_t first,
                       size_t count, const struct attention_shape *shape,
                       struct attention_cache cache, void *scratch)
{
    const size_t H = shape->head_size, D = shape->heads * H;
    const size_t stride = attention_cache_floats(cache.capacity, H);
    struct attention_scratch s = attention_layout(scratch, 0, H);
    const struct group row = {.row = position, .m = 1, .at = 0};
    memset(s.gather, 0, s.row_size * sizeof *s.gather);
    for (size_t h = first; h < first + count; h++) {
        s.keys = (float *)cache.data + h * stride;
        s.values = s.keys + attention_key_floats(cache.capacity, H);
        float *key = s.keys + position / WIDTH * WIDTH * H + position % WIDTH;
        copy_out_of(s.gather, qkv, 0, D + h * H, H);
        turn(s.gather, position, shape, false);
        for (size_t d = 0; d < H; d++) key[d * WIDTH] = s.gather[d];
        pack_value(&s, qkv, 0, 2 * D + h * H, position, cache.capacity, H);
        load_queries(&s, qkv, 0, h * H, &row, shape);
        attend_tile(&s, &row, 1, cache.capacity, shape);
        store_outputs(&s, out, 0, h * H, &row, H);
    }
}
