/* store.h - the arrays of a folder of gradients while they are computed: sample by sample, in any order,
 * so that whatever stops the work, the next call goes on with what is there.
 *
 * Until all is there the arrays have ".partial" behind their names, all of their space taken, and
 * "losses.npy.partial.log" says which samples are in them: a record a sample with a checksum of its
 * numbers and one of itself (src/scan/loss_log.h), locked by the process that fills them, with
 * sketches or without. As with losses (src/scan/losses.h) neither the order nor the completeness of
 * writes is relied on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_STORE_H
#define TRIPOD_QUANTA_STORE_H

#include <pthread.h>

#include "src/quanta/record.h"
#include "src/scan/loss_log.h"

enum { STORE_ARRAYS = 3 }; /* losses, norms and, unless k is 0, sketch */

struct store {
    size_t n, kept; /* samples, and those that are there */
    bool *there;    /* [n] */
    /* private */
    int used; /* arrays */
    struct store_array {
        char *path, *part;
        const char *descr;
        size_t columns; /* 0: one dimension */
        size_t width;   /* bytes of a sample */
        int fd;
    } arrays[STORE_ARRAYS];
    struct loss_log log;
    double synced;
    bool syncing, named;
    pthread_mutex_t lock;
};

/* Locks the arrays of R's samples in FOLDER, touching none. 1: another process has them, *e says
 * which. Errors: cannot write. */
int store_open(struct store *s, const char *folder, const struct gradients_record *r,
               struct err *e);

/* Opens or creates them, and finds what is there. Errors: cannot write, no space. */
int store_resume(struct store *s, struct err *e);

/* Keeps sample I: its loss, the norm of its gradient, its sketch [k]. Any thread. */
int store_put(struct store *s, size_t i, float loss, double norm, const float *sketch,
              struct err *e);

/* Gives the complete arrays their final names, once they are on the disk. The log stays until
 * store_close: the record comes before that. */
int store_commit(struct store *s, struct err *e);

/* Closes. DONE: removes the log. Safe on a zeroed or closed one. */
void store_close(struct store *s, bool done);

#endif
