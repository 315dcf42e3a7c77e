/* figure.h - what puts each figure on a chart, by topic; see figures.h for what they are given.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_FIGURE_H
#define TRIPOD_PLOT_FIGURE_H

#include "src/plot/figures.h"

typedef int figure_build(struct chart *c, const struct figure_inputs *in, struct err *e);

figure_build figure_points;           /* figure_points.c */
figure_build figure_law, figure_laws; /* figure_law.c */
figure_build figure_contours;         /* figure_contours.c */

#endif
