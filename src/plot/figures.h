/* figures.h - every figure that is drawn: one table of names, what each shows, reads and is made from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_FIGURES_H
#define TRIPOD_PLOT_FIGURES_H

#include "src/plot/chart.h"
#include "src/plot/result.h"

struct figure_inputs {
    struct result *result;
    size_t n;
};

struct figure {
    const char *name, *text;
    /* The one that is needed, and what may stand beside it: one of another kind, any number of the
     * same, or nothing (RESULT_KINDS). */
    enum result_kind reads, also;
    /* Puts the figure on the chart; IN has at least one result of the kind it reads. Errors name the
     * file that lacks something. */
    int (*build)(struct chart *c, const struct figure_inputs *in, struct err *e);
    const char *recipe; /* commands that make its inputs, a line each */
    bool by_name;       /* drawn only when it is asked for */
};

extern const struct figure figures[];
extern const size_t n_figures;

/* By name; errors list nothing but say where the list is. */
const struct figure *figure_find(const char *name, struct err *e);
/* The figure that belongs to the results by themselves: that of the first one's kind which reads all. */
const struct figure *figure_for(const struct figure_inputs *in, struct err *e);
/* Draws it to PATH (see plot_draw); nothing is printed. Errors: an input is of another kind, or missing. */
int figure_draw(const struct figure *f, const struct figure_inputs *in, bool bits, const char *path,
                struct plot_output *o, struct err *e);

/* The I-th result of a kind, NULL beyond the last. */
const struct result *figure_input(const struct figure_inputs *in, enum result_kind kind, size_t i);

#endif
