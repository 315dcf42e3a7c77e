/* gradients.c - see gradients.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/gradients.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/flat/compare.h"
#include "models/flat/locate.h"
#include "models/neox/neox.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/base/room.h"
#include "src/quanta/sketch.h"
#include "src/quanta/sketches.h"
#include "src/scan/row_list.h"
#include "src/text/known.h"

/* --- opening --- */

/* Shard I of N is the stretch of the list in whose middle the cost lies between I / N and (I + 1) / N
 * of all. */
static int find_share(const struct gradients *g, size_t *first, size_t *end, struct err *e)
{
    const struct gradients_request *o = g->o;
    const struct samples *s = &g->samples;
    double all = 0, before = 0;
    for (size_t i = 0; i < s->n; i++)
        all += neox_backward_flop(&g->flat.config, s->sample[i].target);
    *first = *end = s->n;
    for (size_t i = 0; i < s->n; i++) {
        double cost = neox_backward_flop(&g->flat.config, s->sample[i].target);
        double middle = (before + cost / 2) / all * (double)o->shards;
        if (*first == s->n && middle >= (double)o->shard) *first = i;
        if (*end == s->n && middle >= (double)(o->shard + 1)) *end = i;
        before += cost;
    }
    if (*first < *end) return 0;
    return err_set(e, "shard %zu/%zu has nothing to do: there are more shards than samples",
                   o->shard, o->shards);
}

static int describe(struct gradients *g, struct err *e)
{
    const struct gradients_request *o = g->o;
    struct gradients_record *r = &g->record;
    uint64_t hash;
    if (known_hash(&g->samples.index.corpus, g->samples.documents, o->out, &hash, e)) return -1;
    *r = (struct gradients_record){
        .model = flat_label(&g->flat),
        .step = g->flat.step,
        .weights = format_string("%016" PRIx64, flat_weights_hash(&g->flat)),
        .corpus_hash = format_string("%016" PRIx64, hash),
        .rows_hash = format_string("%016" PRIx64, samples_hash(&g->samples)),
        .protocol = strdup(g->samples.protocol),
        .gelu = strdup(g->flat.config.activation == NEOX_GELU_ERF ? "erf" : "tanh"),
        .coordinates = strdup(o->coordinates),
        .numbers = g->coordinates.numbers,
        .k = o->k,
        .seed = o->seed,
        .rows = g->samples.n,
        .shard = o->shard,
        .shards = o->shards,
        .model_file = strdup(g->flat.path),
        .corpus = strdup(g->samples.index.corpus.prefix)};
    if (!r->model || !r->weights || !r->corpus_hash || !r->rows_hash || !r->protocol || !r->gelu ||
        !r->coordinates || !r->model_file || !r->corpus)
        return err_memory(e, o->model);
    return find_share(g, &r->first, &r->end, e);
}

/* What differs first between what is there and what is asked for. */
static int refuse_other(const char *path, const struct gradients_record *a,
                        const struct gradients_record *b, struct err *e)
{
    const struct {
        const char *what, *there, *asked;
    } texts[] = {{"of another model", a->weights, b->weights},
                 {"with another GELU", a->gelu, b->gelu},
                 {"of another corpus", a->corpus_hash, b->corpus_hash},
                 {"of documents cut otherwise", a->protocol, b->protocol},
                 {"of other rows", a->rows_hash, b->rows_hash},
                 {"of other coordinates", a->coordinates, b->coordinates}};
    const char *what = "of another part of the rows";
    if (a->seed != b->seed) what = "with another --seed";
    if (a->k != b->k) what = "with another --sketch";
    for (size_t i = sizeof texts / sizeof *texts; i-- > 0;)
        if (strcmp(texts[i].there, texts[i].asked)) what = texts[i].what;
    return err_set(e, "%s: holds gradients %s: choose another -o, or --force", path, what);
}

