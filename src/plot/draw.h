/* draw.h - what commands draw of what they have just found, with script and data beside the image. PATH and
 * *drawn: see plot_write.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_DRAW_H
#define TRIPOD_PLOT_DRAW_H

#include "fit/approaches.h"
#include "src/quanta/rank_envelope.h"

/* Profiles with minima and rejected points, N* and D* against C, corrected where that is known. */
int draw_isoflop(const char *path, const struct isoflop *f, const struct points *p,
                 const struct approaches_correction *c, bool *drawn, struct err *e);

/* Sizes of each number of clusters, their envelope and its line, and rank^-(ALPHA + 1) through the line's
 * middle. */
int draw_ranks(const char *path, const struct clustering *r, const struct rank_envelope *v,
               double alpha, bool *drawn, struct err *e);

#endif
