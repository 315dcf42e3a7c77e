/* gather.h - the checkpoints of a scan put together: shards joined, points.csv, the (tokens x models)
 * matrix.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_GATHER_H
#define TRIPOD_GATHER_H

#include "src/scan/record.h"

/* One checkpoint: its shards in order, their sums in `whole`. */
struct checkpoint {
    struct record whole;    /* strings borrowed from the first shard */
    struct record **shards; /* [whole.shards] */
    char *same_as; /* the first checkpoint here of equal weights, whole.same_as; NULL: none */
};

struct gathered {
    struct record *records;
    size_t record_count;
    struct checkpoint *checkpoints;
    size_t count;
};

/* Reads every loss record of DIRECTORY, by size, model and step, shards joined. Errors: there is
 * none, a shard is missing or twice there, corpora or protocols differ. The caller frees, after an
 * error too. */
int gather_open(struct gathered *g, const char *directory, struct err *e);
void gather_close(struct gathered *g);

/* A row a checkpoint: model, N, N_total, D, step, predictions, loss ... same_as */
int gather_points(const struct gathered *g, const char *path, struct err *e);

/* The float32 matrix, a row a token, a column a checkpoint, and beside PATH.npy a PATH.json that names
 * the columns. */
int gather_matrix(const struct gathered *g, const char *path, struct err *e);

#endif
