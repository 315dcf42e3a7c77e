/* neox_load.c - a flat file's model made ready for a pass; see neox_load.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the next widened vector goes, and whether anything was missing. */
struct loader {
    const struct flat_model *flat;
    const struct kernels *kernels;
    float *next;
    struct err *e;
    int status;
};

static const struct flat_tensor *need(struct loader *l, const char *module, const char *parameter)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", module, parameter);
    const struct flat_tensor *t = flat_find(l->flat, name);
    if (!t && !l->status)
        l->status = err_set(l->e, "%s: tensor %s is missing", l->flat->path, name);
    return t;
}

/* The first N elements. */
static void widen(const struct loader *l, float *out, const struct flat_tensor *t, size_t n)
{
    if (t->dtype == SIMD_F16)
        l->kernels->f16_to_f32(out, t->data, n);
    else if (t->dtype == SIMD_BF16)
        l->kernels->bf16_to_f32(out, t->data, n);
    else
        memcpy(out, t->data, n * sizeof *out);
}

/* AT: where it stands among the model's tensors. */
static const float *vector(struct loader *l, const char *module, const char *parameter, size_t *at)
{
    const struct flat_tensor *t = need(l, module, parameter);
    if (!t) return NULL;
    *at = (size_t)(t - l->flat->tensors);
    float *out = l->next;
    size_t n = t->rows * t->columns;
    widen(l, out, t, n);
    l->next += (n + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    return out;
}

static struct panels matrix(struct loader *l, const char *module, size_t *at)
{
    const struct flat_tensor *t = need(l, module, "weight");
    if (!t) return (struct panels){0};
    *at = (size_t)(t - l->flat->tensors);
    return (struct panels){.data = t->data, .dtype = t->dtype, .n = t->rows, .k = t->columns};
}

static struct neox_gain gain(struct loader *l, const char *module)
{
    struct neox_gain g = {0};
    g.weight = vector(l, module, "weight", &g.weight_at);
    g.bias = vector(l, module, "bias", &g.bias_at);
    return g;
}

static struct neox_linear linear(struct loader *l, const char *module, bool bias,
                                 enum neox_phase phase)
{
    struct neox_linear w = {.phase = phase};
    w.weight = matrix(l, module, &w.weight_at);
    if (bias) w.bias = vector(l, module, "bias", &w.bias_at);
    return w;
}

static void load_layer(struct loader *l, struct neox_layer *layer, size_t i,
                       const struct attention_shape *attention)
{
    const struct neox_config *c = &l->flat->config;
    char b[128];
#define MODULE(s) (snprintf(b, sizeof b, "gpt_neox.layers.%zu." s, i), b)
    layer->ln1 = gain(l, MODULE("input_layernorm"));
    layer->ln2 = gain(l, MODULE("post_attention_layernorm"));
    layer->qkv = linear(l, MODULE("attention.query_key_value"), c->attention_bias, PHASE_QKV);
    layer->dense =
        linear(l, MODULE("attention.dense"), c->attention_bias || c->dense_bias, PHASE_DENSE);
    layer->up = linear(l, MODULE("mlp.dense_h_to_4h"), true, PHASE_MLP);
    layer->down = linear(l, MODULE("mlp.dense_4h_to_h"), true, PHASE_MLP);
#undef MODULE
    layer->attention = *attention;
    layer->attention.window = neox_layer_window(c, i);
}

/* Floats for every vector of the model, each rounded up to a vector word. */
static size_t vector_floats(const struct flat_model *flat)
{
    size_t floats = 0;
    for (size_t i = 0; i < flat->tensor_count; i++) {
        const struct flat_tensor *t = &flat->tensors[i];
        if (t->rows == 1) floats += (t->columns + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    }
    return floats;
}

/* cos and sin of position x frequency as transformers computes them: frequencies and angles rounded
 * to float32 at each step (rotary embedding, Su et al. 2021); cosine and sine themselves in double,
 * rounded once. */
static int rotary_tables(struct neox *model, size_t positions)
{
    size_t half = model->config.rotary / 2, n = positions * half;
    float *cosine = malloc((2 * n + 1) * sizeof *cosine);
    if (!cosine) return -1;
    float *sine = cosine + n;
    for (size_t i = 0; i < half; i++) {
        float exponent = (float)(2 * i) / (float)model->config.rotary;
        float frequency = 1.0f / (float)pow(model->config.rope_theta, (double)exponent);
        for (size_t p = 0; p < positions; p++) {
            float angle = (float)p * frequency;
            cosine[p * half + i] = (float)cos((double)angle);
            sine[p * half + i] = (float)sin((double)angle);
        }
    }
    model->angles = cosine;
    return 0;
}

/* The shape of every layer's attention but for its window. */
static struct attention_shape shape_of(const struct neox *model)
{
    const struct neox_config *c = &model->config;
    return (struct attention_shape){
        .heads = c->heads,
        .head_size = c->head_size,
        .rotary = c->rotary,
        .cosine = model->angles,
        .sine = model->angles + model->positions * (c->rotary / 2),
        .scale = c->unscaled_scores ? 1 : (float)(1.0 / sqrt((double)c->head_size))};
}

/* Of the learned positions as many rows as are asked for. */
static int load_positions(struct loader *l, struct neox *model)
{
    if (!model->config.learned_positions) return 0;
    const struct flat_tensor *t = need(l, "gpt_neox.embed_positions", "weight");
    const size_t n = model->positions * model->config.hidden;
    model->learned = malloc((n + 1) * sizeof *model->learned);
    if (!model->learned) return err_memory(l->e, l->flat->path);
    if (!t) return 0;
    widen(l, model->learned, t, n);
    model->learned_at = (size_t)(t - l->flat->tensors);
    return 0;
}

int neox_reaches(const struct neox_config *c, size_t inputs, const char *path, struct err *e)
{
    if (!c->learned_positions || inputs <= c->max_positions) return 0;
    return err_set(
        e,
        "%s: expected at most %zu inputs in a row, its learned positions, found %zu: cut "
        "documents with --max-tokens %zu, or read them in windows (scan --window %zu)",
        path, c->max_positions, inputs, c->max_positions + 1, c->max_positions);
}

int neox_fits(const struct flat_model *flat, const struct products *products,
              enum neox_activation activation, struct err *e)
{
    if (!flat->packed) return 0;
    if (products != &products_int16)
        return err_set(
            e,
            "%s: its weights are packed 16-bit integers, for `tripod scan --precision int16` "
            "alone: expected the model they were made of",
            flat->path);
    if (activation != flat->config.activation)
        return err_set(e, "%s: its weights were packed with the GELU it has, not with another",
                       flat->path);
    return 0;
}

int neox_load(struct neox *model, const struct flat_model *flat, const struct kernels *kernels,
              const struct products *products, size_t positions, struct err *e)
{
    const struct neox_config *c = &flat->config;
    *model = (struct neox){.flat = flat,
                           .config = *c,
                           .kernels = kernels,
                           .products = products,
                           .positions = positions};
    if (neox_fits(flat, products, c->activation, e)) return -1;
    if (neox_reaches(c, positions, flat->path, e)) return -1;
    model->vectors_bytes = vector_floats(flat) * sizeof *model->vectors;
    model->vectors = simd_alloc(model->vectors_bytes);
    model->layers = calloc(c->layers, sizeof *model->layers);
    if (!model->vectors || !model->layers || rotary_tables(model, positions)) {
        neox_unload(model);
        return err_memory(e, flat->path);
    }
    struct loader l = {.flat = flat, .kernels = kernels, .next = model->vectors, .e = e};
    const struct flat_tensor *embedding = need(&l, "gpt_neox.embed_in", "weight");
    if (embedding) {
        model->embedding = embedding->data;
        model->embedding_dtype = embedding->dtype;
        model->embedding_at = (size_t)(embedding - flat->tensors);
    }
    const struct attention_shape attention = shape_of(model);
    for (size_t i = 0; i < c->layers; i++) load_layer(&l, &model->layers[i], i, &attention);
    model->final = gain(&l, "gpt_neox.final_layer_norm");
    model->unembedding = matrix(&l, "embed_out", &model->unembedding_at);
    if (load_positions(&l, model)) l.status = -1;
    if (l.status) neox_unload(model);
    return l.status;
}

void neox_unload(struct neox *model)
{
    if (model->vectors) simd_free(model->vectors, model->vectors_bytes);
    free(model->layers);
    free(model->angles);
    free(model->learned);
    free(model->exponents);
    if (model->packed) simd_free(model->packed, model->packed_bytes);
    *model = (struct neox){0};
}
