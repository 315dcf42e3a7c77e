/* ahead.h - the next model is opened, and its pages read, while the last one computes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_AHEAD_H
#define TRIPOD_AHEAD_H

#include <pthread.h>

#include "models/flat/flat.h"

/* Zero-initialise. */
struct ahead {
    const char *model; /* NULL: nothing is under way */
    uint64_t room;
    pthread_t thread;
    struct flat_model flat;
    int status;
    struct err e;
};

/* Begins to open MODEL (borrowed), of BYTES, in a thread of its own that takes one CPU at most;
 * ROOM: bytes of memory that the model computing now leaves. Does nothing where it would not
 * fit. */
void ahead_start(struct ahead *a, const char *model, uint64_t bytes, uint64_t room);

/* model_open, from what is under way where it is this model. */
int ahead_take(struct ahead *a, const char *model, struct flat_model *flat, struct err *e);

/* Waits, and drops what was opened. */
void ahead_stop(struct ahead *a);

#endif
