/* square.h - a symmetric matrix of cosines on its way to an .npy of float32 [n, n], tile by tile from any
 * thread, so that it may be larger than memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_SQUARE_H
#define TRIPOD_QUANTA_SQUARE_H

#include "src/base/file.h"

enum { SQUARE_TILE = 256 }; /* the longest side of a tile */

struct square {
    struct out out; /* NULL file: not open */
    size_t n;
};

/* Whether PATH is a name for one: it ends in .npy. */
int square_name(const char *path, struct err *e);

/* Opens PATH, a name as above, to be written; all of its space is taken at once. Errors: the
 * name, no space, cannot write. */
int square_open(struct square *s, const char *path, size_t n, struct err *e);

/* Rows ROW .. ROW + ROWS - 1 of columns COLUMN .. COLUMN + COLUMNS - 1, and their mirror image unless
 * the tile lies on the diagonal (ROW is COLUMN; it is then whole). TILE's rows are SQUARE_TILE
 * apart. Any thread. Errors: cannot write. */
struct square_tile {
    size_t row, column, rows, columns;
};
int square_put(const struct square *s, const struct square_tile *at, const float *tile,
               struct err *e);

/* The same to C [n, n] in memory. */
void square_copy(float *c, size_t n, const struct square_tile *at, const float *tile);

/* Gives the complete file its name. */
int square_commit(struct square *s, struct err *e);
void square_abort(struct square *s); /* safe on a zeroed or finished one */

/* The tiles of the upper triangle, by rows: how many there are, and the I-th. */
size_t square_tiles(size_t n);
struct square_tile square_tile_at(size_t n, size_t i);

/* <a, b> / (|a| |b|), at most 1 in size. */
static inline float square_cosine(double product, double norm_a, double norm_b)
{
    const double c = product / (norm_a * norm_b);
    return c > 1 ? 1.0f : c < -1 ? -1.0f : (float)c;
}

#endif
