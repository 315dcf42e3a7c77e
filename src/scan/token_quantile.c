/* token_quantile.c - order statistics of columns too long to sort, and numpy's float32 mean; see
 * token_histogram.h.
 *
 * A first pass has counted cells. An order statistic lies in one of them, and a pass over the values
 * in it counts pieces of it, which narrows it down until the piece is a single value: one pass for
 * float32 losses of usual sizes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/scan/token_histogram.h"

enum { PIECES_BYTES = 64 << 20, MOST_PIECES_LOG = 15, NOT_WANTED = -1 };

/* An order statistic on its way: the RANK-th (from 0, in order of patterns) of the values with
 * patterns first .. first + 2^size - 1 that are in CELL. */
struct wanted {
    size_t column, cell;
    uint64_t first, rank;
    unsigned size;  /* log2 of the patterns left */
    unsigned shift; /* of the pieces being counted */
    uint64_t *pieces;
    int next; /* another one of the same column and cell */
};

struct search {
    const struct quantile_request *q;
    struct wanted *wanted;
    size_t n;
    int *first; /* [columns, cells] the first wanted of the cell */
    unsigned pieces_log;
    uint64_t *pieces;
};

static uint64_t load_pattern(const struct matrix *m, const void *values, size_t i)
{
    if (m->wide) {
        uint64_t d;
        memcpy(&d, (const char *)values + 8 * i, 8);
        return d;
    }
    uint32_t f;
    memcpy(&f, (const char *)values + 4 * i, 4);
    return f;
}

/* Values rank into the cells of one column, in order of value; the cell and what is left of rank. */
static size_t find_cell(const struct quantile_request *q, size_t column, uint64_t *rank)
{
    const struct token_cells *c = q->cells;
    for (size_t i = 0; i < c->numbers; i++) {
        uint64_t n = q->counts[column * c->n + c->order[i]];
        if (*rank < n) return c->order[i];
        *rank -= n;
    }
    return c->n; /* unreachable: rank < the number of numbers */
}

static int count_pieces(void *context, size_t slot, const struct matrix_unit *u)
{
    (void)slot;
    struct search *s = context;
    const struct quantile_request *q = s->q;
    const size_t columns = q->m->columns, cells = q->cells->n;
    for (size_t r = 0; r < u->n; r++) {
        for (size_t j = 0; j < columns; j++) {
            const uint64_t pattern = load_pattern(q->m, u->values, r * columns + j);
            int w = s->first[j * cells + token_cells_find(q->cells, pattern)];
            for (; w != NOT_WANTED; w = s->wanted[w].next) {
                const struct wanted *x = &s->wanted[w];
                if (!x->pieces || pattern < x->first) continue;
                const uint64_t piece = (pattern - x->first) >> x->shift;
                if (piece >> (x->size - x->shift)) continue;
#pragma omp atomic
                x->pieces[piece]++;
            }
        }
    }
    return 0;
}

/* Passes until every statistic is a single pattern. */
static int narrow(struct search *s, struct err *e)
{
    const struct quantile_request *q = s->q;
    for (;;) {
        bool more = false;
        memset(s->pieces, 0, (s->n << s->pieces_log) * sizeof *s->pieces);
        for (size_t i = 0; i < s->n; i++) {
            struct wanted *w = &s->wanted[i];
            w->pieces = w->size ? s->pieces + (i << s->pieces_log) : NULL;
            w->shift = w->size > s->pieces_log ? w->size - s->pieces_log : 0;
            more = more || w->size;
        }
        if (!more) return 0;
        struct matrix_visitor v = {.context = s, .unit = count_pieces};
        if (matrix_pass(q->m, q->rows, &v, 1, e)) return -1;
        for (size_t i = 0; i < s->n; i++) {
            struct wanted *w = &s->wanted[i];
            uint64_t piece = 0;
            if (!w->size) continue;
            for (; w->rank >= w->pieces[piece]; piece++) w->rank -= w->pieces[piece];
            w->first += piece << w->shift;
            w->size = w->shift;
        }
    }
}

/* Where in a column's numbers a quantile lies: between the LO-th and the one after, at PART. */
static double place(uint64_t n, double quantile, uint64_t *lo)
{
    double at = quantile * (double)(n - 1);
    *lo = (uint64_t)at;
    if (*lo > n - 1) *lo = n - 1;
    return at - (double)*lo;
}

static uint64_t numbers_in(const struct quantile_request *q, size_t column)
{
    uint64_t n = 0;
    for (size_t i = 0; i < q->cells->numbers; i++)
        n += q->counts[column * q->cells->n + q->cells->order[i]];
    return n;
}

