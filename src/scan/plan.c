/* plan.c - see plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/neox/neox.h"
#include "src/base/rng.h"

enum { MOST = 1 << 30 }; /* tokens, documents of a protocol */

char *protocol_text(const struct protocol *p, size_t documents)
{
    char part[96] = "", rows[64] = "", some[48] = "";
    if (p->window) snprintf(part, sizeof part, " window %zu stride %zu", p->window, p->stride);
    if (p->rows.end)
        snprintf(rows, sizeof rows, " rows %" PRIu64 ":%" PRIu64, p->rows.begin, p->rows.end);
    if (documents) snprintf(some, sizeof some, " documents %zu", documents);
    return format_string("max-tokens %zu%s%s%s", p->max_tokens, part, rows, some);
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
        if (sscanf(text + at, " rows %" SCNu64 ":%" SCNu64 "%n", &p->rows.begin, &p->rows.end,
                   &more) == 2)
            at += more;
        sscanf(text + at, " documents %zu", documents);
    }
    /* What is written back the same was read whole. */
    char *again = protocol_text(p, *documents);
    if (!again) return err_memory(e, path);
    bool good = !strcmp(again, text) && p->max_tokens != 1 && (p->max_tokens || p->window) &&
                p->stride <= p->window && !p->stride == !p->window && p->max_tokens <= MOST &&
                p->window <= MOST && *documents <= MOST && p->rows.end <= MOST &&
                (p->rows.end ? p->rows.begin < p->rows.end && !*documents : !p->rows.begin);
    free(again);
    return good ? 0
                : err_kind(e, ERR_DAMAGED,
                           "%s: protocol: expected 'max-tokens N', with 'window N stride N' and "
                           "'documents N' or 'rows A:B' after it or not, found '%s'",
                           path, text);
}

void protocol_complete(struct protocol *p)
{
    if (!p->stride) p->stride = p->window;
    if (!p->window && !p->max_tokens)
        p->max_tokens = p->rows.end ? TRAIN_TOKENS : PROTOCOL_MAX_TOKENS;
}

int protocol_open_corpus(struct corpus *c, const struct protocol *p, const char *prefix,
                         struct err *e)
{
    if (corpus_open(c, prefix, e)) return -1;
    if (!p->rows.end || !train_rows_take(c, p->rows, e)) return 0;
    corpus_close(c);
    return -1;
}

size_t protocol_inputs(const struct protocol *p, size_t tokens)
{
    if (p->max_tokens && tokens > p->max_tokens) tokens = p->max_tokens;
    return tokens ? tokens - 1 : 0;
}

void piece_sums_add(struct piece_sums *sums, const struct protocol *p, uint64_t inputs)
{
    const uint64_t window = p->window, stride = p->stride;
    uint64_t whole = 0, left = inputs; /* windows that are full; inputs of the one after them */
    sums->scored += inputs;            /* all but context, which is scored in the window before */
    if (window) {
        whole = inputs >= window ? (inputs - window) / stride + 1 : 0;
        left -= whole * stride;
        if (whole && left <= window - stride) left = 0; /* of context alone there is no window */
    }
    sums->rows += (unsigned __int128)whole * window + left;
    sums->pairs +=
        (unsigned __int128)whole * window * (window + 1) + (unsigned __int128)left * (left + 1);
    sums->near += (unsigned __int128)whole * neox_pairs(window, NEOX_NEAR);
    sums->near += neox_pairs(left, NEOX_NEAR);
}

size_t plan_predictions(const struct plan *plan, size_t document)
{
    size_t i = document - plan->begin;
    if (plan->drawn && !(plan->drawn[i / 8] >> i % 8 & 1)) return 0;
    return protocol_inputs(&plan->protocol, corpus_length(plan->corpus, document));
}

uint64_t plan_offset(const struct plan *plan, size_t document)
{
    size_t block = (document - plan->begin) / PLAN_BLOCK;
    uint64_t at = plan->before[block];
    for (size_t d = plan->begin + block * PLAN_BLOCK; d < document; d++)
        at += plan_predictions(plan, d);
    return at;
}

