/* scan.c - one model over one plan; see scan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/scan.h"

#include <inttypes.h>
#include <omp.h>

#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/scan/batches.h"

/* What the threads share. */
struct scan {
    const struct neox *model;
    const struct plan *plan;
    struct loss_file *file;
    struct batches batches;
    struct scan_result *result;
    int status; /* of the threads: the first error is in *e */
    struct err *e;
    /* What is left at the end, computed by all threads together. */
    bool together;
    struct batch rest;
    struct neox_run common;
};

static bool stopped(const struct scan *s)
{
    return err_status(&s->status) || out_interrupted();
}

static void compute(struct scan *s, struct neox_run *run, const struct batch *batch)
{
    double start = omp_get_wtime();
    neox_forward(s->model, run, batch->inputs, batch->count);
    double busy = omp_get_wtime() - start;
#pragma omp atomic
    s->result->busy += busy;
}

static void count(struct scan *s, const struct batch *batch)
{
    double flop = 0;
    uint64_t inputs = 0, predictions = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct neox_piece *p = &batch->inputs[i];
        flop += neox_flop(&s->model->config, p->n, p->skip);
        predictions += p->n - p->skip;
        inputs += p->n;
    }
#pragma omp critical(scan_result)
    {
        s->result->flop += flop;
        s->result->predictions += predictions;
    }
    progress_add(inputs);
}

static void close_run(struct scan *s, struct neox_run *run)
{
#pragma omp critical(scan_result)
    for (int i = 0; i < NEOX_PHASES; i++) s->result->phases[i] += run->seconds[i];
    neox_run_close(run);
}

/* Batches of this thread's own, until what is left is for all. */
static void work_alone(struct scan *s)
{
    struct batch batch = {0};
    struct neox_run run = {0};
    struct err e;
    int status = batch_open(&batch, s->batches.rows, &e);
    if (!status) status = neox_run_open(&run, s->model, s->batches.rows, &e);
    while (!status && !stopped(s)) {
        size_t rows;
#pragma omp critical(scan_batches)
        rows = batches_take(&s->batches, (size_t)omp_get_thread_num(), &batch);
        if (!rows) break;
        status = batch_fill(&batch, s->plan, &e);
        if (status) break;
        compute(s, &run, &batch);
        status = batch_keep(&batch, s->file, &e);
        if (!status) count(s, &batch);
    }
    if (status) err_first(s->e, &s->status, &e);
    close_run(s, &run);
    batch_close(&batch);
}

/* One thread prepares what all will compute together, if anything is left. */
static void prepare_rest(struct scan *s)
{
    struct err e;
    size_t left = (size_t)s->batches.remaining, rows = 0;
    if (stopped(s) || !left) return;
    int status = batch_open(&s->rest, left, &e);
    if (!status) rows = batches_rest(&s->batches, &s->rest);
    if (!status) status = batch_fill(&s->rest, s->plan, &e);
    if (!status && rows) status = neox_run_open(&s->common, s->model, rows, &e);
    if (status) err_first(s->e, &s->status, &e);
    s->together = !status && rows;
}

/* Every thread comes here, and `together` is the same for all: they wait for each other inside. */
static void work_together(struct scan *s)
{
    struct neox_run run;
    struct err e;
    if (!s->together) return;
    if (neox_run_join(&run, &s->common, s->model, omp_get_thread_num(), omp_get_num_threads(), &e))
        err_first(s->e, &s->status, &e);
#pragma omp barrier
    /* An interrupt seen by some of them only would leave these waiting. */
    if (!err_status(&s->status)) compute(s, &run, &s->rest);
    close_run(s, &run);
}

int scan_interrupted(const struct loss_file *file, struct err *e)
{
    return err_kind(e, ERR_INTERRUPTED,
                    "interrupted: %" PRIu64 " of %" PRIu64
                    " losses are kept; the same command goes on",
                    file->kept, file->count);
}

int scan_model(const struct neox *model, const struct plan *plan,
               const struct scan_options *options, struct loss_file *file,
               struct scan_result *result, struct err *e)
{
    struct scan s = {.model = model, .plan = plan, .file = file, .result = result, .e = e};
    *result = (struct scan_result){0};
    if (batches_open(&s.batches, plan, file, options->batch_tokens, (size_t)options->threads, e))
        return -1;
    double start = omp_get_wtime();
#pragma omp parallel num_threads(options->threads)
    {
        work_alone(&s);
#pragma omp barrier
#pragma omp single
        prepare_rest(&s);
        work_together(&s);
    }
    int status = s.status;
    if (!status && s.together) status = batch_keep(&s.rest, file, e);
    if (!status && s.together) count(&s, &s.rest);
    if (!status && out_interrupted()) status = scan_interrupted(file, e);
    result->seconds = omp_get_wtime() - start;
    neox_run_close(&s.common);
    batch_close(&s.rest);
    batches_close(&s.batches);
    return status;
}
