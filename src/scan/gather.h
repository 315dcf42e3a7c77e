/* gather.h - the checkpoints of a scan put together: shards joined, points.csv, the (tokens x models)
 * matrix.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_GATHER_H
#define TRIPOD_GATHER_H

#include "src/scan/record.h"

/* One checkpoint: its parts in the documents' order, their sums in `whole`. */
struct checkpoint {
    struct record whole; /* strings borrowed from the first part; shard 0 of 1 */
    struct record **parts;
    size_t part_count;
    char *same_as; /* the first checkpoint here of equal weights, whole.same_as; NULL: none */
};

struct gathered {
    struct record *records;
    size_t record_count;
    struct checkpoint *checkpoints;
    size_t count;
};

/* Reads every loss record of DIRECTORY, by size, model and step, parts joined: whichever shards of
 * whatever number they are, if together they are every document once. The sums are those of the
 * unsharded scan to the last bit, where all records have exact ones. Errors: there is no record,
 * documents are missing or twice there, corpora, protocols, precisions or weights differ. The caller frees,
 * after an error too. */
int gather_open(struct gathered *g, const char *directory, struct err *e);
void gather_close(struct gathered *g);

/* A row a checkpoint: model, N, N_total, D, step, predictions, loss ... same_as */
int gather_points(const struct gathered *g, const char *path, struct err *e);

/* The float32 matrix of checkpoints FIRST .. FIRST + N, a row a token, a column a checkpoint, and beside
 * PATH.npy a PATH.json that names the columns. By OpenMP's threads, 8 MB each. */
int gather_matrix(const struct gathered *g, size_t first, size_t n, const char *path,
                  struct err *e);

struct documents_request {
    const char *path;               /* of the CSV */
    const char *directory;          /* gather_open's */
    const char *corpus, *tokenizer; /* NULL: where the corpus and the records say */
};

/* A CSV with a row a document of the scan, from 0: its tokens (all, before the cut), how many of
 * them are predicted, the bytes of UTF-8 text of these, and of every checkpoint the mean loss, summed
 * in double from the first to the last, and the loss over the bytes in bits. Empty where nothing is
 * predicted. Without a tokenizer bytes and bits are left out, and a warning says so. By OpenMP's
 * threads, in memory that grows neither with losses nor documents. Errors: the corpus is not there, is not
 * that of the losses, cannot be read; a tokenizer that is not the scan's. */
int gather_documents(const struct gathered *g, const struct documents_request *request,
                     struct err *e);

#endif
