/* Unit tests of the figures: files written, quoting, empty series, gnuplot missing or failing.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/report/plot.h"
#include "tests/scratch.h"

static char *slurp(const char *name)
{
    struct map m;
    struct err e;
    char *path = format_string("%s/%s", scratch, name);
    assert_int_equal(map_open(&m, path, &e), 0);
    char *text = strndup((const char *)m.data, m.size);
    map_close(&m);
    free(path);
    return text;
}

static bool exists(const char *name)
{
    char *path = format_string("%s/%s", scratch, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static const double x[] = {1, 10, 100, -1}, y[] = {3, 2, NAN, 1}, lo[] = {2, 1, 1, 1},
                    hi[] = {4, 3, 3, 3};
static const struct plot_series series[] = {
    {"nothing\t'here'", x, y, NULL, NULL, 0, PLOT_LINE, NULL, false, NULL},
    {"it's `date` \"$(id)\"", x, y, lo, hi, 4, PLOT_POINTS, NULL, false, NULL},
    {"band", x, NULL, lo, hi, 3, PLOT_BAND, "#aabbcc", false, NULL},
    {"a_b^c", x, y, NULL, NULL, 4, PLOT_DASHED, NULL, false, NULL},
    {NULL, x, y, NULL, NULL, 4, PLOT_CROSSES, NULL, false, NULL},
    {"s", x, hi, NULL, NULL, 3, PLOT_STEPS, NULL, false, NULL},
};
static const struct plot good = {.title = "L'été\nα_N",
                                 .xlabel = "N",
                                 .ylabel = "loss, nats",
                                 .xlog = true,
                                 .ylog = true,
                                 .series = series,
                                 .n = sizeof series / sizeof *series};

static void draws(void **state)
{
    (void)state;
    struct err e;
    const char *names[] = {"a.png", "a.svg", "a.pdf", "it's.png", "plain"};
    const char *heads[] = {"\x89PNG", "<?xml", "%PDF", "\x89PNG", "\x89PNG"};
    bool drawn;
    for (size_t i = 0; i < 5; i++) {
        char *path = format_string("%s/%s", scratch, names[i]);
        int status = plot_write(&good, path, &drawn, &e);
        if (status) fail_msg("%s", e.text);
        free(path);
        if (!drawn) continue;
        char *image = slurp(i == 4 ? "plain.png" : names[i]);
        assert_memory_equal(image, heads[i], 4);
        free(image);
    }
    if (!drawn) print_message("gnuplot is not installed: images not checked\n");
    char *data = slurp("a.tsv"), *script = slurp("a.gp");
    assert_non_null(strstr(data, "series\tx\ty\tlo\thi\nit's `date` \"$(id)\"\t1\t3\t2\t4\n"));
    assert_null(strstr(data, "nan"));
    assert_null(strstr(data, "\t-1\t"));
    assert_null(strstr(data, "nothing"));
    assert_non_null(strstr(script, "title 'it''s `date` \"$(id)\"'"));
    assert_non_null(strstr(script, "{/:Bold L''été}'.\"\\n\".'{/:Bold α_{N}}'"));
    assert_null(strstr(script, "index 5"));
    free(data);
    free(script);
}

/* Every size; the image alone stays unless the script is asked for. Many points are thinned in a vector
 * image, and all are in the data. */
