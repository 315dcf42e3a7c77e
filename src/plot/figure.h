/* figure.h - what puts each figure on a chart, by topic; see figures.h for what they are given.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_FIGURE_H
#define TRIPOD_PLOT_FIGURE_H

#include "src/plot/figures.h"

typedef int figure_build(struct chart *c, const struct figure_inputs *in, struct err *e);

figure_build figure_points;
figure_build figure_law, figure_laws;
figure_build figure_contours;
figure_build figure_isoflop, figure_minchilla, figure_envelope;
figure_build figure_next;
figure_build figure_precisions, figure_programs;
figure_build figure_allocation, figure_approaches;
figure_build figure_epoch;
figure_build figure_losses, figure_over_steps, figure_curves, figure_by; /* figure_tokens.c */
figure_build figure_residuals, figure_pairs, figure_profiles,
    figure_influence; /* figure_checks.c */
figure_build figure_similarity, figure_clusters, figure_ranks, figure_gradients;
figure_build figure_parity, figure_subtasks, figure_convergence, figure_learned, figure_exponents,
    figure_summary;
figure_build figure_theory, figure_toy;
figure_build figure_peak, figure_roofline, figure_kernels, figure_gemm; /* figure_bench.c */
figure_build figure_phases, figure_backward;

#endif
