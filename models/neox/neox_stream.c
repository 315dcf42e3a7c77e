/* neox_stream.c - see neox_stream.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_stream.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

#include "models/neox/neox_weights.h"

enum {
    SMALLEST_PART = 128, /* inputs; below this widening the weights begins to show */
    PARTS = 2,           /* a thread, at least: with one each they wait for each other */
};

/* Pieces that are computed together. */
struct part {
    const struct neox_piece *pieces;
    size_t count, inputs;
    float *x;    /* between steps; NULL: at `at` of the spill file */
    uint64_t at; /* bytes from the start of the memory or the file */
    size_t done; /* steps */
};

/* A pass. Turns are numbered: every part in the first step, every part in the second ... */
struct pass {
    struct neox_stream *s;
    struct neox_weights weights;
    size_t steps;
    struct part *parts;
    size_t count;
    size_t inputs, largest; /* of all parts, of one */
    void *memory;
    size_t bytes;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;  /* turn */
    size_t *done; /* [steps] parts that have gone through */
    bool stop;    /* an error: the first is in *e */
    struct err *e;
};

static void fail(struct pass *p, const struct err *e)
{
    pthread_mutex_lock(&p->lock);
    if (!p->stop) *p->e = *e;
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    neox_weights_stop(&p->weights);
}

/* --- cutting --- */

size_t neox_stream_bytes(const struct neox *m, size_t inputs)
{
    return strips_size(inputs, m->config.hidden) * sizeof(float);
}

/* Parts of equal size, as far as pieces allow. */
static int cut(struct pass *p, const struct neox_piece *pieces, size_t count)
{
    size_t rows = p->s->rows, goal;
    for (size_t i = 0; i < count; i++) p->inputs += pieces[i].n;
    goal = p->inputs / (PARTS * (size_t)p->s->threads) + 1;
    if (goal < SMALLEST_PART) goal = SMALLEST_PART;
    p->parts = malloc((count + 1) * sizeof *p->parts);
    if (!p->parts) return -1;
    struct part *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!last || last->inputs >= goal || last->inputs + pieces[i].n > rows) {
            last = &p->parts[p->count++];
            *last = (struct part){.pieces = &pieces[i], .at = p->bytes};
        }
        last->count++;
        last->inputs += pieces[i].n;
        p->bytes += neox_stream_bytes(p->s->model, pieces[i].n);
        if (last->inputs > p->largest) p->largest = last->inputs;
    }
    return 0;
}

/* Whether one part would keep the others' threads waiting. */
static bool is_for_all(const struct pass *p)
{
    double threads = p->s->threads;
    return threads > 1 && (double)p->largest * threads > 1.1 * (double)p->inputs;
}

static int keep_in_memory(struct pass *p)
{
    if (p->s->spill >= 0) return 0;
    p->memory = simd_alloc(p->bytes);
    if (!p->memory) return -1;
    for (size_t i = 0; i < p->count; i++)
        p->parts[i].x = (float *)((char *)p->memory + p->parts[i].at);
    return 0;
}

/* --- one part in one step --- */

/* x of a part from the file or to it. */
static int spill(const struct pass *p, const struct part *part, void *x, bool in, struct err *e)
{
    size_t bytes = neox_stream_bytes(p->s->model, part->inputs);
    int status =
        in ? read_at(p->s->spill, x, bytes, part->at) : write_at(p->s->spill, x, bytes, part->at);
    return status ? err_errno(e, "activations: cannot %s the spill file", in ? "read" : "write")
                  : 0;
}

static void compute(const struct neox *m, struct neox_run *run, size_t step)
{
    if (step == 0)
        neox_input(m, run);
    else if (step <= m->config.layers)
        neox_block(m, run, step - 1);
    else
        neox_output(m, run);
}

/* OWN: the workspace's x. */
static int turn(struct pass *p, struct neox_run *run, float *own, struct part *part, size_t step,
                struct err *e)
{
    run->x = (struct strips){part->x ? part->x : own, part->inputs};
    if (!part->x && step && spill(p, part, own, true, e)) return -1;
    neox_run_begin(run, part->pieces, part->count);
    compute(p->s->model, run, step);
    return !part->x && step + 1 < p->steps ? spill(p, part, own, false, e) : 0;
}

/* --- threads on parts of their own --- */

