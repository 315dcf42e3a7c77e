/* dump.h - one sample's whole gradient, parameter by parameter, for anyone to check.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_DUMP_H
#define TRIPOD_QUANTA_DUMP_H

#include "src/quanta/gradients.h"

struct dumped {
    char *folder; /* OUT/row-ROW; the caller frees */
    size_t files;
    float loss;  /* nats */
    double norm; /* of all wanted coordinates together */
};

/* Writes the gradient of G's first sample to OUT/row-ROW: a float32 NAME.npy a wanted parameter, named
 * and shaped as in the checkpoint, [out, in], the rows of query_key_value by head as it has them; and
 * gradient.json, which says what it is of. Takes the memory of the gradient twice over. */
int gradients_dump(struct gradients *g, struct dumped *d, struct err *e);

#endif
