/* report_link.h - how the second stage of a fit looks: the sigmoid from loss to outcome.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_LINK_H
#define TRIPOD_REPORT_REPORT_LINK_H

#include <jansson.h>

#include "fit/link.h"
#include "src/base/sheet.h"

/* Adds to the sheet; returns what stands under "link" in JSON. */
json_t *link_report(struct sheet *s, const struct link *link, const struct linked *predicted,
                    size_t n);

#endif
