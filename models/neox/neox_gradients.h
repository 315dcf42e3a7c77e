/* neox_gradients.h - how a gradient with respect to the weights is handed out, piece by piece, while
 * it is made: no one needs room for all of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_GRADIENTS_H
#define TRIPOD_NEOX_GRADIENTS_H

#include <stdbool.h>
#include <stddef.h>

/* Takes finished pieces of dL/d(tensor): the values of coordinates at .. at + n - 1 of TENSOR (which
 * of neox_tensor_at). A matrix's coordinates are in the order of the flat file: its panels (layout.h),
 * zeros in rows beyond its own, so that at and n are multiples of 32. Those of vectors and of the
 * embedding, whose rows lie one after the other, are in natural order. No coordinate comes twice. All
 * come but those of the embedding's rows that no input names, and of learned positions behind the
 * last input, which are zeros.
 *
 * Tied embeddings are one tensor, the first: it gets the sum of both uses, all its rows, and the last
 * tensor nothing.
 *
 * Pieces come in an order that depends on the model's shape and `wanted` alone: the head, layers from
 * the last to the first, the embedding. */
struct neox_gradients {
    void (*take)(void *context, size_t tensor, size_t at, size_t n, const float *values);
    void *context;
    const bool *wanted; /* [neox_tensor_count(config)]: what is not is not computed either */
};

#endif
