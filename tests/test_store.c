/* Unit tests of what a scan stands on: the plan of pieces, their batches, the loss file, the
 * moments, .npy headers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/scan/batches.h"
#include "src/scan/losses.h"
#include "src/base/npy.h"
#include "src/scan/plan.h"
#include "src/scan/record.h"
#include "src/scan/shares.h"
#include "src/base/rng.h"
#include "tests/small_corpus.h"

/* Every token but a document's first is predicted exactly once, in order, with the context its
 * protocol promises. */
static void check_plan(const struct corpus *c, const struct protocol *protocol, size_t shards)
{
    struct err e;
    uint64_t predictions = 0, expected = 0;
    struct work work;
    struct neox_cost cost = {.row = 7, .pair = 1, .scored = 2};
    size_t documents = 0;
    assert_int_equal(work_open(&work, c, protocol, 0, &e), 0);
    for (size_t i = 0; i < c->documents; i++) {
        size_t n = corpus_length(c, i);
        if (protocol->max_tokens && n > protocol->max_tokens) n = protocol->max_tokens;
        expected += n ? n - 1 : 0;
    }
    for (size_t s = 0; s < shards; s++) {
        struct plan plan;
        struct share share;
        shares_find(&share, &work, &cost, 1, s, shards);
        if (share.begin == share.end) continue; /* more shards than documents */
        assert_int_equal(plan_make(&plan, c, protocol, share.begin, share.end, &e), 0);
        assert_int_equal(plan.begin, documents);
        documents = plan.end;
        uint64_t at = 0, inputs = 0, pairs = 0;
        struct piece p = {.document = plan.begin};
        while (plan_next(&plan, &p)) {
            assert_true(p.n > p.skip);
            assert_true(p.document >= plan.begin && p.document < plan.end);
            assert_int_equal(p.loss, at);
            assert_int_equal(plan_offset(&plan, p.document) + p.first + p.skip, at);
            if (protocol->window) {
                assert_true(p.n <= protocol->window);
                assert_int_equal(p.first % protocol->stride, 0);
                assert_int_equal(p.skip, p.first ? protocol->window - protocol->stride : 0);
            } else {
                assert_true(p.first == 0 && p.skip == 0);
            }
            assert_true(p.n <= plan.longest);
            at += p.n - p.skip;
            inputs += p.n;
            pairs += p.n * (p.n + 1);
        }
        assert_int_equal(at, plan.predictions);
        assert_int_equal(plan_offset(&plan, plan.end), at);
        assert_int_equal(inputs, plan.inputs);
        assert_int_equal(pairs, plan.sums.pairs);
        predictions += at;
        plan_free(&plan);
    }
    assert_int_equal(predictions, expected);
}

static void plans_predict_every_token_once(void **state)
{
    (void)state;
    size_t lengths[60];
    for (size_t i = 0; i < 60; i++) lengths[i] = (size_t)rng_below(1, 0, i, i % 3 ? 20 : 300);
    lengths[0] = 0;
    lengths[1] = 1;
    lengths[2] = 2;
    struct corpus c;
    make_corpus(&c, lengths, 60);
    for (size_t shards = 1; shards < 8; shards += 3) {
        const size_t windows[] = {1, 2, 7, 64, 400};
        check_plan(&c, &(struct protocol){.max_tokens = 50}, shards);
        check_plan(&c, &(struct protocol){.max_tokens = 2}, shards);
        for (size_t w = 0; w < 5; w++) {
            for (size_t stride = 1; stride <= windows[w]; stride += 1 + windows[w] / 5) {
                check_plan(&c, &(struct protocol){.window = windows[w], .stride = stride}, shards);
                check_plan(
                    &c,
                    &(struct protocol){.max_tokens = 40, .window = windows[w], .stride = stride},
                    shards);
            }
        }
    }
    corpus_close(&c);
}

/* More documents than a block of the plan has, blocks of nothing among them; drawn ones keep their
 * order and predict what they did. */
