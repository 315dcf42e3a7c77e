/* attention_back.c - checks of what attention keeps for its gradient, and of the gradient: against
 * the formulas in double, and the formulas against differences of the loss itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- one head in double --- */

/* Numbers and how far float32 may be from them. */
struct estimate {
    double *x, *error;
};

struct reference {
    size_t n, size;
    double *q, *k, *v, *dout;     /* [n][size]; queries and keys turned, queries scaled */
    double *q_size, *k_size;      /* the magnitudes that went into them */
    struct estimate p, ds, score; /* [n][n] */
    struct estimate dq, dk, dv;   /* [n][size]: the results, by raw queries and keys */
};

static double *numbers(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    if (!x) abort();
    return x;
}

static struct estimate estimate(size_t n)
{
    return (struct estimate){numbers(n), numbers(n)};
}

static void estimate_free(struct estimate *e)
{
    free(e->x);
    free(e->error);
}

/* dout is zero at positions before `from`. */
static struct reference reference_new(const struct attention_back *b, size_t h,
                                      const struct attention_shape *shape)
{
    const size_t n = b->n, H = shape->head_size, D = shape->heads * H;
    struct reference r = {n,
                          H,
                          numbers(n * H),
                          numbers(n * H),
                          numbers(n * H),
                          numbers(n * H),
                          numbers(n * H),
                          numbers(n * H),
                          estimate(n * n),
                          estimate(n * n),
                          estimate(n * n),
                          estimate(n * H),
                          estimate(n * H),
                          estimate(n * H)};
    for (size_t i = 0; i < n; i++) {
        const size_t row = b->row0 + i;
        head_row(r.q + i * H, r.q_size + i * H, b->qkv, row, h * H, i, shape);
        head_row(r.k + i * H, r.k_size + i * H, b->qkv, row, D + h * H, i, shape);
        for (size_t c = 0; c < H; c++) {
            r.q[i * H + c] *= (double)shape->scale;
            r.q_size[i * H + c] *= (double)shape->scale;
            r.v[i * H + c] = (double)*strip_at(b->qkv, row, 2 * D + h * H + c);
            if (i >= b->from) r.dout[i * H + c] = (double)*strip_at(b->dout, row, h * H + c);
        }
    }
    return r;
}

static void reference_free(struct reference *r)
{
    free(r->q);
    free(r->k);
    free(r->v);
    free(r->dout);
    free(r->q_size);
    free(r->k_size);
    estimate_free(&r->p);
    estimate_free(&r->ds);
    estimate_free(&r->score);
    estimate_free(&r->dq);
    estimate_free(&r->dk);
    estimate_free(&r->dv);
}

/* Row i's weights, and its log-sum-exp. Errors: of a score, two roundings in each turned factor, the
 * scale's and the chain over dimensions; of the log-sum-exp, the scores', the sum's of exponentials
 * and its own; a weight's, what both do to it, and exp's. */
static double weights(struct reference *r, size_t i, const struct attention_shape *shape,
                      double *log_error)
{
    const size_t H = r->size, begin = window_begin(i, shape);
    double *s = r->score.x + i * r->n, *e = r->score.error + i * r->n, top = -INFINITY, sum = 0;
    double error = 0;
    for (size_t j = begin; j <= i; j++) {
        double size = 0;
        s[j] = 0;
        for (size_t c = 0; c < H; c++) {
            s[j] += r->q[i * H + c] * r->k[j * H + c];
            size += r->q_size[i * H + c] * r->k_size[j * H + c];
        }
        e[j] = ((double)H + 6) * UNIT * size + UNIT * fabs(s[j]);
        error = fmax(error, e[j]);
        top = fmax(top, s[j]);
    }
    for (size_t j = begin; j <= i; j++) sum += exp(s[j] - top);
    const double log_sum = top + log(sum), blocks = (double)(i / 256 + 1);
    /* the sum: 16 keys a lane and block, exp's errors up to where they do not matter any more */
    *log_error = error + UNIT * fabs(log_sum) + (16 + 2 * blocks + 30) * UNIT;
    for (size_t j = begin; j <= i; j++) {
        double p = exp(s[j] - log_sum), far = fmin(log_sum - s[j], 104);
        r->p.x[i * r->n + j] = p;
        /* the exponential stays at 2^-126; scores known to less than that: it may be anything */
        double relative = expm1(e[j] + *log_error + far * UNIT) + (6 + 0.3 * far) * UNIT;
        r->p.error[i * r->n + j] = error + *log_error > 0.25 ? 1 : p * relative + 0x1p-125;
    }
    return log_sum;
}

