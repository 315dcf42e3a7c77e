/* bench_kernels.c - `tripod bench kernels`: every elementwise kernel and the norm, with their
 * gradients, on buffers larger than the caches, beside the limit that binds it; of 16-bit integers the
 * rounding to them likewise, and their product in the cache beside its own peak.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/streams.h"

struct elementwise {
    struct streams streams;
    void (*f)(float *, const float *, size_t);
    void (*widen)(float *, const uint16_t *, size_t);
    void (*narrow)(uint16_t *, const float *, size_t);
    kernel_gelu_back *back;
};
static void run_f(void *context, int thread)
{
    const struct elementwise *c = context;
    float *p = c->streams.data[thread];
    c->f(p, p + c->streams.n, c->streams.n);
}
static void run_widen(void *context, int thread)
{
    const struct elementwise *c = context;
    float *p = c->streams.data[thread];
    c->widen(p, (const uint16_t *)(const void *)(p + c->streams.n), c->streams.n);
}
static void run_narrow(void *context, int thread)
{
    const struct elementwise *c = context;
    float *p = c->streams.data[thread];
    c->narrow((uint16_t *)(void *)p, p + c->streams.n, c->streams.n);
}
static void run_back(void *context, int thread)
{
    const struct elementwise *c = context;
    float *p = c->streams.data[thread];
    c->back(p, p + c->streams.n, p + 2 * c->streams.n, c->streams.n);
}

enum { D = 1024 };
struct norm {
    const struct streams *streams;
    const struct kernels *kernels;
    size_t rows, d;
    const float *weight;
};
static void run_norm(void *context, int thread)
{
    const struct norm *c = context;
    struct strips in = {c->streams->data[thread], c->rows};
    struct strips out = {c->streams->data[thread] + strips_size(c->rows, c->d), c->rows};
    c->kernels->layer_norm(out, in, c->rows, c->d, c->weight, c->weight, 1e-5f);
}

static void run_norm_back(void *context, int thread)
{
    const struct norm *c = context;
    float *p = c->streams->data[thread];
    size_t n = strips_size(c->rows, c->d);
    struct strips dx = {p, c->rows}, dy = {p + n, c->rows}, x = {p + 2 * n, c->rows};
    float sums[2][D];
    c->kernels->layer_norm_back(dx, dy, x, c->rows, c->d, c->weight, 1e-5f, sums[0], sums[1]);
}

/* float32 to integers, a scale a row. */
static void run_quantize(void *context, int thread)
{
    const struct norm *c = context;
    float *p = c->streams->data[thread];
    size_t n = strips_size(c->rows, c->d);
    struct strips_i16 q = {(int16_t *)(void *)p, p + 2 * n, c->rows};
    c->kernels->quantize(q, (struct strips){p + n, c->rows}, c->rows, c->d);
}

/* A product that the second cache holds, so that nothing but the micro-kernel counts. */
enum { Q_ROWS = 128, Q_N = 256, Q_K = 512 };
struct integers {
    const struct kernels *kernels;
    void **data; /* of each thread: scratch, out, q, scales, W; see cut_integers */
};
struct integers_of {
    void *scratch;
    struct strips out;
    struct strips_i16 q;
    void *w;
};
static size_t integers_bytes(void)
{
    return (simd_scratch_bytes() + 63) / 64 * 64 + strips_size(Q_ROWS, Q_N) * sizeof(float) +
           strips_size(Q_ROWS, Q_K) * sizeof(int16_t) + Q_ROWS * sizeof(float) +
           panels_bytes(SIMD_I16, Q_N, Q_K);
}
static struct integers_of cut_integers(void *data)
{
    struct integers_of c = {.scratch = data, .out.rows = Q_ROWS, .q.rows = Q_ROWS};
    uint8_t *at = (uint8_t *)data + (simd_scratch_bytes() + 63) / 64 * 64;
    c.out.data = (float *)(void *)at;
    at += strips_size(Q_ROWS, Q_N) * sizeof(float);
    c.q.data = (int16_t *)(void *)at;
    at += strips_size(Q_ROWS, Q_K) * sizeof(int16_t);
    c.q.scales = (float *)(void *)at;
    c.w = at + Q_ROWS * sizeof(float);
    return c;
}
static void run_gemm_i16(void *context, int thread)
{
    const struct integers *p = context;
    const struct integers_of c = cut_integers(p->data[thread]);
    p->kernels->gemm_i16(c.out, c.q, Q_ROWS, (struct panels){c.w, SIMD_I16, Q_N, Q_K}, NULL,
                         GEMM_STORE, c.scratch);
}
static void integers_free(struct integers *p, int threads)
{
    for (int t = 0; p->data && t < threads; t++)
        if (p->data[t]) simd_free(p->data[t], integers_bytes());
    free(p->data);
}
/* After an error too the caller frees. */
static int integers_new(struct integers *p, const struct kernels *k, int threads, struct err *e)
{
    *p = (struct integers){k, calloc((size_t)threads, sizeof *p->data)};
    float *x = bench_activations(Q_N * Q_K, e);
    int status = x && p->data ? 0 : err_memory(e, "bench kernels");
    for (int t = 0; t < threads && !status; t++) {
        p->data[t] = simd_alloc(integers_bytes());
        if (!p->data[t]) {
            status = err_memory(e, "bench kernels");
            break;
        }
        const struct integers_of c = cut_integers(p->data[t]);
        k->quantize(c.q, (struct strips){x, Q_ROWS}, Q_ROWS, Q_K);
        k->quantize_panels(c.w, (struct panels){x, SIMD_F32, Q_N, Q_K});
    }
    if (x) simd_free(x, Q_N * Q_K * sizeof *x);
    return status;
}

