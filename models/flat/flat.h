/* flat.h - the flat model file (FORMAT.md): magic, config, tensor directory, aligned data, ready to
 * be mapped.
 *
 * Tensor names are GPT-NeoX's own (gpt_neox.layers.0.attention.query_key_value.weight ...), for GPT-Neo
 * too.
 * Matrices of the products are stored in panels (simd.h), rows of query_key_value de-interleaved:
 * the queries of all heads, then the keys, then the values. The embedding and all vectors are
 * stored row-major. Elements keep their stored type. embed_out.weight is always there: tied
 * embeddings are stored twice, as rows to look up and as panels to multiply.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FLAT_H
#define TRIPOD_FLAT_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "models/config.h"
#include "simd/simd.h"
#include "src/base/file.h"

enum flat_layout { FLAT_ROWS, FLAT_PANELS };

struct flat_tensor {
    const char *name;
    enum simd_dtype dtype;
    enum flat_layout layout;
    size_t rows, columns; /* [out, in] of a matrix; a vector has rows = 1 */
    const void *data;     /* in the map or memory; 64-byte aligned */
    uint64_t offset;      /* of it in the file */
    size_t bytes;
    uint64_t xxh3; /* XXH3-64 of those bytes */
};

/* Memory that models may share, 2 MiB-aligned: where a checkpoint from an archive is decoded to. */
struct flat_memory {
    atomic_int users;
    size_t bytes;
    uint8_t *data; /* zero at first */
};
struct flat_memory *flat_memory_new(size_t bytes); /* one user; NULL: out of memory */
struct flat_memory *flat_memory_share(struct flat_memory *memory); /* one user more */
void flat_memory_release(struct flat_memory *memory);              /* one less; NULL is nobody */

struct flat_model {
    struct map map;             /* empty where the file is in memory */
    struct flat_memory *memory; /* else NULL */
    const uint8_t *file;        /* its bytes, in either; NULL after flat_parse_head */
    size_t bytes;               /* of the file */
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
    /* Operands of products are 16-bit integers, made of a model whose weights had this hash
     * (flat_weights_hash): for products that take no others. */
    bool packed;
    uint64_t packed_of;
};

/* Maps the file and checks everything but the tensors' contents: sizes, offsets, overlaps, names,
 * shapes against the config. The model owns what it points to until flat_close. */
int flat_open(struct flat_model *m, const char *path, struct err *e);
void flat_close(struct flat_model *m);

/* Writes the file that M was opened from, byte for byte, to PATH. */
int flat_save(const struct flat_model *m, const char *path, struct err *e);

/* Recomputes every checksum; the error names the first tensor that differs. */
int flat_verify(const struct flat_model *m, struct err *e);

/* "pythia-70m": the model's name, or its file's without what follows the last dot. The caller frees; NULL
 * when out of memory. */
char *flat_label(const struct flat_model *m);

/* The tensor of that name, or NULL. */
const struct flat_tensor *flat_find(const struct flat_model *m, const char *name);

/* The same checks on a file's bytes in memory (64-byte aligned), which must outlive the model; PATH
 * is for messages. flat_open is this on a map. */
int flat_parse(struct flat_model *m, const void *data, size_t size, const char *path,
               struct err *e);

/* Header and metadata alone, one after the other, without the tensors between them: `data` of every
 * tensor is NULL. All else is checked as in a file. HEAD must outlive the model. */
int flat_parse_head(struct flat_model *m, const void *head, size_t bytes, const char *path,
                    struct err *e);
/* Those of an open model, in fresh memory which the caller frees; NULL: out of memory. */
uint8_t *flat_head(const struct flat_model *m, size_t *bytes);
/* And back to their places in a FILE, of the size that flat_parse_head found. */
void flat_place_head(uint8_t *file, const uint8_t *head, size_t bytes);

/* Whether a file's first bytes are a flat model's. */
bool flat_is(const void *data, size_t size);

/* "f32", "f16", "bf16", "i16" */
const char *flat_dtype_name(enum simd_dtype dtype);

/* Bytes of a tensor's data in the file. */
uint64_t flat_tensor_bytes(const struct neox_tensor *t, enum simd_dtype dtype);

/* A flat model file being written. The caller fills the tensors' data in any order and from any
 * number of threads, sets their checksums, and finishes; the file appears under its name only then.
 */
struct flat_writer {
    struct out out;
    struct neox_config config;
    size_t count;
    struct flat_writer_tensor {
        struct neox_tensor is;
        enum simd_dtype dtype;
        uint64_t offset, bytes, xxh3;
    } * tensors;
    uint64_t end; /* of the tensors' data */
};

/* Lays the file out and reserves its space (a full disk is found here). dtypes: one per tensor of
 * the config, in its order; SIMD_I16 of all that are panels, or of none (and then flat_finish's provenance
 * has to say of what: FORMAT.md). */
int flat_create(struct flat_writer *w, const char *path, const struct neox_config *config,
                const enum simd_dtype *dtypes, struct err *e);
/* BYTES at offset AT of tensor I. Thread-safe (with an err of one's own). */
int flat_put(struct flat_writer *w, size_t i, uint64_t at, const void *data, size_t bytes,
             struct err *e);
/* Writes directory and header and commits. PROVENANCE is borrowed. */
int flat_finish(struct flat_writer *w, const char *name, int64_t step, double tokens_seen,
                const json_t *provenance, struct err *e);
/* Removes what was written; safe on a zeroed or finished writer. */
void flat_abort(struct flat_writer *w);

#endif
