/* loss_log.h - the log beside losses being computed: which of them are there; see losses.h.
 *
 * Little-endian: a header of LOSS_LOG_HEADER bytes {char magic[8]; u64 key, count; u64 XXH3-64 of
 * these; u64 pid; char host[88]}, the last two saying who has it; then records {u64 first, count,
 * XXH3-64 of the losses; u64 XXH3-64 of these, seeded with the key}.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOSS_LOG_H
#define TRIPOD_LOSS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum { LOSS_LOG_HEADER = 128 };

/* Losses FIRST .. FIRST + COUNT have been computed, and their XXH3-64 is VALUES. */
struct loss_record {
    uint64_t first, count, values;
    uint64_t check; /* of the three above; the log's business */
};

struct loss_log {
    int fd; /* locked; -1: closed */
    char *path;
    uint64_t key, count;
    uint64_t end;  /* bytes */
    bool unlocked; /* the file system knows no locks: nothing keeps another process out */
};

/* Opens or creates PATH, for COUNT losses that KEY stands for, and locks it. 1: another process has
 * it, and *e says which: "process 123 on HOST". */
int loss_log_open(struct loss_log *l, const char *path, uint64_t key, uint64_t count,
                  struct err *e);

/* The records before the first that is torn or damaged or cannot be: *records [*n], the caller's to
 * free, sorted and apart from one another. Of two that overlap, which no scan writes, one is left
 * out. *all: nothing of the log was left out. */
int loss_log_read(const struct loss_log *l, struct loss_record **records, size_t *n, bool *all,
                  struct err *e);

/* Appends a record; or leaves N of those read, in the order given. Call under a lock. */
int loss_log_append(struct loss_log *l, struct loss_record record, struct err *e);
int loss_log_rewrite(struct loss_log *l, const struct loss_record *records, size_t n,
                     struct err *e);

/* Unlocks and closes, and removes the log if REMOVE. Safe on a closed one. */
void loss_log_close(struct loss_log *l, bool remove);

#endif
