/* neox_backward_steps.h - the steps a gradient is made of: each works on the first ROWS rows of the
 * matrices given, and gives its time to its phase.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_BACKWARD_STEPS_H
#define TRIPOD_NEOX_BACKWARD_STEPS_H

#include "models/neox/neox_gradients.h"
#include "models/neox/neox_tape.h"

/* A pass for one loss. */
struct neox_back {
    const struct neox *m;
    struct neox_tape *t;
    const struct neox_gradients *to; /* NULL in the forward pass */
    size_t n;                        /* inputs that the loss depends on */
    size_t stop; /* the input of a layer from here on has a gradient that matters */
};

/* The matrix from ROW on; a matrix that keeps one row alone keeps that one. */
struct strips neox_back_rows(struct strips s, size_t row);

/* --- forward --- */

/* x = the inputs' rows of embed_in [n, d] */
void neox_back_embed(const struct neox_back *b, struct strips x, const uint32_t *tokens);
/* out = LN(in) [rows, d] */
void neox_back_norm(const struct neox_back *b, struct strips out, struct strips in, size_t rows,
                    const struct neox_gain *gain);
/* out = in [rows, d] */
void neox_back_copy(const struct neox_back *b, struct strips out, struct strips in, size_t rows);
/* out (+)= in W^T + bias [rows, n] */
void neox_back_product(const struct neox_back *b, struct strips out, struct strips in, size_t rows,
                       const struct neox_linear *w, enum gemm_epilogue epilogue);
/* out = gelu(u) [rows, ffn] */
void neox_back_gelu(const struct neox_back *b, struct strips out, struct strips u, size_t rows);
/* The context and log-sums of layer I, of positions FROM .. n - 1. */
void neox_back_attention(const struct neox_back *b, size_t i, size_t from);
/* qkv = h W^T + bias, where only some queries will be needed: the keys and values of all rows; then
 * the queries of ROWS rows. */
void neox_back_keys(const struct neox_back *b, struct strips qkv, struct strips h,
                    const struct neox_linear *w);
void neox_back_queries(const struct neox_back *b, struct strips qkv, struct strips h, size_t rows,
                       const struct neox_linear *w);

/* --- backward: what is wanted goes to b->to --- */

bool neox_back_wants_linear(const struct neox_back *b, const struct neox_linear *w);
bool neox_back_wants_gain(const struct neox_back *b, const struct neox_gain *gain);

/* Of y = x W^T + bias: dW = dy^T x, dbias = the sum of dy's rows; then, where INPUTS, dx = dy W. dx
 * may be x. */
void neox_back_linear(const struct neox_back *b, struct strips dx, struct strips dy,
                      struct strips x, size_t rows, const struct neox_linear *w, bool inputs);
/* The same of qkv [n, 3d], when the queries of positions before FROM have no gradient. */
void neox_back_qkv(const struct neox_back *b, struct strips dx, struct strips dy, struct strips x,
                   size_t from, const struct neox_linear *w, bool inputs);
/* Of y = LN(x): dx += J^T dy, and the gains'. */
void neox_back_norm_inputs(const struct neox_back *b, struct strips dx, struct strips dy,
                           struct strips x, size_t rows, const struct neox_gain *gain);
/* du = dy gelu'(u) [rows, ffn]; du may be dy */
void neox_back_gelu_inputs(const struct neox_back *b, struct strips du, struct strips dy,
                           struct strips u, size_t rows);
/* dqkv [n, 3d] of layer I's attention, from dc [n, d] at positions FROM .. n - 1. */
void neox_back_attention_inputs(const struct neox_back *b, struct strips dqkv, size_t i,
                                size_t from);
/* The loss of TARGET at t->out; dx [1, d] += its gradient there. */
float neox_back_head(const struct neox_back *b, struct strips dx, uint32_t target);
bool neox_back_wants_embedding(const struct neox_back *b);
/* The embedding's gradient: of every input the row of dx [n, d] to the row of its token; and that of
 * learned positions. */
void neox_back_embedding(const struct neox_back *b, struct strips dx, const uint32_t *tokens);

#endif
