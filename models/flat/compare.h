/* compare.h - which weights of two models are equal, by checksum or number by number.
 *
 * Checkpoints are mixed up: a branch that holds another step's weights, a shard of another step
 * among the right ones. The checksums of the flat file's directory tell that without reading a
 * tensor; how far apart the rest are takes one pass over the data.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_COMPARE_H
#define TRIPOD_COMPARE_H

#include "models/flat/flat.h"

/* Stands for a tensor: its name, shape, element type and contents. */
uint64_t flat_tensor_hash(const struct flat_tensor *t);

/* Stands for all tensors and for what of the config their shapes do not say, except the GELU. */
uint64_t flat_weights_hash(const struct flat_model *m);

/* Whether all elements are one number: an untrained layer norm, biases of zero. Such tensors are
 * equal between models that have nothing else in common. Reads up to the first other number. */
bool flat_tensor_constant(const struct flat_tensor *t);

/* One tensor of two models. Numbers are taken as float32, whatever type each model stores. */
struct flat_difference {
    const struct flat_tensor *a, *b; /* NULL: only the other model has it */
    uint64_t elements;               /* compared; 0: only one model has it, or shapes differ */
    uint64_t differing;              /* elements that are not the same 32 bits */
    double largest;                  /* max |a - b| */
    double squares;                  /* sum (a - b)^2 */
    double squares_a;                /* sum a^2 */
};

/* rms(a - b) / rms(a): 0 where all are equal, infinite where a is zero and b is not. */
double flat_difference_relative(const struct flat_difference *d);

struct flat_comparison {
    struct flat_difference *tensors; /* those of A in the file's order, then those only B has */
    size_t count;
    size_t equal, differing, shapes, only_a, only_b; /* tensors; they add up to count */
    struct flat_difference total; /* over the tensors compared; its a and b are NULL */
};

/* Compares B with A. Tensors of equal checksums are taken to be equal (flat_verify tells whether
 * they are) and only A's is read. Uses OpenMP's threads, the same result for any number; streams:
 * pages of mapped files are let go of after each 16 MB. Progress is reported as bytes of A read. The
 * caller frees; tensors point into the models. Errors: out of memory. */
int flat_compare(struct flat_comparison *c, const struct flat_model *a, const struct flat_model *b,
                 struct err *e);
void flat_comparison_free(struct flat_comparison *c);

#endif
