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

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/text/tokenizer.h"

enum text_format {
    TEXT_AUTO, /* by name: .jsonl, .ndjson, .json (before .zst, .zstd) are JSON lines, the rest
                  plain text */
    TEXT_PLAIN,
    TEXT_JSONL,
};

struct tokenize_options {
    enum text_format format;
    const char *field;  /* of a JSON line; NULL: "text" */
    const char *append; /* added token put after every document, e.g. "<|endoftext|>"; NULL: none */
    uint64_t max_documents;   /* stop after so many; 0: all */
    const json_t *provenance; /* of provenance_json(), for PREFIX.json; borrowed, or NULL */
};

/* What U+FFFD stands for now in a file's text: invalid UTF-8 and, in JSON lines, lone surrogates. */
struct replaced {
    uint64_t count;
    uint64_t line, byte; /* the first: its line, from 1, of JSON lines; else line 0 and its byte */
};

/* A file that was read. */
struct text_file {
    uint64_t bytes, hash, documents; /* bytes and their XXH3-64 as stored */
    bool jsonl, zstd, whole;         /* whole: read to its end */
    struct replaced replaced;
};

struct tokenize_stats {
    uint64_t documents, empty_documents; /* empty: no tokens */
    uint64_t bytes;                      /* of the documents' text in UTF-8, as given */
    uint64_t words;                      /* runs of anything but white space */
    uint64_t tokens;
    uint64_t invalid;        /* sequences replaced by U+FFFD in all files */
    uint64_t longest;        /* tokens of the longest document */
    uint64_t read_bytes;     /* of the input files, compressed as they are */
    struct text_file *files; /* each of the PATHS; free() */
};

/* Tokenises PATHS, in order, into PREFIX.bin, PREFIX.idx and PREFIX.json. The three appear when all
 * is done, or not at all. PREFIX.json holds {"documents", "empty_documents", "bytes", "words",
 * "tokens", "invalid_utf8", "longest", "vocabulary", "dtype", "corpus_hash", "tokenizer": {"path",
 * "hash"}, "sources": [{"path", "bytes", "hash", "format", "zstd", "documents"}], "field",
 * "append", "provenance"}; hashes are XXH3-64 in 16 hexadecimal digits, that of a source not read
 * to its end is null. STATS may be NULL; its files are the caller's to free, NULL on error. Errors name the file, and the line of JSON lines: cannot
 * be read, zstd data cut short, not JSON, no such field or not a string, no tokens in all of the
 * input, a file that is input and output. */
int tokenize_files(char *const *paths, size_t n, const struct tokenizer *t, const char *prefix,
                   const struct tokenize_options *o, struct tokenize_stats *stats, struct err *e);

/* "byte 10: invalid UTF-8 became U+FFFD, the first of 2": what a warning says after the file's name.
 * Returns BUFFER; 128 bytes are enough. */
const char *replaced_text(const struct replaced *r, char *buffer, size_t size);

/* The totals of a corpus from its P.json, for bits per byte and word perplexity: 0 and the fields
 * documents, bytes, words and tokens filled; -1 when there is none or it cannot be read. PREFIX as
 * in corpus_open. */
int tokenize_totals(const char *prefix, struct tokenize_stats *stats, struct err *e);

#endif
