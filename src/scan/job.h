/* job.h - a corpus and what is asked of it, scanned under one model after another.
 *
 * Opening a job tokenises text, checks that corpus and tokenizer belong together, hashes what is
 * used and plans it; then every model gets its losses: one .npy and .json a checkpoint. Finished
 * checkpoints are skipped, unfinished ones go on where they stopped.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_JOB_H
#define TRIPOD_JOB_H

#include "models/neox/neox.h"
#include "src/scan/record.h"
#include "src/scan/scan.h"
#include "src/scan/shares.h"
#include "src/scan/text_counts.h"
#include "src/text/tokenize.h"

struct scan_request {
    const char *model;    /* beside whose files the tokenizer is looked for */
    char *const *corpora; /* texts, or the prefix of one tokenised corpus */
    size_t corpora_n;
    const char *out, *tokenizer, *field; /* tokenizer, field: NULL when not given */
    struct protocol protocol;
    size_t documents, shard, shards; /* documents 0: all; shard is only a name: see job_scan */
    int threads;
    size_t batch_tokens;
    const struct kernels *kernels;
    const struct products *gemm;
    int gelu; /* enum neox_activation, -1: the model's */
    bool force;
};

struct job {
    const struct scan_request *o;
    struct tokenizer *tokenizer; /* NULL when there is none */
    struct text_file *files;     /* of the texts tokenised now, [o->corpora_n]; else NULL */
    struct corpus corpus;
    struct work work;
    struct plan plan; /* of the documents of the model scanned last */
    uint64_t corpus_hash;
    struct text_counts counts; /* of the predicted text */
    char *protocol;
};

/* REQUEST must outlive the job. The caller closes the job, after an error too. */
int job_open(struct job *job, const struct scan_request *request, struct err *e);
void job_close(struct job *job);

/* Computes what is missing of MODEL's losses of the documents of SHARE (not empty) and fills *r,
 * which the caller frees: those of all documents under the model's name, those of some as a part
 * that says which. SAME: the record of a model scanned before with the same weights, whose losses
 * are copied if they are of the same documents; or NULL. Errors: the model cannot be read, another
 * scan's losses are in the way, a loss is not finite (then what was computed is thrown away; after
 * any other error it is kept, and the same call goes on with it). */
int job_scan(struct job *job, const char *model, struct share share, const struct record *same,
             struct record *r, struct err *e);

/* The key of R's losses (its corpus hash, protocol and documents) under a model of that hash; GELU:
 * enum neox_activation. The caller frees; NULL when out of memory. */
char *losses_key(const struct record *r, uint64_t model, int gelu, const struct products *gemm);

#endif
