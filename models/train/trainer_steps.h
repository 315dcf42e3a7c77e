/* trainer_steps.h - the steps a chunk's pass is made of: each computes this member's share and gives its
 * time to its phase.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAINER_STEPS_H
#define TRIPOD_TRAINER_STEPS_H

#include "models/train/trainer_memory.h"

/* The time since the last call goes to PHASE. */
void trainer_lap(struct trainer_member *m, enum trainer_phase phase);

void trainer_embed(struct trainer_member *m, struct strips x, const uint32_t *tokens);
void trainer_norm(struct trainer_member *m, struct strips out, struct strips in,
                  const struct neox_gain *gain);
void trainer_product(struct trainer_member *m, struct strips out, struct strips in,
                     const struct neox_linear *w, enum gemm_epilogue epilogue);
/* out = in; x = 0: [rows, d] */
void trainer_copy(struct trainer_member *m, struct strips out, struct strips in);
void trainer_clear(struct trainer_member *m, struct strips x);
/* inner = gelu(u), slope = gelu'(u); u in the place of slope */
void trainer_gelu(struct trainer_member *m, struct strips inner, struct strips slope);
/* All members meet before and after. */
void trainer_attention(struct trainer_member *m, size_t layer);
void trainer_attention_back(struct trainer_member *m, size_t layer);
/* dW += dy^T x, dbias += the sum of dy's rows; all rows of both must be there. */
void trainer_weights(struct trainer_member *m, struct strips dy, struct strips x,
                     const struct neox_linear *w);
/* dx = or *= dy W */
void trainer_inputs(struct trainer_member *m, struct strips dx, struct strips dy,
                    const struct neox_linear *w, enum gemm_epilogue epilogue);
/* dx += J^T dy of y = LN(x); the gains' gradients in parts, which trainer_gains adds up once all
 * members are here. */
void trainer_norm_back(struct trainer_member *m, struct strips dx, struct strips dy,
                       struct strips x, const struct neox_gain *gain);
void trainer_gains(struct trainer_member *m, const struct neox_gain *gain);
/* Losses of LN_f(out) = p->h; the gradient of that to p->dc. */
void trainer_head(struct trainer_member *m);
void trainer_embedding(struct trainer_member *m, struct strips dx);

#endif
