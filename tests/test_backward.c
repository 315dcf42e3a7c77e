/* test_backward.c - gradients of single tokens' losses: against central differences through a plain
 * forward pass in double, the same bits however they are computed, the loss of a scan, and no work
 * that the loss cannot reach. Against PyTorch: tests/cli/golden_backward.sh.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "models/neox/neox.h"
#include "models/neox/neox_backward.h"
#include "src/base/rng.h"
#include "tests/plain_neox.h"
#include "tests/scratch.h"

enum { MOST_TENSORS = PLAIN_TENSORS, LONGEST = 600 };

/* --- a small model --- */

struct fixture {
    struct flat_model flat;
    uint32_t ids[LONGEST + 1];
};

static struct neox_config form(size_t layers, size_t hidden, size_t heads, size_t ffn, size_t vocab)
{
    return (struct neox_config){.layers = layers,
                                .hidden = hidden,
                                .heads = heads,
                                .head_size = hidden / heads,
                                .rotary = 4,
                                .ffn = ffn,
                                .vocab = vocab,
                                .max_positions = LONGEST,
                                .rope_theta = 10000,
                                .layer_norm_eps = 1e-5,
                                .parallel_residual = true,
                                .attention_bias = true};
}

/* Weights of deviation 0.3 (of the layer norms around 1), or all VALUE. */
static void write_model(const char *path, const struct neox_config *config, enum simd_dtype dtype,
                        const float *value)
{
    struct err e = {0};
    struct flat_writer w;
    enum simd_dtype dtypes[MOST_TENSORS];
    for (size_t i = 0; i < neox_tensor_count(config); i++) dtypes[i] = dtype;
    assert_int_equal(flat_create(&w, path, config, dtypes, &e), 0);
    for (size_t i = 0; i < w.count; i++) {
        /* Tied embeddings are written twice: the same numbers in another layout. */
        const size_t bytes = w.tensors[i].bytes, n = bytes / simd_dtype_bytes(dtype);
        const bool tied = config->tied_embeddings && i + 1 == w.count;
        const bool gain = strstr(w.tensors[i].is.name, "norm.weight") != NULL;
        float *values = calloc(n, sizeof *values);
        uint16_t *halves = calloc(n, sizeof *halves);
        const size_t rows = w.tensors[i].is.rows, columns = w.tensors[i].is.columns;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++) {
                const size_t at =
                    w.tensors[i].is.panels ? (r / 32 * columns + c) * 32 + r % 32 : r * columns + c;
                const float z = 0.3f * (float)rng_gaussian(1, tied ? 0 : i, r * columns + c);
                values[at] = value ? *value : z + (gain ? 1 : 0);
            }
        simd_best()->f32_to_f16(halves, values, n);
        assert_int_equal(flat_put(&w, i, 0, dtype == SIMD_F16 ? (void *)halves : values, bytes, &e),
                         0);
        free(values);
        free(halves);
    }
    json_t *none = json_object();
    assert_int_equal(flat_finish(&w, "m", -1, -1, none, &e), 0);
    json_decref(none);
}

static void open_fixture(struct fixture *f, const struct neox_config *config, enum simd_dtype dtype,
                         const float *value)
{
    struct err e = {0};
    char path[sizeof scratch + 16];
    snprintf(path, sizeof path, "%s/m.tripod", scratch);
    write_model(path, config, dtype, value);
    assert_int_equal(flat_open(&f->flat, path, &e), 0);
    for (size_t i = 0; i <= LONGEST; i++) f->ids[i] = (uint32_t)rng_below(2, 0, i, config->vocab);
}

/* --- a gradient as it is delivered --- */

struct gradient {
    const struct neox_config *config;
    size_t tensors, sizes[MOST_TENSORS];
    float *values[MOST_TENSORS];
    uint8_t *times[MOST_TENSORS]; /* how often a coordinate came */
    bool wanted[MOST_TENSORS];
    float loss;
};

