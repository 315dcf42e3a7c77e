/* cmd_info.h - the parts of tripod info.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_INFO_H
#define TRIPOD_CMD_INFO_H

#include "src/cli.h"

/* Compares MODELS, two or more, with the first and writes the result. VERIFY: their checksums first.
 * ALL: a terminal gets every tensor. */
int info_compare(const struct cli_common *common, const struct texts *models, bool verify, bool all,
                 struct err *e);

#endif
