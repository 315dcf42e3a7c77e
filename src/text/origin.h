/* origin.h - what a tokenised corpus is made from: texts, tokenizer, options, and its P.json, which
 * says so.
 *
 * P.json: {"format", "documents", "empty_documents", "bytes", "words", "tokens", "invalid_utf8",
 * "longest", "vocabulary", "dtype", "corpus_hash", "tokenizer": {"path", "hash"}, "sources": [{"path",
 * "bytes", "hash", "stamp", "format", "zstd", "documents", "replaced": {"count", "line", "byte"}}],
 * "field", "append", "provenance"}. Hashes are XXH3-64 in 16 hexadecimal digits, that of a source not
 * read to its end is null; "stamp" is source_stamp's, "replaced" is left out where nothing was.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ORIGIN_H
#define TRIPOD_ORIGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/text/source.h"
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
    bool keep; /* another corpus of that name is not replaced: PREFIX-HASH is written then */
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
    char stamp[SOURCE_STAMP];
};

struct tokenize_stats {
    uint64_t documents, empty_documents; /* empty: no tokens */
    uint64_t bytes;                      /* of the documents' text in UTF-8, as given */
    uint64_t words;                      /* runs of anything but white space */
    uint64_t tokens;
    uint64_t invalid;        /* sequences replaced by U+FFFD in all files */
    uint64_t longest;        /* tokens of the longest document */
    uint64_t read_bytes;     /* of the input files, compressed as they are */
    uint64_t corpus_hash;    /* what corpus_hash gives for all documents */
    bool renamed;            /* PREFIX-HASH was written (options.keep) */
    struct text_file *files; /* each of the texts; free() */
};

/* Whether the text PATH is read as JSON lines. */
bool text_is_jsonl(enum text_format format, const char *path);

/* P.json for a corpus of the texts PATHS; ids of WIDTH bytes. NULL when out of memory. */
json_t *origin_json(char *const *paths, size_t n, const struct tokenizer *t,
                    const struct tokenize_options *o, const struct tokenize_stats *s, size_t width);

/* P.json read back. */
struct origin {
    struct tokenize_stats stats;
    size_t files; /* of stats.files */
    uint64_t tokenizer_hash;
    char *field, *append; /* NULL: none */
};

/* Errors: missing, not JSON, not P.json (kind ERR_INPUT), a field that is not what it should be (kind
 * ERR_DAMAGED). The caller frees. */
int origin_read(struct origin *r, const char *path, struct err *e);
void origin_free(struct origin *r);

/* The path of the tokenizer that PREFIX.json says the corpus was made with, which the caller frees; NULL
 * where it does not say. */
char *origin_tokenizer(const char *prefix);
/* Whether T is that tokenizer. A corpus that does not say is anybody's. */
int origin_check_tokenizer(const char *prefix, const struct tokenizer *t, struct err *e);

/* "byte 10: invalid UTF-8 became U+FFFD, the first of 2": what a warning says after the file's name.
 * Returns BUFFER; 128 bytes are enough. */
const char *replaced_text(const struct replaced *r, char *buffer, size_t size);

#endif
