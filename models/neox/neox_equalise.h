/* neox_equalise.h - factors that make the columns of a product equally hard to round.
 *
 * A product's input x and its weights W are rounded with one step a row of x and one a row of W, so that
 * a column c much larger than the others costs all of them precision. Multiplying x_c by t_c and
 * dividing W[:,c] by it changes no product; with powers of two nothing is rounded either. Where a layer
 * norm makes x, its gain and bias are multiplied; the attention's output is linear in the values, so
 * their rows of query_key_value are. GELU is not linear: the product behind it stays as it is.
 *
 *   t_c = 2^rint(log2(u_c / median u)),   u_c = sqrt(rms of W[:,c] / rms of x_c over tokens)
 *
 * makes both sides' columns alike (the balance of Xiao et al. 2023, SmoothQuant, with exponent 1/2). From
 * what x is over tokens, never from the gains alone: residual streams have large columns of their own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_EQUALISE_H
#define TRIPOD_NEOX_EQUALISE_H

#include "models/neox/neox_load.h"

enum { EQUALISE_MOST = 12 }; /* exponents of factors lie within +- this */

/* The exponents of a model's factors, of each layer three times d of them: of what query_key_value, dense
 * and h_to_4h read; then of what the head reads. All zero at first. */
struct neox_factors {
    size_t layers, hidden;
    int8_t *exponent;
};
enum equalised_input { EQUALISE_QKV, EQUALISE_DENSE, EQUALISE_UP, EQUALISE_LAYER };

static inline size_t neox_factors_count(size_t layers, size_t hidden)
{
    return (layers * EQUALISE_LAYER + 1) * hidden;
}

int neox_factors_open(struct neox_factors *f, const struct neox *model, struct err *e);

/* [d] of an input of LAYER; layer = layers: of the head's. */
static inline int8_t *neox_factors_at(const struct neox_factors *f, size_t layer,
                                      enum equalised_input which)
{
    return f->exponent + (layer * EQUALISE_LAYER + which) * f->hidden;
}

/* The exponents [w.k] for weights W and SQUARES [w.k], the sums of x_c^2 over ROWS rows. A column of zeros on
 * either side has 0 and is not in the median. Sums in double in a fixed order, powers by comparison:
 * the same on every machine. By OpenMP's threads. */
int neox_equalise(int8_t *exponent, const struct kernels *kernels, struct panels w,
                  const double *squares, size_t rows, struct err *e);

/* v[i] *= 2^exponent[i] */
void neox_scale(float *v, const int8_t *exponent, size_t n);

#endif