/* The next turn, as soon as its part has come so far; false: there is none. */
static bool take(struct pass *p, struct part **part, size_t *step)
{
    bool taken = false;
    pthread_mutex_lock(&p->lock);
    if (p->next < p->steps * p->count && !p->stop) {
        *step = p->next / p->count;
        *part = &p->parts[p->next++ % p->count];
        while (!p->stop && (*part)->done < *step) pthread_cond_wait(&p->changed, &p->lock);
        taken = !p->stop;
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}

static void give_back(struct pass *p, struct part *part, size_t step)
{
    pthread_mutex_lock(&p->lock);
    part->done++;
    bool last = ++p->done[step] == p->count;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (last) neox_weights_drop(&p->weights, step);
}

static void add_times(struct pass *p, const struct neox_run *run, double waited, double busy)
{
#pragma omp critical(stream_times)
    {
        p->s->waited += waited;
        p->s->busy += busy;
        for (int i = 0; i < NEOX_PHASES; i++) p->s->phases[i] += run->seconds[i];
    }
}

static void work_alone(struct pass *p)
{
    struct neox_run run = {0};
    struct err e;
    struct part *part;
    size_t step;
    double waited = 0, busy = 0, start = omp_get_wtime();
    int status = neox_run_open(&run, p->s->model, p->largest, &e);
    float *own = run.x.data;
    while (!status && take(p, &part, &step)) {
        status = neox_weights_wait(&p->weights, step, &e);
        double begin = omp_get_wtime(), end = begin;
        waited += begin - start;
        if (!status) status = turn(p, &run, own, part, step, &e);
        end = omp_get_wtime();
        busy += end - begin;
        start = end;
        if (!status && p->s->after)
            status = p->s->after(p->s->context, part->pieces, part->count, step, p->steps, &e);
        if (!status) give_back(p, part, step);
    }
    if (status) fail(p, &e);
    add_times(p, &run, waited, busy);
    neox_run_close(&run);
}

/* --- all threads on one part --- */

static void work_together(struct pass *p, struct part *all, const struct neox_run *common)
{
    struct neox_run run = {0};
    struct err e;
    double waited = 0, busy = 0;
    if (neox_run_join(&run, common, p->s->model, omp_get_thread_num(), omp_get_num_threads(), &e))
        fail(p, &e);
#pragma omp barrier
    for (size_t step = 0; step < p->steps; step++) {
        double begin = omp_get_wtime();
#pragma omp single
        if (!p->stop && neox_weights_wait(&p->weights, step, &e)) fail(p, &e);
        waited += omp_get_wtime() - begin;
        if (p->stop) break; /* the same for all: it changes only where one works and all wait */
        begin = omp_get_wtime();
        neox_run_begin(&run, all->pieces, all->count);
        compute(p->s->model, &run, step);
        busy += omp_get_wtime() - begin;
#pragma omp barrier
#pragma omp single
        {
            neox_weights_drop(&p->weights, step);
            if (p->s->after &&
                p->s->after(p->s->context, all->pieces, all->count, step, p->steps, &e))
                fail(p, &e);
        }
    }
    add_times(p, &run, waited, busy);
    neox_run_close(&run);
}

/* --- the pass --- */

static void run_pass(struct pass *p, const struct neox_piece *pieces, size_t count)
{
    bool together = is_for_all(p);
    struct part all = {.pieces = pieces, .count = count, .inputs = p->inputs};
    struct neox_run common = {0};
    struct err e;
    int status = 0;
    if (together) {
        status = neox_run_open(&common, p->s->model, p->inputs, &e);
    } else if (keep_in_memory(p)) {
        status = err_kind(&e, ERR_MEMORY, "out of memory for a batch of %zu tokens", p->inputs);
    }
    if (status) {
        fail(p, &e);
    } else {
#pragma omp parallel num_threads(p->s->threads)
        if (together)
            work_together(p, &all, &common);
        else
            work_alone(p);
    }
    neox_run_close(&common);
    if (p->memory) simd_free(p->memory, p->bytes);
}

int neox_stream(struct neox_stream *s, const struct neox_piece *pieces, size_t count, struct err *e)
{
    struct pass p = {.s = s, .steps = neox_weights_steps(s->model), .e = e};
    double start = omp_get_wtime();
    if (count == 0) return 0;
    p.done = calloc(p.steps, sizeof *p.done);
    if (!p.done || cut(&p, pieces, count)) {
        free(p.done);
        return err_memory(e, "a batch");
    }
    if (neox_weights_open(&p.weights, s->model, e)) {
        p.stop = true;
    } else {
        pthread_mutex_init(&p.lock, NULL);
        pthread_cond_init(&p.changed, NULL);
        run_pass(&p, pieces, count);
        pthread_cond_destroy(&p.changed);
        pthread_mutex_destroy(&p.lock);
        neox_weights_close(&p.weights);
        s->reading += p.weights.reading;
    }
    free(p.parts);
    free(p.done);
    s->seconds += omp_get_wtime() - start;
    return p.stop ? -1 : 0;
}
