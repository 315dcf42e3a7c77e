/* neox_narrow.c - see neox_narrow.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_narrow.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/neox/neox.h"
#include "models/neox/neox_equalise.h"
#include "src/base/json.h"
#include "src/base/rng.h"

/* --- the probe --- */

enum { SEED = 0x70726f62 }; /* of its ids: never another, or the bits of losses change */

struct probe {
    struct neox model; /* in float32 */
    size_t length;     /* inputs of a piece; the last may have fewer */
    size_t count;
    struct neox_piece *pieces;
    uint32_t *ids;
    double **squares; /* [tensors] sums of x_c^2 of a product's input; NULL: not wanted */
};

static void probe_close(struct probe *p)
{
    for (size_t i = 0; p->squares && i < p->model.flat->tensor_count; i++) free(p->squares[i]);
    free(p->squares);
    free(p->pieces);
    free(p->ids);
    neox_unload(&p->model);
}

static int probe_open(struct probe *p, const struct neox *model, struct err *e)
{
    const struct neox_config *c = &model->config;
    *p = (struct probe){.length = c->max_positions < NEOX_PROBE ? c->max_positions : NEOX_PROBE};
    if (neox_load(&p->model, model->flat, model->kernels, &products_native, p->length, e))
        return -1;
    p->model.config = *c; /* the activation may be another than the file's */
    p->count = (NEOX_PROBE + p->length - 1) / p->length;
    p->pieces = calloc(p->count, sizeof *p->pieces);
    p->ids = malloc((NEOX_PROBE + p->count) * sizeof *p->ids);
    p->squares = calloc(model->flat->tensor_count, sizeof *p->squares);
    if (!p->pieces || !p->ids || !p->squares) return err_memory(e, model->flat->path);
    uint32_t *id = p->ids;
    for (size_t i = 0; i < NEOX_PROBE + p->count; i++)
        id[i] = (uint32_t)rng_below(SEED, 0, i, c->vocab);
    for (size_t i = 0, at = 0; i < p->count; i++, at += p->length) {
        size_t n = NEOX_PROBE - at < p->length ? NEOX_PROBE - at : p->length;
        p->pieces[i] = (struct neox_piece){.tokens = id, .n = n};
        id += n + 1;
    }
    return 0;
}

/* Members share the columns, so that each sum runs over all rows in order. */
static void watch(struct neox_run *run, size_t weight_at, struct strips in, size_t k)
{
    double *squares = ((struct probe *)run->watcher)->squares[weight_at];
    if (!squares) return; /* of all members alike */
    const struct neox_range own = neox_run_share(run, k, run->member);
    neox_run_meet(run);
    for (size_t r = 0; r < NEOX_PROBE; r++) {
        for (size_t c = own.first; c < own.end; c++) {
            const double x = (double)*strip_at(in, r, c);
            squares[c] += x * x;
        }
    }
    neox_run_meet(run);
}

/* Of a small model members would only wait for each other. */
static int probe_threads(const struct neox *model, int threads)
{
    const double each = 2e9; /* FLOP of a member, some 20 ms */
    const double most = 1 + neox_flop(&model->config, NEOX_PROBE, 0) / each;
    return most < threads ? (int)most : threads;
}

/* The losses [NEOX_PROBE] of the probe under MODEL. */
static int probe_run(struct probe *p, const struct neox *model, bool watched, int threads,
                     float *loss, struct err *e)
{
    struct neox_run common;
    int status = neox_run_open(&common, model, NEOX_PROBE, e);
    if (status) return -1;
    if (watched) {
        common.watch = watch;
        common.watcher = p;
    }
    for (size_t i = 0, at = 0; i < p->count; at += p->pieces[i++].n) p->pieces[i].loss = loss + at;
#pragma omp parallel num_threads(probe_threads(model, threads))
    {
        struct neox_run run;
        struct err why;
        if (neox_run_join(&run, &common, model, omp_get_thread_num(), omp_get_num_threads(), &why))
            err_first(e, &status, &why);
#pragma omp barrier
        if (!err_status(&status)) neox_forward(model, &run, p->pieces, p->count);
        neox_run_close(&run);
    }
    neox_run_close(&common);
    return status;
}

/* --- factors --- */

/* The sums that equalising wants. */
static int want_squares(struct probe *p, struct err *e)
{
    const struct neox *m = &p->model;
    const size_t d = m->config.hidden;
    bool there = true;
    for (size_t i = 0; i < m->config.layers; i++) {
        const struct neox_layer *l = &m->layers[i];
        const size_t at[] = {l->qkv.weight_at, l->dense.weight_at, l->up.weight_at};
        for (size_t j = 0; j < EQUALISE_LAYER; j++)
            there = (p->squares[at[j]] = calloc(d, sizeof(double))) && there;
    }
    there = (p->squares[m->unembedding_at] = calloc(d, sizeof(double))) && there;
    return there ? 0 : err_memory(e, m->flat->path);
}

