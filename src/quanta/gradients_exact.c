/* gradients_exact.c - see gradients_exact.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/gradients_exact.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "src/base/npy.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/room.h"

static size_t samples(const struct gradients *g)
{
    return g->record.end - g->record.first;
}

/* --- what it takes --- */

static double gradient_flop(const struct gradients *g)
{
    double all = 0;
    for (size_t i = g->record.first; i < g->record.end; i++)
        all += neox_backward_flop(&g->flat.config, g->samples.sample[i].target);
    return all / (double)samples(g);
}

/* The group of the products that an earlier call left in the folder, 0: none. */
static size_t kept_group(const struct gradients *g)
{
    struct npy a;
    struct err e;
    char *path = format_string("%s/exact.npy.part-%016" PRIx64, g->o->out,
                               gradients_key(&g->record, false)); /* as losses.h names it */
    size_t group = 0;
    if (path && file_exists(path) && !npy_open(&a, path, &e)) {
        group = exact_file_group(samples(g), a.rows);
        npy_close(&a);
    }
    free(path);
    return group;
}

static int make_plan(const struct gradients *g, size_t kept, struct gradients_exact *x,
                     struct err *e)
{
    const struct pass_source source = gradients_source(g);
    /* Not all of what there is: files that are read want some, too. */
    const uint64_t there = memory_available();
    const uint64_t limit = g->o->memory ? g->o->memory : there ? there / 4 * 3 : UINT64_MAX;
    const uint64_t beside = g->flat.bytes + (uint64_t)g->threads * pass_bytes(&source, g->longest);
    const uint64_t left = limit > beside ? limit - beside : 0;
    if (exact_plan_make(&x->plan, samples(g), g->coordinates.padded, left, g->threads, kept, e))
        return err_prefix(e, "%s: --memory: beside the model and %d threads (%s)", g->flat.path,
                          g->threads, format_bytes((double)beside, (char[16]){0}, 16));
    x->memory = beside + x->plan.bytes;
    x->flop = (double)x->plan.gradients * gradient_flop(g) + x->plan.product_flop;
    return 0;
}

int gradients_exact_needs(const struct gradients *g, struct gradients_exact *x, struct err *e)
{
    const uint64_t n = samples(g);
    uint64_t device;
    *x = (struct gradients_exact){.done = false};
    const int complete = gradients_look(g, e);
    if (complete < 0 || make_plan(g, kept_group(g), x, e)) return -1;
    x->done = complete;
    /* The products are kept beside the matrix until that is complete. */
    x->disk = n * n * sizeof(float) + exact_file_count(&x->plan) * sizeof(float) + n * 20;
    if (!disk_available(g->o->out, &x->disk_available, &device)) x->disk_available = UINT64_MAX;
    return 0;
}

/* --- gradients a block at a time --- */

struct giving {
    struct gradients *g;
    struct store *store;     /* NULL: */
    float *losses;           /* [samples], and norms are not kept */
    struct pass *pass;       /* [threads] */
    struct pass_queue queue; /* of the block at hand; its FLOP are of all */
    const struct exact_sink *sink;
    uint64_t computed;
};

static struct giving giving_to(struct gradients *g, struct store *store, float *losses)
{
    return (struct giving){.g = g,
                           .store = store,
                           .losses = losses,
                           .queue = {.source = gradients_source(g), .longest = g->longest}};
}

/* One thread's sample. */
struct taking {
    struct giving *work;
    size_t sample;
    double squares;
};

static void begin(void *context, size_t sample)
{
    struct taking *t = context;
    t->sample = sample - t->work->g->record.first;
    t->squares = 0;
}

static void take(void *context, uint64_t coordinate, const float *values, size_t n)
{
    struct taking *t = context;
    const struct exact_sink *sink = t->work->sink;
    sink->take(sink->context, t->sample, coordinate, n, values);
    t->squares += t->work->g->model.kernels->sum_squares(values, n);
}

static int end(void *context, size_t sample, float loss, struct err *e)
{
    const struct taking *t = context;
    struct giving *w = t->work;
    const double norm = sqrt(t->squares);
    if (gradients_check(w->g, sample, loss, norm, e)) return -1;
    progress_add(1);
#pragma omp atomic
    w->computed++;
    if (!w->store) w->losses[t->sample] = loss;
    if (!w->store || w->store->there[t->sample]) return 0;
    return store_put(w->store, t->sample, loss, norm, NULL, e);
}

static void drop(void *context, size_t sample, uint64_t at, size_t n, const float *values)
{
    (void)context;
    (void)sample;
    (void)at;
    (void)n;
    (void)values;
}

