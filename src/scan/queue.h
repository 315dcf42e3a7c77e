/* queue.h - what a scan will do, before it does it: for each model what is there already, the
 * work, and what it takes of memory and disk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUEUE_H
#define TRIPOD_QUEUE_H

#include "models/flat/catalog.h"
#include "src/scan/job.h"

enum queue_state {
    QUEUE_TODO,
    QUEUE_PART, /* stopped in the middle, or another process is at it */
    QUEUE_DONE,
    QUEUE_MISSING, /* there is no such model */
    QUEUE_FAILED,  /* it cannot be used, or was tried in vain */
};
/* "to do", "started", "done", "missing", "failed" */
extern const char *const queue_states[];

struct queue_entry {
    struct catalog_entry *model;
    enum queue_state state;
    struct err why;     /* missing, failed */
    struct share share; /* its documents */
    double flop;     /* useful ones of all its losses (neox_flop); 0 for missing and failed ones */
    uint64_t memory; /* weights and the threads' workspaces */
    bool streamed;   /* memory does not hold that beside what the process takes (scan_way) */
    uint64_t reads;  /* bytes of its weights, were they streamed */
    uint64_t disk;   /* to be written beside the import: 0 when it is there */
    struct record record; /* of its losses: done */
};

struct queue {
    struct job *job; /* NULL: no model can be used */
    struct queue_entry *entries;
    size_t n, twice; /* twice: models given more than once */
};

/* One entry a model of which the job's shard has documents, and one for each that cannot be used, in
 * the catalogue's order; both must outlive the queue. JOB may be NULL where no model is usable. The
 * caller closes the queue, after an error too. Errors: out of memory; of several shards, a model that cannot
 * be used. */
int queue_open(struct queue *q, struct catalog *models, struct job *job, struct err *e);
void queue_close(struct queue *q);

/* Finds the state of an entry again, after its import. */
int queue_look(struct queue *q, struct queue_entry *x, struct err *e);

/* Whether it is to be computed. */
bool queue_open_work(const struct queue_entry *x);

/* How fast this machine will be. */
struct queue_rate {
    double peak;  /* FLOP/s of float32's FMA loop, measured now; 0: not known */
    double share; /* of it that scans reach: above 1 in a narrower precision */
    size_t
        records; /* scans with the same kernels beside whose losses it is kept; 0: it is a guess */
};
struct queue_rate queue_rate(const struct queue *q);

/* What all of it takes. */
struct queue_needs {
    size_t states[QUEUE_FAILED + 1]; /* models of each */
    size_t imports;
    double flop; /* of what is to be computed */
    uint64_t import_read, import_bytes, losses_bytes;
    uint64_t memory, memory_available;  /* of the largest model; 0: not known */
    size_t streamed;                    /* models that memory does not hold ... */
    uint64_t streamed_read;             /* ... and what is read of their weights, all passes */
    uint64_t losses_free, imports_free; /* where each goes; UINT64_MAX: not known */
    uint64_t imports_there;             /* of import_bytes what goes to the disk of the first */
    bool one_disk;                      /* which is that of the losses, too */
};
struct queue_needs queue_needs(const struct queue *q);

/* ERR_SPACE when there is too little disk for imports and losses. */
int queue_check(const struct queue *q, struct err *e);

/* ERR_INPUT that counts and names the models that could not be scanned; 0 when there are none. */
int queue_verdict(const struct queue *q, struct err *e);

#endif
