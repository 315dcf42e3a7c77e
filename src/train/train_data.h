/* train_data.h - which tokens of a corpus a run trains on, in which order, and which are held out.
 *
 * A corpus is cut into sections: a document, or TRAIN_SECTION tokens of a longer one, so that a text in
 * one piece has some to hold out, too. Section i (of all, as they come) is held out where the
 * i-th number of a stream of its own is below the fraction asked for: the same ones whatever is
 * trained, by which seed. Where there is none, the one with the least number is.
 *
 * The others are one stream of tokens: sections in order, a separator (GPT-NeoX's end-of-text) after
 * each document's end and where a section was taken out. Window k is its tokens k T .. k T + T: T
 * inputs, and one more as the last target; what is left at the end is not used. Pythia's training rows
 * are such windows: they begin anywhere, and attention sees what stands before a separator.
 *
 * Place p of a run's order is in epoch p div W, of W windows, and each epoch is a permutation of its
 * own. A batch of B rows is the next B places, so that one may end an epoch and begin the next: none
 * is short, and in every epoch every window comes once. Batch s follows from s alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_DATA_H
#define TRIPOD_TRAIN_DATA_H

#include "src/text/corpus.h"

enum { TRAIN_SECTION = 4096 };

struct train_section {
    uint64_t at; /* in the stream */
    uint64_t document;
    uint64_t first;
    uint32_t n;
    bool closed; /* a separator follows */
};

struct train_data {
    const struct corpus *corpus; /* borrowed; its limit is the vocabulary's size */
    uint64_t corpus_hash;
    int64_t separator; /* an id; -1: none */
    double holdout;
    struct train_section *sections, *held;
    size_t n, held_n;
    uint64_t tokens; /* of the stream */
};

/* HOLDOUT: the fraction of sections; 0: none. Reads lengths only. Errors: a fraction or a separator out
 * of range; nothing left to train on; out of memory. The caller closes. */
int train_data_open(struct train_data *d, const struct corpus *corpus, uint64_t corpus_hash,
                    int64_t separator, double holdout, struct err *e);
void train_data_close(struct train_data *d); /* a zeroed one too */

/* Windows of LENGTH inputs. */
uint64_t train_data_windows(const struct train_data *d, size_t length);

/* Tokens FIRST .. FIRST + n - 1 of the stream, which are there. Any thread. Errors: corpus_read's. */
int train_data_read(const struct train_data *d, uint64_t first, size_t n, uint32_t *out,
                    struct err *e);

/* Writes the sections held out, as documents in order, to a corpus PREFIX, as many as begin before
 * MOST tokens are written (0: all). */
int train_data_write_held(const struct train_data *d, const char *prefix, uint64_t most,
                          struct err *e);

/* The same, once: what is there is not replaced, for runs may have been tested on it. Errors: other text
 * is there. */
int train_data_keep_held(const struct train_data *d, const char *prefix, uint64_t most,
                         struct err *e);

/* One run's order. */
struct train_order {
    uint64_t windows, seed;
    uint64_t epoch;   /* whose permutation it has; UINT64_MAX: none yet */
    uint32_t *number; /* [windows] */
};
/* Errors: no window, or more than 2^32 - 1; out of memory. The caller closes. */
int train_order_open(struct train_order *o, uint64_t windows, uint64_t seed, struct err *e);
void train_order_close(struct train_order *o); /* a zeroed one too */
/* The window at PLACE. Fisher and Yates's shuffle of an epoch is drawn from (seed, epoch, i) when the
 * first of its places is asked for. */
uint64_t train_order_at(struct train_order *o, uint64_t place);

/* Batch STEP: TOKENS [rows][length + 1]. */
int train_batch(const struct train_data *d, struct train_order *o, size_t rows, size_t length,
                uint64_t step, uint32_t *tokens, struct err *e);

#endif
