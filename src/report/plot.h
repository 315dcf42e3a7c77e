/* plot.h - figures: the data as TSV, a gnuplot script that draws it, and the image where gnuplot is
 * installed, so that a user can restyle what we drew.
 *
 * A plot is a title, two axes and series. PATH decides the image: "fig.png", "fig.svg" or "fig.pdf"
 * give fig.tsv, fig.gp and that image; any other PATH is a prefix and gives PATH.tsv, PATH.gp and
 * PATH.png. The TSV has the header series x y lo hi and one block of rows per series, blocks apart
 * by two blank lines (gnuplot's index; other readers skip blank lines). The script runs from its
 * own folder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_H
#define TRIPOD_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "src/base/err.h"

enum plot_style {
    PLOT_POINTS, /* with error bars where lo and hi are given */
    PLOT_LINE,
    PLOT_DASHED,
    PLOT_LINE_POINTS,
    PLOT_CROSSES, /* large crosses: minima */
    PLOT_BAND,    /* filled between lo and hi; y is not drawn */
    PLOT_STEPS,   /* histogram outline */
};

struct plot_series {
    const char *name; /* in the key; NULL or "": not in the key */
    const double *x, *y;
    const double *lo, *hi; /* error bars or band; NULL: none */
    size_t n;
    enum plot_style style;
    const char *color; /* "#rrggbb"; NULL: the next of the palette */
};

struct plot {
    const char *title, *xlabel, *ylabel; /* UTF-8, printed as they are; NULL: none */
    bool xlog, ylog;
    double x_range[2], y_range[2]; /* both 0: automatic */
    const char *key;               /* gnuplot's words, "bottom left"; NULL: top right, inside */
    unsigned width, height;        /* pixels; 0: 960 x 640 */
    const struct plot_series *series;
    size_t n;
    const struct plot *beside; /* the panel to the right of this one, or NULL; the figure's width,
                                  height and PATH are the first panel's */
};

/* Writes data, script and image. Values that are not finite, or not positive on a logarithmic axis,
 * are left out. DRAWN (may be NULL) is false when gnuplot is not installed: data and script are
 * complete then and plot_note says so. Errors: no series, cannot write, gnuplot failed (its first
 * line is quoted). */
int plot_write(const struct plot *p, const char *path, bool *drawn, struct err *e);

/* What to tell the user when there is no gnuplot; prints nothing if DRAWN. */
void plot_note(const char *path, bool drawn, FILE *f);

/* A colour for T in [0, 1] from a scale that is even in lightness (dark violet to yellow). */
const char *plot_color(double t, char color[8]);

#endif
