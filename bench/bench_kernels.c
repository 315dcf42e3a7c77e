/* bench_kernels.c - `tripod bench kernels`: every elementwise kernel and the norm, with their
 * gradients, on buffers larger than the caches, beside the limit that binds it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

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

/* The two limits of the roofline (Williams et al. 2009). */
struct limits {
    double bandwidth, peak; /* bytes, FLOP a second */
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
    table_text(t, "%s", memory > arithmetic ? "memory" : "arithmetic");
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

static void report(struct bench *bench, const struct kernel_case *rows,
                   const struct entrant *entrants, const struct limits *limits, size_t buffer)
{
    static const struct column columns[] = {{.name = "kernel"},
                                            {.name = "ns_per_element", .head = "ns"},
                                            {.name = "gb_per_s", .head = "GB/s"},
                                            {.name = "gflop_per_s", .head = "GFLOP/s"},
                                            {.name = "bound"},
                                            {.name = "percent", .head = "% of it"},
                                            BENCH_AGAINST};
    sheet_remark(bench->sheet,
                 "%s, %d thread%s: peak %.1f GFLOP/s, copy %.1f GB/s, %zu MiB a buffer",
                 bench->kernels->name, bench->threads, bench->threads > 1 ? "s" : "",
                 limits->peak * 1e-9, limits->bandwidth * 1e-9, buffer >> 20);
    struct table *t = bench_table(bench, columns, 7);
    for (int i = 0; i < ROWS; i++)
        kernel_row(bench, t, &entrants[i], rows[i].bytes, rows[i].flop, limits);
    kernel_row(bench, t, &entrants[ROWS], 8, 8, limits);
    kernel_row(bench, t, &entrants[ROWS + 1], 16, 22, limits);
    json_object_set_new(bench->result, "kernels", table_json(t, false));
    json_object_set_new(bench->result, "copy_bandwidth", json_real(limits->bandwidth * 1e-9));
    json_object_set_new(bench->result, "peak", json_real(limits->peak * 1e-9));
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
    const struct limits limits = {entrants[n - 2].rate, entrants[n - 1].rate};
    report(bench, rows, entrants, &limits, s.n * sizeof(float));
    streams_free(&s, bench->threads);
    return 0;
}
