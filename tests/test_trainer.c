/* test_trainer.c - the training step: gradients against central differences in double and against a
 * float64 twin over 50 steps, AdamW against its formula, losses of a scan, and the same bits however a
 * batch is computed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>

#include "models/neox/neox.h"
#include "models/train/trainer.h"
#include "src/base/rng.h"
#include "tests/plain_neox.h"

static struct neox_config form(size_t layers, size_t hidden, size_t heads, size_t ffn, size_t vocab)
{
    return (struct neox_config){.layers = layers,
                                .hidden = hidden,
                                .heads = heads,
                                .head_size = hidden / heads,
                                .rotary = 4,
                                .ffn = ffn,
                                .vocab = vocab,
                                .max_positions = 32,
                                .rope_theta = 10000,
                                .layer_norm_eps = 1e-5,
                                .parallel_residual = true,
                                .attention_bias = true};
}

static void open_trainer(struct trainer *t, const struct neox_config *c,
                         const struct trainer_shape *shape, const struct kernels *kernels)
{
    struct err e = {0};
    if (trainer_open(t, c, shape, 11, kernels, &e)) fail_msg("%s", e.text);
}

/* [rows][length + 1] tokens; the caller frees. */
static uint32_t *make_tokens(const struct trainer_shape *s, size_t vocab, uint64_t stream)
{
    const size_t n = s->rows * (s->length + 1);
    uint32_t *tokens = malloc(n * sizeof *tokens);
    for (size_t i = 0; i < n; i++) tokens[i] = (uint32_t)rng_below(3, stream, i, vocab);
    return tokens;
}

/* Where element (r, c) of a tensor is. */
static size_t element_at(const struct flat_tensor *t, size_t r, size_t c)
{
    return t->layout == FLAT_PANELS ? (r / 32 * t->columns + c) * 32 + r % 32 : r * t->columns + c;
}

static float *gradient_of(const struct trainer *t, size_t i)
{
    return t->g + (flat_floats_of(&t->flat, i) - t->w);
}

/* Weights far from the beginning's: deviation 0.3, biases too. */
static void stir(struct trainer *t)
{
    for (size_t i = 0; i < t->flat.tensor_count; i++) {
        const struct flat_tensor *is = &t->flat.tensors[i];
        float *w = flat_floats_of(&t->flat, i);
        for (size_t r = 0; r < is->rows; r++)
            for (size_t c = 0; c < is->columns; c++)
                w[element_at(is, r, c)] += (float)(0.3 * rng_gaussian(5, i, r * is->columns + c));
    }
}

/* --- the gradient --- */

static double mean_loss(const struct plain *p, const struct trainer_shape *s,
                        const uint32_t *tokens)
{
    double sum = 0;
    for (size_t r = 0; r < s->rows; r++)
        for (size_t n = 1; n <= s->length; n++)
            sum += plain_loss(p, tokens + r * (s->length + 1), n);
    return sum / (double)(s->rows * s->length);
}

static void check_differences(struct neox_config config)
{
    enum { CHOSEN = 12 };
    const struct trainer_shape shape = {.rows = 2, .length = 6, .threads = 1};
    struct trainer t;
    struct plain p;
    uint32_t *tokens = make_tokens(&shape, config.vocab, 1);
    tokens[3] = tokens[1]; /* one row of the embedding twice */
    open_trainer(&t, &config, &shape, simd_best());
    stir(&t);
    plain_new(&p, &t.flat);
    assert_true(fabs(trainer_gradient(&t, tokens) - mean_loss(&p, &shape, tokens)) < 1e-5);
    for (size_t i = 0; i < t.flat.tensor_count; i++) {
        const struct flat_tensor *is = &t.flat.tensors[i];
        const size_t size = is->rows * is->columns, step = size / CHOSEN + 1;
        double difference = 0, norm = 0;
        for (size_t k = 0; k < size; k += step) {
            /* of the embedding rows that occur */
            const size_t r = i ? k / is->columns : tokens[k % shape.length], c = k % is->columns;
            double *w = &p.tensor[i][r * is->columns + c], old = *w, h = 1e-5;
            *w = old + h;
            const double up = mean_loss(&p, &shape, tokens);
            *w = old - h;
            const double want = (up - mean_loss(&p, &shape, tokens)) / (2 * h);
            *w = old;
            const double error = (double)gradient_of(&t, i)[element_at(is, r, c)] - want;
            difference += error * error;
            norm += want * want;
        }
        assert_true(norm > 0);
        if (!(sqrt(difference / norm) < 5e-6))
            fail_msg("%s: relative error %g", is->name, sqrt(difference / norm));
    }
    plain_free(&p);
    trainer_close(&t);
    free(tokens);
}

