/* test_parity.c - multitask sparse parity: the task, the network beside a float64 twin, its gradient, what
 * is kept of an unfinished run, and what the exponents are made of.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/report/parity_exponents.h"
#include "src/train/parity_state.h"
#include "tests/scratch.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const struct parity_shape published = {.tasks = 500, .n = 100, .k = 3, .zipf = 1.4};

static void assert_near(double got, double want, double most)
{
    if (!(fabs(got - want) <= most)) fail_msg("expected %.9g +- %g, found %.9g", want, most, got);
}

/* --- the task --- */

/* Frequencies to the digits that were computed elsewhere. */
static void test_frequencies(void **state)
{
    (void)state;
    static const double first[] = {0.345126, 0.130778, 0.074132, 0.049556, 0.036259};
    static const struct {
        size_t n;
        double loss;
    } rest[] = {{1, 0.654874},  {5, 0.264978 + 0.099170}, {10, 0.264978},
                {50, 0.107915}, {100, 0.064669},          {400, 0.006696}};
    struct parity_task t;
    struct err e;
    assert_int_equal(parity_task_make(&t, &published, &e), 0);
    for (size_t i = 0; i < LENGTH(first); i++) assert_near(t.share[i], first[i], 5e-7);
    assert_near(t.share[499], 5.74672e-5, 5e-11);
    assert_near(1 / t.share[0], 2.8974921925953936, 1e-14);
    assert_int_equal((int)(t.share[499] * 1000000), 57);
    for (size_t k = 0; k < LENGTH(rest); k++) {
        double sum = 0;
        for (size_t i = rest[k].n; i < 500; i++) sum += t.share[i];
        assert_near(sum, rest[k].loss, 1e-6);
    }
    uint64_t tested = 0;
    for (size_t i = 0; i < 500; i++) tested += (uint64_t)(t.share[i] * 1e6);
    assert_int_equal(tested, 999746);
    parity_task_free(&t);
}

static void test_subsets(void **state)
{
    (void)state;
    struct parity_task t;
    struct err e;
    assert_int_equal(parity_task_make(&t, &published, &e), 0);
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(
            __builtin_popcountll(t.subset[i][0]) + __builtin_popcountll(t.subset[i][1]), 3);
        assert_int_equal(t.subset[i][1] >> 36, 0);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(t.subset[i], t.subset[k], sizeof *t.subset);
    }
    parity_task_free(&t);
    /* all ten of them, and no eleventh */
    struct parity_shape few = {.tasks = 10, .n = 5, .k = 2, .zipf = 1.4};
    assert_int_equal(parity_task_make(&t, &few, &e), 0);
    parity_task_free(&t);
    few.tasks = 11;
    assert_int_equal(parity_task_make(&t, &few, &e), -1);
    assert_non_null(strstr(e.text, "only 10 distinct subsets of 2 of 5 bits"));
}

/* Samples: how often each task and each bit comes, within five standard deviations; the batch is what
 * the samples are, grouped. */