/* The piece of a document of so many inputs that starts at input `first`; n = 0 when there is
 * none. */
static struct piece piece_at(const struct protocol *p, size_t document, size_t inputs, size_t first)
{
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
    const uint64_t loss = piece->loss + piece->n - piece->skip;
    size_t document = piece->document, first = 0;
    if (piece->n) {
        if (plan->protocol.window)
            first = piece->first + plan->protocol.stride;
        else
            document++;
    }
    for (; document < plan->end; document++, first = 0) {
        size_t i = document - plan->begin, block = i / PLAN_BLOCK;
        if (i % PLAN_BLOCK == 0 && plan->before[block] == plan->before[block + 1]) {
            document += PLAN_BLOCK - 1; /* nothing in a whole block */
            continue;
        }
        *piece = piece_at(&plan->protocol, document, plan_predictions(plan, document), first);
        piece->loss = loss;
        if (piece->n) return true;
    }
    return false;
}

/* Sums up the documents. */
static int measure(struct plan *plan, struct err *e)
{
    const struct protocol *p = &plan->protocol;
    size_t n = plan->end - plan->begin, blocks = (n + PLAN_BLOCK - 1) / PLAN_BLOCK;
    plan->before = malloc((blocks + 1) * sizeof *plan->before);
    if (!plan->before)
        return err_kind(e, ERR_MEMORY, "%s: out of memory for %zu documents", plan->corpus->prefix,
                        n);
    for (size_t i = 0; i < n; i++) {
        size_t inputs = plan_predictions(plan, plan->begin + i);
        if (i % PLAN_BLOCK == 0) plan->before[i / PLAN_BLOCK] = plan->predictions;
        size_t longest = p->window && inputs > p->window ? p->window : inputs;
        if (longest > plan->longest) plan->longest = longest;
        plan->documents += inputs > 0;
        plan->predictions += inputs;
        piece_sums_add(&plan->sums, p, inputs);
    }
    plan->inputs = (uint64_t)plan->sums.rows;
    plan->before[blocks] = plan->predictions;
    return 0;
}

int plan_make(struct plan *plan, const struct corpus *corpus, const struct protocol *protocol,
              size_t begin, size_t end, struct err *e)
{
    if (end > corpus->documents) end = corpus->documents;
    if (begin > end) begin = end;
    *plan = (struct plan){.protocol = *protocol, .corpus = corpus, .begin = begin, .end = end};
    if (measure(plan, e)) return -1;
    if (plan->predictions) return 0;
    plan_free(plan);
    return err_set(e,
                   "%s: nothing to predict: no document of two tokens or more among the %zu from "
                   "document %zu",
                   corpus->prefix, end - begin, begin);
}

/* Knuth's Algorithm S (The Art of Computer Programming 2, 3.4.2): one number a document. */
int plan_draw(struct plan *part, const struct plan *plan, size_t n, uint64_t seed, size_t *drawn,
              struct err *e)
{
    size_t documents = plan->end - plan->begin, left = plan->documents;
    *drawn = n && n < left ? n : left;
    *part = (struct plan){
        .protocol = plan->protocol, .corpus = plan->corpus, .begin = plan->begin, .end = plan->end};
    if (n && n < left) {
        part->drawn = calloc(documents / 8 + 1, 1);
        if (!part->drawn) return err_memory(e, plan->corpus->prefix);
        for (size_t i = 0; i < documents && n; i++) {
            if (!plan_predictions(plan, plan->begin + i)) continue;
            bool taken = rng_below(seed, 0, plan->begin + i, left--) < n;
            part->drawn[i / 8] |= (uint8_t)(taken << i % 8);
            n -= taken;
        }
    }
    int status = measure(part, e);
    if (status) plan_free(part);
    return status;
}

void plan_free(struct plan *plan)
{
    free(plan->before);
    free(plan->drawn);
    *plan = (struct plan){0};
}
