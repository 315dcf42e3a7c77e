/* parity.c - checks of the perceptron on bits, of its loss and of AdamW.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

enum { L = SIMD_LANES };

/* A block's weights and samples, random; every fifth weight zero. */
struct problem {
    struct parity_samples s;
    uint8_t *nibbles;
    uint16_t *task;
    float *block;
    size_t rows;
};

static struct problem make_problem(size_t n, size_t groups, size_t tasks, bool at_end)
{
    struct problem p = {.rows = parity_block_rows(groups, tasks)};
    p.nibbles = guarded(n * PARITY_GROUPS, at_end);
    p.task = guarded(n * sizeof *p.task, at_end);
    p.block = guarded(p.rows * L * sizeof *p.block, at_end);
    for (size_t i = 0; i < n; i++) {
        p.task[i] = (uint16_t)(bench ? i * tasks / n : random_below(tasks));
        for (size_t g = 0; g < groups; g++)
            p.nibbles[i * PARITY_GROUPS + g] = (uint8_t)(8 * random_below(16));
    }
    for (size_t i = 0; i < p.rows * L; i++)
        p.block[i] = random_below(5) ? random_between(-1, 1) : 0;
    p.s = (struct parity_samples){n, groups, tasks, p.nibbles, p.task};
    return p;
}

/* Whether sample i has row j of the block. */
static bool has(const struct problem *p, size_t i, size_t j)
{
    const size_t bits = 4 * p->s.groups;
    if (j < bits) return p->nibbles[i * PARITY_GROUPS + j / 4] / 8 >> j % 4 & 1;
    return j < bits + p->s.tasks ? p->task[i] == j - bits : j == bits + p->s.tasks;
}

static double hidden(const struct problem *p, size_t i, size_t c)
{
    double h = 0;
    for (size_t j = 0; j + 2 < p->rows; j++)
        if (has(p, i, j)) h += (double)p->block[j * L + c];
    return h;
}

static double out_of(const struct problem *p, size_t c)
{
    const float *o = p->block + (p->rows - 2) * L + c;
    return (double)(o[L] - o[0]);
}

static void run_forward(size_t n, size_t groups, size_t tasks, bool at_end)
{
    const struct problem p = make_problem(n, groups, tasks, at_end);
    float *first = guarded(n * sizeof *first, true), *start = guarded(n * sizeof *start, true);
    uint16_t *bits = guarded(n * sizeof *bits, true);
    for (size_t i = 0; i < n; i++) start[i] = random_between(-1, 1);
    describe("%zu samples, %zu groups, %zu tasks", n, groups, tasks);
    for (int t = 0; t < tables; t++) {
        float *z = guarded(n * sizeof *z, at_end);
        uint16_t *positive = guarded(n * sizeof *positive, at_end);
        memcpy(z, start, n * sizeof *z);
        CALL(t, 2.0 * L * 4.0 * (double)(n * groups), 0,
             table[t]->parity_forward(z, positive, &p.s, p.block));
        if (bench) continue;
        if (!t) {
            memcpy(first, z, n * sizeof *z);
            memcpy(bits, positive, n * sizeof *bits);
        }
        expect_same(t, z, first, n, "the first table");
        if (memcmp(bits, positive, n * sizeof *bits)) fail(t, "other units are positive");
        for (size_t i = 0; i < n && !t; i++) {
            double want = (double)start[i], size = fabs(want);
            for (size_t c = 0; c < L; c++) {
                const double h = hidden(&p, i, c), part = h > 0 ? h * out_of(&p, c) : 0;
                want += part;
                size += (fabs(h) + (double)groups) * fabs(out_of(&p, c));
                if (fabs(h) > 1e-4 && (positive[i] >> c & 1) != (h > 0))
                    fail(t, "sample %zu, unit %zu: h is %g", i, c, h);
            }
            expect_close(t, (double)z[i], want, (double)(groups + 8) * UNIT * size, size);
        }
        table[t]->parity_forward(z, NULL, &p.s, p.block); /* a test: no mask is written */
    }
    release();
}

