/* onednn_bf16.c - see onednn_bf16.h.
 *
 * A product is computed in blocks of up to 256 rows and 256 columns: the rows' inputs are rounded to
 * bfloat16 once, each block of columns then goes through the L2 cache to its epilogue. A matmul primitive
 * knows its shape, so there is one for each of a few numbers of rows, which share the layout of their weights.
 * Primitives are made once a process and shape, with a scratchpad of the caller's, so that any thread
 * may run them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/onednn_bf16.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "simd/onednn.h"
#include "simd/onednn_private.h"

enum { ROWS = 256, HEIGHTS = 3 };
static const size_t heights[HEIGHTS] = {ROWS, 64, 16}; /* rows of a primitive */

/* x [height, k] W^T for W [n, k], n <= 256. */
struct shape {
    size_t n, k;
    dnnl_memory_desc_t in[HEIGHTS], weights, out[HEIGHTS], pad[HEIGHTS];
    dnnl_primitive_t primitive[HEIGHTS];
    size_t bytes, pad_bytes; /* of the packed weights; the most of a scratchpad */
    bool refused;
    struct shape *next;
};

static struct {
    pthread_mutex_t lock;
    dnnl_engine_t engine;
    struct shape *shapes; /* never freed: as many as the models of a process differ in */
} made = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t blocks(size_t n)
{
    return (n + SIMD_STRIP - 1) / SIMD_STRIP;
}

/* --- primitives --- */

static dnnl_status_t make_height(struct shape *s, size_t i, dnnl_primitive_attr_t attr)
{
    const dnnl_dim_t R = (dnnl_dim_t)heights[i], N = (dnnl_dim_t)s->n, K = (dnnl_dim_t)s->k;
    dnnl_dims_t in = {R, K}, weights = {K, N}, out = {R, N}, out_strides = {SIMD_STRIP, 1};
    dnnl_memory_desc_t any;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl.memory_desc_init_by_tag(&s->in[i], 2, in, dnnl_bf16, dnnl_ab);
    if (!status)
        status = dnnl.memory_desc_init_by_tag(&any, 2, weights, dnnl_bf16, dnnl_format_tag_any);
    if (!status)
        status = dnnl.memory_desc_init_by_strides(&s->out[i], 2, out, dnnl_f32, out_strides);
    /* The first decides what the weights look like. */
    if (!status)
        status =
            dnnl.matmul_desc_init(&matmul, &s->in[i], i ? &s->weights : &any, NULL, &s->out[i]);
    if (!status)
        status = dnnl.primitive_desc_create(&description, &matmul, attr, made.engine, NULL);
    if (status) return status;
    if (!i) s->weights = *dnnl.primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    s->pad[i] = *dnnl.primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    const size_t pad = dnnl.memory_desc_get_size(&s->pad[i]);
    if (pad > s->pad_bytes) s->pad_bytes = pad;
    status = dnnl.primitive_create(&s->primitive[i], description);
    dnnl.primitive_desc_destroy(description);
    return status;
}

static dnnl_status_t make_shape(struct shape *s)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status =
        made.engine ? dnnl_success : dnnl.engine_create(&made.engine, dnnl_cpu, 0);
    if (!status) status = dnnl.primitive_attr_create(&attr);
    if (!status) status = dnnl.primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    for (size_t i = 0; i < HEIGHTS && !status; i++) status = make_height(s, i, attr);
    if (attr) dnnl.primitive_attr_destroy(attr);
    if (!status) s->bytes = lines(dnnl.memory_desc_get_size(&s->weights));
    return status;
}

/* The shape of N x K weights, NULL: oneDNN refuses. */
static const struct shape *shape_of(size_t n, size_t k)
{
    pthread_mutex_lock(&made.lock);
    struct shape *s = made.shapes;
    while (s && (s->n != n || s->k != k)) s = s->next;
    if (!s && (s = malloc(sizeof *s))) {
        *s = (struct shape){.n = n, .k = k, .next = made.shapes};
        made.shapes = s;
        /* Primitives are planned for the threads there are now; each runs on one. */
        const int threads = omp_get_max_threads();
        omp_set_num_threads(1);
        s->refused = make_shape(s) != dnnl_success;
        omp_set_num_threads(threads);
    }
    pthread_mutex_unlock(&made.lock);
    return s && !s->refused ? s : NULL;
}

const char *onednn_bf16_open(void)
{
    const char *why = onednn_open();
    if (why) return why;
    if ((dnnl.get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) != dnnl_cpu_isa_avx512_core ||
        !shape_of(SIMD_STRIP, SIMD_STRIP))
        return "oneDNN multiplies bfloat16 on CPUs with AVX-512 only";
    return NULL;
}

