/* onednn.c - the GEMM and the loss head by oneDNN, behind the arguments of our own: a second
 * opinion on every number and the baseline of every speed.
 *
 * One strip of output columns at a time: its weight panels are widened to a row-major [k][256]
 * matrix and dnnl_sgemm is called once per strip of k (beta = 1), all leading dimensions 256. It
 * runs on one thread when called from inside a parallel region. float32 throughout; the order of
 * sums is oneDNN's, so results are close to ours, not equal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */

#include "simd/onednn.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd/library.h"
#include "simd/onednn_private.h"

/* --- the library, opened when it is first asked for --- */

#define NAME(name) "dnnl_" #name,
struct onednn_functions dnnl;

#define WORD_(x) #x
#define WORD(x)  WORD_(x)
#define LIBRARY  "libdnnl.so." WORD(DNNL_VERSION_MAJOR)

static char reason[512]; /* why it is not open; empty: it is */

static void open_library(void)
{
    static const char *const names[] = {ONEDNN_FUNCTIONS(NAME)};
    enum { N = sizeof names / sizeof *names };
    void *functions[N];
    _Static_assert(sizeof functions == sizeof dnnl, "one name a field");
    const char *why = library_functions(LIBRARY, names, functions, N);
    if (why)
        snprintf(reason, sizeof reason, "oneDNN (" LIBRARY ") cannot be used: %s", why);
    else
        memcpy(&dnnl, functions, sizeof dnnl);
}

const char *onednn_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    return *reason ? reason : NULL;
}

/* --- our own operations by it --- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Scratch: weights [k][256], one panel [k][32], logits [rows][256], state [rows][3]. */
struct parts {
    float *weights, *panel, *logits;
    double *state;
};

size_t onednn_scratch_bytes(size_t rows, size_t n, size_t k)
{
    (void)n;
    return (k * (SIMD_STRIP + SIMD_PANEL) + rows * SIMD_STRIP) * sizeof(float) +
           rows * 3 * sizeof(double);
}

static struct parts cut(void *scratch, size_t rows, size_t k)
{
    struct parts p;
    p.weights = scratch;
    p.panel = p.weights + k * SIMD_STRIP;
    p.logits = p.panel + k * SIMD_PANEL;
    p.state = (double *)(void *)(p.logits + rows * SIMD_STRIP);
    return p;
}

void onednn_widen(const struct kernels *kernels, float *out, float *panel, struct panels w,
                  size_t n0)
{
    for (size_t c = 0; c < SIMD_STRIP && n0 + c < w.n; c += SIMD_PANEL) {
        size_t at = (n0 + c) * w.k;
        const float *from = panel;
        if (w.dtype == SIMD_F32)
            from = (const float *)w.data + at;
        else if (w.dtype == SIMD_F16)
            kernels->f16_to_f32(panel, (const uint16_t *)w.data + at, w.k * SIMD_PANEL);
        else
            kernels->bf16_to_f32(panel, (const uint16_t *)w.data + at, w.k * SIMD_PANEL);
        for (size_t i = 0; i < w.k; i++)
            memcpy(out + i * SIMD_STRIP + c, from + i * SIMD_PANEL, SIMD_PANEL * sizeof *from);
    }
}

/* out[rows][columns] = or += x[rows][k] weights[k][columns]. What oneDNN refuses becomes NaN, not a
 * number that looks right. */
static void multiply(float *out, struct strips x, size_t rows, const struct parts *p,
                     size_t columns, size_t k, bool add)
{
    dnnl_dim_t ld = SIMD_STRIP;
    for (size_t k0 = 0; k0 < k; k0 += SIMD_STRIP) {
        dnnl_status_t status =
            dnnl.sgemm('N', 'N', (dnnl_dim_t)rows, (dnnl_dim_t)columns,
                       (dnnl_dim_t)least(SIMD_STRIP, k - k0), 1.0f, strip_at(x, 0, k0), ld,
                       p->weights + k0 * SIMD_STRIP, ld, add || k0 ? 1.0f : 0.0f, out, ld);
        if (status == dnnl_success) continue;
        for (size_t i = 0; i < rows; i++)
            for (size_t c = 0; c < columns; c++) out[i * SIMD_STRIP + c] = NAN;
    }
}

