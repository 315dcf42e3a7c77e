/* Inner products of whole gradients: against doubles, and the same bits whatever memory, threads and
 * instruction set; stopped in the middle and gone on with.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/npy.h"
#include "src/base/rng.h"
#include "src/quanta/exact.h"
#include "tests/scratch.h"

/* Samples with directions in common, some of them nearly parallel, of lengths from 1e-3 to 1e3. */
struct made {
    size_t n;
    uint64_t coordinates;
    float *values;   /* [n][coordinates] */
    int calls, most; /* most: it fails from then on; 0: never */
    bool zero, nan;  /* of sample 3 */
};

static void make(struct made *m, size_t n, uint64_t coordinates)
{
    *m = (struct made){.n = n, .coordinates = coordinates};
    m->values = malloc(n * coordinates * sizeof *m->values);
    assert_non_null(m->values);
    for (size_t i = 0; i < n; i++) {
        const double size = pow(10, 6 * rng_uniform(1, 0, i) - 3);
        for (uint64_t c = 0; c < coordinates; c++) {
            /* Terms so unlike that the order of additions shows. */
            const double scale = size * pow(10, 10 * rng_uniform(5, 0, c / 256) - 5);
            const double common = 2 * rng_uniform(2, i % 7, c) - 1;
            const double own = 2 * rng_uniform(3, i, c) - 1;
            m->values[i * coordinates + c] = (float)(scale * (common + own * (double)(i % 3)));
        }
    }
    /* What is not given is zero. */
    for (size_t i = 1; i < n; i += 2) memset(m->values + i * coordinates, 0, 5 * sizeof(float));
}

static int give_one(struct made *m, size_t i, const struct exact_sink *sink, struct err *e)
{
    int calls;
#pragma omp atomic capture
    calls = ++m->calls;
    if (m->most && calls > m->most) return err_set(e, "enough");
    if (m->zero && i == 3) return 0;
    const float *v = m->values + i * m->coordinates;
    /* Pieces of many sizes, from the last to the first. */
    const uint64_t first = i % 2 ? 5 : 0;
    for (uint64_t end = m->coordinates, n; end > first; end -= n) {
        n = 1 + rng_below(4, i, end, 1000);
        if (n > end - first) n = end - first;
        sink->take(sink->context, i, end - n, (size_t)n, v + end - n);
    }
    if (m->nan && i == 3) sink->take(sink->context, i, 7, 1, &(float){NAN});
    return 0;
}

static int give(void *context, size_t first, size_t end, const struct exact_sink *sink,
                struct err *e)
{
    int status = 0;
#pragma omp parallel for schedule(dynamic, 1) num_threads(3)
    for (size_t i = first; i < end; i++) {
        struct err mine;
        if (give_one(context, i, sink, &mine)) err_first(e, &status, &mine);
    }
    return status;
}

/* Memory for so many gradients; KEPT as exact_plan_make has it. */
static struct exact_plan plan_kept(size_t n, uint64_t coordinates, size_t rows, int threads,
                                   size_t kept)
{
    struct exact_plan p;
    struct err e;
    uint64_t memory = (uint64_t)threads * simd_scratch_bytes();
    do memory += 512;
    while (exact_plan_make(&p, n, coordinates, memory, threads, kept, &e) ||
           p.resident + p.streamed < rows);
    assert_true(p.bytes <= memory);
    return p;
}

static struct exact_plan plan_for(size_t n, uint64_t coordinates, size_t rows, int threads)
{
    return plan_kept(n, coordinates, rows, threads, 0);
}

static void compute(const struct exact_plan *p, struct made *m, const struct kernels *kernels,
                    float *c, double *norms)
{
    struct loss_file f;
    struct err e;
    const struct exact_source source = {m, give};
    assert_int_equal(loss_file_memory(&f, exact_file_count(p), &e), 0);
    m->calls = 0;
    assert_int_equal(exact_left(p, &f), p->gradients);
    assert_int_equal(exact_compute(p, &source, kernels, &f, &e), 0);
    assert_int_equal(m->calls, p->gradients);
    assert_int_equal(exact_left(p, &f), 0);
    assert_int_equal(exact_norms(p, &f, norms, &e), 0);
    assert_int_equal(exact_cosines_in_memory(p, &f, norms, c, &e), 0);
    loss_file_close(&f, false);
}

