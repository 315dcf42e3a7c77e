/* cmd_bench.c - `tripod bench`: the kernels and the GEMM beside the machine's own limits, measured
 * in the same minute, and beside other libraries' GEMMs.
 *
 * Every thread works on data of its own, as a scan's threads do: one thread measures the code, all
 * of them the machine. Entrants take turns, round after round; the median round counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/suite.h"
#include "simd/block.h"
#include "simd/library.h"
#include "simd/onednn.h"
#include "simd/peak.h"
#include "bench/bench.h"
#include "bench/bench_scan.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/scan/scan.h"
#include "src/base/file.h"

enum {
    KEY_SIMD = 0x2101,
    KEY_MODELS,
    KEY_ROWS,
    KEY_ROUNDS,
    KEY_BLAS,
    KEY_MEMORY,
    KEY_CPU,
    KEY_SAVE,
    KEY_AGAINST
};

static const struct argp_option options[] = {
    {"simd", KEY_SIMD, "NAME", 0, "scalar, avx2 or avx512 (default: the best this machine runs)",
     1},
    {"models", KEY_MODELS, "LIST", 0,
     "gemm: Pythia sizes, separated by commas, or 'all' (default 70m,160m,410m,1b)", 1},
    {"rows", KEY_ROWS, "N", 0, "gemm: tokens in a thread's batch (default 1024)", 1},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds, of which the median counts (default 7)", 1},
    {"blas", KEY_BLAS, "FILE", 0,
     "gemm: a library with cblas_sgemm (default libopenblas.so.0, where installed)", 1},
    {"memory", KEY_MEMORY, "BYTES", 0,
     "Buffers of the streams, all threads together (default: four times the last cache)", 1},
    {"cpu-time", KEY_CPU, 0, 0,
     "Divide by the threads' CPU time, not by the clock on the wall: for a machine that others use",
     1},
    {"save", KEY_SAVE, "FILE", 0, "Keep the result as a baseline", 2},
    {"against", KEY_AGAINST, "FILE", 0, "Show ratios to a baseline", 2},
    {0},
};

/* --- peak --- */

struct streams {
    float **data; /* of each thread: three buffers of n floats */
    size_t n;
};
static void stream_read(void *context, int thread)
{
    const struct streams *s = context;
    float sum;
    peak_read(s->data[thread], 3 * s->n, &sum);
    volatile float keep = sum;
    (void)keep;
}
static void stream_copy(void *context, int thread)
{
    const struct streams *s = context;
    peak_copy(s->data[thread], s->data[thread] + s->n, s->n);
}
static void stream_triad(void *context, int thread)
{
    const struct streams *s = context;
    float *p = s->data[thread];
    peak_triad(p, p + s->n, p + 2 * s->n, s->n);
}
static void run_loop(void *context, int thread)
{
    (void)thread;
    ((const struct peak_loop *)context)->run(20000);
}

/* Bytes of the streams' buffers, all threads together: four times the last cache, a quarter of the
 * memory at most. */
static size_t stream_bytes(const struct bench *bench)
{
    if (bench->memory) return bench->memory;
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE), pages = sysconf(_SC_PHYS_PAGES);
    size_t bytes = cache > 0 ? 4 * (size_t)cache : 0;
    size_t memory = (pages > 0 ? (size_t)pages : 1U << 18) * (size_t)sysconf(_SC_PAGESIZE);
    if (bytes < (size_t)256 << 20) bytes = (size_t)256 << 20;
    if (bytes > (size_t)1 << 30) bytes = (size_t)1 << 30;
    return bytes < memory / 4 ? bytes : memory / 4;
}

static int streams_new(struct streams *s, int threads, size_t total, struct err *e)
{
    s->n = total / (size_t)threads / 3 / sizeof(float) / 64 * 64;
    s->data = calloc((size_t)threads, sizeof *s->data);
    if (!s->data) return err_memory(e, "bench");
    int status = 0;
#pragma omp parallel num_threads(threads)
#pragma omp for schedule(static, 1)
    for (int i = 0; i < threads; i++) { /* touched where it is used */
        struct err mine;
        s->data[i] = bench_activations(3 * s->n, &mine);
        if (!s->data[i]) {
#pragma omp atomic write
            status = -1;
        }
    }
    return status ? err_set(e, "bench: no memory for streams of %zu bytes", total) : 0;
}
static void streams_free(struct streams *s, int threads)
{
    for (int i = 0; s->data && i < threads; i++)
        if (s->data[i]) simd_free(s->data[i], 3 * s->n * sizeof(float));
    free(s->data);
    s->data = NULL;
}