static void test_samples(void **state)
{
    (void)state;
    enum { N = 60000 };
    struct parity_task t;
    struct parity_batch b;
    struct err e;
    size_t task[500] = {0}, set[128] = {0}, odd = 0;
    assert_int_equal(parity_task_make(&t, &published, &e), 0);
    assert_int_equal(parity_batch_make(&b, &t, N, &e), 0);
    for (size_t i = 0; i < N; i++) {
        uint64_t bits[2];
        const size_t one = parity_task_of(&t, PARITY_TRAIN_TASK, i);
        parity_bits_of(&t, PARITY_TRAIN_BITS, i, bits);
        task[one]++;
        for (size_t j = 0; j < 128; j++) set[j] += bits[j / 64] >> j % 64 & 1;
        odd += parity_label(&t, one, bits);
    }
    for (size_t i = 0; i < 500; i++)
        assert_near((double)task[i], N * t.share[i], 5 * sqrt(N * t.share[i]) + 3);
    for (size_t j = 0; j < 128; j++)
        assert_near((double)set[j], j < 100 ? N / 2. : 0, j < 100 ? 2.5 * sqrt(N) : 0);
    assert_near((double)odd, N / 2., 2.5 * sqrt(N));
    parity_batch_train(&b, &t, 0, NULL, N - 3);
    assert_int_equal(b.s.n, N);
    for (size_t i = 0, seen = 0; i < 500; i++) {
        size_t n = 0;
        for (; seen < N - 3 && b.task[seen] == i; seen++) n++;
        assert_true(n <= task[i] && n + 3 >= task[i]);
    }
    for (size_t i = 0; i < N - 3; i++) { /* the label is the parity of its nibbles' bits */
        unsigned label = 0;
        for (size_t j = 0; j < 100; j++)
            if (t.subset[b.task[i]][j / 64] >> j % 64 & 1)
                label ^= b.nibbles[i * PARITY_GROUPS + j / 4] / 8 >> j % 4 & 1;
        assert_int_equal(label, b.labels[i / 16] >> i % 16 & 1);
    }
    parity_batch_free(&b);
    parity_task_free(&t);
}

/* --- the network --- */

static const struct kernels *best(void)
{
    return simd_best();
}

static void test_untrained(void **state)
{
    (void)state;
    struct parity_task t;
    struct parity_batch b;
    struct parity_net p;
    struct err e;
    assert_int_equal(parity_task_make(&t, &published, &e), 0);
    assert_int_equal(parity_batch_make(&b, &t, 20000, &e), 0);
    assert_int_equal(parity_net_make(&p, &t, 500, 20000, best(), &e), 0);
    assert_int_equal(parity_parameters(&published, 500), 301502);
    assert_int_equal(parity_parameters(&published, 9), 5429);
    parity_batch_train(&b, &t, 0, NULL, 20000);
    assert_near(parity_net_test(&p, &b) / M_LN2, 1, 0.02);
    /* uniform between -1 and 1 over the root of the inputs */
    double most = 0;
    for (size_t row = 0; row < 601; row++)
        for (size_t unit = 0; unit < 500; unit++)
            most = fmax(most, fabs((double)p.w[parity_net_at(&p, &t, row, unit)]));
    assert_near(most, 1 / sqrt(600), 1e-6);
    for (size_t unit = 500; unit < 512; unit++)
        for (size_t row = 0; row < 603; row++)
            assert_true(p.w[parity_net_at(&p, &t, row, unit)] == 0);
    parity_net_free(&p);
    parity_batch_free(&b);
    parity_task_free(&t);
}

/* The mean loss by plain sums in double, from weights laid out as a network's. */
static double plain_loss(const struct parity_net *p, const struct parity_task *t,
                         const struct parity_batch *b, const double *w)
{
    const size_t tasks = t->shape.tasks, n = t->shape.n, tail = p->blocks * p->block;
    double sum = 0;
    for (size_t i = 0; i < b->n; i++) {
        double z = w[tail + 1] - w[tail];
        for (size_t unit = 0; unit < p->width; unit++) {
            double h =
                w[parity_net_at(p, t, b->task[i], unit)] + w[parity_net_at(p, t, tasks + n, unit)];
            for (size_t j = 0; j < n; j++)
                if (b->nibbles[i * PARITY_GROUPS + j / 4] / 8 >> j % 4 & 1)
                    h += w[parity_net_at(p, t, tasks + j, unit)];
            if (h > 0)
                z += h * (w[parity_net_at(p, t, tasks + n + 2, unit)] -
                          w[parity_net_at(p, t, tasks + n + 1, unit)]);
        }
        sum += log1p(exp(b->labels[i / 16] >> i % 16 & 1 ? -z : z));
    }
    return sum / (double)b->n;
}

