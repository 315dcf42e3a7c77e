/* neox_weights.h - a model's weights on their way through memory: the file's bytes of one step of a
 * pass after the other are read ahead, used through the map, and let go.
 *
 * Steps: 0 the embedding, then each layer, then the head. A thread of its own reads the next step
 * into the page cache while this one computes; a step that is done leaves the process and the page
 * cache. So at most two steps are resident at a time, and one more lies in the page cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_WEIGHTS_H
#define TRIPOD_NEOX_WEIGHTS_H

#include <pthread.h>

#include "models/neox/neox_load.h"

struct neox_weights {
    const struct neox *model;
    double reading; /* seconds that reading took, once closed */
    /* private */
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t steps, ready, dropped; /* so many have been read; are done */
    bool stop;
    struct err failure; /* why */
};

/* Steps of a pass: the layers and two. */
size_t neox_weights_steps(const struct neox *model);

/* Bytes resident at most: the largest two steps that follow each other. 0 where the weights do not
 * lie in a mapped file, and so cannot be streamed. */
size_t neox_weights_resident(const struct neox *model);

/* Takes the file's pages out of this process: of a loaded model what loading touched. */
void neox_weights_release(const struct neox *model);

/* Starts to read for one pass. Errors: the file cannot be opened, or is another than the mapped
 * one. */
int neox_weights_open(struct neox_weights *w, const struct neox *model, struct err *e);
/* Safe where it did not open. */
void neox_weights_close(struct neox_weights *w);

/* Reads no further: the pass has failed elsewhere. Whoever waits returns. */
void neox_weights_stop(struct neox_weights *w);
/* Waits until a step's weights are there. Errors: the disk's; stopped. Any thread. */
int neox_weights_wait(struct neox_weights *w, size_t step, struct err *e);
/* Lets the weights of a step go, when all that needs them and all steps before is done. */
void neox_weights_drop(struct neox_weights *w, size_t step);

#endif