enum { STREAMS = 3 };

/* Fills in the streams' entrants, read, copy and triad. */
static void stream_entrants(struct entrant *entrants, struct streams *s, int threads)
{
    static void (*const work[STREAMS])(void *, int) = {stream_read, stream_copy, stream_triad};
    static const char *const names[STREAMS] = {"read_bandwidth", "copy_bandwidth",
                                               "triad_bandwidth"};
    static const double floats[STREAMS] = {3, 2, 3};
    for (int i = 0; i < STREAMS; i++) {
        entrants[i] = (struct entrant){.name = names[i], .work = work[i], .context = s};
        entrants[i].amount = floats[i] * (double)s->n * sizeof(float) * threads;
    }
}

/* Rates of every loop and stream on `threads` threads, to result[name], in units of 10^9. */
static int peaks(struct bench *bench, int threads, json_t *result, struct err *e)
{
    struct entrant entrants[BENCH_ENTRANTS];
    struct streams s = {NULL, 0};
    int n = 0, before = bench->threads;
    for (const struct peak_loop *loop = peak_loops; loop->name && n < BENCH_ENTRANTS - STREAMS;
         loop++) {
        if (!loop->available()) continue;
        entrants[n] = (struct entrant){.name = loop->name, .work = run_loop};
        entrants[n].context = (void *)(uintptr_t)loop;
        entrants[n++].amount = loop->run(20000) * threads;
    }
    bench->threads = threads;
    int status = streams_new(&s, threads, stream_bytes(bench), e);
    if (!status) {
        stream_entrants(entrants + n, &s, threads);
        bench_compete(bench, entrants, n + STREAMS);
        for (int i = 0; i < n + STREAMS; i++)
            json_object_set_new(result, entrants[i].name, json_real(entrants[i].rate * 1e-9));
    }
    streams_free(&s, threads);
    bench->threads = before;
    return status;
}

static int bench_peak_command(struct bench *bench, struct err *e)
{
    json_t *one = json_object(), *all = bench->result;
    if (peaks(bench, bench->threads, all, e) || peaks(bench, 1, one, e)) {
        json_decref(one);
        return -1;
    }
    bench_print(bench, "%-16s %12s %12s\n", "", "1 thread", bench->threads > 1 ? "all" : "again");
    const char *name;
    json_t *value;
    json_object_foreach(one, name, value)
    {
        double rate = json_real_value(json_object_get(all, name));
        const char *unit = strstr(name, "bandwidth") ? "GB/s" : "GFLOP/s";
        bench_print(bench, "%-16s %12.1f %12.1f %s", name, json_real_value(value), rate, unit);
        bench_print_ratio(bench, bench_rate(bench, name, rate * 1e9));
    }
    json_object_set_new(all, "per_thread", one);
    return 0;
}

/* --- kernels --- */

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

/* One line: ns an element, GB/s and GFLOP/s, and the share of the limit that binds: the roofline
 * (Williams et al. 2009) of the streams' bandwidth and the FMA peak. */
static void kernel_row(struct bench *bench, json_t *list, const struct entrant *entrant,
                       double bytes, double flop, double bandwidth, double peak)
{
    double ns = 1e9 / entrant->rate * bench->threads; /* one thread's time */
    double least = fmax(bytes / bandwidth, flop / peak);
    double percent = 100 * least * entrant->rate;
    const char *bound = bytes / bandwidth > flop / peak ? "memory" : "arithmetic";
    json_array_append_new(
        list, json_pack("{s:s, s:f, s:f, s:f, s:s, s:f}", "kernel", entrant->name, "ns_per_element",
                        ns, "gb_per_s", entrant->rate * bytes * 1e-9, "gflop_per_s",
                        entrant->rate * flop * 1e-9, "bound", bound, "percent", percent));
    bench_print(bench, "%-14s %9.4f %9.1f %9.1f  %5.1f %% of %s", entrant->name, ns,
                entrant->rate * bytes * 1e-9, entrant->rate * flop * 1e-9, percent, bound);
    char id[96];
    snprintf(id, sizeof id, "%s/%s", bench->kernels->name, entrant->name);
    bench_print_ratio(bench, bench_rate(bench, id, entrant->rate));
}

