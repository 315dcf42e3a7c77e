/* points_join.h - two tables of runs as one.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_POINTS_JOIN_H
#define TRIPOD_FIT_POINTS_JOIN_H

#include "fit/points.h"

/* The rows of FIRST, then those of SECOND: numbers and lines; names of runs and groups are the first's,
 * and rows of SECOND belong to the first of them. The caller closes. Errors: memory. */
int points_join(struct points *to, const struct points *first, const struct points *second,
                struct err *e);

#endif
