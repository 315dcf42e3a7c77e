/* bench_gemm.c - `tripod bench gemm`: every product of a Pythia model, its loss head and attention,
 * in float32 and in 16-bit integers, beside oneDNN (weights packed beforehand) and a BLAS; and the
 * layers' products and attention backwards.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "models/suite.h"
#include "simd/library.h"
#include "simd/onednn.h"
#include "simd/scratch.h"
#include "src/base/progress.h"

typedef void sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* Everything one shape needs; every thread has activations, results and scratch of its own. */
struct product {
    const struct kernels *kernels;
    size_t rows, n, k, heads;
    size_t in_floats, out_floats, scratch_bytes;
    struct panels panels, panels_i16;
    struct strips_i16 *q;      /* a thread's integers of its activations */
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
/* The row's integers are part of the price. */
static struct strips_i16 quantized(const struct product *p, int t)
{
    p->kernels->quantize(p->q[t], (struct strips){p->in[t], p->rows}, p->rows, p->k);
    return p->q[t];
}
static void run_int16(void *context, int t)
{
    const struct product *p = context;
    struct strips out = {p->out[t], p->rows};
    p->kernels->gemm_i16(out, quantized(p, t), p->rows, p->panels_i16, NULL, GEMM_STORE,
                         p->scratch[t]);
}
static void run_head_int16(void *context, int t)
{
    const struct product *p = context;
    p->kernels->head_i16(p->out[t], quantized(p, t), p->rows, p->panels_i16, p->targets,
                         p->scratch[t]);
}
/* Backwards out is dY, and in, X, becomes dX: what compares others has been measured by then. */
static void run_dx(void *context, int t)
{
    const struct product *p = context;
    struct strips dx = {p->in[t], p->rows}, dy = {p->out[t], p->rows};
    p->kernels->gemm_back(dx, dy, p->rows, p->panels, GEMM_STORE, p->scratch[t]);
}
static void no_sink(void *context, size_t panel, size_t k0, size_t kn, const float *tile)
{
    (void)context, (void)panel, (void)k0, (void)kn, (void)tile;
}
static void run_dw(void *context, int t)
{
    const struct product *p = context;
    const struct weight_gradient g = {.dy = {p->out[t], p->rows},
                                      .x = {p->in[t], p->rows},
                                      p->rows,
                                      p->n,
                                      p->k,
                                      0,
                                      panels_count(p->n)};
    p->kernels->weight_gradient(&g, no_sink, NULL, p->scratch[t]);
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
/* Behind attention's outputs lie the gradient and the log-sum-exps. The outputs stand for the
 * gradient to them as well. */
static struct attention_back gradient_of(const struct product *p, int t)
{
    const size_t d = p->shape.heads * p->shape.head_size;
    float *dqkv = p->out[t] + strips_size(p->rows, d);
    const struct strips out = {p->out[t], p->rows};
    return (struct attention_back){.dqkv = {dqkv, p->rows},
                                   .dout = out,
                                   .qkv = {p->in[t], p->rows},
                                   .out = out,
                                   .log_sums = dqkv + strips_size(p->rows, 3 * d),
                                   .log_rows = p->rows,
                                   .n = p->rows};
}
static void run_attention_back(void *context, int t)
{
    const struct product *p = context;
    const struct attention_back b = gradient_of(p, t);
    p->kernels->attention_back(&b, 0, p->shape.heads, &p->shape, p->scratch[t]);
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

/* A thread's integers and behind them their scales. */
static size_t int16_bytes(const struct product *p)
{
    return strips_size(p->rows, p->k) * sizeof(int16_t) + p->rows * sizeof(float);
}

/* Integers of the weights, and room for those of the activations. */
static int int16_new(const struct bench *bench, struct product *p, struct err *e)
{
    void *data = simd_alloc(panels_bytes(SIMD_I16, p->n, p->k));
    p->q = calloc((size_t)bench->threads, sizeof *p->q);
    p->panels_i16 = (struct panels){data, SIMD_I16, p->n, p->k};
    if (!data || !p->q) return err_memory(e, "bench");
    bench->kernels->quantize_panels(data, p->panels);
    for (int t = 0; t < bench->threads; t++) {
        int16_t *q = simd_alloc(int16_bytes(p));
        if (!q) return err_memory(e, "bench");
        float *scales = (float *)(void *)(q + strips_size(p->rows, p->k));
        p->q[t] = (struct strips_i16){q, scales, p->rows};
    }
    return 0;
}

static void product_free(const struct bench *bench, struct product *p)
{
    for (int t = 0; t < bench->threads; t++) {
        if (p->onednn && t) onednn_matmul_free(p->onednn[t]);
        if (p->in && p->in[t]) simd_free(p->in[t], p->in_floats * sizeof(float));
        if (p->out && p->out[t]) simd_free(p->out[t], p->out_floats * sizeof(float));
        if (p->scratch && p->scratch[t]) simd_free(p->scratch[t], p->scratch_bytes);
        if (p->q && p->q[t].data) simd_free(p->q[t].data, int16_bytes(p));
    }
    if (p->onednn) onednn_matmul_free(p->onednn[0]);
    if (p->panels.data) simd_free((void *)(uintptr_t)p->panels.data, 2 * panels_size(p->n, p->k));
    if (p->panels_i16.data)
        simd_free((void *)(uintptr_t)p->panels_i16.data, panels_bytes(SIMD_I16, p->n, p->k));
    if (p->plain) simd_free(p->plain, p->n * p->k * sizeof(float));
    free(p->onednn);
    free(p->q);
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
    if (bench->kernels->isa >= SIMD_AVX512) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
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

/* The product of integers in a row: its rate, its share of its own peak, times faster than float32's.
 * NULL: there is none. */
static void int16_cells(struct bench *bench, struct table *t, const char *id,
                        const struct entrant *native, const struct entrant *int16)
{
    table_real(t, int16 ? int16->rate * 1e-9 : NAN);
    table_real(t, int16 && int16[1].work ? 100 * bench_ratio(bench, int16, &int16[1]) : NAN);
    table_real(t, int16 ? bench_ratio(bench, int16, native) : NAN);
    char name[112];
    snprintf(name, sizeof name, "%s_int16", id);
    if (int16) bench_rate(bench, name, int16->rate);
}

/* What a row compares; columns without an entrant stay blank. int16: its product, then its peak. */
static void gemm_row(struct bench *bench, struct table *t, const char *model, const char *what,
                     const struct product *p, const struct entrant *entrants, int n,
                     const struct entrant *int16)
{
    const struct entrant *peak = &entrants[0], *native = &entrants[1];
    table_text(t, "%s", model);
    table_text(t, "%s", what);
    table_whole(t, p->rows);
    table_whole(t, p->n);
    table_whole(t, p->k);
    table_real(t, native->rate * 1e-9);
    table_real(t, 100 * bench_ratio(bench, native, peak));
    char id[96];
    snprintf(id, sizeof id, "%s/%s/%s", bench->kernels->name, model, what);
    int16_cells(bench, t, id, native, int16);
    for (int i = 2; i < 4; i++) {
        table_real(t, i < n ? entrants[i].rate * 1e-9 : NAN);
        table_real(t, i < n ? bench_ratio(bench, native, &entrants[i]) : NAN);
    }
    bench_row_end(bench, t, bench_rate(bench, id, native->rate));
    progress_add(1);
}

/* The gradients of the input, "qkv_dx", and of the weights, "qkv_dw". */
static void gemm_gradients(struct bench *bench, struct table *t, const char *model,
                           const char *what, struct product *p, double flop)
{
    static void (*const work[])(void *, int) = {run_dx, run_dw};
    static const char *const suffix[] = {"dx", "dw"};
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%s", what, suffix[i]);
        struct entrant entrants[2] = {
            bench_peak_loop(bench),
            {.name = "native", .work = work[i], .context = p, .amount = flop},
        };
        bench_compete(bench, entrants, 2);
        gemm_row(bench, t, model, name, p, entrants, 2, NULL);
    }
}

static int gemm_products(struct bench *bench, const struct suite_model *model, sgemm *blas,
                         struct table *t, struct err *e)
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
        if (product_new(bench, &p, n, k, n, true, e) || int16_new(bench, &p, e)) {
            product_free(bench, &p);
            return -1;
        }
        double flop = 2.0 * (double)p.rows * (double)n * (double)k * bench->threads;
        struct entrant entrants[6] = {
            bench_peak_loop(bench),
            {.name = "native", .work = run_native, .context = &p, .amount = flop},
            {.name = "onednn", .work = run_onednn, .context = &p, .amount = flop},
            {.name = "openblas", .work = run_blas, .context = &p, .amount = flop},
        };
        const int count = blas ? 4 : 3;
        struct entrant *int16 = entrants + count;
        int16[0] =
            (struct entrant){.name = "int16", .work = run_int16, .context = &p, .amount = flop};
        int16[1] = (struct entrant){0};
        const int all = count + 1 + bench_int16_loop(bench, &int16[1]);
        bench_compete(bench, entrants, all);
        gemm_row(bench, t, model->size, products[i].name, &p, entrants, count, int16);
        if (i == PRODUCTS - 1) {
            entrants[1].work = run_head;
            int16->work = run_head_int16;
            bench_compete(bench, entrants, all);
            gemm_row(bench, t, model->size, "head", &p, entrants, count, int16);
        } else {
            gemm_gradients(bench, t, model->size, products[i].name, &p, flop);
        }
        product_free(bench, &p);
    }
    return 0;
}

/* Attention of one document of all rows, and its gradient. */
static int gemm_attention(struct bench *bench, const struct suite_model *model, struct table *t,
                          struct err *e)
{
    const size_t d = model->width, size = d / model->heads;
    struct product p = {.kernels = bench->kernels, .rows = bench->rows};
    const size_t strips = (d + SIMD_STRIP - 1) / SIMD_STRIP + (3 * d + SIMD_STRIP - 1) / SIMD_STRIP;
    p.scratch_bytes = attention_scratch_bytes(p.rows, size);
    if (p.scratch_bytes < attention_back_scratch_bytes(p.rows, size))
        p.scratch_bytes = attention_back_scratch_bytes(p.rows, size);
    p.shape = (struct attention_shape){.heads = model->heads,
                                       .head_size = size,
                                       .rotary = model->rotary,
                                       .scale = (float)(1.0 / sqrt((double)size))};
    p.tables = malloc(p.rows * model->rotary * sizeof *p.tables);
    const size_t columns = strips * SIMD_STRIP + model->heads;
    int status =
        p.tables ? product_new(bench, &p, 0, 3 * d, columns, false, e) : err_memory(e, "bench");
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
            bench_peak_loop(bench),
            {.name = "native", .work = run_attention, .context = &p, .amount = flop},
        };
        bench_compete(bench, entrants, 2);
        gemm_row(bench, t, model->size, "attention", &p, entrants, 2, NULL);

