/* loss_column.h - the losses of one checkpoint, in however many files its shards put them, as one
 * sequence in the documents' order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOSS_COLUMN_H
#define TRIPOD_LOSS_COLUMN_H

#include "src/base/npy.h"
#include "src/scan/gather.h"

struct loss_column {
    struct npy *parts;
    size_t count;
    uint64_t *start; /* [count + 1] losses before each part */
};

/* Maps the files of a checkpoint. The caller closes, after an error too. Errors: not as many float32
 * losses as its record says. */
int loss_column_open(struct loss_column *column, const struct checkpoint *c, struct err *e);
void loss_column_close(struct loss_column *column);

/* Losses FIRST .. FIRST + N to OUT, which has a stride. Any thread, as the next. */
void loss_column_copy(const struct loss_column *c, uint64_t first, size_t n, float *out,
                      size_t stride);
/* Their sum in double, from the first to the last. *part: where FIRST or what is before it was found,
 * 0 to begin with; a caller that goes forward keeps it. */
double loss_column_sum(const struct loss_column *c, uint64_t first, size_t n, size_t *part);

/* Gives back the pages of what has been read; reading it again brings them back. */
void loss_column_drop(const struct loss_column *c, uint64_t first, uint64_t n);

#endif
