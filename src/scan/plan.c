/* plan.c - see plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/plan.h"

#include <inttypes.h>
#include <stdlib.h>

/* Inputs of a document: all its tokens but the last, after truncation. */
static size_t inputs_of(const struct plan *plan, size_t document)
{
    size_t tokens = corpus_length(plan->corpus, document);
    if (plan->protocol.max_tokens && tokens > plan->protocol.max_tokens)
        tokens = plan->protocol.max_tokens;
    return tokens ? tokens - 1 : 0;
}

/* The piece of a document that starts at input `first`; n = 0 when there is none. */
static struct piece piece_at(const struct plan *plan, size_t document, size_t first)
{
    const struct protocol *p = &plan->protocol;
    size_t inputs = inputs_of(plan, document);
    struct piece piece = {.document = document, .first = first};
    if (first >= inputs) return piece;
    piece.n = inputs - first;
    if (p->window && piece.n > p->window) piece.n = p->window;
    if (first) piece.skip = p->window - p->stride;
    if (piece.skip >= piece.n) piece.n = 0; /* the windows before have predicted everything */
    return piece;
}

bool plan_next(const struct plan *plan, struct piece *piece)
{
    size_t document = piece->document, first = 0;
    if (piece->n) {
        if (plan->protocol.window)
            first = piece->first + plan->protocol.stride;
        else
            document++;
    }
    for (; document < plan->end; document++, first = 0) {
        *piece = piece_at(plan, document, first);
        if (piece->n) return true;
    }
    return false;
}

/* The first document of shard INDEX: where the predictions before it come nearest to INDEX / SHARDS
 * of all. */
static size_t shard_begin(const uint64_t *offset, size_t documents, size_t index, size_t shards)
{
    uint64_t target = (uint64_t)((unsigned __int128)offset[documents] * index / shards);
    size_t lo = 0, hi = documents;
    if (index == shards) return documents;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (offset[middle] < target)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo > 0 && target - offset[lo - 1] < offset[lo] - target ? lo - 1 : lo;
}

int plan_make(struct plan *plan, const struct corpus *corpus, const struct protocol *protocol,
              size_t documents, size_t index, size_t shards, struct err *e)
{
    *plan = (struct plan){.protocol = *protocol, .corpus = corpus};
    if (documents == 0 || documents > corpus->documents) documents = corpus->documents;
    uint64_t *offset = malloc((documents + 1) * sizeof *offset);
    if (!offset)
        return err_kind(e, ERR_MEMORY, "%s: out of memory for %zu documents", corpus->prefix,
                        documents);
    offset[0] = 0;
    for (size_t i = 0; i < documents; i++) offset[i + 1] = offset[i] + inputs_of(plan, i);
    plan->begin = shard_begin(offset, documents, index, shards);
    plan->end = shard_begin(offset, documents, index + 1, shards);
    uint64_t before = offset[plan->begin];
    for (size_t i = plan->begin; i <= plan->end; i++) offset[i - plan->begin] = offset[i] - before;
    plan->offset = offset;
    plan->predictions = offset[plan->end - plan->begin];
    struct piece piece = {.document = plan->begin};
    while (plan_next(plan, &piece)) {
        plan->inputs += piece.n;
        if (piece.n > plan->longest) plan->longest = piece.n;
    }
    if (plan->predictions) return 0;
    plan_free(plan);
    return err_set(e, "%s: nothing to predict: no document of two tokens or more among %zu%s",
                   corpus->prefix, documents, shards > 1 ? " in this shard" : "");
}

void plan_free(struct plan *plan)
{
    free(plan->offset);
    *plan = (struct plan){0};
}
