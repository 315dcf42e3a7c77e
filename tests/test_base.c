/* Unit tests of the base stratum: errors, numbers, output files, random numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/rng.h"

static void numbers(void **state)
{
    (void)state;
    struct err e;
    double v;
    uint64_t n;
    assert_int_equal(parse_real("1.4B", "x", &v, &e), 0);
    assert_true(v == 1.4e9);
    assert_int_equal(parse_real("1e21", "x", &v, &e), 0);
    assert_true(v == 1e21);
    assert_int_equal(parse_real("12Q", "--x", &v, &e), -1);
    assert_non_null(strstr(e.text, "--x: expected a number"));
    assert_int_equal(parse_real("", "x", &v, &e), -1);
    assert_int_equal(parse_real("nan", "x", &v, &e), -1);
    assert_int_equal(parse_count("70.1K", "x", 0, 1000000, &n, &e), 0);
    assert_int_equal(n, 70100);
    assert_int_equal(parse_count("0.5", "x", 0, 10, &n, &e), -1);
    assert_int_equal(parse_count("11", "x", 0, 10, &n, &e), -1);
    char b[24];
    assert_string_equal(format_count(70426624, b, sizeof b), "70.4M");
    assert_string_equal(format_count(999.9, b, sizeof b), "1K");
}

static void outputs_are_whole_or_absent(void **state)
{
    (void)state;
    struct err e;
    struct out out;
    char path[] = "/tmp/tripod-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    char *file = format_string("%s/a", path);
    assert_int_equal(out_open(&out, file, &e), 0);
    assert_int_equal(out_write(&out, "abc", 3, &e), 0);
    assert_false(file_exists(file));
    assert_int_equal(out_commit(&out, &e), 0);
    assert_true(file_exists(file));
    struct map m;
    assert_int_equal(map_open(&m, file, &e), 0);
    assert_int_equal(m.size, 3);
    map_close(&m);
    unlink(file);
    assert_int_equal(out_open(&out, file, &e), 0);
    out_abort(&out);
    assert_int_equal(rmdir(path), 0); /* nothing is left */
    assert_int_equal(map_open(&m, file, &e), -1);
    free(file);
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(map_open(&m, "/dev/full", &e), -1);
        assert_non_null(strstr(e.text, "regular file"));
    }
}

static void random_numbers(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        double g = rng_gaussian(1, 2, i);
        sum += g;
        squares += g * g;
    }
    assert_true(fabs(sum / 1e5) < 0.02);
    assert_true(fabs(squares / 1e5 - 1) < 0.02);
    assert_true(rng_u64(1, 2, 3) != rng_u64(1, 2, 4) && rng_u64(1, 2, 3) != rng_u64(2, 2, 3));
    for (uint64_t i = 0; i < 1000; i++) assert_true(rng_below(7, 0, i, 10) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(outputs_are_whole_or_absent),
        cmocka_unit_test(random_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
