/* token_induction.h - tokens a model predicts well, without those it could copy from before.
 *
 *   zero                  rows whose loss in the first column is below a threshold
 *   induction             rows of tokens j >= 2 whose trigram (t_{j-2}, t_{j-1}, t_j) occurred earlier
 *                         in the same document, as it was truncated
 *   non_induction_zeros   the first without the second
 *
 * After zero_and_induction_idxs of Michaud et al., "The Quantization Model of Neural Scaling" (2023).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKEN_INDUCTION_H
#define TRIPOD_TOKEN_INDUCTION_H

#include <stdbool.h>

#include "src/scan/token_index.h"

struct induction_counts {
    uint64_t rows, zero, induction, non_induction_zeros;
};

/* Writes the three lists to DIRECTORY, ascending: zero.npy, induction.npy, non_induction_zeros.npy.
 * COLUMN is the one compared with THRESHOLD (nats). Documents are spread over the threads. */
int token_induction(const struct token_index *x, const struct matrix *m, size_t column,
                    double threshold, const char *directory, struct induction_counts *counts,
                    struct err *e);

/* MARK[j] for j = 0 .. n - 1: whether the trigram that ends with token j occurred before. SEEN is
 * scratch of token_trigrams_room(n) numbers. Linear time. */
size_t token_trigrams_room(size_t n);
void token_trigrams(const uint32_t *id, size_t n, uint32_t *seen, bool *mark);

#endif
