/* cmd_scan.h - the arguments of `tripod scan`, which `tripod slurm` takes too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_SCAN_H
#define TRIPOD_CMD_SCAN_H

#include "models/flat/catalog.h"
#include "src/cli.h"
#include "src/scan/job.h"

struct cmd_scan {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts models, corpora;
    struct scan_request request;
    const char *rows, *train_steps; /* request.protocol.rows as given */
    int gemm, order, precision, head;
    bool shard_given, dry_run, quiet;
};

/* What is scanned and how, for OPTION_GROUP: without --shard, threads and output. */
extern const struct option_row cmd_scan_options[];
#define CMD_SCAN_DEFAULTS                                                                          \
    {                                                                                              \
        .common.beside = true, .gemm = -1, .head = -1, .request = {                                \
            .out = "losses",                                                                       \
            .shards = 1,                                                                           \
            .batch_tokens = SCAN_BATCH_TOKENS,                                                     \
            .gelu = -1                                                                             \
        }                                                                                          \
    }

/* struct command's check. */
int cmd_scan_check(void *args, struct err *e);

/* Completes a->request, and what its models are, in order; *any: of them some can be used. The caller
 * closes MODELS, zeroed before, after an error too. */
int cmd_scan_models(struct cmd_scan *a, struct catalog *models, bool *any, struct err *e);

#endif
