/* neox.c - the forward pass of GPT-NeoX on packed documents; see neox.h.
 *
 *   x = embed_in[t]
 *   each layer:  x += Attention(LN1(x)) + MLP(LN2(x))
 *   loss = log-sum-exp(W LN_f(x)) - (W LN_f(x))[target]
 *
 * (parallel residual; in the sequential form the MLP reads the x that attention was added to).
 * Rows are the inputs of all pieces back to back: no padding anywhere. As a rule a run is alone:
 * threads take different batches, so nothing ever waits. Members of a team compute one batch: rows
 * are independent of each other except in attention, so they meet before and after it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox.h"
#include "simd/onednn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const neox_phase_names[NEOX_PHASES] = {
    "embed",         "layer norm",   "qkv product",     "attention",
    "dense product", "MLP products", "vocabulary head",
};

/* --- loading --- */

/* Where the next widened vector goes, and whether anything was missing. */
struct loader {
    const struct flat_model *flat;
    const struct kernels *kernels;
    float *next;
    struct err *e;
    int status;
};

static const struct flat_tensor *need(struct loader *l, const char *name)
{
    const struct flat_tensor *t = flat_find(l->flat, name);
    if (!t && !l->status)
        l->status = err_set(l->e, "%s: tensor %s is missing", l->flat->path, name);
    return t;
}