/* Row i's dS = P (dP - D). */
static void score_gradients(struct reference *r, size_t i, const struct attention_shape *shape)
{
    const size_t H = r->size, begin = window_begin(i, shape);
    const double *p = r->p.x + i * r->n, *pe = r->p.error + i * r->n;
    double *ds = r->ds.x + i * r->n, *dse = r->ds.error + i * r->n, mean = 0, mean_error = 0;
    const double blocks = (double)((i - begin) / 256 + 2);
    for (size_t j = begin; j <= i; j++) {
        double size = 0;
        ds[j] = 0;
        for (size_t c = 0; c < H; c++) {
            ds[j] += r->dout[i * H + c] * r->v[j * H + c];
            size += fabs(r->dout[i * H + c] * r->v[j * H + c]);
        }
        dse[j] = ((double)H + 2) * UNIT * size + (double)H * 0x1p-148;
        mean += p[j] * ds[j];
        /* out's: twice the weights', chains over keys, the division; and the chain of dout . out */
        mean_error += (2 * pe[j] + p[j] * (256 + 2 * blocks + 10 + (double)H) * UNIT) * size;
        mean_error += (double)H * 0x1p-146;
    }
    for (size_t j = begin; j <= i; j++) {
        double error = dse[j] + mean_error, difference = ds[j] - mean;
        error += UNIT * (fabs(difference) + error);
        ds[j] = p[j] * difference;
        dse[j] = pe[j] * (fabs(difference) + error) + p[j] * error;
        dse[j] += UNIT * (fabs(ds[j]) + dse[j]) + 0x1p-148;
    }
}

/* to[i] += a b[i], where a and b are known to ea and eb: each term, and `chain` roundings. */
static void add_scaled(double *to, double *error, double a, double ea, const double *b,
                       const double *b_size, double chain, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        to[c] += a * b[c];
        error[c] += ea * (fabs(b[c]) + 3 * UNIT * b_size[c]) + fabs(a) * 3 * UNIT * b_size[c];
        error[c] += (fabs(a) + ea) * fabs(b[c]) * chain * UNIT + 0x1p-147;
    }
}

/* The gradient of the turned row to that of the raw one, times scale. */
static void turn_back(double *x, double *error, size_t position, double scale,
                      const struct attention_shape *shape)
{
    const size_t half = shape->rotary / 2;
    for (size_t c = 0; c < shape->head_size; c++) {
        error[c] = scale * (error[c] + UNIT * (fabs(x[c]) + error[c])) + 0x1p-148;
        x[c] *= scale;
    }
    for (size_t c = 0; c < half; c++) {
        const double co = (double)shape->cosine[position * half + c];
        const double si = (double)shape->sine[position * half + c];
        const double a = x[c], b = x[half + c], ea = error[c], eb = error[half + c];
        x[c] = a * co + b * si;
        x[half + c] = b * co - a * si;
        error[c] = fabs(co) * ea + fabs(si) * eb + 0x1p-147;
        error[half + c] = fabs(co) * eb + fabs(si) * ea + 0x1p-147;
        error[c] += 2 * UNIT * (fabs(co) * (fabs(a) + ea) + fabs(si) * (fabs(b) + eb));
        error[half + c] += 2 * UNIT * (fabs(co) * (fabs(b) + eb) + fabs(si) * (fabs(a) + ea));
    }
}

