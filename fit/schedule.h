/* schedule.h - learning-rate schedules: the rate at every step of a run, its sum, and the multi-power
 * law that reads them.
 *
 * A schedule is linear between the steps it names; its sums over steps are areas below it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SCHEDULE_H
#define TRIPOD_FIT_SCHEDULE_H

#include <stddef.h>

#include "fit/points.h"
#include "src/base/err.h"

/* A piece over which the rate changes after the warm-up; pieces without a change are left out. */
struct schedule_drop {
    double from, to;   /* steps */
    double w;          /* by how much the rate falls */
    double rate, area; /* at the middle step */
};

struct schedule_curve {
    char *run; /* the run it belongs to; NULL: any */
    size_t n;
    double *step, *rate, *area; /* [n]; area below the curve up to the step */
    size_t n_drops;
    struct schedule_drop *drop; /* by rising step */
};

struct schedule {
    char *name; /* as given */
    size_t n;
    struct schedule_curve *curve;
};

/* NAME is pythia (a linear warm-up over 1430 steps, a cosine to a tenth at step 143000, in units of
 * the peak rate, which no result but the parameters' units depends on) or a CSV file with columns
 * step and lr, and run when several runs have schedules of their own: rows of a run by rising step.
 * On error *s is empty. The caller calls schedule_close. */
int schedule_read(struct schedule *s, const char *name, struct err *e);
/* The same from a table that was read. */
int schedule_rows(struct schedule *s, const struct csv *c, struct err *e);
void schedule_close(struct schedule *s);

/* The number, from 1, of a run's schedule; 0 when it has none. */
size_t schedule_number(const struct schedule *s, const char *run);
/* Error: there is no schedule of that number, or the step lies beyond its end or where no rate was
 * spent yet. */
int schedule_holds(const struct schedule *s, double number, double step, struct err *e);
/* Error: a row whose run has no schedule, or whose step that does not hold. */
int schedule_check(const struct schedule *s, const struct points *p, struct err *e);

double schedule_area(const struct schedule_curve *c, double step);
double schedule_rate(const struct schedule_curve *c, double step);

#endif
