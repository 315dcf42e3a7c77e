/* turns.c - see turns.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/turns.h"

#include <stdlib.h>
#include <time.h>

#include "src/base/progress.h"

int turns_open(struct turns *t, size_t n, struct err *e)
{
    *t = (struct turns){.n = n, .count = n, .queue = malloc((n + 1) * sizeof *t->queue)};
    if (!t->queue) return err_memory(e, NULL);
    for (size_t i = 0; i < n; i++) t->queue[i] = i;
    return 0;
}

void turns_close(struct turns *t)
{
    free(t->queue);
    *t = (struct turns){0};
}

bool turns_next(struct turns *t, size_t *i)
{
    if (!t->put_off) t->later = 0;
    t->put_off = false;
    if (!t->count) return false;
    if (t->later >= t->count) {
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        progress_end();
        t->later = 0;
    }
    *i = t->queue[t->head];
    t->head = (t->head + 1) % t->n;
    t->count--;
    return true;
}

void turns_later(struct turns *t, size_t i, const char *why)
{
    t->queue[(t->head + t->count++) % t->n] = i;
    t->put_off = true;
    if (++t->later >= t->count) progress_note("waiting for %s", why);
}
