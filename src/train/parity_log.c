/* parity_log.c - see parity_log.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_log.h"

#include <stdlib.h>
#include <string.h>

void parity_log_free(struct parity_log *l)
{
    free(l->mean);
    free(l->train);
    free(l->subtask);
    *l = (struct parity_log){.n = 0};
}

int parity_log_grow(struct parity_log *l, size_t tasks)
{
    if (l->n == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        double *mean = realloc(l->mean, room * sizeof *mean);
        if (mean) l->mean = mean;
        double *train = realloc(l->train, room * sizeof *train);
        if (train) l->train = train;
        float *subtask = realloc(l->subtask, room * tasks * sizeof *subtask);
        if (subtask) l->subtask = subtask;
        if (!mean || !train || !subtask) return -1;
        l->room = room;
    }
    l->mean[l->n] = l->train[l->n] = 0;
    memset(l->subtask + l->n * tasks, 0, tasks * sizeof *l->subtask);
    l->n++;
    return 0;
}

size_t parity_log_best(const struct parity_log *l)
{
    size_t best = 0;
    for (size_t i = 1; i < l->n; i++)
        if (l->mean[i] < l->mean[best]) best = i;
    return best;
}
