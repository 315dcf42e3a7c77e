/* expression.h - laws written by the user: 'E + A*N^-alpha + B*D^-beta'.
 *
 *   sum     = product {("+" | "-") product}
 *   product = sign {("*" | "/") sign}
 *   sign    = {"-" | "+"} power
 *   power   = atom ["^" sign]                                  2^3^4 is 2^(3^4), -x^2 is -(x^2)
 *   atom    = number | name | ("exp" | "log" | "sqrt") "(" sum ")" | "(" sum ")"
 *
 * N, D, U, V, C and step are variables; every other name is a parameter, at most LAW_PARAMS of them.
 * A parameter that stands in an exponent, or within exp( ), may have either sign; every other one is
 * positive and fitted in its logarithm. A constant plus one or two terms like A*N^-alpha or
 * A/N^alpha is the built-in law of that form, to the last bit; of other formulas derivatives are as
 * exact, but the order of the arithmetic is the formula's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_EXPRESSION_H
#define TRIPOD_FIT_EXPRESSION_H

#include "fit/laws.h"

/* A law from its text ("L =" may stand before it). Errors name the place, counted in characters from
 * 1. The caller frees with expression_free; a law keeps nothing of the text. */
struct law *expression_parse(const char *text, struct err *e);
void expression_free(struct law *law); /* NULL too */

/* A law of the table by its name, or one by its formula (which has an operator, a parenthesis or =), in
 * *own then, for expression_free. */
const struct law *expression_or_name(const char *text, struct law **own, struct err *e);

#endif
