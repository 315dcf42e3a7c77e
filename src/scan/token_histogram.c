/* token_histogram.c - see token_histogram.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_histogram.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTERS_BYTES = 160 << 20 }; /* of the threads' counters together, at most */

/* One set of cells, the counters of every thread, and what they sum up to. */
struct counting {
    const struct matrix *m;
    struct token_cells cells;
    uint32_t **counts; /* [threads][columns, cells] */
    uint64_t *counted; /* [threads] rows since they were last put together */
    uint64_t *total;   /* [columns, cells] */
    size_t threads;
    double *sums; /* [slots, columns] of a wave's units, NULL: not wanted */
};

static void put_together(struct counting *k, size_t thread)
{
    const size_t n = k->m->columns * k->cells.n;
    uint32_t *counts = k->counts[thread];
#pragma omp critical(token_histogram)
    for (size_t i = 0; i < n; i++) k->total[i] += counts[i];
    memset(counts, 0, n * sizeof *counts);
    k->counted[thread] = 0;
}

static int count_unit(void *context, size_t slot, const struct matrix_unit *u)
{
    struct counting *k = context;
    const size_t columns = k->m->columns, thread = (size_t)omp_get_thread_num();
    double *sums = k->sums ? k->sums + slot * columns : NULL;
    if (!k->counts[thread]) {
        k->counts[thread] = calloc(columns * k->cells.n, sizeof **k->counts);
        if (!k->counts[thread]) return -1;
    }
    if (k->counted[thread] + u->n > UINT32_MAX) put_together(k, thread);
    k->counted[thread] += u->n;
    if (sums) memset(sums, 0, columns * sizeof *sums);
    if (u->columns)
        token_cells_count_columns(&k->cells, u->columns, u->stride, u->n, columns,
                                  k->counts[thread], sums);
    else
        token_cells_count(&k->cells, u->values, u->n, columns, k->counts[thread], sums);
    return 0;
}

/* As many threads as there is room for counters of: 0 when there is not for one. */
static int counting_threads(const struct counting *k)
{
    const double bytes = 4.0 * (double)k->m->columns * (double)k->cells.n;
    const int most = omp_get_max_threads();
    double fit = floor(COUNTERS_BYTES / bytes) - 2; /* the sums are two */
    return fit >= most ? most : fit >= 1 ? (int)fit : 0;
}

static int counting_open(struct counting *k, const struct matrix *m, bool sums, struct err *e)
{
    k->m = m;
    if (!counting_threads(k))
        return err_set(e,
                       "%s: %zu columns x %zu cells: expected at most %d MB of counters; give "
                       "fewer --bins",
                       m->path, m->columns, k->cells.n, COUNTERS_BYTES >> 20);
    k->threads = (size_t)omp_get_max_threads();
    k->counts = calloc(k->threads, sizeof *k->counts);
    k->counted = calloc(k->threads, sizeof *k->counted);
    k->total = calloc(m->columns * k->cells.n, sizeof *k->total);
    if (sums) k->sums = calloc(matrix_slots(m) * m->columns, sizeof *k->sums);
    return k->counts && k->counted && k->total && (!sums || k->sums) ? 0 : err_memory(e, m->path);
}

static void counting_finish(struct counting *k)
{
    for (size_t i = 0; i < k->threads; i++) {
        if (k->counts[i]) put_together(k, i);
    }
}

static void counting_close(struct counting *k)
{
    for (size_t i = 0; k->counts && i < k->threads; i++) free(k->counts[i]);
    free(k->counts);
    free(k->counted);
    free(k->total);
    free(k->sums);
    token_cells_free(&k->cells);
}

/* --- means --- */

struct averaging {
    const struct counting *k;
    struct histogram *h;
    double *sum; /* [columns] of the rows so far */
    uint64_t rows;
};

static void note_prefix(struct averaging *a)
{
    struct histogram *h = a->h;
    const size_t p = h->prefixes++;
    h->prefix_rows[p] = a->rows;
    for (size_t j = 0; j < h->columns; j++)
        h->prefix_mean[p * h->columns + j] = a->sum[j] / (double)a->rows / a->k->cells.unit;
}

