/* scan.c - see scan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan.h"

#include <omp.h>
#include <stdlib.h>

#include "src/progress.h"

enum { SMALLEST_BATCH = 128 }; /* inputs; below this widening the weights begins to show */

/* What the threads share. Pieces are given out in the corpus's order, but the last stretch longest
 * first: its last batches are then of the shortest pieces, and the threads finish together. */
struct queue {
    const struct plan *plan;
    const float *loss;
    struct piece next;  /* the last piece given out, in order */
    struct piece *tail; /* the last stretch, longest first; NULL before it */
    size_t tail_count, tail_at;
    uint64_t remaining; /* inputs not given out */
    size_t rows, threads;
};

struct batch {
    struct piece *pieces;
    struct neox_piece *inputs;
    uint32_t *tokens;
    size_t count;
};

static uint64_t loss_offset(const struct plan *plan, const struct piece *p)
{
    return plan->offset[p->document - plan->begin] + p->first + p->skip;
}

static bool is_done(const struct plan *plan, const float *loss, const struct piece *p)
{
    const float *l = loss + loss_offset(plan, p);
    for (size_t i = 0; i < p->n - p->skip; i++) {
        if (l[i] == 0) return false;
    }
    return true;
}

static int longest_first(const void *pa, const void *pb)
{
    const struct piece *a = pa, *b = pb;
    if (a->n != b->n) return a->n > b->n ? -1 : 1;
    return a->document < b->document ? -1 : a->document > b->document;
}

/* Turns what is left of the corpus into the sorted tail; without memory for it the order stays. */
static void start_tail(struct queue *q)
{
    size_t n = 0;
    for (struct piece p = q->next; plan_next(q->plan, &p);) n++;
    q->tail = malloc((n + 1) * sizeof *q->tail);
    if (!q->tail) return;
    for (struct piece p = q->next; plan_next(q->plan, &p);) q->tail[q->tail_count++] = p;
    qsort(q->tail, q->tail_count, sizeof *q->tail, longest_first);
}

/* The piece that take() would give out next, without taking it. */
static bool peek(const struct queue *q, struct piece *p)
{
    if (!q->tail) {
        *p = q->next;
        return plan_next(q->plan, p);
    }
    if (q->tail_at == q->tail_count) return false;
    *p = q->tail[q->tail_at];
    return true;
}

/* Takes the next pieces off the queue; their number of inputs, 0 at the end. Call under a lock. */
static size_t take(struct queue *q, struct batch *batch)
{
    uint64_t share = q->remaining / (2 * q->threads);
    size_t goal = share < SMALLEST_BATCH ? SMALLEST_BATCH
                  : share < q->rows      ? (size_t)share
                                         : q->rows;
    size_t rows = 0;
    struct piece p;
    batch->count = 0;
    if (!q->tail && share < 2 * q->rows) start_tail(q);
    while (rows < goal && peek(q, &p)) {
        if (batch->count && rows + p.n > q->rows) break;
        if (q->tail)
            q->tail_at++;
        else
            q->next = p;
        q->remaining -= p.n;
        if (is_done(q->plan, q->loss, &p)) {
            progress_add(p.n);
            continue;
        }
        batch->pieces[batch->count++] = p;
        rows += p.n;
    }
    return rows;
}

/* Reads the tokens of a batch and says where its losses go. */
static int fill(const struct plan *plan, struct batch *batch, float *loss, struct err *e)
{
    uint32_t *tokens = batch->tokens;
    for (size_t i = 0; i < batch->count; i++) {
        const struct piece *p = &batch->pieces[i];
        if (corpus_read(plan->corpus, p->document, p->first, p->n + 1, tokens, e)) return -1;
        batch->inputs[i] = (struct neox_piece){
            .tokens = tokens, .n = p->n, .skip = p->skip, .loss = loss + loss_offset(plan, p)};
        tokens += p->n + 1;
    }
    return 0;
}

static int batch_open(struct batch *b, size_t rows, struct err *e)
{
    *b = (struct batch){
        .pieces = malloc(rows * sizeof *b->pieces),
        .inputs = malloc(rows * sizeof *b->inputs),
        .tokens = malloc(2 * rows * sizeof *b->tokens), /* a piece of n inputs has n + 1 tokens */
    };
    return b->pieces && b->inputs && b->tokens ? 0 : err_set(e, "out of memory for a batch");
}

static void batch_close(struct batch *b)
{
    free(b->pieces);
    free(b->inputs);
    free(b->tokens);
}

/* One thread's work. */
static int work(const struct neox *model, struct queue *q, float *loss, struct scan_result *result,
                const bool *stop, struct err *e)
{
    struct batch batch;
    struct neox_run run = {0};
    double flop = 0, busy = 0;
    uint64_t predictions = 0;
    int status = batch_open(&batch, q->rows, e);
    if (!status) status = neox_run_open(&run, model, q->rows, e);
    while (!status) {
        size_t rows;
        bool stopped;
#pragma omp atomic read
        stopped = *stop;
        if (stopped) break;
#pragma omp critical(scan_queue)
        rows = take(q, &batch);
        if (!rows) break;
        status = fill(q->plan, &batch, loss, e);
        if (status) break;
        double start = omp_get_wtime();
        neox_forward(model, &run, batch.inputs, batch.count);
        busy += omp_get_wtime() - start;
        for (size_t i = 0; i < batch.count; i++) {
            flop += neox_flop(&model->config, batch.inputs[i].n, batch.inputs[i].skip);
            predictions += batch.inputs[i].n - batch.inputs[i].skip;
        }
        progress_add(rows);
    }
#pragma omp critical(scan_result)
    {
        result->flop += flop;
        result->busy += busy;
        result->predictions += predictions;
        for (int i = 0; i < NEOX_PHASES; i++) result->phases[i] += run.seconds[i];
    }
    neox_run_close(&run);
    batch_close(&batch);
    return status;
}

int scan_model(const struct neox *model, const struct plan *plan,
               const struct scan_options *options, float *loss, struct scan_result *result,
               struct err *e)
{
    size_t rows = options->batch_tokens;
    uint64_t share = plan->inputs / (uint64_t)options->threads + 1;
    if (rows > share) rows = (size_t)share;
    if (rows < SMALLEST_BATCH) rows = SMALLEST_BATCH;
    if (rows < plan->longest) rows = plan->longest;
    struct queue queue = {.plan = plan,
                          .loss = loss,
                          .next = {.document = plan->begin},
                          .remaining = plan->inputs,
                          .rows = rows,
                          .threads = (size_t)options->threads};
    bool stop = false;
    int status = 0;
    *result = (struct scan_result){0};
    double start = omp_get_wtime();
#pragma omp parallel num_threads(options->threads)
    {
        struct err mine = {{0}};
        if (work(model, &queue, loss, result, &stop, &mine)) {
#pragma omp atomic write
            stop = true;
#pragma omp critical(scan_error)
            if (!status) {
                status = -1;
                *e = mine;
            }
        }
    }
    result->seconds = omp_get_wtime() - start;
    free(queue.tail);
    return status;
}
