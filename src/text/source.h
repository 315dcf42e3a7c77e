/* source.h - the bytes of a text: a file or stdin, zstd or not.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SOURCE_H
#define TRIPOD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "src/base/err.h"

/* A file, or stdin as "-", read once from beginning to end; zstd data are recognised by their first
 * bytes. */
struct source {
    const char *path;    /* borrowed */
    bool zstd, finished; /* finished: read to the end */
    uint64_t bytes;      /* read so far, as stored */
    /* private */
    int fd;
    void *decoder, *hash;
    uint8_t *input;
    size_t input_at, input_count;
    bool input_ended, in_frame;
    struct stat before; /* as it was opened */
};

/* Errors: cannot open, a directory, gzip data, a name that ends in .zst and no zstd data in it. */
int source_open(struct source *s, const char *path, struct err *e);
/* Up to CAPACITY bytes of text; *count is 0 at the end only. Errors: cannot read, zstd data damaged
 * or cut short. */
int source_read(struct source *s, uint8_t *out, size_t capacity, size_t *count, struct err *e);
uint64_t source_hash(const struct source *s); /* XXH3-64 of the bytes as stored, read so far */
void source_close(struct source *s);

/* The file as it was opened, when it was read: an error if it has been written to since. STAMP says
 * which state of which file that was, empty where source_stamp is false. */
enum { SOURCE_STAMP = 64 };
int source_unchanged(const struct source *s, char stamp[SOURCE_STAMP], struct err *e);

/* Device, number and time of the last change of a file's state, which no program can set back: equal
 * stamps mean equal bytes, unless this is false, for what is no regular file (then it is empty) and
 * for one so young that the next write may fall on the same tick of its clock. */
bool source_stamp(const struct stat *st, char stamp[SOURCE_STAMP]);

/* Whether the name, without .zst or .zstd, ends as JSON lines do: .jsonl, .ndjson, .json. */
bool path_is_jsonl(const char *path);

#endif
