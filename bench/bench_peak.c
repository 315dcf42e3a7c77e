/* bench_peak.c - `tripod bench peak`: FMA rates of each instruction set and memory bandwidth.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "bench/streams.h"
#include "simd/peak.h"

static void run_loop(void *context, int thread)
{
    (void)thread;
    ((const struct peak_loop *)context)->run(20000);
}

/* Rates of every loop and stream on `threads` threads, to result[name], in units of 10^9. */
static int peaks(struct bench *bench, int threads, json_t *result, struct err *e)
{
    struct entrant entrants[BENCH_ENTRANTS];
    struct streams s = {NULL, 0};
    int n = 0, before = bench->threads;
    for (const struct peak_loop *loop = peak_loops; loop->name && n < BENCH_ENTRANTS - STREAMS;
         loop++) {
        if (!loop->available()) continue;
        entrants[n] = (struct entrant){.name = loop->name, .work = run_loop};
        entrants[n].context = (void *)(uintptr_t)loop;
        entrants[n++].amount = loop->run(20000) * threads;
    }
    bench->threads = threads;
    int status = streams_new(&s, threads, stream_bytes(bench), e);
    if (!status) {
        stream_entrants(entrants + n, &s, threads);
        bench_compete(bench, entrants, n + STREAMS);
        for (int i = 0; i < n + STREAMS; i++)
            json_object_set_new(result, entrants[i].name, json_real(entrants[i].rate * 1e-9));
    }
    streams_free(&s, threads);
    bench->threads = before;
    return status;
}

int bench_peak(struct bench *bench, struct err *e)
{
    static const struct column columns[] = {{.name = "loop"},
                                            {.name = "one_thread", .head = "1 thread"},
                                            {.name = "all_threads", .head = "all"},
                                            {.name = "unit"},
                                            BENCH_AGAINST};
    json_t *one = json_object(), *all = bench->result;
    if (peaks(bench, bench->threads, all, e) || peaks(bench, 1, one, e)) {
        json_decref(one);
        return -1;
    }
    struct table *t = bench_table(bench, columns, 5);
    const char *name;
    json_t *value;
    json_object_foreach(one, name, value)
    {
        double rate = json_real_value(json_object_get(all, name));
        table_text(t, "%s", name);
        table_real(t, json_real_value(value));
        table_real(t, rate);
        table_text(t, "%s", strstr(name, "bandwidth") ? "GB/s" : "GFLOP/s");
        bench_row_end(bench, t, bench_rate(bench, name, rate * 1e9));
    }
    json_object_set_new(all, "per_thread", one);
    return 0;
}
