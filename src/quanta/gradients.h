/* gradients.h - the gradients of many tokens' losses, each kept as a sketch: one model, one corpus, a
 * list of rows, a folder.
 *
 * Units of samples (samples.h) go to threads, the most costly first; each sample is written when it is
 * there (store.h), and a later call computes what is missing. The results do not depend on threads,
 * instruction set, order or shard.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_GRADIENTS_H
#define TRIPOD_QUANTA_GRADIENTS_H

#include "src/quanta/pass.h"
#include "src/quanta/record.h"
#include "src/quanta/store.h"

enum { GRADIENTS_SKETCH = 65536 }; /* k where it is not said: rms error of a cosine 0.0039 */

struct gradients_request {
    const char *model, *out; /* out: the folder */
    struct samples_request samples;
    const char *coordinates; /* as coordinates.h reads it */
    size_t k, seed;
    size_t shard, shards;
    int threads;
    uint64_t memory; /* bytes the process may use; 0: what the machine has */
    const struct kernels *kernels;
    int gelu; /* enum neox_activation, -1: the model's */
    bool force;
};

/* All that is known before the work. */
struct gradients {
    const struct gradients_request *o;
    struct flat_model flat;
    struct neox model;
    struct samples samples;
    struct coordinates coordinates;
    size_t longest; /* target of these samples */
    struct gradients_record record;
    char *path;  /* of the record */
    int threads; /* that compute */
    /* private */
    bool loaded;
};

/* Opens the model (by whatever name), the corpus and the rows, and finds this shard's samples. REQUEST
 * must outlive it. The caller closes, after an error too. Errors: coordinates', samples', the
 * model's; a shard without samples. */
int gradients_open(struct gradients *g, const struct gradients_request *request, struct err *e);
void gradients_close(struct gradients *g);

/* What is to be done; of a record that is complete nothing. */
struct gradients_needs {
    size_t samples, done;     /* of this shard; there already */
    size_t documents, tokens; /* of what is left: prefixes, together */
    double flop;
    int threads;                               /* as many of those asked for as memory holds */
    uint64_t memory, disk;                     /* bytes: with these threads; the arrays */
    uint64_t memory_available, disk_available; /* 0, UINT64_MAX: not known */
};
/* Errors: OUT holds other gradients (unless force); memory does not hold one thread. */
int gradients_needs(const struct gradients *g, struct gradients_needs *needs, struct err *e);

/* What one call did. */
struct gradients_result {
    size_t computed;
    double seconds, flop;
    double mean_loss; /* of all samples, nats */
};

/* Computes what is missing, as NEEDS says, and completes the record. 1: another process is at it, *e says which.
 * Errors: a gradient is zero or not finite (its row is named); ERR_INTERRUPTED
 * (out_catch_interrupts); no space ... What was computed is kept. */
int gradients_run(struct gradients *g, const struct gradients_needs *needs,
                  struct gradients_result *result, struct err *e);

/* --- for whoever fills a folder: with sketches here, with exact cosines gradients_exact.c --- */

/* 1: the record is there, complete; 0: not, or not yet; -1: other gradients are. */
int gradients_look(const struct gradients *g, struct err *e);

struct pass_source gradients_source(const struct gradients *g);

/* Errors: the gradient is zero or not finite; the row is named. */
int gradients_check(const struct gradients *g, size_t sample, float loss, double norm,
                    struct err *e);

/* Computes what the store and the folder do not have yet; 0, or -1 with *e. */
typedef int gradients_work(struct gradients *g, struct store *store, const void *context,
                           struct gradients_result *result, struct err *e);

/* Locks the folder, has the work done unless it is, and completes the record. 1: another process is at
 * it, *e says which. */
int gradients_fill(struct gradients *g, gradients_work *work, const void *context,
                   struct gradients_result *result, struct err *e);

#endif
