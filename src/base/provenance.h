/* provenance.h - where a result comes from: version, command line, CPU, date.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PROVENANCE_H
#define TRIPOD_PROVENANCE_H

#include <jansson.h>

#define TRIPOD_VERSION "0.1.0"
#define TRIPOD_DATE    "2026-11-27" /* of the manual */

/* Keeps the command line; main calls it first. */
void provenance_start(int argc, char **argv);

/* For every file we write: {"tripod": version, "command": [argv...], "cpu": model name, "date":
 * UTC}. The caller may add keys (kernels, gemm ...). New reference, NULL when out of memory. */
json_t *provenance_json(void);

#endif
