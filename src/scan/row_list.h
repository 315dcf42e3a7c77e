/* row_list.h - lists of a matrix's rows: int64 .npy, 0-based.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ROW_LIST_H
#define TRIPOD_ROW_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/file.h"

/* Grows; zero-initialise. */
struct row_list {
    uint64_t *row;
    size_t n, room;
};
int row_list_add(struct row_list *l, uint64_t row); /* -1: out of memory */
void row_list_free(struct row_list *l);

/* Reads PATH: whole numbers (int64, int32, uint64, uint32) of one dimension, the first FIRST of them
 * (0: all), each below ROWS. Errors name the place. */
int row_list_read(struct row_list *l, const char *path, uint64_t rows, size_t first, struct err *e);

/* A list being written to DIRECTORY/NAME.npy; zero-initialise. The file appears at commit. */
struct row_file {
    struct out out;
    uint64_t n;
};
int row_file_open(struct row_file *f, const char *directory, const char *name, struct err *e);
int row_file_add(struct row_file *f, const uint64_t *rows, size_t n, struct err *e);
int row_file_commit(struct row_file *f, struct err *e);
void row_file_abort(struct row_file *f); /* safe on a zeroed or finished one */

#endif
