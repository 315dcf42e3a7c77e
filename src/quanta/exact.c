/* exact.c - see exact.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/exact.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/progress.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Samples first .. first + n - 1, in rows row .. of memory. */
struct block {
    size_t first, n, row;
};

struct work {
    const struct exact_plan *plan;
    const struct exact_source *source;
    const struct kernels *kernels;
    struct loss_file *file;
    struct strips memory;  /* [resident + streamed][coordinates] */
    size_t bytes;          /* of it */
    struct block held;     /* what passed by last */
    double *total, *tiles; /* [resident + streamed][EXACT_WIDE]; a row of tiles */
    double **sums;         /* one a thread, as total */
    void **scratch;
};

/* --- the file: tiles of group x group pairs, the upper triangle by rows --- */

static size_t tile_doubles(const struct exact_plan *p)
{
    return p->group * p->group;
}

static size_t groups(const struct exact_plan *p)
{
    return (p->n + p->group - 1) / p->group;
}

/* The place in the file of tile I, J, which the tiles of I and J + 1 ... follow. */
static uint64_t tile_at(const struct exact_plan *p, size_t i, size_t j)
{
    const uint64_t before = (uint64_t)i * groups(p) - (uint64_t)i * (i - 1) / 2;
    return (before + (j - i)) * tile_doubles(p) * 2;
}

uint64_t exact_file_count(const struct exact_plan *p)
{
    const uint64_t g = groups(p);
    return g * (g + 1) / 2 * tile_doubles(p) * 2;
}

size_t exact_file_group(size_t n, uint64_t count)
{
    struct exact_plan p = {.n = n, .group = EXACT_GROUP};
    while (p.group && exact_file_count(&p) != count) p.group /= 2;
    return p.group;
}

/* Group I's tiles with the groups of B, from its own on: *j and *n. */
static void tiles_of(const struct exact_plan *p, size_t i, const struct block *b, size_t *j,
                     size_t *n)
{
    const size_t from = b->first / p->group, end = (b->first + b->n + p->group - 1) / p->group;
    *j = i > from ? i : from;
    *n = end - *j;
}

static bool is_there(const struct exact_plan *p, struct loss_file *file, const struct block *a,
                     const struct block *b)
{
    for (size_t i = a->first / p->group; i * p->group < a->first + a->n; i++) {
        size_t j, n;
        tiles_of(p, i, b, &j, &n);
        if (!loss_file_has(file, tile_at(p, i, j), n * tile_doubles(p) * 2)) return false;
    }
    return true;
}

/* w->total, [a->n][b->n], to the file. */
static int keep(const struct work *w, const struct block *a, const struct block *b, struct err *e)
{
    const struct exact_plan *p = w->plan;
    const size_t g = p->group;
    for (size_t i = a->first / g; i * g < a->first + a->n; i++) {
        size_t j, n;
        tiles_of(p, i, b, &j, &n);
        memset(w->tiles, 0, n * tile_doubles(p) * sizeof *w->tiles);
        for (size_t t = 0; t < n; t++)
            for (size_t r = 0; r < g && i * g + r < a->first + a->n; r++) {
                const size_t column = (j + t) * g - b->first;
                memcpy(w->tiles + (t * g + r) * g,
                       w->total + (i * g + r - a->first) * b->n + column,
                       least(g, b->n - column) * sizeof *w->tiles);
            }
        /* The file keeps bytes: a double is the place of two losses. */
        if (loss_file_put(w->file, tile_at(p, i, j), (const float *)(const void *)w->tiles,
                          n * tile_doubles(p) * 2, e))
            return -1;
    }
    return 0;
}

/* --- gradients into memory --- */

/* Of the block that is being loaded. */
struct landing {
    struct strips memory;
    struct block block;
};

static void land(void *context, size_t sample, uint64_t at, size_t n, const float *values)
{
    const struct landing *l = context;
    const size_t row = l->block.row + (sample - l->block.first);
    for (size_t some; n; n -= some, at += some, values += some) {
        some = least(n, SIMD_STRIP - (size_t)(at % SIMD_STRIP));
        memcpy(strip_at(l->memory, row, (size_t)at), values, some * sizeof *values);
    }
}

