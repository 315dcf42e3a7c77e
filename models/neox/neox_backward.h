/* neox_backward.h - gradients of single tokens' losses with respect to the weights of GPT-NeoX:
 * reverse-mode differentiation of the pass in neox.h, by hand. One thread works on one document, in
 * its own tape (neox_tape.h).
 *
 * The numbers contract. A gradient has the same bits for every instruction set, thread count and
 * document in which its prefix stands: chains over positions are cut in blocks counted from the
 * document's start (simd.h), and a position behind the target takes no part. Products are the native
 * kernels', whoever multiplies in the model's forward pass.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_BACKWARD_H
#define TRIPOD_NEOX_BACKWARD_H

#include "models/neox/neox_gradients.h"
#include "models/neox/neox_tape.h"

/* The forward pass of inputs tokens[0 .. n - 1], keeping what backward needs; n is at
 * least 1 and at most what the tape was opened for. */
void neox_forward_kept(const struct neox *model, struct neox_tape *tape, const uint32_t *tokens,
                       size_t n);

/* The loss of predicting tokens[target], 1 <= target <= n (tokens[n] is read where target is n), in
 * nats with the bits that neox_forward gives it; its gradient with respect to every wanted tensor
 * goes to TO. TOKENS are those of the last neox_forward_kept. Any number of targets after one forward
 * pass, in any order: each gives the bits of a pass of its own. */
float neox_backward(const struct neox *model, struct neox_tape *tape, const uint32_t *tokens,
                    size_t target, const struct neox_gradients *to);

/* FLOP that a gradient of the layers' weights and biases must take for a target with n inputs before
 * it, the forward pass included: products by their real shapes, causal attention by its lower
 * triangle (2 products forward, 5 backward), all positions where the loss can reach them (in the last
 * layer keys and values alone but for one), no gradient of the first layer's inputs; the loss head's
 * two products. */
double neox_backward_flop(const struct neox_config *config, size_t n);

#endif
