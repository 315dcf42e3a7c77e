/* cmd_fit_results.h - all that `tripod fit` says of rows once they are read: the fit, the noise, the
 * link, the laws beside each other, of each group where there are groups. The work is fit/'s, how it
 * looks src/report/'s.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_FIT_RESULTS_H
#define TRIPOD_CMD_FIT_RESULTS_H

#include <jansson.h>

#include "fit/analysis.h"
#include "src/base/csv.h"
#include "src/base/sheet.h"

enum { FIT_PREDICTIONS = 64 };

/* --variance: which of these the noise follows. */
extern const char *const fit_variances[];

/* What is asked for beyond the fit itself. */
struct fit_wanted {
    int link, variance;    /* of the lists of --link and --variance; 0: none */
    const char *resamples; /* file for the parameters of every resample, or NULL */
    double holdout;        /* with compare */
    bool by, compare, average, sensitivity;
};

struct fit_work {
    const struct law *law;
    const struct fit_wanted *wanted;
    struct analysis_options options;
    struct csv table;
    struct points_options rows; /* how points were read from the table */
    struct sheet *sheet;
};

/* Into the sheet and a new *json, the caller's to free; NULL after a failure. The error names the file. */
int fit_results(json_t **json, const struct fit_work *w, struct points *p, struct err *e);

#endif
