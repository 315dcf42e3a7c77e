/* report_similarity.h - similarities of gradients, and their error, as they are shown.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_SIMILARITY_H
#define TRIPOD_REPORT_SIMILARITY_H

#include "src/base/sheet.h"
#include "src/quanta/similarity.h"

/* What was written, and the error measured by exact gradients of CHECKED samples (0: not asked). */
struct report_similarity {
    const struct sketches *sketches;
    const struct similarity *similarity;
    const struct similarity_files *files;
    size_t checked;
    struct similarity_error exact;
};

void report_similarity(struct sheet *s, const struct report_similarity *r);
/* New reference, NULL when out of memory. */
json_t *report_similarity_json(const struct report_similarity *r);

#endif