static void take(void *context, size_t tensor, size_t at, size_t n, const float *values)
{
    struct gradient *g = context;
    assert_true(tensor < g->tensors && g->wanted[tensor] && at + n <= g->sizes[tensor]);
    memcpy(g->values[tensor] + at, values, n * sizeof *values);
    for (size_t i = 0; i < n; i++) g->times[tensor][at + i]++;
}

static void gradient_new(struct gradient *g, const struct neox_config *config)
{
    *g = (struct gradient){.config = config, .tensors = neox_tensor_count(config)};
    for (size_t i = 0; i < g->tensors; i++) {
        struct neox_tensor t;
        neox_tensor_at(config, i, &t);
        g->sizes[i] = t.panels ? panels_size(t.rows, t.columns) : t.rows * t.columns;
        g->values[i] = calloc(g->sizes[i], sizeof(float));
        g->times[i] = calloc(g->sizes[i], 1);
        g->wanted[i] = true;
    }
}

static void gradient_free(struct gradient *g)
{
    for (size_t i = 0; i < g->tensors; i++) {
        free(g->values[i]);
        free(g->times[i]);
    }
}

static void backward(struct gradient *g, const struct neox *m, struct neox_tape *t,
                     const uint32_t *ids, size_t target)
{
    const struct neox_gradients to = {take, g, g->wanted};
    for (size_t i = 0; i < g->tensors; i++) {
        memset(g->values[i], 0, g->sizes[i] * sizeof(float));
        memset(g->times[i], 0, g->sizes[i]);
    }
    g->loss = neox_backward(m, t, ids, target, &to);
}

static void assert_same(const struct gradient *a, const struct gradient *b)
{
    assert_memory_equal(&a->loss, &b->loss, sizeof a->loss);
    for (size_t i = 0; i < a->tensors; i++)
        for (size_t k = 0; k < a->sizes[i]; k++) /* all but a zero's sign */
            if (memcmp(&a->values[i][k], &b->values[i][k], sizeof(float)) &&
                !(a->values[i][k] == 0 && b->values[i][k] == 0))
                fail_msg("tensor %zu, coordinate %zu: %a and %a", i, k, (double)a->values[i][k],
                         (double)b->values[i][k]);
}

/* Every coordinate once, but for rows of the embedding without an input, and of later positions. */
static void check_coverage(const struct gradient *g, const uint32_t *ids, size_t target)
{
    for (size_t i = 0; i < g->tensors; i++) {
        struct neox_tensor is;
        neox_tensor_at(g->config, i, &is);
        const bool positions = strstr(is.name, "embed_positions") != NULL;
        for (size_t k = 0; k < g->sizes[i]; k++) {
            bool comes = g->wanted[i];
            if (positions && k >= target * g->config->hidden) comes = false;
            if (i == 0 && comes && !g->config->tied_embeddings) {
                comes = false;
                for (size_t t = 0; t < target; t++) comes |= ids[t] == k / g->config->hidden;
            }
            if (i + 1 == g->tensors && g->config->tied_embeddings) comes = false;
            assert_int_equal(g->times[i][k], comes);
        }
    }
}

/* --- central differences --- */

/* Up to CHOSEN coordinates of every tensor. */
static void check_differences(struct neox_config config)
{
    enum { N = 9, CHOSEN = 60 };
    static struct fixture f;
    struct err e;
    struct neox m;
    struct neox_tape t;
    struct gradient g;
    struct plain p;
    open_fixture(&f, &config, SIMD_F32, NULL);
    f.ids[3] = f.ids[1]; /* one row of the embedding twice */
    plain_new(&p, &f.flat);
    assert_int_equal(neox_load(&m, &f.flat, simd_best(), &products_native, N, &e), 0);
    assert_int_equal(neox_tape_open(&t, &m, N, &e), 0);
    gradient_new(&g, &config);
    neox_forward_kept(&m, &t, f.ids, N);
    backward(&g, &m, &t, f.ids, N);
    assert_true(fabs((double)g.loss - plain_loss(&p, f.ids, N)) < 1e-5);
    for (size_t i = 0; i + config.tied_embeddings < g.tensors; i++) {
        const struct flat_tensor *is = &f.flat.tensors[i];
        const size_t size = is->rows * is->columns, step = size / CHOSEN + 1;
        double difference = 0, norm = 0;
        for (size_t k = 0; k < size; k += step) {
            const size_t r = i ? k / is->columns : f.ids[k % N], c = k % is->columns;
            const size_t at = is->layout == FLAT_PANELS ? (r / 32 * is->columns + c) * 32 + r % 32
                                                        : r * is->columns + c;
            double *w = &p.tensor[i][r * is->columns + c], old = *w, up, h = 1e-5;
            *w = old + h;
            up = plain_loss(&p, f.ids, N);
            *w = old - h;
            const double want = (up - plain_loss(&p, f.ids, N)) / (2 * h);
            *w = old;
            const double error = (double)g.values[i][at] - want;
            difference += error * error;
            norm += want * want;
        }
        assert_true(norm > 0);
        if (!(sqrt(difference / norm) < 5e-6))
            fail_msg("%s: relative error %g", is->name, sqrt(difference / norm));
    }
    plain_free(&p);
    gradient_free(&g);
    neox_tape_close(&t);
    neox_unload(&m);
    flat_close(&f.flat);
}

