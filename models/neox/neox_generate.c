/* neox_generate.c - GPT-NeoX a position at a time; see neox_generate.h.
 *
 *   x = embed_in[t], with the learned position added where there is one
 *   each layer:  x += Attention(LN1(x)) + MLP(LN2(x))
 *   logits = W LN_f(x)
 *
 * Members of a team each have their columns of every product, their heads of attention, and layer
 * norms of their own: a row's is less work than waiting for another's. They meet where the next step
 * reads what others wrote.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_generate.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "models/neox/neox_steps.h"

struct neox_member {
    struct strips h, h2; /* LN1(x), LN2(x) [d] */
    void *scratch;
};

/* Where members meet. OpenMP's barrier waits for long with its CPU held, and there are three a layer:
 * on a machine that others use, 1.7 tokens/s of 410M where this one gives ten times as many. */
struct meeting {
    _Atomic size_t arrived, round;
};

/* A member at work. */
struct team {
    struct neox_generation *g;
    const struct neox *m;
    struct meeting *meeting;
    struct neox_member own;
    size_t member, members;
};

static void meet(const struct team *t)
{
    enum { SPINS = 2000 };
    size_t round = atomic_load(&t->meeting->round);
    if (atomic_fetch_add(&t->meeting->arrived, 1) + 1 == t->members) {
        atomic_store(&t->meeting->arrived, 0);
        atomic_store(&t->meeting->round, round + 1);
        return;
    }
    for (int i = 0; atomic_load(&t->meeting->round) == round; i++)
        if (i > SPINS) sched_yield();
}

/* out = LN(x) [d] */
static void norm(const struct team *t, struct strips out, const struct neox_gain *gain)
{
    t->m->kernels->layer_norm(out, t->g->x, 1, t->m->config.hidden, gain->weight, gain->bias,
                              (float)t->m->config.layer_norm_eps);
}

/* This member's columns of out = epilogue(in W^T + bias) [n] */
static void product(const struct team *t, float *out, struct strips in, struct panels w,
                    const float *bias, enum gemm_epilogue epilogue)
{
    size_t all = panels_count(w.n);
    size_t first = all * t->member / t->members * SIMD_PANEL;
    size_t end = all * (t->member + 1) / t->members * SIMD_PANEL;
    t->m->kernels->gemv(out, in.data, w, first, end < w.n ? end : w.n, bias, epilogue);
}

static void linear(const struct team *t, struct strips out, struct strips in,
                   const struct neox_linear *l, enum gemm_epilogue epilogue)
{
    product(t, out.data, in, l->weight, l->bias, epilogue);
}

/* This member's heads of the causal attention of layer i [d] of qkv [3d] */
static void attention(const struct team *t, size_t i)
{
    size_t heads = t->m->config.heads, first = heads * t->member / t->members;
    size_t count = heads * (t->member + 1) / t->members - first;
    t->m->kernels->attention_step(t->g->context, t->g->qkv, t->g->position, first, count,
                                  &t->m->layers[i].attention, t->g->cache[i], t->own.scratch);
}

static enum gemm_epilogue gelu(const struct neox *m)
{
    return m->config.activation == NEOX_GELU_TANH ? GEMM_GELU_TANH : GEMM_GELU_ERF;
}

/* x += Attention(LN1(x)) + MLP(LN2(x)). A member adds both to the same columns of x, in this
 * order. */
static void parallel_layer(const struct team *t, size_t i)
{
    const struct neox_layer *l = &t->m->layers[i];
    struct neox_generation *g = t->g;
    norm(t, t->own.h, &l->ln1);                         /* [d] */
    norm(t, t->own.h2, &l->ln2);                        /* [d] */
    linear(t, g->qkv, t->own.h, &l->qkv, GEMM_STORE);   /* [3d] */
    linear(t, g->inner, t->own.h2, &l->up, gelu(t->m)); /* [ffn] */
    meet(t);
    attention(t, i); /* [d] */
    meet(t);
    linear(t, g->x, g->context, &l->dense, GEMM_ADD); /* [d] */
    linear(t, g->x, g->inner, &l->down, GEMM_ADD);    /* [d] */
    meet(t);
}

/* x += Attention(LN1(x)), then x += MLP(LN2(x)) */
static void sequential_layer(const struct team *t, size_t i)
{
    const struct neox_layer *l = &t->m->layers[i];
    struct neox_generation *g = t->g;
    norm(t, t->own.h, &l->ln1);
    linear(t, g->qkv, t->own.h, &l->qkv, GEMM_STORE);
    meet(t);
    attention(t, i);
    meet(t);
    linear(t, g->x, g->context, &l->dense, GEMM_ADD);
    meet(t);
    norm(t, t->own.h2, &l->ln2);
    linear(t, g->inner, t->own.h2, &l->up, gelu(t->m));
    meet(t);
    linear(t, g->x, g->inner, &l->down, GEMM_ADD);
    meet(t);
}