/* As numpy interpolates: from the nearer end. */
static double between(double a, double b, double part)
{
    if (a == b) return a;
    return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

static unsigned log2_up(uint64_t n)
{
    unsigned k = 0;
    while (k < 64 && (UINT64_C(1) << k) < n) k++;
    return k;
}

static void want(struct search *s, size_t column, uint64_t rank)
{
    const struct quantile_request *q = s->q;
    const struct token_cells *c = q->cells;
    const size_t cell = find_cell(q, column, &rank);
    if (token_cells_negative(c, cell)) rank = q->counts[column * c->n + cell] - 1 - rank;
    int *first = &s->first[column * c->n + cell];
    s->wanted[s->n] = (struct wanted){.column = column,
                                      .cell = cell,
                                      .first = c->start[cell],
                                      .rank = rank,
                                      .size = log2_up(c->start[cell + 1] - c->start[cell]),
                                      .next = *first};
    *first = (int)s->n++;
}

static int exact(const struct quantile_request *q, double *out, struct err *e)
{
    const size_t columns = q->m->columns, most = 2 * columns * q->quantiles;
    struct search s = {.q = q, .pieces_log = MOST_PIECES_LOG};
    while (s.pieces_log > 4 && (most << s.pieces_log) * sizeof *s.pieces > PIECES_BYTES)
        s.pieces_log--;
    s.wanted = calloc(most, sizeof *s.wanted);
    s.first = malloc(columns * q->cells->n * sizeof *s.first);
    s.pieces = malloc((most << s.pieces_log) * sizeof *s.pieces);
    int status = s.wanted && s.first && s.pieces ? 0 : err_memory(e, q->m->path);
    for (size_t i = 0; s.first && i < columns * q->cells->n; i++) s.first[i] = NOT_WANTED;
    for (size_t j = 0; j < columns && !status; j++) {
        uint64_t n = numbers_in(q, j), lo;
        for (size_t k = 0; k < q->quantiles && n; k++) {
            place(n, q->quantile[k], &lo);
            want(&s, j, lo);
            want(&s, j, lo + 1 < n ? lo + 1 : lo);
        }
    }
    if (!status) status = narrow(&s, e);
    size_t at = 0;
    for (size_t j = 0; j < columns && !status; j++) {
        uint64_t n = numbers_in(q, j), lo;
        for (size_t k = 0; k < q->quantiles; k++) {
            double *value = &out[j * q->quantiles + k];
            *value = NAN;
            if (!n) continue;
            double part = place(n, q->quantile[k], &lo);
            *value = between(token_cells_value(q->cells, s.wanted[at].first),
                             token_cells_value(q->cells, s.wanted[at + 1].first), part);
            at += 2;
        }
    }
    free(s.wanted);
    free(s.first);
    free(s.pieces);
    return status;
}

/* The values of a cell spread evenly over it. */
static double roughly(const struct quantile_request *q, size_t column, double quantile)
{
    const struct token_cells *c = q->cells;
    uint64_t n = numbers_in(q, column), rank;
    if (!n) return NAN;
    double part = place(n, quantile, &rank);
    const size_t cell = find_cell(q, column, &rank);
    double a = token_cells_value(c, c->start[cell]),
           b = token_cells_value(c, c->start[cell + 1] - 1);
    if (token_cells_negative(c, cell)) {
        double swap = a;
        a = b;
        b = swap;
    }
    double at = ((double)rank + part + 0.5) / (double)q->counts[column * c->n + cell];
    return a + (b - a) * (at < 1 ? at : 1);
}

int token_quantiles(const struct quantile_request *q, double *out, struct err *e)
{
    if (!q->one_pass) return exact(q, out, e);
    for (size_t j = 0; j < q->m->columns; j++) {
        for (size_t k = 0; k < q->quantiles; k++)
            out[j * q->quantiles + k] = roughly(q, j, q->quantile[k]);
    }
    return 0;
}

/* --- numpy's float32 mean --- */

struct float_sums {
    const struct matrix *m;
    float unit, *sum;
    bool divide;
};

static int add_rows(void *context, size_t slot, const struct matrix_unit *u, struct err *e)
{
    (void)slot;
    (void)e;
    const struct float_sums *s = context;
    const size_t columns = s->m->columns;
    const char *p = u->values;
    for (size_t r = 0; r < u->n; r++) {
        for (size_t j = 0; j < columns; j++, p += sizeof(float)) {
            float v;
            memcpy(&v, p, sizeof v);
            s->sum[j] += s->divide ? v / s->unit : v;
        }
    }
    return 0;
}

static float float_at(const struct float_sums *s, uint64_t i)
{
    float v;
    memcpy(&v, matrix_at(s->m, i), sizeof v);
    return s->divide ? v / s->unit : v;
}

/* numpy's pairwise sum: halves down to 128 values, which are eight interleaved sums. */
static float pairwise(const struct float_sums *s, uint64_t first, uint64_t n)
{
    if (n > 128) {
        uint64_t half = n / 2 - n / 2 % 8;
        return pairwise(s, first, half) + pairwise(s, first + half, n - half);
    }
    float r[8], sum = 0;
    uint64_t i = 0;
    if (n >= 8) {
        for (int k = 0; k < 8; k++) r[k] = float_at(s, first + (uint64_t)k);
        for (i = 8; i + 8 <= n; i += 8) {
            for (int k = 0; k < 8; k++) r[k] += float_at(s, first + i + (uint64_t)k);
        }
        sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    for (; i < n; i++) sum += float_at(s, first + i);
    return sum;
}

int token_float32_mean(const struct matrix *m, uint64_t rows, double unit, double *out,
                       struct err *e)
{
    if (m->wide) return err_set(e, "%s: --float32-mean: the losses are float64", m->path);
    struct float_sums s = {.m = m, .unit = (float)unit, .divide = unit != 1};
    s.sum = calloc(m->columns, sizeof *s.sum);
    if (!s.sum) return err_memory(e, m->path);
    struct matrix_visitor v = {.context = &s, .merge = add_rows};
    int status = 0;
    if (m->columns == 1)
        s.sum[0] = pairwise(&s, 0, rows);
    else
        status = matrix_pass(m, rows, &v, 1, e);
    for (size_t j = 0; j < m->columns; j++)
        out[j] = (double)(float)((double)s.sum[j] / (double)rows);
    free(s.sum);
    return status;
}
