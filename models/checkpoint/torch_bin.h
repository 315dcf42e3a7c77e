/* torch_bin.h - a PyTorch file (torch.save, since 1.6): a zip whose data.pkl describes tensors that
 * view the storages beside it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TORCH_BIN_H
#define TRIPOD_TORCH_BIN_H

#include "models/checkpoint/tensors.h"

/* Opens F->path (already mapped) as a zip, reads data.pkl with the restricted machine of pickle.h
 * and appends its tensors to LIST with the given file number. Only stored (uncompressed), little
 * endian files; the format from before 1.6 is refused by name. */
int torch_bin_open(struct checkpoint_file *f, size_t file, struct tensor_list *list, struct err *e);

/* Reads storage UNIT whole, its CRC checked. */
int torch_bin_read(struct checkpoint_file *f, uint64_t unit, struct checkpoint_unit *u,
                   struct err *e);

void torch_bin_close(struct checkpoint_file *f);

#endif
