/* cmd_points.h - training runs as a command takes them: the options that name columns and choose
 * rows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_POINTS_H
#define TRIPOD_CMD_POINTS_H

#include "fit/points.h"
#include "src/options.h"

enum { CMD_POINTS_LINES = 64 };

/* Zero-initialise. A command may have further options that write into `options`. */
struct cmd_points {
    struct points_options options;
    struct texts where;
    size_t drop_lines[CMD_POINTS_LINES];
    const char *flop; /* --flop RULE, or NULL: 6ND */
    bool all_steps;
};

/* For OPTION_GROUP: which columns, which rows. */
extern const struct option_row cmd_points_columns[], cmd_points_rows[];

/* What points_read is to be told: rows without the columns NEED (bits as points_options.need) are
 * dropped. LAST: of runs with several steps only the last, noted, unless --all-steps. *o points
 * into *a and *flops. */
int cmd_points_options(struct points_options *o, const struct cmd_points *a,
                       struct points_flops *flops, unsigned need, bool last, struct err *e);

/* points_read under these options; the caller closes. */
int cmd_points_read(struct points *p, const struct cmd_points *a, const struct csv *c,
                    unsigned need, bool last, struct err *e);

#endif
