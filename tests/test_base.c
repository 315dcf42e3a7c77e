/* Unit tests of the base stratum: errors, numbers, output files, random numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/base/room.h"

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

static void bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"4096", 4096},       {"8G", 8ull << 30}, {"512m", 512 << 20}, {"1.5K", 1536},
                {"2GiB", 2ull << 30}, {"3KB", 3072},      {"1T", 1ull << 40},  {"1e6", 1000000}};
    static const char *const bad[] = {"",    "G",  "8X",  "8GG", "-8G",
                                      "8 G", "8B", "nan", "inf", "1e40G"};
    struct err e;
    uint64_t n;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse_bytes(good[i].text, "x", 0, UINT64_MAX / 2, &n, &e), 0);
        assert_int_equal(n, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse_bytes(bad[i], "--x", 0, UINT64_MAX / 2, &n, &e), -1);
    assert_int_equal(parse_bytes("8X", "--x", 0, 9, &n, &e), -1);
    assert_string_equal(e.text, "--x: expected a number of bytes such as 8G or 512M, found '8X'");
    assert_int_equal(parse_bytes("3K", "--x", 1 << 20, 1ull << 40, &n, &e), -1);
    assert_string_equal(e.text, "--x: expected 1M to 1T bytes, found '3K'");
    char b[24];
    assert_string_equal(format_bytes(8589934592.0, b, sizeof b), "8G");
    assert_string_equal(format_bytes(1000 * 1048576.0, b, sizeof b), "0.977G");
}

/* PATH below ROOT holds TEXT. */
static void put(const char *root, const char *path, const char *text)
{
    struct err e;
    char *all = format_string("%s%s", root, path), *folder = strdup(all);
    *strrchr(folder, '/') = 0;
    assert_int_equal(make_directories(folder, &e), 0);
    FILE *f = fopen(all, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(all);
    free(folder);
}

/* The least of what the machine has and its groups leave. */
static void memory(void **state)
{
    (void)state;
    char root[] = "/tmp/tripod-memory-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(memory_available_at(root), 0);
    put(root, "/proc/meminfo", "MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable:    8000 kB\n");
    assert_int_equal(memory_available_at(root), 8192000);
    put(root, "/proc/self/cgroup", "0::/slurm/job_1/step_0\n");
    assert_int_equal(memory_available_at(root), 8192000);
    put(root, "/sys/fs/cgroup/slurm/job_1/step_0/memory.max", "max\n");
    put(root, "/sys/fs/cgroup/slurm/job_1/step_0/memory.current", "90\n");
    assert_int_equal(memory_available_at(root), 8192000);
    put(root, "/sys/fs/cgroup/slurm/job_1/memory.max", "4096000\n");
    put(root, "/sys/fs/cgroup/slurm/job_1/memory.current", "1000\n");
    put(root, "/sys/fs/cgroup/slurm/job_1/memory.stat",
        "anon 1\ninactive_file 30\nactive_file 70\n");
    assert_int_equal(memory_available_at(root), 4096000 - 900);
    /* A container's own group is the root of what it sees. */
    put(root, "/sys/fs/cgroup/memory.max", "1024000\n");
    put(root, "/sys/fs/cgroup/memory.current", "24000\n");
    assert_int_equal(memory_available_at(root), 1000000);
    put(root, "/proc/self/cgroup", "5:cpu:/a\n4:blkio,memory:/b/c\n1:name=systemd:/\n");
    assert_int_equal(memory_available_at(root), 8192000);
    put(root, "/sys/fs/cgroup/memory/b/c/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "/sys/fs/cgroup/memory/b/c/memory.usage_in_bytes", "100\n");
    put(root, "/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "2048000\n");
    put(root, "/sys/fs/cgroup/memory/b/memory.usage_in_bytes", "48000\n");
    assert_int_equal(memory_available_at(root), 2000000);
    char *command = format_string("rm -r %s", root);
    assert_int_equal(system(command), 0);
    free(command);

    assert_true(memory_resident() > 1 << 20 && memory_available() > 1 << 20);
    size_t before = memory_resident(), more = 32 << 20;
    char *touched = malloc(more);
    assert_non_null(touched);
    memset(touched, 1, more);
    assert_true(memory_resident() >= before + more / 10 * 9);
    free(touched);
}

/* What a terminal could take for anything but text must not reach it. */
static void errors_are_one_line_of_text(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a b~", "a b~"},
        {"one\ntwo\r\t\x1b[2J\x7f", "one?two???[2J?"},
        {"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \xc2\xa0",
         "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \xc2\xa0"},
        {"C1 raw \x80\x85\x9b\x9f", "C1 raw ????"},
        {"C1 \xc2\x80 \xc2\x9b \xc2\x9f", "C1 ?? ?? ??"},
        {"Latin-1 \xe9t\xe9", "Latin-1 ?t?"},
        {"overlong \xc0\xaf \xc1\xbf \xe0\x80\x8a \xe0\x9f\xbf \xf0\x80\x80\x8a",
         "overlong ?? ?? ??? ??? ????"},
        {"surrogates \xed\xa0\x80 \xed\xbf\xbf but \xed\x9f\xbf",
         "surrogates ??? ??? but \xed\x9f\xbf"},
        {"beyond \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xff", "beyond ???? ????? ?"},
        {"last \xf4\x8f\xbf\xbf", "last \xf4\x8f\xbf\xbf"},
        {"cut \xe4\xb8", "cut ??"},
        {"cut \xf0\x9f\x98", "cut ???"},
        {"\xc3", "?"},
    };
    struct err e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(err_set(&e, "%s", cases[i][0]), -1);
        assert_string_equal(e.text, cases[i][1]);
        err_prefix(&e, "%s", cases[i][0]);
        char both[256];
        snprintf(both, sizeof both, "%s: %s", cases[i][1], cases[i][1]);
        assert_string_equal(e.text, both);
    }
    /* A message too long is cut, within a character as elsewhere: what is left of it is no text. */
    for (size_t shift = 0; shift < 4; shift++) {
        char text[1100];
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        text[shift + 1096] = 0;
        memset(&e, 0x5a, sizeof e);
        err_set(&e, "%s", text);
        assert_int_equal(strlen(e.text), sizeof e.text - 1);
        size_t whole = (sizeof e.text - 1 - shift) / 4 * 4 + shift;
        assert_memory_equal(e.text, text, whole);
        for (size_t i = whole; i < sizeof e.text - 1; i++) assert_int_equal(e.text[i], '?');
        err_prefix(&e, "FILE");
        assert_memory_equal(e.text, "FILE: ", 6);
        assert_memory_equal(e.text + 6, text, 400);
        assert_true(strlen(e.text) < sizeof e.text);
    }
}

static void errors_have_kinds(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum err_kind kind;
        bool local;
    } codes[] = {
        {ENOENT, ERR_MISSING, true},     {ENOTDIR, ERR_MISSING, true}, {ENOSPC, ERR_SPACE, false},
        {EDQUOT, ERR_SPACE, false},      {EFBIG, ERR_SPACE, false},    {ENOMEM, ERR_MEMORY, false},
        {EINTR, ERR_INTERRUPTED, false}, {EACCES, ERR_SYSTEM, false},  {EIO, ERR_SYSTEM, false}};
    struct err e;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        errno = codes[i].code;
        assert_int_equal(err_errno(&e, "%s: cannot write", "f"), -1);
        assert_int_equal(e.kind, codes[i].kind);
        assert_int_equal(err_is_local(&e), codes[i].local);
        char text[128];
        snprintf(text, sizeof text, "f: cannot write: %s", strerror(codes[i].code));
        assert_string_equal(e.text, text);
        assert_int_equal(err_prefix(&e, "in %d", 3), -1);
        assert_int_equal(e.kind, codes[i].kind);
    }
    assert_int_equal(err_kind(&e, ERR_DAMAGED, "f: cut short"), -1);
    assert_true(e.kind == ERR_DAMAGED && err_is_local(&e));
    assert_int_equal(err_memory(&e, NULL), -1);
    assert_string_equal(e.text, "out of memory");
    err_memory(&e, "f");
    assert_string_equal(e.text, "f: out of memory");
    assert_true(e.kind == ERR_MEMORY && !err_is_local(&e));
    err_set(&e, "f: not a number");
    assert_true(e.kind == ERR_INPUT && err_is_local(&e));
    /* As it comes from the system. */
    struct map m;
    assert_int_equal(map_open(&m, "/nonexistent/file", &e), -1);
    assert_int_equal(e.kind, ERR_MISSING);
    if (access("/dev/full", W_OK) == 0) {
        struct out out = {.slot = -1, .file = fopen("/dev/full", "w")};
        out.path = strdup("full");
        out.part = strdup("/nonexistent/part");
        assert_non_null(out.file);
        int status = out_write(&out, "abc", 3, &e);
        if (!status) status = out_commit(&out, &e);
        assert_int_equal(status, -1);
        assert_int_equal(e.kind, ERR_SPACE);
        out_abort(&out);
    }
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

