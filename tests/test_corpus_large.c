/* Corpora that do not fit: 10^7 empty documents (10^8 in the long tests) and 10^10 tokens, written,
 * opened, planned and read in a bounded resident memory, which each case measures in a process of
 * its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/scan/shares.h"
#include "tests/scratch.h"

enum {
    MOST_MB = 64, /* resident, of a process that began with less than 16 */
    ROW = 2049,   /* tokens of a document, as in Pythia's own data */
};

static char *name(const char *suffix)
{
    return format_string("%s/%s", scratch, suffix);
}

/* Runs CASE in a process of its own; fails where it failed or was larger than MOST_MB. The sanitizers'
 * own memory is not what is measured. */
static void in_bounded_memory(int (*case_of)(struct err *))
{
    struct err e = {.text = ""};
    struct rusage usage;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int bad = case_of(&e);
        if (bad) fprintf(stderr, "%s\n", e.text);
        _exit(bad ? 1 : 0);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    print_message("%ld MB, %ld.%02ld s\n", usage.ru_maxrss / 1024, usage.ru_utime.tv_sec,
                  usage.ru_utime.tv_usec / 10000);
#if !defined __SANITIZE_ADDRESS__
    if (usage.ru_maxrss > MOST_MB * 1024)
        fail_msg("expected at most %d MB resident, found %ld", MOST_MB, usage.ru_maxrss / 1024);
#endif
}

static int expected(struct err *e, const char *what, uint64_t value, uint64_t found)
{
    return value == found ? 0
                          : err_set(e, "%s: expected %llu, found %llu", what,
                                    (unsigned long long)value, (unsigned long long)found);
}

static size_t empty_documents(void)
{
    return getenv("LONG") ? 100000000 : 10000000;
}

/* One document of three tokens in the middle of empty ones. */
static int write_empty(struct err *e)
{
    const size_t n = empty_documents();
    const uint32_t ids[3] = {1, 2, 3};
    struct corpus_writer w = {0};
    char *prefix = name("empty");
    int status = corpus_writer_open(&w, prefix, 10, e);
    for (size_t i = 0; i < n && !status; i++) {
        if (i == n / 2) status = corpus_writer_add(&w, ids, 3, e);
        if (!status) status = corpus_writer_end(&w, e);
    }
    if (!status) status = corpus_writer_commit(&w, e);
    corpus_writer_abort(&w);
    free(prefix);
    return status;
}

static int read_empty(struct err *e)
{
    const size_t n = empty_documents();
    struct corpus c;
    struct plan plan = {0};
    char *prefix = name("empty");
    uint64_t hash;
    uint32_t ids[3] = {0};
    int status = corpus_open(&c, prefix, e);
    free(prefix);
    if (status) return -1;
    struct work work;
    struct share share;
    status = expected(e, "documents", n, c.documents);
    if (!status) status = corpus_hash(&c, n, &hash, e);
    const struct protocol protocol = {.max_tokens = 1024};
    if (!status) status = work_open(&work, &c, &protocol, 0, e);
    if (!status) shares_find(&share, &work, &(struct neox_cost){.row = 1}, 1, 1, 3);
    if (!status) status = expected(e, "documents of the shards before", 0, share.begin);
    if (!status) status = plan_make(&plan, &c, &protocol, 0, SIZE_MAX, e);
    if (!status) status = expected(e, "predictions", 2, plan.predictions);
    struct piece p = {.document = plan.begin};
    if (!status && !plan_next(&plan, &p)) status = err_set(e, "no piece");
    if (!status) status = expected(e, "document", n / 2, p.document);
    if (!status) status = corpus_read(&c, p.document, 0, 3, ids, e);
    if (!status) status = expected(e, "token", 3, ids[2]);
    if (!status && plan_next(&plan, &p)) status = err_set(e, "another piece");
    plan_free(&plan);
    corpus_close(&c);
    return status;
}

static void empty_documents_take_no_memory(void **state)
{
    (void)state;
    in_bounded_memory(write_empty);
    in_bounded_memory(read_empty);
    char *idx = name("empty.idx"), *bin = name("empty.bin");
    unlink(idx);
    unlink(bin);
    free(idx);
    free(bin);
}

/* The index of 10^10 tokens in rows of ROW, beside a .bin of zeros that is a hole. */
static int write_rows(struct err *e)
{
    const uint64_t n = 5000000, m = 0, version = 1;
    uint8_t header[34] = "MMIDIDX";
    struct out out;
    char *idx = name("rows.idx"), *bin = name("rows.bin");
    memcpy(header + 9, &version, 8);
    header[17] = 8;
    memcpy(header + 18, &n, 8);
    memcpy(header + 26, &m, 8);
    int status = out_open(&out, idx, e);
    if (!status) status = out_write(&out, header, sizeof header, e);
    const int32_t size = ROW;
    for (uint64_t i = 0; i < n && !status; i++) status = out_write(&out, &size, sizeof size, e);
    for (uint64_t i = 0; i < n && !status; i++) {
        uint64_t pointer = 2 * ROW * i;
        status = out_write(&out, &pointer, sizeof pointer, e);
    }
    if (!status) status = out_commit(&out, e);
    if (!status) status = out_open(&out, bin, e);
    if (!status && ftruncate(fileno(out.file), (off_t)(2 * ROW * n)))
        status = err_errno(e, "%s", bin);
    if (!status) status = out_commit(&out, e);
    free(idx);
    free(bin);
    return status;
}

/* Opened and planned whole; a few thousand of its documents all over it are read. */
static int read_rows(struct err *e)
{
    static uint32_t ids[ROW];
    struct corpus c;
    struct plan plan = {0}, part = {0};
    char *prefix = name("rows");
    size_t drawn = 0, seen = 0;
    int status = corpus_open(&c, prefix, e);
    free(prefix);
    if (status) return -1;
    status = expected(e, "tokens", 10245000000, c.tokens);
    if (!status)
        status = plan_make(&plan, &c, &(struct protocol){.window = 2048, .stride = 2048}, 0,
                           SIZE_MAX, e);
    if (!status) status = expected(e, "predictions", 10240000000, plan.predictions);
    if (!status) status = expected(e, "longest", 2048, plan.longest);
    if (!status) status = plan_draw(&part, &plan, 5000, 7, &drawn, e);
    for (struct piece p = {.document = part.begin}; !status && plan_next(&part, &p); seen++) {
        status = corpus_read(&c, p.document, p.first, p.n + 1, ids, e);
        if (!status) status = expected(e, "token", 0, ids[ROW - 1]);
    }
    if (!status) status = expected(e, "documents read", drawn, seen);
    if (!status) status = expected(e, "documents drawn", 5000, drawn);
    plan_free(&part);
    plan_free(&plan);
    corpus_close(&c);
    return status;
}

static void many_tokens_take_no_memory(void **state)
{
    (void)state;
    in_bounded_memory(write_rows);
    in_bounded_memory(read_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_documents_take_no_memory),
        cmocka_unit_test(many_tokens_take_no_memory),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
