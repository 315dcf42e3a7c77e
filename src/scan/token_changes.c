/* token_changes.c - see token_changes.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_changes.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 27 };

int changes_open(struct changes *c, const struct matrix *m, const struct changes_request *q,
                 struct err *e)
{
    *c = (struct changes){.q = *q, .m = m, .threads = (size_t)omp_get_max_threads()};
    if (m->columns < 2) return err_set(e, "%s: expected two columns or more to compare", m->path);
    c->numbers = (m->columns - 1) * q->bins + q->grid * q->grid;
    if ((double)c->numbers * (double)(c->threads + 1) * sizeof **c->own > MOST_BYTES)
        return err_set(e, "%s: the changes' bins of %zu threads take more than %d MB: give fewer",
                       m->path, c->threads, MOST_BYTES >> 20);
    c->own = calloc(c->threads, sizeof *c->own);
    c->count = calloc(c->numbers, sizeof *c->count);
    c->inside = calloc(m->columns - 1, sizeof *c->inside);
    if (!c->own || !c->count || !c->inside) return err_memory(e, m->path);
    c->grid = c->count + (m->columns - 1) * q->bins;
    return token_bins_make(&c->bins, q->bins, q->lo, q->hi, m->wide, e) ||
                   token_bins_make(&c->start, q->grid, q->start_lo, q->start_hi, true, e) ||
                   token_bins_make(&c->move, q->grid, q->lo, q->hi, true, e)
               ? -1
               : 0;
}

static double unit_value(const struct changes *c, const void *values, size_t i)
{
    double v = matrix_value(c->m, values, i);
    if (c->q.unit == 1) return v;
    return c->m->wide ? v / c->q.unit : (double)((float)v / (float)c->q.unit);
}

static double difference(const struct changes *c, double from, double to)
{
    return c->m->wide ? to - from : (double)((float)to - (float)from);
}

static int changes_unit(void *context, size_t slot, const struct matrix_unit *u)
{
    (void)slot;
    struct changes *c = context;
    const size_t thread = (size_t)omp_get_thread_num(), columns = c->m->columns;
    if (!c->own[thread]) c->own[thread] = calloc(c->numbers, sizeof **c->own);
    uint64_t *count = c->own[thread];
    if (!count) return -1;
    uint64_t *grid = count + (columns - 1) * c->q.bins;
    for (size_t r = 0; r < u->n; r++) {
        const size_t at = r * columns;
        double before = unit_value(c, u->values, at);
        for (size_t j = 1; j < columns; j++) {
            double now = unit_value(c, u->values, at + j);
            size_t bin = token_bins_index(&c->bins, difference(c, before, now));
            if (bin < c->bins.n) count[(j - 1) * c->bins.n + bin]++;
            before = now;
        }
        const double start = unit_value(c, u->values, at + c->q.from);
        const double end = unit_value(c, u->values, at + c->q.to);
        const size_t x = token_bins_index(&c->start, start),
                     y = token_bins_index(&c->move, difference(c, start, end));
        if (x < c->start.n && y < c->move.n) grid[x * c->move.n + y]++;
    }
    return 0;
}

struct matrix_visitor changes_visitor(struct changes *c)
{
    return (struct matrix_visitor){.context = c, .unit = changes_unit};
}

void changes_finish(struct changes *c)
{
    for (size_t t = 0; t < c->threads; t++) {
        for (size_t i = 0; c->own[t] && i < c->numbers; i++) c->count[i] += c->own[t][i];
    }
    for (size_t j = 0; j + 1 < c->m->columns; j++) {
        for (size_t i = 0; i < c->bins.n; i++) c->inside[j] += c->count[j * c->bins.n + i];
    }
}

void changes_close(struct changes *c)
{
    for (size_t t = 0; c->own && t < c->threads; t++) free(c->own[t]);
    free(c->own);
    free(c->count);
    free(c->inside);
    token_bins_free(&c->bins);
    token_bins_free(&c->start);
    token_bins_free(&c->move);
    *c = (struct changes){0};
}
