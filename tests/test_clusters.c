/* test_clusters.c - k-means beside a plain one, its bits, clusters that lose their points; agreement,
 * silhouettes, the envelope, the theory's sums and draws.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"
#include "src/quanta/agreement.h"
#include "src/quanta/gram.h"
#include "src/quanta/kmeans.h"
#include "src/quanta/kmeans_seed.h"
#include "src/quanta/lloyd.h"
#include "src/quanta/rank_envelope.h"
#include "src/quanta/silhouette.h"
#include "src/quanta/theory.h"

/* COMPONENTS [d][n]: k heaps of points, far apart where NOISE is small. */
static double *heaps(size_t n, size_t d, size_t k, double noise)
{
    double *c = malloc(n * d * sizeof *c);
    assert_non_null(c);
    for (size_t f = 0; f < d; f++) {
        for (size_t i = 0; i < n; i++)
            c[f * n + i] = 3 + rng_gaussian(1, i * k / n, f) + noise * rng_gaussian(2, i, f);
    }
    return c;
}

static struct kmeans_points points_of(const double *c, size_t n, size_t d,
                                      const struct kernels *kernels)
{
    struct kmeans_points p;
    struct err e;
    assert_int_equal(kmeans_points_open(&p, n, &e), 0);
    assert_int_equal(kmeans_points_set(&p, c, d, kernels, &e), 0);
    return p;
}

/* --- Lloyd, plainly --- */

struct plain {
    size_t n, d, k;
    const double *c; /* [d][n] */
    double *centre;  /* [k][d] */
    int *label;
    size_t *size;
};

static double plain_distance(const struct plain *p, size_t i, size_t c)
{
    double sum = 0;
    for (size_t f = 0; f < p->d; f++) {
        const double by = p->c[f * p->n + i] - p->centre[c * p->d + f];
        sum += by * by;
    }
    return sum;
}

static bool plain_assign(struct plain *p)
{
    bool changed = false;
    for (size_t i = 0; i < p->n; i++) {
        size_t best = 0;
        for (size_t c = 1; c < p->k; c++) {
            if (plain_distance(p, i, c) < plain_distance(p, i, best)) best = c;
        }
        changed = changed || p->label[i] != (int)best;
        p->label[i] = (int)best;
    }
    return changed;
}

/* Means of the labels; an empty cluster takes the farthest point, which leaves its own. */
static double plain_move(struct plain *p)
{
    double *old = malloc(p->k * p->d * sizeof *old), moved = 0;
    int *member = malloc(p->n * sizeof *member);
    double *far = malloc(p->n * sizeof *far);
    assert_true(old && member && far);
    for (size_t i = 0; i < p->n; i++) far[i] = plain_distance(p, i, (size_t)p->label[i]);
    memcpy(old, p->centre, p->k * p->d * sizeof *old);
    memcpy(member, p->label, p->n * sizeof *member);
    memset(p->size, 0, p->k * sizeof *p->size);
    for (size_t i = 0; i < p->n; i++) p->size[p->label[i]]++;
    for (size_t c = 0; c < p->k; c++) {
        size_t most = 0;
        if (p->size[c]) continue;
        for (size_t i = 1; i < p->n; i++) most = far[i] > far[most] ? i : most;
        if (!(far[most] > 0)) break;
        member[most] = (int)c;
        far[most] = -1;
    }
    memset(p->size, 0, p->k * sizeof *p->size);
    memset(p->centre, 0, p->k * p->d * sizeof *p->centre);
    for (size_t i = 0; i < p->n; i++) p->size[member[i]]++;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t f = 0; f < p->d; f++)
            p->centre[(size_t)member[i] * p->d + f] +=
                p->c[f * p->n + i] / (double)p->size[member[i]];
    }
    for (size_t i = 0; i < p->k * p->d; i++) moved += pow(p->centre[i] - old[i], 2);
    free(old);
    free(member);
    free(far);
    return moved;
}

