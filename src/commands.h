/* commands.h - every command, in the order help lists them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_COMMANDS_H
#define TRIPOD_COMMANDS_H

#include "src/cli.h"

/* One line a command, defined by src/cmd_NAME.c. Order: import info tokenize corpus batch scan slurm score generate verify gather tokens quanta parity train export sweep fit
 * allocate count epoch evals plot report bench. */
#define COMMANDS(X)                                                                                \
    X(import)                                                                                      \
    X(info)                                                                                        \
    X(tokenize)                                                                                    \
    X(corpus)                                                                                      \
    X(batch)                                                                                       \
    X(scan)                                                                                        \
    X(slurm)                                                                                       \
    X(score)                                                                                       \
    X(generate)                                                                                    \
    X(verify)                                                                                      \
    X(gather)                                                                                      \
    X(tokens)                                                                                      \
    X(quanta)                                                                                      \
    X(parity)                                                                                      \
    X(train)                                                                                       \
    X(export)                                                                                      \
    X(sweep)                                                                                       \
    X(fit)                                                                                         \
    X(allocate)                                                                                    \
    X(count)                                                                                       \
    X(epoch)                                                                                       \
    X(evals)                                                                                       \
    X(plot)                                                                                        \
    X(report)                                                                                      \
    X(bench)                                                                                       \
    /* end */

#define X(name) extern const struct command cmd_##name;
COMMANDS(X)
#undef X

/* The children of tripod fit, in cmd_approaches.c and cmd_fit_*.c. */
extern const struct command cmd_fit_isoflop, cmd_fit_envelope, cmd_fit_approaches, cmd_fit_bias,
    cmd_fit_laws, cmd_fit_design, cmd_fit_speedup;

/* --flop RULE[:FAMILY] of tripod fit (cmd_flop.c): fills *f for points_read. */
struct points_flops;
int cmd_flop_rule(const char *text, struct points_flops *f, struct err *e);

#endif
