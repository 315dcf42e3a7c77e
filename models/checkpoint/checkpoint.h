/* checkpoint.h - the tensors of a Hugging Face folder, whichever form its weights have:
 * model.safetensors, its sharded form with an index, pytorch_model.bin (zip), its sharded form.
 *
 * Opening reads and checks the directories of all files; a tensor's bytes are reached unit by unit,
 * in file order, so that a model larger than memory streams through.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CHECKPOINT_H
#define TRIPOD_CHECKPOINT_H

#include "models/checkpoint/tensors.h"

struct checkpoint {
    char *folder;
    const char *format; /* "safetensors" or "pytorch" */
    const char *index;  /* the name of the file that lists the shards; NULL: one file, no index */
    size_t file_count;
    struct checkpoint_file *files;
    struct tensor_list tensors; /* sorted by name */
};

/* Whether the folder has weights in any of the forms. */
bool checkpoint_exists(const char *folder);

/* Errors name the file, or the folder where nothing usable is in it. */
int checkpoint_open(struct checkpoint *c, const char *folder, struct err *e);
void checkpoint_close(struct checkpoint *c);

/* The tensor of that name, or NULL. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name);

/* Zero-initialise U. PyTorch storages are read and their CRC checked. Not thread-safe per file. */
int checkpoint_unit(struct checkpoint *c, const struct checkpoint_tensor *t,
                    struct checkpoint_unit *u, struct err *e);

#endif
