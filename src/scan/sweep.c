/* sweep.c - see sweep.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/sweep.h"

#include <stdlib.h>
#include <unistd.h>

#include "models/flat/locate.h"
#include "src/base/progress.h"
#include "src/base/room.h"
#include "src/scan/ahead.h"
#include "src/scan/twins.h"

struct sweep {
    struct queue *q;
    struct job *job;
    struct ahead ahead;
    size_t *same; /* the first entry of the same weights; its own number where it is the first */
    double flop;  /* of what is still to be computed */
    size_t tasks, task;
};

/* X failed with *e: its own matter (0), or all's. */
static int fail(struct queue *q, struct queue_entry *x, struct err *e)
{
    if (!err_is_local(e) || q->n == 1) return -1;
    x->state = QUEUE_FAILED;
    x->why = *e;
    record_free(&x->record);
    progress_warn("%s", e->text);
    return 0;
}

static int tell_unusable(struct queue *q, struct err *e)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct queue_entry *x = &q->entries[i];
        if (x->state != QUEUE_MISSING && x->state != QUEUE_FAILED) continue;
        if (q->n == 1) {
            *e = x->why;
            return -1;
        }
        progress_warn("%s", x->why.text);
    }
    return 0;
}

/* --- before: imports, comparisons --- */

static bool to_import(const struct queue_entry *x)
{
    return queue_open_work(x) && x->model->state == CATALOG_TO_IMPORT;
}

static int import_all(struct queue *q, struct err *e)
{
    struct queue_needs needs = queue_needs(q);
    double left = (double)needs.import_bytes;
    int status = 0;
    for (size_t i = 0, k = 0; i < q->n && !status; i++) {
        struct queue_entry *x = &q->entries[i];
        if (!to_import(x)) continue;
        left -= (double)x->model->bytes;
        progress_task("folder", ++k, needs.imports, (double)x->model->bytes, left);
        struct err why;
        if (model_make(x->model->folder, x->model->import, false, &why)) {
            status = fail(q, x, &why);
            if (status) *e = why;
        } else {
            status = catalog_look(x->model, e) || queue_look(q, x, e) ? -1 : 0;
            if (!status && x->state == QUEUE_FAILED) {
                *e = x->why;
                status = fail(q, x, e);
            }
        }
    }
    progress_task("", 0, 0, 0, 0);
    return status;
}

/* Fills same[]. */
static int compare_all(struct sweep *s, struct err *e)
{
    struct queue *q = s->q;
    const char **models = malloc((q->n + 1) * sizeof *models);
    size_t *first = malloc((q->n + 1) * sizeof *first), *entry = malloc((q->n + 1) * sizeof *entry);
    size_t n = 0;
    int status = models && first && entry ? 0 : err_memory(e, "models");
    for (size_t i = 0; i < q->n && !status; i++) {
        s->same[i] = i;
        if (q->entries[i].state == QUEUE_MISSING || q->entries[i].state == QUEUE_FAILED) continue;
        models[n] = q->entries[i].model->model;
        entry[n++] = i;
    }
    if (!status) status = twins_find(first, models, n, e);
    for (size_t i = 0; i < n && !status; i++) {
        s->same[entry[i]] = entry[first[i]];
        if (first[i] < i) q->entries[entry[i]].flop = 0; /* copied */
    }
    free(models);
    free(first);
    free(entry);
    return status;
}

/* --- the work --- */

/* The next after I that will be opened; NULL when there is none. */
static struct queue_entry *next_of(struct queue *q, size_t i)
{
    for (i++; i < q->n; i++) {
        if (queue_open_work(&q->entries[i])) return &q->entries[i];
    }
    return NULL;
}

static void open_next(struct sweep *s, size_t i)
{
    const struct queue_entry *next = next_of(s->q, i);
    if (!next) return;
    /* What is available counts the pages of the model that is at work. */
    uint64_t room = memory_available(), now = s->q->entries[i].model->bytes;
    ahead_start(&s->ahead, next->model->model, next->model->bytes, room > now ? room - now : 0);
}

/* Losses of the same weights. */
static const struct record *twin_of(const struct sweep *s, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        const struct queue_entry *x = &s->q->entries[j];
        if (s->same[j] == s->same[i] && x->state == QUEUE_DONE) return &x->record;
    }
    return NULL;
}

/* 0, -1, JOB_BUSY. */
static int scan_one(struct sweep *s, size_t i, struct err *e)
{
    struct queue_entry *x = &s->q->entries[i], *first = &s->q->entries[s->same[i]];
    struct flat_model flat;
    struct record record = {0};
    struct err why;
    /* Its twin comes from the same process, or both wait. */
    if (first != x && queue_open_work(first)) return JOB_BUSY;
    int status = ahead_take(&s->ahead, x->model->model, &flat, &why);
    if (!status) {
        open_next(s, i);
        status = job_scan(s->job, x->model->model, &flat, x->share, twin_of(s, i), &record, &why);
        flat_close(&flat);
    }
    if (status == 0) {
        x->record = record;
        x->state = QUEUE_DONE;
        return 0;
    }
    record_free(&record);
    if (status == JOB_BUSY) *e = why;
    if (status == JOB_BUSY) return JOB_BUSY;
    if (!fail(s->q, x, &why)) return 0;
    *e = why;
    return -1;
}

/* Once through what is to be computed; *left: models that others are computing. */
static int pass(struct sweep *s, size_t *left, struct err *e)
{
    struct queue *q = s->q;
    int status = 0;
    *left = 0;
    for (size_t i = 0; i < q->n && status >= 0; i++) {
        struct queue_entry *x = &q->entries[i];
        if (!queue_open_work(x)) continue;
        s->flop -= x->flop;
        progress_task("model", ++s->task, s->tasks, x->flop, s->flop);
        status = scan_one(s, i, e);
        if (status != JOB_BUSY) continue;
        ++*left;
        --s->task;
        s->flop += x->flop;
    }
    return status < 0 ? -1 : 0;
}

static int compute_all(struct sweep *s, struct err *e)
{
    struct queue_needs needs = queue_needs(s->q);
    size_t left = 0, before;
    s->flop = needs.flop;
    s->tasks = needs.states[QUEUE_TODO] + needs.states[QUEUE_PART];
    int status;
    do {
        before = left;
        status = pass(s, &left, e);
        if (status || !left || left != before) continue;
        progress_wait("waiting for %s", e->text); /* there is nothing else to do */
        sleep(1);
    } while (!status && left);
    progress_task("", 0, 0, 0, 0);
    ahead_stop(&s->ahead);
    return status;
}

int sweep_run(struct queue *q, struct job *job, struct err *e)
{
    struct sweep s = {.q = q, .job = job, .same = calloc(q->n + 1, sizeof *s.same)};
    int status = s.same ? tell_unusable(q, e) : err_memory(e, "models");
    if (!status && job) {
        status = queue_check(q, e);
        if (!status) status = import_all(q, e);
        if (!status) status = compare_all(&s, e);
        if (!status) status = compute_all(&s, e);
    }
    free(s.same);
    return status;
}
