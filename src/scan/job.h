/* job.h - a corpus and what is asked of it, scanned under one model after another.
 *
 * Opening a job tokenises text, checks that corpus and tokenizer belong together, hashes what is
 * used and plans it; then every model gets its losses: one .npy and .json a checkpoint. Finished
 * checkpoints are skipped, unfinished ones go on where they stopped.
 *
 * Text is tokenised before the first model computes, not beside it: both keep every core busy, so
 * nothing is won by doing them at once but the first loss, and what is won then is lost again, for
 * without the corpus there is no hash, no size of the losses and no plan. What it costs: a core
 * tokenises 21 million tokens (60 MB) a second and scans 2 to 6 thousand with Pythia 14M, 0.4 to 1.2
 * thousand with 70M, so the tokenizer takes at most 0.03 % of the first scan and nothing of the next
 * ones (kept.h). Reading the tokens takes 3.5 ns each in short documents: 0.002 % of a 14M scan.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_JOB_H
#define TRIPOD_JOB_H

#include "models/neox/neox.h"
#include "models/neox/neox_narrow.h"
#include "src/scan/record.h"
#include "src/scan/scan.h"
#include "src/scan/shares.h"
#include "src/scan/text_counts.h"
#include "src/text/tokenize.h"

struct scan_request {
    const char *model;    /* for text without -t, the tokenizer is its: */
    const char *folder;   /* looked for here and above; NULL: nowhere */
    char *const *corpora; /* texts, or the prefix of one tokenised corpus */
    size_t corpora_n;
    const char *out, *tokenizer, *field; /* tokenizer, field: NULL when not given */
    struct protocol protocol;
    size_t documents, shard, shards; /* documents 0: all; shard is only a name: see job_scan */
    int threads;
    size_t batch_tokens;
    uint64_t memory; /* bytes the process may use; 0: what the machine has */
    const struct kernels *kernels;
    const struct products *gemm;
    int gelu;            /* enum neox_activation, -1: the model's */
    bool force, compare; /* compare: of a narrower precision also what it costs (job_scan) */
};

struct job {
    const struct scan_request *o;
    struct tokenizer *tokenizer; /* NULL when there is none */
    struct text_file
        *files; /* what was read of each text, now or when it was tokenised; else NULL */
    struct corpus corpus;
    struct work work;
    struct plan plan; /* of the documents of the model at hand */
    uint64_t corpus_hash;
    struct text_counts counts; /* of the predicted text */
    char *protocol;
};

/* REQUEST must outlive the job. The caller closes the job, after an error too. */
int job_open(struct job *job, const struct scan_request *request, struct err *e);
void job_close(struct job *job);

/* Plans the documents of SHARE (not empty) and counts their text, unless they are those planned. */
int job_plan(struct job *job, struct share share, struct err *e);

/* All of a model's record of the documents planned but what the scan finds out. IS: its head will
 * do, without tensors; WEIGHTS: flat_weights_hash. The caller frees *r, after an error too. */
int job_describe(struct record *r, const struct job *job, const struct flat_model *is,
                 uint64_t weights, struct err *e);

/* 1 when those losses are there already (*r is then their record), 0 when not, -1 when another
 * scan's are in the way. */
int job_finished(struct record *r, const struct job *job, struct err *e);

/* Whether a scan as asked for can read the weights of MODEL (FLAT: its head will do): packed ones are for
 * their precision. */
int job_fits(const struct scan_request *o, const struct flat_model *flat, const char *model,
             struct err *e);

enum { JOB_BUSY = 1 };

/* Computes what is missing of the losses of MODEL, the name it was opened by, of the documents of SHARE
 * (not empty), and fills *r, which the caller frees, after an error too: those of all documents under
 * the model's name, those of some as a part that says which. SAME: the record of a model scanned
 * before with the same weights, whose losses are copied if they are of the same documents; or NULL.
 * Where the request says so losses are computed in float32, too, and compared (r->deviation).
 * JOB_BUSY: another process is computing them, *e says which ("MODEL-stepN: process 123 on HOST").
 * Errors: another scan's losses are in the way, a loss is not finite (then what was computed is
 * thrown away; after any other error it is kept, and the same call goes on with it), interrupted
 * (out_catch_interrupts). */
int job_scan(struct job *job, const char *model, const struct flat_model *flat, struct share share,
             const struct record *same, struct record *r, struct err *e);

/* The FMA peak of the threads and kernels asked for, FLOP/s, measured now; 0: not known. */
double job_peak(const struct scan_request *o);

/* The key of R's losses (its corpus hash, protocol and documents) under a model of that hash; GELU:
 * enum neox_activation. The caller frees; NULL when out of memory. */
char *losses_key(const struct record *r, uint64_t model, int gelu, const struct products *gemm);

#endif