int gradients_look(const struct gradients *g, struct err *e)
{
    struct gradients_record there;
    if (g->o->force || access(g->path, F_OK)) return 0;
    if (gradients_record_read(&there, g->path, e)) return -1;
    int status = there.complete;
    if (gradients_key(&there, false) != gradients_key(&g->record, false))
        status = refuse_other(g->path, &there, &g->record, e);
    gradients_record_free(&there);
    return status;
}

int gradients_open(struct gradients *g, const struct gradients_request *o, struct err *e)
{
    *g = (struct gradients){.o = o, .threads = o->threads};
    if (model_open(&g->flat, o->model, NULL, e)) return -1;
    if (o->gelu >= 0) g->flat.config.activation = (enum neox_activation)o->gelu;
    if (coordinates_open(&g->coordinates, &g->flat.config, o->coordinates, e) ||
        samples_open(&g->samples, &o->samples, e) || make_directories(o->out, e) || describe(g, e))
        return -1;
    g->samples.index.corpus.limit = (uint32_t)g->flat.config.vocab;
    for (size_t i = g->record.first; i < g->record.end; i++)
        if (g->samples.sample[i].target > g->longest) g->longest = g->samples.sample[i].target;
    g->path = gradients_path(o->out, "gradients", "json", o->shard, o->shards);
    if (!g->path) return err_memory(e, o->out);
    if (neox_load(&g->model, &g->flat, o->kernels, &products_native, g->longest, e))
        return -1;
    g->loaded = true;
    return 0;
}

void gradients_close(struct gradients *g)
{
    if (g->loaded) neox_unload(&g->model);
    gradients_record_free(&g->record);
    samples_close(&g->samples);
    coordinates_close(&g->coordinates);
    flat_close(&g->flat);
    free(g->path);
    *g = (struct gradients){.o = g->o};
}

struct pass_source gradients_source(const struct gradients *g)
{
    return (struct pass_source){&g->model, &g->samples, &g->coordinates};
}

/* --- what it takes --- */

static size_t thread_bytes(const struct gradients *g)
{
    const struct pass_source source = gradients_source(g);
    return pass_bytes(&source, g->longest) + g->o->k * sizeof(float);
}

static int find_threads(const struct gradients *g, struct gradients_needs *n, struct err *e)
{
    const uint64_t each = thread_bytes(g);
    const uint64_t common = g->flat.bytes + sketch_bytes(g->o->k, g->coordinates.padded);
    const uint64_t limit = g->o->memory ? g->o->memory : memory_available();
    n->memory_available = limit;
    n->threads = g->o->threads;
    if (limit && common + (uint64_t)n->threads * each > limit)
        n->threads = limit > common + each ? (int)((limit - common) / each) : 1;
    n->memory = common + (uint64_t)n->threads * each;
    if (!g->o->memory || n->memory <= limit) return 0;
    return err_kind(e, ERR_MEMORY,
                    "%s: expected --memory of at least %" PRIu64
                    " MB for one thread and a longest prefix of %zu tokens, found %" PRIu64 " MB",
                    g->flat.path, (n->memory >> 20) + 1, g->longest, limit >> 20);
}

static void add_units(struct gradients_needs *n, const struct gradients *g, const struct units *u)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < u->n; i++) n->flop += u->unit[i].cost;
    for (size_t i = 0; i < n->samples - n->done; i++) {
        const struct sample *s = &g->samples.sample[u->order[i]];
        n->tokens += s->target;
        n->documents += s->document != last;
        last = s->document;
    }
}

/* What an incomplete folder has is known when it is opened to be filled; until then the log tells
 * nothing to those who only ask. */
