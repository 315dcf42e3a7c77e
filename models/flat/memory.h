/* memory.h - a flat model that was not read from a file: float32 tensors in memory, to be filled,
 * trained, and written to a file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FLAT_MEMORY_H
#define TRIPOD_FLAT_MEMORY_H

#include "models/flat/flat.h"

/* A model of CONFIG whose tensors are float32 zeros: order, layouts and alignment of FORMAT.md, so
 * neox_load takes it as it takes a mapped file. It has no file, name, step or checksums. All tensors
 * lie in one block, flat_floats, each from a multiple of 16 floats on with zeros between them; panels'
 * rows beyond the last are to stay zeros. PATH is for messages. The caller closes with flat_close.
 * Errors: neox_config_check's; out of memory. */
int flat_make(struct flat_model *m, const struct neox_config *config, const char *path,
              struct err *e);

/* The block of a model that flat_make made: *count floats, with the padding. */
float *flat_floats(const struct flat_model *m, size_t *count);
/* Tensor I's part of it. */
float *flat_floats_of(const struct flat_model *m, size_t i);
/* How many floats a model of CONFIG takes. */
uint64_t flat_floats_count(const struct neox_config *config);

/* What a file is to say of its weights. */
struct flat_title {
    const char *name;
    int64_t step;             /* -1: not known */
    double tokens_seen;       /* -1: not known */
    const json_t *provenance; /* an object, borrowed */
};

/* Writes a model whose tensors are all float32 (flat_make's, or one that was read) to the file PATH,
 * its elements as they are or narrowed to nearest even. Errors: a tensor of another type; a number
 * that is not finite, before or after narrowing, named with its tensor; cannot write. Then nothing is
 * left under PATH. */
int flat_write(const struct flat_model *m, const char *path, enum simd_dtype dtype,
               const struct flat_title *title, struct err *e);

#endif