static double dot(const struct made *m, size_t i, size_t j)
{
    double sum = 0;
    for (uint64_t c = 0; c < m->coordinates; c++)
        sum +=
            (double)m->values[i * m->coordinates + c] * (double)m->values[j * m->coordinates + c];
    return sum;
}

static void check_against_doubles(const struct made *m, const float *c, const double *norms)
{
    for (size_t i = 0; i < m->n; i++) {
        const double norm = sqrt(dot(m, i, i));
        assert_true(fabs(norms[i] - norm) <= 1e-6 * norm);
        assert_true(c[i * m->n + i] == 1.0f);
        for (size_t j = 0; j < i; j++) {
            const double want = dot(m, i, j) / (norm * sqrt(dot(m, j, j)));
            assert_true(fabs((double)c[i * m->n + j] - want) <= 1e-6);
            assert_true(c[i * m->n + j] == c[j * m->n + i]);
        }
    }
}

static void check_all(size_t n, uint64_t coordinates, const size_t *rows, size_t count)
{
    struct made m;
    make(&m, n, coordinates);
    float *first = malloc(n * n * sizeof *first), *c = malloc(n * n * sizeof *c);
    double *norms = malloc(n * sizeof *norms), *norms1 = malloc(n * sizeof *norms1);
    for (size_t k = 0; k < count; k++) {
        for (int threads = 1; threads <= 3; threads += 2) {
            const struct exact_plan p = plan_for(n, coordinates, rows[k], threads);
            for (int isa = 0; isa < SIMD_ISAS; isa++) {
                const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
                if (!kernels) continue;
                const bool start = !k && threads == 1 && !isa;
                compute(&p, &m, kernels, start ? first : c, start ? norms1 : norms);
                if (start) {
                    check_against_doubles(&m, first, norms1);
                } else {
                    assert_memory_equal(c, first, n * n * sizeof *c);
                    assert_memory_equal(norms, norms1, n * sizeof *norms);
                }
            }
        }
    }
    free(m.values);
    free(first);
    free(c);
    free(norms);
    free(norms1);
}

static void whatever_the_memory(void **state)
{
    (void)state;
    check_all(6, 9 * EXACT_STRETCH + 777, (const size_t[]){6, 3, 5}, 3);
    check_all(150, 300, (const size_t[]){150, 60, 110}, 3);
    check_all(290, 40, (const size_t[]){290, 289}, 2);
    check_all(1, 100, (const size_t[]){1}, 1);
}

static void plans(void **state)
{
    (void)state;
    struct exact_plan p;
    struct err e;
    /* The published case: 1,000 samples of 18.9 M coordinates in 16 GB. */
    assert_int_equal(exact_plan_make(&p, 1000, 18903040, UINT64_C(16) << 30, 2, 0, &e), 0);
    assert_in_range(p.resident + p.streamed, 200, 227);
    assert_in_range(p.gradients, 2700, 3100);
    assert_int_equal(p.stages, 6);
    assert_true(p.bytes <= UINT64_C(16) << 30);
    assert_int_equal(exact_plan_make(&p, 1000, 18903040, UINT64_C(128) << 30, 2, 0, &e), 0);
    assert_int_equal(p.gradients, 1000);
    assert_int_equal(exact_plan_make(&p, 1000, 18903040, 64 << 20, 2, 0, &e), -1);
    assert_non_null(strstr(e.text, "at least two gradients"));
}

/* What is taken over where, and what a file's size says of it. */
static void groups_are_kept(void **state)
{
    (void)state;
    assert_int_equal(plan_kept(100, 300, 16, 1, 8).group, 8);
    assert_int_equal(plan_kept(100, 300, 15, 1, 8).group, 1);
    assert_int_equal(plan_kept(100, 300, 100, 1, 2).group, 2);
    assert_int_equal(plan_kept(9, 300, 9, 1, 8).group, 8);
    for (size_t n = 1; n < 200; n++)
        for (size_t group = 1; group <= EXACT_GROUP; group *= 2) {
            const struct exact_plan p = {.n = n, .group = group};
            assert_int_equal(exact_file_group(n, exact_file_count(&p)), group);
        }
    assert_int_equal(exact_file_group(100, 12345), 0);
}

struct goes_on {
    struct exact_plan p, q;
    struct made m;
    float want[200 * 200], c[200 * 200];
    double norms[200], again[200];
};

