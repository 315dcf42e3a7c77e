/* report_weights.h - how the weights of models differ: a row a model, then a row a tensor.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_WEIGHTS_H
#define TRIPOD_REPORT_WEIGHTS_H

#include "models/flat/compare.h"
#include "src/base/sheet.h"

/* What models are compared with A: B[i] gave C[i]. Sorts each one's tensors: those that cannot be
 * compared first, then by relative difference. On a terminal the tensors that differ most; the others
 * with --details, or ALL. */
void report_weights(struct sheet *s, const char *a, const char *const *b,
                    const struct flat_comparison *c, size_t n, bool all);

/* {"model": A, "with": [{..., "tensor_list": [...]}]}; after report_weights, in its order. NULL when
 * out of memory. */
json_t *weights_json(const char *a, const char *const *b, const struct flat_comparison *c,
                     size_t n);

#endif
