/* square.c - see square.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/square.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "src/base/npy.h"

static uint64_t byte_of(const struct square *s, size_t row, size_t column)
{
    return NPY_HEADER + ((uint64_t)row * s->n + column) * sizeof(float);
}

int square_name(const char *path, struct err *e)
{
    const size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".npy")
               ? 0
               : err_set(e, "%s: expected a name that ends in .npy", path);
}

int square_open(struct square *s, const char *path, size_t n, struct err *e)
{
    *s = (struct square){.out.slot = -1, .n = n};
    if (square_name(path, e)) return -1;
    if (out_open(&s->out, path, e)) return -1;
    char header[NPY_HEADER];
    npy_header(header, "<f4", n, n);
    int code = posix_fallocate(fileno(s->out.file), 0, (off_t)byte_of(s, n, 0));
    if (!code && write_at(fileno(s->out.file), header, sizeof header, 0)) code = errno;
    if (!code) return 0;
    errno = code;
    err_errno(e, "%s: cannot write %zu x %zu numbers", path, n, n);
    square_abort(s);
    return -1;
}

int square_put(const struct square *s, const struct square_tile *at, const float *tile,
               struct err *e)
{
    const int fd = fileno(s->out.file);
    int bad = 0;
    for (size_t i = 0; i < at->rows && !bad; i++)
        bad = write_at(fd, tile + i * SQUARE_TILE, at->columns * sizeof *tile,
                       byte_of(s, at->row + i, at->column));
    for (size_t j = 0; j < at->columns && !bad && at->row != at->column; j++) {
        float row[SQUARE_TILE];
        for (size_t i = 0; i < at->rows; i++) row[i] = tile[i * SQUARE_TILE + j];
        bad = write_at(fd, row, at->rows * sizeof *row, byte_of(s, at->column + j, at->row));
    }
    return bad ? err_errno(e, "%s: cannot write", s->out.path) : 0;
}

void square_copy(float *c, size_t n, const struct square_tile *at, const float *tile)
{
    for (size_t i = 0; i < at->rows; i++)
        for (size_t j = 0; j < at->columns; j++)
            c[(at->row + i) * n + at->column + j] = c[(at->column + j) * n + at->row + i] =
                tile[i * SQUARE_TILE + j];
}

int square_commit(struct square *s, struct err *e)
{
    return out_commit(&s->out, e);
}

void square_abort(struct square *s)
{
    out_abort(&s->out);
}

size_t square_tiles(size_t n)
{
    const size_t sides = (n + SQUARE_TILE - 1) / SQUARE_TILE;
    return sides * (sides + 1) / 2;
}

struct square_tile square_tile_at(size_t n, size_t i)
{
    const size_t sides = (n + SQUARE_TILE - 1) / SQUARE_TILE;
    size_t row = 0;
    for (; i >= sides - row; row++) i -= sides - row;
    struct square_tile t = {.row = row * SQUARE_TILE, .column = (row + i) * SQUARE_TILE};
    t.rows = n - t.row < SQUARE_TILE ? n - t.row : SQUARE_TILE;
    t.columns = n - t.column < SQUARE_TILE ? n - t.column : SQUARE_TILE;
    return t;
}
