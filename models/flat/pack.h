/* pack.h - a checkpoint's tensor becomes the bytes the flat file stores: rows as they are, matrices
 * of products in panels (simd.h), query_key_value de-interleaved, or joined from three.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PACK_H
#define TRIPOD_PACK_H

#include "models/checkpoint/tensors.h"
#include "models/config.h"

/* What is packed: shape and element type of the parts are those IS asks for (the caller has
 * checked). */
struct pack_tensor {
    const struct neox_config *config;
    const struct neox_tensor *is;
    struct pack_part {
        const struct checkpoint_tensor *from;
        const uint8_t *base; /* the first element */
        const char *path;    /* the file it stands in, for messages */
    } part[3];
    size_t parts; /* 1, or of a matrix in panels 3 of equal shape: its rows one after the other */
};

/* Takes the packed bytes, about a MB at a time, in order. */
struct pack_sink {
    int (*put)(void *context, const void *data, size_t bytes, struct err *e);
    void *context;
};

/* A thread's buffers, reused from tensor to tensor. Zero-initialise. */
struct pack_buffers {
    uint8_t *packed, *rows; /* a chunk of output; a panel's rows when the source is strided */
    size_t packed_bytes, rows_bytes;
};
void pack_buffers_free(struct pack_buffers *b);

int pack_tensor(const struct pack_tensor *t, struct pack_buffers *b, const struct pack_sink *sink,
                struct err *e);

#endif
