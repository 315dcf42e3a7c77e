/* attention_back.c - the gradient of causal softmax attention (Vaswani et al. 2017) of one document,
 * head after head, as FlashAttention-2 has it (Dao 2023): with P = exp(S - log-sum-exp), O = P V,
 *
 *   D = dO . O                          row by row
 *   for each block of 256 keys, for each tile of 64 query rows that see any of them:
 *       S = Q K^T, dP = dO V^T          micro-kernels; both tiles stay in the L2 cache
 *       P = exp(S - log-sum-exp), dS = P (dP - D)
 *       dQ += dS K, dV += P^T dO, dK += dS^T Q
 *   dQ, dK turned back; dQ scaled, as Q was before S was made
 *
 * A score has the forward pass's own bits, so that it never exceeds its log-sum-exp. D and dP are
 * the same chain: where one key has all the weight they are equal, and dS is exactly zero. What a
 * row does not see enters as an exact zero, so that no bit depends on a micro-kernel's height.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/attention.h"
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"

/* The micro-kernels whose A lies across the strip. */
#define MICRO(m)                                                                                   \
    static void across_##m(float *c, size_t stride, const float *a, const float *b, size_t k,      \
                           const float *rescale)                                                   \
    {                                                                                              \
        micro(c, stride, a, b, k, rescale, m, NR / 16, true);                                      \
    }
#define NARROW(m)                                                                                  \
    static void narrow_across_##m(float *c, size_t stride, const float *a, const float *b,         \
                                  size_t k, const float *rescale)                                  \
    {                                                                                              \
        micro(c, stride, a, b, k, rescale, m, 1, true);                                            \
    }
MICRO_HEIGHTS(MICRO)
MICRO_HEIGHTS(NARROW)
#undef MICRO
#undef NARROW
#undef MICRO_ENTRY
#undef NARROW_ENTRY
#define MICRO_ENTRY(m)  across_##m,
#define NARROW_ENTRY(m) narrow_across_##m,
static micro_fn *const across[2][MR + 1] = {NARROW_TABLE, MICRO_TABLE};

enum { ROWS = ATTENTION_BACK_ROWS, KEYS = ATTENTION_KEYS, GROUPS = (ROWS + MR - 1) / MR };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One head of the document. */
struct head {
    const struct attention_back *b;
    const struct attention_shape *shape;
    const struct attention_back_scratch *s;
    const float *log_sums;
    size_t query, key, value, /* its first columns in qkv, of which `query` is that in out */
        size;
};

/* Query rows first .. first + n - 1 against keys k0 .. k0 + keys - 1. */
struct tile {
    size_t first, n, k0, keys, count; /* count: of groups */
    struct group groups[GROUPS];
};

static void copy_into(struct strips x, size_t row, size_t column, const float *from, size_t n)
{
    for (size_t c = 0; c < n;) {
        size_t left = SIMD_STRIP - (column + c) % SIMD_STRIP, run = n - c < left ? n - c : left;
        float *to = strip_at(x, row, column + c);
        size_t i = 0;
        for (; i + 16 <= run; i += 16) {
            __builtin_prefetch(to + i + COPY_AHEAD * SIMD_STRIP, 1, 3);
            v_store(to + i, v_load(from + c + i));
        }
        if (i < run) memcpy(to + i, from + c + i, (run - i) * sizeof *from);
        c += run;
    }
}

/* D of the rows from b->from on, 16 at a time, a lane each. */
static void weighted_means(const struct head *h)
{
    const size_t H = h->size, size = h->s->row_size, n = h->b->n;
    float *dout = h->s->gather, *out = dout + 16 * size;
    memset(dout, 0, 32 * size * sizeof *dout);
    for (size_t t = h->b->from / 16 * 16; t < n; t += 16) {
        for (size_t i = t < h->b->from ? h->b->from - t : 0; i < 16 && t + i < n; i++) {
            copy_out_of(dout + i * size, h->b->dout, h->b->row0 + t + i, h->query, H);
            copy_out_of(out + i * size, h->b->out, h->b->row0 + t + i, h->query, H);
        }
        vf sum = v_zero(), chain = v_zero();
        for (size_t d = 0; d < H; d += 16) {
            const size_t width = H - d < 16 ? H - d : 16;
            vf a[16], o[16];
            V_FOR (i, 16) a[i] = v_load(dout + (size_t)i * size + d);
            V_FOR (i, 16) o[i] = v_load(out + (size_t)i * size + d);
            v_transpose(a);
            v_transpose(o);
            for (size_t i = 0; i < width; i++) chain = v_fma(a[i], o[i], chain);
            if ((d + 16) % SIMD_STRIP == 0 || d + 16 >= H) { /* dP's chains end here as well */
                sum = v_add(sum, chain);
                chain = v_zero();
            }
        }
        v_store(h->s->means + t, sum);
    }
}

