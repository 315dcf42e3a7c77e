/* archive.h - many checkpoints of one model in one file, losslessly compressed (FORMAT.md): reading.
 *
 * Each tensor of each checkpoint is stored whole, as the difference to an earlier checkpoint's, or not
 * at all where an earlier one is equal. A checkpoint is decoded by all threads into memory, where it
 * is the flat file it was made from, byte for byte: everything downstream works as with a mapped
 * file. At most 8 checkpoints are read for one of them; an archive keeps the one decoded last while it
 * is open (if it is less than a quarter of the machine's memory), from which the next in order takes
 * one step.
 *
 * Nothing is believed before it has been checked: what the directory says when the archive is opened,
 * the stored and the decoded bytes of tensors (XXH3-64) when they are decoded. Damage to a tensor's bytes
 * is an error of the checkpoints that need them; the others still read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ARCHIVE_H
#define TRIPOD_ARCHIVE_H

#include "models/flat/flat.h"

/* How a tensor is stored. */
enum archive_codec { ARCHIVE_WHOLE, ARCHIVE_DIFFERENCE, ARCHIVE_SAME, ARCHIVE_CODECS };

struct archive;

/* Whether a file's first bytes are an archive's. */
bool archive_is(const void *data, size_t size);

/* Maps the file and checks all that it says of its checkpoints and where their bytes lie. The caller
 * closes it; models opened from it stay. */
int archive_open(struct archive **a, const char *path, struct err *e);
void archive_close(struct archive *a); /* NULL is nothing */

/* The same on a file's bytes in memory, which must outlive the archive. */
int archive_parse(struct archive **a, const void *data, size_t size, const char *path,
                  struct err *e);

/* How many checkpoints there are (at least one), in the order of their steps; those whose step is not
 * known come last. */
size_t archive_count(const struct archive *a);

/* Bytes of the file. */
uint64_t archive_bytes(const struct archive *a);

/* What the I-th is: all of a flat model but its tensors' data, which are NULL. `path` is its name for
 * model_open: FILE@stepN, or FILE@I without a step. The archive owns it. */
const struct flat_model *archive_at(const struct archive *a, size_t i);

/* The checkpoint of that name after the @: "step3000", or an index where there is no step. SIZE_MAX: none. */
size_t archive_find(const struct archive *a, const char *name);

/* Bytes of the archive that are the I-th checkpoint's own, and how many of its tensors are stored in
 * which way: counts by enum archive_codec. */
uint64_t archive_stored(const struct archive *a, size_t i, size_t counts[ARCHIVE_CODECS]);

/* Decodes the I-th checkpoint with OpenMP's threads. flat_close frees it. Thread-safe. Errors: ones of
 * memory; damage, naming file, checkpoint and tensor. */
int archive_open_checkpoint(struct flat_model *m, struct archive *a, size_t i, struct err *e);

/* As archive_at, with the data of TENSOR besides (SIZE_MAX: of none); for flat_close to free. */
int archive_peek(struct flat_model *m, struct archive *a, size_t i, size_t tensor, struct err *e);

/* Whether the next is to be decoded without what the last one left (a test, a measurement). */
void archive_forget(struct archive *a);

#endif
