/* streams.c - see streams.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/streams.h"

#include <stdlib.h>
#include <unistd.h>

#include "simd/peak.h"

static void stream_read(void *context, int thread)
{
    const struct streams *s = context;
    float sum;
    peak_read(s->data[thread], 3 * s->n, &sum);
    volatile float keep = sum;
    (void)keep;
}
static void stream_copy(void *context, int thread)
{
    const struct streams *s = context;
    peak_copy(s->data[thread], s->data[thread] + s->n, s->n);
}
static void stream_triad(void *context, int thread)
{
    const struct streams *s = context;
    float *p = s->data[thread];
    peak_triad(p, p + s->n, p + 2 * s->n, s->n);
}
size_t stream_bytes(const struct bench *bench)
{
    if (bench->memory) return bench->memory;
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE), pages = sysconf(_SC_PHYS_PAGES);
    size_t bytes = cache > 0 ? 4 * (size_t)cache : 0;
    size_t memory = (pages > 0 ? (size_t)pages : 1U << 18) * (size_t)sysconf(_SC_PAGESIZE);
    if (bytes < (size_t)256 << 20) bytes = (size_t)256 << 20;
    if (bytes > (size_t)1 << 30) bytes = (size_t)1 << 30;
    return bytes < memory / 4 ? bytes : memory / 4;
}

int streams_new(struct streams *s, int threads, size_t total, struct err *e)
{
    s->n = total / (size_t)threads / 3 / sizeof(float) / 64 * 64;
    s->data = calloc((size_t)threads, sizeof *s->data);
    if (!s->data) return err_memory(e, "bench");
    int status = 0;
#pragma omp parallel num_threads(threads)
#pragma omp for schedule(static, 1)
    for (int i = 0; i < threads; i++) { /* touched where it is used */
        struct err mine;
        s->data[i] = bench_activations(3 * s->n, &mine);
        if (!s->data[i]) {
#pragma omp atomic write
            status = -1;
        }
    }
    return status ? err_set(e, "bench: no memory for streams of %zu bytes", total) : 0;
}
void streams_free(struct streams *s, int threads)
{
    for (int i = 0; s->data && i < threads; i++)
        if (s->data[i]) simd_free(s->data[i], 3 * s->n * sizeof(float));
    free(s->data);
    s->data = NULL;
}

void stream_entrants(struct entrant *entrants, struct streams *s, int threads)
{
    static void (*const work[STREAMS])(void *, int) = {stream_read, stream_copy, stream_triad};
    static const char *const names[STREAMS] = {"read_bandwidth", "copy_bandwidth",
                                               "triad_bandwidth"};
    static const double floats[STREAMS] = {3, 2, 3};
    for (int i = 0; i < STREAMS; i++) {
        entrants[i] = (struct entrant){.name = names[i], .work = work[i], .context = s};
        entrants[i].amount = floats[i] * (double)s->n * sizeof(float) * threads;
    }
}