static const float *vector(struct loader *l, const char *name)
{
    const struct flat_tensor *t = need(l, name);
    if (!t) return NULL;
    float *out = l->next;
    size_t n = t->rows * t->columns;
    if (t->dtype == SIMD_F16)
        l->kernels->f16_to_f32(out, t->data, n);
    else if (t->dtype == SIMD_BF16)
        l->kernels->bf16_to_f32(out, t->data, n);
    else
        memcpy(out, t->data, n * sizeof *out);
    l->next += (n + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    return out;
}

static struct panels matrix(struct loader *l, const char *name)
{
    const struct flat_tensor *t = need(l, name);
    if (!t) return (struct panels){0};
    return (struct panels){.data = t->data, .dtype = t->dtype, .n = t->rows, .k = t->columns};
}

/* The parameter NAME of layer I. */
static const char *of_layer(char *buffer, size_t size, size_t i, const char *name)
{
    snprintf(buffer, size, "gpt_neox.layers.%zu.%s", i, name);
    return buffer;
}

static void load_layer(struct loader *l, struct neox_layer *layer, size_t i, bool attention_bias)
{
    char b[128];
#define NAME(s) of_layer(b, sizeof b, i, s)
    layer->ln1_weight = vector(l, NAME("input_layernorm.weight"));
    layer->ln1_bias = vector(l, NAME("input_layernorm.bias"));
    layer->ln2_weight = vector(l, NAME("post_attention_layernorm.weight"));
    layer->ln2_bias = vector(l, NAME("post_attention_layernorm.bias"));
    layer->qkv = matrix(l, NAME("attention.query_key_value.weight"));
    layer->dense = matrix(l, NAME("attention.dense.weight"));
    if (attention_bias) {
        layer->qkv_bias = vector(l, NAME("attention.query_key_value.bias"));
        layer->dense_bias = vector(l, NAME("attention.dense.bias"));
    }
    layer->up = matrix(l, NAME("mlp.dense_h_to_4h.weight"));
    layer->up_bias = vector(l, NAME("mlp.dense_h_to_4h.bias"));
    layer->down = matrix(l, NAME("mlp.dense_4h_to_h.weight"));
    layer->down_bias = vector(l, NAME("mlp.dense_4h_to_h.bias"));
#undef NAME
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
    model->attention.cosine = cosine;
    model->attention.sine = sine;
    return 0;
}

int neox_load(struct neox *model, const struct flat_model *flat, const struct kernels *kernels,
              enum neox_gemm gemm, size_t positions, struct err *e)
{
    const struct neox_config *c = &flat->config;
    *model = (struct neox){.config = *c, .kernels = kernels, .gemm = gemm, .positions = positions};
    model->attention =
        (struct attention_shape){.heads = c->heads, .head_size = c->head_size, .rotary = c->rotary};
    model->vectors_bytes = vector_floats(flat) * sizeof *model->vectors;
    model->vectors = simd_alloc(model->vectors_bytes);
    model->layers = calloc(c->layers, sizeof *model->layers);
    if (!model->vectors || !model->layers || rotary_tables(model, positions)) {
        neox_unload(model);
        return err_memory(e, flat->path);
    }
    struct loader l = {.flat = flat, .kernels = kernels, .next = model->vectors, .e = e};
    const struct flat_tensor *embedding = need(&l, "gpt_neox.embed_in.weight");
    if (embedding) {
        model->embedding = embedding->data;
        model->embedding_dtype = embedding->dtype;
    }
    for (size_t i = 0; i < c->layers; i++) load_layer(&l, &model->layers[i], i, c->attention_bias);
    model->final_weight = vector(&l, "gpt_neox.final_layer_norm.weight");
    model->final_bias = vector(&l, "gpt_neox.final_layer_norm.bias");
    model->unembedding = matrix(&l, "embed_out.weight");
    if (l.status) neox_unload(model);
    return l.status;
}

void neox_unload(struct neox *model)
{
    if (model->vectors) simd_free(model->vectors, model->vectors_bytes);
    free(model->layers);
    free(model->angles);
    *model = (struct neox){0};
}

/* --- one thread's workspace --- */

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch_bytes(const struct neox *model, size_t rows)
{
    const struct neox_config *c = &model->config;
    size_t bytes = attention_scratch_bytes(rows, c->head_size);
    if (model->gemm == NEOX_NATIVE) return max_size(bytes, simd_scratch_bytes());
    bytes = max_size(bytes, onednn_scratch_bytes(rows, 3 * c->hidden, c->hidden));
    bytes = max_size(bytes, onednn_scratch_bytes(rows, c->ffn, c->hidden));
    bytes = max_size(bytes, onednn_scratch_bytes(rows, c->hidden, c->ffn));
    return max_size(bytes, onednn_scratch_bytes(rows, c->vocab, c->hidden));
}

int neox_run_open(struct neox_run *run, const struct neox *model, size_t rows, struct err *e)
{
    const struct neox_config *c = &model->config;
    size_t d = strips_size(rows, c->hidden), qkv = strips_size(rows, 3 * c->hidden);
    size_t inner = max_size(qkv + d, strips_size(rows, c->ffn));
    size_t targets = (rows + 15) / 16 * 16, scratch = scratch_bytes(model, rows);
    *run = (struct neox_run){.rows = rows};
    run->bytes = (2 * d + inner + targets) * sizeof(float) + scratch;
    run->memory = simd_alloc(run->bytes);
    if (!run->memory)
        return err_kind(e, ERR_MEMORY,
                        "out of memory: a batch of %zu tokens needs %.0f MB a thread; lower "
                        "--batch-tokens or --threads",
                        rows, (double)run->bytes / 1e6);
    run->members = 1;
    float *p = run->memory;
    run->x = (struct strips){p, rows};
    run->h = (struct strips){p += d, rows};
    run->qkv = run->inner = (struct strips){p += d, rows};
    run->context = (struct strips){p + qkv, rows};
    run->targets = (uint32_t *)(p += inner);
    run->scratch = p + targets;
    return 0;
}

int neox_run_join(struct neox_run *run, const struct neox_run *common, const struct neox *model,
                  int member, int members, struct err *e)
{
    *run = *common;
    run->member = member;
    run->members = members;
    run->bytes = scratch_bytes(model, common->rows);
    run->scratch = run->memory = simd_alloc(run->bytes);
    memset(run->seconds, 0, sizeof run->seconds);
    return run->memory
               ? 0
               : err_kind(e, ERR_MEMORY, "out of memory: a thread needs %zu bytes", run->bytes);
}

void neox_run_close(struct neox_run *run)
{
    if (run->memory) simd_free(run->memory, run->bytes);
    *run = (struct neox_run){0};
}

/* --- its parts --- */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Gives the time since the last call to PHASE. */
static void lap(struct neox_run *run, double *clock, enum neox_phase phase)
{
    double now = seconds_now();
    run->seconds[phase] += now - *clock;
    *clock = now;
}

static void product(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
                    size_t rows, struct panels w, const float *bias, enum gemm_epilogue epilogue)
{
    if (rows == 0) return;
    if (m->gemm == NEOX_NATIVE)
        m->kernels->gemm(out, in, rows, w, bias, epilogue, r->scratch);
    else
        onednn_gemm(m->kernels, out, in, rows, w, bias, epilogue, r->scratch);
}

static struct strips from_row(struct strips s, size_t row)
{
    return (struct strips){s.data + row * SIMD_STRIP, s.rows};
}

/* --- a team's shares --- */

struct range {
    size_t first, end;
};

/* Of n things (rows, heads) those of one member. */
static struct range share(const struct neox_run *r, size_t n, int member)
{
    size_t m = (size_t)member, all = (size_t)r->members;
    return (struct range){n * m / all, n * (m + 1) / all};
}

/* The part of a range that lies in rows `at` to `at` + n, from `at`. */
static struct range within(struct range a, size_t at, size_t n)
{
    size_t first = a.first < at ? 0 : a.first - at, end = a.end < at ? 0 : a.end - at;
    return (struct range){first < n ? first : n, end < n ? end : n};
}

/* Waits until every member has come here. */
static void meet(const struct neox_run *r)
{
    if (r->members == 1) return;
#pragma omp barrier
}

/* --- the forward pass --- */

/* x = embed_in[t] */
static void embed(const struct neox *m, struct neox_run *r, const struct neox_piece *pieces,
                  size_t count, struct range rows)
{
    for (size_t i = 0, row = 0; i < count; row += pieces[i++].n) {
        struct range own = within(rows, row, pieces[i].n);
        m->kernels->embed(r->x, row + own.first, pieces[i].tokens + own.first, own.end - own.first,
                          m->embedding, m->embedding_dtype, m->config.hidden);
    }
}

/* Heads go round, so that members have equal shares even where heads are few. */
static void attention(const struct neox *m, struct neox_run *r, const struct neox_piece *pieces,
                      size_t count)
{
    for (size_t i = 0, row = 0; i < count; row += pieces[i++].n) {
        int turn = (int)((i + (size_t)r->member) % (size_t)r->members);
        struct range heads = share(r, m->config.heads, turn);
        m->kernels->attention(r->context, r->qkv, row, pieces[i].n, heads.first,
                              heads.end - heads.first, &m->attention, r->scratch);
    }
}

/* The rows that are scored, back to back: h = LN_f(x) and their targets. */
static void select_scored(const struct neox *m, struct neox_run *r, const struct neox_piece *pieces,
                          size_t count, struct range scored)
{
    const size_t d = m->config.hidden;
    const float eps = (float)m->config.layer_norm_eps;
    for (size_t i = 0, row = 0, at = 0; i < count; row += pieces[i++].n) {
        const struct neox_piece *p = &pieces[i];
        struct range own = within(scored, at, p->n - p->skip);
        m->kernels->layer_norm(from_row(r->h, at + own.first),
                               from_row(r->x, row + p->skip + own.first), own.end - own.first, d,
                               m->final_weight, m->final_bias, eps);
        for (size_t j = own.first; j < own.end; j++)
            r->targets[at + j] = p->tokens[p->skip + j + 1];
        at += p->n - p->skip;
    }
}

/* The losses of scored rows, back to back, to their pieces. */
static void deliver(const float *loss, const struct neox_piece *pieces, size_t count,
                    struct range scored)
{
    for (size_t i = 0, at = 0; i < count; at += pieces[i].n - pieces[i].skip, i++) {
        struct range own = within(scored, at, pieces[i].n - pieces[i].skip);
        memcpy(pieces[i].loss + own.first, loss + at + own.first,
               (own.end - own.first) * sizeof *loss);
    }
}

/* loss = log-sum-exp(W h) - (W h)[target] of the scored rows */
static void head(const struct neox *m, struct neox_run *r, float *loss, struct range scored)
{
    const struct strips h = from_row(r->h, scored.first);
    const uint32_t *targets = r->targets + scored.first;
    const size_t rows = scored.end - scored.first;
    if (rows == 0) return;
    if (m->gemm == NEOX_NATIVE)
        m->kernels->head(loss + scored.first, h, rows, m->unembedding, targets, r->scratch);
    else
        onednn_head(m->kernels, loss + scored.first, h, rows, m->unembedding, targets, r->scratch);
}

void neox_forward(const struct neox *m, struct neox_run *r, const struct neox_piece *pieces,
                  size_t count)
{
    const struct kernels *k = m->kernels;
    const size_t d = m->config.hidden;
    const float eps = (float)m->config.layer_norm_eps;
    const enum gemm_epilogue gelu =
        m->config.activation == NEOX_GELU_ERF ? GEMM_GELU_ERF : GEMM_GELU_TANH;
    double clock = seconds_now();

    size_t inputs = 0, predictions = 0;
    for (size_t i = 0; i < count; i++) {
        inputs += pieces[i].n;
        predictions += pieces[i].n - pieces[i].skip;
    }
    const struct range own = share(r, inputs, r->member);
    const size_t rows = own.end - own.first;
    const struct strips x = from_row(r->x, own.first), h = from_row(r->h, own.first),
                        qkv = from_row(r->qkv, own.first), inner = from_row(r->inner, own.first),
                        context = from_row(r->context, own.first);

    embed(m, r, pieces, count, own); /* x [inputs, d] */
    lap(r, &clock, PHASE_EMBED);

    for (size_t layer = 0; layer < m->config.layers; layer++) {
        const struct neox_layer *l = &m->layers[layer];
        k->layer_norm(h, x, rows, d, l->ln1_weight, l->ln1_bias, eps);
        lap(r, &clock, PHASE_NORM);
        product(m, r, qkv, h, rows, l->qkv, l->qkv_bias, GEMM_STORE); /* [inputs, 3d] */
        lap(r, &clock, PHASE_QKV);
        meet(r);
        attention(m, r, pieces, count); /* [inputs, d] */
        meet(r);
        lap(r, &clock, PHASE_ATTENTION);

        /* Parallel residual: both branches read the same x. */
        if (m->config.parallel_residual)
            k->layer_norm(h, x, rows, d, l->ln2_weight, l->ln2_bias, eps);
        lap(r, &clock, PHASE_NORM);
        product(m, r, x, context, rows, l->dense, l->dense_bias, GEMM_ADD); /* [inputs, d] */
        lap(r, &clock, PHASE_DENSE);
        if (!m->config.parallel_residual)
            k->layer_norm(h, x, rows, d, l->ln2_weight, l->ln2_bias, eps);
        lap(r, &clock, PHASE_NORM);
        product(m, r, inner, h, rows, l->up, l->up_bias, gelu);         /* [inputs, ffn] */
        product(m, r, x, inner, rows, l->down, l->down_bias, GEMM_ADD); /* [inputs, d] */
        lap(r, &clock, PHASE_MLP);
    }

    /* Only scored rows go through the head: other rows than a member's own, so they meet. */
    meet(r);
    const struct range scored = share(r, predictions, r->member);
    select_scored(m, r, pieces, count, scored);
    lap(r, &clock, PHASE_NORM);
    float *loss = (float *)r->qkv.data; /* free by now */
    head(m, r, loss, scored);
    deliver(loss, pieces, count, scored);
    lap(r, &clock, PHASE_HEAD);
}

double neox_flop(const struct neox_config *c, size_t n, size_t skip)
{
    double d = (double)c->hidden, rows = (double)n;
    double products = 2 * d * (4 * d + 2 * (double)c->ffn); /* a row through one layer */
    double attention = 2 * d * rows * (rows + 1);           /* Q K^T and P V, lower triangle */
    return (double)c->layers * (rows * products + attention) +
           (double)(n - skip) * 2 * d * (double)c->vocab;
}
