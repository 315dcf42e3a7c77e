/* report_rank_sizes.h - how sizes of clusters against their rank look: a table, JSON, a figure.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_RANK_SIZES_H
#define TRIPOD_REPORT_RANK_SIZES_H

#include <jansson.h>

#include "src/base/sheet.h"
#include "src/quanta/rank_envelope.h"

/* The line in numbers, then the envelope, a row a rank. ALPHA: the theory's slope is -(alpha + 1). */
void report_rank_sizes(struct sheet *s, const char *name, const struct clustering *r,
                       const struct rank_envelope *v, double alpha);
json_t *report_rank_sizes_json(const char *name, const struct clustering *r,
                               const struct rank_envelope *v, double alpha);

#endif
