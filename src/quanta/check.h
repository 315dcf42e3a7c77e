/* check.h - how far a folder's cosines are from those of whole gradients, measured on some of its samples,
 * which are computed again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_CHECK_H
#define TRIPOD_QUANTA_CHECK_H

#include "src/quanta/similarity.h"

struct check_request {
    const char *model, *corpus; /* those the gradients were computed from */
    size_t samples;             /* how many, evenly spread; at most all */
    int threads;
    uint64_t memory; /* bytes; 0: what the machine has */
    const struct kernels *kernels;
};

struct check_result {
    size_t samples;
    struct similarity_error error;
};

/* S's sketches against whole gradients. Errors: another model or corpus than S's (their hashes, the
 * samples' losses to the last bit); what computing gradients can meet. */
int check_run(struct check_result *result, const struct sketches *s, const struct check_request *q,
              struct err *e);

#endif
