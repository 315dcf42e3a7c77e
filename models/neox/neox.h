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

/* Its parts, in order, for whoever streams a model through memory (neox_stream.h): each of the batch
 * begun last with neox_run_begin. Between them all there is of a batch is run->x. */
void neox_input(const struct neox *model, struct neox_run *run);
void neox_block(const struct neox *model, struct neox_run *run, size_t layer);
void neox_output(const struct neox *model, struct neox_run *run);

/* Useful FLOP of one piece: products 2 d (12 d + ...) per layer by the real shapes, causal
 * attention counted by its lower triangle (of a local layer what lies in the window), the head on
 * the scored rows: for Pythia's shapes n (24 d^2 L + 2 d V) + 2 d L n (n + 1). */
double neox_flop(const struct neox_config *config, size_t n, size_t skip);

/* Twice the pairs of a position and one that it sees, itself or before it and less than `window` away,
 * of n positions: n (n + 1) where the window holds them all. */
uint64_t neox_pairs(uint64_t n, uint64_t window);

/* The same as whole numbers: FLOP of an input, of each of a piece's n (n + 1), of each of its pairs
 * within NEOX_NEAR positions, of a scored input. Local layers of a window other than NEOX_NEAR are
 * counted as if they saw everything: more than they cost. */
enum { NEOX_NEAR = 256 }; /* the window of every GPT-Neo */
struct neox_cost {
    uint64_t row, pair, near, scored;
};
struct neox_cost neox_cost(const struct neox_config *config);

#endif
