/* neox_steps.h - the steps a pass is made of. Each computes this member's share for the batch begun
 * with neox_run_begin, meets the other members where it reads what they wrote, and gives its time
 * to its phase.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_STEPS_H
#define TRIPOD_NEOX_STEPS_H

#include "models/neox/neox_run.h"

/* x = the inputs' rows of embed_in [inputs, d], with the learned positions added if there are any */
void neox_embed(const struct neox *m, struct neox_run *r, struct strips x);

/* x[row + i] = embed_in[tokens[i]], i < n, with what is learned of position first + i. Alone. */
void neox_embed_rows(const struct neox *m, struct strips x, size_t row, const uint32_t *tokens,
                     size_t first, size_t n);

/* out = LN(in) [inputs, d] */
void neox_norm(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
               const struct neox_gain *gain);

/* out = epilogue(in W^T + bias) [inputs, n] */
void neox_product(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
                  const struct neox_linear *w, enum gemm_epilogue epilogue);

/* out = causal attention of each piece [inputs, d] of qkv [inputs, 3d] */
void neox_attention(const struct neox *m, struct neox_run *r, struct strips out, struct strips qkv,
                    const struct attention_shape *shape);

/* out = LN(in) of the scored rows only, back to back [scored, d]; notes their targets. */
void neox_norm_scored(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
                      const struct neox_gain *gain);

/* The pieces' losses: log-sum-exp(W h) - (W h)[target] of the scored rows. */
void neox_head(const struct neox *m, struct neox_run *r, struct strips h);

#endif