static void test_differences(void **state)
{
    (void)state;
    struct neox_config c = form(2, 24, 3, 40, 37);
    check_differences(c);
    c.parallel_residual = false;
    check_differences(c);
    c.activation = NEOX_GELU_TANH;
    c.tied_embeddings = true;
    check_differences(c);
    c.parallel_residual = true;
    c.attention_bias = false;
    check_differences(c);
    c.layers = 1;
    check_differences(c);
}

/* --- bits --- */

static float scan_loss(const struct neox *m, const uint32_t *ids, size_t target)
{
    struct err e;
    struct neox_run run;
    float loss;
    assert_int_equal(neox_run_open(&run, m, target, &e), 0);
    const struct neox_piece piece = {.tokens = ids, .n = target, .skip = target - 1, .loss = &loss};
    neox_forward(m, &run, &piece, 1);
    neox_run_close(&run);
    return loss;
}

/* Every instruction set, and several targets after one forward pass, give what a pass of its own gives
 * with the first one. */
static void check_bits(struct neox_config config, size_t n, const size_t *targets, size_t count)
{
    static struct fixture f;
    struct err e;
    struct gradient first, g;
    open_fixture(&f, &config, SIMD_F16, NULL);
    gradient_new(&first, &config);
    gradient_new(&g, &config);
    for (size_t i = 0; i < count; i++) {
        bool own = true;
        for (int isa = 0; isa < SIMD_ISAS; isa++) {
            const struct kernels *k = simd_kernels((enum simd_isa)isa);
            struct neox m;
            struct neox_tape t;
            if (!k) continue;
            assert_int_equal(neox_load(&m, &f.flat, k, &products_native, n, &e), 0);
            assert_int_equal(neox_tape_open(&t, &m, own ? targets[i] : n, &e), 0);
            neox_forward_kept(&m, &t, f.ids, own ? targets[i] : n);
            if (!own) /* another one before it leaves no trace */
                backward(&g, &m, &t, f.ids, targets[(i + 1) % count]);
            backward(own ? &first : &g, &m, &t, f.ids, targets[i]);
            if (!own) assert_same(&first, &g);
            check_coverage(&first, f.ids, targets[i]);
            assert_true(first.loss == scan_loss(&m, f.ids, targets[i]));
            own = false;
            neox_tape_close(&t);
            neox_unload(&m);
        }
    }
    gradient_free(&first);
    gradient_free(&g);
    flat_close(&f.flat);
}

static void test_bits(void **state)
{
    (void)state;
    const size_t few[] = {1, 2, 33, 34}, blocks[] = {600, 1, 256, 257, 513};
    struct neox_config c = form(3, 40, 2, 72, 301);
    check_bits(c, 34, few, 4);
    check_bits(c, 600, blocks, 5);
    c.parallel_residual = false;
    c.tied_embeddings = true;
    check_bits(c, 34, few, 4);
    c.learned_positions = c.unscaled_scores = c.dense_bias = true; /* GPT-Neo's form */
    c.attention_bias = false;
    c.rotary = 0;
    c.rope_theta = 0;
    c.window = 20;
    c.local = 5;
    check_bits(c, 34, few, 4);
    check_bits(c, 600, blocks, 5);
    c = form(2, 256, 4, 1024, 301); /* the queries are whole strips */
    check_bits(c, 34, few, 4);
    c.parallel_residual = false;
    check_bits(c, 34, few, 4);
}

