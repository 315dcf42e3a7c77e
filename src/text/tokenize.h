/* tokenize.h - text files to a tokenised corpus: what `tripod tokenize` does, for other commands to
 * call.
 *
 * A file is plain text (one document a file) or JSON lines (one document a line, in a field),
 * either compressed with zstd or not, "-" is stdin. Reading, decompressing, splitting JSON and
 * encoding are spread over the threads OpenMP has, in batches of a few MB, and written in order:
 * memory does not grow with the input except for a single JSON line.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOKENIZE_H
#define TRIPOD_TOKENIZE_H

#include "src/text/origin.h"

/* Tokenises PATHS, in order, into PREFIX.bin, PREFIX.idx and PREFIX.json (origin.h). The three appear
 * when all is done, or not at all. STATS may be NULL; its files, one a path, are the caller's to
 * free, NULL on error. Errors name the file, and the line of JSON lines: cannot be read, changed
 * while it was read, zstd data cut short, not JSON, no such field or not a string, no tokens in all
 * of the input, a file that is input and output. */
int tokenize_files(char *const *paths, size_t n, const struct tokenizer *t, const char *prefix,
                   const struct tokenize_options *o, struct tokenize_stats *stats, struct err *e);

#endif
