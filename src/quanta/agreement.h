/* agreement.h - how alike two clusterings are: the adjusted Rand index.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_AGREEMENT_H
#define TRIPOD_AGREEMENT_H

#include <stddef.h>
#include <stdint.h>

/* The index of labels A and B [n], which are 0 .. K - 1 each: 1 for equal clusterings whatever their
 * numbers, 0 on average for random ones of these sizes (Hubert and Arabie 1985). NaN when out of
 * memory. */
double agreement(const int32_t *a, const int32_t *b, size_t n, size_t k);

#endif
