/* safetensors.h - the directory of a .safetensors file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SAFETENSORS_H
#define TRIPOD_SAFETENSORS_H

#include "models/checkpoint/tensors.h"

/* Appends the tensors of the file whose SIZE bytes are at DATA to LIST, with the given file number.
 * Checked: the header fits the file and is JSON; every element type is known, every shape's product
 * times its size is what the offsets span; together the tensors fill the data exactly, without
 * overlap, hole or rest, as the format asks. Alignment is not assumed. PATH is for messages. */
int safetensors_parse(const uint8_t *data, size_t size, const char *path, size_t file,
                      struct tensor_list *list, struct err *e);

#endif
