/* train_log.h - what a run measured: every step's training loss and gradient, and the validations.
 * Losses are nats a token.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_LOG_H
#define TRIPOD_TRAIN_LOG_H

#include <stddef.h>
#include <stdint.h>

/* The loss on the held-out text after so many steps, and its standard error, documents as clusters. */
struct train_test {
    uint64_t step;
    double loss, error;
};

struct train_log {
    size_t steps, room; /* steps done */
    double *loss;       /* [steps] of the step's batch, before its update */
    double *norm;       /* [steps] of its gradient, before clipping */
    struct train_test *test;
    size_t tests;
    double seconds; /* that the run has taken, in all calls */
};
void train_log_free(struct train_log *l); /* a zeroed one too */

/* -1: out of memory. */
int train_log_step(struct train_log *l, double loss, double norm);
int train_log_test(struct train_log *l, const struct train_test *test);

/* The mean training loss of the last N steps, or of all if there are fewer. */
double train_log_mean(const struct train_log *l, size_t n);

#endif
