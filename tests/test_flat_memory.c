/* Unit tests of flat models made in memory: what is written is read back, in every element type; the
 * model in memory and the one in the file give equal losses; what is not finite is refused.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/memory.h"
#include "models/neox/neox.h"
#include "src/base/rng.h"
#include "tests/scratch.h"

/* Widths that are no multiples of a panel's rows or a vector's lanes. */
static const struct neox_config shape = {.layers = 2,
                                         .hidden = 40,
                                         .heads = 4,
                                         .head_size = 10,
                                         .rotary = 4,
                                         .ffn = 90,
                                         .vocab = 1675, /* a tensor of more than one chunk */
                                         .max_positions = 64,
                                         .rope_theta = 10000,
                                         .layer_norm_eps = 1e-5,
                                         .parallel_residual = true,
                                         .attention_bias = true};

static void make(struct flat_model *m)
{
    struct err e;
    assert_int_equal(flat_make(m, &shape, "made", &e), 0);
    for (size_t i = 0; i < m->tensor_count; i++) {
        const struct flat_tensor *t = &m->tensors[i];
        float *w = flat_floats_of(m, i);
        for (size_t r = 0; r < t->rows; r++)
            for (size_t c = 0; c < t->columns; c++) {
                const size_t at =
                    t->layout == FLAT_PANELS
                        ? (r / SIMD_PANEL * t->columns + c) * SIMD_PANEL + r % SIMD_PANEL
                        : r * t->columns + c;
                w[at] = (float)(0.3 * rng_gaussian(7, i, r * t->columns + c));
            }
    }
}

static char *scratch_path(const char *name)
{
    return format_string("%s/%s", scratch, name);
}

static void losses_of(float *loss, const struct flat_model *m, size_t n)
{
    struct err e;
    struct neox model;
    struct neox_run run;
    uint32_t tokens[64];
    for (size_t i = 0; i <= n; i++) tokens[i] = (uint32_t)rng_below(3, 0, i, shape.vocab);
    const struct kernels *k = simd_best();
    assert_int_equal(neox_load(&model, m, k, &products_native, n, &e), 0);
    assert_int_equal(neox_run_open(&run, &model, n, &e), 0);
    const struct neox_piece piece = {.tokens = tokens, .n = n, .loss = loss};
    neox_forward(&model, &run, &piece, 1);
    neox_run_close(&run);
    neox_unload(&model);
}

static void test_float32(void **state)
{
    (void)state;
    struct flat_model m, back;
    struct err e;
    char *path = scratch_path("f32.tripod");
    json_t *provenance = json_pack("{s:s}", "made", "by a test");
    const struct flat_title title = {"small", 12, 3456, provenance};
    make(&m);
    assert_int_equal(flat_write(&m, path, SIMD_F32, &title, &e), 0);
    assert_int_equal(flat_open(&back, path, &e), 0);
    assert_int_equal(flat_verify(&back, &e), 0);
    assert_string_equal(back.name, "small");
    assert_int_equal(back.step, 12);
    assert_true(back.tokens_seen == 3456);
    assert_true(json_equal(back.provenance, provenance));
    assert_int_equal(back.tensor_count, m.tensor_count);
    size_t count, sum = 0;
    const float *w = flat_floats(&m, &count);
    for (size_t i = 0; i < m.tensor_count; i++) {
        const struct flat_tensor *a = &m.tensors[i], *b = &back.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->bytes, b->bytes);
        assert_memory_equal(a->data, b->data, a->bytes);
        assert_int_equal((uintptr_t)a->data % 64, 0);
        assert_true((const float *)a->data >= w + sum);
        sum = (size_t)((const float *)a->data - w) + a->bytes / sizeof *w;
    }
    assert_in_range(count, sum, sum + 15);
    float here[50], there[50];
    losses_of(here, &m, 50);
    losses_of(there, &back, 50);
    assert_memory_equal(here, there, sizeof here);
    assert_true(isfinite(here[49]) && here[0] != here[49]);
    flat_close(&back);
    /* What was read is written again, too. */
    assert_int_equal(flat_open(&back, path, &e), 0);
    char *again = scratch_path("again.tripod");
    assert_int_equal(flat_write(&back, again, SIMD_F32, &title, &e), 0);
    struct map a, b;
    assert_int_equal(map_open(&a, path, &e), 0);
    assert_int_equal(map_open(&b, again, &e), 0);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    map_close(&a);
    map_close(&b);
    flat_close(&back);
    flat_close(&m);
    json_decref(provenance);
    free(path);
    free(again);
}

static void test_narrowed(void **state)
{
    const enum simd_dtype dtype = *(const enum simd_dtype *)*state;
    struct flat_model m, back;
    struct err e;
    char *path = scratch_path("narrow.tripod");
    json_t *provenance = json_object();
    const struct flat_title title = {"", -1, -1, provenance};
    const struct kernels *k = simd_kernels(SIMD_SCALAR);
    make(&m);
    assert_int_equal(flat_write(&m, path, dtype, &title, &e), 0);
    assert_int_equal(flat_open(&back, path, &e), 0);
    assert_int_equal(flat_verify(&back, &e), 0);
    for (size_t i = 0; i < m.tensor_count; i++) {
        const size_t n = m.tensors[i].bytes / sizeof(float);
        uint16_t *expected = malloc(n * sizeof *expected);
        (dtype == SIMD_F16 ? k->f32_to_f16 : k->f32_to_bf16)(expected, m.tensors[i].data, n);
        assert_int_equal(back.tensors[i].dtype, dtype);
        assert_int_equal(back.tensors[i].bytes, 2 * n);
        assert_memory_equal(back.tensors[i].data, expected, 2 * n);
        free(expected);
    }
    /* A narrow model cannot be written as if it were float32. */
    assert_int_equal(flat_write(&back, path, SIMD_F32, &title, &e), -1);
    assert_non_null(strstr(e.text, "expected float32"));
    flat_close(&back);
    flat_close(&m);
    json_decref(provenance);
    free(path);
}

static void test_not_finite(void **state)
{
    (void)state;
    struct flat_model m;
    struct err e;
    char *path = scratch_path("none.tripod");
    json_t *provenance = json_object();
    const struct flat_title title = {"", -1, -1, provenance};
    make(&m);
    float *w = flat_floats_of(&m, 5);
    w[33] = 1e30f; /* beyond float16 alone */
    assert_int_equal(flat_write(&m, path, SIMD_F16, &title, &e), -1);
    assert_non_null(strstr(e.text, m.tensors[5].name));
    assert_false(file_exists(path));
    w[33] = NAN;
    assert_int_equal(flat_write(&m, path, SIMD_F32, &title, &e), -1);
    assert_false(file_exists(path));
    w[33] = 1e30f;
    assert_int_equal(flat_write(&m, path, SIMD_BF16, &title, &e), 0);
    flat_close(&m);
    struct neox_config odd = shape;
    odd.heads = 3;
    assert_int_equal(flat_make(&m, &odd, "made", &e), -1);
    assert_null(m.memory);
    json_decref(provenance);
    free(path);
}

int main(void)
{
    static enum simd_dtype f16 = SIMD_F16, bf16 = SIMD_BF16;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float32), cmocka_unit_test_prestate(test_narrowed, &f16),
        cmocka_unit_test_prestate(test_narrowed, &bf16), cmocka_unit_test(test_not_finite)};
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