/* The two limits of the roofline (Williams et al. 2009). */
struct limits {
    double bandwidth, peak; /* bytes, FLOP a second */
    const char *arithmetic; /* what the peak is called */
};

/* One row: ns an element, GB/s and GFLOP/s, and the share of the limit that binds. */
static void kernel_row(struct bench *bench, struct table *t, const struct entrant *entrant,
                       double bytes, double flop, const struct limits *limits)
{
    double memory = bytes / limits->bandwidth, arithmetic = flop / limits->peak;
    table_text(t, "%s", entrant->name);
    table_real(t, 1e9 / entrant->rate * bench->threads); /* one thread's time */
    table_real(t, entrant->rate * bytes * 1e-9);
    table_real(t, entrant->rate * flop * 1e-9);
    table_text(t, "%s", memory > arithmetic ? "memory" : limits->arithmetic);
    table_real(t, 100 * fmax(memory, arithmetic) * entrant->rate);
    char id[96];
    snprintf(id, sizeof id, "%s/%s", bench->kernels->name, entrant->name);
    bench_row_end(bench, t, bench_rate(bench, id, entrant->rate));
}

struct kernel_case {
    const char *name;
    void (*f)(float *, const float *, size_t);
    void (*widen)(float *, const uint16_t *, size_t);
    void (*narrow)(uint16_t *, const float *, size_t);
    kernel_gelu_back *back;
    double bytes, flop; /* of an element */
};
enum { ROWS = 12 };

/* The rows of 16-bit integers, in turns of their own. */
static int report_integers(struct bench *bench, struct table *t, const struct norm *norm,
                           const struct limits *limits, struct err *e)
{
    struct integers p;
    int status = integers_new(&p, bench->kernels, bench->threads, e);
    struct entrant entrants[] = {
        {.name = "quantize",
         .work = run_quantize,
         .context = (void *)(uintptr_t)norm,
         .amount = (double)(norm->rows * norm->d) * bench->threads},
        {.name = "gemm_i16",
         .work = run_gemm_i16,
         .context = &p,
         .amount = (double)Q_ROWS * Q_N * bench->threads},
        {.name = NULL},
    };
    const bool known = !status && bench_int16_loop(bench, &entrants[2]);
    if (!status) bench_compete(bench, entrants, known ? 3 : 1);
    if (!status) kernel_row(bench, t, &entrants[0], 6, 5, limits);
    if (known) {
        const struct limits integers = {INFINITY, entrants[2].rate, "int16"};
        kernel_row(bench, t, &entrants[1], 0, 2 * Q_K, &integers);
        json_object_set_new(bench->result, "int16_peak", json_real(integers.peak * 1e-9));
        sheet_remark(bench->sheet, "gemm_i16: products of %d x %d x %d in the cache, of %.1f Gop/s",
                     Q_ROWS, Q_N, Q_K, integers.peak * 1e-9);
    }
    integers_free(&p, bench->threads);
    return status;
}

