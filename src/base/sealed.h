/* sealed.h - a file of parts, one after the other as they lie in memory, with their checksum (XXH3, 64
 * bits) behind them: what a program leaves for itself to go on from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SEALED_H
#define TRIPOD_SEALED_H

#include <stddef.h>

#include "src/base/err.h"

struct sealed_part {
    void *data;
    size_t bytes;
};

/* The parts [n] and their checksum under PATH, all or nothing. */
int sealed_write(const char *path, const struct sealed_part *part, size_t n, struct err *e);

/* Whether the checksum of a whole file's bytes, at least 8, is right. NAME stands for the file. */
int sealed_check(const char *name, const void *data, size_t size, struct err *e);

/* The parts [n] from where they stand one after the other; the caller has checked their sizes. */
void sealed_take(const struct sealed_part *part, size_t n, const void *from);

#endif
