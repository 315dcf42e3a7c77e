/* samples.c - see samples.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/samples.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/scan/row_list.h"
#include "src/scan/token_induction.h"

/* --- rows that were given --- */

/* A row and where it stands in the list. */
struct placed {
    uint64_t row;
    size_t at;
};

static int by_row(const void *pa, const void *pb)
{
    const struct placed *a = pa, *b = pb;
    if (a->row != b->row) return a->row < b->row ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static int refuse_twice(const struct row_list *l, const char *path, struct err *e)
{
    struct placed *p = malloc((l->n + 1) * sizeof *p);
    int status = 0;
    if (!p) return err_memory(e, path);
    for (size_t i = 0; i < l->n; i++) p[i] = (struct placed){l->row[i], i};
    qsort(p, l->n, sizeof *p, by_row);
    for (size_t i = 1; i < l->n && !status; i++) {
        if (p[i].row == p[i - 1].row)
            status = err_set(
                e, "%s: elements %zu and %zu: expected every row once, found %" PRIu64 " twice",
                path, p[i - 1].at, p[i].at, p[i].row);
    }
    free(p);
    return status;
}

/* Those of the documents that are looked at. */
static uint64_t rows_of(const struct samples *s)
{
    return token_index_start(&s->index, s->documents);
}

static int read_rows(struct row_list *l, const struct samples *s, const struct samples_request *q,
                     struct err *e)
{
    if (row_list_read(l, q->rows, rows_of(s), q->most, e)) return -1;
    if (!l->n) return err_set(e, "%s: expected at least one row, found none", q->rows);
    return refuse_twice(l, q->rows, e);
}

static int take_row(struct row_list *l, const struct samples *s, uint64_t row, struct err *e)
{
    if (row >= rows_of(s))
        return err_set(e, "%s: expected a row 0 to %" PRIu64 ", found %" PRIu64,
                       s->index.corpus.prefix, rows_of(s) - 1, row);
    return row_list_add(l, row) ? err_memory(e, s->index.corpus.prefix) : 0;
}

/* --- rows that are selected --- */

/* What one document needs. */
struct scratch {
    uint32_t *id, *seen;
    bool *mark;
};

static int select_document(struct row_list *l, struct samples *s, const struct matrix *m,
                           size_t column, const struct samples_request *q, size_t document,
                           struct scratch *x, struct err *e)
{
    const uint64_t start = token_index_start(&s->index, document);
    const size_t n = (size_t)(token_index_start(&s->index, document + 1) - start) + 1;
    bool read = !q->no_induction;
    for (size_t j = 1; j < n && !(q->most && l->n == q->most); j++) {
        const uint64_t row = start + j - 1;
        if (!(matrix_value(m, matrix_at(m, row), column) < q->below)) continue;
        if (!read) {
            if (corpus_read(&s->index.corpus, document, 0, n, x->id, e)) return -1;
            token_trigrams(x->id, n, x->seen, x->mark);
            read = true;
        }
        if (q->no_induction && x->mark[j]) continue;
        if (s->found++ % q->stride == 0 && row_list_add(l, row)) return err_memory(e, q->losses);
    }
    return 0;
}

static int select_rows(struct row_list *l, struct samples *s, const struct matrix *m, size_t column,
                       const struct samples_request *q, struct err *e)
{
    const size_t longest = s->index.plan.longest + 1;
    struct scratch x = {.id = malloc(longest * sizeof *x.id),
                        .seen = malloc(token_trigrams_room(longest) * sizeof *x.seen),
                        .mark = malloc(longest * sizeof *x.mark)};
    int status = x.id && x.seen && x.mark ? 0 : err_memory(e, q->losses);
    for (size_t d = 0; d < token_index_documents(&s->index) && !status; d++) {
        if (q->most && l->n == q->most) break;
        status = select_document(l, s, m, column, q, d, &x, e);
        if (d % 1024 == 1023) matrix_drop(m, token_index_start(&s->index, d + 1));
    }
    free(x.id);
    free(x.seen);
    free(x.mark);
    if (!status && !l->n)
        status =
            err_set(e, "%s: no loss of %" PRIu64 " is below %g nats%s: nothing to do", q->losses,
                    m->rows, q->below, q->no_induction ? " and of a trigram not seen before" : "");
    return status;
}

/* --- both --- */

/* Opens the matrix, and finds the column to select by. */
static int open_losses(struct matrix *m, const struct samples_request *q, size_t *column,
                       struct err *e)
{
    *column = 0;
    if (matrix_open(m, q->losses, e)) return -1;
    int status = 0;
    if (q->column)
        status = matrix_find_column(m, q->column, "--column", column, e);
    else if (m->columns > 1 && !q->rows && !q->row)
        status = err_set(e, "%s: has %zu columns: say which with --column", q->losses, m->columns);
    if (status) matrix_close(m);
    return status;
}

static int place_rows(struct samples *s, const struct row_list *l, struct err *e)
{
    s->n = l->n;
    s->sample = malloc(l->n * sizeof *s->sample);
    if (!s->sample) return err_memory(e, "samples");
    for (size_t i = 0; i < l->n; i++) {
        struct sample *x = &s->sample[i];
        x->row = l->row[i];
        token_index_find(&s->index, x->row, &x->document, &x->target);
    }
    return 0;
}

/* Which documents are looked at, and the protocol that says so. */
static int choose_documents(struct samples *s, const struct samples_request *q, struct err *e)
{
    const size_t all = s->index.corpus.documents;
    if (s->index.plan.protocol.window)
        return err_set(e,
                       "%s: expected losses of documents cut to their first tokens, found windows",
                       q->losses);
    s->documents = token_index_documents(&s->index);
    if (q->documents > all)
        return err_set(e, "%s: expected %zu documents or more, found %zu", q->corpus, q->documents,
                       all);
    if (q->documents && !q->losses) s->documents = q->documents;
    s->protocol = protocol_text(&s->index.plan.protocol, s->documents < all ? s->documents : 0);
    return s->protocol ? 0 : err_memory(e, q->corpus);
}

int samples_open(struct samples *s, const struct samples_request *q, struct err *e)
{
    struct matrix m = {0};
    struct row_list l = {0};
    struct protocol p = {.max_tokens = q->max_tokens, .rows = q->train};
    size_t column = 0;
    *s = (struct samples){0};
    protocol_complete(&p);
    if (q->losses && open_losses(&m, q, &column, e)) return -1;
    int status = token_index_open(&s->index, q->losses ? &m : NULL, q->corpus, &p, e);
    if (!status) status = choose_documents(s, q, e);
    for (size_t i = 0; q->row && i < q->row_n && !status; i++)
        status = take_row(&l, s, q->row[i], e);
    if (!status && !q->row)
        status = q->rows ? read_rows(&l, s, q, e) : select_rows(&l, s, &m, column, q, e);
    if (!status) status = place_rows(s, &l, e);
    row_list_free(&l);
    if (q->losses) matrix_close(&m);
    if (status) samples_close(s);
    return status;
}

void samples_close(struct samples *s)
{
    token_index_close(&s->index);
    free(s->protocol);
    free(s->sample);
    *s = (struct samples){0};
}

uint64_t samples_hash(const struct samples *s)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < s->n; i++)
        hash = XXH3_64bits_withSeed(&s->sample[i].row, sizeof s->sample[i].row, hash);
    return hash;
}

