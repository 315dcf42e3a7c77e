/* text.h - documents before they are tokens: a source of bytes (zstd or not), lines of JSON, words.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TEXT_H
#define TRIPOD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/text/unicode.h"

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
};

/* Errors: cannot open, a directory, gzip data, a name that ends in .zst and no zstd data in it. */
int source_open(struct source *s, const char *path, struct err *e);
/* Up to CAPACITY bytes of text; *count is 0 at the end only. Errors: cannot read, zstd data damaged
 * or cut short. */
int source_read(struct source *s, uint8_t *out, size_t capacity, size_t *count, struct err *e);
uint64_t source_hash(const struct source *s); /* XXH3-64 of the bytes as stored, read so far */
void source_close(struct source *s);

/* Whether the name, without .zst or .zstd, ends as JSON lines do: .jsonl, .ndjson, .json. */
bool path_is_jsonl(const char *path);

/* The string FIELD of the JSON object LINE, its escapes undone, appended to *out. Lone surrogates
 * become U+FFFD and are counted in *invalid; other bytes are passed through, valid UTF-8 or not.
 * The whole line is checked; of equal keys the last counts. Errors (without file or line): the
 * column and what is wrong, no such field, not a string. */
int json_line_field(const uint8_t *line, size_t bytes, const char *field, struct bytes *out,
                    uint64_t *invalid, struct err *e);

/* Runs of anything but Unicode white space. */
uint64_t count_words(const uint8_t *p, size_t bytes);

#endif
