/* points_examine.h - what rows can tell before any law is fitted to them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_POINTS_EXAMINE_H
#define TRIPOD_FIT_POINTS_EXAMINE_H

#include "fit/points.h"

/* Adds remarks: duplicates, ties, under a decade of N or D, one D only. */
int points_examine(struct points *p, struct err *e);

#endif