static void step(const struct team *t, uint32_t token)
{
    const struct neox *m = t->m;
    if (t->member == 0) neox_embed_rows(m, t->g->x, 0, &token, t->g->position, 1); /* [d] */
    meet(t);
    for (size_t i = 0; i < m->config.layers; i++) {
        if (m->config.parallel_residual)
            parallel_layer(t, i);
        else
            sequential_layer(t, i);
    }
    norm(t, t->own.h, &m->final);                                         /* [d] */
    product(t, t->g->logits, t->own.h, m->unembedding, NULL, GEMM_STORE); /* [vocab] */
}

void neox_generation_step(struct neox_generation *g, uint32_t token)
{
    struct meeting meeting = {0, 0};
#pragma omp parallel num_threads(g->threads)
    {
        struct team t = {.g = g,
                         .m = g->model,
                         .meeting = &meeting,
                         .own = g->members[omp_get_thread_num()],
                         .member = (size_t)omp_get_thread_num(),
                         .members = (size_t)omp_get_num_threads()};
        step(&t, token);
    }
    g->position++;
}

/* The next `floats` of the memory, a cache line's multiple. */
static float *cut(float **next, size_t floats)
{
    float *p = *next;
    *next += (floats + 15) / 16 * 16;
    return p;
}

int neox_generation_open(struct neox_generation *g, const struct neox *model, size_t capacity,
                         int threads, struct err *e)
{
    const struct neox_config *c = &model->config;
    const size_t d = strips_size(1, c->hidden), logits = (c->vocab + 31) / 32 * 32;
    const size_t scratch = (attention_scratch_bytes(0, c->head_size) + 63) / 64 * 16;
    const size_t shared = 2 * d + strips_size(1, 3 * c->hidden) + strips_size(1, c->ffn) + logits;
    const size_t one =
        (attention_cache_bytes(capacity, &model->layers[0].attention) + 63) / 64 * 64;
    *g = (struct neox_generation){.model = model, .capacity = capacity, .threads = threads};
    g->bytes = (shared + (size_t)threads * (2 * d + scratch)) * sizeof(float);
    g->caches_bytes = c->layers * one;
    g->memory = simd_alloc(g->bytes);
    g->caches = simd_alloc(g->caches_bytes);
    g->members = malloc((size_t)threads * sizeof *g->members);
    g->cache = malloc(c->layers * sizeof *g->cache);
    if (!g->memory || !g->caches || !g->members || !g->cache) {
        neox_generation_close(g);
        return err_kind(e, ERR_MEMORY,
                        "out of memory: the keys and values of %zu positions need %.0f MB",
                        capacity, (double)(c->layers * one) / 1e6);
    }
    float *next = g->memory;
    g->x = (struct strips){cut(&next, d), 1};
    g->context = (struct strips){cut(&next, d), 1};
    g->qkv = (struct strips){cut(&next, strips_size(1, 3 * c->hidden)), 1};
    g->inner = (struct strips){cut(&next, strips_size(1, c->ffn)), 1};
    g->logits = cut(&next, logits);
    for (int i = 0; i < threads; i++) {
        g->members[i].h = (struct strips){cut(&next, d), 1};
        g->members[i].h2 = (struct strips){cut(&next, d), 1};
        g->members[i].scratch = cut(&next, scratch);
    }
    for (size_t i = 0; i < c->layers; i++)
        g->cache[i] = (struct attention_cache){(char *)g->caches + i * one, capacity};
    return 0;
}

void neox_generation_close(struct neox_generation *g)
{
    if (g->memory) simd_free(g->memory, g->bytes);
    if (g->caches) simd_free(g->caches, g->caches_bytes);
    free(g->members);
    free(g->cache);
    *g = (struct neox_generation){0};
}

static double bytes_of(struct panels w)
{
    return (double)(panels_size(w.n, w.k) * simd_dtype_bytes(w.dtype));
}

double neox_generation_bytes(const struct neox *model)
{
    double bytes = bytes_of(model->unembedding);
    for (size_t i = 0; i < model->config.layers; i++) {
        const struct neox_layer *l = &model->layers[i];
        bytes += bytes_of(l->qkv.weight) + bytes_of(l->dense.weight) + bytes_of(l->up.weight) +
                 bytes_of(l->down.weight);
    }
    return bytes;
}
