/* parity_run.c - the training loop of one run; see parity_run.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/base/rng.h"
#include "src/train/parity_record.h"
#include "src/train/parity_state.h"

/* --- the loop --- */

struct work {
    const struct parity_run *r;
    const struct parity_how *how;
    char *state_path;
    uint64_t settings; /* hash */
    struct parity_task task;
    struct parity_net net;
    struct parity_batch batch;
    struct parity_log log;
    uint32_t *order; /* [data] this epoch's; NULL: new samples for ever */
    uint64_t epoch;  /* whose order it is; UINT64_MAX: none yet */
    double began;    /* omp_get_wtime's, less what the calls before took */
};

static int open_work(struct work *w, struct err *e)
{
    const struct parity_run *r = w->r;
    const size_t batch = r->data && r->data < r->batch ? (size_t)r->data : r->batch,
                 room = batch > r->task_points ? batch : r->task_points;
    w->epoch = UINT64_MAX;
    if (r->data) {
        w->order = malloc(r->data * sizeof *w->order);
        if (!w->order) return err_memory(e, "the order of the samples");
    }
    if (parity_task_make(&w->task, &r->shape, e) ||
        parity_batch_make(&w->batch, &w->task, room, e) ||
        parity_net_make(&w->net, &w->task, r->width, room, w->how->kernels, e))
        return -1;
    w->net.rates = r->rates;
    if (r->test_points && (uint64_t)(w->task.share[0] * (double)r->test_points) < 1)
        return err_set(e, "%" PRIu64 " test samples: not one of the most frequent subtask",
                       r->test_points);
    if (!file_exists(w->state_path)) return 0;
    struct map map;
    if (map_open(&map, w->state_path, e)) return -1;
    int status = parity_state_parse(&w->net, &w->log, r->shape.tasks, w->settings, w->state_path,
                                    map.data, map.size, e);
    map_close(&map);
    return status;
}

static void close_work(struct work *w)
{
    free(w->order);
    free(w->state_path);
    parity_task_free(&w->task);
    parity_batch_free(&w->batch);
    parity_net_free(&w->net);
    parity_log_free(&w->log);
}

/* The mean loss of n test samples of one task, the batch being filled anew as often as it takes. Their
 * bits are numbers FIRST .. */
static double test_task(struct work *w, enum parity_stream stream, size_t task, uint64_t first,
                        uint64_t n)
{
    struct parity_batch *b = &w->batch;
    double sum = 0;
    for (uint64_t done = 0; done < n;) {
        const size_t some = n - done < b->room ? (size_t)(n - done) : b->room;
        for (size_t i = 0; i < some; i++) b->task[i] = (uint16_t)task;
        parity_batch_test(b, &w->task, stream, first + done, some);
        sum += parity_net_test(&w->net, b) * (double)some;
        done += some;
    }
    return sum;
}

/* Every subtask's loss: batches of as many whole subtasks as there is room for. */
static void test_subtasks(struct work *w, float *loss, size_t log)
{
    const size_t tasks = w->r->shape.tasks, points = w->r->task_points;
    struct parity_batch *b = &w->batch;
    const size_t at_once = b->room / points;
    for (size_t t = 0; t < tasks;) {
        const size_t some = tasks - t < at_once ? tasks - t : at_once;
        for (size_t i = 0; i < some * points; i++) b->task[i] = (uint16_t)(t + i / points);
        parity_batch_test(b, &w->task, PARITY_SUBTASK_BITS, (log * tasks + t) * points,
                          some * points);
        parity_net_test(&w->net, b);
        for (size_t k = 0; k < some; k++) {
            double sum = 0;
            for (size_t i = 0; i < points; i++) sum += (double)w->net.loss[k * points + i];
            loss[t + k] = (float)(sum / (double)points);
        }
        t += some;
    }
}

/* A plain mean over int(p_i points) samples of each task, which are a few fewer than points. */
static double test_mean(struct work *w, const float *subtask, size_t log)
{
    const uint64_t points = w->r->test_points;
    double sum = 0;
    uint64_t done = 0;
    for (size_t t = 0; t < w->r->shape.tasks; t++) {
        const uint64_t n = (uint64_t)(w->task.share[t] * (double)points);
        if (!points)
            sum += w->task.share[t] * (double)subtask[t];
        else
            sum += test_task(w, PARITY_TEST_BITS, t, log * points + done, n);
        done += n;
    }
    return points ? sum / (double)done : sum;
}

