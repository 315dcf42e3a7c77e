/* neox_save.h - a packed model as a flat file (FORMAT.md), so that it need not be packed again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_SAVE_H
#define TRIPOD_NEOX_SAVE_H

#include "models/neox/neox_narrow.h"

/* Writes MODEL, loaded for products_int16 and narrowed, to PATH: the embedding and learned positions as
 * its file has them, vectors as float32 with the factors in them, matrices as 16-bit integers. In the
 * provenance, beside what the file's says: of which weights it was made, the probe, the exponents, and EXTRA
 * (borrowed; an object). *written: bytes of the tensors. */
int neox_save(const struct neox *model, const struct neox_narrowed *narrowed, const char *path,
              const json_t *extra, uint64_t *written, struct err *e);

#endif
