/* report_approaches.h - how Approach 1 (envelope.h), Approach 2 (isoflop.h), both beside Approach 3
 * (approaches.h) and the bias of a design (bias.h) look. What is printed goes to the sheet; the same
 * as JSON, with its provenance, is returned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_APPROACHES_H
#define TRIPOD_REPORT_REPORT_APPROACHES_H

#include <jansson.h>

#include "fit/approaches.h"
#include "src/base/sheet.h"

json_t *isoflop_report(struct sheet *s, const struct points *p, const struct isoflop *f,
                       const struct approaches_correction *c);
json_t *envelope_report(struct sheet *s, const struct points *p, const struct envelope *f);
json_t *approaches_report(struct sheet *s, const struct points *p, const struct approaches *r,
                          const struct approaches_options *o);

/* What POINTS sizes from N* over SPAN to N* times SPAN do to a parabola's minimum: V, in ln N. */
json_t *bias_report(struct sheet *s, const struct approaches_surface *at, double span,
                    size_t points, double v);

#endif