static void test_differences(void **state)
{
    (void)state;
    struct neox_config c = form(2, 24, 3, 40, 37);
    check_differences(c);
    c.parallel_residual = false;
    check_differences(c);
    c.activation = NEOX_GELU_TANH;
    c.attention_bias = false;
    check_differences(c);
    c.parallel_residual = true;
    c.layers = 1;
    check_differences(c);
}

/* The scan's losses, also where a vocabulary is computed in parts. */
static void test_losses(void **state)
{
    (void)state;
    static const struct {
        size_t vocab, rows, length;
    } cases[] = {{300, 5, 70}, {1024, 2, 33}, {2500, 2, 130}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct neox_config c = form(2, 40, 4, 90, cases[k].vocab);
        const struct trainer_shape shape = {cases[k].rows, cases[k].length, 1, 0};
        struct neox_piece pieces[5];
        struct err e;
        struct trainer t;
        struct neox_run run;
        const size_t n = shape.rows * shape.length;
        float *losses = malloc(n * sizeof *losses);
        double sum = 0;
        uint32_t *tokens = make_tokens(&shape, c.vocab, k);
        open_trainer(&t, &c, &shape, simd_best());
        assert_int_equal(neox_run_open(&run, &t.model, n, &e), 0);
        for (int step = 0; step < 3; step++) { /* as the weights change */
            for (size_t r = 0; r < shape.rows; r++)
                pieces[r] = (struct neox_piece){.tokens = tokens + r * (shape.length + 1),
                                                .n = shape.length,
                                                .loss = losses + r * shape.length};
            neox_forward(&t.model, &run, pieces, shape.rows);
            sum = 0;
            for (size_t i = 0; i < n; i++) sum += (double)losses[i];
            const struct trainer_rates rates = TRAINER_RATES;
            assert_true(trainer_step(&t, tokens, &rates, NULL) == sum / (double)n);
        }
        neox_run_close(&run);
        trainer_close(&t);
        free(tokens);
        free(losses);
    }
}

/* --- bits --- */

/* Two steps; then all of w, m, v, g, one after the other, which the caller frees. */
static float *two_steps(const struct neox_config *c, const struct trainer_shape *s,
                        const struct kernels *kernels, size_t *floats, double *result)
{
    struct trainer t;
    const struct trainer_rates rates = TRAINER_RATES;
    open_trainer(&t, c, s, kernels);
    for (uint64_t i = 0; i < 2; i++) {
        uint32_t *tokens = make_tokens(s, c->vocab, i);
        result[2 * i] = trainer_step(&t, tokens, &rates, &result[2 * i + 1]);
        free(tokens);
    }
    assert_int_equal(t.steps, 2);
    *floats = 4 * t.floats;
    float *all = malloc(*floats * sizeof *all);
    const float *const parts[] = {t.w, t.m, t.v, t.g};
    for (size_t i = 0; i < 4; i++) memcpy(all + i * t.floats, parts[i], t.floats * sizeof *all);
    trainer_close(&t);
    return all;
}

static void check_bits(const struct neox_config *c, size_t rows, size_t length, int cases)
{
    static const size_t chunks[] = {1, 512, 1 << 20};
    const struct trainer_shape alone = {rows, length, 1, 0};
    size_t floats, n;
    double want[4], got[4];
    float *first = two_steps(c, &alone, simd_kernels(SIMD_SCALAR), &floats, want);
    assert_true(want[0] > 1 && want[1] > 0 && want[2] != want[0]);
    for (int i = 0; i < cases; i++) {
        const struct trainer_shape s = {rows, length, 1 + i % 3, chunks[i / 3]};
        const struct kernels *k = simd_kernels(i / 3 % 2 == i % 2 ? SIMD_AVX512 : SIMD_AVX2);
        float *other = two_steps(c, &s, k ? k : simd_best(), &n, got);
        assert_int_equal(n, floats);
        assert_memory_equal(other, first, floats * sizeof *first);
        assert_memory_equal(got, want, sizeof want);
        free(other);
    }
    free(first);
}