static int bench_kernels_command(struct bench *bench, struct err *e)
{
    const struct kernels *k = bench->kernels;
    /* Operations of an element count an FMA as two; from the polynomials' lengths in simd/isa. */
    const struct {
        const char *name;
        void (*f)(float *, const float *, size_t);
        void (*widen)(float *, const uint16_t *, size_t);
        void (*narrow)(uint16_t *, const float *, size_t);
        double bytes, flop;
    } rows[] = {
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
    enum { ROWS = sizeof rows / sizeof *rows, D = 1024 };
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
    entrants[n++] = streams[1]; /* copy: one in, one out, as the kernels do */
    entrants[n++] = bench_peak(bench);
    bench_compete(bench, entrants, n);
    const double bandwidth = entrants[n - 2].rate, peak = entrants[n - 1].rate;

    json_t *list = json_array();
    json_object_set_new(bench->result, "kernels", list);
    json_object_set_new(bench->result, "copy_bandwidth", json_real(bandwidth * 1e-9));
    json_object_set_new(bench->result, "peak", json_real(peak * 1e-9));
    bench_print(bench, "%s, %d thread%s: peak %.1f GFLOP/s, copy %.1f GB/s, %zu MiB a buffer\n",
                k->name, bench->threads, bench->threads > 1 ? "s" : "", peak * 1e-9,
                bandwidth * 1e-9, s.n * sizeof(float) >> 20);
    bench_print(bench, "%-14s %9s %9s %9s\n", "", "ns", "GB/s", "GFLOP/s");
    for (int i = 0; i < ROWS; i++)
        kernel_row(bench, list, &entrants[i], rows[i].bytes, rows[i].flop, bandwidth, peak);
    kernel_row(bench, list, &entrants[ROWS], 8, 8, bandwidth, peak);
    streams_free(&s, bench->threads);
    return 0;
}

/* --- gemm --- */

typedef void sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* Everything one shape needs; every thread has activations, results and scratch of its own. */
struct product {
    const struct kernels *kernels;
    size_t rows, n, k, heads;
    size_t in_floats, out_floats, scratch_bytes;
    struct panels panels;
    float **in, **out, *plain; /* plain: W [n, k] in float32 for the others */
    void **scratch;
    uint32_t *targets;
    float *tables;
    struct attention_shape shape;
    struct onednn_matmul **onednn;
    sgemm *blas;
};

static void run_native(void *context, int t)
{
    const struct product *p = context;
    struct strips in = {p->in[t], p->rows}, out = {p->out[t], p->rows};
    p->kernels->gemm(out, in, p->rows, p->panels, NULL, GEMM_STORE, p->scratch[t]);
}
static void run_head(void *context, int t)
{
    const struct product *p = context;
    struct strips in = {p->in[t], p->rows};
    p->kernels->head(p->out[t], in, p->rows, p->panels, p->targets, p->scratch[t]);
}
static void run_attention(void *context, int t)
{
    const struct product *p = context;
    struct strips in = {p->in[t], p->rows}, out = {p->out[t], p->rows};
    p->kernels->attention(out, in, 0, p->rows, 0, p->shape.heads, &p->shape, p->scratch[t]);
}
static void run_onednn(void *context, int t)
{
    const struct product *p = context;
    onednn_matmul_run(p->onednn[t], p->out[t], p->in[t]);
}
static void run_blas(void *context, int t)
{
    const struct product *p = context;
    p->blas(101, 111, 112, (int)p->rows, (int)p->n, (int)p->k, 1, p->in[t], (int)p->k, p->plain,
            (int)p->k, 0, p->out[t], (int)p->n);
}

static void product_free(const struct bench *bench, struct product *p)
{
    for (int t = 0; t < bench->threads; t++) {
        if (p->onednn && t) onednn_matmul_free(p->onednn[t]);
        if (p->in && p->in[t]) simd_free(p->in[t], p->in_floats * sizeof(float));
        if (p->out && p->out[t]) simd_free(p->out[t], p->out_floats * sizeof(float));
        if (p->scratch && p->scratch[t]) simd_free(p->scratch[t], p->scratch_bytes);
    }
    if (p->onednn) onednn_matmul_free(p->onednn[0]);
    if (p->panels.data) simd_free((void *)(uintptr_t)p->panels.data, 2 * panels_size(p->n, p->k));
    if (p->plain) simd_free(p->plain, p->n * p->k * sizeof(float));
    free(p->onednn);
    free(p->in);
    free(p->out);
    free(p->scratch);
    free(p->targets);
    free(p->tables);
}

static int product_new(const struct bench *bench, struct product *p, size_t n, size_t k,
                       size_t out_columns, bool others, struct err *e)
{
    size_t threads = (size_t)bench->threads;
    p->n = n;
    p->k = k;
    p->in_floats = strips_size(p->rows, k);
    p->out_floats = strips_size(p->rows, out_columns);
    p->in = calloc(threads, sizeof *p->in);
    p->out = calloc(threads, sizeof *p->out);
    p->scratch = calloc(threads, sizeof *p->scratch);
    p->onednn = calloc(threads, sizeof *p->onednn);
    p->targets = calloc(p->rows, sizeof *p->targets);
    if (!p->in || !p->out || !p->scratch || !p->onednn || !p->targets)
        return err_memory(e, "bench");
    for (size_t r = 0; r < p->rows && n; r++) p->targets[r] = (uint32_t)(r * 7919 % n);
    if (n) {
        p->panels = (struct panels){NULL, SIMD_F16, n, k};
        p->panels.data = bench_weights(panels_size(n, k), SIMD_F16, e);
        if (!p->panels.data) return -1;
        if (others && !(p->plain = bench_weights(n * k, SIMD_F32, e))) return -1;
    }
    int status = 0;
#pragma omp parallel for num_threads(bench->threads) schedule(static, 1)
    for (int t = 0; t < bench->threads; t++) { /* touched where it is used */
        struct err mine;
        p->in[t] = bench_activations(p->in_floats, &mine);
        p->out[t] = bench_activations(p->out_floats, &mine);
        p->scratch[t] = simd_alloc(p->scratch_bytes);
        if (!p->in[t] || !p->out[t] || !p->scratch[t]) {
#pragma omp atomic write
            status = -1;
        }
    }
    if (status) return err_set(e, "bench: no memory for %zu rows of %zu and %zu", p->rows, n, k);
    if (!others) return 0;
    p->onednn[0] = onednn_matmul_new(p->rows, n, k, p->plain, NULL);
#pragma omp parallel for num_threads(bench->threads) schedule(static, 1)
    for (int t = 0; t < bench->threads; t++)
        if (t && p->onednn[0]) p->onednn[t] = onednn_matmul_new(p->rows, n, k, NULL, p->onednn[0]);
    for (int t = 0; t < bench->threads; t++)
        if (!p->onednn[t]) return err_set(e, "bench: oneDNN refuses a matmul of %zu x %zu", n, k);
    return 0;
}

/* cblas_sgemm on one thread, of the best kernels: OpenBLAS releases older than the CPU would choose
 * those of a poorer one. NULL where the library is not there. */
static sgemm *load_blas(const struct bench *bench, struct err *e)
{
    const char *file = bench->blas ? bench->blas : "libopenblas.so.0";
    if (bench->kernels->isa == SIMD_AVX512) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    if (bench->kernels->isa == SIMD_AVX2) setenv("OPENBLAS_CORETYPE", "Haswell", 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* before its own threads are made */
    static const char *const name[] = {"cblas_sgemm"};
    void *f;
    const char *why = library_functions(file, name, &f, 1);
    if (why) {
        if (bench->blas) err_set(e, "%s: no library with cblas_sgemm: %s", file, why);
        return NULL;
    }
    sgemm *function;
    memcpy(&function, &f, sizeof function);
    return function;
}

/* What a row compares; columns without an entrant stay blank. */
static void gemm_row(struct bench *bench, json_t *list, const char *model, const char *what,
                     const struct product *p, const struct entrant *entrants, int n)
{
    const struct entrant *peak = &entrants[0], *native = &entrants[1];
    const struct entrant *onednn = n > 2 ? &entrants[2] : NULL, *blas = n > 3 ? &entrants[3] : NULL;
    double share = bench_ratio(bench, native, peak);
    json_t *row = json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f}", "model", model, "product", what,
                            "rows", (int)p->rows, "n", (int)p->n, "k", (int)p->k, "native",
                            native->rate * 1e-9, "percent", 100 * share);
    bench_print(bench, "%-6s %-10s %6zu %6zu  %8.1f  %6.1f %%", model, what, p->n, p->k,
                native->rate * 1e-9, 100 * share);
    for (int i = 0; i < 2; i++) {
        const struct entrant *other = i ? blas : onednn;
        if (!other) {
            bench_print(bench, "  %8s %6s ", "", "");
            continue;
        }
        double ratio = bench_ratio(bench, native, other);
        json_object_set_new(row, i ? "openblas" : "onednn", json_real(other->rate * 1e-9));
        json_object_set_new(row, i ? "openblas_ratio" : "ratio", json_real(ratio));
        bench_print(bench, "  %8.1f %6.3fx", other->rate * 1e-9, ratio);
    }
    json_array_append_new(list, row);
    char id[96];
    snprintf(id, sizeof id, "%s/%s/%s", bench->kernels->name, model, what);
    bench_print_ratio(bench, bench_rate(bench, id, native->rate));
}