/* Central differences, of every weight. */
static void test_gradient(void **state)
{
    (void)state;
    const struct parity_shape shape = {.tasks = 5, .n = 11, .k = 2, .zipf = 1.4, .seed = 3};
    enum { WIDTH = 19, N = 700 };
    struct parity_task t;
    struct parity_batch b;
    struct parity_net p;
    struct err e;
    assert_int_equal(parity_task_make(&t, &shape, &e), 0);
    assert_int_equal(parity_batch_make(&b, &t, N, &e), 0);
    assert_int_equal(parity_net_make(&p, &t, WIDTH, N, best(), &e), 0);
    parity_batch_train(&b, &t, 0, NULL, N);
    for (int i = 0; i < 100; i++) parity_net_step(&p, &b); /* where gradients are not small */
    double *w = malloc(p.floats * sizeof *w), most = 0;
    for (size_t i = 0; i < p.floats; i++) w[i] = (double)p.w[i];
    assert_near(parity_net_gradient(&p, &b), plain_loss(&p, &t, &b, w), 1e-6);
    for (size_t i = 0; i < p.floats; i++) most = fmax(most, fabs((double)p.g[i]));
    assert_true(most > 0.01);
    size_t checked = 0;
    for (size_t i = 0; i < p.floats; i++) {
        const size_t unit = i / p.block * 16 + i % 16, row = i % p.block / 16;
        if (i < p.blocks * p.block ? unit >= WIDTH || row == 11 : i >= p.floats - 14) {
            assert_true(p.g[i] == 0); /* no such unit, bit or output */
            continue;
        }
        const double at = w[i], step = 1e-6;
        w[i] = at + step;
        const double up = plain_loss(&p, &t, &b, w);
        w[i] = at - step;
        const double down = plain_loss(&p, &t, &b, w);
        w[i] = at;
        assert_near((double)p.g[i], (up - down) / (2 * step), 2e-5 * most);
        checked++;
    }
    assert_int_equal(checked, parity_parameters(&shape, WIDTH));
    free(w);
    parity_net_free(&p);
    parity_batch_free(&b);
    parity_task_free(&t);
}

/* --- the float64 twin --- */

static size_t whole(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    assert_true(json_is_integer(v));
    return (size_t)json_integer_value(v);
}

static double real(const json_t *a, size_t i)
{
    assert_true(i < json_array_size(a));
    return json_number_value(json_array_get(a, i));
}

static void compare_run(const struct parity_run *base, const json_t *twin, enum simd_isa isa)
{
    char folder[64], path[192], name[96];
    struct parity_run r = *base, read;
    struct parity_log l;
    struct err e;
    struct parity_done done;
    r.data = whole(twin, "data");
    snprintf(folder, sizeof folder, "%s/%d", scratch, (int)isa);
    assert_int_equal(make_directories(folder, &e), 0);
    const struct parity_how how = {
        .folder = folder, .kernels = simd_kernels(isa), .keep_seconds = 1e9};
    if (parity_run_do(&r, &how, &done, &e)) fail_msg("%s", e.text);
    assert_false(done.there);
    assert_int_equal(done.first, 0);
    assert_int_equal(done.end, r.steps);
    parity_run_name(&r, name, sizeof name);
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    if (parity_run_read(&read, &l, path, &e)) fail_msg("%s", e.text);
    assert_int_equal(l.n, 5);
    for (size_t i = 0; i < l.n; i++) { /* the record has the batches' losses of logged steps */
        const double want = real(json_object_get(twin, "train"), i * r.log);
        assert_near(l.train[i], want, 1e-4 * want);
        const json_t *row = json_array_get(json_object_get(twin, "subtask"), i);
        for (size_t t = 0; t < r.shape.tasks; t++)
            assert_near((double)l.subtask[i * r.shape.tasks + t], real(row, t), 1e-4);
    }
    parity_log_free(&l);
    struct parity_task t;
    struct parity_net p;
    assert_int_equal(parity_task_make(&t, &r.shape, &e), 0);
    assert_int_equal(parity_net_make(&p, &t, r.width, 16, best(), &e), 0);
    if (parity_run_weights(&p, &t, path, &e)) fail_msg("%s", e.text);
    const size_t row = r.shape.tasks + r.shape.n + 2;
    for (size_t unit = 0; unit < r.width; unit++)
        assert_near((double)p.w[parity_net_at(&p, &t, row, unit)],
                    real(json_object_get(twin, "out"), unit), 1e-4);
    for (size_t i = 0; i < 2; i++)
        assert_near((double)p.w[p.floats - 16 + i], real(json_object_get(twin, "bias"), i), 1e-4);
    parity_net_free(&p);
    parity_task_free(&t);
}