int gradients_needs(const struct gradients *g, struct gradients_needs *n, struct err *e)
{
    const struct gradients_record *r = &g->record;
    const struct units_cost cost = pass_cost(&g->model.config);
    struct units u;
    uint64_t device;
    *n = (struct gradients_needs){.samples = r->end - r->first};
    int complete = gradients_look(g, e);
    if (complete < 0 || find_threads(g, n, e)) return -1;
    n->disk = (uint64_t)n->samples * (r->k * 4 + 4 + 8 + 8);
    if (!disk_available(g->o->out, &n->disk_available, &device)) n->disk_available = UINT64_MAX;
    if (complete) n->done = n->samples;
    if (complete) return 0;
    if (units_open(&u, &g->samples, r->first, r->end, NULL, &cost, e)) return -1;
    add_units(n, g, &u);
    units_close(&u);
    return 0;
}

/* --- the work --- */

struct work {
    struct gradients *g;
    struct sketch sketch;
    struct store *store;
    struct pass_queue queue;
};

/* One thread's sample. */
struct taking {
    struct work *work;
    float *vectors;
    double squares;
};

static void begin(void *context, size_t sample)
{
    struct taking *t = context;
    (void)sample;
    memset(t->vectors, 0, t->work->sketch.k * sizeof *t->vectors);
    t->squares = 0;
}

static void take(void *context, uint64_t coordinate, const float *values, size_t n)
{
    struct taking *t = context;
    const struct kernels *kernels = t->work->g->model.kernels;
    sketch_add(&t->work->sketch, kernels, t->vectors, coordinate, values, n);
    t->squares += kernels->sum_squares(values, n);
}

int gradients_check(const struct gradients *g, size_t sample, float loss, double norm,
                    struct err *e)
{
    const struct sample *s = &g->samples.sample[sample];
    if (norm > 0 && isfinite(norm) && isfinite(loss)) return 0;
    if (norm == 0)
        return err_set(e,
                       "%s: row %" PRIu64 " (document %zu, token %zu): the gradient is zero (loss "
                       "%g): it has no direction; leave the row out",
                       g->flat.path, s->row, s->document, s->target, (double)loss);
    return err_kind(e, ERR_DAMAGED,
                    "%s: row %" PRIu64 " (document %zu, token %zu): the gradient is not finite "
                    "(loss %g): the weights are damaged or overflow float32",
                    g->flat.path, s->row, s->document, s->target, (double)loss);
}

static int end(void *context, size_t sample, float loss, struct err *e)
{
    const struct taking *t = context;
    const struct work *w = t->work;
    const double norm = sqrt(t->squares);
    if (gradients_check(w->g, sample, loss, norm, e)) return -1;
    if (store_put(w->store, sample - w->g->record.first, loss, norm, t->vectors, e)) return -1;
    progress_add(w->g->samples.sample[sample].target);
    return 0;
}

static void work_alone(struct work *w)
{
    struct taking t = {.work = w, .vectors = malloc(w->sketch.k * sizeof *t.vectors)};
    const struct pass_taker taker = {&t, begin, take, end};
    struct pass pass = {0};
    struct err e;
    if (t.vectors) {
        pass_queue_take(&w->queue, &pass, &taker);
    } else {
        err_memory(&e, w->g->flat.path);
        err_first(w->queue.e, &w->queue.status, &e);
    }
    pass_close(&pass);
    free(t.vectors);
}

static int compute(struct gradients *g, struct store *store, const void *context,
                   struct gradients_result *result, struct err *e)
{
    const struct units_cost cost = pass_cost(&g->model.config);
    struct work w = {.g = g, .store = store};
    struct pass_queue *q = &w.queue;
    (void)context;
    *q = (struct pass_queue){.source = gradients_source(g), .longest = g->longest, .e = e};
    const size_t left = store->n - store->kept;
    size_t tokens = 0;
    if (sketch_open(&w.sketch, g->record.k, g->record.seed, g->coordinates.padded, e)) return -1;
    if (units_open(&q->units, &g->samples, g->record.first, g->record.end, store->there, &cost,
                   e)) {
        sketch_close(&w.sketch);
        return -1;
    }
    for (size_t i = 0; i < left; i++) tokens += g->samples.sample[q->units.order[i]].target;
    double start = omp_get_wtime();
    progress_begin("gradients", "tokens", tokens);
    out_catch_interrupts(true);
#pragma omp parallel num_threads(g->threads)
    work_alone(&w);
    out_catch_interrupts(false);
    progress_end();
    result->seconds = omp_get_wtime() - start;
    result->flop = q->flop;
    result->computed = left - (store->n - store->kept);
    if (!q->status && out_interrupted())
        q->status = err_kind(e, ERR_INTERRUPTED,
                             "%s: interrupted: %zu of %zu samples are kept; the same command goes "
                             "on",
                             g->path, store->kept, store->n);
    units_close(&q->units);
    sketch_close(&w.sketch);
    return q->status;
}

