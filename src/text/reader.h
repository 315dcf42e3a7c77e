/* reader.h - texts to batches of documents, or of pieces of them, for threads to encode.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_READER_H
#define TRIPOD_READER_H

#include "src/text/ids.h"
#include "src/text/origin.h"
#include "src/text/unicode.h"

/* What is encoded apart: a document, or a piece of a long plain text. */
struct text_item {
    size_t start, bytes; /* in the batch's text */
    size_t source;
    uint64_t line; /* of JSON lines, from 1; 0: plain text */
    uint64_t at;   /* plain text: the first of its bytes in the source's text */
    bool ends;     /* a document ends here */
    /* results */
    size_t ids_end; /* of the job's ids */
    uint64_t text_bytes, words, invalid;
};

/* Items of one thread. */
struct text_job {
    size_t first, last; /* items [first, last) */
    struct ids ids;
    int status;
    struct err e;
};

struct text_batch {
    struct bytes text;
    struct text_item *items;
    size_t count, capacity;
    struct text_job *jobs;
    size_t job_count, job_capacity;
    uint64_t read_bytes; /* of the sources, for the progress line */
    int status;          /* -1: reading failed after the items, with e */
    struct err e;
};

/* The caller sets what is not private, zero-initialises the rest and closes. */
struct text_reader {
    char *const *paths;
    size_t n;
    const struct tokenizer *t;
    const struct tokenize_options *o;
    struct text_file *files; /* [n] */
    /* private */
    size_t at; /* the source being read */
    struct source source;
    bool open, ended;     /* ended: the source has no more bytes */
    struct bytes pending; /* read, not in a batch yet */
    size_t try_at; /* plain text: no cut is looked for in a shorter pending; lines: no line ends
                      before it */
    uint64_t line, byte; /* of plain text: how much of it is in batches */
    uint64_t documents;
};

/* Reads a batch of about TARGET bytes and makes jobs of consecutive items; without any at the end.
 * What goes wrong is told when the items before it are done (b->status), so that the first thing
 * wrong in the input is what is reported, whatever the batches are. Errors: a text cannot be read, or
 * changed meanwhile. */
void text_reader_fill(struct text_reader *r, struct text_batch *b, size_t target);
void text_reader_close(struct text_reader *r);
void text_batch_free(struct text_batch *b);

#endif
