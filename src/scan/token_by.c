/* token_by.c - see token_by.h.
 *
 * Every thread adds up columns of its own, document after document, so that sums do not depend on the
 * number of threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_by.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/progress.h"

enum { MOST_IDS = 1 << 24, MOST_BYTES = 1 << 30, COLUMNS_AT_ONCE = 4, DROP_ROWS = 1 << 20 };

const char *const token_by_names[] = {"token",  "frequency",  "position",
                                      "length", "occurrence", NULL};

static size_t log2_of(uint64_t v)
{
    return v ? 63 - (size_t)__builtin_clzll(v) : 0;
}

void groups_range(const struct groups *g, size_t i, uint64_t *lo, uint64_t *hi)
{
    *lo = *hi = i;
    if (g->by == BY_TOKEN || g->by == BY_OCCURRENCE) return;
    *lo = UINT64_C(1) << i;
    *hi = 2 * *lo - 1;
}

/* A document's ids and the group of each token; kept by one thread. */
struct reader {
    const struct token_index *x;
    enum token_by by;
    const uint64_t *frequency; /* [ids] BY_FREQUENCY */
    uint32_t *id, *group;      /* [room] */
    uint64_t *last;            /* [ids] 1 + the last document the id was in: BY_OCCURRENCE */
    size_t room, n;
};

static int read_document(struct reader *r, size_t document, struct err *e)
{
    const uint64_t rows = token_index_start(r->x, document + 1) - token_index_start(r->x, document);
    r->n = rows ? (size_t)rows + 1 : 0;
    if (r->n > r->room) {
        size_t room = 2 * r->n;
        uint32_t *id = realloc(r->id, room * sizeof *id);
        if (id) r->id = id;
        uint32_t *group = id ? realloc(r->group, room * sizeof *group) : NULL;
        if (!group) return err_memory(e, r->x->corpus.prefix);
        r->group = group;
        r->room = room;
    }
    if (!r->n) return 0;
    if (corpus_read(&r->x->corpus, document, 0, r->n, r->id, e)) return -1;
    for (size_t j = 0; j < r->n; j++) {
        const uint32_t id = r->id[j];
        switch (r->by) {
        case BY_TOKEN:
            r->group[j] = id;
            break;
        case BY_FREQUENCY:
            r->group[j] = r->frequency ? (uint32_t)log2_of(r->frequency[id]) : 0;
            break;
        case BY_POSITION:
            r->group[j] = (uint32_t)log2_of(j);
            break;
        case BY_LENGTH:
            r->group[j] = (uint32_t)log2_of(r->n);
            break;
        case BY_OCCURRENCE:
            r->group[j] = r->last[id] == document + 1;
            r->last[id] = document + 1;
            break;
        }
    }
    return 0;
}

static void reader_close(struct reader *r)
{
    free(r->id);
    free(r->group);
    free(r->last);
}

/* The sums of one document by group and column, and the groups it has. */
struct document_sums {
    double *sum;      /* [groups, COLUMNS_AT_ONCE] */
    uint32_t *tokens; /* [groups] */
    uint32_t *touched;
    size_t n;
};

static void add_document(struct groups *g, const struct matrix *m, const struct reader *r,
                         uint64_t start, size_t first, size_t columns, struct document_sums *s)
{
    s->n = 0;
    for (size_t j = 1; j < r->n; j++) {
        const uint32_t k = r->group[j];
        const void *row = matrix_at(m, start + j - 1);
        if (!s->tokens[k]++) s->touched[s->n++] = k;
        for (size_t c = 0; c < columns; c++)
            s->sum[k * COLUMNS_AT_ONCE + c] += matrix_value(m, row, first + c);
    }
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t k = s->touched[i];
        for (size_t c = 0; c < columns; c++) {
            struct moments *to = &g->moments[k * g->columns + first + c];
            moments_cluster(to, s->sum[k * COLUMNS_AT_ONCE + c], s->tokens[k]);
            s->sum[k * COLUMNS_AT_ONCE + c] = 0;
        }
        s->tokens[k] = 0;
    }
}

struct grouping {
    struct groups *g;
    const struct token_index *x;
    const struct matrix *m;
    size_t ids;
    const uint64_t *frequency;
};

