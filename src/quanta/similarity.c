/* similarity.c - see similarity.h. Tiles of 256 x 256 pairs, each computed by one thread.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/similarity.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/progress.h"
#include "src/quanta/square.h"

enum { T = SQUARE_TILE };

/* What is written of a pair. */
enum { COSINE, ANGULAR, FIRST, SECOND, KINDS };

/* Sums over the pairs of a tile, added up in the tiles' order. */
struct sums {
    double c, c2, least, greatest, theory2, half2, half;
};

/* One thread's. */
struct room {
    struct strips a, b;  /* [T][SIMD_STRIP] */
    double *products[2]; /* [T][T], of the first vectors and the second */
    float *tile[KINDS];  /* [T][T] */
    void *scratch, *all;
    size_t bytes;
};

static int open_room(struct room *r, struct err *e)
{
    const size_t strips = strips_size(T, SIMD_STRIP) * sizeof(float),
                 products = T * T * sizeof(double), tile = T * T * sizeof(float);
    r->bytes = 2 * strips + 2 * products + KINDS * tile + simd_scratch_bytes();
    char *p = r->all = simd_alloc(r->bytes);
    if (!p) return err_memory(e, "similarity");
    r->a = (struct strips){(float *)(void *)p, T};
    r->b = (struct strips){(float *)(void *)(p += strips), T};
    p += strips;
    for (int v = 0; v < 2; v++, p += products) r->products[v] = (double *)(void *)p;
    for (int kind = 0; kind < KINDS; kind++, p += tile) r->tile[kind] = (float *)(void *)p;
    r->scratch = p;
    return 0;
}

static void close_room(struct room *r)
{
    simd_free(r->all, r->bytes);
}

/* --- a tile --- */

/* Which samples: `list` [n], or all where it is NULL. */
struct samples_of {
    const struct sketches *s;
    const size_t *list;
    const double (*norms)[3]; /* [n] */
    const struct kernels *kernels;
};

static size_t sample_of(const struct samples_of *x, size_t i)
{
    return x->list ? x->list[i] : i;
}

/* One strip of so many rows: they and the sums stay in L2. */
static void copy_rows(struct strips to, const struct samples_of *x, size_t first, size_t rows,
                      size_t at, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(strip_at(to, i, 0), x->s->row[sample_of(x, first + i)] + at, n * sizeof(float));
}

static void multiply(const struct samples_of *x, const struct square_tile *at, struct room *r)
{
    const size_t half = x->s->k / 2;
    for (size_t v = 0; v < 2; v++) {
        memset(r->products[v], 0, T * T * sizeof *r->products[v]);
        for (size_t c = 0, n; c < half; c += n) {
            n = half - c < SIMD_STRIP ? half - c : SIMD_STRIP;
            copy_rows(r->a, x, at->row, at->rows, v * half + c, n);
            copy_rows(r->b, x, at->column, at->columns, v * half + c, n);
            x->kernels->inner_products(r->products[v], T, r->a, at->rows, r->b, at->columns, n,
                                       r->scratch);
        }
    }
}

static float cosine_or_zero(double product, double a, double b)
{
    return a > 0 && b > 0 ? square_cosine(product, a, b) : 0;
}

static void cosines_of_sketches(const struct samples_of *x, const struct square_tile *at,
                                struct room *r)
{
    multiply(x, at, r);
    for (size_t i = 0; i < at->rows; i++) {
        const double *a = x->norms[at->row + i];
        for (size_t j = 0; j < at->columns; j++) {
            const double *b = x->norms[at->column + j];
            const double first = r->products[0][i * T + j], second = r->products[1][i * T + j];
            const bool self = at->row + i == at->column + j;
            r->tile[COSINE][i * T + j] = self ? 1 : square_cosine(first + second, a[2], b[2]);
            r->tile[FIRST][i * T + j] = self ? 1 : cosine_or_zero(first, a[0], b[0]);
            r->tile[SECOND][i * T + j] = self ? 1 : cosine_or_zero(second, a[1], b[1]);
        }
    }
}

