/* coordinates.h - which parameters a gradient is taken over, and how its coordinates are numbered.
 *
 * The parameters are tensors of the flat model file, in its order (neox_tensor_at). Coordinates are
 * numbered through the wanted ones as that file has them: a matrix in panels, with the padding of its
 * rows to a multiple of 32 (whose gradients are zero), all others in their natural order.
 *
 * What can be asked for:
 *   published          all but those whose names contain "layernorm" or "embed", as Michaud et al.
 *                      (2023) computed it: final_layer_norm is in, 18,903,040 for Pythia-70M. Of
 *                      GPT-Neo those without "ln", "wte", "wpe": 28,329,984 for TinyStories-33M
 *   no-final-norm      those without it, as the paper's text has it
 *   all                every parameter; where embedding and head are one matrix it counts once
 *   layers:A-B         the published ones of layers A to B, from 0
 *   names:WORD,...     those whose names contain one of the words
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_COORDINATES_H
#define TRIPOD_QUANTA_COORDINATES_H

#include <stdint.h>

#include "models/config.h"

struct coordinates {
    size_t tensors;   /* of the model */
    bool *wanted;     /* [tensors] */
    uint64_t *first;  /* [tensors] number of a wanted tensor's first coordinate */
    uint64_t padded;  /* all of them, padding included: P of the sketch */
    uint64_t numbers; /* without: parameters */
};

/* What TEXT asks for, of a model of that shape. Errors, without a file's name: a word that is none of
 * these, a layer that is not there, no parameter at all. The caller closes. */
int coordinates_open(struct coordinates *c, const struct neox_config *config, const char *text,
                     struct err *e);
void coordinates_close(struct coordinates *c); /* safe on a zeroed one */

#endif