static int give(void *context, size_t first, size_t last, const struct exact_sink *sink,
                struct err *e)
{
    struct giving *w = context;
    const struct gradients *g = w->g;
    const struct units_cost cost = pass_cost(&g->model.config);
    struct pass_queue *q = &w->queue;
    if (units_open(&q->units, &g->samples, g->record.first + first, g->record.first + last, NULL,
                   &cost, e))
        return -1;
    w->sink = sink;
    q->next = 0;
    q->status = 0;
    q->e = e;
#pragma omp parallel num_threads(g->threads)
    {
        struct taking t = {.work = w};
        const struct pass_taker taker = {&t, begin, take, end};
        pass_queue_take(q, &w->pass[omp_get_thread_num()], &taker);
    }
    units_close(&q->units);
    if (!q->status && out_interrupted()) return err_kind(e, ERR_INTERRUPTED, "interrupted");
    return q->status;
}

/* Losses that the folder lost while the products were kept (a power cut can do that). */
static int complete_losses(struct giving *w, struct err *e)
{
    const struct exact_sink nobody = {NULL, drop};
    int status = 0;
    for (size_t i = 0; w->store && i < w->store->n && !status; i++)
        if (!w->store->there[i]) status = give(w, i, i + 1, &nobody, e);
    return status;
}

/* The products that FILE does not have yet. */
static int compute(struct giving *w, const struct exact_plan *plan, struct loss_file *file,
                   struct gradients_result *result, struct err *e)
{
    struct gradients *g = w->g;
    const struct exact_source source = {w, give};
    const double start = omp_get_wtime(), had = (double)file->kept;
    w->pass = calloc((size_t)g->threads, sizeof *w->pass);
    if (!w->pass) return err_memory(e, g->flat.path);
    out_catch_interrupts(true);
    int status = exact_compute(plan, &source, g->model.kernels, file, e);
    if (!status) status = complete_losses(w, e);
    out_catch_interrupts(false);
    for (int t = 0; t < g->threads; t++) pass_close(&w->pass[t]);
    free(w->pass);
    result->seconds = omp_get_wtime() - start;
    result->flop =
        w->queue.flop + plan->product_flop * ((double)file->kept - had) / (double)file->count;
    result->computed = w->computed;
    return status;
}

/* --- the folder --- */

static int write_matrix(const struct gradients *g, const struct exact_plan *plan,
                        const struct loss_file *file, const char *path, struct err *e)
{
    struct square out = {.n = 0};
    double *norms = malloc(plan->n * sizeof *norms);
    int status = norms ? exact_norms(plan, file, norms, e) : err_memory(e, g->flat.path);
    if (!status) status = square_open(&out, path, plan->n, e);
    if (!status) status = exact_cosines(plan, file, norms, &out, e);
    if (!status) status = square_commit(&out, e);
    square_abort(&out);
    free(norms);
    return status;
}

static int work(struct gradients *g, struct store *store, const void *context,
                struct gradients_result *result, struct err *e)
{
    const struct exact_plan *plan = context;
    const size_t kept = kept_group(g);
    struct giving w = giving_to(g, store, NULL);
    struct loss_file file;
    char *path = gradients_path(g->o->out, "exact", "npy", 0, 1);
    if (path && kept && kept != plan->group)
        progress_warn("%s: what is kept needs memory for %zu gradients: begun anew", path,
                      2 * kept);
    int status = path ? loss_file_open(&file, path, gradients_key(&g->record, false),
                                       exact_file_count(plan), e)
                      : err_memory(e, g->o->out);
    if (!status) {
        status = compute(&w, plan, &file, result, e);
        if (!status) status = write_matrix(g, plan, &file, path, e);
        loss_file_close(&file, status);
    }
    if (status && e->kind == ERR_INTERRUPTED) err_prefix(e, "%s", g->path);
    free(path);
    return status ? -1 : 0;
}

int gradients_exact_run(struct gradients *g, const struct gradients_exact *x,
                        struct gradients_result *result, struct err *e)
{
    *result = (struct gradients_result){0};
    return gradients_fill(g, work, &x->plan, result, e);
}

int gradients_exact_cosines(struct gradients *g, float *c, float *losses, struct err *e)
{
    struct giving w = giving_to(g, NULL, losses);
    struct gradients_exact x;
    struct gradients_result result;
    struct loss_file file;
    if (make_plan(g, 0, &x, e) || loss_file_memory(&file, exact_file_count(&x.plan), e)) return -1;
    double *norms = malloc(samples(g) * sizeof *norms);
    int status = norms ? compute(&w, &x.plan, &file, &result, e) : err_memory(e, g->flat.path);
    if (!status) status = exact_norms(&x.plan, &file, norms, e);
    if (!status) status = exact_cosines_in_memory(&x.plan, &file, norms, c, e);
    free(norms);
    loss_file_close(&file, false);
    return status;
}
