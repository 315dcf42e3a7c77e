/* cmd_quanta.h - the sub-commands of `tripod quanta`, in cmd_quanta_*.c.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_QUANTA_H
#define TRIPOD_CMD_QUANTA_H

#include "src/cli.h"

/* "FIRST:LAST", ranks from 1 on, as --window has them. */
int cmd_quanta_ranks(const char *text, size_t *first, size_t *last, struct err *e);
#include "src/quanta/gradients.h"

/* One line a sub-command, cmd_quanta_NAME, in the order help lists them. */
#define QUANTA_COMMANDS(X)                                                                         \
    X(gradients)                                                                                   \
    X(similarity)                                                                                  \
    X(cluster)                                                                                     \
    X(envelope)                                                                                    \
    X(show)                                                                                        \
    X(toy)                                                                                         \
    X(theory)                                                                                      \
    /* end */

#define X(name) extern const struct command cmd_quanta_##name;
QUANTA_COMMANDS(X)
#undef X

/* Of the FMA peak, what gradients of prefixes of a few hundred tokens reach. */
#define CMD_QUANTA_SHARE 0.75

/* `quanta gradients --exact`, in cmd_quanta_exact.c. */
int cmd_quanta_exact(const struct cli_common *common, struct gradients *g, bool dry_run,
                     struct err *e);

#endif