static double plain_lloyd(struct plain *p, const size_t *seeds, double tolerance, size_t *steps)
{
    bool changed = true;
    double inertia = 0;
    for (size_t c = 0; c < p->k; c++) {
        for (size_t f = 0; f < p->d; f++) p->centre[c * p->d + f] = p->c[f * p->n + seeds[c]];
    }
    for (size_t i = 0; i < p->n; i++) p->label[i] = -1;
    for (*steps = 0; *steps < 300;) {
        changed = plain_assign(p);
        const double moved = plain_move(p);
        (*steps)++;
        if (!changed || moved <= tolerance) break;
    }
    if (changed) plain_assign(p);
    for (size_t i = 0; i < p->n; i++) inertia += plain_distance(p, i, (size_t)p->label[i]);
    return inertia;
}

static void against_plain(size_t n, size_t d, size_t k, const size_t *seeds, double noise,
                          double tolerance)
{
    double *c = heaps(n, d, 12, noise);
    struct kmeans_points p = points_of(c, n, d, simd_best());
    const struct kmeans_options o = {.clusters = k, .most = 300, .tolerance = tolerance};
    struct plain plain = {n,
                          d,
                          k,
                          c,
                          malloc(k * d * sizeof(double)),
                          malloc(n * sizeof(int)),
                          malloc(k * sizeof(size_t))};
    struct lloyd *l = lloyd_open(&p, k);
    int32_t *label = malloc(n * sizeof *label);
    assert_true(l && label && plain.centre && plain.label && plain.size);
    size_t steps, expected_steps;
    const double expected = plain_lloyd(&plain, seeds, tolerance * p.variance, &expected_steps);
    for (int again = 0; again < 2; again++) { /* the second time in used memory */
        const double inertia = lloyd_run(l, seeds, &o, label, &steps);
        assert_true(fabs(inertia - expected) <= 1e-6 * expected);
        assert_int_equal(steps, expected_steps);
        for (size_t i = 0; i < n; i++) assert_int_equal(label[i], plain.label[i]);
    }
    lloyd_close(l);
    kmeans_points_close(&p);
    free(plain.centre);
    free(plain.label);
    free(plain.size);
    free(label);
    free(c);
}

static void test_lloyd(void **state)
{
    (void)state;
    size_t seeds[30];
    for (size_t i = 0; i < 30; i++) seeds[i] = (i * 97 + 5) % 300;
    against_plain(700, 9, 30, seeds, 1, 0);
    against_plain(300, 300, 7, seeds + 3, 2, 0); /* more coordinates than a strip */
    against_plain(300, 4, 12, seeds, 0.2, 0);    /* several seeds in a heap */
    against_plain(700, 3, 5, seeds, 3, 0.05);    /* stops before it stands still */
}

/* Halfway between two centres: the first one's. */
static void test_tie(void **state)
{
    (void)state;
    const double c[] = {-1, 0, 1};
    const size_t seeds[] = {2, 0};
    struct kmeans_points p = points_of(c, 3, 1, simd_best());
    const struct kmeans_options o = {.clusters = 2, .most = 1};
    struct lloyd *l = lloyd_open(&p, 2);
    int32_t label[3];
    size_t steps;
    assert_non_null(l);
    assert_true(lloyd_run(l, seeds, &o, label, &steps) == 0.5);
    assert_true(label[0] == 1 && label[1] == 0 && label[2] == 0);
    lloyd_close(l);
    kmeans_points_close(&p);
}

/* Seeds that are one point: all but the first lose every point at once. */
static void test_empty(void **state)
{
    (void)state;
    const size_t seeds[] = {17, 17, 17, 200, 17, 3};
    against_plain(300, 5, 6, seeds, 0.5, 0);
    /* More clusters than points that differ: some stay empty, and nothing breaks. */
    double *c = heaps(60, 3, 5, 0);
    struct kmeans_points p = points_of(c, 60, 3, simd_best());
    const struct kmeans_options o = {
        .clusters = 8, .restarts = 3, .most = 300, .tolerance = 1e-4, .seed = 1};
    struct kmeans r;
    struct err e;
    assert_int_equal(kmeans_run(&r, &p, &o, &e), 0);
    assert_true(r.inertia < 1e-10);
    for (size_t i = 0; i < 60; i++) {
        for (size_t j = 0; j < 60; j++)
            assert_int_equal(r.label[i] == r.label[j], i * 5 / 60 == j * 5 / 60);
    }
    kmeans_free(&r);
    kmeans_points_close(&p);
    free(c);
}

