/* parity_task.c - see parity_task.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/parity_task.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

enum { GUIDE = 4096, ATTEMPTS = 10 };

/* k of n by Floyd's method (Bentley & Floyd 1987), which needs k draws and keeps no list. */
static void draw_subset(uint64_t subset[2], const struct parity_shape *s, uint64_t attempt)
{
    subset[0] = subset[1] = 0;
    for (size_t i = 0; i < s->k; i++) {
        const size_t last = s->n - s->k + i;
        size_t j = (size_t)rng_below(s->seed, PARITY_SUBSETS, attempt * PARITY_BITS + i, last + 1);
        if (subset[j / 64] >> j % 64 & 1) j = last;
        subset[j / 64] |= UINT64_C(1) << j % 64;
    }
}

static int draw_subsets(struct parity_task *t, struct err *e)
{
    const struct parity_shape *s = &t->shape;
    size_t n = 0;
    for (uint64_t a = 0; n < s->tasks; a++) {
        if (a == ATTEMPTS * s->tasks)
            return err_set(
                e,
                "%zu tasks: only %zu distinct subsets of %zu of %zu bits found in %" PRIu64
                " draws: more bits, or fewer tasks",
                s->tasks, n, s->k, s->n, a);
        draw_subset(t->subset[n], s, a);
        size_t i = 0;
        while (memcmp(t->subset[i], t->subset[n], sizeof *t->subset)) i++;
        n += i == n;
    }
    return 0;
}

static void make_shares(struct parity_task *t)
{
    const size_t tasks = t->shape.tasks;
    double sum = 0, below = 0;
    for (size_t i = 0; i < tasks; i++) {
        t->share[i] = pow((double)(i + 1) + t->shape.offset, -t->shape.zipf);
        sum += t->share[i];
    }
    for (size_t i = 0; i < tasks; i++) {
        t->share[i] /= sum;
        t->below[i] = below += t->share[i];
    }
    t->below[tasks - 1] = 1; /* whatever rounding left */
    for (size_t i = 0, task = 0; i < GUIDE; i++) {
        while (t->below[task] < (double)i / GUIDE) task++;
        t->guide[i] = (uint16_t)task;
    }
}

int parity_shape_check(const struct parity_shape *s, struct err *e)
{
    if (s->tasks < 1 || s->tasks > PARITY_TASKS)
        return err_set(e, "tasks: expected 1 to %d, found %zu", PARITY_TASKS, s->tasks);
    if (s->n < 1 || s->n > PARITY_BITS)
        return err_set(e, "bits: expected 1 to %d, found %zu", PARITY_BITS, s->n);
    if (s->k < 1 || s->k > s->n)
        return err_set(e, "bits of a subtask: expected 1 to %zu, found %zu", s->n, s->k);
    if (!(s->zipf >= 0 && s->zipf <= 100) || !(s->offset >= 0 && s->offset <= 1e9))
        return err_set(e,
                       "zipf: expected an exponent of 0 to 100 and an offset of at least 0, "
                       "found %g and %g",
                       s->zipf, s->offset);
    return 0;
}

int parity_task_make(struct parity_task *t, const struct parity_shape *shape, struct err *e)
{
    *t = (struct parity_task){.shape = *shape};
    if (parity_shape_check(shape, e)) return -1;
    t->subset = malloc(shape->tasks * sizeof *t->subset);
    t->share = malloc(shape->tasks * sizeof *t->share);
    t->below = malloc(shape->tasks * sizeof *t->below);
    t->guide = malloc(GUIDE * sizeof *t->guide);
    int status = t->subset && t->share && t->below && t->guide ? 0 : err_memory(e, "parity tasks");
    if (!status) status = draw_subsets(t, e);
    if (!status)
        make_shares(t);
    else
        parity_task_free(t);
    return status;
}

void parity_task_free(struct parity_task *t)
{
    free(t->subset);
    free(t->share);
    free(t->below);
    free(t->guide);
    *t = (struct parity_task){.subset = NULL};
}

size_t parity_task_of(const struct parity_task *t, uint64_t stream, uint64_t number)
{
    const double u = rng_uniform(t->shape.seed, stream, number);
    size_t task = t->guide[(size_t)(u * GUIDE)];
    while (t->below[task] < u) task++;
    return task;
}