static void plans_of_many_documents(void **state)
{
    (void)state;
    enum { N = 7 * PLAN_BLOCK + 5, FROM = 3 };
    size_t *lengths = calloc(N, sizeof *lengths);
    for (size_t i = 0; i < N; i++) {
        size_t block = i / PLAN_BLOCK;
        lengths[i] = block == 1 || block == 2 || block == 5 ? i % 2 : (size_t)rng_below(3, 0, i, 9);
    }
    struct corpus c;
    make_corpus(&c, lengths, N);
    for (size_t shards = 1; shards < 300; shards += 149)
        check_plan(&c, &(struct protocol){.max_tokens = 5, .window = 3, .stride = 2}, shards);
    struct err e;
    struct plan plan, part;
    assert_int_equal(plan_make(&plan, &c, &(struct protocol){.max_tokens = 9}, FROM, N + 9, &e), 0);
    assert_int_equal(plan.end, N);
    const size_t wanted[] = {1, 7, 1000, 0};
    for (size_t k = 0; k < 4; k++) {
        size_t drawn, seen = 0, left = plan.documents, wants = wanted[k] ? wanted[k] : left;
        assert_int_equal(plan_draw(&part, &plan, wanted[k], 5, &drawn, &e), 0);
        assert_int_equal(drawn, wanted[k] ? wanted[k] : plan.documents);
        assert_int_equal(part.documents, drawn);
        uint64_t at = 0;
        struct piece p = {.document = part.begin};
        for (size_t d = FROM; d < N; d++) {
            size_t n = plan_predictions(&part, d);
            assert_int_equal(plan_offset(&part, d), at);
            bool taken = lengths[d] > 1 && rng_below(5, 0, d, left) < wants - seen;
            left -= lengths[d] > 1;
            assert_int_equal(n > 0, taken);
            if (n == 0) continue;
            assert_true(plan_next(&part, &p));
            assert_true(p.document == d && p.n == lengths[d] - 1 && p.loss == at);
            at += n;
            seen++;
        }
        assert_false(plan_next(&part, &p));
        assert_int_equal(seen, drawn);
        assert_int_equal(part.predictions, at);
        plan_free(&part);
    }
    plan_free(&plan);
    corpus_close(&c);
    free(lengths);
}

/* Equal threads, each of which takes its next batch when it has done its last, and the rest shared
 * by all: the time it takes, in inputs. *rest: what was left for all. */
static uint64_t simulate(const struct plan *plan, struct loss_file *file, size_t threads,
                         size_t rows, unsigned char *seen, size_t *rest)
{
    struct err e;
    struct batches b;
    struct batch batch;
    uint64_t clock[9] = {0}, end = 0;
    bool waiting[9] = {false};
    assert_int_equal(batches_open(&b, plan, file, rows, threads, &e), 0);
    assert_int_equal(batch_open(&batch, plan->inputs, &e), 0);
    for (size_t busy = threads; busy;) {
        size_t first = threads;
        for (size_t t = 0; t < threads; t++) {
            if (!waiting[t] && (first == threads || clock[t] < clock[first])) first = t;
        }
        size_t n = batches_take(&b, first, &batch);
        for (size_t i = 0; i < batch.count; i++) seen[batch.pieces[i].document]++;
        if (batch.count > 1) assert_true(n <= b.rows);
        clock[first] += n;
        if (n) continue;
        waiting[first] = true;
        busy--;
        end = clock[first] > end ? clock[first] : end;
    }
    *rest = batches_rest(&b, &batch);
    for (size_t i = 0; i < batch.count; i++) seen[batch.pieces[i].document]++;
    batch_close(&batch);
    batches_close(&b);
    return end + (*rest + threads - 1) / threads;
}

static void batches_keep_all_threads_busy(void **state)
{
    (void)state;
    struct err e;
    for (uint64_t round = 0; round < 60; round++) {
        size_t lengths[90], n = 1 + (size_t)rng_below(7, 0, round, 90), rest;
        bool equal = round % 3 == 0;
        unsigned char seen[90] = {0};
        for (size_t i = 0; i < n; i++)
            lengths[i] = equal ? 1000 : 2 + (size_t)rng_below(7, round, i, i % 5 ? 60 : 1000);
        struct corpus c;
        struct plan plan;
        make_corpus(&c, lengths, n);
        assert_int_equal(plan_make(&plan, &c, &(struct protocol){.max_tokens = 1024}, 0, n, &e), 0);
        struct loss_file file; /* nothing is there yet */
        assert_int_equal(loss_file_memory(&file, plan.predictions, &e), 0);
        for (size_t threads = 1; threads <= 9; threads++) {
            memset(seen, 0, sizeof seen);
            uint64_t time = simulate(&plan, &file, threads, 2048, seen, &rest);
            for (size_t i = 0; i < n; i++) assert_int_equal(seen[i], 1);
            assert_true(time <= plan.inputs / threads + plan.longest / 2 + 64);
            if (equal) assert_true(time <= plan.inputs / threads + 64);
            if (threads == 1) assert_int_equal(rest, 0);
            if (threads > n && equal) assert_int_equal(rest, plan.inputs);
        }
        loss_file_close(&file, false);
        plan_free(&plan);
        corpus_close(&c);
    }
}

