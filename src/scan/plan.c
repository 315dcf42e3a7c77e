/* plan.c - see plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

enum { MOST = 1 << 30 }; /* tokens, documents of a protocol */

char *protocol_text(const struct protocol *p, size_t documents)
{
    char part[96] = "", some[48] = "";
    if (p->window) snprintf(part, sizeof part, " window %zu stride %zu", p->window, p->stride);
    if (documents) snprintf(some, sizeof some, " documents %zu", documents);
    return format_string("max-tokens %zu%s%s", p->max_tokens, part, some);
}

int protocol_parse(struct protocol *p, size_t *documents, const char *text, const char *path,
                   struct err *e)
{
    *p = (struct protocol){0};
    *documents = 0;
    int at = 0;
    if (sscanf(text, "max-tokens %zu%n", &p->max_tokens, &at) == 1) {
        int more = 0;
        if (sscanf(text + at, " window %zu stride %zu%n", &p->window, &p->stride, &more) == 2)
            at += more;
        sscanf(text + at, " documents %zu", documents);
    }
    /* What is written back the same was read whole. */
    char *again = protocol_text(p, *documents);
    if (!again) return err_memory(e, path);
    bool good = !strcmp(again, text) && p->max_tokens != 1 && (p->max_tokens || p->window) &&
                p->stride <= p->window && !p->stride == !p->window && p->max_tokens <= MOST &&
                p->window <= MOST && *documents <= MOST;
    free(again);
    return good ? 0
                : err_kind(e, ERR_DAMAGED,
                           "%s: protocol: expected 'max-tokens N', with 'window N stride N' and "
                           "'documents N' after it or not, found '%s'",
                           path, text);
}

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
    const uint64_t *offset = plan->offset + (document - plan->begin);
    size_t inputs = (size_t)(offset[1] - offset[0]); /* every input but context predicts */
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

/* Sums up pieces once the offsets are there. */
static void measure(struct plan *plan)
{
    plan->predictions = plan->offset[plan->end - plan->begin];
    struct piece piece = {.document = plan->begin};
    while (plan_next(plan, &piece)) {
        plan->inputs += piece.n;
        if (piece.n > plan->longest) plan->longest = piece.n;
    }
}

int plan_make(struct plan *plan, const struct corpus *corpus, const struct protocol *protocol,
              size_t begin, size_t end, struct err *e)
{
    if (end > corpus->documents) end = corpus->documents;
    if (begin > end) begin = end;
    size_t documents = end - begin;
    *plan = (struct plan){.protocol = *protocol, .corpus = corpus, .begin = begin, .end = end};
    plan->offset = malloc((documents + 1) * sizeof *plan->offset);
    if (!plan->offset)
        return err_kind(e, ERR_MEMORY, "%s: out of memory for %zu documents", corpus->prefix,
                        documents);
    plan->offset[0] = 0;
    for (size_t i = 0; i < documents; i++)
        plan->offset[i + 1] = plan->offset[i] + inputs_of(plan, begin + i);
    measure(plan);
    if (plan->predictions) return 0;
    plan_free(plan);
    return err_set(e, "%s: nothing to predict: no document of two tokens or more among %zu",
                   corpus->prefix, documents);
}

/* Knuth's Algorithm S (The Art of Computer Programming 2, 3.4.2): one number a document. */
int plan_draw(struct plan *part, const struct plan *plan, size_t n, uint64_t seed, size_t *drawn,
              struct err *e)
{
    size_t documents = plan->end - plan->begin, left = 0;
    *drawn = 0;
    *part = (struct plan){.protocol = plan->protocol,
                          .corpus = plan->corpus,
                          .begin = plan->begin,
                          .end = plan->end,
                          .offset = malloc((documents + 1) * sizeof *part->offset)};
    if (!part->offset) return err_memory(e, plan->corpus->prefix);
    for (size_t i = 0; i < documents; i++) left += plan->offset[i] < plan->offset[i + 1];
    if (n == 0 || n > left) n = left;
    part->offset[0] = 0;
    for (size_t i = 0; i < documents; i++) {
        uint64_t predictions = plan->offset[i + 1] - plan->offset[i];
        bool taken = predictions && rng_below(seed, 0, plan->begin + i, left) < n - *drawn;
        left -= predictions != 0;
        *drawn += taken;
        part->offset[i + 1] = part->offset[i] + (taken ? predictions : 0);
    }
    measure(part);
    return 0;
}

void plan_free(struct plan *plan)
{
    free(plan->offset);
    *plan = (struct plan){0};
}
