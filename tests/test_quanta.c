/* test_quanta.c - what gradients are taken over, and their sketches: the definition, and what the
 * definition promises.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/rng.h"
#include "src/quanta/coordinates.h"
#include "src/quanta/record.h"
#include "src/quanta/sketch.h"
#include "tests/scratch.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* --- coordinates --- */

static const struct neox_config pythia_70m = {.layers = 6,
                                              .hidden = 512,
                                              .heads = 8,
                                              .head_size = 64,
                                              .rotary = 16,
                                              .ffn = 2048,
                                              .vocab = 50304,
                                              .max_positions = 2048,
                                              .attention_bias = true};

static uint64_t numbers(const struct neox_config *config, const char *text)
{
    struct coordinates c;
    struct err e;
    assert_int_equal(coordinates_open(&c, config, text, &e), 0);
    uint64_t n = c.numbers;
    assert_true(c.padded >= n);
    coordinates_close(&c);
    return n;
}

static void test_coordinates(void **state)
{
    (void)state;
    const uint64_t d = 512, layer = 12 * d * d + 9 * d, table = 50304 * d;
    struct neox_config tied = pythia_70m;
    tied.tied_embeddings = true;
    assert_int_equal(numbers(&pythia_70m, "published"), 18903040); /* the published length */
    const struct neox_config tiny_stories_33m = {.layers = 4,
                                                 .hidden = 768,
                                                 .heads = 16,
                                                 .head_size = 48,
                                                 .ffn = 3072,
                                                 .vocab = 50257,
                                                 .max_positions = 2048,
                                                 .tied_embeddings = true,
                                                 .learned_positions = true,
                                                 .dense_bias = true};
    assert_int_equal(numbers(&tiny_stories_33m, "published"), 28329984); /* likewise */
    assert_int_equal(numbers(&pythia_70m, "no-final-norm"), 6 * layer);
    assert_int_equal(numbers(&pythia_70m, "layers:1-2"), 2 * layer);
    assert_int_equal(numbers(&pythia_70m, "all"), 70426624);
    assert_int_equal(numbers(&tied, "all"), 70426624 - table);
    assert_int_equal(numbers(&pythia_70m, "names:layers.3.attention.dense,final"),
                     d * d + d + 2 * d);
}

static void test_coordinates_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "Published",   "layers:",      "layers:2-1",
                                      "layers:0-6", "layers:0-5x", "layers: 0-1",  "layers:-1-2",
                                      "names:",     "names:,",     "names:nothing"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct coordinates c;
        struct err e;
        if (!coordinates_open(&c, &pythia_70m, bad[i], &e)) fail_msg("'%s' is taken", bad[i]);
        coordinates_close(&c);
        assert_true(strstr(e.text, "--coordinates"));
    }
}

static void test_numbering(void **state)
{
    (void)state;
    struct neox_config odd = {
        .layers = 2, .hidden = 48, .heads = 4, .head_size = 12, .ffn = 100, .vocab = 70};
    struct coordinates c;
    struct err e;
    assert_int_equal(coordinates_open(&c, &odd, "all", &e), 0);
    uint64_t next = 0, padding = 0;
    for (size_t i = 0; i < c.tensors; i++) {
        struct neox_tensor t;
        neox_tensor_at(&odd, i, &t);
        size_t rows = t.panels ? (t.rows + 31) / 32 * 32 : t.rows;
        assert_true(c.wanted[i]);
        assert_int_equal(c.first[i], next);
        next += rows * t.columns;
        padding += (rows - t.rows) * t.columns;
    }
    assert_int_equal(c.padded, next);
    assert_int_equal(c.padded - c.numbers, padding);
    assert_true(padding > 0);
    coordinates_close(&c);
}

/* --- the definition, written down once more --- */

static void add_plainly(uint64_t seed, size_t k, float *vectors, uint64_t c, float value)
{
    const uint64_t half = k / 2, b = c / half;
    for (uint64_t v = 0; v < 2; v++) {
        uint64_t bits[2], shift = rng_below(seed, SKETCH_SHIFTS + v, b, half);
        rng_block(seed, SKETCH_SIGNS, c / 64, bits);
        float sign = bits[v] >> c % 64 & 1 ? -1 : 1;
        vectors[v * half + (c % half + shift) % half] += sign * value;
    }
}

static void test_definition(void **state)
{
    (void)state;
    enum { P = 50021 };
    static const size_t sizes[] = {64, 1000, 4096, 131072};
    float *x = malloc(P * sizeof *x);
    for (size_t i = 0; i < P; i++)
        x[i] = (float)(int)rng_below(3, 0, i, 201) - 100; /* exact sums */
    for (size_t s = 0; s < LENGTH(sizes); s++) {
        const size_t k = sizes[s];
        struct sketch sketch;
        struct err e;
        float *want = calloc(k, sizeof *want);
        assert_int_equal(sketch_open(&sketch, k, 7 + s, P, &e), 0);
        for (size_t i = 0; i < P; i++) add_plainly(7 + s, k, want, i, x[i]);
        for (int isa = 0; isa < SIMD_ISAS; isa++) {
            const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
            float *got = kernels ? calloc(k, sizeof *got) : NULL;
            for (size_t at = 0, n; kernels && at < P; at += n) { /* in pieces of any size */
                n = 1 + (size_t)rng_below(9, k, at, 9000);
                if (n > P - at) n = P - at;
                sketch_add(&sketch, kernels, got, at, x + at, n);
            }
            if (kernels) assert_memory_equal(got, want, k * sizeof *got);
            free(got);
        }
        free(want);
        sketch_close(&sketch);
    }
    free(x);
}

/* --- what it promises --- */

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static double cosine(const float *a, const float *b, size_t n)
{
    return dot(a, b, n) / sqrt(dot(a, a, n) * dot(b, b, n));
}