static int open_reader(struct reader *r, const struct grouping *w, struct err *e)
{
    *r = (struct reader){.x = w->x, .by = w->g->by, .frequency = w->frequency};
    if (r->by == BY_OCCURRENCE) r->last = calloc(w->ids, sizeof *r->last);
    return r->by != BY_OCCURRENCE || r->last ? 0 : err_memory(e, w->m->path);
}

/* Columns first .. of all documents. */
static int add_columns(const struct grouping *w, size_t first, struct err *e)
{
    struct groups *g = w->g;
    const size_t columns =
        g->columns - first < COLUMNS_AT_ONCE ? g->columns - first : COLUMNS_AT_ONCE;
    struct reader r;
    struct document_sums s = {.sum = calloc(g->n * COLUMNS_AT_ONCE, sizeof *s.sum),
                              .tokens = calloc(g->n, sizeof *s.tokens),
                              .touched = calloc(g->n, sizeof *s.touched)};
    int status = open_reader(&r, w, e);
    if (!status && (!s.sum || !s.tokens || !s.touched)) status = err_memory(e, w->m->path);
    uint64_t dropped = 0;
    for (size_t d = 0; d < token_index_documents(w->x) && !status; d++) {
        const uint64_t start = token_index_start(w->x, d);
        status = read_document(&r, d, e);
        if (!status) add_document(g, w->m, &r, start, first, columns, &s);
        if (first == 0) progress_add(r.n ? r.n - 1 : 0);
        if (start - dropped < DROP_ROWS) continue;
        matrix_drop(w->m, start);
        dropped = start;
    }
    reader_close(&r);
    free(s.sum);
    free(s.tokens);
    free(s.touched);
    return status;
}

/* The largest id + 1 and, with FREQUENCY [ids], how often each is predicted. */
static int survey(const struct token_index *x, size_t *ids, uint64_t *frequency, struct err *e)
{
    struct reader r = {.x = x, .by = BY_POSITION};
    int status = 0;
    uint32_t most = 0;
    for (size_t d = 0; d < token_index_documents(x) && !status; d++) {
        status = read_document(&r, d, e);
        for (size_t j = 0; j < r.n && !status; j++) {
            if (r.id[j] > most) most = r.id[j];
            if (frequency && j) frequency[r.id[j]]++;
        }
    }
    reader_close(&r);
    *ids = (size_t)most + 1;
    if (!status && *ids > MOST_IDS)
        status =
            err_set(e, "%s: expected ids below %d, found %u", x->corpus.prefix, MOST_IDS, most);
    return status;
}

int token_groups(struct groups *g, const struct token_index *x, const struct matrix *m,
                 enum token_by by, struct err *e)
{
    *g = (struct groups){.by = by, .columns = m->columns};
    struct grouping w = {.g = g, .x = x, .m = m};
    if (survey(x, &w.ids, NULL, e)) return -1;
    g->n = by == BY_TOKEN ? w.ids : by == BY_OCCURRENCE ? 2 : 64;
    if ((double)g->n * (double)g->columns * sizeof *g->moments > MOST_BYTES)
        return err_set(e, "%s: %zu groups x %zu columns: expected at most %zu sums", m->path, g->n,
                       g->columns, MOST_BYTES / sizeof *g->moments);
    g->moments = calloc(g->n * g->columns, sizeof *g->moments);
    uint64_t *frequency = by == BY_FREQUENCY ? calloc(w.ids, sizeof *frequency) : NULL;
    int status = g->moments && (by != BY_FREQUENCY || frequency) ? 0 : err_memory(e, m->path);
    if (!status && frequency) status = survey(x, &w.ids, frequency, e);
    w.frequency = frequency;
    progress_begin("tokens", "rows", m->rows);
    const size_t columns = status ? 0 : g->columns;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t first = 0; first < columns; first += COLUMNS_AT_ONCE) {
        struct err mine = {0};
        int bad = add_columns(&w, first, &mine);
        if (bad) err_first(e, &status, &mine);
    }
    progress_end();
    free(frequency);
    return status;
}

void groups_free(struct groups *g)
{
    free(g->moments);
    *g = (struct groups){0};
}
