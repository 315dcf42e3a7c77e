/* report_parity.h - how runs of sparse parity look: tables and JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_PARITY_H
#define TRIPOD_REPORT_PARITY_H

#include "src/base/sheet.h"
#include "src/report/parity_exponents.h"

/* A row each run, then each exponent beside the published one and theory's. *JSON: the same, a new
 * reference, NULL when out of memory. Errors: out of memory. */
int report_parity(struct sheet *s, json_t **json, const struct parity_folder *f,
                  const struct parity_window *w, struct err *e);

/* What a grid would take: a row each run. RATE: of parity_run_cost's units a second and thread. */
void report_parity_plan(struct sheet *s, json_t **json, const struct parity_grid *g, double rate,
                        int threads);

#endif