/* Gradients are uneven: some of a matrix's rows, every 32nd coordinate of its panels, have far larger
 * ones than others, and not around zero. Their cosine is near C. */
static void make_pair(float *x, float *y, size_t n, double c)
{
    for (size_t i = 0; i < n; i++) {
        double size = exp(1.5 * rng_gaussian(1, 2, i % 32)), common = 0.5 + rng_gaussian(1, 3, i);
        x[i] = (float)(size * common);
        y[i] = (float)(size * (c * common + sqrt(1 - c * c) * 1.118 * rng_gaussian(1, 4, i)));
    }
}

/* Over seeds: no bias, the spread that theory says, and the halves' difference tells it. */
static void test_errors(void **state)
{
    (void)state;
    enum { P = 60000, K = 1024, SEEDS = 400 };
    static const double wanted[] = {0, 0.3, -0.6, 0.9};
    float *x = malloc(P * sizeof *x), *y = malloc(P * sizeof *y);
    float *sx = malloc(K * sizeof *sx), *sy = malloc(K * sizeof *sy);
    for (size_t w = 0; w < LENGTH(wanted); w++) {
        make_pair(x, y, P, wanted[w]);
        const double c = cosine(x, y, P), inner = dot(x, y, P);
        const double theory = (1 - c * c) / sqrt(K);
        double sum = 0, squares = 0, halves = 0, inners = 0, inner_squares = 0;
        assert_true(fabs(c - wanted[w]) < 0.1);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct sketch s;
            struct err e;
            assert_int_equal(sketch_open(&s, K, seed, P, &e), 0);
            memset(sx, 0, K * sizeof *sx);
            memset(sy, 0, K * sizeof *sy);
            sketch_add(&s, simd_best(), sx, 0, x, P);
            sketch_add(&s, simd_best(), sy, 0, y, P);
            double error = cosine(sx, sy, K) - c, product = dot(sx, sy, K) / 2 - inner;
            double a = cosine(sx, sy, K / 2), b = cosine(sx + K / 2, sy + K / 2, K / 2);
            sum += error;
            squares += error * error;
            halves += (a - b) * (a - b);
            inners += product;
            inner_squares += product * product;
            sketch_close(&s);
        }
        const double rms = sqrt(squares / SEEDS), told = sqrt(halves / SEEDS) / 2;
        printf("cosine %.3f: bias %+.1e (sd of it %.1e), rms %.4f, theory %.4f, halves say %.4f\n",
               c, sum / SEEDS, rms / sqrt(SEEDS), rms, theory, told);
        assert_true(fabs(sum / SEEDS) < 3 * rms / sqrt(SEEDS));
        assert_true(fabs(inners / SEEDS) < 3 * sqrt(inner_squares) / SEEDS);
        assert_true(fabs(rms / theory - 1) < 0.15);
        assert_true(fabs(told / rms - 1) < 0.15);
    }
    free(x);
    free(y);
    free(sx);
    free(sy);
}

/* --- the record --- */

static void test_record(void **state)
{
    (void)state;
    char path[200];
    struct err e;
    struct gradients_record r = {.model = "pythia-70m",
                                 .step = 3000,
                                 .weights = "0123456789abcdef",
                                 .corpus_hash = "1123456789abcdef",
                                 .rows_hash = "2123456789abcdef",
                                 .protocol = "max-tokens 1024",
                                 .gelu = "erf",
                                 .coordinates = "published",
                                 .numbers = 18903040,
                                 .k = 65536,
                                 .seed = 5,
                                 .rows = 1000,
                                 .first = 250,
                                 .end = 500,
                                 .shard = 1,
                                 .shards = 4,
                                 .seconds = 12.5,
                                 .flop = 1e12,
                                 .corpus = "pile"},
                            again;
    snprintf(path, sizeof path, "%s/gradients.json", scratch);
    assert_int_equal(json_save(path, gradients_record_json(&r, NULL), &e), 0);
    assert_true(gradients_record_is(path));
    assert_int_equal(gradients_record_read(&again, path, &e), 0);
    assert_false(again.complete);
    assert_string_equal(again.model, r.model);
    assert_string_equal(again.corpus, r.corpus);
    assert_null(again.model_file);
    assert_true(again.step == 3000 && again.seed == 5 && again.k == 65536 && again.end == 500);
    assert_true(gradients_key(&again, true) == gradients_key(&r, true));
    assert_true(gradients_key(&r, true) != gradients_key(&r, false));
    gradients_record_free(&again);
    /* Another seed under the same key: somebody's hand. */
    json_t *o =
        gradients_record_json(&r, json_pack("{s:{s:i, s:i}}", "sketch", "k", 65536, "seed", 6));
    assert_int_equal(json_save(path, o, &e), 0);
    assert_int_equal(gradients_record_read(&again, path, &e), -1);
    assert_true(strstr(e.text, "key: expected "));
    o = gradients_record_json(&r, json_pack("{s:{s:i, s:i}}", "sketch", "k", 65537, "seed", 5));
    assert_int_equal(json_save(path, o, &e), 0);
    assert_int_equal(gradients_record_read(&again, path, &e), -1);
    /* Under its own key it is no better. */
    for (r.k = 65537; r.k; r.k = r.k == 62 ? 0 : 62) {
        assert_int_equal(json_save(path, gradients_record_json(&r, NULL), &e), 0);
        assert_int_equal(gradients_record_read(&again, path, &e), -1);
        assert_true(strstr(e.text, "gradients.json: sketch: k: expected an even number from 64"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coordinates), cmocka_unit_test(test_coordinates_refused),
        cmocka_unit_test(test_numbering),   cmocka_unit_test(test_definition),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
