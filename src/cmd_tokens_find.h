/* cmd_tokens_find.h - the thresholds of `tripod tokens find`, which histogram takes too.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_TOKENS_FIND_H
#define TRIPOD_CMD_TOKENS_FIND_H

#include "src/options.h"
#include "src/scan/token_find.h"

struct cmd_find {
    struct find_request request;
    const char *from, *to; /* columns; NULL: the first, the last */
};
#define CMD_FIND                                                                                   \
    {                                                                                              \
        .request = {                                                                               \
            .high = 5,                                                                             \
            .low = 0.3,                                                                            \
            .slope = -0.3,                                                                         \
            .r2 = 0.98,                                                                            \
            .zero = 0.3,                                                                           \
            .plateau_width = 0.7,                                                                  \
            .plateau_gap = 2,                                                                      \
            .jump = 5,                                                                             \
            .top = 100                                                                             \
        }                                                                                          \
    }
extern const struct option_row cmd_find_options[];
/* Whether any threshold is another than the default. */
bool cmd_find_given(const struct cmd_find *a);
/* What the options come to for a matrix. */
int cmd_find_request(struct find_request *q, const struct cmd_find *a, const struct matrix *m,
                     struct err *e);

#endif