static int load(const struct work *w, const struct block *b, struct err *e)
{
    struct landing l = {w->memory, *b};
    const struct exact_sink sink = {&l, land};
    if (out_interrupted()) return err_kind(e, ERR_INTERRUPTED, "interrupted");
#pragma omp parallel for num_threads(w->plan->threads)
    for (uint64_t at = 0; at < w->plan->coordinates; at += SIMD_STRIP)
        memset(strip_at(w->memory, b->row, (size_t)at), 0, b->n * SIMD_STRIP * sizeof(float));
    return w->source->gradients(w->source->context, b->first, b->first + b->n, &sink, e);
}

/* What passed by last stays now: rows to the front. */
static void move_held(const struct work *w)
{
    const size_t bytes = w->held.n * SIMD_STRIP * sizeof(float);
#pragma omp parallel for num_threads(w->plan->threads)
    for (uint64_t at = 0; at < w->plan->coordinates; at += SIMD_STRIP)
        memmove(strip_at(w->memory, 0, (size_t)at), strip_at(w->memory, w->held.row, (size_t)at),
                bytes);
}

/* --- products --- */

static struct strips rows_from(struct strips memory, size_t row, uint64_t at)
{
    return (struct strips){strip_at(memory, row, (size_t)at), memory.rows};
}

/* w->total = a b^T. Threads share the coordinates, so that memory is read once; stretches are added
 * in their order. */
static void multiply(const struct work *w, const struct block *a, const struct block *b)
{
    const uint64_t p = w->plan->coordinates;
    const size_t size = a->n * b->n;
    memset(w->total, 0, size * sizeof *w->total);
#pragma omp parallel for ordered schedule(static, 1) num_threads(w->plan->threads)
    for (uint64_t at = 0; at < p; at += EXACT_STRETCH) {
        double *sums = w->sums[omp_get_thread_num()];
        const size_t columns = p - at < EXACT_STRETCH ? (size_t)(p - at) : EXACT_STRETCH;
        memset(sums, 0, size * sizeof *sums);
        w->kernels->inner_products(sums, b->n, rows_from(w->memory, a->row, at), a->n,
                                   rows_from(w->memory, b->row, at), b->n, columns,
                                   w->scratch[omp_get_thread_num()]);
#pragma omp ordered
        for (size_t i = 0; i < size; i++) w->total[i] += sums[i];
    }
}

/* Gradients that have no direction are found where they meet themselves or, one that is not finite,
 * anything. */
static int check(const struct work *w, const struct block *a, const struct block *b, struct err *e)
{
    for (size_t i = 0; i < a->n; i++) {
        for (size_t j = 0; j < b->n; j++) {
            const double product = w->total[i * b->n + j];
            const bool self = a->first + i == b->first + j;
            if (isfinite(product) && (!self || product > 0)) continue;
            if (self && product == 0)
                return err_kind(e, ERR_DAMAGED, "sample %zu: the gradient is zero", a->first + i);
            return err_kind(e, ERR_DAMAGED, "samples %zu and %zu: a gradient is not finite",
                            a->first + i, b->first + j);
        }
    }
    return 0;
}

static int meet(const struct work *w, const struct block *a, const struct block *b, struct err *e)
{
    if (is_there(w->plan, w->file, a, b)) return 0;
    multiply(w, a, b);
    return check(w, a, b, e) ? -1 : keep(w, a, b, e);
}

/* --- stages --- */

/* Those that stay with one another, some at a time with all before and themselves: of the square not
 * much more than half, in few readings of the memory. */
static int meet_resident(const struct work *w, const struct block *stay, struct err *e)
{
    const size_t third = stay->n / 3 / w->plan->group * w->plan->group;
    const size_t wide = third < EXACT_NARROW ? EXACT_NARROW : least(third, EXACT_WIDE);
    for (size_t at = 0, n; at < stay->n; at += n) {
        n = least(wide, stay->n - at);
        const struct block a = {stay->first, at + n, 0}, b = {stay->first + at, n, at};
        if (meet(w, &a, &b, e)) return -1;
    }
    return 0;
}

