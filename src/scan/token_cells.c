/* token_cells.c - see token_cells.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINE_LO = -16, /* octaves with fine cells: 2^FINE_LO .. 2^FINE_HI */
    FINE_HI = 6,
    FINE_BITS = 8,           /* 256 of them an octave */
    BLOCK_BYTES = 128 << 10, /* of rows summed up at a time */
};

/* What differs between the types. */
struct layout {
    unsigned bits, mantissa, exponent_bias;
    unsigned shift, least_shift; /* of the table: as many entries as fine cells at first */
};
static const struct layout narrow_layout = {32, 23, 127, 15, 8};
static const struct layout wide_layout = {64, 52, 1023, 44, 42};

static const struct layout *layout_of(bool wide)
{
    return wide ? &wide_layout : &narrow_layout;
}

static uint64_t pattern_of(double v, bool wide)
{
    uint64_t d;
    uint32_t f;
    float narrow = (float)v;
    memcpy(&d, &v, sizeof d);
    memcpy(&f, &narrow, sizeof f);
    return wide ? d : f;
}

static double value_of(uint64_t pattern, bool wide)
{
    double d;
    float f;
    uint32_t low = (uint32_t)pattern;
    memcpy(&d, &pattern, sizeof d);
    memcpy(&f, &low, sizeof f);
    return wide ? d : (double)f;
}

/* --- bins --- */

int token_bins_make(struct token_bins *b, size_t n, double lo, double hi, bool wide, struct err *e)
{
    *b = (struct token_bins){.n = n, .lo = lo, .hi = hi};
    b->edge = malloc((n + 1) * sizeof *b->edge);
    if (!b->edge) return err_memory(e, "bins");
    const double step = (hi - lo) / (double)n;
    for (size_t i = 0; i <= n; i++) {
        double edge = i == n ? hi : (double)i * step + lo;
        b->edge[i] = wide ? edge : (double)(float)edge;
        if (isfinite(b->edge[i]) && (i == 0 || b->edge[i] > b->edge[i - 1])) continue;
        token_bins_free(b);
        return err_set(e, "%zu bins from %g to %g: their edges are too close to tell apart", n, lo,
                       hi);
    }
    return 0;
}

void token_bins_free(struct token_bins *b)
{
    free(b->edge);
    *b = (struct token_bins){0};
}

size_t token_bins_index(const struct token_bins *b, double x)
{
    if (!(x >= b->edge[0] && x <= b->edge[b->n])) return b->n;
    size_t i = (size_t)((x - b->lo) / (b->hi - b->lo) * (double)b->n);
    if (i >= b->n) i = b->n - 1;
    while (i > 0 && x < b->edge[i]) i--;
    while (i + 1 < b->n && x >= b->edge[i + 1]) i++;
    return i;
}

double token_bins_density(const struct token_bins *b, size_t i, uint64_t count, uint64_t inside,
                          bool wide)
{
    double width = b->edge[i + 1] - b->edge[i];
    if (!wide) width = (double)(float)width;
    return inside ? (double)count / width / (double)inside : 0;
}

double token_bins_centre(const struct token_bins *b, size_t i)
{
    return 0.5 * (b->edge[i] + b->edge[i + 1]);
}

/* --- cells --- */

/* X in the unit, rounded as the type rounds it. */
static double in_unit(double x, double unit, bool wide)
{
    if (unit == 1) return x;
    return wide ? x / unit : (double)((float)x / (float)unit);
}

double token_cells_value(const struct token_cells *c, uint64_t pattern)
{
    return in_unit(value_of(pattern, c->wide), c->unit, c->wide);
}

static double next_value(double x, double to, bool wide)
{
    return wide ? nextafter(x, to) : (double)nextafterf((float)x, (float)to);
}

/* Where a cell has to begin so that values with in_unit(x) >= EDGE (ABOVE: > EDGE) are in others than
 * the rest: at the least of these values, or, since patterns of negative ones run the other way,
 * after its pattern. */
