/* Cells of bit patterns and their bins, order statistics' edges, trigrams, text made visible.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/rng.h"
#include "src/scan/token_cells.h"
#include "src/scan/token_induction.h"
#include "src/text/visible.h"

/* The bin by its definition: the last edge that is not above the value. */
static size_t slow_bin(const struct token_bins *b, double x)
{
    if (!(x >= b->edge[0]) || x > b->edge[b->n]) return b->n;
    size_t i = b->n - 1;
    while (x < b->edge[i]) i--;
    return i;
}

/* Every cell's first and last pattern: the look-up finds the cell, and both are in one bin. */
static void check_cells(size_t bins, double lo, double hi, double unit, bool wide)
{
    struct token_bins b;
    struct token_cells c;
    struct err e;
    assert_int_equal(token_bins_make(&b, bins, lo, hi, wide, &e), 0);
    assert_int_equal(token_cells_make(&c, &b, 0, bins, unit, wide, &e), 0);
    assert_int_equal(c.start[0], 0);
    for (size_t i = 0; i < c.n; i++) {
        const uint64_t first = c.start[i], last = c.start[i + 1] - 1;
        assert_true(first <= last);
        assert_int_equal(token_cells_find(&c, first), i);
        assert_int_equal(token_cells_find(&c, last), i);
        const double x = token_cells_value(&c, first), y = token_cells_value(&c, last);
        assert_int_equal(isnan(x), isnan(y));
        if (isnan(x)) continue;
        assert_int_equal(slow_bin(&b, x), slow_bin(&b, y));
        assert_int_equal(token_bins_index(&b, x), slow_bin(&b, x));
    }
    /* In order of value. */
    for (size_t i = 1; i < c.numbers; i++) {
        double before = token_cells_value(&c, c.start[c.order[i - 1]]);
        assert_true(before <= token_cells_value(&c, c.start[c.order[i]]));
    }
    token_cells_free(&c);
    token_bins_free(&b);
}

static void cells_never_straddle_an_edge(void **state)
{
    (void)state;
    check_cells(1000, 0, 18, 1, false);
    check_cells(1000, 0, 18, M_LN2, false);
    check_cells(3000, 0, 30, M_LN2, false);
    check_cells(20011, -2, 7.3, 1, false); /* no table */
    check_cells(3, -0.1, 0.1, M_LN2, false);
    check_cells(1, 5, 6, 1, false);
    check_cells(1000, 0, 18, M_LN2, true);
    check_cells(777, -3, 3, 1, true);
}

static void counts_are_those_of_single_look_ups(void **state)
{
    (void)state;
    enum { ROWS = 1237, COLUMNS = 3 };
    static float v[ROWS * COLUMNS];
    struct token_bins b;
    struct token_cells c;
    struct err e;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        uint32_t pattern = (uint32_t)rng_u64(1, 2, i); /* NaNs, infinities, both signs */
        if (i % 2) pattern = pattern % 0x42000000;
        memcpy(&v[i], &pattern, sizeof pattern);
    }
    assert_int_equal(token_bins_make(&b, 100, 0, 18, false, &e), 0);
    assert_int_equal(token_cells_make(&c, &b, 0, 100, M_LN2, false, &e), 0);
    uint32_t *fast = calloc(COLUMNS * c.n, sizeof *fast),
             *slow = calloc(COLUMNS * c.n, sizeof *slow);
    assert_non_null(fast);
    assert_non_null(slow);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        uint32_t pattern;
        memcpy(&pattern, &v[i], sizeof pattern);
        slow[i % COLUMNS * c.n + token_cells_find(&c, pattern)]++;
    }
    token_cells_count(&c, v, ROWS, COLUMNS, fast, NULL);
    assert_memory_equal(fast, slow, COLUMNS * c.n * sizeof *fast);
    free(fast);
    free(slow);
    token_cells_free(&c);
    token_bins_free(&b);
}

static void trigrams(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uint32_t id[N];
    bool mark[N];
    uint32_t *seen = malloc(token_trigrams_room(N) * sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < N; i++) id[i] = (uint32_t)rng_below(3, 0, i, 9) * 400000000u;
    for (size_t n = 0; n <= N; n += n < 5 ? 1 : 599) {
        token_trigrams(id, n, seen, mark);
        size_t marked = 0;
        for (size_t j = 0; j < n; j++) {
            bool before = false;
            for (size_t k = 2; j >= 2 && k < j && !before; k++)
                before = !memcmp(id + k - 2, id + j - 2, 3 * sizeof *id);
            assert_int_equal(mark[j], before);
            marked += before;
        }
        if (n > 2000) assert_true(marked > 100 && marked < n - 500);
    }
    free(seen);
}

static void visible(const char *text, size_t n, enum visible how, const char *expected)
{
    struct bytes b = {0};
    assert_int_equal(visible_append(&b, text, n, how), 0);
    assert_int_equal(bytes_append(&b, "", 1), 0);
    assert_string_equal((const char *)b.data, expected);
    bytes_free(&b);
}

static void text_made_visible(void **state)
{
    (void)state;
#define VISIBLE(text, how, expected) visible(text, sizeof text - 1, how, expected)
    VISIBLE("plain é 😀", VISIBLE_LINE, "plain é 😀");
    VISIBLE("a\n\t\x1b[31m\x7f\0z", VISIBLE_LINE, "a␊␉␛[31m␡␀z");
    VISIBLE("\xe2\x80\xae\xc2\x85\xe2\x80\x8b\xef\xbb\xbf", VISIBLE_LINE,
            "<U+202E><U+0085><U+200B><U+FEFF>");
    VISIBLE("\xe2\x80\xae<b a='1'>&\"", VISIBLE_HTML,
            "&lt;U+202E&gt;&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    VISIBLE("\xc3", VISIBLE_LINE, "\xef\xbf\xbd");
    VISIBLE("\xf0\x9f\x98|\x80\xff", VISIBLE_TEXT, "\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    VISIBLE("a\nb\x1b", VISIBLE_TEXT, "a\nb\x1b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_never_straddle_an_edge),
        cmocka_unit_test(counts_are_those_of_single_look_ups),
        cmocka_unit_test(trigrams),
        cmocka_unit_test(text_made_visible),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