static void sizes(void **state)
{
    (void)state;
    enum { N = 50001 };
    static double many[N], z[N];
    struct err e;
    char *path = format_string("%s/b.svg", scratch);
    for (int i = 0; i < N; i++) {
        many[i] = i + 1;
        z[i] = i % 7;
    }
    const struct plot_series s[] = {
        {.x = many, .y = many, .z = z, .n = N, .style = PLOT_POINTS},
        {.name = "cells", .x = x, .y = x, .lo = lo, .hi = hi, .z = y, .n = 2, .style = PLOT_CELLS},
    };
    const struct plot p = {.xlabel = "x", .zlabel = "z", .note = "N^-0.35", .series = s, .n = 2};
    for (int size = PLOT_PAGE; size <= PLOT_SLIDE; size++) {
        struct plot_output o = {.size = (enum plot_size)size, .keep = size == PLOT_SLIDE};
        if (plot_draw(&p, path, &o, &e)) fail_msg("%s", e.text);
        if (!o.drawn) break;
        assert_true(exists("b.svg"));
        assert_int_equal(exists("b.gp"), size == PLOT_SLIDE);
        assert_int_equal(exists("b.tsv"), size == PLOT_SLIDE);
    }
    char *script = slurp("b.gp"), *data = slurp("b.tsv");
    assert_non_null(strstr(script, "every 3 using 2:3:6 with points"));
    assert_non_null(strstr(script, "{/*0.9 N^{-0.35}}'"));
    assert_non_null(strstr(script, "one in 3 of 50001 points drawn"));
    assert_non_null(strstr(data, "\n\t50001\t50001\t\t\t6\n"));
    assert_non_null(strstr(data, "\ncells\t10\t10\t1\t3\t2\n"));
    free(script);
    free(data);
    free(path);
}

static void without_gnuplot(void **state)
{
    (void)state;
    struct err e;
    bool drawn = true;
    char *path = format_string("%s/none.svg", scratch), *old = strdup(getenv("PATH"));
    setenv("PATH", scratch, 1);
    int status = plot_write(&good, path, &drawn, &e);
    setenv("PATH", old, 1);
    assert_int_equal(status, 0);
    assert_false(drawn);
    assert_true(exists("none.tsv") && exists("none.gp") && !exists("none.svg"));
    char buffer[512];
    FILE *f = fmemopen(buffer, sizeof buffer, "w");
    plot_note(path, drawn, f);
    fclose(f);
    assert_non_null(strstr(buffer, "gnuplot is not installed"));
    free(old);
    free(path);
}

static void failures(void **state)
{
    (void)state;
    struct err e;
    bool drawn;
    struct plot empty = {.title = "t", .series = series, .n = 1};
    char *path = format_string("%s/empty.png", scratch);
    assert_int_equal(plot_write(&empty, path, &drawn, &e), -1);
    assert_non_null(strstr(e.text, "no point can be drawn"));
    assert_false(exists("empty.png") || exists("empty.tsv") || exists("empty.gp"));
    free(path);
    assert_int_equal(plot_write(&good, "", &drawn, &e), -1);
    path = format_string("%s/", scratch);
    assert_int_equal(plot_write(&good, path, &drawn, &e), -1);
    assert_non_null(strstr(e.text, "found a folder"));
    free(path);
    path = format_string("%s/missing/a.png", scratch);
    assert_int_equal(plot_write(&good, path, &drawn, &e), -1);
    free(path);
    /* A gnuplot that fails: its line is quoted and no image is left. */
    char *tool = format_string("%s/gnuplot", scratch), *old = strdup(getenv("PATH"));
    FILE *f = fopen(tool, "w");
    fputs("#!/bin/sh\necho 'line 3: undefined variable' >&2\nexit 1\n", f);
    fclose(f);
    chmod(tool, 0755);
    setenv("PATH", scratch, 1);
    path = format_string("%s/broken.png", scratch);
    int status = plot_write(&good, path, &drawn, &e);
    setenv("PATH", old, 1);
    assert_int_equal(status, -1);
    assert_non_null(strstr(e.text, "gnuplot failed: line 3: undefined variable"));
    assert_false(exists("broken.png"));
    free(path);
    free(old);
    free(tool);
}

static void colors(void **state)
{
    (void)state;
    char c[8];
    assert_string_equal(plot_color(-1, c), plot_color(0, (char[8]){0}));
    assert_string_equal(plot_color(NAN, c), "#450054");
    assert_string_equal(plot_color(2, c), "#ebdb26");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws),    cmocka_unit_test(sizes),  cmocka_unit_test(without_gnuplot),
        cmocka_unit_test(failures), cmocka_unit_test(colors),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