/* --- units --- */

struct ordered {
    size_t document, target, index;
};

static int by_place(const void *pa, const void *pb)
{
    const struct ordered *a = pa, *b = pb;
    if (a->document != b->document) return a->document < b->document ? -1 : 1;
    return (a->target > b->target) - (a->target < b->target);
}

static int by_cost(const void *pa, const void *pb)
{
    const struct unit *a = pa, *b = pb;
    if (a->cost != b->cost) return a->cost > b->cost ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static struct unit make_unit(const struct ordered *o, size_t first, size_t n,
                             const struct units_cost *cost)
{
    struct unit u = {.document = o[first].document, .first = first};
    while (first + u.n < n && u.n < UNIT_MOST && o[first + u.n].document == u.document) {
        u.longest = o[first + u.n].target;
        u.cost += cost->backward(cost->context, u.longest);
        u.n++;
    }
    u.cost += cost->forward(cost->context, u.longest);
    return u;
}

int units_open(struct units *u, const struct samples *s, size_t first, size_t end, const bool *done,
               const struct units_cost *cost, struct err *e)
{
    struct ordered *o = malloc((end - first + 1) * sizeof *o);
    size_t n = 0;
    *u = (struct units){.unit = malloc((end - first + 1) * sizeof *u->unit),
                        .order = malloc((end - first + 1) * sizeof *u->order)};
    if (!o || !u->unit || !u->order) {
        free(o);
        units_close(u);
        return err_memory(e, "samples");
    }
    for (size_t i = first; i < end; i++) {
        if (done && done[i - first]) continue;
        o[n++] = (struct ordered){s->sample[i].document, s->sample[i].target, i};
    }
    qsort(o, n, sizeof *o, by_place);
    for (size_t i = 0; i < n; i++) u->order[i] = o[i].index;
    for (size_t i = 0; i < n; i += u->unit[u->n++].n) u->unit[u->n] = make_unit(o, i, n, cost);
    qsort(u->unit, u->n, sizeof *u->unit, by_cost);
    free(o);
    return 0;
}

void units_close(struct units *u)
{
    free(u->unit);
    free(u->order);
    *u = (struct units){0};
}
