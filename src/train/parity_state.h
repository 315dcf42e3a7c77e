/* parity_state.h - an unfinished run on the disk: everything its next step depends on but the settings.
 * As data are functions of their numbers, that is the weights, AdamW's means, the step, and the logs.
 *
 * Little-endian: "parity2\n", u64 XXH3 of the settings, steps done, logs, tasks, floats, float64 seconds;
 * float32 w, m, v [floats each]; float64 mean, train [logs each]; float32 subtask [logs * tasks]; u64 XXH3
 * of all before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_STATE_H
#define TRIPOD_PARITY_STATE_H

#include "src/train/parity_log.h"
#include "src/train/parity_settings.h"

/* All or nothing, under PATH. SETTINGS: stands for all that the run depends on. */
int parity_state_write(const char *path, uint64_t settings, const struct parity_net *p,
                       const struct parity_log *l, size_t tasks, struct err *e);

/* Fills the network's weights and steps, and the log. NAME stands for the file in messages. Errors:
 * other settings, sizes that are not the network's, a checksum. On error the log is empty. */
int parity_state_parse(struct parity_net *p, struct parity_log *l, size_t tasks, uint64_t settings,
                       const char *name, const void *data, size_t size, struct err *e);

#endif
