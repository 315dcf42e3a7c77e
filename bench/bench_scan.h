/* bench_scan.h - `tripod bench scan`: the main job end to end, from token ids in a file to losses
 * in a file. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BENCH_SCAN_H
#define TRIPOD_BENCH_SCAN_H

#include "bench/bench.h"

/* For every size of bench->models (random weights of that shape, written to a temporary file) and
 * every model named in the arguments, on every workload named there: a number is documents of so
 * many tokens, "short" is short documents (log-normal lengths, median 60, sigma 1.69, cut at 1024).
 * Reports tokens/s, useful FLOP/s over the FMA peak measured around each round, the phases' shares,
 * the threads' efficiency, the time to the first batch and the peak RSS. */
int bench_scan_command(struct bench *bench, struct err *e);

#endif
