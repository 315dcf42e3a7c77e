/* report_parity.h - how runs of sparse parity look: tables and JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_PARITY_H
#define TRIPOD_REPORT_PARITY_H

#include "src/base/sheet.h"
#include "src/report/parity_exponents.h"

/* A row each run; then, where there is any, each exponent beside the published one and theory's. *JSON:
 * the same and the window, a new reference; NULL (cli_write then says that memory is out) or an error
 * when out of memory. */
int report_parity(struct sheet *s, json_t **json, const struct parity_folder *f,
                  const struct parity_window *w, struct err *e);

/* What a grid would take on so many threads, and a row each run. RATE: of parity_run_cost's units a
 * second and thread. *JSON as above. */
void report_parity_plan(struct sheet *s, json_t **json, const struct parity_grid *g, double rate,
                        int threads);

#endif
