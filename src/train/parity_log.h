/* parity_log.h - what a run on sparse parity measured, log by log. Losses are nats.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_LOG_H
#define TRIPOD_PARITY_LOG_H

#include <stddef.h>

struct parity_log {
    size_t n, room;       /* logs; log i is of step i * run.log */
    double *mean, *train; /* [n] mean test loss; the loss of that step's batch */
    float *subtask;       /* [n][tasks] */
    double seconds;       /* that the run has taken, in all calls */
};
void parity_log_free(struct parity_log *l); /* a zeroed one too */
/* Makes room for one more log: zeroed. -1: out of memory. */
int parity_log_grow(struct parity_log *l, size_t tasks);
/* The log of the smallest mean loss, the first of equal ones: the network that early stopping keeps. */
size_t parity_log_best(const struct parity_log *l);

#endif
