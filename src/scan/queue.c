/* queue.c - see queue.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/queue.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/archived.h"
#include "src/base/npy.h"
#include "src/base/room.h"
#include "src/scan/peak_rate.h"
#include "src/scan/scan_streamed.h"

/* What is assumed where nothing has been measured: bench/RESULTS.md has 0.89 to 0.94. */
static const double USUAL_SHARE = 0.9;
/* Of float32's peak, that a narrower precision may reach. */
static const double MOST_SHARE = 32;

const char *const queue_states[] = {"to do", "started", "done", "missing", "failed"};

bool queue_open_work(const struct queue_entry *x)
{
    return x->state == QUEUE_TODO || x->state == QUEUE_PART;
}

/* --- one model --- */

static double flop_of(const struct neox_config *c, const struct plan *plan)
{
    const struct neox_cost cost = neox_cost(c);
    return pieces_flop(&plan->sums, &cost);
}

/* What a model takes of memory, and whether it is streamed. */
static void find_way(struct queue_entry *x, const struct job *job)
{
    const struct scan_request *o = job->o;
    const struct scan_options options = {
        .threads = o->threads, .batch_tokens = o->batch_tokens, .memory = o->memory};
    const struct catalog_entry *m = x->model;
    const struct neox_config *c = &m->is.config;
    const struct scan_way way =
        scan_way(c, o->gemm, &job->plan, &options, m->bytes, !archived_is(m->model), m->is.packed);
    const uint64_t threads = (uint64_t)o->threads, batch = threads * way.rows;
    x->memory = way.weights + threads * neox_run_bytes(c, o->gemm, way.rows);
    x->streamed = way.streamed;
    x->reads = m->bytes * ((job->plan.inputs + batch - 1) / batch);
}

int queue_look(struct queue *q, struct queue_entry *x, struct err *e)
{
    struct catalog_entry *m = x->model;
    record_free(&x->record);
    x->state = QUEUE_TODO;
    if (!catalog_usable(m)) {
        x->state = m->state == CATALOG_MISSING ? QUEUE_MISSING : QUEUE_FAILED;
        x->why = m->why;
        return 0;
    }
    if (job_plan(q->job, x->share, e)) return -1;
    const unsigned times = q->job->o->compare ? 2 : 1; /* float32's losses as well */
    x->flop = flop_of(&m->is.config, &q->job->plan) * times;
    find_way(x, q->job);
    x->disk = (NPY_HEADER + q->job->plan.predictions * sizeof(float)) * times;
    /* Losses belong to weights, which an import has yet to read. */
    if (m->state == CATALOG_TO_IMPORT) return 0;
    int there = job_describe(&x->record, q->job, &m->is, m->weights, &x->why);
    if (!there) there = job_finished(&x->record, q->job, &x->why);
    const bool compared = !q->job->o->compare || x->record.deviation.tokens;
    if (there > 0) {
        x->state = compared ? QUEUE_DONE : QUEUE_PART;
    } else if (there == 0 &&
               loss_file_started(x->record.losses, strtoull(x->record.key, NULL, 16))) {
        x->state = QUEUE_PART;
    } else if (there < 0) {
        x->state = QUEUE_FAILED;
        if (x->why.kind == ERR_MEMORY) *e = x->why;
    }
    if (x->state != QUEUE_TODO) x->disk = 0; /* a part has its full size */
    if (x->state != QUEUE_DONE) record_free(&x->record);
    return there < 0 && x->why.kind == ERR_MEMORY ? -1 : 0;
}

/* What the shard has of each model: nothing of those that cannot be used. Of several shards none may have
 * other models than the rest, or some documents would be done twice and some never. */
static int find_shares(struct share *shares, const struct catalog *models, const struct job *job,
                       struct err *e)
{
    struct neox_cost *costs = calloc(models->n + 1, sizeof *costs);
    if (!costs) return err_memory(e, "models");
    for (size_t i = 0; i < models->n; i++) {
        const struct catalog_entry *m = &models->entries[i];
        if (catalog_usable(m)) {
            costs[i] = neox_cost(&m->is.config);
        } else if (job->o->shards > 1) {
            free(costs);
            *e = m->why;
            return -1;
        }
    }
    shares_find(shares, &job->work, costs, models->n, job->o->shard, job->o->shards);
    free(costs);
    return 0;
}

int queue_open(struct queue *q, struct catalog *models, struct job *job, struct err *e)
{
    *q = (struct queue){.job = job, .twice = models->twice};
    q->entries = calloc(models->n + 1, sizeof *q->entries);
    struct share *shares = calloc(models->n + 1, sizeof *shares);
    int status = q->entries && shares ? 0 : err_memory(e, "models");
    if (!status && job) status = find_shares(shares, models, job, e);
    for (size_t i = 0; i < models->n && !status; i++) {
        struct catalog_entry *m = &models->entries[i];
        if (catalog_usable(m) && shares[i].begin == shares[i].end) continue;
        struct queue_entry *x = &q->entries[q->n++];
        x->model = m;
        x->share = shares[i];
        status = queue_look(q, x, e);
    }
    free(shares);
    return status;
}

