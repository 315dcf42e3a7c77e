/* cmd_points.h - training runs as a command takes them: the options that name columns and choose
 * rows, and what is said of the file that was read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_POINTS_H
#define TRIPOD_CMD_POINTS_H

#include "fit/points.h"
#include "src/cli.h"

enum { CMD_POINTS_MOST = 64 }; /* --where, --drop-line */

/* Zero-initialise. A command adds options of its own to `options` before it reads. */
struct cmd_points {
    struct points_options options;
    const char *where[CMD_POINTS_MOST];
    size_t drop_lines[CMD_POINTS_MOST];
    const char *flop; /* --flop RULE, or NULL: 6ND */
    bool all_steps;   /* --all-steps */
};

/* A child of the command's argp, in its groups 1 (columns) and 2 (rows); input: a cmd_points. */
extern const struct argp cmd_points_argp;

/* What points_read is to be told: rows without the columns NEED (bits as points_options.need) are
 * dropped. LAST: of runs with several steps only the last, noted, unless --all-steps. *o points
 * into *a and *flops. */
int cmd_points_options(struct points_options *o, const struct cmd_points *a,
                       struct points_flops *flops, unsigned need, bool last, struct err *e);

/* points_read under these options; the caller closes. */
int cmd_points_read(struct points *p, const struct cmd_points *a, const struct csv *c,
                    unsigned need, bool last, struct err *e);

/* "# FILE (hash): rows used, dropped ...", the rows dropped and the notes, as remarks of a
 * table. */
void cmd_points_remarks(const struct points *p);

/* The same into OBJECT: "rows", "notes", "data". */
void cmd_points_json(json_t *object, const struct points *p);

#endif
