/* parity_settings.h - what one training run on multitask sparse parity is, and what it will take.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_SETTINGS_H
#define TRIPOD_PARITY_SETTINGS_H

#include "models/train/parity_net.h"

struct parity_run {
    struct parity_shape shape;
    size_t width;
    uint64_t data; /* samples of the training set; 0: new ones for ever */
    size_t batch, steps, log;
    uint64_t
        test_points; /* of the mean loss, int(p_i test_points) of each task; 0: the mean is the sum
                             of p_i times each subtask's loss */
    size_t task_points; /* test samples of each subtask */
    /* Early stop: from step stop_from on, once the last stop_rises changes of the mean loss from log to
     * log were all rises. stop_rises 0: never. */
    size_t stop_from, stop_rises;
    struct parity_rates rates;
};

/* Errors: settings out of range. */
int parity_run_check(const struct parity_run *r, struct err *e);

/* "w500-z1.4-s0", "w500-d1000000-z1.4-s0": what tells the runs of one grid apart. */
void parity_run_name(const struct parity_run *r, char *name, size_t size);

/* How many of its first STEPS steps are logged. */
uint64_t parity_run_logs(const struct parity_run *r, uint64_t steps);

/* Multiplications and additions that the plain products of its steps FIRST .. END - 1 and of their tests
 * take: 4 batch n width a step, 2 n width a tested sample. */
double parity_run_flop(const struct parity_run *r, uint64_t first, uint64_t end);
/* Look-ups and what is like them: what its time follows from. */
double parity_run_cost(const struct parity_run *r);
/* Bytes in memory while it runs. */
uint64_t parity_run_bytes(const struct parity_run *r);

#endif