/* The I-th of those that pass by, counted from where the next stage begins. */
static struct block passing(const struct exact_plan *p, size_t next, size_t i)
{
    const size_t first = next + i * p->streamed;
    return (struct block){first, least(p->streamed, p->n - first), p->resident};
}

static size_t passes(const struct exact_plan *p, size_t next)
{
    return next < p->n ? (p->n - next + p->streamed - 1) / p->streamed : 0;
}

static bool is_complete(const struct exact_plan *p, struct loss_file *file,
                        const struct block *stay)
{
    const struct block all = {stay->first, p->n - stay->first, 0};
    return is_there(p, file, stay, &all);
}

uint64_t exact_left(const struct exact_plan *p, struct loss_file *file)
{
    struct block held = {0, 0, 0};
    uint64_t left = 0;
    for (size_t first = 0, next; first < p->n; first = next) {
        const struct block stay = {first, exact_stage(p, first), 0};
        next = first + stay.n;
        if (is_complete(p, file, &stay)) continue;
        left += stay.n - (held.first == first ? held.n : 0);
        held.n = 0;
        for (size_t i = passes(p, next); i--;) {
            const struct block b = passing(p, next, i);
            if (is_there(p, file, &stay, &b)) continue;
            left += b.n;
            held = b;
        }
    }
    return left;
}

static int stage(struct work *w, size_t first, struct err *e)
{
    const struct exact_plan *p = w->plan;
    const struct block stay = {first, exact_stage(p, first), 0};
    const size_t next = first + stay.n;
    if (is_complete(p, w->file, &stay)) return 0;
    struct block fresh = stay;
    if (w->held.n && w->held.first == first) {
        move_held(w);
        fresh = (struct block){first + w->held.n, stay.n - w->held.n, w->held.n};
    }
    w->held.n = 0;
    if (load(w, &fresh, e) || meet_resident(w, &stay, e)) return -1;
    for (size_t i = passes(p, next); i--;) {
        const struct block b = passing(p, next, i);
        if (is_there(p, w->file, &stay, &b)) continue;
        w->held.n = 0;
        if (load(w, &b, e) || meet(w, &stay, &b, e)) return -1;
        w->held = b;
    }
    return 0;
}

static int make_room(struct work *w, struct err *e)
{
    const struct exact_plan *p = w->plan;
    const size_t rows = p->resident + p->streamed, size = rows * EXACT_WIDE;
    w->memory.rows = rows;
    w->bytes = strips_size(rows, (size_t)p->coordinates) * sizeof(float);
    w->memory.data = simd_alloc(w->bytes);
    w->total = malloc(size * sizeof *w->total);
    /* A row of tiles is at most as long as a block is wide, and whole groups. */
    w->tiles = malloc(p->group * (EXACT_WIDE + 2 * p->group) * sizeof *w->tiles);
    w->sums = calloc((size_t)p->threads, sizeof *w->sums);
    w->scratch = calloc((size_t)p->threads, sizeof *w->scratch);
    bool good = w->memory.data && w->total && w->tiles && w->sums && w->scratch;
    for (int t = 0; good && t < p->threads; t++) {
        w->sums[t] = malloc(size * sizeof *w->total);
        w->scratch[t] = simd_alloc(simd_scratch_bytes());
        good = w->sums[t] && w->scratch[t];
    }
    return good ? 0 : err_memory(e, "gradients");
}

static void free_room(struct work *w)
{
    for (int t = 0; t < w->plan->threads; t++) {
        if (w->sums) free(w->sums[t]);
        if (w->scratch) simd_free(w->scratch[t], simd_scratch_bytes());
    }
    free(w->sums);
    free(w->scratch);
    free(w->tiles);
    free(w->total);
    simd_free(w->memory.data, w->bytes);
}

int exact_compute(const struct exact_plan *p, const struct exact_source *source,
                  const struct kernels *kernels, struct loss_file *file, struct err *e)
{
    struct work w = {.plan = p, .source = source, .kernels = kernels, .file = file};
    int status = make_room(&w, e);
    progress_begin("exact gradients", "gradients", exact_left(p, file));
    for (size_t first = 0; first < p->n && !status; first += exact_stage(p, first))
        status = stage(&w, first, e);
    progress_end();
    free_room(&w);
    if (status && e->kind == ERR_INTERRUPTED)
        err_kind(e, ERR_INTERRUPTED,
                 "interrupted: %" PRIu64 " of %" PRIu64
                 " inner products are kept; the same command goes on",
                 file->kept / 2, file->count / 2);
    return status;
}

