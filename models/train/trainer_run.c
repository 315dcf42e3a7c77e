/* trainer_run.c - a trainer from its opening to its steps: memory, first weights, and the update; see
 * trainer.h. The pass over a chunk of the batch is in trainer_pass.c.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/trainer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "models/neox/neox.h"
#include "models/train/adamw.h"
#include "models/train/trainer_pass.h"
#include "models/train/trainer_steps.h"
#include "src/base/rng.h"

/* --- a new model --- */

enum { INIT = 1 << 16 }; /* the first weights' stream of random numbers; one a tensor */

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

/* The deviation of a matrix's first weights. */
static double deviation(const struct neox_config *c, const char *name)
{
    const double d = (double)c->hidden;
    const bool output =
        ends_with(name, ".attention.dense.weight") || ends_with(name, ".dense_4h_to_h.weight");
    return output ? 2 / ((double)c->layers * sqrt(d)) : sqrt(2 / (5 * d));
}

/* Where element (n, k) of a tensor stands. */
static size_t element_at(const struct flat_tensor *x, size_t n, size_t k)
{
    if (x->layout == FLAT_ROWS) return n * x->columns + k;
    return (n / SIMD_PANEL * x->columns + k) * SIMD_PANEL + n % SIMD_PANEL;
}

/* Biases and gains: in rows, as only the embedding is beside them. */
static bool is_vector(const struct trainer *t, size_t i)
{
    return t->flat.tensors[i].layout == FLAT_ROWS && i != t->model.embedding_at;
}

static void draw(const struct trainer *t, size_t i, uint64_t seed)
{
    const struct flat_tensor *x = &t->flat.tensors[i];
    float *w = flat_floats_of(&t->flat, i);
    if (is_vector(t, i)) {
        for (size_t k = 0; k < x->columns && ends_with(x->name, "norm.weight"); k++) w[k] = 1;
        return;
    }
    const double size = deviation(&t->flat.config, x->name);
#pragma omp parallel for num_threads(t->shape.threads) if (t->shape.threads > 1)
    for (size_t n = 0; n < x->rows; n++)
        for (size_t k = 0; k < x->columns; k++)
            w[element_at(x, n, k)] =
                (float)(size * rng_gaussian(seed, INIT + i, n * x->columns + k));
}

/* Vectors where they are trained, not their copies. */
static void in_place(struct trainer *t)
{
    const struct flat_model *f = &t->flat;
    struct neox *m = &t->model;
    for (size_t i = 0; i <= m->config.layers; i++) {
        struct neox_layer *l = i < m->config.layers ? &m->layers[i] : NULL;
        struct neox_gain *gains[] = {l ? &l->ln1 : &m->final, l ? &l->ln2 : &m->final};
        for (size_t j = 0; j < 2; j++) {
            gains[j]->weight = flat_floats_of(f, gains[j]->weight_at);
            gains[j]->bias = flat_floats_of(f, gains[j]->bias_at);
        }
        if (!l) return;
        struct neox_linear *linear[] = {&l->qkv, &l->dense, &l->up, &l->down};
        for (size_t j = 0; j < 4; j++)
            if (linear[j]->bias) linear[j]->bias = flat_floats_of(f, linear[j]->bias_at);
    }
}

static int check(const struct neox_config *c, const struct trainer_shape *s, struct err *e)
{
    if (c->learned_positions || c->unscaled_scores || c->dense_bias || c->window)
        return err_set(e, "training: expected a GPT-NeoX model, found a GPT-Neo");
    if (c->tied_embeddings)
        return err_set(e, "training: expected embeddings of their own for input and output, found "
                          "\"tie_word_embeddings\": true");
    if (!s->rows || !s->length || s->threads < 1 || s->rows > (1 << 24) / s->length)
        return err_set(e,
                       "training: expected a batch of 1 to 2^24 tokens and at least one thread, "
                       "found %zu sequences of %zu tokens, %d threads",
                       s->rows, s->length, s->threads);
    return 0;
}

static uint64_t moments_bytes(const struct neox_config *c)
{
    return 3 * flat_floats_count(c) * sizeof(float);
}

int trainer_open(struct trainer *t, const struct neox_config *config,
                 const struct trainer_shape *shape, uint64_t seed, const struct kernels *kernels,
                 struct err *e)
{
    *t = (struct trainer){.shape = *shape};
    if (check(config, shape, e)) return -1;
    if (flat_make(&t->flat, config, "training", e)) return -1;
    const size_t positions =
        shape->length > config->max_positions ? shape->length : config->max_positions;
    t->w = flat_floats(&t->flat, &t->floats);
    if (neox_load(&t->model, &t->flat, kernels, &products_native, positions, e)) goto out;
    in_place(t);
    t->m = simd_alloc((size_t)moments_bytes(config));
    if (!t->m) {
        err_kind(e, ERR_MEMORY, "out of memory: training %.0f parameters needs %.0f MB",
                 t->flat.parameters_total, 16e-6 * (double)t->floats);
        goto out;
    }
    t->v = t->m + t->floats;
    t->g = t->v + t->floats;
    t->pass = trainer_pass_open(config, shape, e);
    if (!t->pass) goto out;
    for (size_t i = 0; i < t->flat.tensor_count; i++) draw(t, i, seed);
    return 0;
out:
    trainer_close(t);
    return -1;
}