const char *onednn_bf16_caution(void)
{
    const unsigned native = dnnl_cpu_isa_avx512_core_bf16;
    if (((unsigned)dnnl.get_effective_cpu_isa() & native) == native) return NULL;
    return "this CPU has no products of bfloat16: oneDNN makes them of float32's, slower than float32";
}

/* --- packing --- */

/* A packed matrix: its blocks of 256 columns, one after the other. */
size_t onednn_bf16_bytes(size_t n, size_t k)
{
    const struct shape *full = n >= SIMD_STRIP ? shape_of(SIMD_STRIP, k) : NULL;
    const struct shape *rest = n % SIMD_STRIP ? shape_of(n % SIMD_STRIP, k) : NULL;
    if ((n >= SIMD_STRIP && !full) || (n % SIMD_STRIP && !rest)) return 0;
    return (full ? n / SIMD_STRIP * full->bytes : 0) + (rest ? rest->bytes : 0);
}

/* [k][256] to the layout of S. */
static dnnl_status_t reorder(const struct shape *s, void *to, float *from)
{
    dnnl_dims_t dims = {(dnnl_dim_t)s->k, (dnnl_dim_t)s->n}, strides = {SIMD_STRIP, 1};
    dnnl_memory_desc_t plain;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl.memory_desc_init_by_strides(&plain, 2, dims, dnnl_f32, strides);
    if (!status) status = dnnl.memory_create(&source, &plain, made.engine, from);
    if (!status) status = dnnl.memory_create(&target, &s->weights, made.engine, to);
    if (!status)
        status = dnnl.reorder_primitive_desc_create(&description, &plain, made.engine, &s->weights,
                                                    made.engine, NULL);
    if (!status) status = dnnl.primitive_create(&primitive, description);
    if (!status) status = dnnl.stream_create(&stream, made.engine, dnnl_stream_default_flags);
    const dnnl_exec_arg_t arguments[2] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    if (!status) status = dnnl.primitive_execute(primitive, stream, 2, arguments);
    if (!status) status = dnnl.stream_wait(stream);
    if (stream) dnnl.stream_destroy(stream);
    if (primitive) dnnl.primitive_destroy(primitive);
    if (description) dnnl.primitive_desc_destroy(description);
    if (source) dnnl.memory_destroy(source);
    if (target) dnnl.memory_destroy(target);
    return status;
}

int onednn_bf16_pack(const struct kernels *kernels, struct panels *out, void *to, struct panels w)
{
    const struct shape *full = shape_of(SIMD_STRIP, w.k);
    const size_t bytes = w.k * (SIMD_STRIP + SIMD_PANEL) * sizeof(float), all = blocks(w.n);
    int status = 0;
#pragma omp parallel if (w.n > SIMD_STRIP)
    {
        float *wide = simd_alloc(bytes);
#pragma omp for schedule(static)
        for (size_t b = 0; b < all; b++) {
            const struct shape *s = shape_of(least(SIMD_STRIP, w.n - b * SIMD_STRIP), w.k);
            bool good = wide && s && (b == 0 || full);
            if (good) onednn_widen(kernels, wide, wide + w.k * SIMD_STRIP, w, b * SIMD_STRIP);
            if (good) good = !reorder(s, (uint8_t *)to + (b ? b * full->bytes : 0), wide);
            if (!good)
#pragma omp atomic write
                status = -1;
        }
        if (wide) simd_free(wide, bytes);
    }
    *out = (struct panels){to, SIMD_BF16, w.n, w.k};
    return status;
}

/* --- products --- */

/* Scratch: inputs [256][k], outputs [256][256], the head's state [rows][3], a scratchpad. */
struct parts {
    uint16_t *in;
    float *out;
    double *state;
    uint8_t *pad;
};

static struct parts cut(void *scratch, size_t rows, size_t k)
{
    struct parts p = {.in = scratch};
    p.out = (float *)(void *)((uint8_t *)scratch + lines(ROWS * k * sizeof *p.in));
    p.state = (double *)(void *)(p.out + ROWS * SIMD_STRIP);
    p.pad = (uint8_t *)p.state + lines(rows * 3 * sizeof *p.state);
    return p;
}

size_t onednn_bf16_scratch_bytes(size_t rows, size_t n, size_t k)
{
    const struct shape *full = shape_of(least(n, SIMD_STRIP), k);
    const struct shape *rest = shape_of(n % SIMD_STRIP ? n % SIMD_STRIP : least(n, SIMD_STRIP), k);
    size_t pad = full ? full->pad_bytes : 0;
    if (rest && rest->pad_bytes > pad) pad = rest->pad_bytes;
    return lines(ROWS * k * sizeof(uint16_t)) + ROWS * SIMD_STRIP * sizeof(float) +
           lines(rows * 3 * sizeof(double)) + lines(pad);
}

