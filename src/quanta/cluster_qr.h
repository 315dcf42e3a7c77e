/* cluster_qr.h - clusters read off the eigenvectors without a draw.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CLUSTER_QR_H
#define TRIPOD_CLUSTER_QR_H

#include "src/quanta/spectral.h"

/* LABEL [n] for K clusters from the first K vectors: K samples far apart by QR with column pivoting,
 * the rotation nearest to them, and the largest coordinate after it (Damle, Minden and Ying 2019, as
 * scikit-learn has it, on the vectors divided by the roots of the degrees). Deterministic; poorer
 * than k-means where clusters overlap. Errors: LAPACK's, out of memory. */
int cluster_qr(int32_t *label, const struct spectral *s, size_t k, struct err *e);

#endif