static int find_factors(struct neox_factors *f, const struct probe *p, bool head, struct err *e)
{
    const struct neox *m = &p->model;
    for (size_t i = 0; i < m->config.layers; i++) {
        const struct neox_layer *l = &m->layers[i];
        const struct neox_linear *of[] = {&l->qkv, &l->dense, &l->up};
        for (size_t j = 0; j < EQUALISE_LAYER; j++)
            if (neox_equalise(neox_factors_at(f, i, (enum equalised_input)j), m->kernels,
                              of[j]->weight, p->squares[of[j]->weight_at], NEOX_PROBE, e))
                return -1;
    }
    if (!head) return 0;
    return neox_equalise(neox_factors_at(f, m->config.layers, 0), m->kernels, m->unembedding,
                         p->squares[m->unembedding_at], NEOX_PROBE, e);
}

/* MODEL's vectors are its own. */
static void scale(const struct neox *m, const float *vector, const int8_t *exponent)
{
    if (vector) neox_scale(m->vectors + (vector - m->vectors), exponent, m->config.hidden);
}

static void scale_vectors(struct neox *m, const struct neox_factors *f)
{
    const size_t d = m->config.hidden;
    for (size_t i = 0; i <= m->config.layers; i++) {
        const struct neox_layer *l = i < m->config.layers ? &m->layers[i] : NULL;
        const struct neox_gain *gain = l ? &l->ln1 : &m->final;
        scale(m, gain->weight, neox_factors_at(f, i, 0));
        scale(m, gain->bias, neox_factors_at(f, i, 0));
        if (!l) break;
        scale(m, l->ln2.weight, neox_factors_at(f, i, EQUALISE_UP));
        scale(m, l->ln2.bias, neox_factors_at(f, i, EQUALISE_UP));
        if (l->qkv.bias) scale(m, l->qkv.bias + 2 * d, neox_factors_at(f, i, EQUALISE_DENSE));
    }
}

/* --- packing --- */

size_t neox_narrow_bytes(const struct neox_config *c, const struct products *products)
{
    const struct packing *p = products->packing;
    const size_t d = c->hidden;
    if (!p) return 0;
    const size_t qkv = p->bytes(3 * d, d), dense = p->bytes(d, d), up = p->bytes(c->ffn, d),
                 down = p->bytes(d, c->ffn),
                 head = products->packs_head ? p->bytes(c->vocab, d) : 1;
    if (!qkv || !dense || !up || !down || !head) return 0;
    return c->layers * (qkv + dense + up + down) + (products->packs_head ? head : 0);
}

struct packer {
    struct neox *m;
    uint8_t *next;
    float *columns, *rows; /* [max(3 d, ffn)] factors of the matrix at hand */
    struct err *e;
};

/* COLUMNS, VALUES: exponents, NULL: none; VALUES of the last d rows, the others have 0. */
static int pack(struct packer *p, struct panels *w, const int8_t *columns, const int8_t *values)
{
    const struct packing *packing = p->m->products->packing;
    const size_t d = p->m->config.hidden;
    struct pack_factors factors = {0};
    if (columns) {
        for (size_t c = 0; c < w->k; c++) p->columns[c] = ldexpf(1, -columns[c]);
        factors.columns = p->columns;
    }
    if (values) {
        for (size_t r = 0; r < w->n; r++)
            p->rows[r] = ldexpf(1, r < w->n - d ? 0 : values[r - (w->n - d)]);
        factors.rows = p->rows;
    }
    void *to = p->next;
    p->next += packing->bytes(w->n, w->k);
    return packing->pack(p->m->kernels, w, to, *w, factors, p->e);
}

static int pack_all(struct packer *p, const struct neox_factors *f)
{
    struct neox *m = p->m;
    for (size_t i = 0; i < m->config.layers; i++) {
        struct neox_layer *l = &m->layers[i];
        const int8_t *qkv = NULL, *dense = NULL, *up = NULL;
        if (f->exponent) {
            qkv = neox_factors_at(f, i, EQUALISE_QKV);
            dense = neox_factors_at(f, i, EQUALISE_DENSE);
            up = neox_factors_at(f, i, EQUALISE_UP);
        }
        if (pack(p, &l->qkv.weight, qkv, dense) || pack(p, &l->dense.weight, dense, NULL) ||
            pack(p, &l->up.weight, up, NULL) || pack(p, &l->down.weight, NULL, NULL))
            return -1;
    }
    if (!m->products->packs_head) return 0;
    return pack(p, &m->unembedding, f->exponent ? neox_factors_at(f, m->config.layers, 0) : NULL,
                NULL);
}

static int pack_model(struct neox *m, const struct neox_factors *f, struct err *e)
{
    m->packed_bytes = neox_narrow_bytes(&m->config, m->products);
    if (!m->packed_bytes)
        return err_set(e, "matrices of these shapes cannot be packed in %s",
                       m->products->precision);
    m->packed = simd_alloc(m->packed_bytes);
    const size_t most = m->config.ffn > 3 * m->config.hidden ? m->config.ffn : 3 * m->config.hidden;
    struct packer p = {.m = m, .next = m->packed, .e = e};
    p.columns = malloc(2 * most * sizeof *p.columns);
    p.rows = p.columns + most;
    int status = m->packed && p.columns ? pack_all(&p, f) : err_memory(e, "packed weights");
    free(p.columns);
    return status;
}

