/* Similarities from sketches: against doubles, the same bits whatever threads, instruction set and parts;
 * what the error is said to be against what it is; folders that cannot be used.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/json.h"
#include "src/base/rng.h"
#include "src/quanta/similarity.h"
#include "src/quanta/sketch.h"
#include "tests/scratch.h"

enum { N = 300, P = 16000 };

/* Gradients with directions in common, and their cosines. */
static float gradient[N][P];
static double product[N][N];

static void make_gradients(void)
{
    for (size_t i = 0; i < N; i++) {
        const double share = rng_uniform(1, 1, i);
        for (size_t c = 0; c < P; c++)
            gradient[i][c] =
                (float)(share * rng_gaussian(2, i % 9, c) + (1 - share) * rng_gaussian(3, i, c));
    }
#pragma omp parallel for schedule(dynamic, 8)
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++)
            for (size_t c = 0; c < P; c++)
                product[i][j] += (double)gradient[i][c] * (double)gradient[j][c];
}

struct made {
    size_t k;
    float *sketches; /* [N][k] */
    float *truth;    /* [N][N] */
};

static struct made make(size_t k)
{
    struct made m = {k, calloc(N * k, sizeof(float)), malloc(sizeof(float) * N * N)};
    struct sketch s;
    struct err e;
    if (product[0][0] == 0) make_gradients();
    assert_true(m.sketches && m.truth);
    assert_int_equal(sketch_open(&s, k, 11, P, &e), 0);
    for (size_t i = 0; i < N; i++) {
        sketch_add(&s, simd_best(), m.sketches + i * k, 0, gradient[i], P);
        for (size_t j = 0; j <= i; j++)
            m.truth[i * N + j] = m.truth[j * N + i] =
                (float)(product[i][j] / sqrt(product[i][i] * product[j][j]));
    }
    sketch_close(&s);
    return m;
}

static void free_made(struct made *m)
{
    free(m->sketches);
    free(m->truth);
}

/* --- folders --- */

static char folder[64];

static void save(const char *path, const char *descr, size_t rows, size_t columns, const void *data)
{
    char header[NPY_HEADER];
    struct out o;
    struct err e;
    npy_header(header, descr, rows, columns);
    assert_int_equal(out_open(&o, path, &e), 0);
    assert_int_equal(out_write(&o, header, sizeof header, &e), 0);
    assert_int_equal(out_write(&o, data, rows * columns * 4, &e), 0);
    assert_int_equal(out_commit(&o, &e), 0);
}

static void save_record(const struct gradients_record *r)
{
    struct err e;
    char *path = gradients_path(folder, "gradients", "json", r->shard, r->shards);
    assert_int_equal(json_save(path, gradients_record_json(r, NULL), &e), 0);
    free(path);
}

static struct gradients_record record_of(size_t k, size_t shard, size_t shards, size_t first,
                                         size_t end)
{
    return (struct gradients_record){.complete = true,
                                     .model = "made",
                                     .step = 1,
                                     .weights = "0123456789abcdef",
                                     .corpus_hash = "0123456789abcdef",
                                     .rows_hash = "0123456789abcdef",
                                     .protocol = "max_tokens 1024",
                                     .gelu = "erf",
                                     .coordinates = "published",
                                     .numbers = P,
                                     .k = k,
                                     .seed = 11,
                                     .rows = N,
                                     .first = first,
                                     .end = end,
                                     .shard = shard,
                                     .shards = shards};
}

/* A folder of M's sketches in so many parts. */
static void fill(const struct made *m, size_t parts)
{
    static int made;
    snprintf(folder, sizeof folder, "%s/g%d", scratch, made++);
    struct err e;
    assert_int_equal(make_directories(folder, &e), 0);
    for (size_t i = 0; i < parts; i++) {
        const size_t first = N * i * i / parts / parts, end = N * (i + 1) * (i + 1) / parts / parts;
        const struct gradients_record r = record_of(m->k, i, parts, first, end);
        char *path = gradients_path(folder, "sketch", "npy", i, parts);
        save(path, "<f4", end - first, m->k, m->sketches + first * m->k);
        free(path);
        save_record(&r);
    }
}

/* --- what comes of them --- */

struct read {
    float c[N * N], angular[N * N], halves[2][N * N];
    struct similarity found;
};

