/* law_text.h - a law with its numbers in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_LAW_TEXT_H
#define TRIPOD_REPORT_LAW_TEXT_H

#include "fit/laws.h"

enum { LAW_TEXT = 400 };

/* "L = 1.817 + 478 N^-0.347 + 2143 D^-0.367": the law's formula with PARAMS for the parameters'
 * names and, in a law of one variable, X for x (NULL: as it is). Returns buffer. */
char *law_text(const struct law *law, const double *params, const char *x, char buffer[LAW_TEXT]);

#endif
