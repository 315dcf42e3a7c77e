/* losses.h - the loss store: one .npy of float32 nats per checkpoint beside a .json that says where
 * they come from.
 *
 * While a scan runs its losses are in "NAME.npy.part-KEY", all of its space taken, and beside it a
 * log, "NAME.npy.part-KEY.log", says which of them have been computed: a record a batch, with a
 * checksum of its losses and one of itself. KEY stands for everything the losses depend on. A later
 * scan of the same thing believes what the log says and the losses confirm, computes the rest, and
 * so ends with the same bytes wherever the one before was stopped: killed, or by a power cut, after
 * which any of the writes not followed by an fsync may be missing. Neither order nor completeness of
 * such writes is relied on; syncing every SYNC_SECONDS only bounds what has to be computed again.
 *
 * The log (loss_log.h) is locked by the process that fills the file, so that two never do. The
 * final name appears when all is there and on the disk; the log goes last.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOSSES_H
#define TRIPOD_LOSSES_H

#include <pthread.h>

#include "src/base/file.h"
#include "src/scan/loss_log.h"
#include "src/scan/moments.h"

enum { SYNC_SECONDS = 10 };

/* Losses first .. end. */
struct loss_range {
    uint64_t first, end;
};

/* The file being filled. */
struct loss_file {
    uint64_t count; /* of all its losses */
    uint64_t kept;  /* of those that are there */
    bool resumed;   /* some were there when it was opened */
    /* private */
    char *path, *part;
    int data;      /* descriptor of the part, -1: none */
    float *memory; /* instead of files */
    struct loss_log log;
    struct loss_range *ranges; /* what is there: sorted, apart from one another */
    size_t ranges_n, ranges_room;
    double synced; /* when, omp_get_wtime */
    bool syncing;  /* a thread is at it */
    bool named;    /* the names of part and log are on the disk */
    pthread_mutex_t lock;
};

/* Whether PATH's part is there: stopped in the middle, or being filled. */
bool loss_file_started(const char *path, uint64_t key);

/* Opens or creates PATH's part for COUNT losses. 1: another process has it, *e says which ("process
 * 123 on HOST"), and the file is closed. Errors: cannot write, no space. */
int loss_file_open(struct loss_file *f, const char *path, uint64_t key, uint64_t count,
                   struct err *e);
/* The same without a file: losses that nobody keeps, in f->memory. */
int loss_file_memory(struct loss_file *f, uint64_t count, struct err *e);

/* Whether these losses are there, computed by this process or an earlier one. Any thread. */
bool loss_file_has(struct loss_file *f, uint64_t first, uint64_t count);

/* Keeps losses FIRST .. FIRST + COUNT. Any thread. Errors: cannot write, no space. */
int loss_file_put(struct loss_file *f, uint64_t first, const float *values, uint64_t count,
                  struct err *e);

/* Reads losses that are there. */
int loss_file_read(const struct loss_file *f, uint64_t first, float *values, uint64_t count,
                   struct err *e);

/* Gives the complete file its final name, once it is on the disk, and closes it. */
int loss_file_commit(struct loss_file *f, struct err *e);
/* Removes the log that a power cut may have left behind when it came with the last steps of a commit:
 * one without its part, and nobody's. */
void loss_file_sweep(const char *path, uint64_t key, uint64_t count);

/* Closes; KEEP leaves what is there, on the disk, for a later scan. Safe on a closed one. */
void loss_file_close(struct loss_file *f, bool keep);

#endif
