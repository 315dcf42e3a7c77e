/* plot_inside.h - what the files of plot.h share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_INSIDE_H
#define TRIPOD_PLOT_INSIDE_H

#include <math.h>

#include "src/base/file.h"
#include "src/report/plot.h"

/* A figure's measures: millimetres, points of type. */
struct plot_page {
    const char *terminal; /* "svg", "pngcairo", "pdfcairo" */
    double width, height, font;
    size_t panels, columns, rows;
    double panel_width;
    double line;         /* millimetres from a line of type to the next, as the terminal has it */
    double top, bottom;  /* margins in lines, the same for every panel */
    size_t drawn, total; /* points; fewer are drawn than there are where they are thinned */
};

/* The measures of a figure on TERMINAL; then its points, of which ROWS of each series are on the axes. */
struct plot_page plot_page_of(const struct plot *first, const char *terminal, enum plot_size size);
void plot_count_points(const struct plot *first, const size_t *rows, struct plot_page *page);

/* Whether V has a place on an axis: a number, and none so large or small that gnuplot gives up. */
static inline bool plot_drawable(double v, bool logarithmic)
{
    return fabs(v) <= 1e100 && (!logarithmic || v >= 1e-100);
}

/* Whether a row is drawn on the panel's axes. */
bool plot_row_shown(const struct plot *p, const struct plot_series *s, size_t row);

/* Data rows as TSV. ROWS gets those of every series of every panel, in order. */
int plot_put_data(const struct plot *first, struct out *o, size_t *rows, struct err *e);

/* Range, logarithm and tics of one axis. */
int plot_put_axis(const struct plot *p, bool along_x, const struct plot_page *page, struct out *o,
                  struct err *e);

/* The same of the colour scale, and its place; the panel's right edge is at RIGHT of the page's width. */
int plot_put_scale(const struct plot *p, const struct plot_page *page, double right, struct out *o,
                   struct err *e);

/* The script; DATA and IMAGE are the names it has for them unless it is told others. */
int plot_put_script(const struct plot *first, const struct plot_page *page, const size_t *rows,
                    const char *data, const char *image, struct out *o, struct err *e);

/* TEXT in single quotes for gnuplot, where it substitutes nothing: with its marks for raised and
 * lowered text, or none (a file's name). New lines after at most WIDTH characters (0: none). The
 * caller frees. */
char *plot_quote(const char *text, bool marks, size_t width);
/* The same, each line between BEFORE and AFTER. */
char *plot_quote_between(const char *text, bool marks, size_t width, const char *before,
                         const char *after);
/* Lines that takes. */
size_t plot_lines(const char *text, size_t width);
/* Characters of the body's type in MM millimetres; those TEXT takes, without its marks. */
size_t plot_characters(const struct plot_page *page, double mm);
size_t plot_length(const char *text);
/* Millimetres of a panel between its axis's labels and its right edge, or the scale of colours. */
double plot_width(const struct plot *p, const struct plot_page *page);
/* Names on an axis have lines of at most so many characters. */
enum { PLOT_NAME = 20 };
/* Its height over that. */
double plot_aspect(const struct plot *p, const struct plot_page *page);
/* Characters of a line above or below it. */
size_t plot_line_width(const struct plot *p, const struct plot_page *page);

/* Entries that fit side by side in a key below the panel, and how many there are. */
size_t plot_key_columns(const struct plot *p, const struct plot_page *page, size_t *entries);

/* Runs gnuplot on SCRIPT with those two names. DRAWN is false if there is none. */
int plot_run(const char *script, const char *data, const char *image, bool *drawn, struct err *e);

#endif
