/* cli.h - what every command shares.
 *
 * A command is a const struct with its options (options.h); usage, help, manual pages and dispatch
 * are generated from the table in main.c. Exit codes: 0 done, 1 failure (one line on stderr), 2 misuse, 128+n a signal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CLI_H
#define TRIPOD_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/sheet.h"
#include "src/options.h"

/* Shared by commands that compute or print: have a struct cli_common among the arguments and
 * OPTION_GROUP(cli_common_options, common), or cli_output_options where nothing is computed. */
struct cli_common {
    int threads;           /* --threads N; 0: all the CPUs we may run on */
    bool json;             /* --json given: stdout carries one JSON object and nothing else */
    const char *json_file; /* --json=FILE, or NULL for stdout */
    bool tsv, details;
    bool beside; /* a command's own: with --json=FILE a pipe gets the table all the same */
};
extern const struct option_row cli_common_options[], cli_output_options[];

/* --simd */
struct cli_kernels {
    const struct kernels *table; /* NULL: not given */
};
extern const struct option_row cli_kernels_options[];
/* The kernels asked for, the machine's best where none were. */
const struct kernels *cli_kernels(const struct cli_kernels *k);

/* --seed, the same range everywhere; the field is a size_t. TEXT: of what. */
#define CLI_SEED(field, text) OPTION_SIZE("seed", 0, "S", field, 0, 9000000000000000, text)

/* --json-progress, where cli_common_options is not. */
#define CLI_PROGRESS                                                                               \
    OPTION_CALL("json-progress", 0, "FD", cli_take_progress,                                       \
                "Write progress as lines of JSON to this open descriptor, for other programs")
int cli_take_progress(void *args, const char *value, struct err *e);

/* What a call found: JSON where --json asks, and SHEET on stdout unless the JSON is there; on a
 * terminal as tables for people, else (and with --tsv) as TSV. With --json=FILE a pipe gets nothing,
 * unless the command has it `beside`. Consumes OBJECT; SHEET stays the caller's. */
int cli_write(const struct cli_common *common, const struct sheet *sheet, json_t *object,
              struct err *e);
/* Columns of the terminal behind FD; 80 where there is none. */
size_t cli_width(int fd);
/* Before hours of work: whether the files of --json and of a figure (PLOT, as in plot.h; NULL: none) can be
 * written. Errors: no. */
int cli_check_outputs(const struct cli_common *common, const char *plot, struct err *e);
/* Refuses an output that is one of the files read, or the same file as another output; those that are NULL,
 * and stdin ("-"), are not there. */
int cli_check_apart(const char *const *in, size_t n, const char *const *out, size_t outs,
                    struct err *e);
int cli_apart(const char *in, const char *out, struct err *e); /* of one each */
/* The JSON alone. */
int cli_write_json(const struct cli_common *common, json_t *object, struct err *e);
/* Refuses a --json=FILE that another word of the command line names too: it would be written over. */
int cli_json_apart(int argc, char **argv, struct err *e);

/* Starts the clock that main's last stderr line (wall, CPU, peak RSS; terminals only) reports. */
void cli_start(int argc, char **argv);
void cli_finish(const char *name);

/* Sets OpenMP's thread count from --threads (0: what the affinity mask allows). Returns the
 * count. */
int cli_use_threads(int threads);

#endif
