/* tensors.h - what the readers of weight files share: element types, a tensor's place in a file, lists
 * of tensors, an open file and a unit of its bytes. checkpoint.h is built on the readers.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TENSORS_H
#define TRIPOD_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/file.h"

enum { CHECKPOINT_RANK = 8 };

/* Element types that occur in such files; a model's weights are those with weight >= 0. */
struct element_type {
    const char *name;    /* as safetensors calls it: "F16" */
    const char *storage; /* as PyTorch calls its storage: "HalfStorage", or NULL */
    size_t bytes;
    int weight; /* enum simd_dtype, or -1 */
};
/* By either name; NULL when unknown. */
const struct element_type *element_type(const char *name);
const struct element_type *element_type_of_storage(const char *storage);

struct checkpoint_tensor {
    char *name;
    const struct element_type *type;
    size_t rank, shape[CHECKPOINT_RANK];
    size_t stride[CHECKPOINT_RANK]; /* in elements */
    size_t file;                    /* which file of the checkpoint */
    /* Units increase in file order. safetensors: the tensor's offset in the file; PyTorch: the
     * storage's index in the zip. All elements lie within the unit (checked). */
    uint64_t unit;
    uint64_t offset; /* bytes from the unit's start to the first element */
};

/* A growing list; free with tensor_list_free. */
struct tensor_list {
    struct checkpoint_tensor *items;
    size_t count, capacity;
};
/* Appends a copy of T with a copy of its name; -1 when out of memory. */
int tensor_list_add(struct tensor_list *list, const struct checkpoint_tensor *t, const char *name,
                    size_t length);
void tensor_list_free(struct tensor_list *list);

/* "[50304, 512]" into BUFFER; returns it. */
char *tensor_shape(const struct checkpoint_tensor *t, char *buffer, size_t size);

struct checkpoint_file {
    char *name; /* within the folder */
    char *path;
    struct map map;
    struct zip *zip; /* of a PyTorch file; NULL: safetensors */
};

/* A unit's bytes, in the file's map. */
struct checkpoint_unit {
    const uint8_t *data;
    uint64_t bytes;
    uint64_t end; /* where it ends in the file */
};

#endif
