/* attention.c - check of the attention kernel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void head_row(double *to, double *size, struct strips qkv, size_t row, size_t column,
              size_t position, const struct attention_shape *shape)
{
    size_t half = shape->rotary / 2;
    for (size_t c = 0; c < shape->head_size; c++) {
        to[c] = (double)*strip_at(qkv, row, column + c);
        size[c] = fabs(to[c]);
    }
    for (size_t c = 0; c < half; c++) {
        double a = to[c], b = to[half + c];
        double x = (double)shape->cosine[position * half + c];
        double y = (double)shape->sine[position * half + c];
        to[c] = a * x - b * y;
        to[half + c] = b * x + a * y;
        size[c] = fabs(a * x) + fabs(b * y);
        size[half + c] = fabs(b * x) + fabs(a * y);
    }
}

/* One head against the definition. Errors: of a score, two roundings in each turned factor, one of
 * the scale and the chain over the head's dimensions; they move all weights of the row by as much,
 * relatively; then exp's, the chains over keys in a block and over blocks, and the division. */
static void compare_head(int t, struct strips out, struct strips qkv, size_t row0, size_t n,
                         size_t h, const struct attention_shape *shape)
{
    size_t H = shape->head_size, D = shape->heads * H;
    const double scale = (double)shape->scale;
    double *k = malloc(n * H * sizeof *k), *ks = malloc(n * H * sizeof *ks);
    double *q = malloc(H * sizeof *q), *qs = malloc(H * sizeof *qs), *p = malloc(n * sizeof *p);
    for (size_t j = 0; j < n; j++)
        head_row(k + j * H, ks + j * H, qkv, row0 + j, D + h * H, j, shape);
    for (size_t i = 0; i < n; i++) {
        const size_t begin = window_begin(i, shape);
        head_row(q, qs, qkv, row0 + i, h * H, i, shape);
        double top = -INFINITY, sum = 0, score_error = 0;
        for (size_t j = begin; j <= i; j++) {
            double s = 0, size = 0;
            for (size_t c = 0; c < H; c++) {
                s += q[c] * k[j * H + c];
                size += qs[c] * ks[j * H + c];
            }
            p[j] = s * scale;
            double error = ((double)H + 6) * UNIT * size * scale;
            error += UNIT * fabs(p[j]);
            score_error = fmax(score_error, error);
            top = fmax(top, p[j]);
        }
        for (size_t j = begin; j <= i; j++) sum += p[j] = exp(p[j] - top);
        double keys = (double)(i + 1 < 256 ? i + 1 : 256), blocks = (double)(i / 256 + 1);
        /* the shift of a score by the maximum rounds once, relative to a difference that matters
         * only up to about 104 */
        double weight_error = expm1(2 * score_error + 104 * UNIT) + (keys + 2 * blocks + 30) * UNIT;
        for (size_t c = 0; c < H; c++) {
            double want = 0, size = 0, most = 0;
            for (size_t j = begin; j <= i; j++) {
                double v = (double)*strip_at(qkv, row0 + j, 2 * D + h * H + c);
                want += p[j] * v;
                size += p[j] * fabs(v);
                most = fmax(most, fabs(v));
            }
            want /= sum;
            size /= sum;
            /* scores known to less than a nat: any of the values may be the answer */
            double bound = score_error > 0.5 ? 2 * most : 2 * weight_error * size;
            /* exponentials below 2^-126 stay there; products that are denormal */
            bound += (double)(i + 1) * (0x1p-126 * most + 0x1p-148);
            expect_close(t, (double)*strip_at(out, row0 + i, h * H + c), want, bound, size);
        }
    }
    free(k);
    free(ks);
    free(q);
    free(qs);
    free(p);
}

size_t random_window(size_t n)
{
    return random_below(2) ? 0 : 1 + random_below(random_below(2) ? n + 1 : 20);
}

float random_scale(size_t head_size)
{
    return random_below(3) ? (float)(1.0 / sqrt((double)head_size)) : 1.0f;
}

struct attention_shape random_shape(size_t n, size_t heads, size_t head_size, size_t rotary,
                                    size_t window, bool at_end)
{
    const size_t half = rotary / 2;
    float *cosine = guarded(n * half * sizeof *cosine, at_end);
    float *sine = guarded(n * half * sizeof *sine, at_end);
    for (size_t i = 0; i < n * half; i++) {
        float angle = random_between(0, 7);
        cosine[i] = cosf(angle);
        sine[i] = sinf(angle);
    }
    return (struct attention_shape){heads, head_size, rotary, cosine, sine, random_scale(head_size),
                                    window};
}

