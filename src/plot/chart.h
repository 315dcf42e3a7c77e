/* chart.h - a figure while it is put together: panels, on each its series, and on these points. Memory is
 * the chart's; running out of it is remembered and reported once, by chart_draw. Not thread-safe.
 *
 * Losses are given in nats; a chart in bits converts them by the kind of their axis, and in its label
 * "nat" becomes "bit". Plain axes and notes stay as they are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_CHART_H
#define TRIPOD_PLOT_CHART_H

#include <math.h>

#include "src/report/plot.h"

struct chart;

/* What is measured along an axis; the label ends with the unit in brackets. */
struct axis {
    const char *label;
    bool log;
    enum { AXIS_PLAIN, AXIS_LOSS, AXIS_PER_LOSS } kind; /* nats; 1 / nats */
    double range[2];                                    /* both 0: automatic */
};

#define AXIS_N                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "N (parameters)", true, AXIS_PLAIN,                                                        \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define AXIS_D                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "D (training tokens)", true, AXIS_PLAIN,                                                   \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define AXIS_C                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "C (training FLOP)", true, AXIS_PLAIN,                                                     \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define AXIS_STEP                                                                                  \
    (struct axis)                                                                                  \
    {                                                                                              \
        "training step (optimiser steps)", true, AXIS_PLAIN,                                       \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define AXIS_L                                                                                     \
    (struct axis)                                                                                  \
    {                                                                                              \
        "mean loss (nats per token)", true, AXIS_LOSS,                                             \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

struct chart *chart_open(bool bits); /* NULL when out of memory; every function takes that */
void chart_free(struct chart *c);

/* A panel, to which everything that follows belongs. Text is copied, here and below. */
void chart_panel(struct chart *c, struct axis x, struct axis y, const char *title, ...)
    __attribute__((format(printf, 4, 5)));
/* Under the title; several are lines. */
void chart_note(struct chart *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Height over width; panels in a row at a page's width. */
void chart_aspect(struct chart *c, double aspect);
void chart_columns(struct chart *c, size_t columns);
/* A scale of colours for the panel's z; both ends 0: automatic. LABEL NULL: it is another panel's and not
 * shown. */
void chart_scale(struct chart *c, const char *label, bool logarithmic, double lo, double hi);
/* Linear; LO and HI in nats. */
void chart_scale_of_losses(struct chart *c, const char *label, double lo, double hi);
/* A name on the x or y axis instead of numbers. */
void chart_tic(struct chart *c, char axis, double at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A series, to which the points that follow belong. COLOR NULL: the next of the palette; NAME "": not in
 * the key. */
void chart_series(struct chart *c, enum plot_style style, const char *color, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
/* NaN where there is no such number. */
void chart_at(struct chart *c, double x, double y);
void chart_range(struct chart *c, double x, double y, double lo, double hi); /* of y */
void chart_span(struct chart *c, double x, double y, double lo, double hi);  /* of x */
void chart_z(struct chart *c, double x, double y, double z);
void chart_cell(struct chart *c, double lo, double hi, double y, double z);
/* TEXT at a point. */
void chart_text(struct chart *c, double x, double y, const char *color, const char *text, ...)
    __attribute__((format(printf, 5, 6)));
/* A line from one point to another. */
void chart_line(struct chart *c, enum plot_style style, const char *color, const double from[2],
                const double to[2], const char *name);

/* Draws to PATH; see plot_draw. */
int chart_draw(const struct chart *c, const char *path, struct plot_output *o, struct err *e);

#define CHART_BLACK "#000000"
#define CHART_GREY  "#888888"
#define CHART_RED   "#d55e00"
#define CHART_BLUE  "#0072b2"
#define CHART_GREEN "#009e73"

#endif
