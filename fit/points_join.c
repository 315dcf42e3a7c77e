/* points_join.c - see points_join.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/points_join.h"

#include <stdlib.h>

int points_join(struct points *to, const struct points *first, const struct points *second,
                struct err *e)
{
    const size_t n = first->n + second->n;
    size_t *index = malloc((n + 1) * sizeof *index);
    if (!index) return err_memory(e, first->path);
    for (size_t i = 0; i < n; i++) index[i] = i < first->n ? i : 0;
    int status = points_select(to, first, index, n, e);
    free(index);
    for (size_t i = 0; i < second->n && !status; i++) {
        const size_t k = first->n + i;
        to->N[k] = second->N[i];
        to->D[k] = second->D[i];
        to->C[k] = second->C[i];
        to->loss[k] = second->loss[i];
        to->step[k] = second->step[i];
        to->unique[k] = second->unique[i];
        to->vocabulary[k] = second->vocabulary[i];
        to->outcome[k] = second->outcome[i];
        to->weight[k] = second->weight[i];
        to->line[k] = second->line[i];
        to->run[k] = to->by[k] = 0;
    }
    return status;
}
