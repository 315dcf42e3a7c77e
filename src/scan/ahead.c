/* ahead.c - see ahead.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/ahead.h"

#include <omp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "models/flat/locate.h"

static void *work(void *argument)
{
    struct ahead *a = argument;
    omp_set_num_threads(1); /* of what this thread starts: the others are the scan's */
    a->status = model_open(&a->flat, a->model, NULL, &a->e);
    if (!a->status && a->flat.map.data && a->flat.map.size <= a->room)
        madvise((void *)(uintptr_t)a->flat.map.data, a->flat.map.size, MADV_WILLNEED);
    return NULL;
}

void ahead_start(struct ahead *a, const char *model, uint64_t bytes, uint64_t room)
{
    ahead_stop(a);
    if (bytes > room) return;
    a->room = room;
    a->model = model;
    if (pthread_create(&a->thread, NULL, work, a)) a->model = NULL;
}

int ahead_take(struct ahead *a, const char *model, struct flat_model *flat, struct err *e)
{
    if (!a->model || strcmp(a->model, model)) return model_open(flat, model, NULL, e);
    pthread_join(a->thread, NULL);
    a->model = NULL;
    *flat = a->flat;
    if (a->status) *e = a->e;
    return a->status;
}

void ahead_stop(struct ahead *a)
{
    if (!a->model) return;
    pthread_join(a->thread, NULL);
    if (!a->status) flat_close(&a->flat);
    a->model = NULL;
}
