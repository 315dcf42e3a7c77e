/* report_noise.h - noise told from misfit, and rows from runs, beside a fit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_NOISE_H
#define TRIPOD_REPORT_NOISE_H

#include <jansson.h>

#include "fit/boot_check.h"
#include "fit/lack.h"
#include "fit/reml.h"
#include "src/base/sheet.h"

/* Remarks into the sheet and keys "lack_of_fit", "bootstrap_check" into O, each where there is
 * something to say. */
void noise_report(struct sheet *s, json_t *o, const struct points *p, const struct law *law,
                  const struct lack *l, const struct boot_check *c);

/* The random effect of runs, and whether the bootstrap over runs (C's, or A's own) agrees. */
void runs_report(struct sheet *s, json_t *o, const struct analysis *a, const struct reml_runs *r,
                 const struct boot_check *c);

/* NAME: "N" or "D". */
void variance_report(struct sheet *s, json_t *o, const struct reml_variance *v, const char *name);

#endif
