/* lack.h - noise told from misfit: runs repeated at one place (another seed) show how much ln L differs
 * without any law; what a law misses beyond that is misfit (Draper and Smith, "Applied Regression
 * Analysis", 3rd ed. 1998, section 2.1; for nonlinear laws the test holds to first order).
 *
 * Rows at a place whose loss is the same to the last digit are copies of one run and count once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_LACK_H
#define TRIPOD_FIT_LACK_H

#include "fit/fit.h"

enum { LACK_WORST = 5 };

struct lack {
    size_t copies;          /* rows left out */
    size_t places, repeats; /* with several runs; the runs there. 0: nothing is known */
    double df_pure, df_lack;
    double sigma_pure;     /* of ln L, from repeats alone */
    double sigma_lack;     /* sqrt(lack sum of squares / df_lack) */
    double sigma_fit;      /* sqrt(rss / (rows - parameters)) */
    double F, p;           /* NaN without degrees of freedom for it */
    double se[LAW_PARAMS]; /* natural parameters, the noise that of repeats; NaN: not known */
    /* Places whose mean residual is more than repeats explain, at 5 % over all places (Bonferroni). */
    size_t all_places, over;
    struct lack_place {
        size_t row; /* of the points */
        double z;   /* mean of ln L observed minus predicted in its standard errors */
    } worst[LACK_WORST];
    char reason[200]; /* why there are repeats and yet nothing to say: least squares has no fit */
};

/* Least squares of ln L on the rows without copies; O's pins and bounds hold. places == 0 and nothing
 * else but the reason when no place is repeated or least squares has no fit. Errors: memory.
 * Thread-safe. */
int lack_of_fit(struct lack *l, const struct points *p, const struct law *law, enum points_column x,
                const struct fit_options *o, struct err *e);

#endif