static uint64_t boundary(double edge, bool above, double unit, bool wide)
{
    double x = wide ? edge * unit : (double)(float)(edge * unit);
#define PASSES(v) (above ? in_unit(v, unit, wide) > edge : in_unit(v, unit, wide) >= edge)
    while (PASSES(x)) x = next_value(x, -INFINITY, wide);
    while (!PASSES(x)) x = next_value(x, INFINITY, wide);
#undef PASSES
    return x > 0 ? pattern_of(x, wide) : pattern_of(-fabs(x), wide) + 1;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The starts that do not depend on the edges, in any order; returns how many. */
static size_t grid(const struct layout *l, uint64_t *start)
{
    const uint64_t sign = UINT64_C(1) << (l->bits - 1), one = UINT64_C(1) << l->mantissa;
    const uint64_t octaves = sign >> l->mantissa; /* the last: infinity and NaNs */
    size_t n = 0;
    for (uint64_t k = 0; k < octaves; k++) {
        start[n++] = k * one;
        start[n++] = sign | k * one;
    }
    start[n++] = (octaves - 1) * one + 1; /* NaNs */
    start[n++] = (sign | (octaves - 1) * one) + 1;
    for (uint64_t k = l->exponent_bias + FINE_LO; k < l->exponent_bias + FINE_HI; k++) {
        for (uint64_t i = 1; i < 1 << FINE_BITS; i++) start[n++] = k * one + i * (one >> FINE_BITS);
    }
    return n;
}

static bool is_nan_cell(const struct token_cells *c, size_t cell)
{
    return isnan(value_of(c->start[cell], c->wide));
}

bool token_cells_negative(const struct token_cells *c, size_t cell)
{
    return c->start[cell] >> (layout_of(c->wide)->bits - 1);
}

bool token_cells_finite(const struct token_cells *c, size_t cell)
{
    return isfinite(value_of(c->start[cell], c->wide));
}

static void put_in_order(struct token_cells *c)
{
    size_t positive = 0, n = 0;
    while (positive < c->n && !token_cells_negative(c, positive)) positive++;
    for (size_t i = c->n; i-- > positive;) {
        if (!is_nan_cell(c, i)) c->order[n++] = i;
    }
    for (size_t i = 0; i < positive; i++) {
        if (!is_nan_cell(c, i)) c->order[n++] = i;
    }
    c->numbers = n;
    for (size_t i = 0; i < c->n; i++) {
        if (is_nan_cell(c, i)) c->order[n++] = i;
    }
}

/* Whether no entry of a table by SHIFT has more than one boundary inside, that is, not at its own
 * beginning. */
static bool resolves(const struct token_cells *c, unsigned shift)
{
    for (size_t i = 0; i + 2 < c->n; i++) {
        uint64_t a = c->start[i + 1], b = c->start[i + 2];
        if (a >> shift == b >> shift && a & ((UINT64_C(1) << shift) - 1)) return false;
    }
    return true;
}

/* The table: of every entry the cell its first pattern is in, and what carries into it from the
 * boundary inside on. */
static int fill_table(struct token_cells *c, struct err *e)
{
    const struct layout *l = layout_of(c->wide);
    c->shift = l->shift;
    while (!resolves(c, c->shift) && c->shift > l->least_shift) c->shift--;
    c->simple = resolves(c, c->shift);
    if (!c->simple) return 0;
    const uint64_t entries = UINT64_C(1) << (l->bits - c->shift);
    const uint64_t one = UINT64_C(1) << c->shift;
    if (c->wide)
        c->wide_table = malloc(entries * sizeof *c->wide_table);
    else
        c->table = malloc(entries * sizeof *c->table);
    if (!c->wide_table && !c->table) return err_memory(e, "bins");
    size_t cell = 0;
    for (uint64_t k = 0; k < entries; k++) {
        const uint64_t begin = k * one;
        while (cell + 1 < c->n && c->start[cell + 1] <= begin) cell++;
        uint64_t entry = cell * one - begin;
        if (cell + 1 < c->n && c->start[cell + 1] - begin < one)
            entry += begin + one - c->start[cell + 1];
        if (c->wide)
            c->wide_table[k] = entry;
        else
            c->table[k] = (uint32_t)entry;
    }
    return 0;
}

int token_cells_make(struct token_cells *c, const struct token_bins *bins, size_t first,
                     size_t last, double unit, bool wide, struct err *e)
{
    const struct layout *l = layout_of(wide);
    *c = (struct token_cells){.wide = wide, .unit = unit};
    const size_t most = 2 * (1u << (l->bits - 1 - l->mantissa)) + 2 +
                        (size_t)(FINE_HI - FINE_LO) * (1 << FINE_BITS) + (last - first + 1) + 2;
    c->start = malloc(most * sizeof *c->start);
    c->order = malloc(most * sizeof *c->order);
    if (!c->start || !c->order) {
        token_cells_free(c);
        return err_memory(e, "bins");
    }
    size_t n = grid(l, c->start);
    for (size_t i = first; i <= last; i++)
        c->start[n++] = boundary(bins->edge[i], i == bins->n, unit, wide);
    qsort(c->start, n, sizeof *c->start, by_number);
    for (size_t i = 0; i < n; i++) {
        if (c->n == 0 || c->start[i] != c->start[c->n - 1]) c->start[c->n++] = c->start[i];
    }
    c->start[c->n] = wide ? UINT64_MAX : UINT64_C(1) << 32;
    put_in_order(c);
    if (!fill_table(c, e)) return 0;
    token_cells_free(c);
    return -1;
}

void token_cells_free(struct token_cells *c)
{
    free(c->start);
    free(c->order);
    free(c->table);
    free(c->wide_table);
    *c = (struct token_cells){0};
}

size_t token_cells_find(const struct token_cells *c, uint64_t pattern)
{
    if (c->simple && c->wide)
        return (size_t)((c->wide_table[pattern >> c->shift] + pattern) >> c->shift);
    if (c->simple) {
        uint32_t p = (uint32_t)pattern;
        return (c->table[p >> c->shift] + p) >> c->shift;
    }
    size_t lo = 0, hi = c->n;
    while (hi - lo > 1) {
        size_t middle = lo + (hi - lo) / 2;
        if (c->start[middle] <= pattern)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

/* --- counting --- */

static inline uint32_t bits_of(const float *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* One column of float32. Four rows a turn, written out: an increment is one cycle when the loop around
 * it costs nothing. */
static double count_column(const struct token_cells *c, const float *p, size_t rows,
                           uint32_t *counts)
{
    const uint32_t *table = c->table;
    const unsigned s = c->shift;
    double sum[4] = {0};
    size_t r = 0;
#define COUNT(at)                                                                                  \
    do {                                                                                           \
        const uint32_t bits = bits_of(at);                                                         \
        counts[(table[bits >> s] + bits) >> s]++;                                                  \
    } while (0)
    for (; r + 4 <= rows; r += 4, p += 4) {
        COUNT(p);
        COUNT(p + 1);
        COUNT(p + 2);
        COUNT(p + 3);
        for (int k = 0; k < 4; k++) sum[k] += (double)p[k];
    }
    for (; r < rows; r++, p++) {
        COUNT(p);
        sum[0] += (double)*p;
    }
#undef COUNT
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The same for any type and any cells. */
static double count_any(const struct token_cells *c, const char *p, size_t rows, size_t stride,
                        uint32_t *counts)
{
    double sum[4] = {0};
    for (size_t r = 0; r < rows; r++, p += stride) {
        uint64_t pattern = 0;
        memcpy(&pattern, p, c->wide ? 8 : 4);
        counts[token_cells_find(c, pattern)]++;
        sum[r < rows / 4 * 4 ? r % 4 : 0] += value_of(pattern, c->wide);
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Rows that are counted and summed up at a time: with this, sums do not depend on how they are
 * stored. */
static size_t block_rows(size_t row_bytes)
{
    return BLOCK_BYTES / row_bytes > 64 ? BLOCK_BYTES / row_bytes : 64;
}

void token_cells_count(const struct token_cells *c, const void *values, size_t rows, size_t columns,
                       uint32_t *counts, double *sums)
{
    const size_t width = c->wide ? 8 : 4, stride = columns * width, block = block_rows(stride);
    const char *p = values;
    for (size_t r = 0; r < rows; r += block) {
        const size_t some = rows - r < block ? rows - r : block;
        for (size_t j = 0; j < columns; j++) {
            double sum = count_any(c, p + r * stride + j * width, some, stride, counts + j * c->n);
            if (sums) sums[j] += sum;
        }
    }
}

void token_cells_count_columns(const struct token_cells *c, const float *values, size_t stride,
                               size_t rows, size_t columns, uint32_t *counts, double *sums)
{
    const size_t block = block_rows(columns * sizeof *values);
    for (size_t j = 0; j < columns; j++) {
        for (size_t r = 0; r < rows; r += block) {
            const size_t some = rows - r < block ? rows - r : block;
            const float *p = values + j * stride + r;
            double sum = c->simple
                             ? count_column(c, p, some, counts + j * c->n)
                             : count_any(c, (const char *)p, some, sizeof *p, counts + j * c->n);
            if (sums) sums[j] += sum;
        }
    }
}