void random_qkv(struct strips qkv, size_t row0, size_t n, size_t d, int kind)
{
    for (size_t i = row0; i < row0 + n; i++)
        for (size_t c = 0; c < 3 * d; c++) {
            float x = random_between(-2, 2);
            if (kind == 1 && c < 2 * d) x *= 20; /* one key takes nearly all */
            if (kind == 2) x = 0;                /* all keys alike */
            if (kind == 3) x = random_special(false) * (c < 2 * d ? 1e-20f : 1e-30f);
            if (kind == 4) x = (float)(1 + c % 3) * 0x1p-130f;
            if (kind == 5 && c >= d && c < 2 * d)
                x = (float)(i - row0); /* the maximum keeps moving */
            *strip_at(qkv, i, c) = x;
        }
}

size_t window_begin(size_t i, const struct attention_shape *shape)
{
    return shape->window && i >= shape->window ? i + 1 - shape->window : 0;
}

static void run_attention(size_t n, size_t heads, size_t H, size_t rotary, size_t window, int kind,
                          bool at_end)
{
    size_t D = heads * H, row0 = bench ? 0 : random_below(4), rows = row0 + n + 2;
    size_t bytes = attention_scratch_bytes(n, H);
    struct strips qkv = guarded_strips(rows, 3 * D, at_end), first = {NULL, rows};
    void *scratch = guarded(bytes, at_end);
    struct attention_shape shape = random_shape(n, heads, H, rotary, window, at_end);
    /* rows beside the document stay NaN: they must not matter */
    random_qkv(qkv, row0, n, D, kind);
    double pairs = 0; /* of a position and one that it sees */
    for (size_t i = 0; i < n; i++) pairs += (double)(window && i >= window ? window : i + 1);
    double flop = 4.0 * pairs * (double)D;
    for (int t = 0; t < tables; t++) {
        struct strips out = guarded_strips(rows, D, at_end);
        memset(scratch, 0xff, bytes);
        describe("%zu tokens, %zu heads of %zu, rotary %zu, window %zu, scale %g, input %d", n,
                 heads, H, rotary, window, (double)shape.scale, kind);
        if (bench) describe("%zu tokens, %zu heads of %zu, window %zu", n, heads, H, window);
        CALL(t, flop, 0, table[t]->attention(out, qkv, row0, n, 0, heads, &shape, scratch));
        if (t == 0) first = out;
        if (bench) continue;
        expect_same_strips(t, out, first, row0, n, D);
        for (size_t h = 0; h < heads && t == 0; h++) compare_head(t, out, qkv, row0, n, h, &shape);
        /* rows outside the document are not touched */
        for (size_t i = 0; i < rows; i++)
            if ((i < row0 || i >= row0 + n) && !isnan(*strip_at(out, i, 0)))
                fail(t, "row %zu, outside the document, was written", i);
    }
    /* A prefix gives the same bits, and so do the heads in two parts: later tokens, hence tile
     * heights, do not matter. */
    size_t less = 1 + random_below(n);
    for (int t = 0; t < tables && !bench; t++) {
        struct strips out = guarded_strips(rows, D, at_end);
        describe("the first %zu of %zu tokens, %zu heads of %zu", less, n, heads, H);
        /* in two parts, the heads in any order */
        size_t half_of = random_below(heads + 1);
        CALL(t, 0, 0,
             table[t]->attention(out, qkv, row0, less, half_of, heads - half_of, &shape, scratch));
        CALL(t, 0, 0, table[t]->attention(out, qkv, row0, less, 0, half_of, &shape, scratch));
        expect_same_strips(t, out, first, row0, less, D);
    }
    release();
}

void check_attention(void)
{
    if (bench) {
        run_attention(1024, 8, 64, 16, 0, 0, true);
        run_attention(2048, 4, 64, 16, 0, 0, true);
        run_attention(256, 8, 64, 16, 0, 0, true);
        run_attention(60, 8, 64, 16, 0, 0, true);
        run_attention(1024, 4, 80, 20, 0, 0, true);
        run_attention(1024, 4, 128, 32, 0, 0, true);
        run_attention(1024, 2, 256, 64, 0, 0, true);
        run_attention(2048, 4, 48, 0, 256, 0, true);
        return;
    }
    for (size_t n = 1; n <= 3 * SIMD_LANES + 1; n++) {
        static const size_t sizes[] = {4, 16, 20, 64, 80, 100};
        size_t H = sizes[random_below(6)], rotary = H / 2 * random_below(3);
        run_attention(n, 1 + random_below(6), H, rotary, random_window(n), (int)(n % KINDS), n % 2);
    }
    static const size_t shapes[][4] = {
        {255, 2, 64, 16}, {256, 2, 64, 16}, {257, 2, 64, 16},  {300, 3, 80, 20}, {270, 1, 256, 64},
        {40, 2, 300, 76}, {30, 1, 600, 0},  {513, 1, 128, 32}, {700, 1, 16, 4},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t w = 0; w < 5; w++) {
            static const size_t windows[] = {0, 1, 13, 256, 257};
            run_attention(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], windows[w],
                          (int)((i + w) % KINDS), i % 2);
        }
}