/* --- the guard --- */

/* MODEL with the probe's tables of positions: its own may hold fewer. */
static int run_packed(struct probe *p, const struct neox *model, int threads, float *loss,
                      struct err *e)
{
    struct neox packed = *model;
    packed.positions = p->model.positions;
    packed.learned = p->model.learned;
    packed.layers = malloc(model->config.layers * sizeof *packed.layers);
    if (!packed.layers) return err_memory(e, model->flat->path);
    for (size_t i = 0; i < model->config.layers; i++) {
        packed.layers[i] = model->layers[i];
        packed.layers[i].attention = p->model.layers[i].attention;
    }
    int status = probe_run(p, &packed, false, threads, loss, e);
    free(packed.layers);
    return status;
}

static int compare(struct neox_narrowed *n, const float *packed, const float *exact, struct err *e)
{
    double sum = 0, bias = 0;
    for (size_t i = 0; i < NEOX_PROBE; i++) {
        const double difference = (double)packed[i] - (double)exact[i];
        sum += fabs(difference);
        bias += difference;
        if (fabs(difference) > n->worst) n->worst = fabs(difference);
    }
    n->tokens = NEOX_PROBE;
    n->mean = sum / NEOX_PROBE;
    n->bias = bias / NEOX_PROBE;
    return isfinite(sum) ? 0
                         : err_kind(e, ERR_DAMAGED,
                                    "a loss of the probe is not a finite number: the weights are "
                                    "damaged or overflow float32");
}

static void describe_factors(struct neox_narrowed *n, const struct neox_factors *f)
{
    const size_t count = neox_factors_count(f->layers, f->hidden);
    if (!f->exponent) return;
    n->factors = XXH3_64bits(f->exponent, count);
    for (size_t i = 0; i < count; i++) {
        if (f->exponent[i] < n->least) n->least = f->exponent[i];
        if (f->exponent[i] > n->most) n->most = f->exponent[i];
    }
}

/* What was measured when the file was packed. */
static int recall(struct neox_narrowed *n, const struct neox *m, struct err *e)
{
    const json_t *probe = json_object_get(json_object_get(m->flat->provenance, "packed"), "probe");
    return neox_narrowed_from_json(n, probe, "provenance", e);
}

int neox_narrow(struct neox *model, int threads, struct neox_narrowed *n, struct err *e)
{
    const struct packing *packing = model->products->packing;
    *n = (struct neox_narrowed){0};
    if (!packing) return 0;
    if (model->flat->packed) return recall(n, model, e);
    struct probe p;
    struct neox_factors f = {0};
    float exact[NEOX_PROBE], packed[NEOX_PROBE];
    int status = probe_open(&p, model, e);
    if (!status && packing->equalised) status = neox_factors_open(&f, model, e);
    if (!status && packing->equalised) status = want_squares(&p, e);
    if (!status) status = probe_run(&p, &p.model, packing->equalised, threads, exact, e);
    if (!status && packing->equalised)
        status = find_factors(&f, &p, model->products->packs_head, e);
    if (!status && packing->equalised) scale_vectors(model, &f);
    if (!status) status = pack_model(model, &f, e);
    if (!status) status = run_packed(&p, model, threads, packed, e);
    if (!status) status = compare(n, packed, exact, e);
    if (!status) describe_factors(n, &f);
    model->exponents = f.exponent;
    probe_close(&p);
    return status;
}

json_t *neox_narrowed_json(const struct neox_narrowed *n)
{
    json_t *o =
        json_pack("{s:I, s:o, s:o, s:o}", "tokens", (json_int_t)n->tokens, "mean",
                  json_finite(n->mean), "max", json_finite(n->worst), "bias", json_finite(n->bias));
    if (n->factors)
        json_object_set_new(o, "factors",
                            json_pack("{s:o, s:i, s:i}", "xxh3", json_hex(n->factors), "least",
                                      n->least, "most", n->most));
    return o;
}

int neox_narrowed_from_json(struct neox_narrowed *n, const json_t *o, const char *path,
                            struct err *e)
{
    const json_t *factors = json_object_get(o, "factors");
    const char *hash = json_string_value(json_object_get(factors, "xxh3"));
    const json_int_t tokens = json_integer_value(json_object_get(o, "tokens"));
    if (tokens < 1 || !json_is_real(json_object_get(o, "mean")) || !hash)
        return err_kind(e, ERR_DAMAGED, "%s: probe: expected tokens, a mean, factors", path);
    *n = (struct neox_narrowed){.tokens = (size_t)tokens,
                                .mean = json_real_value(json_object_get(o, "mean")),
                                .worst = json_real_value(json_object_get(o, "max")),
                                .bias = json_real_value(json_object_get(o, "bias")),
                                .factors = strtoull(hash, NULL, 16),
                                .least = (int)json_integer_value(json_object_get(factors, "least")),
                                .most = (int)json_integer_value(json_object_get(factors, "most"))};
    return 0;
}
