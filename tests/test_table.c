/* test_table.c - cells, and the three ways they are written.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "src/base/sheet.h"

static void numbers_for_people(void **state)
{
    (void)state;
    static const struct {
        double value;
        enum table_unit unit;
        const char *text;
    } rows[] = {
        {0.3473105, TABLE_PLAIN, "0.3473"},
        {2143.4174, TABLE_PLAIN, "2143"},
        {67219.6, TABLE_PLAIN, "67220"},
        {1.2e-5, TABLE_PLAIN, "1.2e-5"},
        {-0.5, TABLE_PLAIN, "-0.5"},
        {1.82e9, TABLE_COUNT, "1.82 B"},
        {91.4e9, TABLE_COUNT, "91.4 B"},
        {999.96e6, TABLE_COUNT, "1 B"},
        {70426624, TABLE_COUNT, "70.43 M"},
        {300e9, TABLE_COUNT, "300 B"},
        {2e15, TABLE_COUNT, "2000 T"},
        {9999, TABLE_COUNT, "9999"},
        {0, TABLE_COUNT, "0"},
        {1e21, TABLE_FLOP, "1e21"},
        {5.76e23, TABLE_FLOP, "5.76e23"},
        {0.004, TABLE_SECONDS, "4 ms"},
        {8280, TABLE_SECONDS, "2.3 h"},
        {59.99, TABLE_SECONDS, "1 min"},
        {440640, TABLE_SECONDS, "5.1 d"},
        {0, TABLE_SECONDS, "0 us"},
        {141e6, TABLE_BYTES, "141 MB"},
        {0.9264, TABLE_PERCENT, "92.6 %"},
        {143000, TABLE_EXACT, "143000"},
        {NAN, TABLE_COUNT, "-"},
        {INFINITY, TABLE_COUNT, "inf"},
        {-INFINITY, TABLE_PLAIN, "-inf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[48];
        assert_string_equal(table_number(rows[i].value, rows[i].unit, text, sizeof text),
                            rows[i].text);
    }
}

static const struct column columns[] = {
    {.name = "name"},
    {.name = "N", .format = "%.8g", .unit = TABLE_COUNT, .json = "size.N"},
    {.name = "se", .format = "%.3f", .flags = TABLE_DETAIL, .json = "size.se"},
    {.name = "used"},
    {.name = "secret", .flags = TABLE_NO_TSV},
    {.name = "note", .flags = TABLE_NO_JSON},
};

static struct sheet *example(void)
{
    struct sheet *s = sheet_open();
    sheet_remark(s, "%d rows", 2);
    sheet_detail(s, "seed 1");
    sheet_headline(s, "L = 1");
    sheet_line(s, "plain");
    struct table *t = sheet_table(s, columns, 6, "-", false);
    table_text(t, "a");
    table_real(t, 1.82e9);
    table_real(t, NAN);
    table_flag(t, true);
    table_whole(t, 7);
    table_text(t, "one two three four five six seven eight nine ten");
    table_text(t, "bb");
    table_real(t, INFINITY);
    table_real(t, 0.5);
    table_flag(t, false);
    table_none(t);
    table_text(t, "%s", "");
    sheet_gap(s);
    return s;
}

/* What the sheet writes in a style; the caller frees. */
static char *written(const struct sheet *s, bool terminal, bool details, size_t width)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    struct err e;
    struct sheet_style style = {terminal, details, width};
    assert_int_equal(sheet_write(s, &style, f, &e), 0);
    fclose(f);
    return text;
}

static void tsv(void **state)
{
    (void)state;
    struct sheet *s = example();
    char *text = written(s, false, false, 80);
    assert_string_equal(text,
                        "# 2 rows\n# seed 1\nplain\n"
                        "name\tN\tse\tused\tnote\n"
                        "a\t1.82e+09\t-\tyes\tone two three four five six seven eight nine ten\n"
                        "bb\tinf\t0.500\tno\t\n\n");
    free(text);
    sheet_free(s);
}

static void terminal(void **state)
{
    (void)state;
    struct sheet *s = example();
    char *text = written(s, true, false, 40);
    assert_string_equal(text, "2 rows\nL = 1\n\n"
                              "name       N  used  secret\n"
                              "a     1.82 B  yes        7\n"
                              "bb       inf  no         -\n\n"
                              "name  note\n"
                              "a     one two three four five six seven\n"
                              "      eight nine ten\n"
                              "bb    \n");
    free(text);
    text = written(s, true, true, 200);
    assert_non_null(strstr(text, "seed 1\n"));
    assert_non_null(strstr(text, "name       N   se  used  secret  note\n"));
    free(text);
    sheet_free(s);
}

/* No line is wider than the terminal, whatever the width. */
static void never_wider(void **state)
{
    (void)state;
    struct sheet *s = example();
    for (size_t width = 40; width <= 120; width++) {
        char *text = written(s, true, true, width);
        for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n"))
            assert_true(strlen(row) <= width);
        free(text);
    }
    sheet_free(s);
}

static void json(void **state)
{
    (void)state;
    struct table *t = table_open(columns, 6, "-");
    table_text(t, "a");
    table_real(t, 2);
    table_real(t, NAN);
    table_flag(t, true);
    table_none(t);
    table_text(t, "n");
    json_t *list = table_json(t, false), *keyed = table_json(t, true);
    char *a = json_dumps(list, 0), *b = json_dumps(keyed, 0);
    assert_string_equal(a,
                        "[{\"name\": \"a\", \"size\": {\"N\": 2.0, \"se\": null}, \"used\": true, "
                        "\"secret\": null}]");
    assert_string_equal(b, "{\"a\": {\"size\": {\"N\": 2.0, \"se\": null}, \"used\": true, "
                           "\"secret\": null}}");
    free(a);
    free(b);
    json_decref(list);
    json_decref(keyed);
    table_free(t);
}

static void without_memory(void **state)
{
    (void)state;
    struct err e;
    struct sheet_style style = {false, false, 80};
    assert_int_equal(sheet_write(NULL, &style, stdout, &e), -1);
    assert_int_equal(e.kind, ERR_MEMORY);
    table_text(NULL, "x");
    table_real(NULL, 1);
    assert_null(table_json(NULL, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_for_people),
        cmocka_unit_test(tsv),
        cmocka_unit_test(terminal),
        cmocka_unit_test(never_wider),
        cmocka_unit_test(json),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
