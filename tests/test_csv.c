/* Unit tests of the CSV reader: grammar, positions, messages.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/csv.h"
#include "src/base/file.h"

static int parse(struct csv *c, const char *text, struct err *e)
{
    return csv_read_memory(c, "t.csv", text, strlen(text), e);
}

static void grammar(void **state)
{
    (void)state;
    struct csv c;
    struct err e;
    assert_int_equal(parse(&c,
                           "\xEF\xBB\xBF"
                           "name,\"Model Size\",loss\r\n"
                           "\r\n"
                           "\"a \"\"b\"\", c\",1.4B,3.5\r\n"
                           "\"two\nlines\",\xE2\x88\x92"
                           "2e3, 4 \n"
                           "\n"
                           "last,1,",
                           &e),
                     0);
    assert_int_equal(c.rows, 3);
    assert_int_equal(c.columns, 3);
    assert_string_equal(csv_header(&c, 0), "name");
    assert_string_equal(csv_field(&c, 0, 0), "a \"b\", c");
    assert_string_equal(csv_field(&c, 1, 0), "two\nlines");
    assert_string_equal(csv_field(&c, 1, 2), "4");
    assert_string_equal(csv_field(&c, 2, 2), "");
    assert_int_equal(c.line[1], 3);
    assert_int_equal(c.line[2], 4);
    assert_int_equal(c.line[3], 7);
    assert_int_equal(csv_find(&c, "model size"), 1);
    assert_int_equal(csv_find(&c, "x"), CSV_NONE);
    double v;
    assert_int_equal(csv_number(&c, 0, 1, &v, &e), 0);
    assert_true(v == 1.4e9);
    assert_int_equal(csv_number(&c, 1, 1, &v, &e), 0);
    assert_true(v == -2000);
    assert_int_equal(csv_number(&c, 2, 2, &v, &e), -1);
    assert_string_equal(e.text, "t.csv: line 7, column 3 (loss): expected a number, found nothing");
    csv_close(&c);
    assert_int_equal(parse(&c, "a\tb c\n 1 \t\n", &e), 0);
    assert_int_equal(c.columns, 2);
    assert_string_equal(csv_field(&c, 0, 0), "1");
    assert_string_equal(csv_field(&c, 0, 1), "");
    csv_close(&c);
    assert_int_equal(parse(&c, "a;b;a\r1;2;3\r", &e), 0);
    assert_int_equal(c.columns, 3);
    assert_int_equal(csv_find(&c, "a"), CSV_TWICE);
    csv_close(&c);
}

/* One column, and no newline at the end. */
static void last_line(void **state)
{
    (void)state;
    struct csv c;
    struct err e;
    assert_int_equal(parse(&c, "N\n1\n\n2", &e), 0);
    assert_int_equal(c.rows, 2);
    assert_int_equal(c.line[2], 4);
    csv_close(&c);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.csv: expected a header and rows, found an empty file"},
        {"\n\n", "t.csv: expected a header and rows, found an empty file"},
        {"a,b\n", "t.csv: line 1: expected data rows after the header, found none"},
        {"a,b\n1,2\n\n3\n", "t.csv: line 4: expected 2 fields as in the header, found 1"},
        {"a,b\n1,2,3\n", "t.csv: line 2: expected 2 fields as in the header, found 3"},
        {"a,b\n1,2\n1,\"x\"y\n",
         "t.csv: line 3, column 2: expected a quote only around a whole field "
         "(doubled inside it), found otherwise at character 6"},
        {"a,b\n1,x\"y\n", "t.csv: line 2, column 2: expected a quote only around a whole field "
                          "(doubled inside it), found otherwise at character 4"},
        {"a,b\n1,2\n3,\"4\n5,6\n", "t.csv: line 3, column 2: a quote is opened and never closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv c;
        struct err e;
        assert_int_equal(parse(&c, cases[i].text, &e), -1);
        assert_string_equal(e.text, cases[i].message);
    }
    struct csv c;
    struct err e;
    assert_int_equal(csv_read_memory(&c, "t.csv", "a\0,\0", 4, &e), -1);
    assert_non_null(strstr(e.text, "line 1: expected text, found a zero byte"));
    assert_int_equal(csv_read(&c, "/nonexistent/x.csv", &e), -1);
    assert_non_null(strstr(e.text, "/nonexistent/x.csv: cannot open"));
}

/* What is written is read back. */
static void written(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain",      "a,b",    "we\"ird", "\"",
                                        "two\nlines", "cr\rlf", ""};
    enum { N = sizeof texts / sizeof *texts };
    char path[] = "/tmp/tripod-csv-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct out out = {0};
    struct err e;
    assert_int_equal(out_open(&out, path, &e), 0);
    assert_int_equal(out_printf(&out, &e, "text,x\n"), 0);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(csv_write_text(&out, texts[i], &e), 0);
        assert_int_equal(out_printf(&out, &e, ",1\n"), 0);
    }
    assert_int_equal(out_commit(&out, &e), 0);
    struct csv c;
    assert_int_equal(csv_read(&c, path, &e), 0);
    assert_int_equal(c.rows, N);
    for (size_t i = 0; i < N; i++) assert_string_equal(csv_field(&c, i, 0), texts[i]);
    csv_close(&c);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(last_line),
        cmocka_unit_test(refusals),
        cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