static int gemm_products(struct bench *bench, const struct suite_model *model, sgemm *blas,
                         json_t *list, struct err *e)
{
    const size_t d = model->width;
    const struct {
        const char *name;
        size_t n, k;
    } products[] = {
        {"qkv", 3 * d, d},
        {"dense", d, d},
        {"mlp_in", model->ffn, d},
        {"mlp_out", d, model->ffn},
        {"vocabulary", model->vocab, d},
    };
    enum { PRODUCTS = sizeof products / sizeof *products };
    for (size_t i = 0; i < PRODUCTS; i++) {
        size_t n = products[i].n, k = products[i].k;
        struct product p = {.kernels = bench->kernels, .rows = bench->rows, .blas = blas};
        p.scratch_bytes = simd_scratch_bytes();
        if (product_new(bench, &p, n, k, n, true, e)) {
            product_free(bench, &p);
            return -1;
        }
        double flop = 2.0 * (double)p.rows * (double)n * (double)k * bench->threads;
        struct entrant entrants[5] = {
            bench_peak(bench),
            {.name = "native", .work = run_native, .context = &p, .amount = flop},
            {.name = "onednn", .work = run_onednn, .context = &p, .amount = flop},
            {.name = "openblas", .work = run_blas, .context = &p, .amount = flop},
        };
        int count = blas ? 4 : 3;
        bench_compete(bench, entrants, count);
        gemm_row(bench, list, model->size, products[i].name, &p, entrants, count);
        if (i == PRODUCTS - 1) {
            entrants[1].work = run_head;
            bench_compete(bench, entrants, count);
            gemm_row(bench, list, model->size, "head", &p, entrants, count);
        }
        product_free(bench, &p);
    }

    const size_t size = d / model->heads;
    struct product p = {.kernels = bench->kernels, .rows = bench->rows};
    p.scratch_bytes = attention_scratch_bytes(p.rows, size);
    p.shape = (struct attention_shape){model->heads, size, model->rotary, NULL, NULL};
    p.tables = malloc(p.rows * model->rotary * sizeof *p.tables);
    int status = p.tables ? product_new(bench, &p, 0, 3 * d, d, false, e) : err_memory(e, "bench");
    if (!status) {
        const size_t half = model->rotary / 2;
        for (size_t i = 0; i < p.rows * half; i++) {
            double angle = (double)(i / half) * pow(10000, -(double)(i % half) / (double)half);
            p.tables[i] = (float)cos(angle);
            p.tables[p.rows * half + i] = (float)sin(angle);
        }
        p.shape.cosine = p.tables;
        p.shape.sine = p.tables + p.rows * half;
        /* useful: the causal half of two products */
        double flop = 2.0 * (double)d * (double)p.rows * (double)(p.rows + 1) * bench->threads;
        struct entrant entrants[2] = {
            bench_peak(bench),
            {.name = "native", .work = run_attention, .context = &p, .amount = flop},
        };
        bench_compete(bench, entrants, 2);
        gemm_row(bench, list, model->size, "attention", &p, entrants, 2);
    }
    product_free(bench, &p);
    return status;
}