static void gradients(struct reference *r, const struct attention_shape *shape)
{
    const size_t n = r->n, H = r->size;
    const double tiles = (double)(n / 64 + 2), blocks = (double)(n / 256 + 2);
    for (size_t i = 0; i < n; i++) {
        double log_error;
        weights(r, i, shape, &log_error);
        score_gradients(r, i, shape);
        for (size_t j = window_begin(i, shape); j <= i; j++) {
            const double p = r->p.x[i * n + j], pe = r->p.error[i * n + j];
            const double ds = r->ds.x[i * n + j], dse = r->ds.error[i * n + j];
            const double *dout = r->dout + i * H;
            for (size_t c = 0; c < H; c++) {
                r->dv.x[j * H + c] += p * dout[c];
                r->dv.error[j * H + c] +=
                    (pe + (p + pe) * (64 + tiles) * UNIT) * fabs(dout[c]) + 0x1p-147;
            }
            add_scaled(r->dq.x + i * H, r->dq.error + i * H, ds, dse, r->k + j * H,
                       r->k_size + j * H, 256 + blocks, H);
            add_scaled(r->dk.x + j * H, r->dk.error + j * H, ds, dse, r->q + i * H,
                       r->q_size + i * H, 64 + tiles, H);
        }
    }
    for (size_t i = 0; i < n; i++) {
        turn_back(r->dq.x + i * H, r->dq.error + i * H, i, (double)shape->scale, shape);
        turn_back(r->dk.x + i * H, r->dk.error + i * H, i, 1, shape);
    }
}

/* sum of dout . out, by the definition: what the gradients are of. */
static double loss_of(const struct reference *r, const struct attention_shape *shape)
{
    const size_t n = r->n, H = r->size;
    double loss = 0, *p = numbers(n);
    for (size_t i = 0; i < n; i++) {
        double top = -INFINITY, sum = 0, mean = 0;
        for (size_t j = window_begin(i, shape); j <= i; j++) {
            p[j] = 0;
            for (size_t c = 0; c < H; c++) p[j] += r->q[i * H + c] * r->k[j * H + c];
            top = fmax(top, p[j]);
        }
        for (size_t j = window_begin(i, shape); j <= i; j++) {
            double dot = 0;
            for (size_t c = 0; c < H; c++) dot += r->dout[i * H + c] * r->v[j * H + c];
            sum += exp(p[j] - top);
            mean += exp(p[j] - top) * dot;
        }
        loss += mean / sum;
    }
    free(p);
    return loss;
}

/* Moves element c of a raw row, in the turned row, by `by`. */
static void nudge(double *x, size_t c, double by, size_t position,
                  const struct attention_shape *shape)
{
    const size_t half = shape->rotary / 2, pair = half ? c % half : 0;
    if (c >= 2 * half) {
        x[c] += by;
        return;
    }
    const double co = (double)shape->cosine[position * half + pair];
    const double si = (double)shape->sine[position * half + pair];
    x[pair] += c < half ? by * co : -by * si;
    x[half + pair] += c < half ? by * si : by * co;
}

/* One derivative in the direction of a raw element against (f(x + h) - f(x - h)) / 2h. */
static void compare_difference(int t, const struct reference *r,
                               const struct attention_shape *shape, double *x, size_t i, size_t c,
                               double scale, double want)
{
    const double h = 1e-5;
    double *row = x + i * r->size, kept[1024];
    memcpy(kept, row, r->size * sizeof *row);
    nudge(row, c, scale * h, i, shape);
    double above = loss_of(r, shape);
    memcpy(row, kept, r->size * sizeof *row);
    nudge(row, c, -scale * h, i, shape);
    double below = loss_of(r, shape), got = (above - below) / (2 * h);
    memcpy(row, kept, r->size * sizeof *row);
    if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
        fail(t, "position %zu element %zu: by differences %.9g, by the formula %.9g", i, c, got,
             want);
}

/* A head's columns of dqkv against the formulas; these, where `differences`, against the loss. */
static void compare_head(int t, const struct attention_back *b, size_t h,
                         const struct attention_shape *shape, bool differences)
{
    const size_t H = shape->head_size, D = shape->heads * H;
    struct reference r = reference_new(b, h, shape);
    gradients(&r, shape);
    const struct estimate *parts[] = {&r.dq, &r.dk, &r.dv};
    for (size_t part = 0; part < 3; part++) {
        double most = 0;
        for (size_t i = 0; i < b->n * H; i++) most = fmax(most, fabs(parts[part]->x[i]));
        for (size_t i = 0; i < b->n; i++)
            for (size_t c = 0; c < H; c++)
                expect_close(t, (double)*strip_at(b->dqkv, b->row0 + i, part * D + h * H + c),
                             parts[part]->x[i * H + c], 1.1 * parts[part]->error[i * H + c], most);
    }
    for (size_t k = 0; k < 3 && differences; k++) {
        const size_t i = random_below(b->n), c = random_below(H), at = i * H + c;
        compare_difference(t, &r, shape, r.q, i, c, (double)shape->scale, r.dq.x[at]);
        compare_difference(t, &r, shape, r.k, i, c, 1, r.dk.x[at]);
        const double v = r.v[at];
        r.v[at] = v + 1e-3;
        double above = loss_of(&r, shape);
        r.v[at] = v - 1e-3;
        double got = (above - loss_of(&r, shape)) / 2e-3;
        r.v[at] = v;
        if (fabs(got - r.dv.x[at]) > 1e-6 * (1 + fabs(got)))
            fail(t, "position %zu value %zu: by differences %.9g, by the formula %.9g", i, c, got,
                 r.dv.x[at]);
    }
    reference_free(&r);
}