static void nothing_to_predict_is_an_error(void **state)
{
    (void)state;
    struct err e;
    struct corpus c;
    struct plan plan;
    make_corpus(&c, (size_t[]){0, 1, 1}, 3);
    assert_int_equal(plan_make(&plan, &c, &(struct protocol){.max_tokens = 9}, 0, 3, &e), -1);
    assert_non_null(strstr(e.text, "nothing to predict"));
    corpus_close(&c);
}

static void moments_are_those_of_the_documents(void **state)
{
    (void)state;
    enum { N = 50 };
    float loss[N][20];
    size_t lengths[N];
    struct moments whole = {0}, halves[2] = {{0}};
    double sum = 0, count = 0;
    for (size_t i = 0; i < N; i++) {
        lengths[i] = (size_t)rng_below(2, 0, i, 20);
        for (size_t j = 0; j < lengths[i]; j++) {
            loss[i][j] = (float)(rng_uniform(2, i, j) * 5 + (double)(i % 4));
            sum += (double)loss[i][j];
            count++;
        }
        moments_document(&whole, loss[i], lengths[i]);
        moments_document(&halves[i % 2], loss[i], lengths[i]);
    }
    moments_add(&halves[0], &halves[1]);
    double mean = sum / count, squares = 0, clusters = 0;
    for (size_t i = 0; i < N; i++) {
        double residual = 0;
        for (size_t j = 0; j < lengths[i]; j++) residual += (double)loss[i][j] - mean;
        squares += residual * residual;
        clusters += lengths[i] > 0;
    }
    double error = sqrt(squares * clusters / (clusters - 1)) / count;
    assert_true(fabs(moments_mean(&whole) - mean) < 1e-12);
    assert_true(fabs(moments_error(&whole) / error - 1) < 1e-9);
    assert_true(fabs(moments_mean(&halves[0]) - mean) < 1e-12);
    assert_true(fabs(moments_error(&halves[0]) / error - 1) < 1e-9);
    struct moments back;
    struct err e;
    json_t *o = moments_json(&whole);
    assert_int_equal(moments_from_json(&back, o, "x", &e), 0);
    json_decref(o);
    assert_true(back.sum == whole.sum && back.lengths == whole.lengths);
}

static void damaged_records(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        enum err_kind kind;
    } cases[] = {
        {"{\"format\": \"tripod-lo", "r.json: line 1: ", ERR_DAMAGED},
        {"{\"format\": \"other\"}", "r.json: format: expected", ERR_INPUT},
        {"{\"format\": \"tripod-losses 1\", \"model\": 3}", ": expected a string", ERR_DAMAGED},
        {"{\"format\": \"tripod-losses 1\", \"model\": \"m\", \"corpus_hash\": \"0\", \"protocol\": \"p\", \"key\": \"1\"}",
         "r.json: shard: expected", ERR_DAMAGED},
        {"{\"format\": \"tripod-losses 1\", \"model\": \"m\", \"corpus_hash\": \"0\", \"protocol\": \"p\", \"key\": \"1\","
         " \"shard\": [0, 1]}",
         "r.json: moments: ", ERR_DAMAGED},
        {"{\"format\": \"tripod-losses 1\", \"model\": \"m\", \"corpus_hash\": \"0\", \"protocol\": \"p\", \"key\": \"1\","
         " \"shard\": [0, 1], \"moments\": {\"documents\": 1, \"predictions\": 0, \"sum\": 0, \"squares\": 0, \"cross\": 0,"
         " \"lengths\": 0}}",
         "r.json: moments: expected at least one", ERR_DAMAGED},
    };
    struct err e;
    struct record r;
    char *path = format_string("%s/r.json", scratch);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct out out;
        assert_int_equal(out_open(&out, path, &e), 0);
        assert_int_equal(out_printf(&out, &e, "%s", cases[i].text), 0);
        assert_int_equal(out_commit(&out, &e), 0);
        assert_int_equal(record_read(&r, path, &e), -1);
        assert_non_null(strstr(e.text, cases[i].message));
        assert_int_equal(e.kind, cases[i].kind);
    }
    free(path);
}

