/* sampled.h - which tokens a folder of gradients is of: its rows and losses read back, and the text
 * they stand in.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SAMPLED_H
#define TRIPOD_SAMPLED_H

#include "src/scan/token_index.h"

struct sampled {
    size_t n;
    uint64_t *row; /* [n] of the losses of the whole corpus, in the order of the samples */
    float *loss;   /* [n] nats */
    struct token_index index;
};

/* Reads FOLDER, computed as one or in parts, and opens the corpus PREFIX, which must be the one the
 * gradients are of. Errors: sketches_open's, a damaged list, another corpus. The caller closes. */
int sampled_open(struct sampled *s, const char *folder, const char *prefix, struct err *e);
void sampled_close(struct sampled *s);

/* The sample of ROW, or n where it is none. */
size_t sampled_find(const struct sampled *s, uint64_t row);

#endif