/* --- a case --- */

struct example {
    size_t n, heads, head_size, rotary, window, from;
    int kind;
    bool at_end;
};

static void random_dout(struct strips dout, size_t row0, size_t from, size_t n, size_t d, int kind)
{
    for (size_t i = row0 + from; i < row0 + n; i++)
        for (size_t c = 0; c < d; c++) {
            float x = random_between(-1, 1);
            if (kind == 3) x = random_special(false) * 1e-34f;
            if (kind == 4) x *= 0x1p-20f;
            if (kind == 5 && i % 3) x = 0;
            *strip_at(dout, i, c) = x;
        }
}

static void describe_example(const struct example *e)
{
    describe("%zu tokens, %zu heads of %zu, rotary %zu, window %zu, from %zu, input %d", e->n,
             e->heads, e->head_size, e->rotary, e->window, e->from, e->kind);
}

/* Rows from row0 to row0 + n of the heads' columns are all that is written. */
static void expect_only(int t, struct strips dqkv, const struct attention_back *b,
                        const struct attention_shape *shape, size_t first, size_t end)
{
    const size_t D = shape->heads * shape->head_size;
    for (size_t i = 0; i < dqkv.rows; i++)
        for (size_t c = 0; c < 3 * D; c++) {
            const size_t head = c % D / shape->head_size;
            const bool mine = i >= b->row0 && i < b->row0 + b->n && head >= first && head < end;
            if (mine == (bool)isnan(*strip_at(dqkv, i, c)))
                fail(t, "row %zu column %zu %s", i, c, mine ? "is not a number" : "was written");
        }
}

