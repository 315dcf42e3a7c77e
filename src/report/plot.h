/* plot.h - figures: the data as TSV, a gnuplot script that draws it, and the image where gnuplot is
 * installed, so that a user can restyle what we drew. One style for all: sizes in millimetres, type
 * that can be read at them, colours that stay apart for colour-blind readers.
 *
 * A plot is a title, two axes and series. PATH decides the image: "fig.png", "fig.svg" or "fig.pdf"
 * give fig.tsv, fig.gp and that image; any other PATH is a prefix and gives PATH.tsv, PATH.gp and
 * PATH.png. The TSV has the header series x y lo hi (and z, where a series has it) and one block of
 * rows per series, blocks apart by two blank lines (gnuplot's index; other readers skip blank
 * lines). The script runs from its own folder.
 *
 * Titles, labels and names are printed as they are, but for ^-0.35 (raised) and _N after a letter
 * that is not ASCII (lowered).
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
    PLOT_HOLLOW,  /* open circles: what was rejected */
    PLOT_BARS,    /* along x, from lo to hi at y */
    PLOT_CELLS,   /* from lo to hi along x, one high at y, coloured by z */
    PLOT_IMAGE,   /* an even grid of x and y, coloured by z */
    PLOT_TEXT,    /* the name, right of its one point */
};

struct plot_series {
    const char *name; /* in the key; NULL or "": not in the key */
    const double *x, *y;
    const double *lo, *hi; /* error bars or band; NULL: none */
    size_t n;
    enum plot_style style;
    const char *color; /* "#rrggbb"; NULL: the next of the palette */
    bool along_x;      /* lo and hi are of x */
    const double *z;   /* on the colour scale; NULL: none */
};

/* A place on an axis that has a name. */
struct plot_tic {
    double at;
    const char *text;
};

struct plot {
    const char *title, *xlabel, *ylabel; /* UTF-8; NULL: none */
    bool xlog, ylog;
    double x_range[2], y_range[2]; /* both 0: automatic; from high to low: turned round */
    const char *key;               /* gnuplot's words, "top right"; NULL: below the panel */
    const struct plot_series *series;
    size_t n;
    const struct plot *beside;              /* the next panel, or NULL */
    const char *note;                       /* under the title: the law */
    double aspect;                          /* height over width; 0: 0.7 */
    const struct plot_tic *x_tics, *y_tics; /* instead of numbers */
    size_t n_x_tics, n_y_tics;
    const char *zlabel; /* of the colour scale; NULL: it is not shown */
    double z_range[2];  /* both 0: automatic */
    bool zlog;
    size_t columns; /* of the first panel: panels in a row at full width; 0: up to three */
};

enum plot_size { PLOT_PAGE, PLOT_COLUMN, PLOT_SLIDE }; /* 160 mm, 85 mm, 254 mm with large type */

/* Zero-initialise for a page's width and the image alone. */
struct plot_output {
    enum plot_size size;
    const char *title; /* instead of the first panel's; NULL: that */
    bool keep;         /* the script and the data stay beside the image */
    bool drawn;        /* set: false when gnuplot is not installed; script and data stay then */
};

/* Writes the image to PATH. Values that are not finite, or not positive on a logarithmic axis, are
 * left out. Many points are thinned in the image (all are in the TSV), which the figure says. Errors:
 * no series, cannot write, gnuplot failed (its first line is quoted). */
int plot_draw(const struct plot *p, const char *path, struct plot_output *o, struct err *e);

/* The same at a page's width, with script and data. DRAWN may be NULL. */
int plot_write(const struct plot *p, const char *path, bool *drawn, struct err *e);

/* What to tell the user when there is no gnuplot; prints nothing if DRAWN. */
void plot_note(const char *path, bool drawn, FILE *f);

/* A colour for T in [0, 1] from a scale that is even in lightness (dark violet to yellow). */
const char *plot_color(double t, char color[8]);

/* What a value is called on an axis: 10M, 1B, 1e21, 0.35. */
const char *plot_number(double value, char text[32]);

#endif