static void test_bits(void **state)
{
    (void)state;
    struct neox_config c = form(2, 24, 3, 40, 1100);
    check_bits(&c, 5, 128, 9);
    check_bits(&c, 3, 100, 4); /* no whole number of sequences is one of chains */
    c.parallel_residual = false;
    c.activation = NEOX_GELU_TANH;
    c.vocab = 70;
    check_bits(&c, 2, 384, 9);
    c = form(1, 272, 2, 40, 70); /* two strips */
    check_bits(&c, 5, 64, 4);
}

/* --- AdamW --- */

/* One step's updates from its own gradient, in double. */
static void test_update(void **state)
{
    (void)state;
    const struct neox_config c = form(1, 24, 3, 40, 37);
    const struct trainer_shape shape = {.rows = 4, .length = 8, .threads = 1};
    struct trainer t;
    uint32_t *tokens = make_tokens(&shape, c.vocab, 0);
    open_trainer(&t, &c, &shape, simd_best());
    stir(&t);
    const size_t bytes = t.floats * sizeof(float);
    float *w = malloc(bytes), *m = malloc(bytes), *v = malloc(bytes);
    for (uint64_t step = 1; step <= 3; step++) {
        struct trainer_rates r = TRAINER_RATES;
        double norm, sum = 0;
        r.rate = 0.01;
        r.epsilon = 1e-4; /* large enough to be seen */
        r.clip = step == 2 ? 0 : 0.25;
        memcpy(w, t.w, bytes);
        memcpy(m, t.m, bytes);
        memcpy(v, t.v, bytes);
        trainer_step(&t, tokens, &r, &norm);
        for (size_t i = 0; i < t.floats; i++) sum += (double)t.g[i] * (double)t.g[i];
        assert_true(norm > 0.3);
        assert_true(fabs(sqrt(sum) / (r.clip > 0 ? r.clip : norm) - 1) < 1e-6);
        for (size_t i = 0; i < t.flat.tensor_count; i++) {
            const struct flat_tensor *is = &t.flat.tensors[i];
            const bool decays = i == 0 || is->layout == FLAT_PANELS;
            const size_t first = (size_t)(flat_floats_of(&t.flat, i) - t.w);
            for (size_t k = first; k < first + is->bytes / sizeof(float); k++) {
                const double g = (double)t.g[k];
                const double mean = r.beta1 * (double)m[k] + (1 - r.beta1) * g;
                const double square = r.beta2 * (double)v[k] + (1 - r.beta2) * g * g;
                const double up = mean / (1 - pow(r.beta1, (double)step));
                const double down = sqrt(square / (1 - pow(r.beta2, (double)step))) + r.epsilon;
                const double want =
                    (double)w[k] * (1 - (decays ? r.rate * r.decay : 0)) - r.rate * up / down;
                assert_true(fabs((double)t.m[k] - mean) <= 1e-6 * (fabs(mean) + fabs(g)));
                assert_true(fabs((double)t.v[k] - square) <= 1e-6 * square + 1e-20);
                assert_true(fabs((double)t.w[k] - want) <= 2.5e-7 * fabs(want) + 1e-8);
            }
        }
    }
    free(w);
    free(m);
    free(v);
    free(tokens);
    trainer_close(&t);
}

/* What no element of a tensor is stays zero. */
static void test_padding(void **state)
{
    (void)state;
    const struct neox_config c = form(2, 40, 5, 90, 70);
    const struct trainer_shape shape = {.rows = 4, .length = 16, .threads = 2};
    struct trainer t;
    const struct trainer_rates rates = TRAINER_RATES;
    uint32_t *tokens = make_tokens(&shape, c.vocab, 0);
    open_trainer(&t, &c, &shape, simd_best());
    for (int step = 0; step < 5; step++) trainer_step(&t, tokens, &rates, NULL);
    bool *element = calloc(t.floats, sizeof *element);
    for (size_t i = 0; i < t.flat.tensor_count; i++) {
        const struct flat_tensor *is = &t.flat.tensors[i];
        const size_t first = (size_t)(flat_floats_of(&t.flat, i) - t.w);
        for (size_t r = 0; r < is->rows; r++)
            for (size_t k = 0; k < is->columns; k++) element[first + element_at(is, r, k)] = true;
    }
    size_t padding = 0, moved = 0;
    for (size_t i = 0; i < t.floats; i++) {
        padding += !element[i];
        moved += element[i] && t.m[i] != 0;
        if (!element[i]) assert_true(t.w[i] == 0 && t.m[i] == 0 && t.v[i] == 0 && t.g[i] == 0);
    }
    assert_true(padding > 2000);
    assert_true(moved + 40 * 35 > t.floats - padding); /* but for tokens that do not occur */
    free(element);
    free(tokens);
    trainer_close(&t);
}