/* --- what comes of it --- */

/* The tiles of group I with groups J .. J + N - 1. */
static int read_tiles(const struct exact_plan *p, const struct loss_file *file, size_t i, size_t j,
                      size_t n, double *tiles, struct err *e)
{
    return loss_file_read(file, tile_at(p, i, j), (float *)(void *)tiles, 2 * n * tile_doubles(p),
                          e);
}

int exact_norms(const struct exact_plan *p, const struct loss_file *file, double *norms,
                struct err *e)
{
    const size_t g = p->group;
    double *tile = malloc(tile_doubles(p) * sizeof *tile);
    int status = tile ? 0 : err_memory(e, "gradients");
    for (size_t i = 0; i < groups(p) && !status; i++) {
        status = read_tiles(p, file, i, i, 1, tile, e);
        for (size_t r = 0; r < g && i * g + r < p->n && !status; r++)
            norms[i * g + r] = sqrt(tile[r * g + r]);
    }
    free(tile);
    return status;
}

/* Row I of the tile AT, from column FIRST on: COUNT cosines of products that lie in tiles. On the
 * diagonal the row is a column as well. */
static void cosines_of_row(const struct exact_plan *p, const struct square_tile *at, size_t i,
                           size_t first, const double *tiles, const double *norms, float *c)
{
    const size_t g = p->group;
    for (size_t j = first; j < at->column + at->columns; j++) {
        const double *tile = tiles + (j - first) / g * tile_doubles(p);
        const double product = tile[i % g * g + (j - first) % g];
        const float value = i == j ? 1.0f : square_cosine(product, norms[i], norms[j]);
        c[(i - at->row) * SQUARE_TILE + j - at->column] = value;
        if (at->row == at->column) c[(j - at->row) * SQUARE_TILE + i - at->column] = value;
    }
}

/* A tile of the result from those of the file. */
static int cosines_of(const struct exact_plan *p, const struct loss_file *file,
                      const struct square_tile *at, const double *norms, double *tiles, float *c,
                      struct err *e)
{
    const size_t g = p->group;
    for (size_t i = at->row / g; i * g < at->row + at->rows; i++) {
        const size_t from = at->column / g, j = i > from ? i : from;
        const size_t end = (at->column + at->columns + g - 1) / g;
        if (read_tiles(p, file, i, j, end - j, tiles, e)) return -1;
        for (size_t r = i * g; r < (i + 1) * g && r < at->row + at->rows; r++)
            cosines_of_row(p, at, r, j * g, tiles, norms, c);
    }
    return 0;
}

/* To OUT or, where that is NULL, to C. */
static int all_cosines(const struct exact_plan *p, const struct loss_file *file,
                       const double *norms, const struct square *out, float *c, struct err *e)
{
    double *tiles = malloc(p->group * SQUARE_TILE * sizeof *tiles);
    float *tile = malloc(SQUARE_TILE * SQUARE_TILE * sizeof *tile);
    int status = tiles && tile ? 0 : err_memory(e, "gradients");
    for (size_t t = 0; t < square_tiles(p->n) && !status; t++) {
        const struct square_tile at = square_tile_at(p->n, t);
        status = cosines_of(p, file, &at, norms, tiles, tile, e);
        if (!status && out)
            status = square_put(out, &at, tile, e);
        else if (!status)
            square_copy(c, p->n, &at, tile);
    }
    free(tiles);
    free(tile);
    return status;
}

int exact_cosines(const struct exact_plan *p, const struct loss_file *file, const double *norms,
                  const struct square *out, struct err *e)
{
    return all_cosines(p, file, norms, out, NULL, e);
}

int exact_cosines_in_memory(const struct exact_plan *p, const struct loss_file *file,
                            const double *norms, float *c, struct err *e)
{
    return all_cosines(p, file, norms, NULL, c, e);
}