static void load(const char *name, float *values)
{
    char path[128];
    struct npy a;
    struct err e;
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    assert_int_equal(npy_open(&a, path, &e), 0);
    assert_string_equal(a.descr, "<f4");
    assert_int_equal(a.rows, N);
    assert_int_equal(a.columns, N);
    memcpy(values, a.data, sizeof(float) * N * N);
    npy_close(&a);
}

static struct read *compute(const struct kernels *kernels, int threads)
{
    struct sketches s;
    struct err e;
    struct read *r = calloc(1, sizeof *r);
    char path[4][128];
    static const char *const names[] = {"c", "angular", "first", "second"};
    for (int i = 0; i < 4; i++) snprintf(path[i], sizeof path[i], "%s/%s.npy", folder, names[i]);
    const struct similarity_files files = {path[0], path[1], {path[2], path[3]}};
    omp_set_num_threads(threads);
    assert_int_equal(sketches_open(&s, folder, &e), 0);
    assert_int_equal(s.n, N);
    assert_int_equal(similarity_write(&s, &files, kernels, &r->found, &e), 0);
    sketches_close(&s);
    load("c", r->c);
    load("angular", r->angular);
    if (!r->found.k) return r;
    load("first", r->halves[0]);
    load("second", r->halves[1]);
    return r;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void check_values(const struct made *m, const struct read *r)
{
    const size_t k = m->k;
    for (size_t i = 0; i < N; i++) {
        assert_true(r->c[i * N + i] == 1.0f && r->angular[i * N + i] == 1.0f);
        for (size_t j = 0; j < i; j++) {
            const float *a = m->sketches + i * k, *b = m->sketches + j * k;
            const size_t at = i * N + j;
            assert_true(fabs((double)r->c[at] - cosine(a, b, k)) < 1e-6);
            assert_true(fabs((double)r->halves[0][at] - cosine(a, b, k / 2)) < 1e-6);
            assert_true(fabs((double)r->halves[1][at] - cosine(a + k / 2, b + k / 2, k / 2)) <
                        1e-6);
            assert_true(fabs((double)r->angular[at] - (1 - acos((double)r->c[at]) / M_PI)) < 1e-7);
            assert_true(r->c[at] == r->c[j * N + i] && r->angular[at] == r->angular[j * N + i]);
        }
    }
}

/* Errors as they are said, against what they are. */
static void check_errors(const struct made *m, const struct read *r)
{
    const struct similarity_error exact = similarity_compare(r->c, m->truth, N);
    double sum = 0, sum2 = 0, max = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < i; j++) {
            sum += (double)r->c[i * N + j];
            sum2 += (double)r->c[i * N + j] * (double)r->c[i * N + j];
            max = fmax(max, (double)r->c[i * N + j]);
        }
    }
    const double pairs = N * (N - 1) / 2, mean = sum / pairs;
    assert_int_equal(r->found.pairs, pairs);
    assert_true(fabs(r->found.mean - mean) < 1e-12 && r->found.greatest == max);
    assert_true(fabs(r->found.sd - sqrt(sum2 / pairs - mean * mean)) < 1e-9);
    assert_true(fabs(r->found.theory.rms / exact.rms - 1) < 0.1);
    assert_true(fabs(r->found.halves.rms / exact.rms - 1) < 0.1);
    assert_true(fabs(r->found.theory.max / exact.max - 1) < 0.35);
    assert_true(fabs(r->found.halves.max / exact.max - 1) < 0.35);
}

static void bits_are_the_same(void **state)
{
    (void)state;
    static const size_t widths[] = {1538, 64, 1024};
    for (size_t w = 0; w < 3; w++) {
        struct made m = make(widths[w]);
        fill(&m, 1);
        struct read *first = compute(simd_kernels(SIMD_SCALAR), 1);
        check_values(&m, first);
        if (w != 1) check_errors(&m, first);
        for (int isa = 0; isa < SIMD_ISAS; isa++) {
            if (!simd_kernels((enum simd_isa)isa)) continue;
            fill(&m, 1 + 2 * (size_t)isa);
            struct read *r = compute(simd_kernels((enum simd_isa)isa), 3 - isa);
            assert_memory_equal(r, first, sizeof *r);
            free(r);
        }
        free(first);
        free_made(&m);
    }
}

static void some_of_them(void **state)
{
    (void)state;
    struct made m = make(512);
    struct sketches s;
    struct err e;
    static const size_t list[] = {299, 3, 0, 77};
    float c[16];
    fill(&m, 2);
    struct read *r = compute(simd_best(), 2);
    assert_int_equal(sketches_open(&s, folder, &e), 0);
    assert_int_equal(similarity_of(&s, list, 4, simd_best(), c, &e), 0);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) assert_true(c[i * 4 + j] == r->c[list[i] * N + list[j]]);
    sketches_close(&s);
    free(r);
    free_made(&m);
}

