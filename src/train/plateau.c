/* plateau.c - see plateau.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/plateau.h"

#include <math.h>
#include <stdlib.h>

int grams_open(struct grams *g, size_t vocab, struct err *e)
{
    *g = (struct grams){.vocab = vocab, .room = 1 << 16};
    g->one = calloc(3 * vocab, sizeof *g->one);
    g->pairs = calloc(g->room, sizeof *g->pairs);
    if (!g->one || !g->pairs) {
        grams_close(g);
        return err_memory(e, "counts of pairs");
    }
    g->first = g->one + vocab;
    g->ways = g->first + vocab;
    return 0;
}

void grams_close(struct grams *g)
{
    free(g->one);
    free(g->pairs);
    *g = (struct grams){.vocab = 0};
}

/* Where a pair is, or would be. */
static struct gram_pair *find(struct gram_pair *pairs, size_t room, uint64_t pair)
{
    size_t at = (size_t)((pair * 0x9E3779B97F4A7C15u) >> 32) & (room - 1);
    while (pairs[at].count && pairs[at].pair != pair) at = (at + 1) & (room - 1);
    return &pairs[at];
}

static int grow(struct grams *g, struct err *e)
{
    const size_t room = 2 * g->room;
    struct gram_pair *more = calloc(room, sizeof *more);
    if (!more) return err_memory(e, "counts of pairs");
    for (size_t i = 0; i < g->room; i++)
        if (g->pairs[i].count) *find(more, room, g->pairs[i].pair) = g->pairs[i];
    free(g->pairs);
    g->pairs = more;
    g->room = room;
    return 0;
}

static uint64_t pair_of(uint32_t a, uint32_t b)
{
    return (uint64_t)a << 32 | b;
}

int grams_add(struct grams *g, const uint32_t *ids, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        g->one[ids[i]]++;
        if (!i) continue;
        if (2 * g->used >= g->room && grow(g, e)) return -1;
        const uint64_t pair = pair_of(ids[i - 1], ids[i]);
        struct gram_pair *p = find(g->pairs, g->room, pair);
        if (!p->count) {
            p->pair = pair;
            g->used++;
            g->ways[ids[i - 1]]++;
        }
        p->count++;
        g->first[ids[i - 1]]++;
    }
    g->tokens += n;
    return 0;
}

double grams_unigram(const struct grams *g, uint32_t b)
{
    return (double)(g->one[b] + 1) / (double)(g->tokens + g->vocab);
}

double grams_bigram(const struct grams *g, uint32_t a, uint32_t b)
{
    const double alone = grams_unigram(g, b), ways = (double)g->ways[a];
    if (!g->first[a]) return alone;
    const struct gram_pair *p = find(g->pairs, g->room, pair_of(a, b));
    return ((double)p->count + ways * alone) / ((double)g->first[a] + ways);
}

void grams_measure(const struct grams *g, const uint32_t *ids, size_t n, struct grams_loss *loss)
{
    for (size_t i = 1; i < n; i++) {
        loss->unigram -= log(grams_unigram(g, ids[i]));
        loss->bigram -= log(grams_bigram(g, ids[i - 1], ids[i]));
    }
    if (n) loss->tokens += n - 1;
}

bool plateau_holds(double loss, double bigram)
{
    return !(loss <= bigram - PLATEAU_MARGIN);
}
