/* test_stream.c - a model streamed layer by layer gives the bits of one that lies in memory, and ends
 * when something fails, whatever the number of threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/neox/neox_stream.h"
#include "models/neox/neox_weights.h"
#include "src/base/rng.h"

enum { LAYERS = 6, WIDTH = 64, VOCAB = 300, PIECES = 23, LONGEST = 150 };

static char directory[] = "/tmp/tripod-stream-XXXXXX";

struct fixture {
    char *path;
    struct flat_model flat;
    struct neox model;
    uint32_t tokens[PIECES][LONGEST + 1];
    float expected[PIECES][LONGEST], found[PIECES][LONGEST];
    struct neox_piece pieces[PIECES];
    size_t inputs;
};

static struct neox_config form(bool parallel, bool tied)
{
    return (struct neox_config){.layers = LAYERS,
                                .hidden = WIDTH,
                                .heads = 4,
                                .head_size = WIDTH / 4,
                                .rotary = 4,
                                .ffn = 4 * WIDTH,
                                .vocab = VOCAB,
                                .max_positions = LONGEST,
                                .rope_theta = 10000,
                                .layer_norm_eps = 1e-5,
                                .parallel_residual = parallel,
                                .attention_bias = true,
                                .tied_embeddings = tied};
}

static void write_model(const char *path, const struct neox_config *config)
{
    struct err e = {0};
    struct flat_writer w;
    enum simd_dtype dtypes[256];
    for (size_t i = 0; i < neox_tensor_count(config); i++) dtypes[i] = i % 3 ? SIMD_F16 : SIMD_F32;
    assert_int_equal(flat_create(&w, path, config, dtypes, &e), 0);
    for (size_t i = 0; i < w.count; i++) {
        size_t bytes = w.tensors[i].bytes, n = bytes / simd_dtype_bytes(dtypes[i]);
        float *values = malloc(n * sizeof *values);
        for (size_t k = 0; k < n; k++) values[k] = 0.2f * (float)rng_gaussian(1, i, k);
        uint16_t *halves = malloc(n * sizeof *halves);
        simd_best()->f32_to_f16(halves, values, n);
        assert_int_equal(
            flat_put(&w, i, 0, dtypes[i] == SIMD_F16 ? (void *)halves : values, bytes, &e), 0);
        free(values);
        free(halves);
    }
    json_t *none = json_object();
    assert_int_equal(flat_finish(&w, "m", -1, -1, none, &e), 0);
    json_decref(none);
}

/* Pieces of 1 to LONGEST inputs, some with context, and what neox_forward says of each alone. */
static void open_fixture(struct fixture *f, bool parallel, bool tied)
{
    struct err e = {0};
    struct neox_config config = form(parallel, tied);
    memset(f, 0, sizeof *f);
    f->path = format_string("%s/m.tripod", directory);
    write_model(f->path, &config);
    assert_int_equal(flat_open(&f->flat, f->path, &e), 0);
    assert_int_equal(neox_load(&f->model, &f->flat, simd_best(), &products_native, LONGEST, &e), 0);
    struct neox_run run;
    assert_int_equal(neox_run_open(&run, &f->model, LONGEST, &e), 0);
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = i % 5 ? 1 + (size_t)rng_below(2, i, 0, LONGEST) : LONGEST;
        size_t skip = i % 3 == 1 ? (size_t)rng_below(2, i, 1, n) : 0;
        for (size_t k = 0; k <= n; k++) f->tokens[i][k] = (uint32_t)rng_below(3, i, k, VOCAB);
        struct neox_piece p = {
            .tokens = f->tokens[i], .n = n, .skip = skip, .loss = f->expected[i]};
        neox_forward(&f->model, &run, &p, 1);
        assert_true(f->expected[i][0] > 0);
        f->pieces[i] = p;
        f->pieces[i].loss = f->found[i];
        f->inputs += n;
    }
    neox_run_close(&run);
}

static void close_fixture(struct fixture *f)
{
    neox_unload(&f->model);
    flat_close(&f->flat);
    unlink(f->path);
    free(f->path);
}

/* What `after` sees, and when it fails. */
struct seen {
    size_t calls, inputs[LAYERS + 2], fail_at;
    const struct neox_piece *slow; /* fails too, but late */
    char *truncate;                /* this file, at step 1, to so many bytes */
    off_t bytes;
};

static int after(void *context, const struct neox_piece *pieces, size_t count, size_t step,
                 size_t steps, struct err *e)
{
    struct seen *s = context;
    int status = 0;
#pragma omp critical(seen)
    {
        s->calls++;
        for (size_t i = 0; i < count; i++) s->inputs[step] += pieces[i].n;
    }
    if (steps != LAYERS + 2) status = err_set(e, "%zu steps", steps);
    if (s->truncate && step == 1) status = truncate(s->truncate, s->bytes);
    if (s->slow && s->slow != pieces) return status;
    if (s->slow && step == s->fail_at) usleep(300000);
    if (step == s->fail_at) status = err_set(e, "enough");
    return status;
}

static int run(struct fixture *f, int threads, size_t rows, size_t count, int spill, struct seen *s,
               struct err *e)
{
    struct neox_stream stream = {.model = &f->model,
                                 .threads = threads,
                                 .rows = rows,
                                 .spill = spill,
                                 .after = after,
                                 .context = s};
    memset(f->found, 0, sizeof f->found);
    alarm(600); /* threads that wait for ever are a failure */
    int status = neox_stream(&stream, f->pieces, count, e);
    alarm(0);
    return status;
}

