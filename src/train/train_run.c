/* train_run.c - the training loop of one run; see train_run.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_run.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/lock.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/base/room.h"
#include "src/train/train_state.h"

struct work {
    const struct train_run *r;
    const struct train_how *how;
    struct train_whole whole;
    uint64_t settings; /* its hash */
    char *record_path, *state_path, *lock_path;
    int lock; /* -1: not ours */
    struct train_validation validation;
    struct train_order order;
    struct trainer trainer;
    struct train_log log;
    uint32_t *tokens; /* a batch */
    double began;     /* omp_get_wtime's, less what the calls before took */
    bool diverged;
};

/* What the settings' hash needs. */
static int open_whole(struct work *w, struct err *e)
{
    const struct train_run *r = w->r;
    const struct train_how *how = w->how;
    w->whole = (struct train_whole){
        .run = r, .data = how->data, .kernels = how->kernels, .threads = how->threads};
    if (how->data->corpus->limit > r->config.vocab)
        return err_set(e, "%s: expected a vocabulary of at least %u, found %zu",
                       how->data->corpus->prefix, how->data->corpus->limit, r->config.vocab);
    if (!train_data_windows(how->data, r->length))
        return err_set(e, "%s: expected at least %zu tokens to train on, found %" PRIu64,
                       how->data->corpus->prefix, r->length + 1, how->data->tokens);
    if (how->validation) {
        if (train_validation_open(&w->validation, how->validation, r->length,
                                  how->validation_tokens, r->config.vocab, e))
            return -1;
        w->whole.validation = &w->validation;
    }
    return train_whole_hash(&w->whole, &w->settings, e);
}

static int take_lock(struct work *w, struct err *e)
{
    bool unlocked;
    const int status = lock_open(&w->lock, w->lock_path, &unlocked, e);
    if (unlocked)
        progress_warn("%s: this file system knows no locks: do not train there by two processes",
                      w->how->folder);
    if (status <= 0) return status;
    close(w->lock);
    w->lock = -1;
    return err_set(e, "%s: another process trains there", w->how->folder);
}

/* A machine that lends more memory than it has would let it begin, and kill it. */
static int check_memory(const struct train_run *r, const struct trainer_shape *shape, struct err *e)
{
    const uint64_t needed = trainer_bytes(&r->config, shape), room = memory_available();
    if (!room || needed <= room) return 0;
    return err_kind(e, ERR_MEMORY, "%s: training it needs %.3g GB of memory, found %.3g GB free",
                    r->name, (double)needed / 1e9, (double)room / 1e9);
}

static int open_work(struct work *w, struct err *e)
{
    const struct train_run *r = w->r;
    const struct trainer_shape shape = train_run_shape(r, w->how->threads);
    if (check_memory(r, &shape, e)) return -1;
    w->tokens = malloc(r->rows * (r->length + 1) * sizeof *w->tokens);
    if (!w->tokens) return err_memory(e, "a batch");
    if (train_order_open(&w->order, train_data_windows(w->how->data, r->length), r->seed, e) ||
        trainer_open(&w->trainer, &r->config, &shape, r->seed, w->how->kernels, e))
        return -1;
    if (!file_exists(w->state_path)) return 0;
    struct map map;
    if (map_open(&map, w->state_path, e)) return -1;
    int status = train_state_parse(&w->trainer, &w->log, w->settings, r->steps, w->state_path,
                                   map.data, map.size, e);
    map_close(&map);
    return status;
}

static void close_work(struct work *w)
{
    if (w->lock >= 0) {
        unlink(w->lock_path);
        close(w->lock);
    }
    free(w->tokens);
    free(w->record_path);
    free(w->state_path);
    free(w->lock_path);
    trainer_close(&w->trainer);
    train_order_close(&w->order);
    train_validation_close(&w->validation);
    train_log_free(&w->log);
}

/* Nothing in it depends on the call: the file's bytes are the run's. */
static int save(const struct work *w, uint64_t steps, struct err *e)
{
    const struct train_run *r = w->r;
    char *path = format_string("%s/step%" PRIu64 ".tripod", w->how->folder, steps);
    json_t *provenance =
        json_pack("{s:s, s:o}", "tripod", TRIPOD_VERSION, "training", train_whole_json(&w->whole));
    const struct flat_title title = {.name = r->name,
                                     .step = (int64_t)steps,
                                     .tokens_seen = (double)train_run_tokens(r, steps),
                                     .provenance = provenance};
    int status = path && provenance ? flat_write(&w->trainer.flat, path, r->dtype, &title, e)
                                    : err_memory(e, r->name);
    json_decref(provenance);
    free(path);
    return status;
}