/* --- what comes, and what is computed for it --- */

/* The tensors of the layers' products, as the published gradients have them; or one kind alone. */
static void want(struct gradient *g, const char *part, const char *other)
{
    for (size_t i = 0; i < g->tensors; i++) {
        struct neox_tensor t;
        neox_tensor_at(g->config, i, &t);
        g->wanted[i] = strstr(t.name, part) || (other && strstr(t.name, other));
    }
}

static void test_wanted(void **state)
{
    (void)state;
    static const char *const parts[][2] = {
        {"attention.", "mlp."},
        {"layers.2.", NULL},
        {"dense_4h_to_h.bias", NULL},
        {"input_layernorm", NULL},
        {"post_attention", NULL},
        {"embed_in", NULL},
        {"query_key_value.bias", NULL},
        {"final_layer", "embed_out"},
        {"h_to_4h.weight", NULL},
        {"layers.0.attention.dense", NULL},
        {"nothing", NULL},
    };
    enum { N = 20 };
    static struct fixture f;
    struct err e;
    struct gradient whole, g;
    struct neox m;
    struct neox_tape t;
    for (int tied = 0; tied < 2; tied++) {
        struct neox_config c = form(3, 40, 2, 72, 301);
        c.tied_embeddings = tied;
        open_fixture(&f, &c, SIMD_F16, NULL);
        gradient_new(&whole, &c);
        gradient_new(&g, &c);
        assert_int_equal(neox_load(&m, &f.flat, simd_best(), &products_native, N, &e), 0);
        assert_int_equal(neox_tape_open(&t, &m, N, &e), 0);
        neox_forward_kept(&m, &t, f.ids, N);
        backward(&whole, &m, &t, f.ids, N);
        check_coverage(&whole, f.ids, N);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            want(&g, parts[i][0], parts[i][1]);
            backward(&g, &m, &t, f.ids, N);
            check_coverage(&g, f.ids, N);
            for (size_t k = 0; k < g.tensors; k++)
                if (!g.wanted[k]) memcpy(g.values[k], whole.values[k], g.sizes[k] * sizeof(float));
            assert_same(&whole, &g);
        }
        neox_tape_close(&t);
        neox_unload(&m);
        gradient_free(&whole);
        gradient_free(&g);
        flat_close(&f.flat);
    }
}

/* Kernels that count what they are asked for. */
static double counted;
static const struct kernels *real;

static void count_gemm(struct strips out, struct strips in, size_t rows, struct panels w,
                       const float *bias, enum gemm_epilogue epilogue, void *memory)
{
    counted += 2.0 * (double)rows * (double)w.n * (double)w.k;
    real->gemm(out, in, rows, w, bias, epilogue, memory);
}

static void count_gemm_back(struct strips dx, struct strips dy, size_t rows, struct panels w,
                            enum gemm_epilogue epilogue, void *memory)
{
    counted += 2.0 * (double)rows * (double)w.n * (double)w.k;
    real->gemm_back(dx, dy, rows, w, epilogue, memory);
}

static void count_weight_gradient(const struct weight_gradient *g, gradient_sink *sink,
                                  void *context, void *memory)
{
    const double n = (double)((g->end * 32 < g->n ? g->end * 32 : g->n) - g->first * 32);
    counted += 2.0 * (double)g->rows * n * (double)g->k;
    real->weight_gradient(g, sink, context, memory);
}

static float count_head_back(float *dx, float *dlogits, const float *x, struct panels w,
                             uint32_t target, void *memory)
{
    counted += 2 * 2.0 * (double)w.n * (double)w.k;
    return real->head_back(dx, dlogits, x, w, target, memory);
}

