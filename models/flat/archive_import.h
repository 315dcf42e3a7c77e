/* archive_import.h - checkpoints of one model, whatever they are stored as, become an archive.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ARCHIVE_IMPORT_H
#define TRIPOD_ARCHIVE_IMPORT_H

#include "models/flat/import.h"

/* Writes OUT from MODELS [n]: Hugging Face folders, flat files, checkpoints of archives, archives (all
 * their checkpoints), hub names, mixed. They are ordered by step, those without one last as given. All
 * must be of one config, no two of one step: else one line says which. Flat files are kept byte by byte;
 * of the options a folder's import uses the provenance and tokens of a step. OUT may be one of the
 * archives read. A folder is imported to a file beside OUT that has no name once it is mapped: two of
 * them take space at a time. On failure nothing is left and OUT is what it was. */
int archive_import(const char *const *models, size_t n, const char *out,
                   const struct import_options *options, struct err *e);

#endif
