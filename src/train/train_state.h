/* train_state.h - an unfinished run on the disk: everything its next step depends on but settings and
 * data. As batches and rates are functions of the step, that is the weights, AdamW's moments, the step,
 * and what was logged.
 *
 * Little-endian: "train 1\n", u64 XXH3 of the settings, steps done, validations, floats, float64 seconds;
 * float32 w, m, v [floats each]; float64 loss, norm [steps each]; validations (u64 step, float64 loss,
 * error); u64 XXH3 of all before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_STATE_H
#define TRIPOD_TRAIN_STATE_H

#include "models/train/trainer.h"
#include "src/train/train_log.h"

/* All or nothing, under PATH. SETTINGS: stands for all that the run depends on. */
int train_state_write(const char *path, uint64_t settings, const struct trainer *t,
                      const struct train_log *l, struct err *e);

/* Fills w, m, v, steps of the trainer, which is of that many floats, and the log. NAME stands for the
 * file in messages. Errors: other settings, sizes that are not the run's (STEPS: how many it has in
 * all), a checksum. On error the log is empty. */
int train_state_parse(struct trainer *t, struct train_log *l, uint64_t settings, uint64_t steps,
                      const char *name, const void *data, size_t size, struct err *e);

#endif