static void run_back(struct example e)
{
    const size_t n = e.n, H = e.head_size, D = e.heads * H, more = bench ? 0 : random_below(40);
    const size_t row0 = bench ? 0 : random_below(4), rows = row0 + n + more;
    const size_t bytes = attention_back_scratch_bytes(n, H);
    struct strips qkv = guarded_strips(rows, 3 * D, e.at_end), first = {NULL, 0};
    struct strips out = guarded_strips(rows, D, e.at_end), dout = guarded_strips(rows, D, e.at_end);
    struct attention_shape shape = random_shape(n + more, e.heads, H, e.rotary, e.window, e.at_end);
    float *log_sums = guarded(e.heads * (n + more) * sizeof *log_sums, e.at_end);
    void *scratch = guarded(bytes, e.at_end);
    void *forward = guarded(attention_scratch_bytes(n + more, H), e.at_end);
    random_qkv(qkv, row0, n + more, D, e.kind);
    random_dout(dout, row0, e.from, n, D, e.kind); /* NaN where it is not to be read */
    const struct row_run whole = {row0, n + more}, short_one = {row0, n};
    table[0]->attention_kept(out, log_sums, qkv, &whole, 1, 0, e.heads, &shape, forward);
    double pairs = 0;
    for (size_t i = e.from; i < n; i++) pairs += (double)(i + 1 - window_begin(i, &shape));
    struct attention_back b = {.dout = dout,
                               .qkv = qkv,
                               .out = out,
                               .log_sums = log_sums,
                               .log_rows = n + more,
                               .row0 = row0,
                               .n = n,
                               .from = e.from};
    for (int t = 0; t < tables; t++) {
        b.dqkv = guarded_strips(rows, 3 * D, e.at_end);
        memset(scratch, 0xff, bytes);
        describe_example(&e);
        CALL(t, 10 * pairs * (double)D, 0,
             table[t]->attention_back(&b, 0, e.heads, &shape, scratch));
        if (bench) continue;
        expect_only(t, b.dqkv, &b, &shape, 0, e.heads);
        if (t == 0) first = b.dqkv;
        expect_same_strips(t, b.dqkv, first, row0, n, 3 * D);
        for (size_t h = 0; h < e.heads && t == 0; h++)
            compare_head(t, &b, h, &shape, e.kind == 0 && n < 100);
        /* a position that sees itself alone: nothing for its query, nothing for a key */
        for (size_t i = 0; i < (e.window == 1 ? n : n == 1 ? 1 : 0); i++)
            for (size_t c = 0; c < 2 * D; c++)
                if (*strip_at(b.dqkv, row0 + i, c) != 0)
                    fail(t, "row %zu column %zu is not zero: one key has all the weight", i, c);
    }
    /* The same bits by another document's first n positions, whose other rows are none of its
     * business; by the heads in two parts; with zeros in dout instead of `from`. */
    for (size_t i = row0 + n; i < rows; i++)
        for (size_t c = 0; c < 3 * D; c++) *strip_at(qkv, i, c) = *strip_at(out, i, c % D) = NAN;
    float *logs = guarded(e.heads * n * sizeof *logs, e.at_end);
    for (int t = 0; t < tables && !bench; t++) {
        const size_t part = random_below(e.heads + 1);
        table[t]->attention_kept(out, logs, qkv, &short_one, 1, 0, e.heads, &shape, forward);
        b.log_sums = logs;
        b.log_rows = n;
        b.dqkv = guarded_strips(rows, 3 * D, e.at_end);
        memset(scratch, 0xff, bytes);
        describe("%zu of %zu tokens, %zu heads of %zu, window %zu, from %zu", n, n + more, e.heads,
                 H, e.window, e.from);
        CALL(t, 0, 0, table[t]->attention_back(&b, part, e.heads - part, &shape, scratch));
        expect_only(t, b.dqkv, &b, &shape, part, e.heads);
        if (t == tables - 1) {
            for (size_t i = row0; i < row0 + e.from; i++)
                for (size_t c = 0; c < D; c++) *strip_at(dout, i, c) = 0;
            b.from = 0;
        }
        CALL(t, 0, 0, table[t]->attention_back(&b, 0, part, &shape, scratch));
        if (b.from != e.from)
            CALL(t, 0, 0, table[t]->attention_back(&b, 0, e.heads, &shape, scratch));
        expect_same_strips(t, b.dqkv, first, row0, n, 3 * D);
    }
    release();
}

void check_attention_back(void)
{
    if (bench) {
        run_back((struct example){1024, 8, 64, 16, 0, 0, 0, true});
        run_back((struct example){2048, 4, 64, 16, 0, 0, 0, true});
        run_back((struct example){410, 8, 64, 16, 0, 0, 0, true});
        run_back((struct example){256, 8, 64, 16, 0, 0, 0, true});
        run_back((struct example){60, 8, 64, 16, 0, 0, 0, true});
        run_back((struct example){1024, 8, 64, 16, 0, 1023, 0, true});
        run_back((struct example){1024, 4, 80, 20, 0, 0, 0, true});
        run_back((struct example){1024, 4, 128, 32, 0, 0, 0, true});
        run_back((struct example){2048, 4, 48, 0, 256, 0, 0, true});
        return;
    }
    for (size_t n = 1; n <= 3 * SIMD_LANES + 1; n++)
        for (int kind = 0; kind < KINDS; kind += 1 + (n % 3 != 0)) {
            static const size_t sizes[] = {4, 16, 20, 64, 80, 100};
            const size_t H = sizes[random_below(6)], rotary = H / 2 * random_below(3);
            const size_t from[] = {0, n - 1, random_below(n)};
            run_back((struct example){n, 1 + random_below(3), H, rotary, random_window(n),
                                      from[random_below(3)], kind, n % 2});
        }
    static const size_t shapes[][4] = {
        {63, 1, 64, 16},  {64, 2, 64, 16},  {65, 2, 64, 16},   {255, 2, 64, 16},
        {256, 2, 64, 16}, {257, 2, 64, 16}, {300, 3, 80, 20},  {270, 1, 256, 64},
        {40, 2, 300, 76}, {30, 1, 600, 0},  {513, 1, 128, 32}, {700, 1, 16, 4},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t w = 0; w < 3; w++) {
            static const size_t windows[] = {0, 1, 13, 64, 256, 257};
            const size_t n = shapes[i][0], from[] = {0, n - 1, n / 2};
            run_back((struct example){n, shapes[i][1], shapes[i][2], shapes[i][3],
                                      windows[w ? random_below(6) : 0], from[(i + w) % 3],
                                      (int)((i + w) % KINDS), i % 2});
        }
}