/* Whether LIST ("70m,1.4b", "all") names the size. */
static bool listed(const char *list, const char *size)
{
    if (!strcmp(list, "all")) return true;
    size_t length = strlen(size);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, size, length) && (p[length] == ',' || !p[length])) return true;
    return false;
}

static int bench_gemm_command(struct bench *bench, struct err *e)
{
    const char *why = onednn_open();
    if (why) return err_kind(e, ERR_MISSING, "bench gemm: %s", why);
    sgemm *blas = load_blas(bench, e);
    if (!blas && bench->blas) return -1;
    json_t *list = json_array();
    json_object_set_new(bench->result, "products", list);
    json_object_set_new(bench->result, "onednn_version", json_string(onednn_version()));
    bench_print(bench,
                "GFLOP/s in float32, %s, %d thread%s, %zu rows each; others: times faster we are\n",
                bench->kernels->name, bench->threads, bench->threads > 1 ? "s" : "", bench->rows);
    bench_print(bench, "%-6s %-10s %6s %6s  %8s  %8s  %8s %7s  %8s %7s\n", "model", "product", "n",
                "k", "native", "of peak", "oneDNN", "", blas ? "BLAS" : "", "");
    for (const struct suite_model *model = suite_models; model->size; model++)
        if (listed(bench->models, model->size) && gemm_products(bench, model, blas, list, e))
            return -1;
    return 0;
}