void trainer_close(struct trainer *t)
{
    trainer_pass_close(t->pass);
    if (t->m) simd_free(t->m, (size_t)moments_bytes(&t->flat.config));
    neox_unload(&t->model);
    if (t->flat.path) flat_close(&t->flat);
    *t = (struct trainer){.steps = 0};
}

uint64_t trainer_bytes(const struct neox_config *config, const struct trainer_shape *shape)
{
    return flat_floats_count(config) * sizeof(float) + moments_bytes(config) +
           trainer_pass_bytes(config, shape);
}

/* --- a step --- */

/* t->g of the batch, chunk after chunk. */
static void gradient(struct trainer_member *m, const uint32_t *tokens)
{
    struct trainer *t = m->t;
    const size_t all = t->shape.rows * t->shape.length;
    const struct neox_range own = trainer_share(m, t->floats, TRAINER_BLOCK);
    memset(t->g + own.first, 0, (own.end - own.first) * sizeof *t->g);
    trainer_meet(m);
    trainer_lap(m, TRAINER_UPDATE);
    for (m->first = 0; m->first < all; m->first += m->n) {
        m->n = all - m->first < t->pass->rows ? all - m->first : t->pass->rows;
        trainer_chunk(m, tokens);
    }
}

/* The gradient's norm: squares of blocks, then their sum in order, which every member computes. */
static double norm_of(struct trainer_member *m)
{
    const struct trainer *t = m->t;
    const struct neox_range own = trainer_share(m, t->floats, TRAINER_BLOCK);
    double sum = 0;
    for (size_t i = own.first; i < own.end; i += TRAINER_BLOCK)
        m->p->squares[i / TRAINER_BLOCK] = t->model.kernels->sum_squares(
            t->g + i, own.end - i < TRAINER_BLOCK ? own.end - i : TRAINER_BLOCK);
    trainer_meet(m);
    for (size_t i = 0; i < trainer_blocks(t->floats); i++) sum += m->p->squares[i];
    return sqrt(sum);
}

/* AdamW of coordinates first .. end - 1, a block at a time while it is in the cache. */
static void update_range(const struct trainer *t, size_t first, size_t end, float scale,
                         const struct adamw *a)
{
    for (size_t i = first, n; i < end; i += n) {
        n = end - i < TRAINER_BLOCK ? end - i : TRAINER_BLOCK;
        for (size_t j = i; j < i + n && scale != 1; j++) t->g[j] *= scale;
        t->model.kernels->adamw(t->w + i, t->m + i, t->v + i, t->g + i, n, a);
    }
}

/* This member's coordinates, tensor by tensor: vectors have no decay. Padding is zero and stays so. */
static void update(struct trainer_member *m, const struct trainer_rates *r, float scale)
{
    const struct trainer *t = m->t;
    const struct neox_range own = trainer_share(m, t->floats, TRAINER_BLOCK);
    const size_t count = t->flat.tensor_count;
    for (size_t i = 0; i < count; i++) {
        const struct adamw a = adamw_step(r->rate, r->beta1, r->beta2, r->epsilon,
                                          is_vector(t, i) ? 0 : r->decay, t->steps + 1);
        size_t first = (size_t)(flat_floats_of(&t->flat, i) - t->w), end = t->floats;
        if (i + 1 < count) end = (size_t)(flat_floats_of(&t->flat, i + 1) - t->w);
        if (first < own.first) first = own.first;
        if (end > own.end) end = own.end;
        if (first < end) update_range(t, first, end, scale, &a);
    }
}

/* RATES: NULL, no update. */
static double run(struct trainer *t, const uint32_t *tokens, const struct trainer_rates *rates,
                  double *norm)
{
    const size_t all = t->shape.rows * t->shape.length;
#pragma omp parallel num_threads(t->shape.threads) if (t->shape.threads > 1)
    {
        struct trainer_member m = {.t = t,
                                   .p = t->pass,
                                   .index = (size_t)omp_get_thread_num(),
                                   .count = (size_t)omp_get_num_threads(),
                                   .clock = omp_get_wtime()};
        m.scratch = t->pass->scratch + m.index * t->pass->scratch_bytes;
        gradient(&m, tokens);
        if (rates) {
            trainer_meet(&m);
            const double size = norm_of(&m);
            const bool clip = rates->clip > 0 && size > rates->clip;
            update(&m, rates, clip ? (float)(rates->clip / size) : 1);
            if (norm && !m.index) *norm = size;
            trainer_lap(&m, TRAINER_UPDATE);
        }
    }
    if (rates) t->steps++;
    double sum = 0;
    for (size_t i = 0; i < all; i++) sum += (double)t->pass->loss[i];
    return sum / (double)all;
}

double trainer_gradient(struct trainer *t, const uint32_t *tokens)
{
    return run(t, tokens, NULL, NULL);
}

double trainer_step(struct trainer *t, const uint32_t *tokens, const struct trainer_rates *rates,
                    double *norm)
{
    return run(t, tokens, rates, norm);
}

/* --- FLOP --- */

double trainer_flop_6nd(const struct neox_config *c, const struct trainer_shape *s)
{
    const double n = neox_parameters(c, true) - (double)c->vocab * (double)c->hidden;
    return 6 * n * (double)s->rows * (double)s->length;
}

double trainer_flop(const struct neox_config *c, const struct trainer_shape *s)
{
    return 3 * (double)s->rows * neox_flop(c, s->length, 0);
}