/* Renamed over, a pipe or a device would be gone: /dev/null for everybody. */
static void outputs_leave_what_is_no_file(void **state)
{
    (void)state;
    struct err e;
    struct out out;
    char path[] = "/tmp/tripod-test-XXXXXX", got[8] = "";
    assert_non_null(mkdtemp(path));
    char *pipe = format_string("%s/pipe", path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    int fd = open(pipe, O_RDWR | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(out_open(&out, pipe, &e), 0);
    assert_int_equal(out_write(&out, "abc", 3, &e), 0);
    assert_int_equal(out_commit(&out, &e), 0);
    assert_int_equal(read(fd, got, sizeof got), 3);
    assert_string_equal(got, "abc");
    assert_int_equal(out_open(&out, pipe, &e), 0);
    out_abort(&out);
    struct stat st;
    assert_int_equal(lstat(pipe, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    close(fd);
    unlink(pipe);
    assert_int_equal(rmdir(path), 0);
    free(pipe);
    assert_int_equal(out_open(&out, "", &e), -1);
    assert_string_equal(e.text, "cannot write: expected a file's name, found ''");
    /* A link that stands for a descriptor; its file is the one that is open. */
    FILE *file = tmpfile();
    assert_non_null(file);
    char *link = format_string("/dev/fd/%d", fileno(file));
    assert_int_equal(out_open(&out, link, &e), 0);
    assert_int_equal(out_write(&out, "abcd", 4, &e), 0);
    assert_int_equal(out_commit(&out, &e), 0);
    assert_int_equal(pread(fileno(file), got, sizeof got, 0), 4);
    fclose(file);
    free(link);
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

/* Of errors of many threads one whole one is kept, and nothing overwrites it. */
static void the_first_of_errors(void **state)
{
    (void)state;
    struct err e = {0};
    int status = 0;
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < 1000; i++) {
        struct err mine;
        err_kind(&mine, ERR_DAMAGED, "%d and %d", i, i);
        err_first(&e, &status, &mine);
    }
    int a, b;
    assert_int_equal(err_status(&status), -1);
    assert_int_equal(sscanf(e.text, "%d and %d", &a, &b), 2);
    assert_true(a == b && e.kind == ERR_DAMAGED);
    struct err kept = e, late;
    err_set(&late, "late");
    err_first(&e, &status, &late);
    assert_string_equal(e.text, kept.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_errors),
        cmocka_unit_test(bytes),
        cmocka_unit_test(memory),
        cmocka_unit_test(numbers),
        cmocka_unit_test(errors_are_one_line_of_text),
        cmocka_unit_test(errors_have_kinds),
        cmocka_unit_test(outputs_are_whole_or_absent),
        cmocka_unit_test(outputs_leave_what_is_no_file),
        cmocka_unit_test(random_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