/* The validation and the checkpoint that are due. */
static int take_stock(struct work *w, struct err *e)
{
    const uint64_t steps = w->trainer.steps;
    if (w->whole.validation && train_run_tests(w->r, steps)) {
        struct moments sums;
        if (train_validation_measure(&w->validation, &w->trainer.model, w->how->threads, &sums, e))
            return -1;
        const struct train_test test = {steps, moments_mean(&sums), moments_error(&sums)};
        w->diverged = !isfinite(test.loss);
        if (w->diverged)
            return err_set(e,
                           "%s: after step %" PRIu64
                           ": expected a finite loss of the text held out, found %g: it diverged; "
                           "try a lower rate",
                           w->r->name, steps, fabs(test.loss));
        if (train_log_test(&w->log, &test)) return err_memory(e, "validations");
    }
    return train_run_saves(w->r, steps) ? save(w, steps, e) : 0;
}

static int step(struct work *w, struct err *e)
{
    const struct train_run *r = w->r;
    const uint64_t s = w->trainer.steps;
    struct trainer_rates rates = r->rates;
    double norm;
    rates.rate = train_run_rate(r, s);
    if (train_batch(w->how->data, &w->order, r->rows, r->length, s, w->tokens, e)) return -1;
    const double loss = trainer_step(&w->trainer, w->tokens, &rates, &norm);
    w->diverged = !isfinite(loss) || !isfinite(norm);
    if (w->diverged)
        return err_set(e,
                       "%s: step %" PRIu64
                       ": expected a finite loss and gradient, found %g and %g: "
                       "it diverged; try a lower rate",
                       r->name, s, fabs(loss), fabs(norm)); /* no "-nan" */
    return train_log_step(&w->log, loss, norm) ? err_memory(e, "the log") : 0;
}

static int keep(struct work *w, struct err *e)
{
    w->log.seconds = omp_get_wtime() - w->began;
    return train_state_write(w->state_path, w->settings, &w->trainer, &w->log, e);
}

static int train(struct work *w, struct err *e)
{
    const uint64_t batch = (uint64_t)w->r->rows * w->r->length;
    double kept = omp_get_wtime();
    progress_add(w->trainer.steps * batch); /* of the calls before */
    for (;;) {
        if (take_stock(w, e)) return -1;
        if (w->trainer.steps == w->r->steps) return 0;
        if (step(w, e)) return -1;
        progress_add(batch);
        const bool stopped = out_interrupted() || (w->how->stop && err_status(w->how->stop));
        if (stopped || omp_get_wtime() - kept > w->how->keep_seconds) {
            if (keep(w, e)) return -1;
            kept = omp_get_wtime();
        }
        if (stopped)
            return err_kind(e, ERR_INTERRUPTED,
                            "%s: interrupted after %" PRIu64 " of %" PRIu64
                            " steps; the same command goes on",
                            w->state_path, w->trainer.steps, w->r->steps);
    }
}

/* Begins, or goes on. */
static int run(struct work *w, struct train_done *done, struct err *e)
{
    int status = open_work(w, e);
    done->first = w->trainer.steps;
    w->began -= w->log.seconds;
    /* What is in the folder from now on is of these settings, and a state says so. */
    if (!status && !file_exists(w->state_path)) status = keep(w, e);
    if (!status) status = train(w, e);
    done->diverged = w->diverged;
    done->end = w->trainer.steps;
    w->log.seconds = omp_get_wtime() - w->began;
    return status ? -1 : train_record_write(w->how->folder, &w->whole, &w->log, &done->result, e);
}

int train_run_do(const struct train_run *r, const struct train_how *how, struct train_done *done,
                 struct err *e)
{
    struct work w = {.r = r, .how = how, .lock = -1, .began = omp_get_wtime()};
    *done = (struct train_done){.there = false};
    if (train_run_check(r, e)) return -1;
    w.record_path = format_string("%s/train.json", how->folder);
    w.state_path = format_string("%s/train.state", how->folder);
    w.lock_path = format_string("%s/train.lock", how->folder);
    int status = w.record_path && w.state_path && w.lock_path ? 0 : err_memory(e, r->name);
    if (!status) status = open_whole(&w, e);
    if (!status && !file_exists(w.record_path)) status = take_lock(&w, e);
    if (!status && file_exists(w.record_path)) { /* another process may have finished it by now */
        status = train_record_read(w.record_path, &w.whole, &done->result, e);
        done->there = !status;
    } else if (!status) {
        status = run(&w, done, e);
    }
    if (!status) unlink(w.state_path); /* one that a kill left behind, too */
    close_work(&w);
    return status;
}
