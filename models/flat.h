/* flat.h - the flat model file (FORMAT.md): magic, config, tensor directory, aligned data, ready to
 * be mapped.
 *
 * Tensor names are the checkpoint's own (gpt_neox.layers.0.attention.query_key_value.weight ...).
 * Matrices of the products are stored in panels (simd.h), rows of query_key_value de-interleaved:
 * the queries of all heads, then the keys, then the values. The embedding and all vectors are
 * stored row-major. Elements keep their stored type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FLAT_H
#define TRIPOD_FLAT_H

#include <jansson.h>
#include <stdint.h>

#include "models/config.h"
#include "simd/simd.h"
#include "src/file.h"

enum flat_layout { FLAT_ROWS, FLAT_PANELS };

struct flat_tensor {
    const char *name;
    enum simd_dtype dtype;
    enum flat_layout layout;
    size_t rows, columns; /* [out, in] of a matrix; a vector has rows = 1 */
    const void *data;     /* in the map; 64-byte aligned */
    size_t bytes;
    uint64_t xxh3; /* XXH3-64 of those bytes */
};

struct flat_model {
    struct map map;
    char *path;
    struct neox_config config;
    char *name;        /* e.g. "pythia-70m"; "" when not known */
    int64_t step;      /* training step, -1 when not known */
    double parameters; /* N without embeddings */
    double parameters_total;
    double tokens_seen; /* training tokens at this step, -1 when not known */
    size_t tensor_count;
    struct flat_tensor *tensors;
    json_t *provenance; /* source files, sizes, hashes */
};

/* Maps the file and checks everything but the tensors' contents: sizes, offsets, overlaps, names,
 * shapes against the config. The model owns what it points to until flat_close. */
int flat_open(struct flat_model *m, const char *path, struct err *e);
void flat_close(struct flat_model *m);

/* Recomputes every checksum; the error names the first tensor that differs. */
int flat_verify(const struct flat_model *m, struct err *e);

/* The tensor of that name, or NULL. */
const struct flat_tensor *flat_find(const struct flat_model *m, const char *name);

#endif