/* Rows of IN, rounded. */
static void narrow(const struct kernels *kernels, uint16_t *out, struct strips in, size_t row,
                   size_t rows, size_t k)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < k; c += SIMD_STRIP)
            kernels->f32_to_bf16(out + r * k + c, strip_at(in, row + r, c),
                                 least(SIMD_STRIP, k - c));
}

static dnnl_status_t run(const struct shape *s, size_t i, void *in, void *weights, void *out,
                         void *pad, dnnl_stream_t stream)
{
    const dnnl_memory_desc_t *is[] = {&s->in[i], &s->weights, &s->out[i], &s->pad[i]};
    static const int what[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    void *data[] = {in, weights, out, pad};
    dnnl_exec_arg_t arguments[4];
    dnnl_status_t status = dnnl_success;
    int n = 0;
    for (; n < 4 && !status; n++) {
        arguments[n] = (dnnl_exec_arg_t){what[n], NULL};
        status = dnnl.memory_create(&arguments[n].memory, is[n], made.engine, data[n]);
    }
    if (!status) status = dnnl.primitive_execute(s->primitive[i], stream, 4, arguments);
    if (!status) status = dnnl.stream_wait(stream);
    while (n--)
        if (arguments[n].memory) dnnl.memory_destroy(arguments[n].memory);
    return status;
}

/* p->out [rows][256] = the columns of block B; p->in is that of these rows, at most 256. */
static void multiply(const struct parts *p, struct panels w, size_t b, size_t rows,
                     dnnl_stream_t stream)
{
    const size_t columns = least(SIMD_STRIP, w.n - b * SIMD_STRIP);
    const struct shape *s = shape_of(columns, w.k), *full = b ? shape_of(SIMD_STRIP, w.k) : NULL;
    uint8_t *weights = (uint8_t *)(uintptr_t)w.data + (b ? b * full->bytes : 0);
    for (size_t r = 0, i = 0; r < rows; r += heights[i]) {
        /* The largest that has rows for all of it; what is left at the end takes one too large. */
        while (i + 1 < HEIGHTS && heights[i] > rows - r) i++;
        if (!run(s, i, p->in + r * w.k, weights, p->out + r * SIMD_STRIP, p->pad, stream)) continue;
        for (size_t j = r * SIMD_STRIP; j < least(rows, r + heights[i]) * SIMD_STRIP; j++)
            p->out[j] = NAN;
    }
}

static void finish(const struct kernels *kernels, float *out, float *in, const float *bias,
                   size_t columns, enum gemm_epilogue epilogue)
{
    for (size_t c = 0; bias && c < columns; c++) in[c] += bias[c];
    if (epilogue == GEMM_GELU_ERF)
        kernels->gelu_erf(out, in, columns);
    else if (epilogue == GEMM_GELU_TANH)
        kernels->gelu_tanh(out, in, columns);
    else if (epilogue == GEMM_ADD)
        for (size_t c = 0; c < columns; c++) out[c] += in[c];
    else
        memcpy(out, in, columns * sizeof *out);
}

void onednn_bf16_gemm(const struct kernels *kernels, struct strips out, struct strips in,
                      size_t rows, struct panels w, const float *bias, enum gemm_epilogue epilogue,
                      void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    dnnl_stream_t stream = NULL;
    dnnl.stream_create(&stream, made.engine, dnnl_stream_default_flags);
    for (size_t r0 = 0; r0 < rows; r0 += ROWS) {
        const size_t n = least(ROWS, rows - r0);
        narrow(kernels, p.in, in, r0, n, w.k);
        for (size_t b = 0; b < blocks(w.n); b++) {
            const size_t n0 = b * SIMD_STRIP, columns = least(SIMD_STRIP, w.n - n0);
            multiply(&p, w, b, n, stream);
            for (size_t r = 0; r < n; r++)
                finish(kernels, strip_at(out, r0 + r, n0), p.out + r * SIMD_STRIP,
                       bias ? bias + n0 : NULL, columns, epilogue);
        }
    }
    dnnl.stream_destroy(stream);
}

void onednn_bf16_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                      struct panels w, const uint32_t *targets, void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    dnnl_stream_t stream = NULL;
    dnnl.stream_create(&stream, made.engine, dnnl_stream_default_flags);
    for (size_t r0 = 0; r0 < rows; r0 += ROWS) {
        const size_t n = least(ROWS, rows - r0);
        narrow(kernels, p.in, x, r0, n, w.k);
        for (size_t b = 0; b < blocks(w.n); b++) {
            multiply(&p, w, b, n, stream);
            onednn_fold(kernels, p.state + 3 * r0, p.out, n,
                        least(SIMD_STRIP, w.n - b * SIMD_STRIP), b * SIMD_STRIP, targets + r0);
        }
    }
    onednn_losses(loss, p.state, rows);
    dnnl.stream_destroy(stream);
}
