/* scan_streamed.c - see scan_streamed.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/scan_streamed.h"

#include <fcntl.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "models/neox/neox_narrow.h"
#include "models/neox/neox_stream.h"
#include "models/neox/neox_weights.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/room.h"
#include "src/scan/batches.h"
#include "src/scan/peak_rate.h"

enum {
    LEAST_ROWS = 256,    /* inputs of a part made smaller to save memory */
    PARTS = 2,           /* a thread */
    INPUT_BYTES = 160,   /* of the batch's tables, an input; pieces of one input are the worst */
    ROUNDING = 4 << 20,  /* an allocation's huge pages, a thread's stack */
    OVERHEAD = 16 << 20, /* what reads ahead; whatever else grows */
};

struct streamed {
    const struct plan *plan;
    const struct scan_options *options;
    struct neox_stream stream;
    struct loss_file *file;
    const struct batch *batch; /* the large one that is computed */
    struct scan_result *result;
    struct piece next; /* the last piece that was computed */
    /* Of a large batch: */
    uint64_t memory; /* bytes the process may use ... */
    uint64_t fixed;  /* ... and those resident whatever its size */
    size_t wanted;   /* inputs that hide the reading */
    size_t rows, inputs;
    bool spill;
};

/* --- memory --- */

uint64_t scan_memory(uint64_t given)
{
    if (given) return given;
    uint64_t left = memory_available();
    return left ? (memory_resident() + left) / 10 * 9 : UINT64_MAX;
}

static uint64_t workspaces(const struct neox_config *c, const struct products *products,
                           const struct scan_options *o, size_t rows)
{
    return (uint64_t)o->threads * (neox_run_bytes(c, products, rows) + ROUNDING);
}

