/* archive_private.h - an archive's format by its numbers (FORMAT.md), and an open one: what reader,
 * decoder and writer share.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ARCHIVE_PRIVATE_H
#define TRIPOD_ARCHIVE_PRIVATE_H

#include <pthread.h>

#include "models/flat/archive.h"
#include "models/flat/planes.h"

enum {
    ARCHIVE_HEADER = 64,
    ARCHIVE_VERSION = 1,
    ARCHIVE_COUNTS = 16, /* bytes before the entries */
    ARCHIVE_HEAD = 16,   /* a checkpoint's entry: where its head lies */
    ARCHIVE_ENTRY = 32,  /* a tensor's */
    ARCHIVE_DEPTH = 8,   /* tensors that are read to decode one, at most */
    ARCHIVE_CHECKPOINTS = 1 << 16,
    ARCHIVE_METADATA = 1 << 28, /* bytes, decoded, at most */
};
extern const uint8_t archive_magic[8];

/* The header's fields, by offset. */
enum {
    ARCHIVE_AT_VERSION = 8,
    ARCHIVE_AT_FLAGS = 12,
    ARCHIVE_AT_FILE_SIZE = 16,
    ARCHIVE_AT_METADATA = 24,
    ARCHIVE_AT_DECODED = 32,
    ARCHIVE_AT_METADATA_HASH = 40,
    ARCHIVE_AT_ZERO = 48,
    ARCHIVE_AT_HEADER_HASH = 56,
};

struct archive_entry {
    enum archive_codec codec;
    uint32_t base;   /* the checkpoint it differs from, or equals */
    uint32_t depth;  /* entries read to decode it, itself included */
    uint64_t offset; /* of the stored bytes; of one that is the same, where they would be */
    uint64_t bytes;
    uint64_t xxh3; /* of the stored bytes */
};

struct archive {
    char *path;
    struct map map; /* empty after archive_parse */
    const uint8_t *data;
    size_t size;
    uint64_t data_end;
    uint8_t *metadata;
    size_t metadata_bytes;
    size_t count, tensors; /* checkpoints, and tensors of each */
    struct archive_head {  /* a flat file's header and metadata */
        const uint8_t *data;
        size_t bytes;
    } * heads;                     /* [count] */
    struct flat_model *models;     /* [count], without tensors' data */
    struct archive_entry *entries; /* [count][tensors] */
    pthread_mutex_t lock;          /* of: */
    struct flat_memory *last;      /* a checkpoint decoded, or NULL */
    size_t last_index;
};

static inline const struct archive_entry *archive_entry(const struct archive *a, size_t checkpoint,
                                                        size_t tensor)
{
    return &a->entries[checkpoint * a->tensors + tensor];
}

/* The checkpoint whose entry has the tensor's bytes: itself, or the one it is the same as. */
static inline size_t archive_owner(const struct archive *a, size_t checkpoint, size_t tensor)
{
    const struct archive_entry *x = archive_entry(a, checkpoint, tensor);
    return x->codec == ARCHIVE_SAME ? x->base : checkpoint;
}

/* Elements of a tensor, and the blocks and bytes of the table of sizes they are stored with. */
static inline size_t archive_elements(const struct flat_tensor *t)
{
    return t->bytes / simd_dtype_bytes(t->dtype);
}
static inline size_t archive_blocks(const struct flat_tensor *t)
{
    return (archive_elements(t) + PLANES_BLOCK - 1) / PLANES_BLOCK;
}
static inline size_t archive_table(const struct flat_tensor *t)
{
    return archive_blocks(t) * simd_dtype_bytes(t->dtype) * sizeof(uint32_t);
}

/* What of the config a flat file's header holds: two stretches. */
enum {
    ARCHIVE_CONFIG = 80,
    ARCHIVE_CONFIG_END = 168,
    ARCHIVE_WINDOW = 192,
    ARCHIVE_WINDOW_END = 208
};

#endif
