/* Fuzz target: a parity run's unfinished state, with a checksum that fits, and its record beside a matrix of
 * 2 logs of 3 subtasks. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/npy.h"
#include "src/train/parity_record.h"
#include "src/train/parity_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 3, LOGS = 2, SETTINGS = 77 };
static char folder[] = "/tmp/tripod-fuzz-XXXXXX", record[64], matrix[64];
static struct parity_net net;

static void clean(void)
{
    unlink(record);
    unlink(matrix);
    rmdir(folder);
    parity_net_free(&net);
}

static void store(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
}

static void prepare(void)
{
    const struct parity_shape shape = {.tasks = TASKS, .n = 4, .k = 2, .zipf = 1.4};
    char npy[NPY_HEADER + LOGS * TASKS * sizeof(float)] = {0};
    struct parity_task t;
    struct err e;
    if (!mkdtemp(folder) || parity_task_make(&t, &shape, &e) ||
        parity_net_make(&net, &t, 1, 1, simd_best(), &e))
        abort();
    parity_task_free(&t);
    snprintf(record, sizeof record, "%s/r.json", folder);
    snprintf(matrix, sizeof matrix, "%s/r.npy", folder);
    npy_header(npy, "<f4", LOGS, TASKS);
    store(matrix, npy, sizeof npy);
    atexit(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parity_log l;
    struct parity_run r;
    struct err e;
    if (!net.w) prepare();
    uint8_t *copy = malloc(size + 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    if (size >= 24) {
        const uint64_t settings = SETTINGS, sum = XXH3_64bits(copy, size - 8);
        memcpy(copy + 8, &settings, 8);
        memcpy(copy + size - 8, &sum, 8);
    }
    if (!parity_state_parse(&net, &l, TASKS, SETTINGS, "x", copy, size, &e)) {
        if (l.n && parity_log_best(&l) >= l.n) abort();
        parity_log_free(&l);
    }
    free(copy);
    store(record, data, size);
    if (!parity_run_read(&r, &l, record, &e)) {
        if (l.n != LOGS || r.shape.tasks != TASKS) abort();
        parity_log_free(&l);
    }
    return 0;
}
