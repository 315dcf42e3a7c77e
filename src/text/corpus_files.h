/* corpus_files.h - the files of a tokenised corpus P: P.idx, and P.bin or its shards
 * P-00000-of-00020.bin, whose names all end in the last one's number or in their count.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CORPUS_FILES_H
#define TRIPOD_CORPUS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

/* P of P, P.bin or P.idx; the caller frees; NULL when out of memory. */
char *corpus_prefix(const char *path);

/* Whether PREFIX names a tokenised corpus rather than text: P.idx exists, or P.bin (or shards of it)
 * and no file P do. */
bool corpus_exists(const char *prefix);

/* Warns where PREFIX, a corpus that exists, is a file too: book.txt beside book.txt.idx. */
void corpus_warn_of_text(const char *prefix);

/* The files of the tokens, in order. */
struct corpus_bins {
    char **name; /* [n]; none: there are no such files */
    size_t n;
    bool whole; /* P.bin; else its shards */
};

/* Errors: a shard is missing; out of memory. The caller frees. */
int corpus_bins_find(struct corpus_bins *bins, const char *prefix, struct err *e);
void corpus_bins_free(struct corpus_bins *bins); /* safe after an error */

#endif
