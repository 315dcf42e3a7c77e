/* train_log.c - see train_log.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_log.h"

#include <math.h>
#include <stdlib.h>

void train_log_free(struct train_log *l)
{
    free(l->loss);
    free(l->norm);
    free(l->test);
    *l = (struct train_log){.steps = 0};
}

static int grow(double **v, size_t room)
{
    double *more = realloc(*v, room * sizeof *more);
    if (!more) return -1;
    *v = more;
    return 0;
}

int train_log_step(struct train_log *l, double loss, double norm)
{
    if (l->steps == l->room) {
        const size_t room = l->room ? 2 * l->room : 1024;
        if (grow(&l->loss, room) || grow(&l->norm, room)) return -1;
        l->room = room;
    }
    l->loss[l->steps] = loss;
    l->norm[l->steps++] = norm;
    return 0;
}

int train_log_test(struct train_log *l, const struct train_test *test)
{
    struct train_test *more = realloc(l->test, (l->tests + 1) * sizeof *more);
    if (!more) return -1;
    l->test = more;
    l->test[l->tests++] = *test;
    return 0;
}

double train_log_mean(const struct train_log *l, size_t n)
{
    if (n > l->steps) n = l->steps;
    double sum = 0;
    for (size_t i = l->steps - n; i < l->steps; i++) sum += l->loss[i];
    return n ? sum / (double)n : NAN;
}