        for (int i = 0; i < bench->threads; i++) {
            const struct attention_back b = gradient_of(&p, i);
            float *log_sums = (float *)(uintptr_t)b.log_sums;
            const struct row_run all = {0, p.rows};
            p.kernels->attention_kept(b.out, log_sums, b.qkv, &all, 1, 0, p.shape.heads, &p.shape,
                                      p.scratch[i]);
        }
        entrants[1].work = run_attention_back;
        entrants[1].amount = 2.5 * flop; /* five products */
        bench_compete(bench, entrants, 2);
        gemm_row(bench, t, model->size, "attention_back", &p, entrants, 2, NULL);
    }
    product_free(bench, &p);
    return status;
}

int bench_gemm(struct bench *bench, struct err *e)
{
    static const struct column columns[] = {
        {.name = "model"},
        {.name = "product"},
        {.name = "rows", .flags = TABLE_DETAIL},
        {.name = "n"},
        {.name = "k"},
        {.name = "native"},
        {.name = "percent", .head = "% of peak"},
        {.name = "int16", .flags = TABLE_OMIT},
        {.name = "int16_percent", .flags = TABLE_OMIT, .head = "% of its peak"},
        {.name = "int16_ratio", .flags = TABLE_OMIT, .head = "faster"},
        {.name = "onednn", .flags = TABLE_OMIT, .head = "oneDNN"},
        {.name = "ratio", .flags = TABLE_OMIT, .head = "faster"},
        {.name = "openblas", .flags = TABLE_OMIT, .head = "OpenBLAS"},
        {.name = "openblas_ratio", .flags = TABLE_OMIT, .head = "faster"},
        BENCH_AGAINST};
    enum { ROWS_A_MODEL = 16 };
    const char *why = onednn_open();
    if (why) return err_kind(e, ERR_MISSING, "bench gemm: %s", why);
    sgemm *blas = load_blas(bench, e);
    if (!blas && bench->blas) return -1;
    json_object_set_new(bench->result, "onednn_version", json_string(onednn_version()));
    sheet_remark(
        bench->sheet,
        "GFLOP/s in float32, %s, %d thread%s, %zu rows each; others: times faster we are; int16: "
        "GOP/s with its input's quantisation",
        bench->kernels->name, bench->threads, bench->threads > 1 ? "s" : "", bench->rows);
    struct table *t = bench_table(bench, columns, 15);
    size_t models = 0;
    for (const struct suite_model *m = suite_models; m->size; m++)
        models += bench_listed(bench, m->size);
    progress_begin("bench gemm", "rows", models * ROWS_A_MODEL);
    int status = 0;
    for (const struct suite_model *m = suite_models; m->size && !status; m++) {
        if (!bench_listed(bench, m->size)) continue;
        status = gemm_products(bench, m, blas, t, e) || gemm_attention(bench, m, t, e) ? -1 : 0;
    }
    progress_end();
    json_object_set_new(bench->result, "products", table_json(t, false));
    return status;
}
