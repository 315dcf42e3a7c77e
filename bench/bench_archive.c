/* bench_archive.c - `tripod bench archive FILE...`: how fast the checkpoints of an archive decode, in the
 * order of a sweep and alone, by one thread and by all.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <omp.h>
#include <stdlib.h>
#include <time.h>

#include "bench/bench.h"
#include "models/flat/archive.h"
#include "src/base/stats.h"

static double clock_of(const struct bench *bench)
{
    struct timespec t;
    if (!bench->cpu_time) return omp_get_wtime();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) / omp_get_max_threads();
}

/* Bytes decoded per second over all checkpoints, the median of the rounds. ALONE: none starts from
 * the one before it. */
static int rate(const struct bench *bench, struct archive *a, int threads, bool alone, double *out,
                struct err *e)
{
    double rates[BENCH_ROUNDS];
    omp_set_num_threads(threads);
    int status = 0;
    for (int round = 0; round < bench->rounds && !status; round++) {
        double bytes = 0, start = clock_of(bench);
        archive_forget(a);
        for (size_t i = 0; i < archive_count(a) && !status; i++) {
            struct flat_model m;
            if (alone) archive_forget(a);
            status = archive_open_checkpoint(&m, a, i, e);
            if (status) break;
            bytes += (double)m.bytes;
            flat_close(&m);
        }
        rates[round] = bytes / (clock_of(bench) - start);
    }
    *out = status ? 0 : stats_median(rates, (size_t)bench->rounds);
    omp_set_num_threads(bench->threads);
    return status;
}

static int measure(struct bench *bench, struct table *t, const char *path, struct err *e)
{
    struct archive *a;
    if (archive_open(&a, path, e)) return -1;
    double bytes = 0;
    const size_t n = archive_count(a);
    for (size_t i = 0; i < n; i++) bytes += (double)archive_at(a, i)->bytes;
    int status = 0;
    for (int alone = 0; alone < 2 && !status; alone++) {
        const char *way = alone ? "alone" : "in order";
        double one, all;
        status = rate(bench, a, 1, alone, &one, e);
        if (!status) status = rate(bench, a, bench->threads, alone, &all, e);
        if (status) break;
        char *name = format_string("%s %s", path, way);
        table_text(t, "%s", path);
        table_text(t, "%s", way);
        table_real(t, (double)archive_bytes(a) / bytes);
        table_real(t, 1e-9 * one);
        table_real(t, 1e-9 * all);
        table_real(t, bytes / (double)n / all);
        bench_row_end(bench, t, name ? bench_rate(bench, name, all) : 0);
        free(name);
    }
    archive_close(a);
    return status;
}

int bench_archive(struct bench *bench, struct err *e)
{
    static const struct column columns[] = {
        {.name = "archive"},
        {.name = "checkpoints"},
        {.name = "ratio", .format = "%.4f"},
        {.name = "one_thread", .head = "GB/s, 1 thread"},
        {.name = "all_threads", .head = "all"},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "each"},
        BENCH_AGAINST};
    struct table *t = bench_table(bench, columns, sizeof columns / sizeof *columns);
    int status = 0;
    for (size_t i = 0; i < bench->arguments.n && !status; i++)
        status = measure(bench, t, bench->arguments.item[i], e);
    if (!status) json_object_set_new(bench->result, "archives", table_json(t, false));
    return status;
}
