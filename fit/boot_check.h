/* boot_check.h - do rows of one run (its checkpoints) hang together? The bootstrap over rows takes them
 * for independent, the one over runs does not; where the second spreads further, the first misleads.
 * (Over few runs it spreads less than it should, so the other way round says nothing.)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_BOOT_CHECK_H
#define TRIPOD_FIT_BOOT_CHECK_H

#include "fit/analysis.h"

struct boot_check {
    size_t runs;            /* 0: not checked */
    int parameter;          /* the one whose spreads differ most */
    double rows, clustered; /* half the central 68 % of its internal value */
    bool differ;            /* by a factor over 1.5: 200 resamples know it to 8 % */
};

/* After an analysis with a bootstrap over rows, of 10 or more runs of which some have several rows;
 * else *c says that nothing was checked. Errors: those of bootstrap_run. Thread-safe. */
int boot_check(struct boot_check *c, struct analysis *a, const struct points *p,
               const struct analysis_options *o, struct err *e);

#endif
