/* dump.c - see dump.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/dump.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/sources.h"
#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/base/provenance.h"

struct taking {
    const struct kernels *kernels;
    float *all; /* by coordinate */
    double squares;
    float loss;
};

static void begin(void *context, size_t sample)
{
    (void)context;
    (void)sample;
}

static void take(void *context, uint64_t coordinate, const float *values, size_t n)
{
    struct taking *t = context;
    memcpy(t->all + coordinate, values, n * sizeof *values);
    t->squares += t->kernels->sum_squares(values, n);
}

static int end(void *context, size_t sample, float loss, struct err *e)
{
    (void)sample;
    (void)e;
    ((struct taking *)context)->loss = loss;
    return 0;
}

/* Where row R of a checkpoint's query_key_value, [head][q, k, v][dim], stands in ours, [q, k,
 * v][head][dim]. */
static size_t joined_row(const struct neox_config *c, size_t r)
{
    const size_t head = r / (3 * c->head_size), part = r / c->head_size % 3;
    return part * c->hidden + head * c->head_size + r % c->head_size;
}

/* A checkpoint's tensor IS, whose rows begin at FIRST of the tensor T of ours with coordinates IN. A
 * vector's elements are rows here. */
static void arrange(float *out, const float *in, const struct neox_tensor *t,
                    const struct neox_tensor *is, size_t first, const struct neox_config *c)
{
    const size_t rows = is->vector ? is->columns : is->rows, columns = is->vector ? 1 : is->columns;
    for (size_t r = 0; r < rows; r++) {
        const size_t from = is->qkv ? joined_row(c, r) : first + r;
        const float *row = t->panels
                               ? in + from / SIMD_PANEL * columns * SIMD_PANEL + from % SIMD_PANEL
                               : in + from * columns;
        for (size_t k = 0; k < columns; k++)
            out[r * columns + k] = row[t->panels ? k * SIMD_PANEL : k];
    }
}

static int write_array(const char *folder, const struct neox_tensor *t, const float *values,
                       struct err *e)
{
    char *path = format_string("%s/%s.npy", folder, t->name);
    if (!path) return err_memory(e, folder);
    int status = npy_save(path, "<f4", t->vector ? t->columns : t->rows, t->vector ? 0 : t->columns,
                          values, t->rows * t->columns * sizeof *values, e);
    free(path);
    return status;
}

/* The files of a tensor of ours, one a tensor of the checkpoint. VALUES: room for them. */
static int write_tensor(struct dumped *d, const struct neox_tensor *t, const float *coordinates,
                        float *values, const struct neox_config *c, struct err *e)
{
    struct neox_tensor is[SOURCES_MOST];
    const size_t parts = sources_names(is, c, t);
    int status = 0;
    for (size_t i = 0; i < parts && !status; i++) {
        arrange(values, coordinates, t, &is[i], i * (t->vector ? is[i].columns : is[i].rows), c);
        status = write_array(d->folder, &is[i], values, e);
        d->files += !status;
    }
    return status;
}

static int write_record(const struct gradients *g, const struct dumped *d, struct err *e)
{
    const struct sample *s = &g->samples.sample[g->record.first];
    char *path = format_string("%s/gradient.json", d->folder);
    if (!path) return err_memory(e, d->folder);
    json_t *o = json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:o, s:o}", "format",
                          "tripod-gradient 1", "model", json_utf8(g->record.model), "weights",
                          g->record.weights, "corpus_hash", g->record.corpus_hash, "protocol",
                          g->record.protocol, "row", (json_int_t)s->row, "document",
                          (json_int_t)s->document, "token", (json_int_t)s->target, "coordinates",
                          g->record.coordinates, "loss", json_finite((double)d->loss), "norm",
                          json_finite(d->norm), "provenance", provenance_json());
    int status = json_save(path, o, e);
    free(path);
    return status;
}

static int write_all(const struct gradients *g, struct dumped *d, const float *all, struct err *e)
{
    const struct coordinates *c = &g->coordinates;
    float *values = malloc((size_t)c->padded * sizeof *values);
    int status = values ? make_directories(d->folder, e) : err_memory(e, g->flat.path);
    for (size_t i = 0; i < c->tensors && !status; i++) {
        struct neox_tensor t;
        if (!c->wanted[i]) continue;
        neox_tensor_at(&g->flat.config, i, &t);
        status = write_tensor(d, &t, all + c->first[i], values, &g->flat.config, e);
    }
    free(values);
    return status ? status : write_record(g, d, e);
}

int gradients_dump(struct gradients *g, struct dumped *d, struct err *e)
{
    const struct units_cost cost = pass_cost(&g->flat.config);
    const struct pass_source source = gradients_source(g);
    const size_t first = g->record.first;
    struct taking t = {.kernels = g->model.kernels,
                       .all = calloc((size_t)g->coordinates.padded, sizeof *t.all)};
    const struct pass_taker taker = {&t, begin, take, end};
    struct units u = {0};
    struct pass pass = {0};
    *d = (struct dumped){
        .folder = format_string("%s/row-%" PRIu64, g->o->out, g->samples.sample[first].row)};
    int status = t.all && d->folder ? 0 : err_memory(e, g->flat.path);
    if (!status) status = units_open(&u, &g->samples, first, first + 1, NULL, &cost, e);
    if (!status) status = pass_open(&pass, &source, g->longest, e);
    if (!status) status = pass_unit(&pass, u.unit, u.order, &taker, e);
    d->loss = t.loss;
    d->norm = sqrt(t.squares);
    if (!status) status = write_all(g, d, t.all, e);
    pass_close(&pass);
    units_close(&u);
    free(t.all);
    return status;
}
