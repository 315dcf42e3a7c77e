/* pack.c - rows to panels; see pack.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd/simd.h"

/* Bytes packed between writes: within L2, long enough for the disk. */
enum { CHUNK = 1 << 20, BLOCK = 32 };

/* Row of the checkpoint that holds row R of the output: a query_key_value that is one tensor is
 * [head][q, k, v][dim] there and [q, k, v][head][dim] here. */
static size_t source_row(const struct pack_tensor *t, size_t r)
{
    const struct neox_config *c = t->config;
    if (!t->is->qkv || t->parts > 1) return r;
    size_t part = r / c->hidden, head = r % c->hidden / c->head_size, dim = r % c->head_size;
    return (head * 3 + part) * c->head_size + dim;
}

/* Columns of 32 rows side by side: out[k][r] = rows[r][k]. In blocks of one cache line a row: read
 * column by column, rows whose distance is a power of two would evict each other. Four 16-bit
 * elements to a store: 3.0 instead of 2.3 GB/s a core (Zen 4). */
static void pack16(uint16_t *restrict out, const uint8_t *const *rows, size_t columns)
{
    uint16_t v[SIMD_PANEL][BLOCK] = {{0}};
    for (size_t k0 = 0; k0 < columns; k0 += BLOCK) {
        size_t n = columns - k0 < BLOCK ? columns - k0 : BLOCK;
        for (size_t r = 0; r < SIMD_PANEL; r++) {
            if (rows[r]) memcpy(v[r], rows[r] + 2 * k0, 2 * n);
        }
        for (size_t r = 0; r < SIMD_PANEL; r += 4) {
            for (size_t k = 0; k < n; k++) {
                uint64_t four = (uint64_t)v[r][k] | (uint64_t)v[r + 1][k] << 16 |
                                (uint64_t)v[r + 2][k] << 32 | (uint64_t)v[r + 3][k] << 48;
                memcpy(out + (k0 + k) * SIMD_PANEL + r, &four, sizeof four);
            }
        }
    }
}

static void pack32(uint32_t *restrict out, const uint8_t *const *rows, size_t columns)
{
    for (size_t k0 = 0; k0 < columns; k0 += BLOCK) {
        size_t n = columns - k0 < BLOCK ? columns - k0 : BLOCK;
        for (size_t r = 0; r < SIMD_PANEL; r++) {
            uint32_t v[BLOCK] = {0};
            if (rows[r]) memcpy(v, rows[r] + 4 * k0, 4 * n);
            for (size_t k = 0; k < n; k++) out[(k0 + k) * SIMD_PANEL + r] = v[k];
        }
    }
}

static uint8_t *room(uint8_t **buffer, size_t *capacity, size_t bytes)
{
    if (bytes > *capacity) {
        free(*buffer);
        *capacity = 0;
        *buffer = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (*buffer) *capacity = bytes;
    }
    return *buffer;
}

/* N elements of SIZE bytes, STRIDE elements apart. */
static void gather(uint8_t *out, const uint8_t *from, size_t n, size_t stride, size_t size)
{
    for (size_t i = 0; i < n; i++) memcpy(out + i * size, from + i * stride * size, size);
}

/* One call's arguments, and what follows from them. */
struct packer {
    const struct pack_tensor *t;
    struct pack_buffers *b;
    const struct pack_sink *sink;
    struct err *e;
    size_t rows, columns;
    size_t size; /* bytes of an element */
    int dtype;
};

/* A part's distances, in elements. */
static size_t row_stride(const struct pack_part *p)
{
    return p->from->rank == 2 ? p->from->stride[0] : 0;
}
static size_t column_stride(const struct pack_part *p)
{
    return p->from->stride[p->from->rank - 1];
}

/* --- weights that are not finite --- */

/* An element is infinite or no number where its exponent is all ones: the exponent's bits, and one
 * of its lowest, which then carries into the sign's place. Eight bytes of elements at once. */
static const struct {
    uint64_t exponent, one, carry;
} patterns[] = {
    [SIMD_F32] = {0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000},
    [SIMD_F16] = {0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000},
    [SIMD_BF16] = {0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000},
};

static inline uint64_t load(const uint8_t *from, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, from, bytes);
    return word;
}

/* Four chains side by side, each its own variable: the compiler makes two vectors of them at -O2,
 * too (58 GB/s; as an array 23, through a buffer 18). */
static bool all_finite(int dtype, const uint8_t *data, size_t bytes)
{
    const uint64_t exponent = patterns[dtype].exponent, one = patterns[dtype].one;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; bytes >= 32; data += 32, bytes -= 32) {
        a |= (load(data, 8) & exponent) + one;
        b |= (load(data + 8, 8) & exponent) + one;
        c |= (load(data + 16, 8) & exponent) + one;
        d |= (load(data + 24, 8) & exponent) + one;
    }
    for (size_t n; bytes; data += n, bytes -= n) {
        n = bytes < 8 ? bytes : 8;
        a |= (load(data, n) & exponent) + one;
    }
    return !((a | b | c | d) & patterns[dtype].carry);
}

/* Names an element of PART. */
static int not_finite_at(const struct packer *p, const struct pack_part *part, const uint8_t *at,
                         size_t r, size_t k)
{
    uint32_t bits = 0; /* of 16 bits the upper half */
    memcpy((uint8_t *)&bits + sizeof bits - p->size, at, p->size);
    uint64_t fraction = ~patterns[p->dtype].exponent >> 32 & 0x7fffffff;
    const char *value = bits & fraction ? "nan" : bits >> 31 ? "-inf" : "inf";
    char row[32] = "";
    if (part->from->rank == 2) snprintf(row, sizeof row, "%zu, ", r);
    return err_kind(p->e, ERR_DAMAGED, "%s: %s[%s%zu]: expected a finite number, found %s",
                    part->path, part->from->name, row, k, value);
}

