/* Unit tests of the Pythia table: counts against the closed form, steps, names and paths.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "models/suite.h"

static void counts(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct suite_model *m = suite_models; m->size; m++, n++) {
        uint64_t d = m->width, l = m->layers;
        assert_int_equal(m->body, l * (12 * d * d + 13 * d) + 2 * d);
        assert_int_equal(m->total, m->body + 2 * (uint64_t)m->vocab * d);
        assert_int_equal(m->ffn, 4 * m->width);
        assert_int_equal(m->width % m->heads, 0);
        assert_int_equal(m->rotary, m->width / m->heads / 4);
        assert_int_equal(m->vocab % 128, 0);
        assert_ptr_equal(suite_by_shape(m->layers, m->width, m->heads, m->vocab), m);
    }
    assert_int_equal(n, 10);
    assert_null(suite_by_shape(40, 5120, 36, 0)); /* the swapped yml */
}

static void steps(void **state)
{
    (void)state;
    struct suite_id id;
    uint32_t s[SUITE_MAX_STEPS];
    assert_true(suite_find("pythia-70m", &id));
    assert_int_equal(suite_steps(&id, s), 154);
    assert_int_equal(s[0], 0);
    assert_int_equal(s[10], 512);
    assert_int_equal(s[11], 1000);
    assert_int_equal(s[153], 143000);
    assert_true(suite_has_step(&id, 64) && !suite_has_step(&id, 65) && !suite_has_step(&id, -1));
    assert_true(suite_find("pythia-70m-v0", &id));
    assert_int_equal(suite_steps(&id, s), 143);
    assert_false(suite_has_step(&id, 512));
    assert_true(suite_tokens(143000) == 299892736000u);
    assert_true(suite_find("pythia-410m-v0", &id));
    assert_true(suite_v0_tokens(id.model, 71500) == 299892736000u);
    assert_true(suite_find("pythia-12b", &id));
    assert_true(suite_v0_tokens(id.model, 143000) == 299892736000u);
}

static void names(void **state)
{
    (void)state;
    const struct {
        const char *name, *canonical;
    } good[] = {
        {"pythia-70m", "pythia-70m"},
        {"EleutherAI/Pythia-70M", "pythia-70m"},
        {"pythia-70m-deduped", "pythia-70m-deduped"},
        {"pythia-70m-deduped-v0", "pythia-70m-deduped-v0"},
        {"pythia-160m-seed3", "pythia-160m-seed3"},
        {"pythia-160m-weight-seed2", "pythia-160m-seed2"},
        {"pythia-19m", "pythia-70m-v0"},
        {"pythia-1.3b-deduped", "pythia-1.4b-deduped-v0"},
        {"pythia-13b", "pythia-12b-v0"},
        {"pythia-v1.1-70m", "pythia-70m"},
        {"pythia-1b-bf16", "pythia-1b"},
    };
    const char *bad[] = {
        "pythia-71m",        "pythia-1", "pythia-14mx",        "pythia",          "pythia-70m-lora",
        "pythia-160m-seed0", "",         "pythia-160m-seed10", "pythia-v1.1-19m", "gpt-neo-70m"};
    struct suite_id id;
    char b[SUITE_NAME_SIZE];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(suite_find(good[i].name, &id));
        assert_string_equal(suite_name(&id, b, sizeof b), good[i].canonical);
        struct suite_id again;
        assert_true(suite_find(b, &again) && again.model == id.model && again.seed == id.seed);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(suite_find(bad[i], &id));
}

static void paths(void **state)
{
    (void)state;
    const struct {
        const char *path, *name;
        int64_t step;
    } cases[] = {
        {"pythia-70m/step3000", "pythia-70m", 3000},
        {"/data/pythia-70m/step3000/", "pythia-70m", 3000},
        {"/data/pythia-160m-deduped/global_step0", "pythia-160m-deduped", 0},
        {"pythia-70m-step512", "pythia-70m", 512},
        {"pythia-70m_step512", "pythia-70m", 512},
        {"EleutherAI/pythia-70m@step3000", "pythia-70m", 3000},
        {"EleutherAI/pythia-70m@main", "pythia-70m", 143000},
        {"pythia-160m-seed3", "pythia-160m-seed3", -1},
        {"hub/models--EleutherAI--pythia-12b-deduped/snapshots/0123abcd", "pythia-12b-deduped", -1},
        {"./pythia-1.4b///", "pythia-1.4b", -1},
        {"pythia-19m/step1000", "pythia-70m-v0", 1000},
        {"pythia-70m/pythia-160m/step8", "pythia-160m", 8},
    };
    char b[SUITE_NAME_SIZE];
    int64_t step;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(suite_parse_name(cases[i].path, b, &step));
        assert_string_equal(b, cases[i].name);
        assert_int_equal(step, cases[i].step);
    }
    assert_false(suite_parse_name("run7/step250", b, &step));
    assert_string_equal(b, "");
    assert_int_equal(step, 250);
    assert_false(suite_parse_name("pythia-70m-distilled", b, &step));
    assert_false(suite_parse_name("", b, &step));
    assert_false(suite_parse_name("///", b, &step));
    assert_int_equal(step, -1);
    assert_false(suite_parse_name("step12345678901234567890", b, &step));
    assert_int_equal(step, -1);
    assert_false(suite_parse_name("stepx", b, &step));
    assert_int_equal(step, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(steps),
        cmocka_unit_test(names),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
