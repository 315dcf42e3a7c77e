/* shares.c - see shares.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/shares.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/base/num.h"

/* --- cost --- */

static unsigned __int128 cost(const struct piece_sums *s, const struct neox_cost *m)
{
    return m->row * s->rows + m->pair * s->pairs + m->near * s->near + m->scored * s->scored;
}

double pieces_flop(const struct piece_sums *sums, const struct neox_cost *model)
{
    return (double)cost(sums, model);
}

static void add_document(struct piece_sums *sums, const struct work *w, size_t document)
{
    piece_sums_add(sums, &w->protocol,
                   protocol_inputs(&w->protocol, corpus_length(w->corpus, document)));
}

int work_open(struct work *w, const struct corpus *corpus, const struct protocol *protocol,
              size_t documents, struct err *e)
{
    if (documents == 0 || documents > corpus->documents) documents = corpus->documents;
    *w = (struct work){.corpus = corpus, .protocol = *protocol, .documents = documents};
    for (size_t i = 0; i < documents; i++) add_document(&w->sums, w, i);
    return w->sums.scored
               ? 0
               : err_set(e, "%s: nothing to predict: no document of two tokens or more among %zu",
                         corpus->prefix, documents);
}

/* --- the line --- */

/* A boundary: before DOCUMENT of MODEL. The end of a model is the beginning of the next. */
struct place {
    size_t model, document;
};

/* The boundary between documents that is nearest to AT on the line of one model; of two as near the
 * later. Documents that cost nothing come after it: between two boundaries there is always some
 * cost. */
static struct place nearest(const struct work *w, const struct neox_cost *models, size_t model,
                            unsigned __int128 at)
{
    unsigned __int128 before = 0, after = 0; /* cost before document `place`, and before d + 1 */
    size_t place = 0, d = 0;
    for (; d < w->documents; d++) {
        struct piece_sums one = {0};
        add_document(&one, w, d);
        after = before + cost(&one, &models[model]);
        if (after >= at) break;
        if (after > before) place = d + 1;
        before = after;
    }
    if (after > before && at - before >= after - at) {
        place = d + 1;
        before = after;
    }
    return before == cost(&w->sums, &models[model]) ? (struct place){model + 1, 0}
                                                    : (struct place){model, place};
}

/* INDEX / SHARDS of the line. */
static struct place place_of(const struct work *w, const struct neox_cost *models, size_t n,
                             size_t index, size_t shards)
{
    unsigned __int128 total = 0;
    for (size_t i = 0; i < n; i++) total += cost(&w->sums, &models[i]);
    /* total * index / shards, without the product's overflow. */
    unsigned __int128 at = total / shards * index + total % shards * index / shards;
    for (size_t i = 0; i < n; i++) {
        unsigned __int128 model = cost(&w->sums, &models[i]);
        if (at < model) return nearest(w, models, i, at);
        at -= model;
    }
    return (struct place){n, 0};
}

void shares_find(struct share *share, const struct work *w, const struct neox_cost *models,
                 size_t n, size_t index, size_t shards)
{
    struct place from = place_of(w, models, n, index, shards);
    struct place to = place_of(w, models, n, index + 1, shards);
    for (size_t i = 0; i < n; i++) {
        size_t begin = i < from.model ? w->documents : i == from.model ? from.document : 0;
        size_t end = i < to.model ? w->documents : i == to.model ? to.document : 0;
        share[i] = begin < end ? (struct share){begin, end} : (struct share){0, 0};
    }
}

struct share share_by_predictions(const struct work *w, size_t index, size_t shards)
{
    struct share share;
    shares_find(&share, w, &(struct neox_cost){.scored = 1}, 1, index, shards);
    return share;
}

/* --- which shard --- */

int shard_parse(const char *text, size_t *index, size_t *shards, struct err *e)
{
    size_t i, n;
    int end = 0;
    if (sscanf(text, "%zu/%zu%n", &i, &n, &end) != 2 || text[end] || text[0] == '-' || n == 0 ||
        n > 1000000 || i >= n)
        return err_set(e, "--shard: expected I/N with I from 0 to N - 1, found '%s'", text);
    *index = i;
    *shards = n;
    return 0;
}

/* A variable's number; FALLBACK where it is not set. */
static int number_from(const char *name, uint64_t fallback, uint64_t *value, struct err *e)
{
    const char *text = getenv(name);
    *value = fallback;
    return text && *text ? parse_count(text, name, 0, UINT32_MAX, value, e) : 0;
}

int shard_from_slurm(size_t *index, size_t *shards, struct err *e)
{
    uint64_t id, count, first, last, step;
    const char *text = getenv("SLURM_ARRAY_TASK_ID");
    *index = 0;
    *shards = 1;
    if (!text || !*text) return 0;
    if (number_from("SLURM_ARRAY_TASK_ID", 0, &id, e) ||
        number_from("SLURM_ARRAY_TASK_COUNT", 1, &count, e) ||
        number_from("SLURM_ARRAY_TASK_MIN", 0, &first, e) ||
        number_from("SLURM_ARRAY_TASK_STEP", 1, &step, e) ||
        number_from("SLURM_ARRAY_TASK_MAX", first + (count ? count - 1 : 0) * step, &last, e))
        return -1;
    if (count == 1) return 0; /* an array of one: all of it */
    if (!count || !step || id < first || (id - first) % step || (id - first) / step >= count ||
        last != first + (count - 1) * step)
        return err_set(
            e,
            "SLURM_ARRAY_TASK_ID: task %s of an array of %zu from %zu to %zu in steps of "
            "%zu is no shard: give --shard I/N, or --shard none",
            text, (size_t)count, (size_t)first, (size_t)last, (size_t)step);
    *index = (size_t)((id - first) / step);
    *shards = (size_t)count;
    return 0;
}