/* A document of n positions, cut anywhere into runs of rows that lie in any order among others, and
 * then a position at a time: both have the bits of the document in one piece. */
static void run_parts(size_t n, size_t heads, size_t H, size_t rotary, bool at_end)
{
    size_t D = heads * H, runs_n = 1 + random_below(n < 5 ? n : 5);
    struct row_run runs[5], whole = {0, n};
    struct strips plain = guarded_strips(n, 3 * D, at_end), want = guarded_strips(n, D, at_end);
    struct strips apart = guarded_strips(n + 10, 3 * D, at_end), row = guarded_strips(1, 3 * D, 1);
    size_t bytes = attention_scratch_bytes(n, H);
    void *scratch = guarded(bytes, at_end);
    struct attention_shape shape = random_shape(n, heads, H, rotary, random_window(n), at_end);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3 * D; c++) *strip_at(plain, i, c) = random_between(-2, 2);
    /* The last positions in the first rows, with gaps. */
    for (size_t i = 0, left = n, to = n + 10; i < runs_n; i++) {
        runs[i].n = i + 1 == runs_n ? left : 1 + random_below(left - (runs_n - i - 1));
        to -= runs[i].n + random_below(3);
        runs[i].row = to;
        for (size_t j = 0; j < runs[i].n; j++)
            for (size_t c = 0; c < 3 * D; c++)
                *strip_at(apart, to + j, c) = *strip_at(plain, n - left + j, c);
        left -= runs[i].n;
    }
    const struct row_run own = runs[runs_n - 1];
    for (int t = 0; t < tables; t++) {
        describe("%zu tokens in %zu runs, %zu heads of %zu, window %zu", n, runs_n, heads, H,
                 shape.window);
        table[t]->attention_runs(want, plain, &whole, 1, 0, heads, &shape, scratch);
        struct strips out = guarded_strips(n + 10, D, at_end), step = guarded_strips(1, D, at_end);
        memset(scratch, 0xff, bytes);
        CALL(t, 0, 0,
             table[t]->attention_runs(out, apart, runs, runs_n, 0, heads, &shape, scratch));
        for (size_t i = 0; i < n + 10; i++) {
            bool mine = i >= own.row && i < own.row + own.n;
            for (size_t c = 0; c < D; c++) {
                float got = *strip_at(out, i, c);
                if (mine && !same(got, *strip_at(want, n - own.n + i - own.row, c)))
                    fail(t, "row %zu column %zu differs from the document in one run", i, c);
                if (!mine && !isnan(got)) fail(t, "row %zu, of no own position, was written", i);
            }
        }
        describe("%zu tokens one by one, %zu heads of %zu, window %zu", n, heads, H, shape.window);
        struct attention_cache cache = {.capacity = n + random_below(40)};
        size_t room = (attention_cache_bytes(cache.capacity, &shape) + 63) / 64 * 64;
        cache.data = guarded(room, at_end);
        memset(cache.data, 0, room);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < 3 * D; c++) *strip_at(row, 0, c) = *strip_at(plain, i, c);
            size_t part = random_below(heads + 1); /* heads in two parts, as threads share them */
            memset(scratch, 0xff, attention_scratch_bytes(0, H));
            CALL(
                t, 0, 0,
                table[t]->attention_step(step, row, i, part, heads - part, &shape, cache, scratch));
            CALL(t, 0, 0, table[t]->attention_step(step, row, i, 0, part, &shape, cache, scratch));
            for (size_t c = 0; c < D; c++)
                if (!same(*strip_at(step, 0, c), *strip_at(want, i, c)))
                    fail(t, "position %zu column %zu differs from the whole document", i, c);
        }
    }
    release();
}

void check_attention_runs(void)
{
    if (bench) return;
    for (size_t n = 1; n <= 3 * SIMD_LANES + 1; n++) {
        static const size_t sizes[] = {4, 16, 20, 64, 80, 100};
        size_t H = sizes[random_below(6)], rotary = H / 2 * random_below(3);
        run_parts(n, 1 + random_below(6), H, rotary, n % 2);
    }
}

void check_attention_step(void)
{
    if (bench) return;
    static const size_t shapes[][4] = {
        {255, 2, 64, 16}, {256, 2, 64, 16}, {257, 2, 64, 16}, {300, 3, 80, 20},
        {40, 2, 300, 76}, {30, 1, 600, 0},  {513, 1, 32, 8},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        run_parts(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], i % 2);
}
