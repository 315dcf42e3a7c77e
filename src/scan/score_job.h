/* score_job.h - a file of requests scored under one model after another, into one file of JSON lines.
 *
 * While it works, losses are in "OUT.part-KEY" (losses.h), a file a model; KEY stands for everything
 * they depend on, so that the same call goes on where it was stopped. OUT appears when all is done.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SCORE_JOB_H
#define TRIPOD_SCORE_JOB_H

#include "src/scan/score.h"

struct score_request {
    const char *const *models;
    size_t models_n;
    const char *requests, *out;
    const char *tokenizer; /* NULL: the first model's, which has to be the others' too */
    int64_t prefix;        /* as in requests.h */
    size_t part, parts;    /* of the requests' lines: this of so many */
    struct scan_options compute;
    const struct kernels *kernels;
    int gelu; /* enum neox_activation, -1: the model's */
};

/* What one model made of them. */
struct scored_model {
    char *model;
    int64_t step; /* -1: not known */
    struct score_summary summary;
    struct score_result result;
};

struct scored {
    struct requests requests;
    struct scored_model *models; /* [n] */
    size_t n, truncated;         /* truncated: requests longer than the first model's context */
};

/* All of it. Errors name the file at fault: a model, a tokenizer, a request (with its line), OUT. The
 * caller frees, after an error too. */
int score_job(struct scored *s, const struct score_request *o, struct err *e);
void scored_free(struct scored *s);

#endif
