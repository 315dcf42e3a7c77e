/* adamw.h - a step of AdamW from its rates (kernel_adamw, simd/simd.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_ADAMW_H
#define TRIPOD_TRAIN_ADAMW_H

#include "simd/simd.h"

/* Step `step`, 1, 2, ..., of parameters whose weight decay is `decay`. */
struct adamw adamw_step(double rate, double beta1, double beta2, double epsilon, double decay,
                        uint64_t step);

#endif