void queue_close(struct queue *q)
{
    for (size_t i = 0; q->entries && i < q->n; i++) record_free(&q->entries[i].record);
    free(q->entries);
    *q = (struct queue){0};
}

/* --- all of them --- */

/* A record made with the same kernels: the share of the peak it reached, and for how long. */
static bool same_kernels(const char *path, const struct scan_request *o, double *seconds,
                         double *share)
{
    json_t *r = json_load_file(path, 0, NULL);
    const json_t *p = json_object_get(r, "provenance");
    const char *kernels = json_string_value(json_object_get(p, "kernels"));
    const char *gemm = json_string_value(json_object_get(p, "gemm"));
    const char *precision = json_string_value(json_object_get(r, "precision"));
    *seconds = json_number_value(json_object_get(r, "seconds"));
    *share = json_number_value(json_object_get(r, "mfu"));
    const double most = o->gemm->packing ? MOST_SHARE : 1;
    bool same = kernels && gemm && precision && !strcmp(kernels, o->kernels->name) &&
                !strcmp(gemm, o->gemm->name) && !strcmp(precision, o->gemm->precision) &&
                *seconds > 0 && *share > 0 && *share <= most;
    json_decref(r);
    return same;
}

struct queue_rate queue_rate(const struct queue *q)
{
    enum { ENOUGH = 200 };
    struct queue_rate rate = {.share = USUAL_SHARE};
    if (!q->job) return rate;
    const struct scan_request *o = q->job->o;
    rate.peak = job_peak(o);
    DIR *d = opendir(o->out);
    double all = 0, sum = 0;
    for (struct dirent *entry; d && rate.records < ENOUGH && (entry = readdir(d));) {
        size_t n = strlen(entry->d_name);
        if (n < 5 || strcmp(entry->d_name + n - 5, ".json")) continue;
        char *path = format_string("%s/%s", o->out, entry->d_name);
        double seconds, share;
        if (path && same_kernels(path, o, &seconds, &share)) {
            all += seconds;
            sum += seconds * share;
            rate.records++;
        }
        free(path);
    }
    if (d) closedir(d);
    rate.share = rate.records ? sum / all : USUAL_SHARE * peak_speedup(o->gemm, o->kernels);
    if (o->compare) rate.share = 2 / (1 / rate.share + 1 / USUAL_SHARE); /* half is float32's */
    return rate;
}

struct queue_needs queue_needs(const struct queue *q)
{
    struct queue_needs s = {.memory_available = memory_available(),
                            .losses_free = UINT64_MAX,
                            .imports_free = UINT64_MAX};
    uint64_t device = 0, other = 0;
    if (q->job) disk_available(q->job->o->out, &s.losses_free, &device);
    for (size_t i = 0; i < q->n; i++) {
        const struct queue_entry *x = &q->entries[i];
        s.states[x->state]++;
        if (!queue_open_work(x)) continue;
        s.flop += x->flop;
        s.losses_bytes += x->disk;
        if (x->memory > s.memory) s.memory = x->memory;
        if (x->streamed) {
            s.streamed++;
            s.streamed_read += x->reads;
        }
        if (x->model->state != CATALOG_TO_IMPORT) continue;
        uint64_t there, bytes;
        if (!s.imports++) disk_available(x->model->import, &s.imports_free, &other);
        if (disk_available(x->model->import, &bytes, &there) && there == other)
            s.imports_there += x->model->bytes;
        s.import_read += x->model->import_bytes;
        s.import_bytes += x->model->bytes;
    }
    s.one_disk = s.imports && device == other;
    return s;
}

static int no_space(const char *where, uint64_t needed, uint64_t found, struct err *e)
{
    return err_kind(e, ERR_SPACE,
                    "%s: No space left on device: expected room for %" PRIu64
                    " bytes, found %" PRIu64,
                    where, needed, found);
}

int queue_check(const struct queue *q, struct err *e)
{
    struct queue_needs s = queue_needs(q);
    if (!s.one_disk && s.imports_there > s.imports_free)
        return no_space("imports", s.imports_there, s.imports_free, e);
    uint64_t bytes = s.losses_bytes + (s.one_disk ? s.imports_there : 0);
    return bytes > s.losses_free ? no_space(q->job->o->out, bytes, s.losses_free, e) : 0;
}

int queue_verdict(const struct queue *q, struct err *e)
{
    char names[800] = "";
    size_t bad = 0, shown = 0, at = 0;
    for (size_t i = 0; i < q->n; i++) {
        const struct queue_entry *x = &q->entries[i];
        if (x->state != QUEUE_MISSING && x->state != QUEUE_FAILED) continue;
        bad++;
        if (shown + 1 < bad || at + strlen(x->model->model) + 3 > sizeof names) continue;
        at += (size_t)sprintf(names + at, "%s%s", at ? ", " : "", x->model->model);
        shown++;
    }
    if (!bad) return 0;
    char more[48] = "";
    if (shown < bad) snprintf(more, sizeof more, "%s%zu more", shown ? " and " : "", bad - shown);
    return err_set(e, "%zu of %zu models could not be scanned: %s%s", bad, q->n, names, more);
}