/* --- the command --- */

static const struct bench_command commands[] = {
    {"peak", "FMA rates and memory bandwidth, one thread and all", bench_peak_command},
    {"kernels", "every kernel beside the limit that binds it", bench_kernels_command},
    {"gemm", "products, loss head and attention of each model beside oneDNN and OpenBLAS",
     bench_gemm_command},
    {"scan", "the main job end to end: tokens in a file to losses in a file", bench_scan_command},
    {NULL, NULL, NULL},
};

struct args {
    struct bench bench;
    const struct bench_command *command;
    int isa;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->bench.common;
        return 0;
    case KEY_SIMD:
        a->isa = simd_isa_from_name(arg);
        if (a->isa < 0)
            cli_misuse(state, "--simd: expected scalar, avx2 or avx512, found '%s'", arg);
        return 0;
    case KEY_MODELS: {
        char word[32];
        for (const char *p = arg; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
            const struct suite_model *model = suite_models;
            snprintf(word, sizeof word, "%.*s", (int)strcspn(p, ","), p);
            while (model->size && strcmp(model->size, word)) model++;
            if (!model->size && strcmp(arg, "all"))
                cli_misuse(state, "--models: '%s' is not a Pythia size such as 70m", word);
        }
        a->bench.models = arg;
        return 0;
    }
    case KEY_ROWS:
        a->bench.rows = a->bench.batch_tokens = cli_count(arg, "--rows", 1, 1U << 20, state);
        return 0;
    case KEY_ROUNDS:
        a->bench.rounds = (int)cli_count(arg, "--rounds", 1, BENCH_ROUNDS, state);
        return 0;
    case KEY_BLAS:
        a->bench.blas = arg;
        return 0;
    case KEY_MEMORY:
        a->bench.memory = cli_count(arg, "--memory", 1U << 20, (uint64_t)1 << 40, state);
        return 0;
    case KEY_CPU:
        a->bench.cpu_time = true;
        return 0;
    case KEY_SAVE:
        a->bench.save = arg;
        return 0;
    case KEY_AGAINST:
        a->bench.against = arg;
        return 0;
    case ARGP_KEY_ARGS:
        a->bench.arguments = state->argv + state->next + 1;
        a->bench.count = state->argc - state->next - 1;
        for (const struct bench_command *c = commands; c->name; c++)
            if (!strcmp(c->name, state->argv[state->next])) a->command = c;
        if (!a->command)
            cli_misuse(state, "expected peak, kernels, gemm or scan, found '%s'",
                       state->argv[state->next]);
        if (a->bench.count && a->command->run != bench_scan_command)
            cli_misuse(state, "%s takes no argument, found '%s'", a->command->name,
                       a->bench.arguments[0]);
        return 0;
    case ARGP_KEY_END:
        if (!a->command) cli_misuse(state, "what? peak, kernels, gemm or scan");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "peak|kernels|gemm\nscan [TOKENS|short|MODEL...]",
    "Measures the kernels against the machine's own limits.\v"
    "peak: register-only multiply-adds of each instruction set, and bandwidth. kernels: each "
    "kernel "
    "on buffers larger than the caches. gemm: every product of a Pythia model, its loss head and "
    "attention, beside oneDNN (weights packed beforehand) and OpenBLAS. Each thread works on data "
    "of its own; entrants take turns and the median round counts. scan: whole scans of documents "
    "of "
    "TOKENS tokens (1024) or of short ones (log-normal, median 60), under random weights of the "
    "sizes "
    "in --models or under the MODELs named; MFU is useful FLOP/s over the FMA peak of the same "
    "minute.",
    children,
    NULL,
    NULL};