void check_parity_forward(void)
{
    if (bench) {
        run_forward(20000, 25, 500, true);
        return;
    }
    for (size_t groups = 1; groups <= PARITY_GROUPS; groups++)
        run_forward(16 * (1 + random_below(4)), groups, 1 + random_below(40), groups % 2);
}

static void run_backward(size_t n, size_t groups, size_t tasks, bool at_end)
{
    const struct problem p = make_problem(n, groups, tasks, at_end);
    float *e = guarded(n * sizeof *e, at_end);
    float *first = guarded(p.rows * L * sizeof *first, true);
    uint16_t *positive = guarded(n * sizeof *positive, at_end);
    const float scale = random_between(0.001f, 1);
    for (size_t i = 0; i < n; i++) {
        e[i] = random_between(-1, 1);
        positive[i] = (uint16_t)random_bits();
    }
    describe("%zu samples, %zu groups, %zu tasks", n, groups, tasks);
    for (int t = 0; t < tables; t++) {
        float *g = guarded(p.rows * L * sizeof *g, at_end);
        CALL(t, 2.0 * L * 4.0 * (double)(n * groups), 0,
             table[t]->parity_backward(g, &p.s, e, positive, p.block, scale));
        if (bench) continue;
        if (!t) memcpy(first, g, p.rows * L * sizeof *g);
        expect_same(t, g, first, p.rows * L, "the first table");
        if (t) continue;
        for (size_t c = 0; c < L; c++) {
            double slope = 0, whole = 0;
            for (size_t j = 0; j + 2 < p.rows; j++) {
                double sum = 0, size = 0;
                for (size_t i = 0; i < n; i++) {
                    const double x = positive[i] >> c & 1 && has(&p, i, j) ? (double)e[i] : 0;
                    sum += x;
                    size += fabs(x);
                }
                const double out = out_of(&p, c) * (double)scale, w = (double)p.block[j * L + c];
                slope += w * sum * (double)scale;
                whole += fabs(w) * size * (double)scale;
                expect_close(t, (double)g[j * L + c], out * sum,
                             (double)(n + tasks + 12) * UNIT * size * fabs(out), size * fabs(out));
            }
            const float *o = g + (p.rows - 2) * L + c;
            expect_close(t, (double)o[L], slope, (double)(n + p.rows + 12) * UNIT * whole, whole);
            if (o[0] != -o[L])
                fail(t, "unit %zu: the two outputs' slopes are %a, %a", c, (double)o[0],
                     (double)o[L]);
        }
    }
    release();
}

void check_parity_backward(void)
{
    if (bench) {
        run_backward(20000, 25, 500, true);
        return;
    }
    for (size_t groups = 1; groups <= PARITY_GROUPS; groups++)
        run_backward(16 * (1 + random_below(4)), groups, 1 + random_below(40), groups % 2);
    run_backward(1600, 8, 30, true);
}

static void run_loss(size_t n, int kind, bool at_end)
{
    const size_t whole = (n + L - 1) / L * L;
    float *z = guarded(whole * sizeof *z, at_end), *first[2];
    uint16_t *labels = guarded(whole / L * sizeof *labels, at_end);
    for (int k = 0; k < 2; k++) first[k] = guarded(whole * sizeof **first, true);
    for (size_t i = 0; i < whole; i++)
        z[i] = kind == 2 ? random_special(false) : random_between(kind ? -110 : -8, kind ? 110 : 8);
    for (size_t i = 0; i < whole / L; i++) labels[i] = (uint16_t)random_bits();
    describe("n = %zu, input %d", n, kind);
    for (int t = 0; t < tables; t++) {
        float *loss = guarded(n * sizeof *loss, at_end), *e = guarded(whole * sizeof *e, at_end);
        CALL(t, 0, 12.0 * (double)n, table[t]->parity_loss(loss, e, z, labels, n));
        if (bench) continue;
        if (!t) {
            memcpy(first[0], loss, n * sizeof *loss);
            memcpy(first[1], e, whole * sizeof *e);
        }
        expect_same(t, loss, first[0], n, "the first table's loss");
        expect_same(t, e, first[1], whole, "the first table's slope");
        for (size_t i = 0; i < whole; i++) {
            const double sign = labels[i / L] >> i % L & 1 ? -1 : 1, u = sign * (double)z[i];
            if (i >= n) {
                if (e[i] != 0)
                    fail(t, "element %zu, beyond the last, has slope %g", i, (double)e[i]);
                continue;
            }
            /* below exp(-104) the result may be nothing */
            const double want = u > 0 ? u + log1p(exp(-u)) : log1p(exp(u));
            expect_close(t, (double)loss[i], want, 4 * ulp(want) + 0x1p-148, want);
            const double slope = 1 / (1 + exp(-u));
            expect_close(t, sign * (double)e[i], slope, 4 * ulp(slope) + 0x1p-148, slope);
        }
        table[t]->parity_loss(loss, NULL, z, labels, n);
    }
    release();
}