static size_t at_least(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t at_most(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

struct scan_way scan_way(const struct neox_config *c, const struct products *products,
                         const struct plan *plan, const struct scan_options *o, uint64_t weights,
                         bool mapped, bool packed)
{
    struct scan_way w = {.rows = at_least(at_most(o->batch_tokens, plan->inputs), plan->longest),
                         .weights = weights};
    if (products->packing && !packed) {
        w.weights = neox_narrow_bytes(c, products) + (mapped ? 0 : weights);
        mapped = false;
    }
    w.need = memory_resident() + w.weights + OVERHEAD + workspaces(c, products, o, w.rows);
    w.streamed = mapped && w.need > scan_memory(o->memory);
    return w;
}

static uint64_t streamed_workspaces(const struct streamed *s)
{
    const struct neox *m = s->stream.model;
    return workspaces(&m->config, m->products, s->options, s->rows);
}

static uint64_t input_bytes(const struct streamed *s)
{
    return INPUT_BYTES + (s->spill ? 0 : neox_stream_bytes(s->stream.model, 1));
}

static size_t least_inputs(const struct streamed *s)
{
    return at_most((uint64_t)PARTS * (uint64_t)s->options->threads * s->rows, s->plan->inputs);
}

/* Whether a large batch of parts of s->rows fits, and then its inputs. Half of what hides the reading
 * does: there is a factor of two in it. */
static bool fits(struct streamed *s)
{
    size_t least = least_inputs(s), wanted = at_most(at_least(least, s->wanted), s->plan->inputs);
    uint64_t fixed = s->fixed + streamed_workspaces(s);
    uint64_t room = s->memory > fixed ? (s->memory - fixed) / input_bytes(s) : 0;
    s->inputs = at_most(room, wanted);
    return room >= (s->spill ? least : at_least(least, wanted / 2));
}

static int choose(struct streamed *s, struct err *e)
{
    size_t smallest = at_least(s->plan->longest, LEAST_ROWS);
    s->spill = false;
    s->rows = at_least(s->options->batch_tokens / PARTS, smallest);
    while (!fits(s)) {
        if (s->rows > smallest) {
            s->rows = at_least(s->rows / 2, smallest);
        } else if (!s->spill && s->options->spill) {
            s->spill = true;
        } else {
            uint64_t need = s->fixed + streamed_workspaces(s) + input_bytes(s) * least_inputs(s);
            char all[24];
            /* One more: what is resident is not quite the same from run to run. */
            return err_kind(
                e, ERR_MEMORY,
                "%s of memory are not enough, layer by layer: expected at least %" PRIu64
                "M (two layers, and %d workspaces for pieces of %zu tokens): give more with "
                "--memory, or lower --threads",
                format_bytes((double)s->memory, all, sizeof all), (need >> 20) + 2,
                s->options->threads, s->plan->longest);
        }
    }
    return 0;
}

/* --- a large batch --- */

/* The next pieces, up to s->inputs; their inputs, 0: there are no more. */
static size_t collect(struct streamed *s, struct batch *batch)
{
    size_t inputs = 0;
    for (struct piece p = s->next; plan_next(s->plan, &p) && inputs + p.n <= s->inputs;) {
        s->next = p;
        if (loss_file_has(s->file, p.loss, p.n - p.skip)) {
            progress_add(p.n);
            continue;
        }
        batch->pieces[batch->count++] = p;
        inputs += p.n;
    }
    return inputs;
}

/* Keeps the losses of these pieces of the large batch. */
static int keep(struct streamed *s, const struct neox_piece *pieces, size_t count, struct err *e)
{
    const struct batch *all = s->batch;
    size_t first = (size_t)(pieces - all->inputs);
    struct batch part = {
        .pieces = all->pieces + first, .inputs = all->inputs + first, .count = count};
    return batch_keep(&part, s->file, e);
}

/* Progress in parts of a token: as if all steps took the same time. A large batch takes too long to
 * be finished when the scan is interrupted. */
static int after(void *context, const struct neox_piece *pieces, size_t count, size_t step,
                 size_t steps, struct err *e)
{
    struct streamed *s = context;
    uint64_t inputs = 0, predictions = 0;
    double flop = 0;
    for (size_t i = 0; i < count; i++) {
        const struct neox_piece *p = &pieces[i];
        flop += neox_flop(&s->stream.model->config, p->n, p->skip);
        inputs += p->n;
        predictions += p->n - p->skip;
    }
    progress_add(inputs * (step + 1) / steps - inputs * step / steps);
    if (step + 1 < steps) return out_interrupted() ? scan_interrupted(s->file, e) : 0;
    if (keep(s, pieces, count, e)) return -1;
#pragma omp critical(scan_result)
    {
        s->result->flop += flop;
        s->result->predictions += predictions;
    }
    return 0;
}

/* Twice the inputs whose computing takes as long as the reading did. */
static void learn(struct streamed *s, size_t inputs, const struct neox_stream *before)
{
    double reading = s->stream.reading - before->reading;
    double computing = (s->stream.busy - before->busy) / s->options->threads;
    double wanted = computing > 0 ? 2 * (double)inputs * reading / computing : 0;
    s->wanted = wanted < (double)s->plan->inputs ? (size_t)wanted : (size_t)s->plan->inputs;
}

/* A file without a name: it is gone when it is closed, however that comes about. */
static int open_spill(struct streamed *s, struct err *e)
{
    if (!s->spill || s->stream.spill >= 0) return 0;
    s->stream.spill = open(s->options->spill, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->stream.spill >= 0) return 0;
    char *path = format_string("%s/spill-XXXXXX", s->options->spill);
    s->stream.spill = path ? mkostemp(path, O_CLOEXEC) : -1;
    if (s->stream.spill < 0) {
        err_errno(e, "%s: cannot write a file for activations", s->options->spill);
    } else {
        unlink(path);
    }
    free(path);
    return s->stream.spill < 0 ? -1 : 0;
}

/* One large batch; *inputs: of it, 0 at the end. */
static int one_batch(struct streamed *s, size_t *inputs, struct err *e)
{
    struct batch batch;
    struct neox_stream before = s->stream;
    if (choose(s, e) || open_spill(s, e)) return -1;
    int status = batch_open(&batch, s->inputs, e);
    *inputs = status ? 0 : collect(s, &batch);
    if (!status) status = batch_fill(&batch, s->plan, e);
    if (!status && *inputs) {
        int file = s->stream.spill;
        s->stream.rows = s->rows;
        s->batch = &batch;
        if (!s->spill) s->stream.spill = -1;
        status = neox_stream(&s->stream, batch.inputs, batch.count, e);
        s->stream.spill = file;
        learn(s, *inputs, &before);
    }
    batch_close(&batch);
    return status;
}

/* --- the whole --- */

static void warn(const struct streamed *s)
{
    const struct neox *m = s->stream.model;
    char weights[24], memory[24], tokens[24], rate[24], disk[96] = "";
    double bytes = (double)m->flat->map.size, n = (double)s->plan->longest;
    double flop = neox_flop(&m->config, s->plan->longest, 0) / n * (double)s->inputs;
    double peak = 1e9 * peak_rate(m->kernels, s->options->threads, 0.02) *
                  peak_speedup(m->products, m->kernels);
    if (peak > 0)
        snprintf(disk, sizeof disk, ", beside the computing where the file comes with %s/s or more",
                 format_bytes(bytes / (flop / peak), rate, sizeof rate));
    progress_warn("%s: %s of weights do not fit into %s of memory: read again for every %s "
                  "tokens%s%s%s",
                  m->flat->path, format_bytes(bytes, weights, sizeof weights),
                  format_bytes((double)s->memory, memory, sizeof memory),
                  format_count((double)s->inputs, tokens, sizeof tokens), disk,
                  s->spill ? "; activations spill to " : "", s->spill ? s->options->spill : "");
}

int scan_streamed(const struct neox *model, const struct plan *plan,
                  const struct scan_options *options, struct loss_file *file,
                  struct scan_result *result, struct err *e)
{
    struct streamed s = {
        .plan = plan,
        .options = options,
        .file = file,
        .result = result,
        .next = {.document = plan->begin},
        .stream = {.model = model, .threads = options->threads, .spill = -1, .after = after}};
    s.stream.context = &s;
    neox_weights_release(model);
    s.memory = scan_memory(options->memory);
    s.fixed = memory_resident() + neox_weights_resident(model) + OVERHEAD;
    *result = (struct scan_result){0};
    double start = omp_get_wtime();
    int status = choose(&s, e);
    if (!status) warn(&s);
    for (size_t inputs = 1; inputs && !status;) {
        status = one_batch(&s, &inputs, e);
        if (!status && out_interrupted()) status = scan_interrupted(file, e);
    }
    if (s.stream.spill >= 0) close(s.stream.spill);
    result->busy = s.stream.busy;
    for (int i = 0; i < NEOX_PHASES; i++) result->phases[i] = s.stream.phases[i];
    result->seconds = omp_get_wtime() - start;
    return status;
}

/* A model that lies in memory, and not in a mapped file, is there already. */
static int check_unmapped(const struct scan_options *o, uint64_t need, struct err *e)
{
    char needs[24], all[24];
    if (!o->memory || need <= o->memory) return 0;
    return err_kind(e, ERR_MEMORY,
                    "%s of memory are not enough: a checkpoint of an archive is decoded into it, "
                    "and this one takes %s: give more with --memory, or `tripod import` it first",
                    format_bytes((double)o->memory, all, sizeof all),
                    format_bytes((double)need, needs, sizeof needs));
}

int scan_room(const struct neox *model, const struct plan *plan, const struct scan_options *o,
              struct err *e)
{
    char needs[24], all[24];
    if (!model->products->packing || model->flat->packed) return 0;
    neox_weights_release(model);
    const struct scan_way way = scan_way(&model->config, model->products, plan, o, 0, true, false);
    const uint64_t memory = scan_memory(o->memory);
    if (way.need <= memory) return 0;
    return err_kind(e, ERR_MEMORY,
                    "%s of memory are not enough: in %s all weights stay in memory, and this scan "
                    "takes %s: give more with --memory, or scan in float32, layer by layer",
                    format_bytes((double)memory, all, sizeof all), model->products->precision,
                    format_bytes((double)way.need, needs, sizeof needs));
}

int scan_within(const struct neox *model, const struct plan *plan,
                const struct scan_options *options, struct loss_file *file,
                struct scan_result *result, struct err *e)
{
    const struct map *map = &model->flat->map;
    neox_weights_release(model);
    if (model->packed) return scan_model(model, plan, options, file, result, e);
    const struct scan_way way = scan_way(&model->config, model->products, plan, options, map->size,
                                         map->data != NULL, model->flat->packed);
    if (!map->data && check_unmapped(options, way.need, e)) return -1;
    return (way.streamed ? scan_streamed : scan_model)(model, plan, options, file, result, e);
}
