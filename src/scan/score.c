/* score.c - see score.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/score.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/scan/batches.h"

enum {
    LEAST_SHARED = 16, /* positions that are worth keeping requests together for */
};

/* --- what is computed --- */

/* A request made ready for one model. */
struct item {
    const uint32_t *ids; /* n + 1 */
    uint32_t n, skip;    /* inputs; of them context whose prediction nobody asked for */
    uint32_t shared;     /* inputs computed with the item before */
    uint32_t done;       /* its losses are there */
    uint64_t loss;       /* place of them */
    size_t request;
};

/* Items [first, first + count) that share rows: computed in one batch. */
struct group {
    size_t first, count, rows;
};

struct work {
    const struct neox *model;
    struct item *items;
    struct group *groups;
    size_t n, groups_n;
    size_t rows, threads; /* inputs of a batch at most */
    struct loss_file *file;
    struct score_result *result;
    /* under a lock */
    size_t next;
    uint64_t remaining; /* inputs */
    int status;         /* of the threads: the first error is in *e */
    struct err *e;
    /* what is left at the end, for all threads together */
    bool together;
    struct scored_batch *rest;
    struct neox_run common;
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The last positions + 1 tokens of a request. */
static struct item item_of(const struct requests *r, size_t i, size_t positions)
{
    const struct request *q = &r->item[i];
    uint32_t all = q->context + q->tokens - 1;
    uint32_t n = all > positions ? (uint32_t)positions : all;
    return (struct item){.ids = r->ids.id + q->at + (all - n),
                         .n = n,
                         .skip = n - q->tokens,
                         .loss = q->loss,
                         .request = i};
}

int score_longest(const struct requests *r, size_t positions, size_t vocabulary, size_t *longest,
                  struct err *e)
{
    *longest = 1;
    for (size_t i = 0; i < r->n; i++) {
        const struct request *q = &r->item[i];
        size_t line = r->line[q->line].number, n = q->context + q->tokens;
        if (q->tokens > positions)
            return err_set(e, "line %zu: expected a continuation of at most %zu tokens, found %u",
                           line, positions, q->tokens);
        for (size_t j = 0; j < n; j++)
            if (r->ids.id[q->at + j] >= vocabulary)
                return err_set(e, "line %zu: expected a token id below %zu, found %u", line,
                               vocabulary, r->ids.id[q->at + j]);
        n = n - 1 < positions ? n - 1 : positions;
        if (n > *longest) *longest = n;
    }
    return 0;
}

/* By tokens, what begins alike together; an item before those that go on from it, but of equal
 * inputs the longer continuation (less of it is context, so less can be shared by it) first. */
static int by_tokens(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    uint32_t n = least(a->n, b->n);
    for (uint32_t i = 0; i < n; i++)
        if (a->ids[i] != b->ids[i]) return a->ids[i] < b->ids[i] ? -1 : 1;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    if (a->skip != b->skip) return a->skip < b->skip ? -1 : 1;
    if (a->ids[n] != b->ids[n]) return a->ids[n] < b->ids[n] ? -1 : 1;
    return a->request < b->request ? -1 : a->request > b->request;
}

static bool equal(const struct item *a, const struct item *b)
{
    return a->n == b->n && a->skip == b->skip &&
           !memcmp(a->ids, b->ids, (a->n + 1) * sizeof *a->ids);
}

static uint32_t common(const struct item *a, const struct item *b)
{
    uint32_t n = least(a->n, b->n), i = 0;
    while (i < n && a->ids[i] == b->ids[i]) i++;
    return i;
}

/* The rows that hold an item's positions, in a batch or, from row 0, in its group. */
struct runs {
    struct row_run run[NEOX_MOST_RUNS];
    size_t n;
};

/* The first of FROM's positions, at most SHARED of them, in one run less than there may be; how many
 * it became. */
static uint32_t take_runs(struct runs *to, const struct runs *from, uint32_t shared)
{
    uint32_t got = 0;
    to->n = 0;
    for (size_t i = 0; i < from->n && got < shared && to->n + 1 < NEOX_MOST_RUNS; i++) {
        struct row_run run = from->run[i];
        if (run.n > shared - got) run.n = shared - got;
        to->run[to->n++] = run;
        got += (uint32_t)run.n;
    }
    return got;
}

/* Places an item's own rows at ROW behind those it shares with the one before, whose runs *r are. */
static void place(struct runs *r, struct item *item, size_t row)
{
    struct runs before;
    item->shared = take_runs(&before, r, item->shared);
    *r = before;
    r->run[r->n++] = (struct row_run){row, item->n - item->shared};
}

static int by_rows(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    if (a->rows != b->rows) return a->rows > b->rows ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Sorts the items that are not done and groups what begins alike, the largest group first. */
static int plan(struct work *w, const struct requests *r, struct err *e)
{
    const size_t positions = w->model->config.max_positions;
    w->items = malloc(r->n * sizeof *w->items);
    w->groups = malloc(r->n * sizeof *w->groups);
    if (!w->items || !w->groups) return err_memory(e, "requests");
    for (size_t i = 0; i < r->n; i++) {
        struct item item = item_of(r, i, positions);
        if (!loss_file_has(w->file, item.loss, r->item[i].tokens)) w->items[w->n++] = item;
        if (item.n > w->rows) w->rows = item.n;
    }
    qsort(w->items, w->n, sizeof *w->items, by_tokens);
    struct runs runs = {.n = 0};
    struct group *g = NULL;
    for (size_t i = 0; i < w->n; i++) {
        struct item *item = &w->items[i], *last = i ? item - 1 : NULL;
        uint32_t shared = last ? least(common(last, item), item->skip) : 0;
        if (last && equal(last, item)) {
            item->done = 1; /* with the one before */
            item->shared = last->shared;
            g->count++;
            continue;
        }
        item->shared = shared;
        struct runs tried = runs;
        if (shared) place(&tried, item, g->rows);
        if (item->shared < LEAST_SHARED || g->rows + item->n - item->shared > w->rows) {
            g = &w->groups[w->groups_n++];
            *g = (struct group){.first = i};
            item->shared = 0;
            tried.n = 0;
            place(&tried, item, 0);
        }
        runs = tried;
        g->count++;
        g->rows += item->n - item->shared;
        w->remaining += item->n - item->shared;
    }
    qsort(w->groups, w->groups_n, sizeof *w->groups, by_rows);
    return 0;
}

/* --- batches --- */

struct scored_batch {
    struct neox_piece *pieces;
    struct runs *runs;   /* of each piece */
    struct item **items; /* of each piece */
    float *loss;         /* of the scored rows, and their first choices */
    uint32_t *best;
    size_t count, rows, scored;
};

static int scored_open(struct scored_batch *b, size_t rows, struct err *e)
{
    *b = (struct scored_batch){.pieces = malloc(rows * sizeof *b->pieces),
                               .runs = malloc(rows * sizeof *b->runs),
                               .items = malloc(rows * sizeof *b->items),
                               .loss = malloc(rows * sizeof *b->loss),
                               .best = malloc(rows * sizeof *b->best)};
    return b->pieces && b->runs && b->items && b->loss && b->best
               ? 0
               : err_kind(e, ERR_MEMORY, "out of memory for a batch");
}

static void scored_close(struct scored_batch *b)
{
    free(b->pieces);
    free(b->runs);
    free(b->items);
    free(b->loss);
    free(b->best);
}

/* Appends a group's pieces. */
static void scored_add(struct scored_batch *b, struct item *items, const struct group *g)
{
    struct runs runs = {.n = 0};
    for (size_t i = 0; i < g->count; i++) {
        struct item *item = &items[g->first + i];
        if (item->done) continue;
        place(&runs, item, b->rows);
        b->runs[b->count] = runs;
        b->items[b->count] = item;
        b->pieces[b->count] = (struct neox_piece){.tokens = item->ids + item->shared,
                                                  .n = item->n - item->shared,
                                                  .skip = item->skip - item->shared,
                                                  .loss = b->loss + b->scored,
                                                  .best = b->best + b->scored,
                                                  .before = b->runs[b->count].run,
                                                  .before_n = runs.n - 1};
        b->scored += item->n - item->skip;
        b->rows += item->n - item->shared;
        b->count++;
    }
}

/* The next groups for a thread of its own; false when what is left is for all. A group is taken
 * alone unless the thread would be done with it after a team that shared all that is left. */
static bool take(struct work *w, struct scored_batch *b)
{
    const uint64_t all = w->remaining, share = all / (2 * w->threads);
    size_t goal = share < BATCH_LEAST ? BATCH_LEAST : share < w->rows ? (size_t)share : w->rows;
    b->count = b->rows = b->scored = 0;
    while (b->rows < goal && w->next < w->groups_n) {
        const struct group *g = &w->groups[w->next];
        if (b->rows && b->rows + g->rows > w->rows) break;
        if (b->rows + g->rows > all / w->threads + BATCH_TEAM_COST) break;
        scored_add(b, w->items, g);
        w->remaining -= g->rows;
        w->next++;
    }
    return b->count > 0;
}

/* The losses to their places, signed. */
static int keep(const struct work *w, const struct scored_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct item *item = b->items[i];
        const struct neox_piece *p = &b->pieces[i];
        const size_t n = p->n - p->skip;
        for (size_t j = 0; j < n; j++)
            p->loss[j] =
                copysignf(p->loss[j], p->best[j] == item->ids[item->skip + j + 1] ? -1.0f : 1.0f);
        if (loss_file_put(w->file, item->loss, p->loss, n, e)) return -1;
    }
    return 0;
}

/* --- threads --- */

static bool stopped(const struct work *w)
{
    return err_status(&w->status) || out_interrupted();
}

static void compute(struct work *w, struct neox_run *run, const struct scored_batch *b)
{
    double start = omp_get_wtime();
    neox_forward(w->model, run, b->pieces, b->count);
    double busy = omp_get_wtime() - start;
#pragma omp atomic
    w->result->busy += busy;
}

static void count(struct work *w, const struct scored_batch *b)
{
#pragma omp critical(score_result)
    {
        w->result->inputs += b->rows;
        w->result->tokens += b->scored;
    }
    progress_add(b->rows);
}

static void work_alone(struct work *w)
{
    struct scored_batch batch = {0};
    struct neox_run run = {0};
    struct err e;
    int status = scored_open(&batch, w->rows, &e);
    if (!status) status = neox_run_open(&run, w->model, w->rows, &e);
    if (status) err_first(w->e, &w->status, &e);
    while (!stopped(w)) {
        bool some;
#pragma omp critical(score_batches)
        some = take(w, &batch);
        if (!some) break;
        compute(w, &run, &batch);
        if (keep(w, &batch, &e))
            err_first(w->e, &w->status, &e);
        else
            count(w, &batch);
    }
    neox_run_close(&run);
    scored_close(&batch);
}

/* One thread prepares what all will compute together, if anything is left. */
static void prepare_rest(struct work *w, struct scored_batch *rest)
{
    struct err e;
    if (stopped(w) || !w->remaining) return;
    w->rest = rest;
    if (scored_open(rest, (size_t)w->remaining, &e) ||
        neox_run_open(&w->common, w->model, (size_t)w->remaining, &e)) {
        err_first(w->e, &w->status, &e);
        return;
    }
    for (; w->next < w->groups_n; w->next++) scored_add(rest, w->items, &w->groups[w->next]);
    w->together = true;
}

static void work_together(struct work *w)
{
    struct neox_run run;
    struct err e;
    if (!w->together) return;
    if (neox_run_join(&run, &w->common, w->model, omp_get_thread_num(), omp_get_num_threads(), &e))
        err_first(w->e, &w->status, &e);
#pragma omp barrier
    /* An interrupt seen by some of them only would leave these waiting. */
    if (!err_status(&w->status)) compute(w, &run, w->rest);
    neox_run_close(&run);
}

/* Requests of equal tokens get the losses of the one that was computed: the one before them. */
static int copy_equal(const struct work *w, struct err *e)
{
    int status = 0;
    for (size_t i = 1; i < w->n && !status; i++) {
        const struct item *item = &w->items[i];
        const size_t n = item->n - item->skip;
        if (!item->done) continue;
        float *loss = malloc(n * sizeof *loss);
        status =
            loss ? loss_file_read(w->file, w->items[i - 1].loss, loss, n, e) : err_memory(e, NULL);
        if (!status) status = loss_file_put(w->file, item->loss, loss, n, e);
        free(loss);
    }
    return status;
}

int score_model(const struct neox *model, const struct requests *r,
                const struct scan_options *options, struct loss_file *file,
                struct score_result *result, struct err *e)
{
    struct work w = {.model = model,
                     .rows =
                         options->batch_tokens < BATCH_LEAST ? BATCH_LEAST : options->batch_tokens,
                     .threads = (size_t)options->threads,
                     .file = file,
                     .result = result,
                     .e = e};
    struct scored_batch rest = {0};
    *result = (struct score_result){0};
    double start = omp_get_wtime();
    int status = plan(&w, r, e);
    if (!status && w.n) {
        progress_begin("score", "inputs", w.remaining);
#pragma omp parallel num_threads(options->threads)
        {
            work_alone(&w);
#pragma omp barrier
#pragma omp single
            prepare_rest(&w, &rest);
            work_together(&w);
        }
        progress_end();
        status = w.status;
        if (w.together && !status) status = keep(&w, &rest, e);
        if (w.together && !status) count(&w, &rest);
        if (!status && out_interrupted()) status = scan_interrupted(file, e);
        if (!status) status = copy_equal(&w, e);
    }
    result->seconds = omp_get_wtime() - start;
    neox_run_close(&w.common);
    scored_close(&rest);
    free(w.items);
    free(w.groups);
    return status;
}

/* --- answers --- */

struct score score_of(const struct requests *r, size_t i, const float *loss)
{
    const struct request *q = &r->item[i];
    struct score s = {0, true};
    for (uint32_t j = 0; j < q->tokens; j++) {
        float l = loss[q->loss + j];
        s.log_likelihood -= fabs((double)l);
        if (!signbit(l)) s.greedy = false;
    }
    return s;
}

struct score_choice score_choose(const struct requests *r, size_t line, const float *loss)
{
    const struct request_line *l = &r->line[line];
    struct score_choice c = {-1, -1, -1, -1};
    double best[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    int64_t *index[4] = {&c.best, &c.norm, &c.bytes, &c.tokens};
    bool text = true;
    for (size_t i = 0; i < l->count; i++) text = text && r->item[l->first + i].bytes;
    for (size_t i = 0; i < l->count; i++) {
        const struct request *q = &r->item[l->first + i];
        double x = score_of(r, l->first + i, loss).log_likelihood;
        double value[4] = {x, text ? x / (double)q->characters : NAN,
                           text ? x / (double)q->bytes : NAN, x / (double)q->tokens};
        for (int k = 0; k < 4; k++)
            if (value[k] > best[k]) {
                best[k] = value[k];
                *index[k] = (int64_t)i;
            }
    }
    return c;
}

/* Sums of x and x^2 on the way to a mean. */
struct sums {
    double n, x, xx;
};

static void sums_add(struct sums *s, double x)
{
    s->n += 1;
    s->x += x;
    s->xx += x * x;
}

static struct score_mean mean_of(const struct sums *s)
{
    double mean = s->x / s->n, squares = s->xx - s->x * mean;
    return (struct score_mean){.value = mean,
                               .error = s->n < 2 ? NAN : sqrt(fmax(squares, 0) / (s->n - 1) / s->n),
                               .n = (uint64_t)s->n};
}

struct score_summary score_sum_up(const struct requests *r, const float *loss)
{
    struct sums acc[4] = {{0, 0, 0}}, greedy = {0, 0, 0}, likelihood = {0, 0, 0};
    struct score_summary sum = {.log_likelihood = 0};
    for (size_t i = 0; i < r->lines; i++) {
        const struct request_line *l = &r->line[i];
        for (size_t j = 0; j < l->count; j++)
            sum.log_likelihood += score_of(r, l->first + j, loss).log_likelihood;
        if (!l->choices) {
            struct score s = score_of(r, l->first, loss);
            sums_add(&greedy, s.greedy);
            sums_add(&likelihood, s.log_likelihood);
        } else if (l->gold >= 0) {
            struct score_choice c = score_choose(r, i, loss);
            const int64_t chosen[4] = {c.best, c.norm, c.bytes, c.tokens};
            for (int k = 0; k < 4; k++)
                if (chosen[k] >= 0) sums_add(&acc[k], chosen[k] == l->gold);
        }
    }
    sum.acc = mean_of(&acc[0]);
    sum.acc_norm = mean_of(&acc[1]);
    sum.acc_bytes = mean_of(&acc[2]);
    sum.acc_tokens = mean_of(&acc[3]);
    sum.greedy = mean_of(&greedy);
    sum.perplexity = mean_of(&likelihood);
    sum.perplexity.value = exp(-sum.perplexity.value);
    sum.perplexity.error *= sum.perplexity.value;
    return sum;
}
