/* bench.h - what the sub-commands of `tripod bench` share: interleaved rounds, medians, the table,
 * the JSON object, and a saved baseline to compare with.
 *
 * A sub-command adds what it likes to `result` and every rate (the higher the better) through
 * bench_rate(), under a name that stays the same from run to run: --save and --against compare
 * those.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BENCH_H
#define TRIPOD_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "simd/simd.h"
#include "src/base/err.h"
#include "src/cli.h"

enum { BENCH_ROUNDS = 101, BENCH_ENTRANTS = 16 };

/* The arguments of every sub-command, and what its measurements share. */
struct bench {
    struct cli_common common;
    struct cli_kernels simd;
    int rounds;
    size_t rows;            /* of activations, each thread; a batch of a scan */
    size_t memory;          /* of the streams; 0: by the caches */
    bool cpu_time;          /* rates by CPU time of the slowest thread, not by the wall's */
    const char *models;     /* sizes, separated by commas: "70m,1.4b" */
    const char *blas;       /* a library with cblas_sgemm */
    int precision;          /* of a scan: beside float32's; 0: that alone */
    struct texts arguments; /* of scan and archive */
    const char *save, *against;
    /* Set before a measurement begins: */
    int threads;
    const struct kernels *kernels;
    struct sheet *sheet;
    json_t *result, *rates; /* rates is result's "rates" */
    json_t *baseline;       /* the rates of --against, or NULL */
};

/* The sub-commands: each adds to result and sheet. */
int bench_peak(struct bench *bench, struct err *e);
int bench_kernels(struct bench *bench, struct err *e);
int bench_gemm(struct bench *bench, struct err *e);
int bench_scan(struct bench *bench, struct err *e);
int bench_archive(struct bench *bench, struct err *e);
int bench_gradients(struct bench *bench, struct err *e);
int bench_train(struct bench *bench, struct err *e);

extern const char *const bench_precisions[]; /* of --precision: "f32", "int16", "bf16", NULL */

/* Whether --models ("70m,1.4b", "all") names the size. */
bool bench_listed(const struct bench *bench, const char *size);

/* One of those that take turns. work(context, thread) is called on every thread at once; `amount`
 * is what all threads together have done then, FLOP or bytes. */
struct entrant {
    const char *name;
    void (*work)(void *context, int thread);
    void *context;
    double amount;
    int calls;   /* calls a round: enough for 20 ms */
    double rate; /* out: the median of amount / seconds over the rounds */
    double rates[BENCH_ROUNDS];
};

/* Each entrant in turn, round after round, so that what disturbs the machine disturbs all alike. */
void bench_compete(const struct bench *bench, struct entrant *entrants, int n);

/* The median over rounds of a's rate over b's. */
double bench_ratio(const struct bench *bench, const struct entrant *a, const struct entrant *b);

/* Notes a rate and returns its ratio to the baseline's, NAN where that has none. */
double bench_rate(struct bench *bench, const char *name, double rate);

/* The table of a sub-command: COLUMNS [n], the last of which, the ratio to the baseline, is there
 * only with --against; bench_row_end fills it. */
#define BENCH_AGAINST                                                                              \
    {                                                                                              \
        .name = "against", .format = "%.4f", .flags = TABLE_NO_JSON                                \
    }
struct table *bench_table(struct bench *bench, const struct column *columns, size_t n);
void bench_row_end(const struct bench *bench, struct table *t, double ratio);

/* 2 MiB-aligned memory with ordinary numbers in it (activations in [-1, 1), weights of 2 or 4 bytes
 * around 1/50). Freed with simd_free(p, bytes). NULL and *e when there is none. */
float *bench_activations(size_t floats, struct err *e);
void *bench_weights(size_t elements, enum simd_dtype dtype, struct err *e);

/* A flat file of a suite model's shape with float16 weights of ordinary size: one random block,
 * repeated. */
struct suite_model;
int bench_model(const char *path, const struct suite_model *m, struct err *e);

/* A new empty folder for temporary files, which the caller frees and removes; NULL: it cannot be
 * made. */
char *bench_folder(struct err *e);

/* The FMA loop of the kernel table's instruction set as an entrant. */
struct entrant bench_peak_loop(const struct bench *bench);
/* The same of the instruction its integer products are made of; false: none is known. */
bool bench_int16_loop(const struct bench *bench, struct entrant *entrant);

#endif