/* --- k-means --- */

static void test_same_bits(void **state)
{
    (void)state;
    const size_t n = 600, d = 40;
    double *c = heaps(n, d, 30, 1.5);
    const struct kmeans_options o = {
        .clusters = 40, .restarts = 7, .most = 300, .tolerance = 1e-4, .seed = 3};
    struct kmeans first = {.label = NULL};
    for (int isa = SIMD_SCALAR; isa < SIMD_ISAS; isa++) {
        const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
        for (int threads = 1; kernels && threads < 6; threads += 2) {
            omp_set_num_threads(threads);
            struct kmeans_points p = points_of(c, n, d, kernels);
            struct kmeans r;
            struct err e;
            assert_int_equal(kmeans_run(&r, &p, &o, &e), 0);
            kmeans_points_close(&p);
            if (!first.label) {
                first = r;
                continue;
            }
            assert_memory_equal(r.label, first.label, n * sizeof *r.label);
            assert_memory_equal(&r.inertia, &first.inertia, sizeof r.inertia);
            assert_memory_equal(&r.agreement, &first.agreement, sizeof r.agreement);
            kmeans_free(&r);
        }
    }
    kmeans_free(&first);
    free(c);
}

/* Greedy seeds: one in each of 30 heaps, time after time; and their share of the points' spread. */
static void test_seeds(void **state)
{
    (void)state;
    const size_t n = 900, d = 10, k = 30;
    double *c = heaps(n, d, k, 0.05);
    struct kmeans_points p = points_of(c, n, d, simd_best());
    float *scratch = malloc(kmeans_seed_floats(&p) * sizeof *scratch);
    size_t seeds[30], whole = 0, firsts[3] = {0};
    for (uint64_t stream = 0; stream < 300; stream++) {
        bool met[30] = {false};
        size_t heaps_met = 0;
        kmeans_seed(seeds, k, &p, 9, stream, scratch);
        for (size_t i = 0; i < k; i++) {
            heaps_met += !met[seeds[i] / 30];
            met[seeds[i] / 30] = true;
        }
        whole += heaps_met == k;
        firsts[seeds[0] / 300]++;
    }
    assert_true(whole > 295);
    for (size_t i = 0; i < 3; i++) assert_in_range(firsts[i], 65, 135); /* 100 +- 4 x 8.2 */
    free(scratch);
    kmeans_points_close(&p);
    free(c);
}

/* --- what is said of clusters --- */

static void test_agreement(void **state)
{
    (void)state;
    const int32_t a[] = {0, 0, 1, 1}, b[] = {1, 1, 0, 0}, c[] = {0, 0, 1, 2}, one[] = {0, 0, 0, 0};
    assert_true(agreement(a, b, 4, 2) == 1);
    assert_true(fabs(agreement(a, c, 4, 3) - 0.5714285714285714) < 1e-15); /* scikit-learn's */
    assert_true(fabs(agreement(a, one, 4, 2)) < 1e-15);
    assert_true(agreement(one, one, 4, 1) == 1);
}

static void test_silhouette(void **state)
{
    (void)state;
    /* Affinities of four samples, two pairs and a single one. */
    static const float m[] = {9,   .9f, .2f, .1f, .9f, 9,   .3f, .2f,
                              .2f, .3f, 9,   .5f, .1f, .2f, .5f, 9};
    const int32_t labels[] = {0, 0, 1, 1, 0, 0, 0, 1};
    const size_t clusters[] = {2, 2};
    struct affinity a;
    struct err e;
    double mean[2];
    affinity_take(&a, "m", m, 4);
    a.top = 1;
    assert_int_equal(silhouettes(mean, labels, clusters, 2, &a, &e), 0);
    const double first = (1 - .1 / .85) + (1 - .1 / .75) + (1 - .5 / .75) + (1 - .5 / .85);
    assert_true(fabs(mean[0] - first / 4) < 1e-6);
    /* 0: a = (.1 + .8) / 2, b = .9; 1: (.1 + .7) / 2, .8; 2: (.8 + .7) / 2 = .75, .5; 3: alone. */
    const double second = (1 - .45 / .9) + (1 - .4 / .8) + (.5 / .75 - 1);
    assert_true(fabs(mean[1] - second / 4) < 1e-6);
}

