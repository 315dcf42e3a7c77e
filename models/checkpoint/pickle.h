/* pickle.h - reads the pickle of a PyTorch state dict without executing anything.
 *
 * A machine of our own that knows the opcodes and the few globals a state dict needs, and builds
 * plain values: a callable is only a tag, and "calling" one means recognising a tensor, a parameter
 * or an empty OrderedDict. Any other global or opcode is an error that names it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PICKLE_H
#define TRIPOD_PICKLE_H

#include "models/checkpoint/tensors.h"

struct pickle_storage {
    char *key; /* name of the storage within the archive */
    const struct element_type *type;
    uint64_t elements;
};

/* What data.pkl says. A tensor's `unit` is the index of its storage here. */
struct pickle_state {
    struct tensor_list tensors;
    struct pickle_storage *storages;
    size_t storage_count;
};

/* Parses SIZE bytes; the object must be a dict of names to tensors. Each tensor lies within its
 * storage's elements (checked). PATH is for messages. */
int pickle_parse(struct pickle_state *state, const uint8_t *data, size_t size, const char *path,
                 struct err *e);
void pickle_free(struct pickle_state *state);

#endif
