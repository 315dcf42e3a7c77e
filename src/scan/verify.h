/* verify.h - stored losses against what their model and their text give now.
 *
 * A record says where losses come from: weights, text, protocol. Of these the model and the corpus
 * are found, or given, and must have the hashes the record names; then documents drawn at random
 * are computed again and compared bit by bit, which no instruction set, thread count or batch size
 * changes. All losses, drawn or not, must sum up to what the record says.
 *
 * Losses that oneDNN's products made have another order of sums: they are computed again with our own
 * products and must be within VERIFY_TOLERANCE, which is no proof of bits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_VERIFY_H
#define TRIPOD_VERIFY_H

#include "models/neox/neox.h"
#include "src/scan/record.h"
#include "src/text/train_rows.h"

#define VERIFY_TOLERANCE 1e-4 /* nats */

struct verify_request {
    const char *const *models; /* where the records' models are now; none: where the records say */
    size_t models_n;
    const char *corpus; /* the prefix of the tokenised corpus; NULL: where the record says */
    size_t documents;   /* to draw; 0: all */
    uint64_t seed;
    int threads;
    const struct kernels *kernels;
};

/* Opened once for any number of losses. */
struct verifier {
    const struct verify_request *o;
    uint64_t *weights; /* [models_n] their hashes */
    /* The corpus of the losses before: most often that of the next ones too. */
    struct corpus corpus;
    size_t hashed;          /* documents; 0: no corpus is open */
    struct train_rows rows; /* which it was narrowed to */
    uint64_t hash;
};

struct verified {
    char *losses, *model;   /* the .npy, the model's name; NULL where the record cannot be read */
    int64_t step;           /* -1: not known */
    bool checked;           /* else the rest is nothing */
    bool exact;             /* bits were compared, not closeness */
    size_t documents;       /* computed again */
    uint64_t compared;      /* losses */
    uint64_t differences;   /* among these */
    double largest;         /* of the differences, nats; NaN where a loss is none */
    bool sums;              /* all losses sum up to what the record says */
    size_t document, token; /* the first difference: token TOKEN of a document, both from 0 ... */
    uint32_t id;            /* ... what it is ... */
    float stored, computed; /* ... and its loss */
};

/* The caller closes the verifier, after an error too. Errors: a model cannot be read. */
int verify_open(struct verifier *v, const struct verify_request *request, struct err *e);
void verify_close(struct verifier *v);

/* The .json files of LOSSES: an .npy, its .json, or a folder of them, in the order of names.
 * Appended to *paths [*n], strings the caller frees, and the array, after an error too. */
int verify_find(char ***paths, size_t *n, const char *losses, struct err *e);

/* Fills *r, whose strings the caller frees, for the losses of one .json. 0: they are the ones.
 * -1: they are not (r->checked: *e says where and how they differ), or that cannot be said. */
int verify_losses(struct verifier *v, const char *json, struct verified *r, struct err *e);

#endif
