/* Fuzz target: any bytes as labels and as a matrix of similarities. What is accepted can be ranked, has
 * an envelope, and is symmetric.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/quanta/rank_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/tripod-fuzz-XXXXXX";

static void clean(void)
{
    unlink(path);
}

static void check_error(const struct err *e)
{
    if (!e->text[0] || strchr(e->text, '\n')) abort();
}

static void rank(const struct clustering *r)
{
    struct err e = {0};
    for (size_t kind = 0; kind < r->kinds && kind < 4; kind++) {
        const size_t k = r->kind[kind].clusters;
        size_t *all = malloc(2 * k * sizeof *all), sum = 0;
        if (!all || clustering_ranks(r, kind, all, all + k, &e)) abort();
        for (size_t i = 0; i < k; i++) {
            sum += all[all[k + i]];
            if (i && all[all[k + i]] > all[all[k + i - 1]]) abort();
        }
        if (sum != r->n) abort();
        free(all);
    }
    struct rank_envelope v;
    const struct rank_envelope_request q = {.first = 1, .last = 3, .resamples = 2};
    if (rank_envelope_make(&v, r, &q, &e)) {
        check_error(&e);
        return;
    }
    for (size_t i = 1; i < v.ranks; i++) {
        if (!v.size[i] || v.size[i] > v.size[i - 1]) abort();
    }
    rank_envelope_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    struct clustering r;
    struct affinity a;
    static int fd = -1;
    if (fd < 0) {
        fd = mkstemp(path);
        if (fd < 0) abort();
        atexit(clean);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    if (clustering_read(&r, path, &e)) {
        check_error(&e);
    } else {
        rank(&r);
        clustering_free(&r);
    }
    for (int kind = AFFINITY_ANGULAR; kind <= AFFINITY_GIVEN; kind++) {
        if (affinity_open(&a, path, (enum affinity_kind)kind, &e)) {
            check_error(&e);
            continue;
        }
        for (size_t i = 0; i < a.n; i++) {
            const double v = affinity_at(&a, i, 0), w = affinity_at(&a, 0, i);
            if (!isfinite(v) || (kind == AFFINITY_ANGULAR && (v < 0 || v > 1))) abort();
            if (kind == AFFINITY_GIVEN && fabs(v - w) > 1e-6) abort();
        }
        affinity_close(&a);
    }
    return 0;
}
