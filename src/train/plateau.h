/* plateau.h - what counting alone predicts of a text: its unigram and bigram entropies, the plateaus on
 * which small language models stay until attention has learned something.
 *
 * A run that ends there says nothing about its size, and a parabola through it is wrong: MinChilla's
 * runs at 3.07 nats are its text's unigram entropy.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLATEAU_H
#define TRIPOD_PLATEAU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Counts of a training text. With c(b) of N tokens, vocabulary V, c(ab) pairs that begin with a in c(a)
 * places and go on in t(a) different ways:
 *
 *   p(b)     = (c(b) + 1) / (N + V)                                   (Laplace)
 *   p(b | a) = (c(ab) + t(a) p(b)) / (c(a) + t(a)), p(b) after an a never seen
 *
 * (Witten and Bell, 1991, method C, interpolated.) Both sum to 1 over the vocabulary. Pairs are of one
 * document. */
struct grams {
    size_t vocab;
    uint64_t tokens; /* N */
    /* private */
    uint64_t *one;   /* [vocab] c(b) */
    uint64_t *first; /* [vocab] c(a) */
    uint64_t *ways;  /* [vocab] t(a) */
    struct gram_pair {
        uint64_t pair, count; /* a << 32 | b; count 0: free */
    } * pairs;
    size_t used, room; /* room: a power of two */
};

/* Zero-initialise; grams_close releases. Errors: out of memory. */
int grams_open(struct grams *g, size_t vocab, struct err *e);
void grams_close(struct grams *g);
/* Adds a document's N tokens, all below vocab. Errors: out of memory. */
int grams_add(struct grams *g, const uint32_t *ids, size_t n, struct err *e);

double grams_unigram(const struct grams *g, uint32_t b);
double grams_bigram(const struct grams *g, uint32_t a, uint32_t b);

/* Nats of all predicted tokens of some documents: each but a document's first. */
struct grams_loss {
    double unigram, bigram; /* sums of -ln p */
    uint64_t tokens;
};
void grams_measure(const struct grams *g, const uint32_t *ids, size_t n, struct grams_loss *loss);

/* A run is on the plateau while its validation loss is above the bigram entropy of the same documents
 * less PLATEAU_MARGIN nats; one that diverged is, too. */
#define PLATEAU_MARGIN 0.1
bool plateau_holds(double loss, double bigram);

#endif
