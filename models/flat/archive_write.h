/* archive_write.h - an archive (archive.h) being written, checkpoint after checkpoint.
 *
 * Each tensor is coded whole and, if its predecessor is less than 8 steps from a whole one, as the difference to that; the
 * smaller is stored. One that equals an earlier checkpoint's is not stored again. Memory: twice the largest tensor, its
 * coded forms. The archive appears under its name when it is finished.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ARCHIVE_WRITE_H
#define TRIPOD_ARCHIVE_WRITE_H

#include "models/flat/flat.h"

struct archive_writer;

int archive_create(struct archive_writer **w, const char *path, struct err *e);

/* Adds M, which the writer reads until the next one has been added: of the config of those before it,
 * its step after theirs (unknown steps come last). Its tensors' checksums are verified. Uses OpenMP's
 * threads; progress is added as twice the model's bytes (once verified, once coded). */
int archive_add(struct archive_writer *w, const struct flat_model *m, struct err *e);

/* Writes the directory and gives the file its name; *BYTES gets its size. Frees the writer, whatever
 * happens. */
int archive_finish(struct archive_writer *w, uint64_t *bytes, struct err *e);
/* Removes what was written; frees. NULL is nothing. */
void archive_abort(struct archive_writer *w);

#endif
