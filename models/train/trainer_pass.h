/* trainer_pass.h - forward and backward pass of one chunk of a batch.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAINER_PASS_H
#define TRIPOD_TRAINER_PASS_H

#include "models/train/trainer_memory.h"

/* The chunk's losses, and its gradient added to t->g. */
void trainer_chunk(struct trainer_member *m, const uint32_t *tokens);

#endif