static void check_form(bool parallel, bool tied)
{
    struct fixture f;
    struct err e = {0};
    open_fixture(&f, parallel, tied);
    char *path = format_string("%s/spill", directory);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    unlink(path);
    free(path);
    const size_t counts[] = {PIECES, 1, 2, 7};
    for (int threads = 1; threads <= 4; threads *= 2) {
        for (size_t rows = LONGEST; rows <= 4 * LONGEST; rows *= 2) {
            for (size_t c = 0; c < 4; c++) {
                for (int spill = 0; spill < 2; spill++) {
                    struct seen s = {.fail_at = SIZE_MAX};
                    size_t inputs = 0;
                    if (run(&f, threads, rows, counts[c], spill ? file : -1, &s, &e))
                        fail_msg("%s", e.text);
                    for (size_t i = 0; i < counts[c]; i++) {
                        const struct neox_piece *p = &f.pieces[i];
                        assert_memory_equal(f.found[i], f.expected[i],
                                            (p->n - p->skip) * sizeof(float));
                        inputs += p->n;
                    }
                    for (size_t i = 0; i < LAYERS + 2; i++) assert_int_equal(s.inputs[i], inputs);
                }
            }
        }
    }
    close(file);
    close_fixture(&f);
}

static void parallel_residual(void **state)
{
    (void)state;
    check_form(true, false);
}

static void sequential_residual(void **state)
{
    (void)state;
    check_form(false, false);
}

static void tied_embeddings(void **state)
{
    (void)state;
    check_form(true, true);
}

/* An error of the caller's ends the pass, at any step. */
static void stopped_by_the_caller(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, true, false);
    for (int threads = 1; threads <= 5; threads += 2) {
        for (size_t step = 0; step < LAYERS + 2; step++) {
            for (size_t count = 1; count <= PIECES; count += PIECES - 1) {
                struct seen s = {.fail_at = step};
                struct err e = {0};
                assert_int_equal(run(&f, threads, LONGEST, count, -1, &s, &e), -1);
                assert_string_equal(e.text, "enough");
                if (step + 2 < LAYERS) assert_int_equal(s.inputs[LAYERS + 1], 0);
            }
        }
    }
    close_fixture(&f);
}

/* The others have gone as far as they can by then, and one waits for weights that nobody will read. */
static void stopped_late(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, true, false);
    struct seen s = {.fail_at = 1, .slow = f.pieces};
    struct err e = {0};
    assert_int_equal(run(&f, 8, LONGEST, PIECES, -1, &s, &e), -1);
    assert_string_equal(e.text, "enough");
    close_fixture(&f);
}

/* The disk's errors do too; threads do not touch what was not read. */
static void file_ends(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, true, false);
    /* Within the head, which at step 1 is still unread. */
    off_t head = (const uint8_t *)f.model.unembedding.data - f.flat.map.data;
    struct seen s = {.fail_at = SIZE_MAX, .truncate = f.path, .bytes = head + 1000};
    struct err e = {0};
    assert_int_equal(run(&f, 1, LONGEST, 1, -1, &s, &e), -1);
    assert_non_null(strstr(e.text, "m.tripod: truncated while it was read"));
    assert_true(s.calls > 1 && s.calls < LAYERS + 2);
    s.truncate = NULL;
    assert_int_equal(run(&f, 3, LONGEST, PIECES, -1, &s, &e), -1);
    assert_non_null(strstr(e.text, "m.tripod: changed while it was read"));
    unlink(f.path);
    assert_int_equal(run(&f, 3, LONGEST, PIECES, -1, &s, &e), -1);
    assert_non_null(strstr(e.text, "m.tripod: cannot open"));
    close_fixture(&f);
}

/* A spill file that cannot be written. */
static void disk_is_full(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, true, false);
    int full = open("/dev/full", O_RDWR);
    struct seen s = {.fail_at = SIZE_MAX};
    struct err e = {0};
    assert_true(full >= 0);
    assert_int_equal(run(&f, 3, LONGEST, PIECES, full, &s, &e), -1);
    assert_int_equal(e.kind, ERR_SPACE);
    close(full);
    close_fixture(&f);
}

/* Two neighbours are resident at a time: the embedding and a layer, or a layer and the head. */
static void what_is_resident(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, true, false);
    size_t resident = neox_weights_resident(&f.model);
    assert_true(resident > 2 * 12 * WIDTH * WIDTH * 2 && resident < f.flat.map.size / 2);
    assert_int_equal(neox_weights_steps(&f.model), LAYERS + 2);
    assert_int_equal(neox_stream_bytes(&f.model, 10), 10 * 256 * 4);
    close_fixture(&f);
}

int main(void)
{
    if (!mkdtemp(directory)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_residual), cmocka_unit_test(sequential_residual),
        cmocka_unit_test(tied_embeddings),   cmocka_unit_test(stopped_by_the_caller),
        cmocka_unit_test(stopped_late),      cmocka_unit_test(file_ends),
        cmocka_unit_test(disk_is_full),      cmocka_unit_test(what_is_resident),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