/* Sizes of an exact power law: the slope is its exponent, whatever the numbers of clusters. */
static void test_rank_envelope(void **state)
{
    (void)state;
    uint32_t size[50];
    size_t n = 0;
    for (size_t i = 0; i < 50; i++) n += size[i] = (uint32_t)(100000 / (double)((i + 1) * (i + 1)));
    int32_t *labels = malloc(2 * n * sizeof *labels);
    for (size_t c = 0, i = 0; c < 50; c++) {
        for (size_t j = 0; j < size[c]; j++, i++) {
            labels[n + i] = (int32_t)c;
            labels[i] = c < 10 ? (int32_t)c : 10 + (int32_t)(j % 200); /* its tail is broken up */
        }
    }
    struct cluster_kind kind[2] = {{.clusters = 210, .filled = 210},
                                   {.clusters = 50, .filled = 50}};
    const struct clustering r = {n, 2, labels, kind};
    struct rank_envelope_request q = {.first = 2, .last = 25, .resamples = 60, .seed = 4};
    struct rank_envelope v, other;
    struct err e;
    assert_int_equal(rank_envelope_make(&v, &r, &q, &e), 0);
    assert_true(fabs(v.slope + 2) < 1e-3);
    assert_true(v.lo < v.slope && v.slope < v.hi && v.hi - v.lo < 0.1);
    omp_set_num_threads(3);
    assert_int_equal(rank_envelope_make(&other, &r, &q, &e), 0);
    assert_true(other.lo == v.lo && other.hi == v.hi && other.bias == v.bias);
    rank_envelope_free(&other);
    rank_envelope_free(&v);
    q.first = 209;
    q.last = 300;
    assert_int_equal(rank_envelope_make(&v, &r, &q, &e), -1);
    free(labels);
}

/* --- theory --- */

static void test_theory_sums(void **state)
{
    (void)state;
    assert_true(fabs(theory_tail(2, 1) - M_PI * M_PI / 6) < 1e-12);
    assert_true(fabs(theory_tail(1.4, 1) - 3.1055472779775809) < 1e-11);
    assert_true(fabs(theory_log_tail(2, 1) - 0.9375482543158438) < 1e-11); /* -zeta'(2) */
    for (double n = 10; n <= 1000; n *= 10) {
        /* Term by term to 10^6, the rest an integral from there on. */
        const double s = 1.4, most = 1e6, zeta = theory_tail(s, 1);
        double sum = pow(most + 0.5, 1 - s) / (s - 1), logs = 0;
        logs = pow(most + 0.5, 1 - s) * (log(most + 0.5) / (s - 1) + 1 / ((s - 1) * (s - 1)));
        for (double k = most; k > n; k--) {
            sum += pow(k, -s);
            logs += pow(k, -s) * log(k);
        }
        const double exact[] = {sum / zeta, (s * logs + log(zeta) * sum) / zeta};
        for (int c = THEORY_CONSTANT; c <= THEORY_UNIGRAM; c++) {
            const double closed = theory_closed((enum theory_case)c, s - 1, n);
            assert_true(fabs(theory_exact((enum theory_case)c, s - 1, n) / exact[c] - 1) < 1e-9);
            assert_true(fabs(closed / exact[c] - 1) < (n < 100 ? 0.02 : n < 1000 ? 0.003 : 0.0003));
        }
    }
}