static int add_unit(void *context, size_t slot, const struct matrix_unit *u, struct err *e)
{
    (void)e;
    struct averaging *a = context;
    for (size_t j = 0; j < a->h->columns; j++) a->sum[j] += a->k->sums[slot * a->h->columns + j];
    a->rows += u->n;
    for (uint64_t at = 10000; at <= a->rows; at *= 10) {
        if (at == a->rows && at < a->h->rows) note_prefix(a);
    }
    return 0;
}

/* --- what comes of the counts --- */

/* Of cells to bins: each is in one, by any of its patterns. */
static void fill_bins(struct histogram *h, const struct counting *k)
{
    const struct token_cells *c = &k->cells;
    for (size_t i = 0; i < c->n; i++) {
        size_t bin = token_bins_index(&h->bins, token_cells_value(c, c->start[i]));
        for (size_t j = 0; j < h->columns; j++) {
            uint64_t n = k->total[j * c->n + i];
            if (!token_cells_finite(c, i)) h->not_finite[j] += n;
            if (bin == h->bins.n) continue;
            h->count[j * h->bins.n + bin] += n;
            h->inside[j] += n;
        }
    }
}

/* The least-squares slope of ln count on ln centre over bins first .. last that are not empty. */
static double tail_slope(const struct token_bins *b, const uint64_t *count, size_t first,
                         size_t last)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int turn = 0; turn < 2; turn++) { /* means first */
        for (size_t i = first; i <= last; i++) {
            double at = token_bins_centre(b, i);
            if (!count[i - first] || !(at > 0)) continue;
            double width = b->edge[i + 1] - b->edge[i];
            double u = log(at), v = log((double)count[i - first] / width);
            if (turn == 0) {
                n++;
                x += u;
                y += v;
            } else {
                xx += (u - x) * (u - x);
                xy += (u - x) * (v - y);
            }
        }
        if (turn == 0) {
            x /= n;
            y /= n;
        }
    }
    return n >= 2 ? xy / xx : NAN;
}

static int fill_tails(struct histogram *h, const struct counting *k, const struct token_bins *bins,
                      const struct histogram_request *q, struct err *e)
{
    const struct token_cells *c = &k->cells;
    const size_t n = q->tail_last - q->tail_first + 1;
    uint64_t *count = malloc(n * sizeof *count);
    if (!count) return err_memory(e, k->m->path);
    for (size_t j = 0; j < h->columns; j++) {
        memset(count, 0, n * sizeof *count);
        for (size_t i = 0; i < c->n; i++) {
            size_t bin = token_bins_index(bins, token_cells_value(c, c->start[i]));
            if (bin < bins->n && bin >= q->tail_first && bin <= q->tail_last)
                count[bin - q->tail_first] += k->total[j * c->n + i];
        }
        h->tail[j] = tail_slope(bins, count, q->tail_first, q->tail_last);
    }
    free(count);
    return 0;
}

static int allocate(struct histogram *h, const struct histogram_request *q, struct err *e)
{
    const size_t c = h->columns;
    h->count = calloc(c * h->bins.n, sizeof *h->count);
    h->inside = calloc(c, sizeof *h->inside);
    h->not_finite = calloc(c, sizeof *h->not_finite);
    h->mean = calloc(c, sizeof *h->mean);
    h->quantile = calloc(c * h->quantiles + 1, sizeof *h->quantile);
    h->prefix_mean = calloc(HISTOGRAM_PREFIXES * c, sizeof *h->prefix_mean);
    if (q->float32_mean) h->float32_mean = calloc(c, sizeof *h->float32_mean);
    if (q->tail_bins) h->tail = calloc(c, sizeof *h->tail);
    return h->count && h->inside && h->not_finite && h->mean && h->quantile && h->prefix_mean &&
                   (!q->float32_mean || h->float32_mean) && (!q->tail_bins || h->tail)
               ? 0
               : err_memory(e, "histogram");
}

/* All that a histogram takes while it is made. */
struct making {
    struct histogram *h;
    const struct matrix *m;
    const struct histogram_request *q;
    struct token_bins tail_bins;
    struct counting main, tail;
    struct averaging means;
};

