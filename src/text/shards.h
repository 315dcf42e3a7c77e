/* shards.h - the files of a tokenised corpus as they are downloaded: P.idx, and P.bin in one piece or in
 * shards P-00000-of-00020.bin; joined, and checked against a list of SHA-256 sums.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SHARDS_H
#define TRIPOD_SHARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum { SHA256_TEXT = 65 }; /* hexadecimal digits and a final zero */

/* Sums by file name: lines of 64 hexadecimal digits and a name, in either order (sha256sum's form has
 * the sum first), "#" and empty lines ignored. */
struct sums {
    struct sum {
        char *name; /* without folders */
        char hex[SHA256_TEXT];
    } * item;
    size_t n;
};

/* Errors name file and line: neither a sum nor a name; a name twice with two sums. */
int sums_read(struct sums *s, const char *path, struct err *e);
void sums_free(struct sums *s);
/* The sum of PATH's last component, NULL where the list has none. */
const char *sums_find(const struct sums *s, const char *path);

/* A corpus's files. */
struct shard_file {
    char *path;
    uint64_t bytes;
    char hex[SHA256_TEXT]; /* "" until it is computed */
};
struct shard_files {
    struct shard_file *file; /* P.idx if it is there, then P.bin or its shards in order */
    size_t n, bins;          /* bins: without P.idx, the last of them */
    char *prefix;            /* P */
    bool whole;              /* P.bin is there; else its shards */
};

/* PREFIX as in corpus_open. Errors: no .bin, a shard missing in the middle. */
int shard_files_open(struct shard_files *f, const char *prefix, struct err *e);
void shard_files_close(struct shard_files *f);

/* Computes all sums, a file a thread; progress in bytes. Errors: cannot read. */
int shard_files_sum(struct shard_files *f, struct err *e);

/* Joins the shards to PATH, written as PATH.part and renamed. A part that is there is compared with the
 * shards, and joining goes on behind what is equal. SUMS, unless NULL: each shard's sum and the
 * whole's are checked on the way, where the list has them; *checked says how many. Errors: nothing to
 * join, cannot write (the part stays), a sum that differs (the part goes). */
int shards_merge(const struct shard_files *f, const char *path, const struct sums *sums,
                 size_t *checked, struct err *e);

#endif