static void test_twin(void **state)
{
    (void)state;
    json_t *j = json_load_file("tests/golden/parity.json", 0, NULL);
    assert_non_null(j);
    struct parity_run r = {.shape = {.tasks = whole(j, "tasks"),
                                     .n = whole(j, "n"),
                                     .k = whole(j, "k"),
                                     .zipf = json_number_value(json_object_get(j, "zipf")),
                                     .seed = whole(j, "seed")},
                           .width = whole(j, "width"),
                           .batch = whole(j, "batch"),
                           .steps = whole(j, "steps"),
                           .log = whole(j, "log"),
                           .task_points = whole(j, "task_points"),
                           .rates = PARITY_RATES};
    struct parity_task t;
    struct err e;
    assert_int_equal(parity_task_make(&t, &r.shape, &e), 0);
    for (size_t i = 0; i < r.shape.tasks; i++) {
        const json_t *bits = json_array_get(json_object_get(j, "subsets"), i);
        uint64_t subset = 0;
        for (size_t k = 0; k < r.shape.k; k++) subset |= UINT64_C(1) << (int)real(bits, k);
        assert_int_equal(subset, t.subset[i][0]);
    }
    parity_task_free(&t);
    for (size_t i = 0; i < 2; i++) {
        compare_run(&r, json_array_get(json_object_get(j, "runs"), i), SIMD_SCALAR);
        if (simd_best()->isa != SIMD_SCALAR)
            compare_run(&r, json_array_get(json_object_get(j, "runs"), i), simd_best()->isa);
    }
    json_decref(j);
}

/* --- what is kept --- */

static void test_state(void **state)
{
    (void)state;
    const struct parity_shape shape = {.tasks = 4, .n = 8, .k = 2, .zipf = 1.4, .seed = 3};
    char path[64];
    struct parity_task t;
    struct parity_batch b;
    struct parity_net p, q;
    struct parity_log l = {.n = 0}, m;
    struct err e;
    snprintf(path, sizeof path, "%s/x.state", scratch);
    assert_int_equal(parity_task_make(&t, &shape, &e), 0);
    assert_int_equal(parity_batch_make(&b, &t, 40, &e), 0);
    assert_int_equal(parity_net_make(&p, &t, 20, 40, best(), &e), 0);
    assert_int_equal(parity_net_make(&q, &t, 20, 40, best(), &e), 0);
    for (int i = 0; i < 70; i++) {
        parity_batch_train(&b, &t, 40 * p.steps, NULL, 40);
        assert_int_equal(parity_log_grow(&l, 4), 0);
        l.mean[i] = l.train[i] = parity_net_step(&p, &b);
        l.subtask[4 * i + 1] = (float)i;
    }
    l.seconds = 12.5;
    assert_int_equal(parity_state_write(path, 77, &p, &l, 4, &e), 0);
    FILE *f = fopen(path, "rb");
    static char data[1 << 16];
    const size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    assert_int_equal(parity_state_parse(&q, &m, 4, 77, "x", data, size, &e), 0);
    assert_int_equal(m.n, 70);
    assert_true(m.seconds == 12.5);
    assert_memory_equal(m.mean, l.mean, 70 * sizeof *l.mean);
    assert_memory_equal(m.subtask, l.subtask, 280 * sizeof *l.subtask);
    parity_log_free(&m);
    for (int i = 0; i < 5; i++) { /* both go on alike */
        parity_batch_train(&b, &t, 40 * p.steps, NULL, 40);
        assert_true(parity_net_step(&p, &b) == parity_net_step(&q, &b));
    }
    assert_memory_equal(p.w, q.w, 3 * p.floats * sizeof *p.w);
    /* what is not it */
    assert_int_equal(parity_state_parse(&q, &m, 4, 78, "x", data, size, &e), -1);
    assert_non_null(strstr(e.text, "x: of a run with other settings"));
    assert_int_equal(parity_state_parse(&q, &m, 5, 77, "x", data, size, &e), -1);
    assert_non_null(strstr(e.text, "expected the sizes of this run"));
    assert_int_equal(parity_state_parse(&q, &m, 4, 77, "x", data, size - 1, &e), -1);
    assert_int_equal(parity_state_parse(&q, &m, 4, 77, "x", data, 20, &e), -1);
    data[1000] ^= 1;
    assert_int_equal(parity_state_parse(&q, &m, 4, 77, "x", data, size, &e), -1);
    assert_non_null(strstr(e.text, "checksum"));
    parity_log_free(&l);
    parity_net_free(&p);
    parity_net_free(&q);
    parity_batch_free(&b);
    parity_task_free(&t);
}

