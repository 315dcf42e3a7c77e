/* Unit tests of the parameter and FLOP formulas: nanoGPT's notebook, Chinchilla's Tables A4 and A9,
 * the Pythia suite, MinChilla's models. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/count.h"
#include "models/suite.h"

static uint64_t n_of(struct count_config c, enum count_n which)
{
    struct err e;
    struct count_params p;
    assert_int_equal(count_check(&c, &e), 0);
    count_params(&c, &p);
    return count_n(&p, &c, which);
}

static void gpt(void **state)
{
    (void)state;
    struct count_config c = {.family = COUNT_GPT,
                             .layers = 12,
                             .width = 768,
                             .heads = 12,
                             .vocab = 50257,
                             .sequence = 1024,
                             .tied = true};
    assert_int_equal(n_of(c, COUNT_N_HEAD), 123653376);
    assert_int_equal(n_of(c, COUNT_N_TOTAL), 124439808); /* GPT-2 small */
    c.tied = false;
    assert_int_equal(n_of(c, COUNT_N_HEAD), 123653376);
}

/* Local layers: of s^2 pairs those less than a window apart, counted one by one. */
static void local(void **state)
{
    (void)state;
    enum { S = 700, W = 256 };
    struct count_config c = {.family = COUNT_GPT,
                             .layers = 4,
                             .width = 768,
                             .heads = 16,
                             .vocab = 50257,
                             .sequence = S,
                             .no_qkv_bias = true,
                             .local = 2,
                             .window = W,
                             .tied = true};
    struct count_flops f, all;
    struct err e;
    assert_int_equal(count_check(&c, &e), 0);
    count_flops(&c, &f);
    double pairs = 0;
    for (int i = 0; i < S; i++)
        for (int j = 0; j < S; j++) pairs += 2 + 2 * (abs(i - j) < W);
    assert_true(fabs(f.scores / (2 * 768 * pairs) - 1) < 1e-14);
    assert_true(f.values == f.scores && fabs(f.softmax / (3 * 16 * pairs) - 1) < 1e-14);
    struct count_params p;
    count_params(&c, &p);
    assert_int_equal(p.attention + p.mlp, 28329984); /* TinyStories-33M's */
    c.local = 0;
    count_flops(&c, &all);
    assert_true(all.scores == 4. * 2 * S * S * 768 && all.mlp == f.mlp && all.qkv == f.qkv);
}

/* The notebook's 50 estimates as printed (millions, four decimals). */
static const double notebook[COUNT_A9] = {
    43.7094,    57.3287,   73.8253,   89.8285,   105.8317,   116.7283,   139.7660,   162.8037,
    174.9745,   195.8746,  216.7747,  251.1196,  278.4133,   305.7070,   424.6938,   488.6490,
    509.3356,   552.6042,  586.7150,  632.3389,  664.0945,   724.4206,   816.5023,   892.8138,
    1018.1338,  1143.4537, 1265.7869, 1424.5576, 1429.4569,  1593.1269,  1609.3196,  1730.7878,
    1794.0815,  2006.9637, 2283.1396, 2298.0403, 2638.9811,  2979.9219,  3468.9339,  3802.8109,
    4152.0233,  4516.5711, 6796.2747, 9294.0206, 11714.6222, 12296.1623, 13124.4826, 14614.4279,
    16037.5039, 16184.4582};

static void chinchilla_a9(void **state)
{
    (void)state;
    const double corrected[] = {3530.89, 4084.17, 11452.75, 12569.93, 13736.39, 14941.44};
    size_t six = 0;
    for (size_t i = 0; i < COUNT_A9; i++) {
        const struct count_a9 *a = &count_a9[i];
        struct count_config c = {.family = COUNT_CHINCHILLA,
                                 .layers = a->layers,
                                 .width = a->width,
                                 .heads = a->heads,
                                 .key = a->key,
                                 .ffn = a->ffn,
                                 .vocab = 32000,
                                 .sequence = 1024,
                                 .square_attention = true};
        double square = 1e-6 * (double)n_of(c, COUNT_N_HEAD);
        assert_true(fabs(square - notebook[i]) < 0.5e-4 + 1e-9);
        c.square_attention = false;
        double right = 1e-6 * (double)n_of(c, COUNT_N_HEAD);
        if (a->heads * a->key != a->width) {
            assert_true(fabs(right - corrected[six]) < 0.5e-2);
            assert_true(fabs(right / a->millions - 1) < 0.00027);
            six++;
        } else {
            assert_true(right == square);
        }
        assert_true(fabs(right / a->millions - 1) < 0.0067);
    }
    assert_int_equal(six, 6);
}

