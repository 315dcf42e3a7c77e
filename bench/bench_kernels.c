/* bench_kernels.c - `tripod bench kernels`: every elementwise kernel and the norm, on buffers larger
 * than the caches, beside the limit that binds it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include "bench/streams.h"

struct elementwise {
    struct streams streams;
    void (*f)(float *, const float *, size_t);
    void (*widen)(float *, const uint16_t *, size_t);
    void (*narrow)(uint16_t *, const float *, size_t);
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
    double bytes, flop; /* of an element */
};
enum { ROWS = 10, D = 1024 };

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
    json_object_set_new(bench->result, "kernels", table_json(t, false));
    json_object_set_new(bench->result, "copy_bandwidth", json_real(limits->bandwidth * 1e-9));
    json_object_set_new(bench->result, "peak", json_real(limits->peak * 1e-9));
}

int bench_kernels(struct bench *bench, struct err *e)
{
    const struct kernels *k = bench->kernels;
    /* Operations of an element count an FMA as two; from the polynomials' lengths in simd/isa. */
    const struct kernel_case rows[ROWS] = {
        {"exp", k->exp, NULL, NULL, 8, 20},
        {"log", k->log, NULL, NULL, 8, 30},
        {"erf", k->erf, NULL, NULL, 8, 48},
        {"tanh", k->tanh, NULL, NULL, 8, 38},
        {"gelu_erf", k->gelu_erf, NULL, NULL, 8, 40},
        {"gelu_tanh", k->gelu_tanh, NULL, NULL, 8, 24},
        {"f16_to_f32", NULL, k->f16_to_f32, NULL, 6, 0},
        {"bf16_to_f32", NULL, k->bf16_to_f32, NULL, 6, 0},
        {"f32_to_f16", NULL, NULL, k->f32_to_f16, 6, 0},
        {"f32_to_bf16", NULL, NULL, k->f32_to_bf16, 6, 0},
    };
    struct elementwise contexts[ROWS];
    struct entrant entrants[ROWS + 3];
    struct streams s = {NULL, 0};
    if (streams_new(&s, bench->threads, stream_bytes(bench), e)) {
        streams_free(&s, bench->threads);
        return -1;
    }
    int n = 0;
    for (; n < ROWS; n++) {
        contexts[n] = (struct elementwise){s, rows[n].f, rows[n].widen, rows[n].narrow};
        entrants[n] = (struct entrant){.name = rows[n].name, .context = &contexts[n]};
        entrants[n].work = rows[n].f ? run_f : rows[n].widen ? run_widen : run_narrow;
        entrants[n].amount = (double)s.n * bench->threads;
    }
    struct norm norm = {&s, k, s.n / D, D, s.data[0] + 2 * s.n};
    entrants[n] = (struct entrant){.name = "layer_norm", .work = run_norm, .context = &norm};
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