static void exact_cosines_as_they_are(void **state)
{
    (void)state;
    struct made m = make(64);
    const struct gradients_record record = record_of(0, 0, 1, 0, N);
    char path[128];
    struct sketches s;
    struct similarity found;
    struct err e;
    fill(&m, 1);
    snprintf(path, sizeof path, "%s/exact.npy", folder);
    for (size_t i = 0; i < N; i++) m.truth[i * N + i] = 1;
    save(path, "<f4", N, N, m.truth);
    save_record(&record);
    struct read *r = compute(simd_best(), 2);
    assert_memory_equal(r->c, m.truth, sizeof r->c);
    assert_int_equal(r->found.k, 0);
    assert_true(isnan(r->found.theory.rms));
    free(r);
    m.truth[5 * N + 270] += 1e-3f;
    save(path, "<f4", N, N, m.truth);
    assert_int_equal(sketches_open(&s, folder, &e), 0);
    assert_int_equal(similarity_write(&s, &(struct similarity_files){0}, simd_best(), &found, &e),
                     -1);
    assert_non_null(strstr(e.text, "expected a symmetric matrix"));
    sketches_close(&s);
    free_made(&m);
}

/* --- folders that cannot be used --- */

static void fails(const char *what)
{
    struct sketches s;
    struct similarity found;
    struct err e;
    char path[128];
    snprintf(path, sizeof path, "%s/bad.npy", folder);
    int status = sketches_open(&s, folder, &e);
    if (!status) {
        status = similarity_write(&s, &(struct similarity_files){.cosines = path}, simd_best(),
                                  &found, &e);
        sketches_close(&s);
    }
    assert_int_equal(status, -1);
    if (!strstr(e.text, what)) fail_msg("expected '%s', found '%s'", what, e.text);
    assert_false(file_exists(path));
}

static void bad_folders(void **state)
{
    (void)state;
    struct made m = make(64);
    struct gradients_record r;
    char path[128];
    snprintf(folder, sizeof folder, "%s/nowhere", scratch);
    fails("found nothing");

    fill(&m, 3);
    snprintf(path, sizeof path, "%s/gradients.shard-1-of-3.json", folder);
    unlink(path);
    fails("shard-1-of-3.json: not there: part 1 of 3");

    fill(&m, 2);
    r = record_of(128, 1, 2, N / 4, N);
    save_record(&r);
    fails("shard-1-of-2.json: of another model, corpus, rows, coordinates or sketch than part 0");
    r = record_of(64, 1, 2, N / 4 + 1, N);
    save_record(&r);
    fails("expected samples from 75 to the last, found 76 to 300");
    r = record_of(64, 1, 2, N / 4, N);
    r.complete = false;
    save_record(&r);
    fails("shard-1-of-2.json: still being computed");

    fill(&m, 1);
    snprintf(path, sizeof path, "%s/sketch.npy", folder);
    assert_int_equal(truncate(path, 5000), 0);
    fails("sketch.npy: expected 300 x 64 values of 4 bytes, found");
    save(path, "<f4", N - 1, 64, m.sketches);
    fails("expected float32 [300, 64] by its record, found <f4 [299, 64]");
    unlink(path);
    fails("sketch.npy");
    m.sketches[7 * 64 + 9] = NAN;
    save(path, "<f4", N, 64, m.sketches);
    fails("sketch.npy: row 7, column 9: expected a number, found nan");
    memset(m.sketches + 7 * 64, 0, 64 * sizeof(float));
    save(path, "<f4", N, 64, m.sketches);
    fails("sketch.npy: row 7: a sketch of zeros");

    snprintf(path, sizeof path, "%s/gradients.json", folder);
    unlink(path);
    fails("expected the gradients.json");
    snprintf(path, sizeof path, "%s/sketch.npy.partial", folder);
    save(path, "<f4", N, 64, m.sketches);
    fails("still being computed");
    free_made(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_the_same),
        cmocka_unit_test(some_of_them),
        cmocka_unit_test(exact_cosines_as_they_are),
        cmocka_unit_test(bad_folders),
    };
    return cmocka_run_group_tests_name("similarity", tests, make_scratch, remove_scratch);
}
