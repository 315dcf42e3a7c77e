/* neox.h - GPT-NeoX (Black et al. 2022), the architecture of Pythia: one pass of a loaded model
 * (neox_load.h) over a batch, in one thread's workspace (neox_run.h).
 *
 * Losses follow Hugging Face's GPTNeoXForCausalLM: exact-erf GELU unless asked otherwise, softmax
 * over every padded vocabulary row, no BOS, positions from 0 at each piece.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_H
#define TRIPOD_NEOX_H

#include "models/neox/neox_run.h"

/* The losses of a batch of pieces with sum n <= run->rows. Every loss has the same bits whatever
 * the batch and the number of members. A team's members are all the threads of an OpenMP parallel
 * region; each calls this with the same pieces, and all losses are there when all have returned. */
void neox_forward(const struct neox *model, struct neox_run *run, const struct neox_piece *pieces,
                  size_t count);

/* Useful FLOP of one piece: products 2 d (12 d + ...) per layer by the real shapes, causal
 * attention counted by its lower triangle, the head on the scored rows: for Pythia's shapes n (24
 * d^2 L + 2 d V) + 2 d L n (n + 1). */
double neox_flop(const struct neox_config *config, size_t n, size_t skip);

/* The same as whole numbers: FLOP of an input, of each of a piece's n (n + 1), of a scored input. */
struct neox_cost {
    uint64_t row, pair, scored;
};
struct neox_cost neox_cost(const struct neox_config *config);

#endif