void check_parity_loss(void)
{
    if (bench) {
        run_loss(20000, 0, true);
        return;
    }
    for (size_t n = 0; n <= 3 * L + 1; n++) run_loss(n, (int)(n % 3), n % 2);
    for (int i = 0; i < 6; i++) run_loss(1 + random_below(3000), i % 3, i % 2);
}

/* Ten steps beside the formula in double. */
static void run_adamw(size_t n, double decay, bool at_end)
{
    enum { STEPS = 10 };
    const double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    float *first = guarded(n * sizeof *first, true), *start = guarded(n * sizeof *start, true);
    float *g[STEPS];
    for (size_t i = 0; i < n; i++) start[i] = random_between(-1, 1);
    for (int k = 0; k < STEPS; k++) {
        g[k] = guarded(n * sizeof **g, at_end);
        /* some so small that epsilon is what counts */
        for (size_t i = 0; i < n; i++)
            g[k][i] = random_between(-1, 1) * (i % 3 ? 1e-2f : 1e-8f) * (i % 7 ? 1.0f : 0.0f);
    }
    describe("n = %zu, decay %g", n, decay);
    for (int t = 0; t < tables; t++) {
        float *w = guarded(n * sizeof *w, at_end), *m = guarded(n * sizeof *m, at_end);
        float *v = guarded(n * sizeof *v, at_end);
        memcpy(w, start, n * sizeof *w);
        memset(m, 0, n * sizeof *m);
        memset(v, 0, n * sizeof *v);
        for (int k = 0; k < STEPS; k++) {
            const struct adamw a = {(float)(1 - rate * decay),
                                    (float)beta2,
                                    (float)(1 - beta1),
                                    (float)(1 - beta2),
                                    (float)(rate / (1 - pow(beta1, k + 1))),
                                    (float)(1 / sqrt(1 - pow(beta2, k + 1))),
                                    (float)epsilon};
            CALL(t, 0, 28.0 * (double)n, table[t]->adamw(w, m, v, g[k], n, &a));
        }
        if (bench) continue;
        if (!t) memcpy(first, w, n * sizeof *w);
        expect_same(t, w, first, n, "the first table");
        for (size_t i = 0; i < n && !t; i++) {
            double x = (double)start[i], mean = 0, square = 0, moved = 0;
            for (int k = 0; k < STEPS; k++) {
                const double d = (double)g[k][i];
                mean = beta1 * mean + (1 - beta1) * d;
                square = beta2 * square + (1 - beta2) * d * d;
                x -= rate * decay * x;
                const double step = mean / (1 - pow(beta1, k + 1)) /
                                    (sqrt(square / (1 - pow(beta2, k + 1))) + epsilon);
                x -= rate * step;
                moved += rate * fabs(step);
            }
            expect_close(t, (double)w[i], x, STEPS * UNIT * (2 + fabs(x)) + 60 * UNIT * moved, 1);
        }
    }
    release();
}

void check_adamw(void)
{
    if (bench) {
        run_adamw(300000, 0, true);
        return;
    }
    for (size_t n = 0; n <= 3 * L + 1; n++) run_adamw(n, n % 2 ? 0 : 0.1, n % 2);
    run_adamw(1000, 0.01, true);
}