void parity_bits_of(const struct parity_task *t, uint64_t stream, uint64_t number, uint64_t bits[2])
{
    const size_t n = t->shape.n;
    rng_block(t->shape.seed, stream, number, bits);
    if (n < 64) bits[0] &= (UINT64_C(1) << n) - 1;
    if (n <= 64)
        bits[1] = 0;
    else if (n < 128)
        bits[1] &= (UINT64_C(1) << (n - 64)) - 1;
}

/* --- batches --- */

int parity_batch_make(struct parity_batch *b, const struct parity_task *t, size_t room,
                      struct err *e)
{
    room = (room + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    *b = (struct parity_batch){.room = room};
    b->nibbles = simd_alloc(room * PARITY_GROUPS);
    b->task = calloc(room, sizeof *b->task);
    b->labels = calloc(room / SIMD_LANES, sizeof *b->labels);
    b->drawn = malloc(room * sizeof *b->drawn);
    b->place = malloc((t->shape.tasks + 1) * sizeof *b->place);
    b->s = (struct parity_samples){.groups = (t->shape.n + 3) / 4,
                                   .tasks = t->shape.tasks,
                                   .nibbles = b->nibbles,
                                   .task = b->task};
    if (b->nibbles && b->task && b->labels && b->drawn && b->place) return 0;
    parity_batch_free(b);
    return err_memory(e, "a batch of samples");
}

void parity_batch_free(struct parity_batch *b)
{
    simd_free(b->nibbles, b->room * PARITY_GROUPS);
    free(b->task);
    free(b->labels);
    free(b->drawn);
    free(b->place);
    *b = (struct parity_batch){.n = 0};
}

/* 16 groups of four bits to bytes, times 8. */
static void spread(uint8_t out[16], uint64_t bits)
{
    const uint64_t low = UINT64_C(0x0f0f0f0f0f0f0f0f);
    /* even nibbles in one word, odd ones in the other: bytes of both by turns */
    const uint64_t even = (bits & low) << 3, odd = (bits >> 4 & low) << 3;
    for (int i = 0; i < 8; i++) {
        out[2 * i] = (uint8_t)(even >> 8 * i);
        out[2 * i + 1] = (uint8_t)(odd >> 8 * i);
    }
}

static void put(struct parity_batch *b, const struct parity_task *t, size_t i, size_t task,
                const uint64_t bits[2])
{
    b->task[i] = (uint16_t)task;
    spread(b->nibbles + i * PARITY_GROUPS, bits[0]);
    if (t->shape.n > 64) spread(b->nibbles + i * PARITY_GROUPS + 16, bits[1]);
    b->labels[i / SIMD_LANES] |= (uint16_t)(parity_label(t, task, bits) << i % SIMD_LANES);
}

static void begin(struct parity_batch *b, size_t n)
{
    b->n = n;
    b->s.n = (n + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    memset(b->labels, 0, b->s.n / SIMD_LANES * sizeof *b->labels);
    /* what fills up is of the last task, which is nearest */
    for (size_t i = n; i < b->s.n; i++) b->task[i] = (uint16_t)(b->s.tasks - 1);
}

void parity_batch_train(struct parity_batch *b, const struct parity_task *t, uint64_t first,
                        const uint32_t *numbers, size_t n)
{
    begin(b, n);
    memset(b->place, 0, (b->s.tasks + 1) * sizeof *b->place);
    for (size_t i = 0; i < n; i++) {
        const uint64_t number = numbers ? numbers[i] : first + i;
        b->drawn[i] = (uint16_t)parity_task_of(t, PARITY_TRAIN_TASK, number);
        b->place[b->drawn[i] + 1]++;
    }
    for (size_t i = 1; i < b->s.tasks; i++) b->place[i] += b->place[i - 1];
    for (size_t i = 0; i < n; i++) {
        uint64_t bits[2];
        parity_bits_of(t, PARITY_TRAIN_BITS, numbers ? numbers[i] : first + i, bits);
        put(b, t, b->place[b->drawn[i]]++, b->drawn[i], bits);
    }
}

void parity_batch_test(struct parity_batch *b, const struct parity_task *t, uint64_t stream,
                       uint64_t first, size_t n)
{
    begin(b, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits[2];
        parity_bits_of(t, stream, first + i, bits);
        put(b, t, i, b->task[i], bits);
    }
}