void onednn_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    for (size_t n0 = 0; n0 < w.n; n0 += SIMD_STRIP) {
        size_t columns = least(SIMD_STRIP, w.n - n0);
        onednn_widen(kernels, p.weights, p.panel, w, n0);
        multiply(strip_at(out, 0, n0), in, rows, &p, columns, w.k, epilogue == GEMM_ADD);
        for (size_t r = 0; r < rows; r++) {
            float *row = strip_at(out, r, n0);
            if (bias)
                for (size_t c = 0; c < columns; c++) row[c] += bias[n0 + c];
            if (epilogue == GEMM_GELU_ERF) kernels->gelu_erf(row, row, columns);
            if (epilogue == GEMM_GELU_TANH) kernels->gelu_tanh(row, row, columns);
        }
    }
}

enum { TOGETHER = 8 }; /* rows whose chains of comparisons and additions run beside each other */

/* Up to TOGETHER of the rows. */
static void fold_some(const struct kernels *kernels, double *state, float *logits, size_t rows,
                      size_t columns, size_t n0, const uint32_t *targets)
{
    float block[TOGETHER];
    double sum[TOGETHER] = {0};
    for (size_t r = 0; r < TOGETHER; r++) block[r] = -INFINITY;
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) {
            const float x = logits[r * SIMD_STRIP + c];
            if (!(x <= block[r])) block[r] = x;
        }
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * SIMD_STRIP;
        double *most = state + 3 * r, *all = most + 1, *target = most + 2, here = (double)block[r];
        if (targets[r] - n0 < columns) *target = (double)row[targets[r] - n0];
        if (n0 == 0) {
            *most = here;
            *all = 0;
        } else if (!(here <= *most)) {
            *all *= exp(*most - here);
            *most = here;
        }
        for (size_t c = 0; c < columns; c++) row[c] -= (float)*most;
        kernels->exp(row, row, columns);
        sum[r] = *all;
    }
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) sum[r] += (double)logits[r * SIMD_STRIP + c];
    for (size_t r = 0; r < rows; r++) state[3 * r + 1] = sum[r];
}

void onednn_fold(const struct kernels *kernels, double *state, float *logits, size_t rows,
                 size_t columns, size_t n0, const uint32_t *targets)
{
    for (size_t r = 0; r < rows; r += TOGETHER)
        fold_some(kernels, state + 3 * r, logits + r * SIMD_STRIP, least(TOGETHER, rows - r),
                  columns, n0, targets + r);
}

void onednn_losses(float *loss, const double *state, size_t rows)
{
    for (size_t r = 0; r < rows; r++, state += 3)
        loss[r] = (float)(state[0] - state[2] + log(state[1]));
}

void onednn_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    for (size_t n0 = 0; n0 < w.n; n0 += SIMD_STRIP) {
        size_t columns = least(SIMD_STRIP, w.n - n0);
        onednn_widen(kernels, p.weights, p.panel, w, n0);
        multiply(p.logits, x, rows, &p, columns, w.k, false);
        onednn_fold(kernels, p.state, p.logits, rows, columns, n0, targets);
    }
    onednn_losses(loss, p.state, rows);
}

struct onednn_matmul {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t in, weights, out; /* in and out: handles set at each run */
    bool owns_weights;
};