static void test_theory_draws(void **state)
{
    (void)state;
    struct theory_draws q = {.alpha = 0.4, .needed = 1, .quanta = 100000, .runs = 20, .seed = 5};
    struct theory_loss few, many, again;
    struct err e;
    for (q.needed = 1; q.needed < 5; q.needed += 3) {
        /* What is added for the quanta beyond makes up for how many are drawn. */
        q.quanta = 20000;
        assert_int_equal(theory_draw(&few, 3e5, &q, &e), 0);
        q.quanta = 400000;
        assert_int_equal(theory_draw(&many, 3e5, &q, &e), 0);
        assert_true(few.beyond > 3 * many.beyond);
        assert_true(fabs(few.expected / many.expected - 1) < 1e-7);
        assert_true(fabs(many.mean - many.expected) < 4 * many.error);
        assert_true(many.error < 0.01 * many.mean);
        omp_set_num_threads(2);
        assert_int_equal(theory_draw(&again, 3e5, &q, &e), 0);
        assert_memory_equal(&again, &many, sizeof many);
    }
    q.needed = 1;
    q.runs = 1;
    assert_int_equal(theory_draw(&few, 1e8, &q, &e), 0);
    assert_int_equal(theory_draw(&many, 1e9, &q, &e), 0);
    assert_true(fabs(log10(few.expected / many.expected) - 0.4 / 1.4) < 1e-3);
}

/* The expected loss term by term, in long doubles; beyond the MOST first no quantum is learned. */
static double plain_loss(double samples, const struct theory_draws *q, double most)
{
    const double s = q->alpha + 1, zeta = theory_tail(s, 1);
    long double sum = (long double)(theory_tail(s, most + 1) / zeta);
    for (double k = most; k > 0; k--) {
        const double p = pow(k, -s) / zeta, mean = samples * p;
        long double term = expl((long double)-mean),
                    few = 0; /* above 11355 nothing is left of it */
        for (double i = 0; i < q->needed; i++) {
            few += term;
            term *= (long double)mean / (long double)(i + 1);
        }
        sum += few * (long double)p;
    }
    return (double)sum;
}

/* Means and sums that exp and factorials do not reach, on both sides of where it begins. */
static void test_theory_far(void **state)
{
    (void)state;
    static const struct {
        double alpha, needed, samples;
        uint64_t quanta;
        double most; /* 1e-9 of needed samples are still expected there at most */
    } far[] = {
        {1, 1000, 1150, 1000, 3000},    {1, 1000, 1153, 1000, 3000},  {1, 1000, 1400, 1000, 3000},
        {1, 1000, 1640, 1000, 3000},    {1, 1000, 1660, 1000, 3000},  {1, 1000, 3000, 1000, 3000},
        {1, 700, 1152, 1000, 3000},     {1, 12, 1240, 1000, 100000},  {0.4, 200, 1e6, 20, 100000},
        {0.4, 200, 1e4, 100000, 10000}, {0.4, 1000, 1e6, 40, 100000}, {0.4, 30, 1e5, 40, 400000},
        {0.4, 172, 3e6, 300, 100000},
    };
    struct theory_loss l;
    struct err e;
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        const struct theory_draws q = {
            .alpha = far[i].alpha, .needed = far[i].needed, .quanta = far[i].quanta, .runs = 1};
        assert_int_equal(theory_draw(&l, far[i].samples, &q, &e), 0);
        const double want = plain_loss(far[i].samples, &q, far[i].most);
        if (!(fabs(l.expected / want - 1) < 1e-7))
            fail_msg("%g of %g samples, %g quanta: expected %.12g, found %.12g", q.needed,
                     far[i].samples, (double)q.quanta, want, l.expected);
    }
    /* so many that only the law is left */
    const struct theory_draws q = {.alpha = 0.4, .needed = 1, .quanta = 1000, .runs = 1};
    struct theory_loss more;
    assert_int_equal(theory_draw(&l, 1e17, &q, &e), 0);
    assert_int_equal(theory_draw(&more, 1e18, &q, &e), 0);
    assert_true(fabs(log10(l.expected / more.expected) - 0.4 / 1.4) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lloyd),       cmocka_unit_test(test_tie),
        cmocka_unit_test(test_empty),       cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_seeds),       cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_silhouette),  cmocka_unit_test(test_rank_envelope),
        cmocka_unit_test(test_theory_sums), cmocka_unit_test(test_theory_draws),
        cmocka_unit_test(test_theory_far)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
