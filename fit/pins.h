/* pins.h - parameters held or kept in a range, as people write them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_PINS_H
#define TRIPOD_FIT_PINS_H

#include "fit/fit.h"

/* "E=1.7", "alpha=0.3:0.4" (either end may be empty), into *o. The errors name the options --pin and
 * --bound. */
int pin_parse(struct fit_options *o, const struct law *law, const char *text, struct err *e);
int bound_parse(struct fit_options *o, const struct law *law, const char *text, struct err *e);

#endif