static void chinchilla_a4(void **state)
{
    (void)state;
    const struct {
        uint64_t l, d, f, h, n;
        double flops, sixns, ratio, appendix;
    } rows[] = {
        {10, 640, 2560, 10, 73825280, 929877196800, 907165040640, 1.025036, 6.99802e8},
        {20, 1024, 4096, 16, 305707008, 4135248199680, 3756527714304, 1.100817, 2.41238e9},
        {24, 1280, 5120, 10, 552604160, 7353453772800, 6790399918080, 1.082919, 4.08207e9},
        {26, 1792, 7168, 14, 1143453696, 14670316437504, 14050759016448, 1.044094, 7.85137e9},
        {28, 2048, 8192, 16, 1593126912, 20220437594112, 19576343494656, 1.032902, 1.06597e10},
        {40, 3584, 14336, 28, 6796274688, 83021046743040, 83512623366144, 0.994114, 4.19139e10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e;
        struct count_config c = {.family = COUNT_CHINCHILLA,
                                 .layers = rows[i].l,
                                 .width = rows[i].d,
                                 .heads = rows[i].h,
                                 .ffn = rows[i].f,
                                 .vocab = 32000,
                                 .sequence = 2048};
        assert_int_equal(count_check(&c, &e), 0);
        assert_int_equal(n_of(c, COUNT_N_HEAD), rows[i].n);
        double F = 2048 * count_training(&c, COUNT_F_LAYERS);
        double six = 2048 * count_training(&c, COUNT_F_6N_HEAD);
        assert_true(F == rows[i].flops);
        assert_true(six == rows[i].sixns);
        assert_true(fabs(F / six - rows[i].ratio) < 0.5e-6);
        double appendix = count_training(&c, COUNT_F_APPENDIX);
        assert_true(fabs(appendix / rows[i].appendix - 1) < 1e-6);
        if (i == 0) assert_true(fabs(2048 * appendix / six - 1.5799) < 0.5e-4);
    }
}

static void pythia(void **state)
{
    (void)state;
    const double gflop[] = {0.017, 0.038, 0.096, 0.266, 0.758, 1.885, 2.724, 5.461, 13.570, 23.551};
    for (size_t i = 0; suite_models[i].size; i++) {
        const struct suite_model *m = &suite_models[i];
        struct err e;
        struct count_config c = {.family = COUNT_NEOX,
                                 .layers = m->layers,
                                 .width = m->width,
                                 .heads = m->heads,
                                 .vocab = m->vocab,
                                 .sequence = 2048};
        assert_int_equal(count_check(&c, &e), 0);
        assert_int_equal(n_of(c, COUNT_N_BODY), m->body);
        assert_int_equal(n_of(c, COUNT_N_TOTAL), m->total);
        assert_int_equal(n_of(c, COUNT_N_HEAD), m->body + (uint64_t)m->vocab * m->width);
        assert_true(fabs(1e-9 * count_forward(&c, 512) - gflop[i]) <= 0.0005001);
    }
}

static void minchilla(void **state)
{
    (void)state;
    const uint64_t n[] = {3248302,  6276334,  10780590,  17055982,  25397422,  36099822, 49458094,
                          65767150, 85321902, 108417262, 135348142, 166409454, 201896110};
    for (uint64_t i = 0; i < 13; i++) {
        uint64_t d = 256 + 64 * i;
        struct count_config c = {.family = COUNT_ENCODER,
                                 .layers = d / 64,
                                 .width = d,
                                 .heads = d / 64,
                                 .vocab = 174,
                                 .sequence = 128};
        assert_int_equal(n_of(c, COUNT_N_TOTAL), n[i]);
    }
}

static void bad(void **state)
{
    (void)state;
    struct err e;
    struct count_config c = {.family = COUNT_NEOX,
                             .layers = 36,
                             .width = 5120,
                             .heads = 36,
                             .vocab = 50688,
                             .sequence = 2048};
    assert_int_equal(count_check(&c, &e), -1);
    assert_non_null(strstr(e.text, "36 do not divide the width 5120"));
    c.heads = 0;
    assert_int_equal(count_check(&c, &e), -1);
    c.heads = 40;
    c.width = UINT64_MAX;
    assert_int_equal(count_check(&c, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt),           cmocka_unit_test(local),  cmocka_unit_test(chinchilla_a9),
        cmocka_unit_test(chinchilla_a4), cmocka_unit_test(pythia), cmocka_unit_test(minchilla),
        cmocka_unit_test(bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
