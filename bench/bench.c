/* bench.c - rounds, medians, table and baseline of `tripod bench`.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bench.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simd/peak.h"
#include "simd/vnni.h"
#include "src/base/file.h"
#include "src/base/stats.h"

static double cpu_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Time of `calls` calls on every thread: the wall's, or the CPU time of the slowest. */
static double seconds(const struct bench *bench, const struct entrant *entrant, int calls)
{
    double start = 0, end = 0, slowest = 0;
#pragma omp parallel num_threads(bench->threads) reduction(max : slowest)
    {
        int thread = omp_get_thread_num();
#pragma omp barrier
#pragma omp master
        start = omp_get_wtime();
        double before = cpu_clock();
        for (int i = 0; i < calls; i++) entrant->work(entrant->context, thread);
        slowest = cpu_clock() - before;
#pragma omp barrier
#pragma omp master
        end = omp_get_wtime();
    }
    double t = bench->cpu_time ? slowest : end - start;
    return t > 1e-9 ? t : 1e-9;
}

static double median(const double *values, int n)
{
    double sorted[BENCH_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    return stats_median(sorted, (size_t)n);
}

void bench_compete(const struct bench *bench, struct entrant *entrants, int n)
{
    for (int i = 0; i < n; i++) {
        double once = seconds(bench, &entrants[i], 1); /* also the first touch of everything */
        if (once < 0.02) once = seconds(bench, &entrants[i], 1);
        entrants[i].calls = once < 0.02 ? (int)fmin(0.02 / once, 1e6) + 1 : 1;
    }
    for (int round = 0; round < bench->rounds; round++) {
        for (int i = 0; i < n; i++) {
            struct entrant *entrant = &entrants[i];
            double t = seconds(bench, entrant, entrant->calls);
            entrant->rates[round] = entrant->amount * entrant->calls / t;
        }
    }
    for (int i = 0; i < n; i++) entrants[i].rate = median(entrants[i].rates, bench->rounds);
}

double bench_ratio(const struct bench *bench, const struct entrant *a, const struct entrant *b)
{
    double ratios[BENCH_ROUNDS];
    for (int i = 0; i < bench->rounds; i++) ratios[i] = a->rates[i] / b->rates[i];
    return median(ratios, bench->rounds);
}

double bench_rate(struct bench *bench, const char *name, double rate)
{
    json_object_set_new(bench->rates, name, json_real(rate));
    const json_t *saved = bench->baseline ? json_object_get(bench->baseline, name) : NULL;
    return saved && json_number_value(saved) > 0 ? rate / json_number_value(saved) : NAN;
}

bool bench_listed(const struct bench *bench, const char *size)
{
    size_t length = strlen(size);
    if (!strcmp(bench->models, "all")) return true;
    for (const char *p = bench->models; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, size, length) && (p[length] == ',' || !p[length])) return true;
    return false;
}

struct table *bench_table(struct bench *bench, const struct column *columns, size_t n)
{
    return sheet_table(bench->sheet, columns, bench->baseline ? n : n - 1, "-", false);
}

void bench_row_end(const struct bench *bench, struct table *t, double ratio)
{
    if (bench->baseline) table_real(t, ratio);
}

float *bench_activations(size_t floats, struct err *e)
{
    float *p = simd_alloc(floats * sizeof *p);
    if (!p) {
        err_set(e, "bench: no memory for %zu bytes", floats * sizeof *p);
        return NULL;
    }
    uint32_t x = 1;
    for (size_t i = 0; i < floats; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (float)(int32_t)x * 0x1p-31f;
    }
    return p;
}

void *bench_weights(size_t elements, enum simd_dtype dtype, struct err *e)
{
    size_t bytes = elements * simd_dtype_bytes(dtype);
    void *p = simd_alloc(bytes);
    if (!p) {
        err_set(e, "bench: no memory for %zu bytes", bytes);
        return NULL;
    }
    /* sign and fraction at random, exponent -6: 1/64 to 1/32 */
    const uint32_t exponent = dtype == SIMD_F16 ? 0x2400 : dtype == SIMD_BF16 ? 0x3c80 : 0x3c800000;
    const uint32_t others = dtype == SIMD_F16 ? 0x83ff : dtype == SIMD_BF16 ? 0x807f : 0x807fffff;
    uint32_t x = 1;
    for (size_t i = 0; i < elements; i++) {
        x = x * 1664525 + 1013904223;
        uint32_t bits = ((dtype == SIMD_F32 ? x : x >> 16) & others) | exponent;
        if (dtype == SIMD_F32)
            ((uint32_t *)p)[i] = bits;
        else
            ((uint16_t *)p)[i] = (uint16_t)bits;
    }
    return p;
}

static void run_peak(void *context, int thread)
{
    (void)thread;
    ((const struct peak_loop *)context)->run(20000);
}

/* The loop of that name as an entrant; false: this CPU has it not. */
static bool loop_entrant(const struct bench *bench, const char *name, struct entrant *entrant)
{
    const struct peak_loop *loop = peak_loops;
    while (loop->name && strcmp(loop->name, name)) loop++;
    if (!loop->name || !loop->available()) return false;
    *entrant = (struct entrant){.name = "peak", .work = run_peak};
    entrant->context = (void *)(uintptr_t)loop;
    entrant->amount = loop->run(20000) * bench->threads;
    return true;
}

struct entrant bench_peak_loop(const struct bench *bench)
{
    static const char *const names[SIMD_ISAS] = {"f32_sse", "f32_avx2", "f32_avx512", "f32_avx512"};
    struct entrant entrant = {.name = "peak"};
    loop_entrant(bench, names[bench->kernels->isa], &entrant);
    return entrant;
}

bool bench_int16_loop(const struct bench *bench, struct entrant *entrant)
{
    const enum simd_isa isa = bench->kernels->isa;
    const char *name = isa == SIMD_SCALAR   ? ""
                       : isa >= SIMD_AVX512 ? "int16_avx512"
                       : simd_vnni(isa)     ? "int16_avxvnni"
                                            : "int16_avx2";
    return loop_entrant(bench, name, entrant);
}

char *bench_folder(struct err *e)
{
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !*temporary) temporary = "/tmp";
    char *folder = format_string("%s/tripod-bench-XXXXXX", temporary);
    if (folder && mkdtemp(folder)) return folder;
    free(folder);
    err_errno(e, "%s: cannot make a temporary directory", temporary);
    return NULL;
}
