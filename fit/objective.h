/* objective.h - what a fit minimises, by name.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_OBJECTIVE_H
#define TRIPOD_FIT_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

/* What is minimised: a sum over rows of the weight times
 *   huber  r^2/2 up to delta, delta (|r| - delta/2) beyond, r = ln L - ln L_observed
 *          (Hoffmann et al.)
 *   lad    |r| of the same
 *   logls  r^2/2 of the same
 *   ls     r^2/2, r = L - L_observed
 *   asym   |r| of L, `ratio` times that where the law lies above the observation: a lower envelope
 */
struct objective {
    enum { OBJ_HUBER, OBJ_LAD, OBJ_LOGLS, OBJ_LS, OBJ_ASYM } kind;
    double delta; /* OBJ_HUBER; 0: 1.345 times the robust scale of the residuals */
    double ratio; /* OBJ_ASYM */
};
/* "huber:1e-3", "huber:auto", "lad", "logls", "ls", "asym:10". */
int objective_parse(struct objective *o, const char *text, struct err *e);
void objective_text(const struct objective *o, char *text, size_t size); /* 32 bytes do */
bool objective_is_log(const struct objective *o);

#endif
