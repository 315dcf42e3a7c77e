/* batches.c - which pieces a thread computes next; see batches.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/batches.h"

#include <stdlib.h>

#include "src/base/progress.h"

/* --- batches --- */

int batch_open(struct batch *b, size_t rows, struct err *e)
{
    *b = (struct batch){
        .pieces = malloc(rows * sizeof *b->pieces),
        .inputs = malloc(rows * sizeof *b->inputs),
        .tokens = malloc(2 * rows * sizeof *b->tokens), /* a piece of n inputs has n + 1 tokens */
        .losses = malloc(rows * sizeof *b->losses),
    };
    return b->pieces && b->inputs && b->tokens && b->losses
               ? 0
               : err_kind(e, ERR_MEMORY, "out of memory for a batch");
}

void batch_close(struct batch *b)
{
    free(b->pieces);
    free(b->inputs);
    free(b->tokens);
    free(b->losses);
    *b = (struct batch){0};
}

int batch_fill(struct batch *b, const struct plan *plan, struct err *e)
{
    uint32_t *tokens = b->tokens;
    float *losses = b->losses;
    for (size_t i = 0; i < b->count; i++) {
        const struct piece *p = &b->pieces[i];
        if (corpus_read(plan->corpus, p->document, p->first, p->n + 1, tokens, e)) return -1;
        b->inputs[i] =
            (struct neox_piece){.tokens = tokens, .n = p->n, .skip = p->skip, .loss = losses};
        tokens += p->n + 1;
        losses += p->n - p->skip;
    }
    return 0;
}

/* Pieces that follow one another are kept together: most often the whole batch. */
int batch_keep(const struct batch *b, struct loss_file *file, struct err *e)
{
    for (size_t i = 0, next; i < b->count; i = next) {
        uint64_t first = b->pieces[i].loss, end = first;
        for (next = i; next < b->count && b->pieces[next].loss == end; next++)
            end += b->pieces[next].n - b->pieces[next].skip;
        if (loss_file_put(file, first, b->inputs[i].loss, end - first, e)) return -1;
    }
    return 0;
}

/* --- giving them out --- */

int batches_open(struct batches *b, const struct plan *plan, struct loss_file *file,
                 size_t batch_tokens, size_t threads, struct err *e)
{
    uint64_t share = plan->inputs / threads + 1;
    size_t rows = batch_tokens < share ? batch_tokens : (size_t)share;
    if (rows < BATCH_LEAST) rows = BATCH_LEAST;
    if (rows < plan->longest) rows = plan->longest;
    *b = (struct batches){.plan = plan,
                          .file = file,
                          .rows = rows,
                          .threads = threads,
                          .remaining = plan->inputs,
                          .next = {.document = plan->begin},
                          .given = calloc(threads, sizeof *b->given)};
    return b->given ? 0 : err_memory(e, NULL);
}

void batches_close(struct batches *b)
{
    free(b->tail);
    free(b->given);
    *b = (struct batches){0};
}

static int longest_first(const void *pa, const void *pb)
{
    const struct piece *a = pa, *b = pb;
    if (a->n != b->n) return a->n > b->n ? -1 : 1;
    return a->document < b->document ? -1 : a->document > b->document;
}

/* Turns what is left of the corpus into the sorted tail; without memory for it the order stays. */
static void start_tail(struct batches *b)
{
    size_t n = 0;
    for (struct piece p = b->next; plan_next(b->plan, &p);) n++;
    b->tail = malloc((n + 1) * sizeof *b->tail);
    if (!b->tail) return;
    for (struct piece p = b->next; plan_next(b->plan, &p);) b->tail[b->tail_count++] = p;
    qsort(b->tail, b->tail_count, sizeof *b->tail, longest_first);
}

/* The next piece, which stays where it is. */
static bool peek(const struct batches *b, struct piece *p)
{
    if (!b->tail) {
        *p = b->next;
        return plan_next(b->plan, p);
    }
    if (b->tail_at == b->tail_count) return false;
    *p = b->tail[b->tail_at];
    return true;
}

/* Moves the next piece to a batch, unless its losses are there; the inputs that the batch gains. */
static size_t move(struct batches *b, struct batch *batch, struct piece p)
{
    if (b->tail)
        b->tail_at++;
    else
        b->next = p;
    b->remaining -= p.n;
    if (loss_file_has(b->file, p.loss, p.n - p.skip)) {
        progress_add(p.n);
        return 0;
    }
    batch->pieces[batch->count++] = p;
    return p.n;
}

/* Whether a thread should compute so many inputs alone: not if it would be done later than a team
 * that waits for every thread and then shares all that is left. */
static bool alone(const struct batches *b, size_t thread, size_t rows)
{
    uint64_t last = 0;
    for (size_t t = 0; t < b->threads; t++) last = b->given[t] > last ? b->given[t] : last;
    return b->given[thread] + rows <= last + b->remaining / b->threads + BATCH_TEAM_COST;
}

size_t batches_take(struct batches *b, size_t thread, struct batch *batch)
{
    uint64_t share = b->remaining / (2 * b->threads);
    size_t goal = share < BATCH_LEAST ? BATCH_LEAST : share < b->rows ? (size_t)share : b->rows;
    size_t rows = 0;
    struct piece p;
    batch->count = 0;
    if (!b->tail && share < 2 * b->rows) start_tail(b);
    while (rows < goal && peek(b, &p)) {
        if (batch->count && rows + p.n > b->rows) break;
        if (!alone(b, thread, p.n)) break;
        size_t n = move(b, batch, p);
        b->given[thread] += n;
        rows += n;
    }
    return rows;
}

size_t batches_rest(struct batches *b, struct batch *batch)
{
    struct piece p;
    size_t rows = 0;
    batch->count = 0;
    while (peek(b, &p)) rows += move(b, batch, p);
    return rows;
}
