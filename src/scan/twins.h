/* twins.h - models given together that are not what their names say: equal weights under different
 * steps or names, a shard of another step among the right ones.
 *
 * Tensors are compared by the checksums that import gave them: a directory a model is read, nothing
 * of the weights except what tells that equal tensors are constants (untrained layer norms, biases of
 * zero), which prove nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TWINS_H
#define TRIPOD_TWINS_H

#include <stddef.h>

#include "src/base/err.h"

/* FIRST[i] becomes the index of the first of MODELS [n] with the weights of the i-th: i where there
 * is none before it. Warns (progress_warn) once for each group of models of the same weights and of
 * models that have equal tensors; models of one name and step are one, given twice. Folders are imported
 * for it. A model that cannot be opened is left out: whoever scans it says why. Errors: out of
 * memory. */
int twins_find(size_t *first, const char *const *models, size_t n, struct err *e);

#endif
