/* archived.h - checkpoints of archives by name: FILE@stepN, FILE@I where the step is not known, or FILE
 * where it is the only one. A path that exists is taken as it is, whatever @ is in it.
 *
 * The archive used last stays open, and its checkpoint decoded last in memory, so that the next in
 * order takes one step (archive.h). Thread-safe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ARCHIVED_H
#define TRIPOD_ARCHIVED_H

#include "models/flat/flat.h"

/* Whether MODEL is an archive or names a checkpoint of one. */
bool archived_is(const char *model);

/* The names of all checkpoints of an archive, or MODEL itself where it names one of them: *names
 * [*count], which the caller frees, and each, after an error too; none where MODEL is no archive.
 * Errors: a damaged archive, out of memory. */
int archived_names(char ***names, size_t *count, const char *model, struct err *e);

/* Decodes that checkpoint. Errors: there is none of that name (the message lists what there is),
 * damage, memory. */
int archived_open(struct flat_model *m, const char *model, struct err *e);

/* Its directory alone: no tensor's data is there (NULL) but that of TENSOR (SIZE_MAX: none). */
int archived_peek(struct flat_model *m, const char *model, size_t tensor, struct err *e);

#endif
