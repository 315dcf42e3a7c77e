/* streams.h - buffers larger than the caches, and the loops that read, copy and add them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BENCH_STREAMS_H
#define TRIPOD_BENCH_STREAMS_H

#include "bench/bench.h"

enum { STREAMS = 3, STREAM_READ = 0, STREAM_COPY, STREAM_TRIAD };

struct streams {
    float **data; /* of each thread: three buffers of n floats */
    size_t n;
};

/* Bytes of the streams' buffers, all threads together: four times the last cache, a quarter of the
 * memory at most; or what --memory says. */
size_t stream_bytes(const struct bench *bench);

/* TOTAL bytes in all; touched by the threads that use them. After an error too the caller frees. */
int streams_new(struct streams *s, int threads, size_t total, struct err *e);
void streams_free(struct streams *s, int threads);

/* Fills in the streams' entrants [STREAMS]; amounts are bytes. */
void stream_entrants(struct entrant *entrants, struct streams *s, int threads);

#endif