static void count_attention_kept(struct strips out, float *log_sums, struct strips qkv,
                                 const struct row_run *runs, size_t runs_n, size_t first,
                                 size_t count, const struct attention_shape *shape, void *memory)
{
    size_t n = 0;
    for (size_t i = 0; i < runs_n; i++) n += runs[i].n;
    for (size_t t = n - runs[runs_n - 1].n; t < n; t++)
        counted += 4.0 * (double)(t + 1) * (double)(count * shape->head_size);
    real->attention_kept(out, log_sums, qkv, runs, runs_n, first, count, shape, memory);
}

static void count_attention_back(const struct attention_back *b, size_t first, size_t count,
                                 const struct attention_shape *shape, void *memory)
{
    for (size_t t = b->from; t < b->n; t++)
        counted += 10.0 * (double)(t + 1) * (double)(count * shape->head_size);
    real->attention_back(b, first, count, shape, memory);
}

static void test_flop(void **state)
{
    (void)state;
    enum { N = 50 };
    static struct fixture f;
    struct err e;
    struct neox m;
    struct neox_tape t;
    struct gradient g;
    struct kernels count = *simd_best();
    for (size_t layers = 1; layers <= 3; layers++) {
        struct neox_config c = form(layers, 256, 4, 512, 301);
        open_fixture(&f, &c, SIMD_F16, NULL);
        real = simd_best();
        count.gemm = count_gemm;
        count.gemm_back = count_gemm_back;
        count.weight_gradient = count_weight_gradient;
        gradient_new(&g, &c);
        want(&g, "attention.", "mlp.");
        assert_int_equal(neox_load(&m, &f.flat, &count, &products_native, N, &e), 0);
        assert_int_equal(neox_tape_open(&t, &m, N, &e), 0);
        count.attention_kept = count_attention_kept;
        count.attention_back = count_attention_back;
        count.head_back = count_head_back;
        counted = 0;
        neox_forward_kept(&m, &t, f.ids, N);
        backward(&g, &m, &t, f.ids, N);
        assert_true(counted == neox_backward_flop(&c, N));
        neox_tape_close(&t);
        neox_unload(&m);
        gradient_free(&g);
        flat_close(&f.flat);
    }
}

/* 43 GFLOP a sample of Pythia-70m, whose lengths have mean 410 and mean square 257,000. */
static void test_facts(void **state)
{
    (void)state;
    const struct neox_config c = {
        .layers = 6, .hidden = 512, .heads = 8, .ffn = 2048, .vocab = 50304};
    const double f0 = neox_backward_flop(&c, 0), f1 = neox_backward_flop(&c, 1),
                 f2 = neox_backward_flop(&c, 2);
    const double square = (f2 - 2 * f1 + f0) / 2, line = f1 - f0 - square;
    assert_true(fabs(f0 + line * 410 + square * 257e3 - 43.1e9) < 0.2e9);
}

/* --- models that are broken --- */

static void test_broken(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct fixture f;
    const float all[] = {0, NAN, INFINITY, 6e4f};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct neox_config c = form(2, 40, 2, 72, 301);
        struct err e;
        struct neox m;
        struct neox_tape t;
        struct gradient g;
        open_fixture(&f, &c, SIMD_F16, &all[i]);
        assert_int_equal(neox_load(&m, &f.flat, simd_best(), &products_native, N, &e), 0);
        assert_int_equal(neox_tape_open(&t, &m, N, &e), 0);
        gradient_new(&g, &c);
        neox_forward_kept(&m, &t, f.ids, N);
        backward(&g, &m, &t, f.ids, N);
        check_coverage(&g, f.ids, N);
        if (i == 0) { /* nothing moves but what a head of zeros sees: nothing */
            assert_true(fabs((double)g.loss - log(301)) < 1e-6);
            for (size_t k = 0; k < g.tensors; k++)
                for (size_t j = 0; j < g.sizes[k]; j++) assert_true(g.values[k][j] == 0);
        }
        neox_tape_close(&t);
        neox_unload(&m);
        gradient_free(&g);
        flat_close(&f.flat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_wanted),      cmocka_unit_test(test_flop),
        cmocka_unit_test(test_facts),       cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