/* --- the twin --- */

static struct trainer_shape twin_shape(void)
{
    return (struct trainer_shape){.rows = 8, .length = 16, .threads = 1};
}

/* trainer_reference.py's batch(): three of four tokens follow from the one before. */
static void twin_batch(uint32_t *tokens, uint64_t step)
{
    const struct trainer_shape s = twin_shape();
    for (size_t r = 0; r < s.rows; r++, tokens += s.length + 1)
        for (size_t i = 0; i <= s.length; i++) {
            const uint64_t word = rng_u64(11, 5, (step * s.rows + r) * (s.length + 1) + i);
            const bool fresh = i == 0 || word % 4 == 0;
            tokens[i] = (uint32_t)(fresh ? (word >> 8) % 37 : (5 * tokens[i - 1] + 3) % 37);
        }
}

/* The largest |got - want| / |want| it saw. */
static void nearer(double *worst, double got, double want)
{
    *worst = fmax(*worst, fabs(got - want) / fabs(want));
}

static void check_tensor(const struct trainer *t, const struct trainer *start, size_t i,
                         const json_t *want)
{
    const struct flat_tensor *is = &t->flat.tensors[i];
    const float *w = flat_floats_of(&t->flat, i), *w0 = flat_floats_of(&start->flat, i);
    const json_t *weights = json_object_get(want, "weights");
    const size_t size = is->rows * is->columns, step = 1 + size / 15;
    double moved = 0, worst = 0;
    for (size_t k = 0; k < is->bytes / sizeof *w; k++)
        moved += ((double)w[k] - (double)w0[k]) * ((double)w[k] - (double)w0[k]);
    nearer(&worst, sqrt(moved), json_number_value(json_object_get(want, "moved")));
    /* A key's bias that does not turn changes no score: its gradient is rounding, which AdamW makes as
     * large as any. */
    const bool bias = strstr(is->name, "query_key_value.bias");
    if (!(worst < (bias ? 0.05 : 1e-4))) fail_msg("%s: moved %g off", is->name, worst);
    assert_int_equal(json_array_size(weights), (size + step - 1) / step);
    for (size_t k = 0; k < size; k += step) {
        if (bias && k / 24 == 1 && k % 8 >= 4) continue;
        const double here = (double)w[element_at(is, k / is->columns, k % is->columns)];
        const double there = json_number_value(json_array_get(weights, k / step));
        if (!(fabs(here - there) < 1e-4 * sqrt(moved / (double)size) + 1e-6))
            fail_msg("%s, element %zu: expected %.8f, found %.8f", is->name, k, there, here);
    }
}

static void check_run(const json_t *want)
{
    struct neox_config c = form(2, 24, 3, 56, 37);
    const struct trainer_shape shape = twin_shape();
    struct trainer t, start;
    uint32_t tokens[8 * 17];
    c.parallel_residual = json_is_true(json_object_get(want, "parallel"));
    c.activation = json_is_true(json_object_get(want, "exact")) ? NEOX_GELU_ERF : NEOX_GELU_TANH;
    open_trainer(&t, &c, &shape, simd_best());
    open_trainer(&start, &c, &shape, simd_best());
    const json_t *losses = json_object_get(want, "losses"), *norms = json_object_get(want, "norms");
    const json_t *tensors = json_object_get(want, "tensors");
    double loss = 0, size = 0, norm;
    assert_int_equal(json_array_size(losses), 50);
    for (uint64_t step = 0; step < 50; step++) {
        struct trainer_rates rates = TRAINER_RATES;
        rates.rate = 4e-3 * fmin(1, (double)(step + 1) / 10);
        twin_batch(tokens, step);
        nearer(&loss, trainer_step(&t, tokens, &rates, &norm),
               json_number_value(json_array_get(losses, step)));
        nearer(&size, norm, json_number_value(json_array_get(norms, step)));
    }
    if (!(loss < 1e-4 && size < 1e-4)) fail_msg("loss %g off, norm %g", loss, size);
    assert_int_equal(json_array_size(tensors), t.flat.tensor_count);
    for (size_t i = 0; i < t.flat.tensor_count; i++)
        check_tensor(&t, &start, i, json_array_get(tensors, i));
    if (getenv("SHOW")) printf("loss %g off, norm %g\n", loss, size);
    trainer_close(&start);
    trainer_close(&t);
}