/* How many files there are whose name begins with PATH. */
static void assert_files(const char *path, size_t n)
{
    glob_t g = {0};
    char *pattern = format_string("%s*", path);
    glob(pattern, 0, NULL, &g);
    assert_int_equal(g.gl_pathc, n);
    globfree(&g);
    free(pattern);
}

static void loss_files_resume_and_commit(void **state)
{
    (void)state;
    struct err e;
    struct loss_file f;
    float value = 1.5f, zeros[1000] = {0};
    char *path = format_string("%s/l.npy", scratch);
    assert_int_equal(loss_file_open(&f, path, 7, 1000, &e), 0);
    assert_false(f.resumed);
    assert_false(loss_file_has(&f, 10, 1));
    assert_int_equal(loss_file_put(&f, 10, &value, 1, &e), 0);
    loss_file_close(&f, true);
    assert_int_equal(loss_file_open(&f, path, 8, 1000, &e), 0); /* another key: another part */
    assert_false(f.resumed);
    loss_file_close(&f, false);
    assert_int_equal(loss_file_open(&f, path, 7, 1000, &e), 0);
    assert_true(f.resumed && f.kept == 1);
    assert_true(loss_file_has(&f, 10, 1) && !loss_file_has(&f, 9, 2) && !loss_file_has(&f, 10, 2));
    assert_int_equal(loss_file_put(&f, 0, zeros, 10, &e), 0);
    assert_int_equal(loss_file_put(&f, 11, zeros, 989, &e), 0);
    assert_true(loss_file_has(&f, 0, 1000));
    assert_false(file_exists(path));
    assert_int_equal(loss_file_commit(&f, &e), 0);
    assert_files(path, 1);
    struct npy a;
    assert_int_equal(npy_open(&a, path, &e), 0);
    assert_string_equal(a.descr, "<f4");
    assert_int_equal(a.rows, 1000);
    assert_int_equal(a.columns, 0);
    assert_true(((const float *)a.data)[10] == 1.5f);
    npy_close(&a);
    assert_int_equal(truncate(path, NPY_HEADER + 3996), 0);
    assert_int_equal(npy_open(&a, path, &e), -1);
    assert_int_equal(e.kind, ERR_DAMAGED);
    assert_int_equal(truncate(path, 60), 0);
    assert_int_equal(npy_open(&a, path, &e), -1);
    assert_int_equal(e.kind, ERR_DAMAGED);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(npy_open(&a, path, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    free(path);
}

/* Ranges against a plain array of what is there. */
static void ranges_are_merged(void **state)
{
    (void)state;
    enum { N = 300 };
    static const float zeros[N];
    struct err e;
    for (uint64_t round = 0; round < 40; round++) {
        struct loss_file f;
        bool there[N] = {false};
        assert_int_equal(loss_file_memory(&f, N, &e), 0);
        for (uint64_t i = 0; i < 60; i++) {
            uint64_t first = rng_below(11, round, 2 * i, N);
            uint64_t n = 1 + rng_below(11, round, 2 * i + 1, round % 4 ? 9 : 60);
            if (n > N - first) n = N - first;
            assert_int_equal(loss_file_put(&f, first, zeros, n, &e), 0);
            for (uint64_t j = first; j < first + n; j++) there[j] = true;
            uint64_t kept = 0;
            for (uint64_t j = 0; j < N; j++) {
                uint64_t end = j;
                while (end < N && there[end]) end++;
                kept += there[j];
                assert_true(loss_file_has(&f, j, 0));
                if (end > j) assert_true(loss_file_has(&f, j, end - j));
                if (end < N) assert_false(loss_file_has(&f, j, end - j + 1));
            }
            assert_int_equal(f.kept, kept);
        }
        loss_file_close(&f, false);
    }
}

/* --- the log of what is there --- */

enum { LOSSES = 1000, PIECE = 100 };

/* A record with its checksum, as the log of key 7 has it. */
static struct loss_record signed_record(uint64_t first, uint64_t count, uint64_t values)
{
    struct loss_record r = {.first = first, .count = count, .values = values};
    r.check = XXH3_64bits_withSeed(&r, offsetof(struct loss_record, check), 7);
    return r;
}

/* A part of ten pieces, piece i all i + 1; its log's path, which the caller frees. */
static char *make_part(const char *path)
{
    struct err e;
    struct loss_file f;
    float values[PIECE];
    assert_int_equal(loss_file_open(&f, path, 7, LOSSES, &e), 0);
    for (size_t i = 0; i < LOSSES / PIECE; i++) {
        for (size_t j = 0; j < PIECE; j++) values[j] = (float)i + 1;
        assert_int_equal(loss_file_put(&f, i * PIECE, values, PIECE, &e), 0);
    }
    loss_file_close(&f, true);
    return format_string("%s.part-%016d.log", path, 7);
}

static void write_bytes(const char *path, off_t at, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(write_at(fd, data, n, (uint64_t)at), 0);
    close(fd);
}

/* Opens the part again: what is kept, and of the ten pieces which. Then nothing that was not kept
 * may be in the log either. */
static void assert_kept(const char *path, uint64_t kept, const char *pieces)
{
    struct err e;
    struct loss_file f;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(loss_file_open(&f, path, 7, LOSSES, &e), 0);
        assert_int_equal(f.kept, kept);
        for (size_t i = 0; i < LOSSES / PIECE; i++)
            assert_int_equal(loss_file_has(&f, i * PIECE, PIECE), pieces[i] == '1');
        loss_file_close(&f, true);
    }
    loss_file_open(&f, path, 7, LOSSES, &e);
    loss_file_close(&f, false);
    assert_files(path, 0);
}

static void damaged_logs_cost_no_more_than_their_losses(void **state)
{
    (void)state;
    enum { RECORD = sizeof(struct loss_record) };
    char *path = format_string("%s/d.npy", scratch), *log = make_part(path);
    char *part = strndup(log, strlen(log) - 4);
    const float wrong = 3.25f;
    struct loss_record records[3];
    assert_kept(path, 1000, "1111111111");
    /* A torn record at the end. */
    free(make_part(path));
    assert_int_equal(truncate(log, LOSS_LOG_HEADER + 9 * RECORD + 31), 0);
    assert_kept(path, 900, "1111111110");
    /* One bit of a record: it and all behind it. */
    free(make_part(path));
    write_bytes(log, LOSS_LOG_HEADER + 4 * RECORD + 17, "\1", 1);
    assert_kept(path, 400, "1111000000");
    /* One loss: its record. */
    free(make_part(path));
    write_bytes(part, NPY_HEADER + 450 * 4, &wrong, 4);
    assert_kept(path, 900, "1111011111");
    /* The header: everything; so does a log of another count. */
    free(make_part(path));
    write_bytes(log, 9, "\1", 1);
    assert_kept(path, 0, "0000000000");
    free(make_part(path));
    write_bytes(log, 16, "\1", 1);
    assert_kept(path, 0, "0000000000");
    /* Who has it is no part of that. */
    free(make_part(path));
    write_bytes(log, 40, "\1\n\1", 3);
    assert_kept(path, 1000, "1111111111");
    /* No part, half a part, a longer one. */
    free(make_part(path));
    assert_int_equal(unlink(part), 0);
    assert_kept(path, 0, "0000000000");
    free(make_part(path));
    assert_int_equal(truncate(part, NPY_HEADER + 500 * 4), 0);
    assert_kept(path, 500, "1111100000");
    free(make_part(path));
    assert_int_equal(truncate(part, 1 << 20), 0);
    assert_kept(path, 1000, "1111111111");
    /* Records that cannot be, rightly signed: each ends the log. */
    const struct loss_record bad[] = {
        signed_record(0, 0, 1),          signed_record(0, 1001, 1),
        signed_record(1000, 1, 1),       signed_record(UINT64_MAX, 2, 1),
        signed_record(2, UINT64_MAX, 1), signed_record(UINT64_MAX - 5, UINT64_MAX - 5, 1)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        free(make_part(path));
        write_bytes(log, LOSS_LOG_HEADER + 3 * RECORD, &bad[i], RECORD);
        assert_kept(path, 300, "1110000000");
    }
    /* Records of losses that are not these; records that overlap others. */
    free(make_part(path));
    records[0] = signed_record(300, PIECE, 1);
    records[1] = signed_record(0, LOSSES, 1);
    records[2] = signed_record(250, PIECE, 1);
    write_bytes(log, LOSS_LOG_HEADER + 3 * RECORD, records, RECORD);
    assert_kept(path, 900, "1110111111");
    free(make_part(path));
    write_bytes(log, LOSS_LOG_HEADER + 10 * RECORD, records, sizeof records);
    assert_kept(path, 1000, "1111111111");
    /* More records than there are losses, which displace the right ones. */
    free(make_part(path));
    struct loss_record *many = malloc(3 * LOSSES * sizeof *many);
    for (size_t i = 0; i < 3 * LOSSES; i++) many[i] = signed_record(i % LOSSES, 1, 1);
    write_bytes(log, LOSS_LOG_HEADER + 10 * RECORD, many, 3 * LOSSES * RECORD);
    assert_kept(path, 0, "0000000000");
    free(many);
    free(part);
    free(log);
    free(path);
}

/* A child process has the file: it is named; once it is gone the file is free. */
static void two_processes_never_fill_one_file(void **state)
{
    (void)state;
    struct err e;
    struct loss_file f;
    int ready[2], go[2];
    char byte = 0, expected[64];
    char *path = format_string("%s/two.npy", scratch);
    assert_true(!pipe(ready) && !pipe(go));
    pid_t child = fork();
    if (!child) {
        close(go[1]);
        float value = 2;
        bool good =
            !loss_file_open(&f, path, 7, LOSSES, &e) && !loss_file_put(&f, 3, &value, 1, &e);
        if (!good || write(ready[1], &byte, 1) != 1) _exit(1);
        _exit(read(go[0], &byte, 1) != 1); /* without closing anything, as if killed */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(loss_file_open(&f, path, 7, LOSSES, &e), 1);
    snprintf(expected, sizeof expected, "process %ld on ", (long)child);
    assert_non_null(strstr(e.text, expected));
    assert_int_equal(write(go[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(loss_file_open(&f, path, 7, LOSSES, &e), 0);
    assert_true(f.kept == 1 && loss_file_has(&f, 3, 1));
    loss_file_close(&f, false);
    assert_files(path, 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
    free(path);
}

/* Who gets the lock of a log that was removed meanwhile has nothing: processes that open one file and
 * remove it, over and over, are never in it together. */
static void a_removed_log_is_no_lock(void **state)
{
    (void)state;
    enum { PROCESSES = 3, TIMES = 150 };
    char *path = format_string("%s/race.npy", scratch);
    atomic_int *inside =
        mmap(NULL, sizeof *inside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(inside != MAP_FAILED);
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p]) continue;
        struct err e;
        struct loss_file f;
        int bad = 0;
        for (int done = 0; done < TIMES;) {
            int status = loss_file_open(&f, path, 7, 10, &e);
            if (status < 0) _exit(2);
            if (status) sched_yield();
            if (status) continue;
            bad |= atomic_fetch_add(inside, 1) != 0;
            sched_yield();
            atomic_fetch_sub(inside, 1);
            loss_file_close(&f, false);
            done++;
        }
        _exit(bad);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        assert_int_equal(waitpid(children[p], &status, 0), children[p]);
        assert_int_equal(status, 0);
    }
    munmap(inside, sizeof *inside);
    assert_files(path, 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_predict_every_token_once),
        cmocka_unit_test(plans_of_many_documents),
        cmocka_unit_test(nothing_to_predict_is_an_error),
        cmocka_unit_test(batches_keep_all_threads_busy),
        cmocka_unit_test(moments_are_those_of_the_documents),
        cmocka_unit_test(damaged_records),
        cmocka_unit_test(loss_files_resume_and_commit),
        cmocka_unit_test(ranges_are_merged),
        cmocka_unit_test(damaged_logs_cost_no_more_than_their_losses),
        cmocka_unit_test(two_processes_never_fill_one_file),
        cmocka_unit_test(a_removed_log_is_no_lock),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
