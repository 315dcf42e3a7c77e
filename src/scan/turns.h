/* turns.h - which checkpoint comes next, where other processes may be at some of them.
 *
 * In order; what another process has goes to the end and is tried again there. Once nothing else is
 * left, turns_next waits for the others, trying twice a second, until each is finished or, its
 * process having gone, free to go on with. So any number of processes with the same list share its
 * work, and each ends with all of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TURNS_H
#define TRIPOD_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct turns {
    size_t *queue; /* [n] a ring */
    size_t n, head, count;
    size_t later; /* put off since one was not */
    bool put_off; /* the one given out last */
};

/* For the numbers 0 .. n. The caller closes it. */
int turns_open(struct turns *t, size_t n, struct err *e);
void turns_close(struct turns *t);

/* The next number; false at the end. Waits where it must. */
bool turns_next(struct turns *t, size_t *i);

/* Puts the one given out last off. WHY is shown while there is nothing to do but wait. */
void turns_later(struct turns *t, size_t i, const char *why);

#endif
