/* neox_backward.c - the backward pass of GPT-NeoX; see neox_backward.h. With dy for dL/dy:
 *
 *   loss = log-sum-exp(W h) - (W h)[target], h = LN_f(x):  dlogits = softmax - one-hot, dh = dlogits W
 *   y = x W^T + b:                                         dx = dy W, dW = dy^T x, db = sum of dy
 *   a layer, backwards: the MLP's branch and the attention's each add to the gradient of their input
 *
 * In the parallel form both branches read the gradient of the layer's output; in the sequential one
 * attention reads what the MLP has added to. So the forms differ by the order of two steps.
 *
 * A layer works on rows `from` .. n - 1 where its output matters: all of them, but in the last layer
 * one; the attention's keys and values have gradients in all.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_backward.h"

#include <string.h>

#include "models/neox/neox.h"
#include "models/neox/neox_backward_steps.h"

/* --- forward --- */

/* The rest of layer I from its qkv on, rows FROM .. n - 1; the last step adds to OUT [rows, d]. */
static void layer_output(const struct neox_back *b, size_t i, size_t from, struct strips out)
{
    const struct neox_layer *l = &b->m->layers[i];
    const struct neox_kept *k = &b->t->layers[i];
    const bool parallel = b->m->config.parallel_residual;
    const size_t rows = b->n - from;
    const struct strips x = neox_back_rows(k->x, from), context = neox_back_rows(k->context, from);
    const struct strips mid = neox_back_rows(k->mid, from), u = neox_back_rows(k->u, from);
    const struct strips h = neox_back_rows(b->t->h, from), wide = neox_back_rows(b->t->wide, from);
    const struct strips attended = parallel ? out : mid;
    neox_back_attention(b, i, from); /* context [rows, d] */
    neox_back_copy(b, attended, x, rows);
    neox_back_product(b, attended, context, rows, &l->dense, GEMM_ADD); /* [rows, d] */
    neox_back_norm(b, h, mid, rows, &l->ln2);
    neox_back_product(b, u, h, rows, &l->up, GEMM_STORE); /* [rows, ffn] */
    neox_back_gelu(b, wide, u, rows);
    if (!parallel) neox_back_copy(b, out, mid, rows);
    neox_back_product(b, out, wide, rows, &l->down, GEMM_ADD); /* [rows, d] */
}

void neox_forward_kept(const struct neox *m, struct neox_tape *t, const uint32_t *tokens, size_t n)
{
    const struct neox_back b = {.m = m, .t = t, .n = n};
    const size_t last = m->config.layers - 1;
    t->n = n;
    neox_tape_start(t);
    neox_back_embed(&b, t->layers[0].x, tokens);
    for (size_t i = 0; i <= last; i++) {
        const struct neox_layer *l = &m->layers[i];
        const struct neox_kept *k = &t->layers[i];
        neox_back_norm(&b, t->h, k->x, n, &l->ln1);
        if (i == last) {
            neox_back_keys(&b, k->qkv, t->h, &l->qkv);
        } else {
            neox_back_product(&b, k->qkv, t->h, n, &l->qkv, GEMM_STORE);
            layer_output(&b, i, 0, t->layers[i + 1].x);
        }
    }
}

/* What the forward pass left out, of the one row that the loss reads: t->out. */
static void last_output(const struct neox_back *b)
{
    const size_t last = b->m->config.layers - 1, from = b->n - 1;
    const struct neox_layer *l = &b->m->layers[last];
    const struct neox_kept *k = &b->t->layers[last];
    const struct strips h = neox_back_rows(b->t->h, from);
    neox_back_norm(b, h, neox_back_rows(k->x, from), 1, &l->ln1);
    neox_back_queries(b, neox_back_rows(k->qkv, from), h, 1, &l->qkv);
    layer_output(b, last, from, b->t->out);
}

/* --- backward --- */

static bool wants_layer(const struct neox_back *b, const struct neox_layer *l)
{
    return neox_back_wants_gain(b, &l->ln1) || neox_back_wants_gain(b, &l->ln2) ||
           neox_back_wants_linear(b, &l->qkv) || neox_back_wants_linear(b, &l->dense) ||
           neox_back_wants_linear(b, &l->up) || neox_back_wants_linear(b, &l->down);
}

/* The first layer whose input's gradient is needed: what lies before it wants something. */
static size_t first_needed(const struct neox_back *b)
{
    const size_t layers = b->m->config.layers;
    if (neox_back_wants_embedding(b)) return 0;
    for (size_t i = 0; i < layers; i++)
        if (wants_layer(b, &b->m->layers[i])) return i + 1;
    return layers + 1;
}

/* Whether the gradient of layer I's input is needed. */
static bool goes_on(const struct neox_back *b, size_t i)
{
    return i >= b->stop;
}