static int cosines_as_they_are(const struct sketches *s, const struct square_tile *at,
                               struct room *r, struct err *e)
{
    for (size_t i = at->row; i < at->row + at->rows; i++) {
        for (size_t j = at->column; j < at->column + at->columns; j++) {
            const float c = s->exact[i * s->n + j], mirror = s->exact[j * s->n + i];
            if (!(fabsf(c) <= 1) || c != mirror || (i == j && c != 1))
                return err_kind(e, ERR_DAMAGED,
                                "%s: row %zu, column %zu: expected a symmetric matrix of cosines, "
                                "found %g and %g",
                                s->part[0].path, i, j, (double)c, (double)mirror);
            r->tile[COSINE][(i - at->row) * T + j - at->column] = c;
        }
    }
    return 0;
}

static void sum_up(const struct square_tile *at, const struct room *r, bool sketched,
                   struct sums *s)
{
    *s = (struct sums){.least = INFINITY, .greatest = -INFINITY};
    for (size_t i = 0; i < at->rows; i++) {
        for (size_t j = at->row == at->column ? i + 1 : 0; j < at->columns; j++) {
            const double c = (double)r->tile[COSINE][i * T + j], free = 1 - c * c;
            s->c += c;
            s->c2 += c * c;
            s->least = fmin(s->least, c);
            s->greatest = fmax(s->greatest, c);
            s->theory2 += free * free;
            if (!sketched) continue;
            const double half =
                ((double)r->tile[FIRST][i * T + j] - (double)r->tile[SECOND][i * T + j]) / 2;
            s->half2 += half * half;
            s->half = fmax(s->half, fabs(half));
        }
    }
}

/* --- all of them --- */

/* The files being written; those that are not wanted are not open. */
struct outputs {
    struct square square[KINDS];
};

static int open_outputs(struct outputs *o, const struct similarity_files *f, size_t n,
                        bool sketched, struct err *e)
{
    const char *path[KINDS] = {f->cosines, f->angular, f->halves[0], f->halves[1]};
    *o = (struct outputs){0};
    for (int kind = 0; kind < KINDS; kind++) {
        if (!path[kind] || (kind >= FIRST && !sketched)) continue;
        if (square_open(&o->square[kind], path[kind], n, e)) return -1;
    }
    return 0;
}

static void angles(const struct square_tile *at, const struct room *r)
{
    for (size_t i = 0; i < at->rows; i++)
        for (size_t j = 0; j < at->columns; j++)
            r->tile[ANGULAR][i * T + j] =
                (float)(1 - acos((double)r->tile[COSINE][i * T + j]) / M_PI);
}

static int put(const struct outputs *o, const struct square_tile *at, const struct room *r,
               struct err *e)
{
    if (o->square[ANGULAR].out.file) angles(at, r);
    for (int kind = 0; kind < KINDS; kind++)
        if (o->square[kind].out.file && square_put(&o->square[kind], at, r->tile[kind], e))
            return -1;
    return 0;
}

static int one_tile(const struct samples_of *x, const struct square_tile *at, struct room *r,
                    struct sums *sums, struct err *e)
{
    if (!x->s->exact)
        cosines_of_sketches(x, at, r);
    else if (cosines_as_they_are(x->s, at, r, e))
        return -1;
    sum_up(at, r, !x->s->exact, sums);
    return 0;
}

/* The greatest that is to be expected of so many normal numbers of standard deviation 1. */
static double greatest_of(uint64_t n)
{
    double lo = 0, hi = 40;
    for (int i = 0; i < 60; i++) {
        const double middle = (lo + hi) / 2;
        *((double)n * erfc(middle * M_SQRT1_2) > 0.5 ? &lo : &hi) = middle;
    }
    return lo;
}

static void conclude(struct similarity *result, const struct sketches *s, const struct sums *sums,
                     size_t tiles)
{
    struct sums all = {.least = INFINITY, .greatest = -INFINITY};
    for (size_t t = 0; t < tiles; t++) {
        all.c += sums[t].c;
        all.c2 += sums[t].c2;
        all.least = fmin(all.least, sums[t].least);
        all.greatest = fmax(all.greatest, sums[t].greatest);
        all.theory2 += sums[t].theory2;
        all.half2 += sums[t].half2;
        all.half = fmax(all.half, sums[t].half);
    }
    const uint64_t pairs = (uint64_t)s->n * (s->n - 1) / 2;
    const double n = (double)pairs;
    *result = (struct similarity){.n = s->n, .k = s->k, .pairs = pairs};
    result->mean = all.c / n;
    result->sd = sqrt(fmax(0, all.c2 / n - result->mean * result->mean));
    result->least = all.least;
    result->greatest = all.greatest;
    result->theory = result->halves = (struct similarity_error){NAN, NAN};
    if (s->exact) return;
    result->theory.rms = sqrt(all.theory2 / n / (double)s->k);
    result->theory.max = result->theory.rms * greatest_of(pairs);
    result->halves = (struct similarity_error){sqrt(all.half2 / n), all.half};
}

