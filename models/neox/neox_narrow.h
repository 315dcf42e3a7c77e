/* neox_narrow.h - a loaded model in the precision of its products: matrices packed, columns equalised
 * (neox_equalise.h), and what that does to losses, measured on the spot.
 *
 * The probe are 512 fixed pseudo-random ids, in pieces of no more than the trained context. They go
 * through the model once in float32, which says how large the columns of products' inputs are, and
 * once as packed. Both are the same bits everywhere where the products promise bits, and so are the
 * factors. Costs: the weights read twice and 2 * 512 tokens.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_NARROW_H
#define TRIPOD_NEOX_NARROW_H

#include "models/neox/neox_load.h"

enum { NEOX_PROBE = 512 };

/* The losses of the probe, packed less float32, in nats; and what they were packed with. */
struct neox_narrowed {
    size_t tokens;            /* NEOX_PROBE; 0: nothing is packed, and all else is 0 */
    double mean, worst, bias; /* mean |difference|, the largest, the mean difference */
    uint64_t factors; /* XXH3-64 of the exponents of the factors; 0: columns are as they were */
    int least, most;  /* of these exponents */
};

/* As a record and a packed file have it. O: as written; PATH is for messages. */
json_t *neox_narrowed_json(const struct neox_narrowed *n);
int neox_narrowed_from_json(struct neox_narrowed *n, const json_t *o, const char *path,
                            struct err *e);

/* Bytes that packing takes: 0 where the products do not, or cannot (then neox_narrow says so). */
size_t neox_narrow_bytes(const struct neox_config *config, const struct products *products);

/* Packs the weights of a loaded model (whose configuration is final) for its products; nothing where
 * they read what the file has, or the file was packed for them (then *narrowed is what it says).
 * Layer norms and biases are not the file's afterwards. By THREADS threads. Errors, without the
 * file's name, after which the model is to be unloaded: no memory, the library's, losses of the probe
 * that are no numbers. */
int neox_narrow(struct neox *model, int threads, struct neox_narrowed *narrowed, struct err *e);

#endif