/* --- grids and exponents --- */

/* The widths and training sets that the published runs had: truncated, the first one less. */
static void test_presets(void **state)
{
    (void)state;
    static const double widths[] = {9,   11,  13,  14,  17,  19,  22,  25,  29,  33,
                                    38,  44,  50,  57,  66,  75,  86,  99,  113, 129,
                                    148, 169, 194, 222, 254, 291, 333, 381, 436, 500};
    double v[30];
    parity_log_spaced(v, 30, 10, 500);
    for (size_t i = 0; i < 30; i++) assert_int_equal((int)v[i], (int)widths[i]);
    parity_log_spaced(v, 30, 1e4, 5e6);
    const double data[] = {9999, 12389, 15350};
    for (size_t i = 0; i < 3; i++) assert_int_equal((int)v[i], (int)data[i]);
    assert_int_equal((int)v[28], 4035543);
    assert_int_equal((int)v[29], 4999999);
    static const size_t runs[2][PARITY_PRESETS] = {{60, 1, 855}, {17, 1, 51}};
    for (int scaled = 0; scaled < 2; scaled++)
        for (int i = 0; i < PARITY_PRESETS; i++) {
            struct parity_grid g = {.n = 0};
            struct err e;
            assert_int_equal(parity_grid_preset(&g, (enum parity_preset)i, scaled, 0, 0, &e), 0);
            assert_int_equal(g.n, runs[scaled][i]);
            size_t n = 0;
            for (size_t k = 0; k < 3; k++) { /* every run in one of three parts */
                struct parity_grid part = {.n = 0};
                parity_grid_preset(&part, (enum parity_preset)i, scaled, 0, 0, &e);
                parity_grid_order(&part, k, 3);
                n += part.n;
                parity_grid_free(&part);
            }
            assert_int_equal(n, g.n);
            for (size_t k = 0; k < g.n; k++) assert_true(parity_run_bytes(&g.runs[k]) < 200e6);
            parity_grid_order(&g, 0, 1);
            for (size_t k = 1; k < g.n; k++)
                assert_true(parity_run_cost(&g.runs[k - 1]) >= parity_run_cost(&g.runs[k]));
            parity_grid_free(&g);
        }
    struct parity_run large = parity_preset_base(false);
    large.data = 5000000;
    assert_true(parity_run_bytes(&large) < 120e6);
}

enum { TASKS = 30, LOGS = 60, WIDTHS = 4, DATAS = 4 };

/* A run whose logs follow laws exactly: loss N^-0.4 of the last log, S^-0.3 on the way, D^-0.25 where it is
 * least; subtask t learned at about step 100 (t + 1). */
