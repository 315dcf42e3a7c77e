/* commands.h - every command, in the order help lists them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_COMMANDS_H
#define TRIPOD_COMMANDS_H

#include "src/cli.h"

/* One line a command, defined by src/cmd_NAME.c. Order: import info tokenize scan verify gather tokens fit
 * allocate count epoch evals plot bench. */
#define COMMANDS(X)                                                                                \
    X(import)                                                                                      \
    X(info)                                                                                        \
    X(tokenize)                                                                                    \
    X(scan)                                                                                        \
    X(verify)                                                                                      \
    X(gather)                                                                                      \
    X(fit)                                                                                         \
    X(allocate)                                                                                    \
    X(count)                                                                                       \
    X(epoch)                                                                                       \
    X(evals)                                                                                       \
    X(bench)                                                                                       \
    /* end */

#define X(name) extern const struct command cmd_##name;
COMMANDS(X)
#undef X

/* tripod fit isoflop|envelope|approaches|bias (cmd_approaches.c), which have options of their
 * own. */
bool cmd_fit_is_approach(int argc, char **argv);
int cmd_fit_approach(int argc, char **argv, struct err *e);

/* --flop RULE[:FAMILY] of tripod fit (cmd_flop.c): fills *f for points_read. */
struct points_flops;
int cmd_flop_rule(const char *text, struct points_flops *f, struct err *e);

#endif