/* --- the folder --- */

static int write_rows(const struct gradients *g, struct err *e)
{
    const struct gradients_record *r = &g->record;
    struct row_file f = {.n = 0};
    char name[64] = "rows";
    if (r->shards > 1) snprintf(name, sizeof name, "rows.shard-%zu-of-%zu", r->shard, r->shards);
    int status = row_file_open(&f, g->o->out, name, e);
    for (size_t i = r->first; i < r->end && !status; i++)
        status = row_file_add(&f, &g->samples.sample[i].row, 1, e);
    if (!status) status = row_file_commit(&f, e);
    row_file_abort(&f);
    return status;
}

static int write_record(const struct gradients *g, struct err *e)
{
    json_t *p = provenance_json();
    json_object_set_new(p, "kernels", json_string(g->model.kernels->name));
    json_object_set_new(p, "threads", json_integer(g->threads));
    return json_save(g->path,
                     gradients_record_json(&g->record, json_pack("{s:o}", "provenance", p)), e);
}

static int read_mean(const struct gradients *g, double *mean, struct err *e)
{
    const struct gradients_record *r = &g->record;
    float *loss = malloc(r->rows * sizeof *loss);
    int status = loss ? sketches_samples(g->o->out, r, NULL, loss, e) : err_memory(e, g->path);
    double sum = 0;
    for (size_t i = r->first; i < r->end && !status; i++) sum += (double)loss[i];
    *mean = sum / (double)(r->end - r->first);
    free(loss);
    return status;
}

/* What is missing, under the store's lock. The record goes first: that of other gradients does not say
 * that all is there once anything is not theirs. */
static int fill(struct gradients *g, struct store *store, gradients_work *work, const void *context,
                struct gradients_result *result, struct err *e)
{
    g->record.complete = false;
    if (write_record(g, e) || write_rows(g, e) || store_resume(store, e) ||
        work(g, store, context, result, e) || store_commit(store, e))
        return -1;
    g->record.complete = true;
    g->record.seconds = result->seconds;
    g->record.flop = result->flop;
    return write_record(g, e);
}

int gradients_fill(struct gradients *g, gradients_work *work, const void *context,
                   struct gradients_result *result, struct err *e)
{
    struct store store;
    int status = store_open(&store, g->o->out, &g->record, e);
    if (status > 0) {
        const struct err who = *e;
        err_set(e, "%s: %s is computing them", g->path, who.text);
    }
    if (status) return status;
    if (store.log.unlocked)
        progress_warn("%s: this file system knows no locks: do not compute the same from two "
                      "processes",
                      g->path);
    /* Another process may have finished before the lock was ours. */
    int complete = gradients_look(g, e);
    status = complete < 0 ? -1 : complete ? 0 : fill(g, &store, work, context, result, e);
    store_close(&store, !status);
    if (!status) status = read_mean(g, &result->mean_loss, e);
    return status;
}

int gradients_run(struct gradients *g, const struct gradients_needs *needs,
                  struct gradients_result *result, struct err *e)
{
    *result = (struct gradients_result){0};
    g->threads = needs->threads;
    return gradients_fill(g, compute, NULL, result, e);
}
