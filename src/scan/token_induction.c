/* token_induction.c - see token_induction.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_induction.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/progress.h"
#include "src/scan/row_list.h"

enum { WAVE_BYTES = 64 << 20, LEAST_ROWS = 4096, THREAD_CHUNKS = 8 };

size_t token_trigrams_room(size_t n)
{
    size_t room = 16;
    while (room < 2 * n) room *= 2;
    return room;
}

static uint32_t hash_trigram(const uint32_t *t)
{
    uint64_t h = t[0] * UINT64_C(0x9e3779b97f4a7c15) + t[1];
    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + t[2];
    h = (h ^ h >> 32) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(h >> 32);
}

/* SEEN holds, by hash, 1 + the place of a trigram's first token; 0 is empty. */
void token_trigrams(const uint32_t *id, size_t n, uint32_t *seen, bool *mark)
{
    const size_t room = token_trigrams_room(n);
    memset(seen, 0, room * sizeof *seen);
    for (size_t j = 0; j < n && j < 2; j++) mark[j] = false;
    for (size_t j = 2; j < n; j++) {
        const uint32_t *t = id + j - 2;
        size_t at = hash_trigram(t) & (room - 1);
        while (seen[at] && memcmp(id + seen[at] - 1, t, 3 * sizeof *t) != 0)
            at = (at + 1) & (room - 1);
        mark[j] = seen[at] != 0;
        if (!seen[at]) seen[at] = (uint32_t)(j - 1);
    }
}

/* Consecutive documents, and what is found in them. */
struct chunk {
    size_t begin, end;
    struct row_list zero, induction, rest;
};

struct work {
    const struct token_index *x;
    const struct matrix *m;
    size_t column;
    double threshold;
};

static int look_at_document(const struct work *w, size_t document, struct chunk *c, struct err *e)
{
    const uint64_t start = token_index_start(w->x, document);
    const size_t rows = (size_t)(token_index_start(w->x, document + 1) - start), n = rows + 1;
    if (!rows) return 0;
    uint32_t *id = malloc(n * sizeof *id), *seen = malloc(token_trigrams_room(n) * sizeof *seen);
    bool *mark = malloc(n * sizeof *mark);
    int status = id && seen && mark ? corpus_read(&w->x->corpus, document, 0, n, id, e)
                                    : err_memory(e, w->m->path);
    if (!status) token_trigrams(id, n, seen, mark);
    for (size_t j = 1; j < n && !status; j++) {
        const uint64_t row = start + j - 1;
        bool zero = matrix_value(w->m, matrix_at(w->m, row), w->column) < w->threshold;
        if ((zero && row_list_add(&c->zero, row)) ||
            (mark[j] && row_list_add(&c->induction, row)) ||
            (zero && !mark[j] && row_list_add(&c->rest, row)))
            status = err_memory(e, w->m->path);
    }
    free(id);
    free(seen);
    free(mark);
    return status;
}

/* Documents FIRST .. cut into chunks, so that a wave of them maps a bounded part of the matrix; returns
 * how many chunks, *first is where they end. */
static size_t cut(const struct work *w, struct chunk *chunks, size_t most, size_t *first)
{
    const struct token_index *x = w->x;
    const size_t documents = token_index_documents(x);
    size_t rows = WAVE_BYTES / most / (w->m->columns * w->m->npy.width);
    if (rows < LEAST_ROWS) rows = LEAST_ROWS;
    size_t n = 0;
    for (; n < most && *first < documents; n++) {
        struct chunk *c = &chunks[n];
        c->begin = *first;
        c->zero.n = c->induction.n = c->rest.n = 0;
        while (*first < documents &&
               (*first == c->begin ||
                token_index_start(x, *first + 1) - token_index_start(x, c->begin) <= rows))
            ++*first;
        c->end = *first;
    }
    return n;
}

static int in_waves(const struct work *w, struct chunk *chunks, size_t most, struct row_file *files,
                    struct err *e)
{
    int status = 0;
    for (size_t first = 0, n; !status && (n = cut(w, chunks, most, &first)) > 0;) {
#pragma omp parallel for schedule(dynamic, 1)
        for (size_t i = 0; i < n; i++) {
            struct err mine = {0};
            int bad = 0;
            for (size_t d = chunks[i].begin; d < chunks[i].end && !bad; d++)
                bad = look_at_document(w, d, &chunks[i], &mine);
            progress_add(token_index_start(w->x, chunks[i].end) -
                         token_index_start(w->x, chunks[i].begin));
            if (bad) err_first(e, &status, &mine);
        }
        for (size_t i = 0; i < n && !status; i++) {
            const struct chunk *c = &chunks[i];
            if (row_file_add(&files[0], c->zero.row, c->zero.n, e) ||
                row_file_add(&files[1], c->induction.row, c->induction.n, e) ||
                row_file_add(&files[2], c->rest.row, c->rest.n, e))
                status = -1;
        }
        matrix_drop(w->m, token_index_start(w->x, first));
    }
    return status;
}

int token_induction(const struct token_index *x, const struct matrix *m, size_t column,
                    double threshold, const char *directory, struct induction_counts *counts,
                    struct err *e)
{
    static const char *const names[] = {"zero", "induction", "non_induction_zeros"};
    const struct work w = {.x = x, .m = m, .column = column, .threshold = threshold};
    const size_t most = (size_t)omp_get_max_threads() * THREAD_CHUNKS;
    struct row_file files[3] = {{{0}, 0}};
    struct chunk *chunks = calloc(most, sizeof *chunks);
    int status = chunks ? make_directories(directory, e) : err_memory(e, m->path);
    for (size_t i = 0; i < 3 && !status; i++)
        status = row_file_open(&files[i], directory, names[i], e);
    if (!status) {
        progress_begin("induction", "tokens", m->rows);
        status = in_waves(&w, chunks, most, files, e);
        progress_end();
    }
    *counts = (struct induction_counts){m->rows, files[0].n, files[1].n, files[2].n};
    for (size_t i = 0; i < 3 && !status; i++) status = row_file_commit(&files[i], e);
    for (size_t i = 0; i < 3; i++) row_file_abort(&files[i]);
    for (size_t i = 0; chunks && i < most; i++) {
        row_list_free(&chunks[i].zero);
        row_list_free(&chunks[i].induction);
        row_list_free(&chunks[i].rest);
    }
    free(chunks);
    return status;
}