static int prepare(struct making *k, struct err *e)
{
    const struct histogram_request *q = k->q;
    struct histogram *h = k->h;
    k->means = (struct averaging){.k = &k->main, .h = h};
    k->means.sum = calloc(h->columns, sizeof *k->means.sum);
    if (!k->means.sum) return err_memory(e, k->m->path);
    if (token_bins_make(&h->bins, q->bins, q->lo, q->hi, h->wide, e) ||
        token_cells_make(&k->main.cells, &h->bins, 0, q->bins, q->unit, h->wide, e) ||
        counting_open(&k->main, k->m, true, e) || allocate(h, q, e))
        return -1;
    if (!q->tail_bins) return 0;
    return token_bins_make(&k->tail_bins, q->tail_bins, q->tail_lo, q->tail_hi, h->wide, e) ||
                   token_cells_make(&k->tail.cells, &k->tail_bins, q->tail_first, q->tail_last + 1,
                                    q->unit, h->wide, e) ||
                   counting_open(&k->tail, k->m, false, e)
               ? -1
               : 0;
}

static int read_matrix(struct making *k, const struct matrix_visitor *others, size_t n,
                       struct err *e)
{
    struct matrix_visitor *v = calloc(n + 3, sizeof *v);
    if (!v) return err_memory(e, k->m->path);
    size_t used = 0;
    v[used++] = (struct matrix_visitor){.context = &k->main, .unit = count_unit, .columns = true};
    if (k->q->tail_bins)
        v[used++] =
            (struct matrix_visitor){.context = &k->tail, .unit = count_unit, .columns = true};
    v[used++] = (struct matrix_visitor){.context = &k->means, .merge = add_unit};
    for (size_t i = 0; i < n; i++) v[used++] = others[i];
    const int threads = omp_get_max_threads(), fit = counting_threads(&k->main);
    omp_set_num_threads(fit < threads ? fit : threads);
    int status = matrix_pass(k->m, k->h->rows, v, used, e);
    omp_set_num_threads(threads);
    free(v);
    return status;
}

static int conclude(struct making *k, struct err *e)
{
    struct histogram *h = k->h;
    const struct histogram_request *q = k->q;
    counting_finish(&k->main);
    note_prefix(&k->means);
    memcpy(h->mean, h->prefix_mean + (h->prefixes - 1) * h->columns, h->columns * sizeof *h->mean);
    fill_bins(h, &k->main);
    if (q->tail_bins) {
        counting_finish(&k->tail);
        if (fill_tails(h, &k->tail, &k->tail_bins, q, e)) return -1;
    }
    struct quantile_request r = {.m = k->m,
                                 .rows = h->rows,
                                 .cells = &k->main.cells,
                                 .counts = k->main.total,
                                 .quantile = q->quantile,
                                 .quantiles = q->quantiles,
                                 .one_pass = q->one_pass};
    if (q->quantiles && token_quantiles(&r, h->quantile, e)) return -1;
    return q->float32_mean ? token_float32_mean(k->m, h->rows, q->unit, h->float32_mean, e) : 0;
}

int histogram_make(struct histogram *h, const struct matrix *m, const struct histogram_request *q,
                   const struct matrix_visitor *others, size_t n, struct err *e)
{
    *h = (struct histogram){.rows = q->rows && q->rows < m->rows ? q->rows : m->rows,
                            .columns = m->columns,
                            .quantiles = q->quantiles,
                            .wide = m->wide};
    struct making k = {.h = h, .m = m, .q = q};
    int status = prepare(&k, e) || read_matrix(&k, others, n, e) || conclude(&k, e) ? -1 : 0;
    counting_close(&k.main);
    counting_close(&k.tail);
    token_bins_free(&k.tail_bins);
    free(k.means.sum);
    return status;
}

void histogram_free(struct histogram *h)
{
    token_bins_free(&h->bins);
    free(h->count);
    free(h->inside);
    free(h->not_finite);
    free(h->mean);
    free(h->float32_mean);
    free(h->quantile);
    free(h->tail);
    free(h->prefix_mean);
    *h = (struct histogram){0};
}

double histogram_density(const struct histogram *h, size_t column, size_t bin)
{
    return token_bins_density(&h->bins, bin, h->count[column * h->bins.n + bin], h->inside[column],
                              h->wide);
}