/* A block's keys and values: by dimensions, for S and dP; keys by rows too, for dQ. */
static void pack_block(const struct head *h, size_t k0, size_t keys)
{
    const struct attention_back_scratch *s = h->s;
    const size_t H = h->size, size = s->row_size;
    float *key = s->gather, *value = key + 16 * size;
    memset(key, 0, 32 * size * sizeof *key);
    for (size_t t = 0; t < (keys + 31) / 32 * 32; t += 16) {
        for (size_t i = 0; i < 16; i++) {
            if (t + i < keys) {
                copy_out_of(key + i * size, h->b->qkv, h->b->row0 + k0 + t + i, h->key, H);
                copy_out_of(value + i * size, h->b->qkv, h->b->row0 + k0 + t + i, h->value, H);
                turn(key + i * size, k0 + t + i, h->shape, false);
            } else {
                memset(key + i * size, 0, H * sizeof *key);
                memset(value + i * size, 0, H * sizeof *value);
            }
            row_into_panels(s->key_rows, KEYS, t + i, key + i * size, size);
        }
        const size_t at = t / WIDTH * WIDTH * H + t % WIDTH;
        transpose_into_panel(s->keys + at, key, size, H);
        transpose_into_panel(s->values + at, value, size, H);
    }
}

/* A tile's queries, turned and scaled, and its rows of dout: in strips and in panels. */
static void pack_tile(const struct head *h, const struct tile *tile)
{
    const struct attention_back_scratch *s = h->s;
    const struct strips queries = {s->queries, ROWS}, douts = {s->douts, ROWS};
    const vf scale = v_set1(h->shape->scale);
    float *query = s->gather, *dout = query + s->row_size;
    memset(query, 0, 2 * s->row_size * sizeof *query);
    for (size_t i = 0; i < tile->n; i++) {
        const size_t at = h->b->row0 + tile->first + i;
        copy_out_of(query, h->b->qkv, at, h->query, h->size);
        copy_out_of(dout, h->b->dout, at, h->query, h->size);
        turn(query, tile->first + i, h->shape, false);
        for (size_t d = 0; d < s->row_size; d += 16) {
            const size_t panel = d / WIDTH * WIDTH * ROWS + i * WIDTH + d % WIDTH;
            const vf q = v_mul(v_load(query + d), scale), o = v_load(dout + d);
            v_store(strip_at(queries, i, d), q);
            v_store(s->query_rows + panel, q);
            v_store(strip_at(douts, i, d), o);
            v_store(s->dout_rows + panel, o);
        }
    }
}

/* S and dP where any row of a group sees the keys. */
static void score_tile(const struct head *h, const struct tile *tile)
{
    const struct attention_back_scratch *s = h->s;
    for (size_t k = 0; k < tile->keys; k += WIDTH)
        for (size_t d = 0; d < h->size; d += SIMD_STRIP)
            for (size_t g = 0; g < tile->count; g++) {
                const struct group *group = &tile->groups[g];
                const struct span seen = keys_seen(group, tile->k0, h->shape->window);
                if (k < seen.begin || k >= seen.end) continue;
                const size_t at = group->at * SIMD_STRIP, panel = k * h->size + d * WIDTH;
                const size_t depth = h->size - d < SIMD_STRIP ? h->size - d : SIMD_STRIP;
                const float *more = d ? ones : NULL;
                micro_fn *const micro_of = micros[seen.end > k + 16][group->m];
                micro_of(s->scores + at + k, SIMD_STRIP, s->queries + d * ROWS + at,
                         s->keys + panel, depth, more);
                micro_of(s->dscores + at + k, SIMD_STRIP, s->douts + d * ROWS + at,
                         s->values + panel, depth, more);
            }
}

/* One row's S and dP become P and dS, zeros where a key is not its own, as far as the keys go that a
 * group of rows or of keys shares with another row. */
static void weigh_row(float *p, float *ds, struct span own, float log_sum, float mean)
{
    const vf shift = v_set1(log_sum), d = v_set1(mean);
    size_t j = 0;
    for (; j + 16 <= own.begin; j += 16) {
        v_store(p + j, v_zero());
        v_store(ds + j, v_zero());
    }
    for (; j < own.end; j += 16) {
        vf w = m_exp_softmax(v_sub(v_load(p + j), shift));
        vf g = v_mul(w, v_sub(v_load(ds + j), d));
        v_store(p + j, own_lanes(w, j, own, v_zero()));
        v_store(ds + j, own_lanes(g, j, own, v_zero()));
    }
    for (const size_t end = least(KEYS, own.end + MR); j < end; j += 16) {
        v_store(p + j, v_zero());
        v_store(ds + j, v_zero());
    }
}

static void add_to_queries(const struct head *h, const struct tile *tile)
{
    const struct attention_back_scratch *s = h->s;
    for (size_t d = 0; d < h->size; d += WIDTH)
        for (size_t g = 0; g < tile->count; g++) {
            const struct group *group = &tile->groups[g];
            const struct span seen = keys_seen(group, tile->k0, h->shape->window);
            if (seen.begin >= seen.end) continue;
            micros[h->size > d + 16][group->m](s->dqueries + d * h->b->n + group->row * WIDTH,
                                               WIDTH, s->dscores + group->at * KEYS + seen.begin,
                                               s->key_rows + d * KEYS + seen.begin * WIDTH,
                                               seen.end - seen.begin, ones);
        }
}

