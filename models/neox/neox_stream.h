/* neox_stream.h - the forward pass of a model that memory does not hold: all of a large batch goes
 * through one layer, then through the next, and the weights are read from the file once.
 *
 * The large batch is cut into parts, which threads take in turn, layer by layer, each in its own
 * workspace (neox_run.h); only x of a part outlives its turn, in memory or in a spill file. There is
 * no barrier: a thread that finds no part left in this layer goes on in the next with a part that has
 * come so far, whose weights were read meanwhile (neox_weights.h). Where the parts are too few for
 * the threads they all compute the whole as one team.
 *
 * The arithmetic. A layer has 12 d^2 weights: 24 d^2 bytes of float16 that are read once, and 24 d^2
 * FLOP a row. With R rows, F FLOP/s and a disk of D bytes/s the reading hides behind the computing
 * where R > F / D (twice that for float32), whatever the width; the head's 2 d V are as many. A core
 * of 0.1 TFLOP/s and its share of 2048 rows hide all but 50 MB/s, however many cores and rows there
 * are. What is kept of a row is 4 d bytes: 20 KB for 12B, 42 MB a thread. Spilt, 8 d bytes a layer go
 * to and from the file beside 24 d^2 FLOP: 3 d FLOP a byte, 7 MB/s a core for 12B.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_STREAM_H
#define TRIPOD_NEOX_STREAM_H

#include "models/neox/neox.h"

struct neox_stream {
    const struct neox *model;
    int threads;
    size_t rows; /* inputs of a part, at least the longest piece's */
    int spill;   /* file that holds what the parts are between layers; -1: memory does */
    /* Called when a part has gone through a step, of `steps`: after the last its losses are there.
     * -1, with the error, ends the pass. From any thread, two at a time too. */
    int (*after)(void *context, const struct neox_piece *pieces, size_t count, size_t step,
                 size_t steps, struct err *e);
    void *context;
    /* What it took, added up over passes. */
    double seconds;             /* wall */
    double reading;             /* seconds of reading weights, beside the computing */
    double waited;              /* seconds that threads waited for weights or for each other ... */
    double busy;                /* ... and that they computed, summed over threads */
    double phases[NEOX_PHASES]; /* the same by phase */
};

/* Bytes of x of one part of so many inputs, in memory or in the file. */
size_t neox_stream_bytes(const struct neox *model, size_t inputs);

/* The losses of a large batch; the bits are neox_forward's. PIECES as there: any number, in order.
 * Errors: out of memory, the disk's, the caller's. */
int neox_stream(struct neox_stream *s, const struct neox_piece *pieces, size_t count,
                struct err *e);

#endif
