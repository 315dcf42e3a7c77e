/* trainer_pass.c - forward and backward pass of one chunk of a batch; see trainer_pass.h. With dy for
 * dL/dy:
 *
 *   loss = log-sum-exp(W h) - (W h)[target], h = LN_f(x):  dlogits = softmax - one-hot, dh = dlogits W
 *   y = x W^T + b:                                         dx = dy W, dW = dy^T x, db = sum of dy
 *   a layer, backwards: the MLP's branch and the attention's each add to the gradient of their input
 *
 * In the parallel form both branches read the gradient of the layer's output; in the sequential one
 * attention reads what the MLP has added to.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/trainer_pass.h"

#include "models/train/trainer_steps.h"

static void layer_forward(struct trainer_member *m, size_t i, struct strips out)
{
    const struct neox_layer *l = &m->t->model.layers[i];
    const struct trainer_kept *k = &m->p->layers[i];
    const bool parallel = m->t->model.config.parallel_residual;
    const struct strips attended = parallel ? out : k->mid;
    trainer_norm(m, k->h1, k->x, &l->ln1);
    trainer_product(m, k->qkv, k->h1, &l->qkv, GEMM_STORE); /* [rows, 3d] */
    trainer_attention(m, i);                                /* context [rows, d] */
    trainer_copy(m, attended, k->x);
    trainer_product(m, attended, k->context, &l->dense, GEMM_ADD); /* [rows, d] */
    trainer_norm(m, k->h2, k->mid, &l->ln2);
    trainer_product(m, k->slope, k->h2, &l->up, GEMM_STORE); /* [rows, ffn] */
    trainer_gelu(m, k->inner, k->slope);
    if (!parallel) trainer_copy(m, out, k->mid);
    trainer_product(m, out, k->inner, &l->down, GEMM_ADD); /* [rows, d] */
}

/* From the gradient of the layer's output, dx, to that of the attention's, dc: own rows alone. */
static void dense_back(struct trainer_member *m, size_t i)
{
    const struct neox_layer *l = &m->t->model.layers[i];
    trainer_weights(m, m->p->dx, m->p->layers[i].context, &l->dense);
    trainer_inputs(m, m->p->dc, m->p->dx, &l->dense, GEMM_STORE);
}

/* The same to that of u, in the place of the slopes. */
static void down_back(struct trainer_member *m, size_t i)
{
    const struct neox_layer *l = &m->t->model.layers[i];
    const struct trainer_kept *k = &m->p->layers[i];
    trainer_weights(m, m->p->dx, k->inner, &l->down);
    trainer_inputs(m, k->slope, m->p->dx, &l->down, GEMM_SCALE);
}

/* dx += what comes through LN2 and the MLP's first half, once all rows of du are there. */
static void up_back(struct trainer_member *m, size_t i)
{
    const struct neox_layer *l = &m->t->model.layers[i];
    const struct trainer_kept *k = &m->p->layers[i];
    trainer_weights(m, k->slope, k->h2, &l->up);
    trainer_inputs(m, m->p->h, k->slope, &l->up, GEMM_STORE);
    trainer_norm_back(m, m->p->dx, m->p->h, k->mid, &l->ln2);
}

/* dx += what comes through LN1 and attention. */
static void attention_back(struct trainer_member *m, size_t i)
{
    const struct neox_layer *l = &m->t->model.layers[i];
    const struct trainer_kept *k = &m->p->layers[i];
    trainer_attention_back(m, i); /* dqkv [rows, 3d] */
    trainer_gains(m, &l->ln2);
    trainer_meet(m); /* its parts are ln1's now */
    trainer_weights(m, m->p->dqkv, k->h1, &l->qkv);
    trainer_inputs(m, m->p->h, m->p->dqkv, &l->qkv, GEMM_STORE);
    trainer_norm_back(m, m->p->dx, m->p->h, k->x, &l->ln1);
    trainer_meet(m);
    trainer_gains(m, &l->ln1);
}

/* x' = x + Attention(LN1(x)) + MLP(LN2(x)) */
static void parallel_back(struct trainer_member *m, size_t i)
{
    down_back(m, i);
    dense_back(m, i);
    trainer_meet(m); /* dx was read for the last time, du is there */
    up_back(m, i);
    attention_back(m, i);
}

/* mid = x + Attention(LN1(x)), x' = mid + MLP(LN2(mid)) */
static void sequential_back(struct trainer_member *m, size_t i)
{
    down_back(m, i);
    trainer_meet(m);
    up_back(m, i);
    trainer_meet(m);
    dense_back(m, i);
    attention_back(m, i);
}

void trainer_chunk(struct trainer_member *m, const uint32_t *tokens)
{
    struct trainer_pass *p = m->p;
    const struct neox *model = &m->t->model;
    const size_t layers = model->config.layers;
    trainer_embed(m, p->layers[0].x, tokens);
    for (size_t i = 0; i < layers; i++)
        layer_forward(m, i, i + 1 < layers ? p->layers[i + 1].x : p->out);
    trainer_norm(m, p->h, p->out, &model->final);
    trainer_head(m); /* p->dc [rows, d] */
    trainer_clear(m, p->dx);
    trainer_norm_back(m, p->dx, p->dc, p->out, &model->final);
    trainer_meet(m);
    trainer_gains(m, &model->final);
    trainer_meet(m);
    for (size_t i = layers; i-- > 0;)
        (model->config.parallel_residual ? parallel_back : sequential_back)(m, i);
    trainer_embedding(m, p->dx);
    trainer_meet(m);
}