static int report(struct bench *bench, const struct kernel_case *rows,
                  const struct entrant *entrants, const struct norm *norm,
                  const struct limits *limits, struct err *e)
{
    static const struct column columns[] = {{.name = "kernel"},
                                            {.name = "ns_per_element", .head = "ns"},
                                            {.name = "gb_per_s", .head = "GB/s"},
                                            {.name = "gflop_per_s", .head = "GFLOP/s"},
                                            {.name = "bound"},
                                            {.name = "percent", .head = "% of it"},
                                            BENCH_AGAINST};
    sheet_remark(
        bench->sheet, "%s, %d thread%s: peak %.1f GFLOP/s, copy %.1f GB/s, %zu MiB a buffer",
        bench->kernels->name, bench->threads, bench->threads > 1 ? "s" : "", limits->peak * 1e-9,
        limits->bandwidth * 1e-9, norm->streams->n * sizeof(float) >> 20);
    struct table *t = bench_table(bench, columns, 7);
    for (int i = 0; i < ROWS; i++)
        kernel_row(bench, t, &entrants[i], rows[i].bytes, rows[i].flop, limits);
    kernel_row(bench, t, &entrants[ROWS], 8, 8, limits);
    kernel_row(bench, t, &entrants[ROWS + 1], 16, 22, limits);
    const int status = report_integers(bench, t, norm, limits, e);
    json_object_set_new(bench->result, "kernels", table_json(t, false));
    json_object_set_new(bench->result, "copy_bandwidth", json_real(limits->bandwidth * 1e-9));
    json_object_set_new(bench->result, "peak", json_real(limits->peak * 1e-9));
    return status;
}

int bench_kernels(struct bench *bench, struct err *e)
{
    const struct kernels *k = bench->kernels;
    /* Operations of an element count an FMA as two; from the polynomials' lengths in simd/isa. */
    const struct kernel_case rows[ROWS] = {
        {.name = "exp", .f = k->exp, .bytes = 8, .flop = 20},
        {.name = "log", .f = k->log, .bytes = 8, .flop = 30},
        {.name = "erf", .f = k->erf, .bytes = 8, .flop = 48},
        {.name = "tanh", .f = k->tanh, .bytes = 8, .flop = 38},
        {.name = "gelu_erf", .f = k->gelu_erf, .bytes = 8, .flop = 40},
        {.name = "gelu_tanh", .f = k->gelu_tanh, .bytes = 8, .flop = 24},
        {.name = "gelu_erf_back", .back = k->gelu_erf_back, .bytes = 12, .flop = 66},
        {.name = "gelu_tanh_back", .back = k->gelu_tanh_back, .bytes = 12, .flop = 32},
        {.name = "f16_to_f32", .widen = k->f16_to_f32, .bytes = 6},
        {.name = "bf16_to_f32", .widen = k->bf16_to_f32, .bytes = 6},
        {.name = "f32_to_f16", .narrow = k->f32_to_f16, .bytes = 6},
        {.name = "f32_to_bf16", .narrow = k->f32_to_bf16, .bytes = 6},
    };
    struct elementwise contexts[ROWS];
    struct entrant entrants[ROWS + 4];
    struct streams s = {NULL, 0};
    if (streams_new(&s, bench->threads, stream_bytes(bench), e)) {
        streams_free(&s, bench->threads);
        return -1;
    }
    int n = 0;
    for (; n < ROWS; n++) {
        contexts[n] =
            (struct elementwise){s, rows[n].f, rows[n].widen, rows[n].narrow, rows[n].back};
        entrants[n] = (struct entrant){.name = rows[n].name, .context = &contexts[n]};
        entrants[n].work = rows[n].f        ? run_f
                           : rows[n].widen  ? run_widen
                           : rows[n].narrow ? run_narrow
                                            : run_back;
        entrants[n].amount = (double)s.n * bench->threads;
    }
    struct norm norm = {&s, k, s.n / D, D, s.data[0] + 2 * s.n};
    entrants[n] = (struct entrant){.name = "layer_norm", .work = run_norm, .context = &norm};
    entrants[n++].amount = (double)(norm.rows * D) * bench->threads;
    entrants[n] =
        (struct entrant){.name = "layer_norm_back", .work = run_norm_back, .context = &norm};
    entrants[n++].amount = (double)(norm.rows * D) * bench->threads;
    struct entrant streams[STREAMS];
    stream_entrants(streams, &s, bench->threads);
    entrants[n++] = streams[STREAM_COPY]; /* copy: one in, one out, as the kernels do */
    entrants[n++] = bench_peak_loop(bench);
    bench_compete(bench, entrants, n);
    const struct limits limits = {entrants[n - 2].rate, entrants[n - 1].rate, "arithmetic"};
    const int status = report(bench, rows, entrants, &norm, &limits, e);
    streams_free(&s, bench->threads);
    return status;
}