static int load_baseline(struct bench *bench, struct err *e)
{
    json_error_t error;
    json_t *saved = json_load_file(bench->against, 0, &error);
    if (!saved) return err_set(e, "%s: line %d: %s", bench->against, error.line, error.text);
    bench->baseline = json_incref(json_object_get(saved, "rates"));
    json_decref(saved);
    if (!json_is_object(bench->baseline))
        return err_set(e, "%s: expected what --save wrote, found no \"rates\"", bench->against);
    return 0;
}

static int run(int argc, char **argv, struct err *e)
{
    struct args a = {.bench = {.rounds = 7,
                               .rows = 1024,
                               .batch_tokens = SCAN_BATCH_TOKENS,
                               .models = "70m,160m,410m,1b"},
                     .isa = -1};
    struct bench *bench = &a.bench;
    cli_parse(&cmd_bench, argc, argv, &a);
    bench->kernels = a.isa < 0 ? simd_best() : simd_kernels((enum simd_isa)a.isa);
    if (!bench->kernels) return err_set(e, "--simd: this machine cannot run it");
    bench->threads = cli_use_threads(bench->common.threads);
    bench->rates = json_object();
    bench->result = json_pack("{s:s, s:s, s:i, s:o, s:o}", "bench", a.command->name, "simd",
                              bench->kernels->name, "threads", bench->threads, "rates",
                              bench->rates, "provenance", provenance_json());
    if (!bench->result) return err_memory(e, "bench");
    int status = bench->against ? load_baseline(bench, e) : 0;
    if (!status) status = a.command->run(bench, e);
    if (!status && bench->baseline) {
        json_t *ratios = json_object();
        const char *name;
        json_t *rate;
        json_object_foreach(bench->rates, name, rate)
        {
            double old = json_number_value(json_object_get(bench->baseline, name));
            if (old > 0) json_object_set_new(ratios, name, json_real(json_real_value(rate) / old));
        }
        json_object_set_new(bench->result, "against", ratios);
    }
    if (!status && bench->save) status = json_save(bench->save, json_incref(bench->result), e);
    if (!status) status = cli_write_json(&bench->common, json_incref(bench->result), e);
    json_decref(bench->result);
    json_decref(bench->baseline);
    return status;
}

const struct command cmd_bench = {"bench", "measure kernels and products against the machine",
                                  &argp, run};
