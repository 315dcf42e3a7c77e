/* neox.c - the forward pass of GPT-NeoX on packed documents; see neox.h.
 *
 *   x = embed_in[t]
 *   each layer:  x += Attention(LN1(x)) + MLP(LN2(x))
 *   loss = log-sum-exp(W LN_f(x)) - (W LN_f(x))[target]
 *
 * (parallel residual; in the sequential form the MLP reads the x that attention was added to; GPT-Neo
 * is sequential, adds a learned position to embed_in[t], and has layers that see a window only).
 * What each step does with a team's shares, and where members meet, is in neox_steps.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox.h"
#include "models/neox/neox_steps.h"

static const enum gemm_epilogue gelu[] = {
    [NEOX_GELU_ERF] = GEMM_GELU_ERF,
    [NEOX_GELU_TANH] = GEMM_GELU_TANH,
};

/* x += Attention(LN1(x)) + MLP(LN2(x)): h is LN2(x) before attention is added to x. */
static void parallel_layer(const struct neox *m, struct neox_run *r, const struct neox_layer *l)
{
    neox_norm(m, r, r->h, r->x, &l->ln1);                                   /* [inputs, d] */
    neox_product(m, r, r->qkv, r->h, &l->qkv, GEMM_STORE);                  /* [inputs, 3d] */
    neox_attention(m, r, r->context, r->qkv, &l->attention);                /* [inputs, d] */
    neox_norm(m, r, r->h, r->x, &l->ln2);                                   /* [inputs, d] */
    neox_product(m, r, r->x, r->context, &l->dense, GEMM_ADD);              /* [inputs, d] */
    neox_product(m, r, r->inner, r->h, &l->up, gelu[m->config.activation]); /* [inputs, ffn] */
    neox_product(m, r, r->x, r->inner, &l->down, GEMM_ADD);                 /* [inputs, d] */
}

/* x += Attention(LN1(x)), then x += MLP(LN2(x)) */
static void sequential_layer(const struct neox *m, struct neox_run *r, const struct neox_layer *l)
{
    neox_norm(m, r, r->h, r->x, &l->ln1);
    neox_product(m, r, r->qkv, r->h, &l->qkv, GEMM_STORE);
    neox_attention(m, r, r->context, r->qkv, &l->attention);
    neox_product(m, r, r->x, r->context, &l->dense, GEMM_ADD);
    neox_norm(m, r, r->h, r->x, &l->ln2);
    neox_product(m, r, r->inner, r->h, &l->up, gelu[m->config.activation]);
    neox_product(m, r, r->x, r->inner, &l->down, GEMM_ADD);
}

typedef void layer_form(const struct neox *m, struct neox_run *r, const struct neox_layer *l);
static layer_form *const forms[] = {[false] = sequential_layer, [true] = parallel_layer};

void neox_input(const struct neox *m, struct neox_run *r)
{
    neox_embed(m, r, r->x); /* [inputs, d] */
}

void neox_block(const struct neox *m, struct neox_run *r, size_t i)
{
    forms[m->config.parallel_residual](m, r, &m->layers[i]); /* [inputs, d] */
}

void neox_output(const struct neox *m, struct neox_run *r)
{
    neox_norm_scored(m, r, r->h, r->x, &m->final); /* [scored, d] */
    neox_head(m, r, r->h);                         /* [scored] to the pieces */
}

void neox_forward(const struct neox *m, struct neox_run *r, const struct neox_piece *pieces,
                  size_t count)
{
    neox_run_begin(r, pieces, count);
    neox_input(m, r);
    for (size_t i = 0; i < m->config.layers; i++) neox_block(m, r, i);
    neox_output(m, r);
}

uint64_t neox_pairs(uint64_t n, uint64_t window)
{
    return n <= window ? n * (n + 1) : window * (2 * n + 1 - window);
}

struct neox_cost neox_cost(const struct neox_config *c)
{
    uint64_t d = c->hidden, layers = c->layers, near = 0;
    if (c->window == NEOX_NEAR) near = neox_local_layers(c);
    return (struct neox_cost){
        .row = layers * 2 * d * (4 * d + 2 * c->ffn), /* the products */
        .pair = (layers - near) * 2 * d,              /* Q K^T and P V, lower triangle */
        .near = near * 2 * d,
        .scored = 2 * d * c->vocab,
    };
}

double neox_flop(const struct neox_config *c, size_t n, size_t skip)
{
    const struct neox_cost cost = neox_cost(c);
    const double pair = 2 * (double)c->hidden, near = (double)neox_local_layers(c);
    double rows = (double)n, flop = (double)cost.row * rows;
    flop += pair * ((double)c->layers - near) * rows * (rows + 1);
    if (c->window) flop += pair * near * (double)neox_pairs(n, c->window);
    return flop + (double)cost.scored * (double)(n - skip);
}