/* dK and dV, by groups of keys, over those rows of the tile that see any of them. */
static void add_to_keys(const struct head *h, const struct tile *tile)
{
    const struct attention_back_scratch *s = h->s;
    const size_t end = tile->first + tile->n, count = (tile->keys + MR - 1) / MR;
    for (size_t g = 0; g < count; g++) {
        const struct group keys = even_group(g, tile->keys, count);
        const size_t last = tile->k0 + keys.row + keys.m - 1;
        size_t t0 = tile->k0 + keys.row, t1 = end;
        if (t0 < tile->first) t0 = tile->first;
        if (h->shape->window && t1 > last + h->shape->window) t1 = last + h->shape->window;
        if (t0 >= t1) continue;
        const size_t at = t0 - tile->first, a = at * KEYS + keys.row;
        for (size_t d = 0; d < h->size; d += WIDTH) {
            const size_t c = d * KEYS + keys.row * WIDTH, b = d * ROWS + at * WIDTH;
            micro_fn *const micro_of = across[h->size > d + 16][keys.m];
            micro_of(s->dvalues + c, WIDTH, s->scores + a, s->dout_rows + b, t1 - t0, ones);
            micro_of(s->dkeys + c, WIDTH, s->dscores + a, s->query_rows + b, t1 - t0, ones);
        }
    }
}

static void back_tile(const struct head *h, struct tile *tile)
{
    const struct attention_back_scratch *s = h->s;
    tile->count = (tile->n + MR - 1) / MR;
    for (size_t g = 0; g < tile->count; g++) {
        tile->groups[g] = even_group(g, tile->n, tile->count);
        tile->groups[g].at = tile->groups[g].row;
        tile->groups[g].row += tile->first;
    }
    pack_tile(h, tile);
    score_tile(h, tile);
    for (size_t i = 0; i < tile->n; i++) {
        const size_t t = tile->first + i;
        weigh_row(s->scores + i * KEYS, s->dscores + i * KEYS,
                  own_keys(t, tile->k0, h->shape->window), h->log_sums[t], s->means[t]);
    }
    add_to_queries(h, tile);
    add_to_keys(h, tile);
}

/* Row t of panels of n rows, turned back where it is a query's or a key's, to columns of dqkv. */
static void store_row(const struct head *h, const float *panels, size_t n, size_t t,
                      size_t position, size_t column)
{
    float *row = h->s->gather;
    const bool query = column == h->query;
    const vf scale = v_set1(query ? h->shape->scale : 1.0f);
    for (size_t d = 0; d < h->s->row_size; d += 16) {
        const vf x = v_load(panels + d / WIDTH * WIDTH * n + t * WIDTH + d % WIDTH);
        v_store(row + d, v_mul(x, scale));
    }
    if (column != h->value) turn(row, position, h->shape, true);
    copy_into(h->b->dqkv, h->b->row0 + position, column, row, h->size);
}

static void back_block(const struct head *h, size_t k0)
{
    const struct attention_back *b = h->b;
    const struct attention_back_scratch *s = h->s;
    const size_t keys = b->n - k0 < KEYS ? b->n - k0 : KEYS, window = h->shape->window;
    const size_t end = window && b->n > k0 + keys - 1 + window ? k0 + keys - 1 + window : b->n;
    const size_t begin = b->from < k0 ? k0 : b->from;
    pack_block(h, k0, keys);
    memset(s->dkeys, 0, KEYS * s->row_size * sizeof *s->dkeys);
    memset(s->dvalues, 0, KEYS * s->row_size * sizeof *s->dvalues);
    for (size_t t = begin; t < end; t = t / ROWS * ROWS + ROWS) {
        const size_t next = t / ROWS * ROWS + ROWS;
        struct tile tile = {.first = t, .n = (next < end ? next : end) - t, .k0 = k0, .keys = keys};
        back_tile(h, &tile);
    }
    for (size_t t = 0; t < keys; t++) {
        store_row(h, s->dkeys, KEYS, t, k0 + t, h->key);
        store_row(h, s->dvalues, KEYS, t, k0 + t, h->value);
    }
}

void K(attention_back)(const struct attention_back *b, size_t first, size_t count,
                       const struct attention_shape *shape, void *scratch)
{
    const size_t H = shape->head_size, D = shape->heads * H;
    const struct attention_back_scratch s = attention_back_layout(scratch, b->n, H);
    for (size_t i = first; i < first + count; i++) {
        const struct head h = {.b = b,
                               .shape = shape,
                               .s = &s,
                               .log_sums = b->log_sums + i * b->log_rows,
                               .query = i * H,
                               .key = D + i * H,
                               .value = 2 * D + i * H,
                               .size = H};
        weighted_means(&h);
        memset(s.dqueries, 0, b->n * s.row_size * sizeof *s.dqueries);
        for (size_t k0 = 0; k0 < b->n; k0 += KEYS) back_block(&h, k0);
        for (size_t t = 0; t < b->n; t++) store_row(&h, s.dqueries, b->n, t, t, h.query);
    }
}