/* Stopped after some gradients, and gone on with by plan Q: only what is missing is computed. */
static void stop_and_go_on(struct goes_on *g)
{
    struct loss_file f;
    struct err e;
    char path[64];
    snprintf(path, sizeof path, "%s/exact.npy", scratch);
    const struct exact_source source = {&g->m, give};
    assert_int_equal(exact_file_count(&g->p), exact_file_count(&g->q));
    g->m.calls = 0;
    g->m.most = 150;
    assert_int_equal(loss_file_open(&f, path, 7, exact_file_count(&g->p), &e), 0);
    assert_int_equal(exact_compute(&g->p, &source, simd_best(), &f, &e), -1);
    assert_string_equal(e.text, "enough");
    assert_true(f.kept > 0);
    loss_file_close(&f, true);

    g->m.calls = g->m.most = 0;
    assert_int_equal(loss_file_open(&f, path, 7, exact_file_count(&g->q), &e), 0);
    assert_true(f.resumed);
    const uint64_t left = exact_left(&g->q, &f);
    assert_true(left < g->q.gradients || g->q.resident != g->p.resident);
    assert_int_equal(exact_compute(&g->q, &source, simd_best(), &f, &e), 0);
    assert_int_equal(g->m.calls, left);
    assert_int_equal(exact_norms(&g->q, &f, g->again, &e), 0);
    assert_int_equal(exact_cosines_in_memory(&g->q, &f, g->again, g->c, &e), 0);
    assert_memory_equal(g->c, g->want, sizeof g->c);
    assert_memory_equal(g->norms, g->again, sizeof g->norms);

    struct square out;
    struct npy a;
    snprintf(path, sizeof path, "%s/c.npy", scratch);
    assert_int_equal(square_open(&out, path, 200, &e), 0);
    assert_int_equal(exact_cosines(&g->q, &f, g->again, &out, &e), 0);
    assert_int_equal(square_commit(&out, &e), 0);
    assert_int_equal(npy_open(&a, path, &e), 0);
    assert_int_equal(a.rows, 200);
    assert_int_equal(a.columns, 200);
    assert_memory_equal(a.data, g->want, sizeof g->want);
    npy_close(&a);
    loss_file_close(&f, false);
}

static void goes_on(void **state)
{
    (void)state;
    struct goes_on *g = calloc(1, sizeof *g);
    assert_non_null(g);
    make(&g->m, 200, 500);
    g->p = plan_for(200, 500, 96, 2);
    compute(&g->p, &g->m, simd_best(), g->want, g->norms);
    g->q = plan_for(200, 500, 96, 1);
    stop_and_go_on(g);
    g->q = plan_for(200, 500, 130, 3);
    stop_and_go_on(g);
    /* Less memory, or room for all of them, takes over the tiles as they are. */
    assert_int_equal(plan_for(200, 500, 40, 2).group, 4);
    g->q = plan_kept(200, 500, 40, 2, exact_file_group(200, exact_file_count(&g->p)));
    assert_int_equal(g->q.resident + g->q.streamed, 40);
    stop_and_go_on(g);
    g->p = plan_for(200, 500, 20, 1);
    assert_int_equal(g->p.group, 2);
    g->q = plan_kept(200, 500, 200, 2, exact_file_group(200, exact_file_count(&g->p)));
    assert_int_equal(g->q.resident, 200);
    stop_and_go_on(g);
    free(g->m.values);
    free(g);
}

static void bad_gradients(void **state)
{
    (void)state;
    struct made m;
    struct loss_file f;
    struct err e;
    make(&m, 10, 100);
    const struct exact_source source = {&m, give};
    const struct exact_plan p = plan_for(10, 100, 4, 1);
    for (int nan = 0; nan < 2; nan++) {
        m.zero = !nan;
        m.nan = nan;
        assert_int_equal(loss_file_memory(&f, exact_file_count(&p), &e), 0);
        assert_int_equal(exact_compute(&p, &source, simd_best(), &f, &e), -1);
        assert_int_equal(e.kind, ERR_DAMAGED);
        assert_non_null(strstr(e.text, nan ? "not finite" : "sample 3: the gradient is zero"));
        loss_file_close(&f, false);
    }
    free(m.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_memory), cmocka_unit_test(plans),
        cmocka_unit_test(groups_are_kept),     cmocka_unit_test(goes_on),
        cmocka_unit_test(bad_gradients),
    };
    return cmocka_run_group_tests_name("exact", tests, make_scratch, remove_scratch);
}