static void test_twin(void **state)
{
    (void)state;
    json_error_t error;
    json_t *j = json_load_file("tests/golden/trainer.json", 0, &error);
    if (!j) fail_msg("trainer.json: %s", error.text);
    const json_t *runs = json_object_get(j, "runs");
    assert_int_equal(json_array_size(runs), 2);
    for (size_t i = 0; i < 2; i++) check_run(json_array_get(runs, i));
    json_decref(j);
}

/* --- the beginning, and what is refused --- */

static void test_first_weights(void **state)
{
    (void)state;
    const struct neox_config c = form(3, 96, 3, 384, 300);
    const struct trainer_shape shape = {.rows = 1, .length = 8, .threads = 2};
    struct trainer t, other;
    open_trainer(&t, &c, &shape, simd_best());
    open_trainer(&other, &c, &shape, simd_kernels(SIMD_SCALAR));
    assert_memory_equal(t.w, other.w, t.floats * sizeof *t.w);
    for (size_t i = 0; i < t.flat.tensor_count; i++) {
        const struct flat_tensor *is = &t.flat.tensors[i];
        const float *w = flat_floats_of(&t.flat, i);
        const double n = (double)(is->rows * is->columns);
        double sum = 0, squares = 0;
        for (size_t k = 0; k < is->bytes / sizeof *w; k++) {
            sum += (double)w[k];
            squares += (double)w[k] * (double)w[k];
        }
        if (is->rows == 1) {
            assert_true(sum == (strstr(is->name, "norm.weight") ? n : 0));
            continue;
        }
        const bool output = strstr(is->name, "attention.dense.") || strstr(is->name, "4h_to_h.");
        const double want = output ? 2 / (3 * sqrt(96)) : sqrt(2.0 / (5 * 96));
        assert_true(fabs(sqrt(squares / n) / want - 1) < 4 / sqrt(2 * n));
        assert_true(fabs(sum / n) < 4 * want / sqrt(n));
    }
    trainer_close(&other);
    trainer_close(&t);
}

static void refused(const struct neox_config *c, size_t rows, size_t length, int threads,
                    const char *message)
{
    struct trainer t;
    struct err e;
    const struct trainer_shape shape = {rows, length, threads, 0};
    assert_int_equal(trainer_open(&t, c, &shape, 1, simd_best(), &e), -1);
    if (!strstr(e.text, message)) fail_msg("expected '%s', found '%s'", message, e.text);
    trainer_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    struct neox_config c = form(1, 24, 3, 40, 37);
    refused(&c, 0, 8, 1, "0 sequences of 8 tokens");
    refused(&c, 8, 0, 1, "8 sequences of 0 tokens");
    refused(&c, 8, 8, 0, "0 threads");
    refused(&c, 1 << 20, 1 << 20, 1, "2^24 tokens");
    c.tied_embeddings = true;
    refused(&c, 8, 8, 1, "tie_word_embeddings");
    c.tied_embeddings = false;
    c.learned_positions = true;
    refused(&c, 8, 8, 1, "GPT-Neo");
}

/* 16 bytes a parameter and the activations of a chunk, however large the batch. */
static void test_bytes(void **state)
{
    (void)state;
    const struct neox_config c = form(2, 64, 4, 256, 256);
    const struct trainer_shape few = {8, 128, 1, 0}, many = {512, 128, 1, 0};
    const double parameters = neox_parameters(&c, true);
    const double a = (double)trainer_bytes(&c, &few), b = (double)trainer_bytes(&c, &many);
    assert_true(a > 16 * parameters);
    assert_true(b - a < 16 * 504 * 128);
    assert_true(trainer_flop(&c, &few) > trainer_flop_6nd(&c, &few));
    assert_true(trainer_flop(&c, &few) < 2 * trainer_flop_6nd(&c, &few));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),   cmocka_unit_test(test_losses),
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_update),
        cmocka_unit_test(test_padding),       cmocka_unit_test(test_twin),
        cmocka_unit_test(test_first_weights), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
