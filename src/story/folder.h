/* folder.h - what a folder holds: every record of ours in it, told by what is in it (src/plot/result.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_STORY_FOLDER_H
#define TRIPOD_STORY_FOLDER_H

#include "src/plot/result.h"

struct folder {
    char *path;
    struct result
        *result; /* by path; of kind RESULT_KINDS what has no figure: corpora, trained models */
    size_t n;
    char **warning; /* a line each: files that cannot be read, scans that have not ended */
    size_t warnings;
};

/* Reads the records in PATH and in the folders below (three deep; links to folders are not followed).
 * Other files are passed over, damaged ones warned of. Errors: no such folder, nothing of ours in it,
 * more files than anybody makes. The caller closes, after an error too. Not thread-safe. */
int folder_open(struct folder *f, const char *path, struct err *e);
void folder_close(struct folder *f);
/* -1: out of memory. */
int folder_warn(struct folder *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next result of a kind from the I-th on, NULL: none. */
const struct result *folder_next(const struct folder *f, enum result_kind kind, size_t *i);
size_t folder_count(const struct folder *f, enum result_kind kind);
/* Whether it is a record of that "format". */
bool folder_format(const struct result *r, const char *format);
/* Whether it is the JSON of tripod sweep. */
bool folder_is_sweep(const struct result *r);

/* What made it: the member of the record that has "command", "date" ...; NULL where it does not say. */
json_t *folder_provenance(const struct result *r);
/* A path as it stands in the folder, without the folder's own name. */
const char *folder_inside(const struct folder *f, const char *path);
/* How much of a path is its directory, the slash left out; 0: it has none. */
size_t folder_directory(const char *path);
/* Whether two records stand in one directory. */
bool folder_same(const struct result *a, const struct result *b);

#endif