/* Names the first in the checkpoint's own order, whatever was packed first. */
static int not_finite(const struct packer *p)
{
    for (size_t i = 0; i < p->t->parts; i++) {
        const struct pack_part *part = &p->t->part[i];
        for (size_t r = 0; r < p->rows / p->t->parts; r++) {
            for (size_t k = 0; k < p->columns; k++) {
                const uint8_t *at =
                    part->base + (r * row_stride(part) + k * column_stride(part)) * p->size;
                if (!all_finite(p->dtype, at, p->size)) return not_finite_at(p, part, at, r, k);
            }
        }
    }
    return err_kind(p->e, ERR_DAMAGED, "%s: %s: changed while it was read", p->t->part[0].path,
                    p->t->part[0].from->name);
}

static int emit(struct packer *p, const void *data, size_t bytes)
{
    if (!all_finite(p->dtype, data, bytes)) return not_finite(p);
    return p->sink->put(p->sink->context, data, bytes, p->e);
}

static int vector(struct packer *p)
{
    uint8_t *out = room(&p->b->packed, &p->b->packed_bytes, p->columns * p->size);
    if (!out) return err_memory(p->e, p->t->part[0].path);
    const struct pack_part *part = p->t->part;
    for (size_t i = 0; i < p->columns; i++) {
        size_t from = source_row(p->t, i) * column_stride(part);
        memcpy(out + i * p->size, part->base + from * p->size, p->size);
    }
    return emit(p, out, p->columns * p->size);
}

static int rows(struct packer *p)
{
    size_t row = p->columns * p->size;
    size_t step = row < CHUNK ? CHUNK / row : 1;
    const struct pack_part *part = p->t->part;
    bool dense = column_stride(part) == 1 && row_stride(part) == p->columns;
    uint8_t *out = NULL;
    if (!dense && !(out = room(&p->b->packed, &p->b->packed_bytes, step * row)))
        return err_memory(p->e, p->t->part[0].path);
    for (size_t r = 0; r < p->rows; r += step) {
        size_t n = p->rows - r < step ? p->rows - r : step;
        const uint8_t *from = part->base + r * row_stride(part) * p->size;
        for (size_t i = 0; i < n && !dense; i++)
            gather(out + i * row, from + i * row_stride(part) * p->size, p->columns,
                   column_stride(part), p->size);
        if (emit(p, dense ? from : out, n * row)) return -1;
    }
    return 0;
}

/* Panel NUMBER to OUT; STRIDED: room for its rows where a source's columns are apart. */
static void panel(const struct packer *p, size_t number, uint8_t *out, uint8_t *strided)
{
    const uint8_t *from[SIMD_PANEL] = {NULL};
    for (size_t r = 0; r < SIMD_PANEL; r++) {
        size_t row = number * SIMD_PANEL + r;
        if (row >= p->rows) break;
        const struct pack_part *part = &p->t->part[row / (p->rows / p->t->parts)];
        row = source_row(p->t, row % (p->rows / p->t->parts));
        from[r] = part->base + row * row_stride(part) * p->size;
        if (column_stride(part) == 1) continue;
        uint8_t *copy = strided + r * p->columns * p->size;
        gather(copy, from[r], p->columns, column_stride(part), p->size);
        from[r] = copy;
    }
    if (p->size == 2)
        pack16((uint16_t *)(void *)out, from, p->columns);
    else
        pack32((uint32_t *)(void *)out, from, p->columns);
}

static int panels(struct packer *p)
{
    size_t bytes = p->columns * SIMD_PANEL * p->size;
    size_t step = bytes < CHUNK ? CHUNK / bytes : 1;
    size_t count = panels_count(p->rows);
    uint8_t *strided = NULL, *out = room(&p->b->packed, &p->b->packed_bytes, step * bytes);
    if (!out) return err_memory(p->e, p->t->part[0].path);
    bool apart = false;
    for (size_t i = 0; i < p->t->parts; i++) apart |= column_stride(&p->t->part[i]) != 1;
    if (apart && !(strided = room(&p->b->rows, &p->b->rows_bytes, bytes)))
        return err_memory(p->e, p->t->part[0].path);
    for (size_t at = 0; at < count; at += step) {
        size_t n = count - at < step ? count - at : step;
        for (size_t i = 0; i < n; i++) panel(p, at + i, out + i * bytes, strided);
        if (emit(p, out, n * bytes)) return -1;
    }
    return 0;
}

int pack_tensor(const struct pack_tensor *t, struct pack_buffers *b, const struct pack_sink *sink,
                struct err *e)
{
    const struct element_type *type = t->part[0].from->type;
    struct packer p = {.t = t,
                       .b = b,
                       .sink = sink,
                       .e = e,
                       .rows = t->is->rows,
                       .columns = t->is->columns,
                       .size = type->bytes,
                       .dtype = type->weight};
    return t->is->vector ? vector(&p) : t->is->panels ? panels(&p) : rows(&p);
}

void pack_buffers_free(struct pack_buffers *b)
{
    free(b->packed);
    free(b->rows);
    *b = (struct pack_buffers){0};
}
