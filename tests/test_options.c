/* test_options.c - values into fields, defaults into words, the first plain word of a line.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/options.h"

struct inner {
    size_t rows;
};
struct args {
    bool fast;
    const char *out, *file;
    struct texts models;
    size_t count;
    uint64_t memory;
    int grid, kind;
    double level;
    struct reals budgets;
    struct inner inner;
    char seen[32];
};

static int take_pair(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    if (value && strlen(value) > 8) return err_set(e, "--pair: too long");
    snprintf(a->seen, sizeof a->seen, "%s", value ? value : "none");
    return 0;
}

static const char *const kinds[] = {"pairs", "cluster", NULL};
#define ARGS struct inner
static const struct option_row inner_rows[] = {
    OPTION_HEADING("Inner:"),
    OPTION_SIZE("rows", 0, "N", rows, 1, 100, "Rows"),
    OPTION_END,
};
#undef ARGS
#define ARGS struct args
static const struct option_row rows[] = {
    OPTION_PLAIN(file, "FILE"),
    OPTION_PLAINS(models, "[MODEL...]"),
    OPTION_FLAG("fast", 'f', fast, "Fast"),
    OPTION_TEXT("out", 'o', "DIR", out, "Where"),
    OPTION_TEXTS("model", 'm', "MODEL", models, "Models"),
    OPTION_SIZE("count", 0, "N", count, 1, 5e9, "Count"),
    OPTION_BYTES("memory", 0, "BYTES", memory, 1024, 1e15, "Memory"),
    OPTION_INT("grid", 0, "G", grid, 2, 30, "Grid"),
    OPTION_REAL("level", 0, "P", level, 0.01, 0.99, "Level"),
    OPTION_REALS("budget", 0, "C,...", budgets, "Budgets"),
    OPTION_CHOICE("kind", 0, kind, kinds, "Kind"),
    OPTION_CALL("pair", 0, "[A]", take_pair, "Pair"),
    OPTION_GROUP(inner_rows, inner),
    OPTION_END,
};
static const struct args defaults = {
    .out = "losses", .memory = 3 << 19, .grid = 6, .level = 0.95, .inner = {7}};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    return a->fast && a->count ? err_set(e, "--fast and --count exclude each other") : 0;
}

#define COMMAND(title, table, more_commands)                                                       \
    {                                                                                              \
        .name = title, .summary = "s", .text = "t", .options = table, .defaults = &defaults,       \
        .size = sizeof defaults, .check = check, .children = more_commands                         \
    }
static const struct option_row child_rows[] = {
    OPTION_PLAIN(file, "FILE"),
    OPTION_TEXT("reject", 'r', "RULE", out, "Rule"),
    OPTION_END,
};
static const struct command child = COMMAND("fit isoflop", child_rows, NULL);
static const struct command *const children[] = {&child, NULL};
static const struct command command = COMMAND("fit", rows, children);

enum { MOST = 32 };

/* Parses the words of LINE; the caller frees with options_free. */
static struct args parsed(const char *line)
{
    static char copy[256];
    char *argv[MOST] = {"fit"};
    int argc = 1;
    struct err e;
    struct args a = defaults;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    assert_int_equal(options_parse(&command, argc, argv, &a, &e), 0);
    return a;
}

static void values(void **state)
{
    (void)state;
    struct args a =
        parsed("file -f -o d -m one two --model=three --grid 9 --level=0.5 "
               "--budget 1e21,2B --budget 7 --kind cluster --pair --rows 3 --memory 8G four");
    assert_true(a.fast);
    assert_string_equal(a.file, "file");
    assert_string_equal(a.out, "d");
    assert_int_equal(a.models.n, 4);
    assert_int_equal(a.grid, 9);
    assert_int_equal(a.memory, 8ull << 30);
    assert_true(a.level == 0.5 && a.count == 0);
    assert_int_equal(a.budgets.n, 3);
    assert_true(a.budgets.value[0] == 1e21 && a.budgets.value[1] == 2e9 && a.budgets.value[2] == 7);
    assert_int_equal(a.kind, 1);
    assert_string_equal(a.seen, "none");
    assert_int_equal(a.inner.rows, 3);
    options_free(rows, &a);
    assert_null(a.models.item); /* two rows, one field: freed once */
    a = parsed("file");
    assert_string_equal(a.out, "losses");
    assert_int_equal(a.inner.rows, 7);
    options_free(rows, &a);
}

/* The exit code of a process that parses LINE, which is misuse. */
static int misuse(const char *line)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(9);
        struct args a = parsed(line);
        (void)a;
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refusals(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",                /* no FILE */
        "file --grid 1",   /* out of range */
        "file --grid 2.5", /* not whole */
        "file --grid x",
        "file --level 1",
        "file --count 0",
        "file --count 5000000001",
        "file --budget 1,-2",
        "file --budget ,",
        "file --kind other",
        "file --pair=much-too-long",
        "file --rows 101",
        "file --none",
        "file --fast=yes",
        "file --fast --count 3", /* what only the check sees */
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (misuse(lines[i]) != 2) fail_msg("'%s' is not misuse", lines[i]);
    }
    assert_int_equal(misuse("file --count 3"), 0);
}

struct found {
    char text[512];
};

static void note(const struct option_row *o, const void *args, void *context)
{
    struct found *f = context;
    char words[256];
    size_t used = strlen(f->text);
    if (o->name)
        snprintf(f->text + used, sizeof f->text - used, "%s=%s ", o->name,
                 option_default(o, args, words, sizeof words));
}

static void defaults_in_words(void **state)
{
    (void)state;
    struct found f = {""};
    options_visit(rows, &defaults, note, &f);
    assert_string_equal(f.text,
                        "fast= out=losses model= count= memory=1.5M grid=6 level=0.95 budget= "
                        "kind=pairs pair= rows=7 ");
}

static int first(const char *line)
{
    static char copy[256];
    char *argv[MOST] = {"fit"};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    return options_first_plain(&command, argc, argv);
}

static void first_plain_word(void **state)
{
    (void)state;
    assert_int_equal(first("isoflop x"), 1);
    assert_int_equal(first("--out isoflop x"), 3); /* an option's value is no word */
    assert_int_equal(first("--out=isoflop x"), 2);
    assert_int_equal(first("-o isoflop x"), 3);
    assert_int_equal(first("-oisoflop x"), 2);
    assert_int_equal(first("--kind pairs x"), 3);
    assert_int_equal(first("--pair x"), 2); /* its argument needs an = */
    assert_int_equal(first("-f x"), 2);
    assert_int_equal(first("--reject rule isoflop"), 3); /* an option of the sub-command's */
    assert_int_equal(first("-r rule isoflop"), 3);
    assert_int_equal(first("--rows 3 x"), 3);
    assert_int_equal(first("--lev 0.5 x"), 3); /* abbreviated */
    assert_int_equal(first("- x"), 1);
    assert_int_equal(first("-- --out"), 2);
    assert_int_equal(first("--out"), 0);
    assert_int_equal(first(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refusals),
        cmocka_unit_test(defaults_in_words),
        cmocka_unit_test(first_plain_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
