/* Unit tests of generation: a position at a time gives the whole pass's logits, bit by bit, for any
 * number of threads and instruction set; draws follow the probabilities.
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

#include "models/flat/locate.h"
#include "models/neox/neox.h"
#include "models/neox/neox_generate.h"
#include "src/scan/sample.h"

/* N ids below 200, and their logits [n][vocab] by a whole pass with the scalar kernels. */
static float *whole(const struct flat_model *flat, uint32_t *ids, size_t n)
{
    struct err e;
    struct neox m;
    struct neox_run run;
    const struct kernels *k = simd_kernels(SIMD_SCALAR);
    const size_t vocab = flat->config.vocab;
    assert_int_equal(neox_load(&m, flat, k, &products_native, n, &e), 0);
    assert_int_equal(neox_run_open(&run, &m, n, &e), 0);
    float *loss = malloc(n * sizeof *loss), *logits = malloc(n * vocab * sizeof *logits);
    for (size_t i = 0; i <= n; i++) ids[i] = (uint32_t)(i * i * 7 + i) % 200;
    struct neox_piece piece = {.tokens = ids, .n = n, .loss = loss};
    neox_forward(&m, &run, &piece, 1); /* leaves LN_f(x) in run.h */
    struct strips out = {simd_alloc(strips_size(n, vocab) * sizeof(float)), n};
    k->gemm(out, run.h, n, m.unembedding, NULL, GEMM_STORE, run.scratch);
    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < vocab; v++) logits[i * vocab + v] = *strip_at(out, i, v);
    simd_free(out.data, strips_size(n, vocab) * sizeof(float));
    free(loss);
    neox_run_close(&run);
    neox_unload(&m);
    return logits;
}

static void check_folder(const char *folder)
{
    enum { MOST = 300 }; /* more than a block of attention */
    struct err e;
    struct flat_model flat;
    uint32_t ids[MOST + 1];
    assert_int_equal(model_open(&flat, folder, NULL, &e), 0);
    const struct neox_config *c = &flat.config;
    const size_t vocab = c->vocab, N = c->learned_positions ? c->max_positions : MOST;
    assert_true(N <= MOST);
    float *want = whole(&flat, ids, N);
    for (int isa = 0; isa < SIMD_ISAS; isa++) {
        const struct kernels *k = simd_kernels((enum simd_isa)isa);
        for (int threads = 1; k && threads <= 3; threads++) {
            struct neox m;
            struct neox_generation g;
            assert_int_equal(neox_load(&m, &flat, k, &products_native, N, &e), 0);
            assert_int_equal(neox_generation_open(&g, &m, N, threads, &e), 0);
            for (size_t i = 0; i < N; i++) {
                assert_int_equal(g.position, i);
                neox_generation_step(&g, ids[i]);
                assert_memory_equal(g.logits, want + i * vocab, vocab * sizeof *want);
            }
            neox_generation_close(&g);
            neox_unload(&m);
        }
    }
    free(want);
    flat_close(&flat);
}

static void test_bits(void **state)
{
    (void)state;
    check_folder("tests/golden/folders/st-f16");
    check_folder("tests/golden/folders/hub-sequential");
    check_folder("tests/golden/folders/st-bf16");
    check_folder("tests/golden/folders/var-gelu-tanh");
    check_folder("tests/golden/folders/var-no-attention-bias");
    check_folder("tests/golden/neo/st-f16");
    check_folder("tests/golden/neo/var-local");
    check_folder("models/demo/demo-25k/step1000");
}

static uint32_t draw(const float *logits, size_t n, struct sampling s, uint64_t position)
{
    struct err e;
    uint32_t token;
    assert_int_equal(sample_token(logits, n, &s, position, &token, &e), 0);
    assert_true(token < n);
    return token;
}

static void test_greedy(void **state)
{
    (void)state;
    const float logits[] = {NAN, -1, 3, 2, 3, -INFINITY};
    assert_int_equal(draw(logits, 6, (struct sampling){.top_p = 1}, 0), 2);
    assert_int_equal(draw(logits, 6, (struct sampling){.temperature = 1, .top_p = 0}, 3), 2);
    /* A small temperature takes one of the two that are equal. */
    size_t first = 0;
    for (uint64_t i = 0; i < 50; i++) {
        uint32_t token = draw(logits, 6, (struct sampling){.temperature = 1e-3, .top_p = 1}, i);
        assert_true(token == 2 || token == 4);
        first += token == 2;
    }
    assert_true(first > 10 && first < 40);
}

/* Counts of 40,000 draws are within five standard deviations of PROBABILITY [n]. */
static void check_draws(const float *logits, const double *probability, size_t n, struct sampling s)
{
    enum { DRAWS = 40000 };
    size_t count[8] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) count[draw(logits, n, s, i)]++;
    for (size_t i = 0; i < n; i++) {
        double p = probability[i], sd = sqrt(DRAWS * p * (1 - p));
        assert_true(fabs((double)count[i] - DRAWS * p) <= 5 * sd);
    }
}

static void test_draws(void **state)
{
    (void)state;
    /* probabilities 0.5, 0.25, 0.15, 0.1 in another order */
    const float logits[] = {logf(0.15f), logf(0.5f), logf(0.1f), logf(0.25f)};
    check_draws(logits, (double[]){0.15, 0.5, 0.1, 0.25}, 4,
                (struct sampling){.temperature = 1, .top_p = 1, .seed = 1});
    /* 0.7 is reached by the first two; 0.76 by three. */
    check_draws(logits, (double[]){0, 2. / 3, 0, 1. / 3}, 4,
                (struct sampling){.temperature = 1, .top_p = 0.7, .seed = 2});
    check_draws(logits, (double[]){0.15 / 0.9, 0.5 / 0.9, 0, 0.25 / 0.9}, 4,
                (struct sampling){.temperature = 1, .top_p = 0.76, .seed = 3});
    /* Temperature 0.5 squares them. */
    const double sum = 0.0225 + 0.25 + 0.01 + 0.0625;
    check_draws(logits, (double[]){0.0225 / sum, 0.25 / sum, 0.01 / sum, 0.0625 / sum}, 4,
                (struct sampling){.temperature = 0.5, .top_p = 1, .seed = 4});
    const struct sampling s = {.temperature = 1, .top_p = 1, .seed = 5};
    struct sampling t = s;
    t.seed = 6;
    size_t other = 0;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(draw(logits, 4, s, i), draw(logits, 4, s, i));
        other += draw(logits, 4, s, i) != draw(logits, 4, t, i);
    }
    assert_true(other > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
