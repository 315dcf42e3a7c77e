/* scan.h - one model over one plan: every loss, on all threads.
 *
 * Threads take batches of consecutive pieces; each runs the whole forward pass on its own, so there
 * is no barrier and no serial phase. Batches shrink towards the end so that the threads finish
 * together, and what would leave threads idle even so (the last long documents; fewer documents
 * than threads) all of them compute together as one batch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SCAN_H
#define TRIPOD_SCAN_H

#include "models/neox/neox.h"
#include "src/scan/losses.h"
#include "src/scan/plan.h"

struct scan_options {
    int threads;         /* OpenMP threads, at least 1 */
    size_t batch_tokens; /* inputs a thread computes at a time; a longer piece makes a batch of its
                            own */
    uint64_t memory;     /* bytes the process may use (scan_streamed.h); 0: what the machine has */
    const char *spill;   /* folder for a streamed model's activations where memory does not hold
                            them; NULL: none */
};

struct scan_result {
    double seconds;             /* wall */
    double flop;                /* useful FLOP done (neox_flop) */
    uint64_t predictions;       /* computed now; the others were there already */
    double phases[NEOX_PHASES]; /* seconds, summed over threads */
    double busy;                /* seconds inside the forward pass, summed over threads */
};

/* Computes the plan's losses that FILE does not have, and keeps them there a batch at a time.
 * Progress is reported as inputs. Errors: out of memory, a token id outside the model's vocabulary
 * (named with its document), FILE's, and ERR_INTERRUPTED once out_interrupted() says so and the
 * batches under way are kept. */
int scan_model(const struct neox *model, const struct plan *plan,
               const struct scan_options *options, struct loss_file *file,
               struct scan_result *result, struct err *e);

/* Fills *e for a scan that was interrupted: what is kept. Returns -1. */
int scan_interrupted(const struct loss_file *file, struct err *e);

/* Inputs a thread computes at a time when the user does not say. */
enum { SCAN_BATCH_TOKENS = 2048 };

#endif
