/* sources.h - which of a checkpoint's tensors an output of the flat file is made from: names as the
 * families write them, shapes checked. GPT-Neo's query, key and value are three, joined row after row.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SOURCES_H
#define TRIPOD_SOURCES_H

#include "models/checkpoint/checkpoint.h"
#include "models/config.h"

enum { SOURCES_MOST = 3 };
struct sources_of {
    const struct checkpoint_tensor *part[SOURCES_MOST];
    size_t parts; /* 1 or 3 */
};

/* WANT as checkpoints of that family name and shape it: one tensor, or those whose rows follow one
 * another in it. How many; their `panels` means nothing. */
size_t sources_names(struct neox_tensor is[SOURCES_MOST], const struct neox_config *config,
                     const struct neox_tensor *want);

/* The sources of WANT. Errors: one is missing, of another shape, or of a type that no weight has;
 * parts differ in type. They name file and tensor. */
int sources_find(struct sources_of *s, const struct checkpoint *c, const struct neox_config *config,
                 const struct neox_tensor *want, struct err *e);

/* Whether a checkpoint's tensor is a buffer of older transformers: recomputed, never used. */
bool sources_is_buffer(const char *name);

#endif
