/* where.h - a test on a column of a table: "loss<2", "model=pythia-70m", "step=max".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_WHERE_H
#define TRIPOD_FIT_WHERE_H

#include <stdbool.h>

#include "src/base/csv.h"

struct where {
    char column[128];
    char op[3];
    char value[128];
    long index;
    bool numeric;
    double number;
};

/* COLUMN=VALUE, or != < <= > >=; VALUE may be min or max, that of the column. Errors: no such test,
 * no such column, text where < or > needs a number. */
int where_parse(struct where *w, const char *text, const struct csv *c, struct err *e);
/* A cell that is no number fails < and >, and is compared as text otherwise. */
bool where_holds(const struct where *w, const struct csv *c, size_t row);

#endif
