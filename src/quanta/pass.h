/* pass.h - one thread's way through units of samples: a forward pass, then a backward pass a sample,
 * whose gradient goes by coordinate to whoever wants it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_PASS_H
#define TRIPOD_QUANTA_PASS_H

#include "models/neox/neox_backward.h"
#include "src/quanta/coordinates.h"
#include "src/quanta/samples.h"

/* What all threads share. */
struct pass_source {
    const struct neox *model;
    const struct samples *samples;
    const struct coordinates *coordinates;
};

/* Who gets the gradient: begin, then pieces in an order that depends on the model's shape alone, then
 * end with the loss in nats (a scan's bits). SAMPLE is an index into the samples. end: 0, or -1 with
 * *e, which stops the unit. */
struct pass_taker {
    void *context;
    void (*begin)(void *context, size_t sample);
    void (*take)(void *context, uint64_t coordinate, const float *values, size_t n);
    int (*end)(void *context, size_t sample, float loss, struct err *e);
};

struct pass {
    const struct pass_source *source;
    /* private */
    struct neox_tape tape;
    uint32_t *tokens;
    const struct pass_taker *taker;
};

/* Bytes of a pass for targets up to LONGEST, and opening one, by the thread that uses it. Errors: out
 * of memory. */
size_t pass_bytes(const struct pass_source *source, size_t longest);
int pass_open(struct pass *p, const struct pass_source *source, size_t longest, struct err *e);
void pass_close(struct pass *p); /* safe on a zeroed one */

/* The gradients of a unit's samples, ORDER being its units'. Errors: the corpus cannot be read or has a
 * token outside the model's vocabulary (if the caller set its limit), TAKER's. */
int pass_unit(struct pass *p, const struct unit *unit, const size_t *order,
              const struct pass_taker *taker, struct err *e);

/* Units that threads take from in their order. SOURCE, LONGEST and UNITS are the caller's. */
struct pass_queue {
    struct pass_source source;
    size_t longest;
    struct units units;
    size_t next;   /* unit */
    double flop;   /* of those that are done */
    int status;    /* of the first that failed, */
    struct err *e; /* and why */
};

/* One thread's part: takes units until there are none, a thread fails or out_interrupted() says so.
 * Opens P unless it is; the caller closes it. */
void pass_queue_take(struct pass_queue *q, struct pass *p, const struct pass_taker *taker);

/* FLOP for units_open; CONTEXT: the model's struct neox_config. */
struct units_cost pass_cost(const struct neox_config *config);

#endif