/* --- what attention keeps --- */

/* The last positions alone, as a second run: the same bits of theirs, and nothing else. */
static void keep_last(int t, const struct example *e, struct strips qkv, struct strips want,
                      const float *want_logs, const struct attention_shape *shape)
{
    const size_t n = e->n, D = e->heads * e->head_size, from = random_below(n);
    const struct row_run runs[] = {{0, from}, {from, n - from}};
    struct strips out = guarded_strips(n, D, e->at_end);
    float *logs = guarded(e->heads * n * sizeof *logs, e->at_end);
    void *scratch = guarded(attention_scratch_bytes(n, e->head_size), e->at_end);
    table[t]->attention_kept(out, logs, qkv, runs, 2, 0, e->heads, shape, scratch);
    expect_same_strips(t, out, want, from, n - from, D);
    for (size_t h = 0; h < e->heads; h++) {
        expect_same(t, logs + h * n + from, want_logs + h * n + from, n - from, "all positions");
        for (size_t i = 0; i < from; i++)
            if (!isnan(logs[h * n + i]) || !isnan(*strip_at(out, i, h * e->head_size)))
                fail(t, "position %zu, before the run, was written", i);
    }
}

static void run_kept(struct example e)
{
    const size_t n = e.n, H = e.head_size, D = e.heads * H, bytes = attention_scratch_bytes(n, H);
    struct strips qkv = guarded_strips(n, 3 * D, e.at_end), out = guarded_strips(n, D, e.at_end);
    struct attention_shape shape = random_shape(n, e.heads, H, e.rotary, e.window, e.at_end);
    void *scratch = guarded(bytes, e.at_end);
    float *first = NULL;
    const struct row_run all = {0, n};
    random_qkv(qkv, 0, n, D, e.kind);
    table[0]->attention(out, qkv, 0, n, 0, e.heads, &shape, scratch);
    for (int t = 0; t < tables; t++) {
        struct strips kept = guarded_strips(n, D, e.at_end);
        float *log_sums = guarded(e.heads * n * sizeof *log_sums, e.at_end);
        const size_t part = random_below(e.heads + 1);
        memset(scratch, 0xff, bytes);
        describe_example(&e);
        CALL(t, 0, 0,
             table[t]->attention_kept(kept, log_sums, qkv, &all, 1, part, e.heads - part, &shape,
                                      scratch));
        CALL(t, 0, 0,
             table[t]->attention_kept(kept, log_sums, qkv, &all, 1, 0, part, &shape, scratch));
        expect_same_strips(t, kept, out, 0, n, D);
        if (t == 0) first = log_sums;
        expect_same(t, log_sums, first, e.heads * n, table[0]->name);
        keep_last(t, &e, qkv, out, first, &shape);
        const struct attention_back b = {.qkv = qkv, .dout = out, .n = n, .from = n};
        for (size_t h = 0; h < e.heads && t == 0; h++) {
            struct reference r = reference_new(&b, h, &shape);
            for (size_t i = 0; i < n; i++) {
                double error, want = weights(&r, i, &shape, &error);
                expect_close(t, (double)log_sums[h * n + i], want, error, fmax(fabs(want), 1));
            }
            reference_free(&r);
        }
    }
    release();
}

void check_attention_kept(void)
{
    if (bench) return;
    for (size_t n = 1; n <= 3 * SIMD_LANES + 1; n++) {
        static const size_t sizes[] = {4, 16, 20, 64, 80, 100};
        const size_t H = sizes[random_below(6)], rotary = H / 2 * random_below(3);
        run_kept((struct example){n, 1 + random_below(6), H, rotary, random_window(n), 0,
                                  (int)(n % KINDS), n % 2});
    }
    static const size_t shapes[][4] = {
        {256, 2, 64, 16}, {257, 2, 64, 16}, {300, 3, 80, 20}, {40, 2, 300, 76}, {700, 1, 16, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        run_kept((struct example){shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3],
                                  i % 2 ? 0 : 250, 0, (int)(i % KINDS), i % 2});
}