/* Fisher and Yates's, numbers from (seed, epoch, i): the epochs before it need not be drawn. */
static void shuffle(struct work *w, uint64_t epoch)
{
    const uint64_t n = w->r->data, stream = PARITY_EPOCH | epoch << 8;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t j = rng_below(w->r->shape.seed, stream, i, i + 1);
        w->order[i] = w->order[j];
        w->order[j] = (uint32_t)i;
    }
    w->epoch = epoch;
}

static void next_batch(struct work *w)
{
    const uint64_t step = w->net.steps, data = w->r->data, batch = w->r->batch;
    if (!data) {
        parity_batch_train(&w->batch, &w->task, step * batch, NULL, batch);
        return;
    }
    const uint64_t each = (data + batch - 1) / batch, first = step % each * batch;
    if (step / each != w->epoch) shuffle(w, step / each);
    parity_batch_train(&w->batch, &w->task, 0, w->order + first,
                       data - first < batch ? data - first : batch);
}

/* The last STOP_RISES changes were all rises. */
static bool stops(const struct work *w)
{
    const struct parity_log *l = &w->log;
    if (!w->r->stop_rises || w->net.steps < w->r->stop_from || l->n <= w->r->stop_rises)
        return false;
    for (size_t i = l->n - w->r->stop_rises; i < l->n; i++)
        if (!(l->mean[i] > l->mean[i - 1])) return false;
    return true;
}

static bool interrupted(const struct work *w)
{
    return out_interrupted() || (w->how->stop && err_status(w->how->stop));
}

static int keep(struct work *w, struct err *e)
{
    w->log.seconds = omp_get_wtime() - w->began;
    return parity_state_write(w->state_path, w->settings, &w->net, &w->log, w->r->shape.tasks, e);
}

static int train(struct work *w, struct err *e)
{
    const struct parity_run *r = w->r;
    double kept = omp_get_wtime();
    bool stop = w->net.steps && stops(w);
    progress_add(w->log.n); /* of the calls before */
    while (w->net.steps < r->steps && !stop) {
        const bool log = w->net.steps % r->log == 0;
        if (log) {
            const size_t at = w->log.n, tasks = r->shape.tasks;
            if (parity_log_grow(&w->log, tasks)) return err_memory(e, "logs");
            float *subtask = w->log.subtask + at * tasks;
            test_subtasks(w, subtask, at);
            w->log.mean[at] = test_mean(w, subtask, at);
        }
        next_batch(w);
        const double loss = parity_net_step(&w->net, &w->batch);
        if (log) {
            w->log.train[w->log.n - 1] = loss;
            stop = stops(w);
            progress_add(1);
        }
        const bool stopped = interrupted(w);
        if (stopped || (log && omp_get_wtime() - kept > w->how->keep_seconds)) {
            if (keep(w, e)) return -1;
            kept = omp_get_wtime();
        }
        if (stopped)
            return err_kind(e, ERR_INTERRUPTED,
                            "%s: interrupted at step %" PRIu64 "; the same command goes on",
                            w->state_path, w->net.steps);
    }
    return 0;
}

int parity_run_do(const struct parity_run *r, const struct parity_how *how,
                  struct parity_done *done, struct err *e)
{
    char name[96];
    struct work w = {.r = r, .how = how, .began = omp_get_wtime()};
    parity_run_name(r, name, sizeof name);
    *done = (struct parity_done){.there = false};
    if (parity_run_check(r, e)) return -1;
    char *path = format_string("%s/%s.json", how->folder, name);
    w.state_path = format_string("%s/%s.state", how->folder, name);
    int status = path && w.state_path ? 0 : err_memory(e, name);
    if (!status && file_exists(path)) {
        status = parity_record_same(path, r, e);
        done->there = !status;
    } else if (!status) {
        status = parity_settings_hash(r, &w.settings, e);
        if (!status) status = open_work(&w, e);
        done->first = w.net.steps;
        w.began -= w.log.seconds;
        if (!status) status = train(&w, e);
        done->end = w.net.steps;
        w.log.seconds = omp_get_wtime() - w.began;
        if (!status) status = parity_record_write(path, r, &w.log, &w.net, &w.task, e);
    }
    if (!status) unlink(w.state_path); /* one that a kill left behind, too */
    free(path);
    close_work(&w);
    return status;
}
