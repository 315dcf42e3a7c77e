/* report_approaches.h - how Approach 1 (envelope.h) and Approach 2 (isoflop.h) look: TSV, JSON,
 * figure.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_APPROACHES_H
#define TRIPOD_REPORT_REPORT_APPROACHES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "fit/envelope.h"
#include "fit/isoflop.h"
#include "src/base/err.h"

/* Tables (TSV) and JSON. CORRECTED may be NULL. */
void isoflop_print(const struct isoflop *f, const struct isoflop_corrected *corrected, FILE *out);
json_t *isoflop_json(const struct isoflop *f, const struct isoflop_corrected *corrected);

/* Losses, parabolas and minima, one colour per budget; see plot.h for PATH and DRAWN. */
int isoflop_plot(const struct isoflop *f, const double *N, const double *loss, const char *path,
                 bool *drawn, struct err *e);

void envelope_print(const struct envelope *f, FILE *out);
json_t *envelope_json(const struct envelope *f);

#endif