/* W [n, k] row-major to the layout the primitive asks for. */
static dnnl_status_t pack(struct onednn_matmul *m, size_t n, size_t k, const float *w)
{
    dnnl_dims_t dims = {(dnnl_dim_t)k, (dnnl_dim_t)n}, strides = {1, (dnnl_dim_t)k};
    dnnl_memory_desc_t plain;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_exec_arg_t arguments[2] = {{DNNL_ARG_FROM, NULL}, {DNNL_ARG_TO, NULL}};
    const dnnl_memory_desc_t *packed =
        dnnl.primitive_desc_query_md(m->description, dnnl_query_weights_md, 0);
    dnnl_status_t s = dnnl.memory_desc_init_by_strides(&plain, 2, dims, dnnl_f32, strides);
    if (!s) s = dnnl.memory_create(&from, &plain, m->engine, (void *)(uintptr_t)w);
    if (!s) s = dnnl.memory_create(&m->weights, packed, m->engine, DNNL_MEMORY_ALLOCATE);
    m->owns_weights = !s;
    if (!s)
        s = dnnl.reorder_primitive_desc_create(&description, &plain, m->engine, packed, m->engine,
                                               NULL);
    if (!s) s = dnnl.primitive_create(&reorder, description);
    arguments[0].memory = from;
    arguments[1].memory = m->weights;
    if (!s) s = dnnl.primitive_execute(reorder, m->stream, 2, arguments);
    if (!s) s = dnnl.stream_wait(m->stream);
    if (reorder) dnnl.primitive_destroy(reorder);
    if (description) dnnl.primitive_desc_destroy(description);
    if (from) dnnl.memory_destroy(from);
    return s;
}

struct onednn_matmul *onednn_matmul_new(size_t rows, size_t n, size_t k, const float *w,
                                        const struct onednn_matmul *share)
{
    struct onednn_matmul *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    dnnl_dim_t R = (dnnl_dim_t)rows, N = (dnnl_dim_t)n, C = (dnnl_dim_t)k;
    dnnl_dims_t in_dims = {R, C}, weight_dims = {C, N}, out_dims = {R, N};
    dnnl_memory_desc_t in, weights, out;
    dnnl_matmul_desc_t matmul;
    dnnl_status_t s = dnnl.engine_create(&m->engine, dnnl_cpu, 0);
    if (!s) s = dnnl.stream_create(&m->stream, m->engine, dnnl_stream_default_flags);
    if (!s) s = dnnl.memory_desc_init_by_tag(&in, 2, in_dims, dnnl_f32, dnnl_ab);
    if (!s)
        s = dnnl.memory_desc_init_by_tag(&weights, 2, weight_dims, dnnl_f32, dnnl_format_tag_any);
    if (!s) s = dnnl.memory_desc_init_by_tag(&out, 2, out_dims, dnnl_f32, dnnl_ab);
    if (!s) s = dnnl.matmul_desc_init(&matmul, &in, &weights, NULL, &out);
    if (!s) s = dnnl.primitive_desc_create(&m->description, &matmul, NULL, m->engine, NULL);
    if (!s) s = dnnl.primitive_create(&m->primitive, m->description);
    if (!s) s = dnnl.memory_create(&m->in, &in, m->engine, DNNL_MEMORY_NONE);
    if (!s) s = dnnl.memory_create(&m->out, &out, m->engine, DNNL_MEMORY_NONE);
    if (!s && share)
        m->weights = share->weights;
    else if (!s)
        s = pack(m, n, k, w);
    if (s) {
        onednn_matmul_free(m);
        return NULL;
    }
    return m;
}

int onednn_matmul_run(struct onednn_matmul *m, float *out, float *in)
{
    dnnl_exec_arg_t arguments[3] = {
        {DNNL_ARG_SRC, m->in}, {DNNL_ARG_WEIGHTS, m->weights}, {DNNL_ARG_DST, m->out}};
    dnnl_status_t s = dnnl.memory_set_data_handle(m->in, in);
    if (!s) s = dnnl.memory_set_data_handle(m->out, out);
    if (!s) s = dnnl.primitive_execute(m->primitive, m->stream, 3, arguments);
    if (!s) s = dnnl.stream_wait(m->stream);
    return s ? -1 : 0;
}

void onednn_matmul_free(struct onednn_matmul *m)
{
    if (!m) return;
    if (m->in) dnnl.memory_destroy(m->in);
    if (m->out) dnnl.memory_destroy(m->out);
    if (m->owns_weights) dnnl.memory_destroy(m->weights);
    if (m->primitive) dnnl.primitive_destroy(m->primitive);
    if (m->description) dnnl.primitive_desc_destroy(m->description);
    if (m->stream) dnnl.stream_destroy(m->stream);
    if (m->engine) dnnl.engine_destroy(m->engine);
    free(m);
}

const char *onednn_version(void)
{
    static char text[32];
    const dnnl_version_t *v = dnnl.version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}
