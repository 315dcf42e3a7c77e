/* forms.h - the formulas of laws that are more than a sum of power terms, with exact derivatives
 * (jet.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_FORMS_H
#define TRIPOD_FIT_FORMS_H

#include "fit/law.h"

law_function form_kaplan, form_coupled, form_broken, form_repeated; /* forms.c */
/* Farseer's natural parameters from the internal ones and back (struct law, weave). */
void form_farseer_weave(const double *centre, const double *t, double *params, double *jacobian);
void form_farseer_unweave(const double *centre, const double *params, double *t);
/* Draws to internal parameters (struct law, place). */
void form_bounded_place(const struct law *law, const double *centre, double *t);
void form_mpl_place(const struct law *law, const double *centre, double *t);
law_function form_farseer, form_bounded, form_vocabulary; /* forms_surface.c */
law_function form_mpl;                                    /* mpl.c */

#endif