static int all_tiles(const struct samples_of *x, const struct outputs *o, struct sums *sums,
                     size_t tiles, struct err *e)
{
    int status = 0;
    progress_begin("similarity", "pairs", (uint64_t)x->s->n * x->s->n);
#pragma omp parallel
    {
        struct room room;
        struct err mine;
        if (open_room(&room, &mine)) err_first(e, &status, &mine);
#pragma omp for schedule(dynamic, 1)
        for (size_t t = 0; t < tiles; t++) {
            if (err_status(&status)) continue;
            const struct square_tile at = square_tile_at(x->s->n, t);
            if (one_tile(x, &at, &room, &sums[t], &mine) || put(o, &at, &room, &mine))
                err_first(e, &status, &mine);
            progress_add((at.row == at.column ? 1 : 2) * at.rows * at.columns);
        }
        close_room(&room);
    }
    progress_end();
    return status;
}

int similarity_check(const struct sketches *s, const struct similarity_files *f, struct err *e)
{
    const char *path[KINDS] = {f->cosines, f->angular, f->halves[0], f->halves[1]};
    if (s->n < 2) return err_set(e, "%s: expected at least two samples, found one", s->folder);
    for (int kind = 0; kind < KINDS; kind++)
        if (path[kind] && square_name(path[kind], e)) return -1;
    return 0;
}

int similarity_write(const struct sketches *s, const struct similarity_files *files,
                     const struct kernels *kernels, struct similarity *result, struct err *e)
{
    const size_t tiles = square_tiles(s->n);
    struct outputs o = {0};
    double(*norms)[3] = calloc(s->n, sizeof *norms);
    struct sums *sums = calloc(tiles, sizeof *sums);
    const struct samples_of x = {s, NULL, norms, kernels};
    int status = norms && sums ? 0 : err_memory(e, "similarity");
    if (!status) status = similarity_check(s, files, e);
    if (!status && !s->exact) status = sketches_norms(s, NULL, s->n, norms, e);
    if (!status) status = open_outputs(&o, files, s->n, !s->exact, e);
    if (!status) status = all_tiles(&x, &o, sums, tiles, e);
    if (!status) conclude(result, s, sums, tiles);
    for (int kind = 0; kind < KINDS; kind++) {
        if (!status && o.square[kind].out.file) status = square_commit(&o.square[kind], e);
        square_abort(&o.square[kind]);
    }
    free(norms);
    free(sums);
    return status;
}

/* --- some of them --- */

int similarity_of(const struct sketches *s, const size_t *sample, size_t m,
                  const struct kernels *kernels, float *c, struct err *e)
{
    double(*norms)[3] = calloc(m, sizeof *norms);
    const struct samples_of x = {s, sample, norms, kernels};
    struct room r = {0};
    int status = norms ? 0 : err_memory(e, "similarity");
    if (!status) status = sketches_norms(s, sample, m, norms, e);
    if (!status) status = open_room(&r, e);
    for (size_t t = 0; t < square_tiles(m) && !status; t++) {
        const struct square_tile at = square_tile_at(m, t);
        cosines_of_sketches(&x, &at, &r);
        square_copy(c, m, &at, r.tile[COSINE]);
    }
    close_room(&r);
    free(norms);
    return status;
}

struct similarity_error similarity_compare(const float *c, const float *want, size_t m)
{
    double sum = 0, max = 0;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < i; j++) {
            const double d = (double)c[i * m + j] - (double)want[i * m + j];
            sum += d * d;
            max = fmax(max, fabs(d));
        }
    }
    const double pairs = (double)m * (double)(m - 1) / 2;
    return (struct similarity_error){sqrt(sum / pairs), max};
}