/* dx += J^T dx of MLP(LN2(mid)) */
static void mlp_back(const struct neox_back *b, size_t i, size_t from)
{
    const struct neox_layer *l = &b->m->layers[i];
    const struct neox_kept *k = &b->t->layers[i];
    const size_t rows = b->n - from;
    const struct strips dx = neox_back_rows(b->t->dx, from), mid = neox_back_rows(k->mid, from);
    const struct strips h = neox_back_rows(b->t->h, from), wide = neox_back_rows(b->t->wide, from);
    const struct strips u = neox_back_rows(k->u, from);
    const bool inputs = goes_on(b, i) || neox_back_wants_gain(b, &l->ln2);
    const bool inside = inputs || neox_back_wants_linear(b, &l->up);
    if (b->to->wanted[l->down.weight_at]) neox_back_gelu(b, wide, u, rows);
    neox_back_linear(b, wide, dx, wide, rows, &l->down, inside); /* [rows, ffn] */
    if (!inside) return;
    neox_back_gelu_inputs(b, wide, wide, u, rows);
    if (b->to->wanted[l->up.weight_at]) neox_back_norm(b, h, mid, rows, &l->ln2);
    neox_back_linear(b, h, wide, h, rows, &l->up, inputs); /* [rows, d] */
    if (inputs) neox_back_norm_inputs(b, dx, h, mid, rows, &l->ln2);
}

/* Whether the gradient of layer I's normalised input, and of its qkv, is needed. */
static bool wants_h(const struct neox_back *b, size_t i)
{
    return goes_on(b, i) || neox_back_wants_gain(b, &b->m->layers[i].ln1);
}

static bool wants_qkv(const struct neox_back *b, size_t i)
{
    return wants_h(b, i) || neox_back_wants_linear(b, &b->m->layers[i].qkv);
}

/* dc = dx W, the gradient of the attention's output */
static void dense_back(const struct neox_back *b, size_t i, size_t from)
{
    const struct strips dx = neox_back_rows(b->t->dx, from), dc = neox_back_rows(b->t->dc, from);
    const struct strips context = neox_back_rows(b->t->layers[i].context, from);
    neox_back_linear(b, dc, dx, context, b->n - from, &b->m->layers[i].dense, wants_qkv(b, i));
}

/* dx += J^T dc of the attention of LN1(x) */
static void attention_back(const struct neox_back *b, size_t i, size_t from)
{
    const struct neox_layer *l = &b->m->layers[i];
    const struct strips x = b->t->layers[i].x, dx = b->t->dx, h = b->t->h, dqkv = b->t->wide;
    if (!wants_qkv(b, i)) return;
    neox_back_attention_inputs(b, dqkv, i, from); /* [n, 3d] */
    if (b->to->wanted[l->qkv.weight_at]) neox_back_norm(b, h, x, b->n, &l->ln1);
    neox_back_qkv(b, h, dqkv, h, from, &l->qkv, wants_h(b, i)); /* [n, d] */
    if (wants_h(b, i)) neox_back_norm_inputs(b, dx, h, x, b->n, &l->ln1);
}

/* x' = x + Attention(LN1(x)) + MLP(LN2(x)) */
static void parallel_back(const struct neox_back *b, size_t i, size_t from)
{
    dense_back(b, i, from);
    mlp_back(b, i, from);
    attention_back(b, i, from);
}

/* mid = x + Attention(LN1(x)), x' = mid + MLP(LN2(mid)) */
static void sequential_back(const struct neox_back *b, size_t i, size_t from)
{
    mlp_back(b, i, from);
    dense_back(b, i, from);
    attention_back(b, i, from);
}

/* The gradient that reaches a position begins at zero. */
static void clear(struct strips dx, size_t rows, size_t d)
{
    for (size_t c = 0; c < d; c += SIMD_STRIP)
        memset(strip_at(dx, 0, c), 0, rows * SIMD_STRIP * sizeof(float));
}

float neox_backward(const struct neox *m, struct neox_tape *t, const uint32_t *tokens,
                    size_t target, const struct neox_gradients *to)
{
    struct neox_back b = {m, t, to, target, 0};
    const size_t layers = m->config.layers;
    b.stop = first_needed(&b);
    neox_tape_start(t);
    last_output(&b);
    clear(t->dx, target, m->config.hidden);
    const float loss = neox_back_head(&b, neox_back_rows(t->dx, target - 1), tokens[target]);
    for (size_t i = layers; i > 0 && goes_on(&b, i); i--) {
        const size_t from = i == layers ? target - 1 : 0;
        if (m->config.parallel_residual)
            parallel_back(&b, i - 1, from);
        else
            sequential_back(&b, i - 1, from);
    }
    if (neox_back_wants_embedding(&b)) neox_back_embedding(&b, t->dx, tokens);
    return loss;
}

double neox_backward_flop(const struct neox_config *c, size_t n)
{
    const double d = (double)c->hidden, ffn = (double)c->ffn, rows = (double)n;
    const size_t last = c->layers - 1, window = neox_layer_window(c, last);
    const double layer = 2 * d * (4 * d + 2 * ffn), keys = 2 * d * 2 * d;
    /* Products in one direction: all rows of all layers but the last, and of its keys and values. */
    const double products = rows * ((double)last * layer + keys) + (layer - keys);
    const double first = last ? rows * 2 * d * (3 * d + ffn) : rows * keys + 2 * d * (d + ffn);
    double pairs = 2 * (double)(window && window < n ? window : n);
    for (size_t i = 0; i < last; i++) {
        const size_t sees = neox_layer_window(c, i);
        pairs += (double)neox_pairs(n, sees ? sees : n);
    }
    return 3 * products - first + 3.5 * 2 * d * pairs + 2 * 2 * d * (double)c->vocab;
}
