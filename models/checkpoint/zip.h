/* zip.h - a zip archive in memory, such as a map: its entries by number and by name, their bytes
 * where they lie. Stored entries only; zip64 too. What contradicts itself is refused: sizes, places
 * and headers that do not fit, a checksum that differs, a name that occurs twice, encryption.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ZIP_H
#define TRIPOD_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct zip;

/* Reads the directory of the archive DATA, which must outlive *Z. PATH is for messages (copied by
 * none: it must outlive *Z too). Errors: not a readable archive, an entry, out of memory. */
int zip_open(struct zip **z, const uint8_t *data, size_t size, const char *path, struct err *e);
void zip_close(struct zip *z); /* NULL is fine */

size_t zip_count(const struct zip *z);
/* Entry 0 .. count - 1, in the directory's order. */
const char *zip_name(const struct zip *z, size_t entry);
uint64_t zip_size(const struct zip *z, size_t entry);
/* The entry of that name, or zip_count. */
size_t zip_find(const struct zip *z, const char *name);

/* *BYTES: the entry within the archive's memory, zip_size of them, checksum compared.
 * Thread-safe. */
int zip_read(const struct zip *z, size_t entry, const uint8_t **bytes, struct err *e);

#endif