static struct parity_found made_up(size_t width, uint64_t data, uint64_t seed)
{
    struct parity_found f = {
        .run = {.shape = {.tasks = TASKS, .n = 10, .k = 2, .zipf = 1.4, .seed = seed},
                .width = width,
                .data = data,
                .batch = 10,
                .steps = 100 * LOGS,
                .log = 100,
                .task_points = 1}};
    const double n = pow((double)parity_parameters(&f.run.shape, width), -0.4);
    for (size_t i = 0; i < LOGS; i++) {
        parity_log_grow(&f.log, TASKS);
        f.log.mean[i] = data ? 3 * pow((double)data, -0.25) * (1 + fabs((double)i - 20))
                        : i  ? n * pow((double)i / (LOGS - 1), -0.3)
                             : 0.7;
        for (size_t t = 0; t < TASKS; t++)
            f.log.subtask[i * TASKS + t] = i < t ? 0.7f : i == t ? 0.08f : 0.001f;
    }
    return f;
}

static void test_exponents(void **state)
{
    (void)state;
    struct parity_found found[3 * (WIDTHS + DATAS + 1)];
    struct parity_folder f = {found, 0};
    for (uint64_t seed = 0; seed < 3; seed++) {
        for (size_t i = 0; i < WIDTHS; i++) found[f.n++] = made_up((size_t)20 << i, 0, seed);
        for (size_t i = 0; i < DATAS; i++) found[f.n++] = made_up(50, 5000u << 3 * i, seed);
        found[f.n++] = made_up(50, 10, seed); /* never below 0.95 bit */
    }
    struct parity_exponent x[PARITY_QUANTITIES * LENGTH(found)];
    const struct parity_window w = {500, 5000};
    assert_int_equal(parity_exponents(x, &f, &w), PARITY_QUANTITIES);
    const double want[] = {0.4, 0.3, 0.25}, theory[] = {0.4, 0.4 / 1.4, 0.4 / 1.4};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(x[i].what, i);
        assert_near(x[i].value, want[i], 1e-9);
        assert_near(x[i].theory, theory[i], 1e-12);
        assert_int_equal(x[i].seeds, 3);
        assert_true(x[i].by_seeds);
    }
    assert_near(x[0].published, 0.38, 1e-12);
    assert_near(x[1].published, 0.346, 1e-12);
    assert_near(x[2].published, 0.308, 1e-12);
    assert_int_equal(x[0].points, 12);
    assert_int_equal(x[1].points, 3 * 45);
    assert_int_equal(x[2].points, 12);
    assert_near(x[PARITY_ORDER].value, 1, 1e-12);
    /* steps go as the rank, whose frequency is rank^-1.4 */
    assert_near(x[PARITY_CONVERGENCE].value, -1 / 1.4, 1e-9);
    /* 0.08 nat is below 0.1 nat, not below 0.1 bit */
    found[0].log.n = TASKS;
    assert_int_equal(parity_learned(&found[0], PARITY_TENTH_BIT, false), TASKS - 1);
    assert_int_equal(parity_learned(&found[0], 0.1, false), TASKS);
    /* ever, though not at the last log */
    for (size_t t = 0; t < TASKS; t++) found[0].log.subtask[(TASKS - 1) * TASKS + t] = 0.5f;
    assert_int_equal(parity_learned(&found[0], 0.1, false), 0);
    assert_int_equal(parity_learned(&found[0], 0.1, true), TASKS - 1);
    for (size_t i = 0; i < f.n; i++) parity_log_free(&found[i].log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies), cmocka_unit_test(test_subsets),
        cmocka_unit_test(test_samples),     cmocka_unit_test(test_untrained),
        cmocka_unit_test(test_gradient),    cmocka_unit_test(test_twin),
        cmocka_unit_test(test_state),       cmocka_unit_test(test_presets),
        cmocka_unit_test(test_exponents),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
