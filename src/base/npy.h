/* npy.h - numpy's array files, version 1.0: the header, and reading through a map.
 *
 * Only what we write and meet: little-endian numbers in C order, one or two dimensions.
 * Format: numpy.lib.format.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NPY_H
#define TRIPOD_NPY_H

#include "src/base/file.h"

enum { NPY_HEADER = 128 }; /* bytes of the headers we write; the data follow, 64-byte aligned */

/* Fills HEADER for an array of DESCR ("<f4", "<f8", "<i8" ...) of rows x columns; columns 0: one
 * dimension. */
void npy_header(char header[NPY_HEADER], const char *descr, uint64_t rows, uint64_t columns);

/* Such a header and BYTES of DATA to PATH, all or nothing. Errors: cannot write. */
int npy_save(const char *path, const char *descr, uint64_t rows, uint64_t columns, const void *data,
             size_t bytes, struct err *e);

struct npy {
    struct map map;
    char descr[8];
    uint64_t rows, columns; /* columns 0: one dimension */
    size_t width;           /* bytes of an element */
    const void *data;       /* rows * max(columns, 1) elements; aligned as the file has them */
};

/* Errors name the file and what was expected: not an .npy, another version, Fortran order, more
 * than two dimensions, big-endian, a size that is not the shape's. */
int npy_open(struct npy *a, const char *path, struct err *e);
void npy_close(struct npy *a);

#endif
