/* import.h - a Hugging Face GPT-NeoX folder becomes a flat model file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_IMPORT_H
#define TRIPOD_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "models/config.h"
#include "models/suite.h"

struct import_options {
    const char *name;         /* NULL: from the folder's name */
    bool has_step;            /* false: the step, too */
    int64_t step;             /* with has_step; -1: not known */
    double step_tokens;       /* training tokens of a step; 0: the suite's, for its models */
    const json_t *provenance; /* keys to add to the file's, or NULL; borrowed */
    bool quiet;               /* no progress line */
};

struct import_result {
    struct neox_config config;
    char name[256];
    int64_t step;
    double tokens_seen;
    size_t tensors;
    uint64_t bytes_read, bytes_written;
};

/* Writes OUT from the config.json and the weights in FOLDER. Streams: the source is read once, in
 * file order; memory is a few MB a thread (PyTorch files: the largest tensor a thread). Uses
 * OpenMP's threads. Every tensor the config asks for must be there with its shape; buffers of old
 * checkpoints (attention.bias, attention.masked_bias, attention.rotary_emb.inv_freq) are left out;
 * any other tensor is an error. On failure nothing is left. RESULT may be NULL. */
int model_import(const char *folder, const char *out, const struct import_options *options,
                 struct import_result *result, struct err *e);

/* The same without reading weights or writing anything: RESULT says what it would do, an error
 * why it cannot be done. */
int model_import_plan(const char *folder, const struct import_options *options,
                      struct import_result *result, struct err *e);

#endif
