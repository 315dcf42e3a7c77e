/* neox_save.c - see neox_save.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_save.h"

#include <stdlib.h>
#include <xxhash.h>

#include "models/flat/compare.h"
#include "models/neox/neox_equalise.h"
#include "src/base/json.h"

/* What each tensor of the file will hold. */
struct content {
    const void **data;
    enum simd_dtype *dtypes;
};

static void put_vector(struct content *c, const float *v, size_t at)
{
    if (!v) return;
    c->data[at] = v;
    c->dtypes[at] = SIMD_F32;
}

static void put_matrix(struct content *c, struct panels w, size_t at)
{
    c->data[at] = w.data;
    c->dtypes[at] = w.dtype;
}

static void put_gain(struct content *c, const struct neox_gain *g)
{
    put_vector(c, g->weight, g->weight_at);
    put_vector(c, g->bias, g->bias_at);
}

static void put_linear(struct content *c, const struct neox_linear *l)
{
    put_matrix(c, l->weight, l->weight_at);
    put_vector(c, l->bias, l->bias_at);
}

static void collect(struct content *c, const struct neox *m)
{
    for (size_t i = 0; i < m->flat->tensor_count; i++) {
        c->data[i] = m->flat->tensors[i].data;
        c->dtypes[i] = m->flat->tensors[i].dtype;
    }
    for (size_t i = 0; i < m->config.layers; i++) {
        const struct neox_layer *l = &m->layers[i];
        put_gain(c, &l->ln1);
        put_gain(c, &l->ln2);
        put_linear(c, &l->qkv);
        put_linear(c, &l->dense);
        put_linear(c, &l->up);
        put_linear(c, &l->down);
    }
    put_gain(c, &m->final);
    put_matrix(c, m->unembedding, m->unembedding_at);
}

/* A string an input, a letter a column: 'm' is 2^0, 'n' 2^1, 'l' 2^-1. */
static json_t *exponents_json(const struct neox *m)
{
    const size_t d = m->config.hidden, inputs = neox_factors_count(m->config.layers, d) / d;
    json_t *list = json_array();
    char *text = malloc(d + 1);
    for (size_t i = 0; text && i < inputs; i++) {
        for (size_t c = 0; c < d; c++) text[c] = (char)('m' + m->exponents[i * d + c]);
        json_array_append_new(list, json_stringn(text, d));
    }
    free(text);
    return list;
}

static json_t *provenance(const struct neox *m, const struct neox_narrowed *n, const json_t *extra)
{
    json_t *o = json_deep_copy(m->flat->provenance);
    json_t *packed = json_pack("{s:s, s:o, s:o, s:o}", "precision", m->products->precision,
                               "weights", json_hex(flat_weights_hash(m->flat)), "probe",
                               neox_narrowed_json(n), "exponents", exponents_json(m));
    if (packed) json_object_update_missing(packed, (json_t *)(uintptr_t)extra);
    json_object_set_new(o, "packed", packed);
    return o;
}

static int put_all(struct flat_writer *w, const struct content *c, struct err *e)
{
    int status = 0;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < w->count; i++) {
        struct flat_writer_tensor *t = &w->tensors[i];
        struct err why;
        t->xxh3 = XXH3_64bits(c->data[i], t->bytes);
        if (flat_put(w, i, 0, c->data[i], t->bytes, &why)) err_first(e, &status, &why);
    }
    return status;
}

int neox_save(const struct neox *m, const struct neox_narrowed *narrowed, const char *path,
              const json_t *extra, uint64_t *written, struct err *e)
{
    const struct flat_model *flat = m->flat;
    struct content c = {calloc(flat->tensor_count, sizeof *c.data),
                        calloc(flat->tensor_count, sizeof *c.dtypes)};
    struct flat_writer w = {0};
    json_t *notes = NULL;
    int status = c.data && c.dtypes ? 0 : err_memory(e, path);
    if (!status) {
        collect(&c, m);
        notes = provenance(m, narrowed, extra);
        status = flat_create(&w, path, &flat->config, c.dtypes, e);
    }
    if (!status) status = put_all(&w, &c, e);
    *written = 0;
    for (size_t i = 0; i < w.count; i++) *written += w.tensors[i].bytes;
    if (!status) status = flat_finish(&w, flat->name, flat->step, flat->tokens_seen, notes, e);
    flat_abort(&w);
    json_decref(notes);
    free(c.data);
    free(c.dtypes);
    return status;
}
