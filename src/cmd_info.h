/* cmd_info.h - the parts of tripod info.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_INFO_H
#define TRIPOD_CMD_INFO_H

#include "models/config.h"
#include "src/base/sheet.h"
#include "src/cli.h"

/* Compares MODELS, two or more, with the first and writes the result. VERIFY: their checksums first.
 * ALL: a terminal gets every tensor. */
int info_compare(const struct cli_common *common, const struct texts *models, bool verify, bool all,
                 struct err *e);

/* Adds what a config says to O. */
void info_config(json_t *o, const struct neox_config *c);

/* Adds what an archive holds to O: its checkpoints as "checkpoint_list". VERIFY: every checkpoint is
 * decoded; the error tells how many are damaged. */
int info_archive(const char *path, bool verify, json_t *o, struct err *e);

/* The checkpoints in O as a table, a row each; SUM: a line before it says what they take together. */
void info_put_checkpoints(struct sheet *s, const json_t *o, bool sum);

#endif
