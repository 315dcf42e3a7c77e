/* manual.h - the manual pages and the shell's completion, from the same tables as parsing and help.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MANUAL_H
#define TRIPOD_MANUAL_H

#include <stdio.h>

#include "src/options.h"

/* tripod(1): the list of COMMANDS (NULL-terminated). */
void manual_main(const struct command *const *commands, FILE *f);

/* tripod-COMMAND(1), its sub-commands in sections of their own. */
void manual_page(const struct command *command, FILE *f);

/* A bash completion script: commands, sub-commands, options and the words an option knows. */
void manual_completion(const struct command *const *commands, FILE *f);

#endif
