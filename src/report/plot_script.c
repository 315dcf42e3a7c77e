/* plot_script.c - the script that draws a figure; see plot_inside.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/plot_inside.h"

/* Colours that stay apart for colour-blind readers (Okabe and Ito), and points that do in print. */
static const char *const palette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#8c564b"};
static const int points[] = {7, 5, 9, 13, 11, 4, 6, 8};
enum { COLORS = sizeof palette / sizeof *palette };

/* A series of few points is drawn whole where many are thinned. */
enum { WHOLE_SERIES = 2000 };

static int put_label(struct out *o, const char *what, const char *text, size_t width, struct err *e)
{
    if (!text || !*text) return 0;
    char *q = plot_quote(text, true, width);
    if (!q) return err_memory(e, NULL);
    int status = out_printf(o, e, "set %s %s\n", what, q);
    free(q);
    return status;
}

static int put_title(const struct plot *p, const struct plot_page *page, struct out *o,
                     struct err *e)
{
    const size_t width = plot_line_width(p, page);
    char *title = p->title && *p->title
                      ? plot_quote_between(p->title, true, width * 9 / 10, "{/:Bold ", "}")
                      : strdup("");
    char *note =
        p->note && *p->note ? plot_quote_between(p->note, true, width, "{/*0.9 ", "}") : strdup("");
    int status = title && note ? 0 : err_memory(e, NULL);
    if (!status && (*title || *note))
        status =
            out_printf(o, e, "set title %s%s%s\n", title, *title && *note ? ".\"\\n\"." : "", note);
    free(title);
    free(note);
    return status;
}

/* --- series --- */

struct drawing {
    const struct plot_page *page;
    const size_t *rows;
    size_t index; /* of the next block of data */
    size_t every; /* row of a long series is drawn */
    struct out *o;
    size_t panel; /* its number */
};

/* gnuplot's columns and style. */
static void series_style(const struct plot_series *s, const char *color, int point, double scale,
                         const char **using, char with[200])
{
    char paint[64];
    snprintf(paint, sizeof paint, s->z ? "lc palette z" : "lc rgb '%s'", color);
    *using = s->z ? "2:3:6" : "2:3";
    switch (s->style) {
    case PLOT_POINTS:
        snprintf(with, 200, "points pt %d ps %.2f lw %.2f %s", point, 0.55 * scale, scale, paint);
        break;
    case PLOT_LINE:
        snprintf(with, 200, "lines lw %.2f %s", 1.5 * scale, paint);
        break;
    case PLOT_DASHED:
        snprintf(with, 200, "lines lw %.2f dt 2 %s", 1.5 * scale, paint);
        break;
    case PLOT_LINE_POINTS:
        snprintf(with, 200, "linespoints lw %.2f pt %d ps %.2f %s", 1.2 * scale, point,
                 0.45 * scale, paint);
        break;
    case PLOT_CROSSES:
        snprintf(with, 200, "points pt 2 ps %.2f lw %.2f %s", 0.9 * scale, 2 * scale, paint);
        break;
    case PLOT_HOLLOW:
        snprintf(with, 200, "points pt 6 ps %.2f lw %.2f %s", 0.9 * scale, 1.2 * scale, paint);
        break;
    case PLOT_BAND:
        *using = "2:4:5";
        snprintf(with, 200, "filledcurves fs transparent solid 0.25 noborder %s", paint);
        break;
    case PLOT_STEPS:
        snprintf(with, 200, "histeps lw %.2f %s", 1.2 * scale, paint);
        break;
    case PLOT_BARS:
        *using = "2:3:4:5:($3-0.35):($3+0.35)";
        snprintf(with, 200, "boxxyerror fs solid 0.85 noborder %s", paint);
        break;
    case PLOT_CELLS:
        *using = "2:3:4:5:($3-0.5):($3+0.5):6";
        snprintf(with, 200, "boxxyerror fs solid noborder lw 0 %s", paint);
        break;
    case PLOT_IMAGE:
        *using = "2:3:6";
        snprintf(with, 200, "image");
        break;
    case PLOT_TEXT:
        break; /* put_texts */
    }
}

static int put_series(const struct plot_series *s, const char *color, int point, bool first,
                      size_t rows, struct drawing *d, struct err *e)
{
    char with[200] = "", every[32] = "";
    const char *using = "";
    series_style(s, color, point, d->page->font / 8, &using, with);
    const bool whole = s->style == PLOT_CELLS || s->style == PLOT_IMAGE || rows <= WHOLE_SERIES;
    if (!whole && d->every > 1) snprintf(every, sizeof every, " every %zu", d->every);
    char *name = s->name && *s->name ? plot_quote(s->name, true, 0) : NULL;
    int status = 0;
    if (s->style == PLOT_POINTS && s->lo && s->hi) {
        /* gnuplot's own have a white rim around the point, which would hide its neighbours. */
        status = out_printf(d->o, e,
                            "%s data index %zu%s using %s%s with vectors nohead lw %.2f %s notitle",
                            first ? "plot" : ", \\\n    ", d->index, every,
                            s->along_x ? "4:3:($5-$4):(0)" : "2:4:(0):($5-$4)", s->z ? ":6" : "",
                            d->page->font / 8, strstr(with, "lc "));
        first = false;
    }
    if (!status)
        status = out_printf(d->o, e, "%s data index %zu%s using %s with %s %s%s",
                            first ? "plot" : ", \\\n    ", d->index, every, using, with,
                            name ? "title " : "notitle", name ? name : "");
    free(name);
    return status;
}

/* Labels come before the plot command that shows them. */
static int put_texts(const struct plot *p, struct drawing *d, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_series *s = &p->series[i];
        if (s->style != PLOT_TEXT || !s->n || !plot_row_shown(p, s, 0)) continue;
        char *q = plot_quote(s->name ? s->name : "", true, 0);
        if (!q) return err_memory(e, NULL);
        int status = out_printf(
            d->o, e, "set label %s at %.10g,%.10g left offset 0.4,0 front%s%s%s\n", q, *s->x, *s->y,
            s->color ? " tc rgb '" : "", s->color ? s->color : "", s->color ? "'" : "");
        free(q);
        if (status) return -1;
    }
    return 0;
}

#define KEY "set key default samplen 1.6 spacing 1 Left reverse"

/* Below the panel a key stands on the panel's lower edge, under the axis's label. */
static int put_key(const struct plot *p, const struct drawing *d, struct err *e)
{
    if (p->key) return out_printf(d->o, e, KEY " %s\n", p->key);
    const struct plot_page *page = d->page;
    size_t entries;
    const size_t columns = plot_key_columns(p, page, &entries);
    const double x = ((double)(d->panel % page->columns) + 0.5) / (double)page->columns;
    const double below = 2.2 + (double)plot_lines(p->xlabel, plot_line_width(p, page));
    const double y = 1 - (double)(d->panel / page->columns + 1) / (double)page->rows +
                     (page->bottom - below) * page->line / page->height;
    return out_printf(d->o, e,
                      KEY " horizontal center top maxcols %zu at screen %.4f, screen %.4f\n",
                      columns, x, y);
}

static int put_panel(const struct plot *p, struct drawing *d, struct err *e)
{
    const struct plot_page *page = d->page;
    struct out *o = d->o;
    const size_t width = plot_line_width(p, page);
    const size_t height = plot_characters(page, page->height / (double)page->rows) * 3 / 4;
    int status = put_key(p, d, e);
    if (!status)
        status = out_printf(o, e, "set tmargin %g\nset bmargin %g\n", page->top, page->bottom);
    const double letter = page->font * 0.3528 * 0.56;
    const double right = ((double)(d->panel % page->columns) + 1) / (double)page->columns -
                         (p->zlabel ? 13 : 2.5) * letter / page->width;
    if (!status)
        status = out_printf(o, e, "set cblabel offset 1.4,0\nset rmargin at screen %.4f\n", right);
    if (!status) status = put_title(p, page, o, e);
    if (!status) status = put_label(o, "xlabel", p->xlabel, width, e);
    if (!status) status = put_label(o, "ylabel", p->ylabel, height, e);
    if (!status) status = plot_put_axis(p, true, page, o, e);
    if (!status) status = plot_put_axis(p, false, page, o, e);
    if (!status && p->zlabel) status = put_label(o, "cblabel", p->zlabel, height, e);
    if (!status) status = plot_put_scale(p, page, right, o, e);
    if (!status) status = put_texts(p, d, e);
    size_t next = 0;
    bool first = true;
    for (size_t i = 0; i < p->n && !status; i++) {
        const struct plot_series *s = &p->series[i];
        const bool marked = s->style != PLOT_TEXT && !s->color && !s->z;
        const char *color = s->color ? s->color : palette[next % COLORS];
        /* Every round of colors begins with another mark, so that no pair of them comes twice. */
        const int point = marked ? points[(next + 3 * (next / COLORS)) % COLORS] : 7;
        next += marked;
        if (!d->rows[i]) continue;
        if (s->style != PLOT_TEXT) {
            status = put_series(s, color, point, first, d->rows[i], d, e);
            first = false;
        }
        d->index++;
    }
    /* A panel with nothing on it keeps its frame, so that the others keep their places. */
    if (!status && first)
        status = out_printf(o, e, "set xrange [0:1]\nset yrange [0:1]\nplot NaN notitle");
    return status ? status : out_printf(o, e, "\n");
}

/* --- the page --- */

static int put_head(const struct plot_page *page, const char *data, const char *image,
                    struct out *o, struct err *e)
{
    char *qdata = plot_quote(data, false, 0), *qimage = plot_quote(image, false, 0);
    const bool svg = !strcmp(page->terminal, "svg"), pdf = !strcmp(page->terminal, "pdfcairo");
    /* Millimetres and points: an SVG has 96 units an inch, a PNG 300 dots, of a slide 150. */
    const double dots = svg ? 96 : page->width > 200 ? 150 : 300;
    int status = qdata && qimage ? 0 : err_memory(e, data);
    if (!status && pdf)
        status = out_printf(o, e,
                            "set terminal pdfcairo size %.2fcm,%.2fcm font 'sans,%g' fontscale 1\n",
                            page->width / 10, page->height / 10, page->font);
    else if (!status && svg)
        status = out_printf(
            o, e, "set terminal svg size %.0f,%.0f font 'Arial,%.1f' background rgb 'white'\n",
            page->width / 25.4 * dots, page->height / 25.4 * dots, page->font / 72 * dots);
    else if (!status)
        status = out_printf(o, e,
                            "set terminal pngcairo size %.0f,%.0f font 'sans,%g' fontscale %.4f "
                            "linewidth %.2f pointscale %.2f\n",
                            page->width / 25.4 * dots, page->height / 25.4 * dots, page->font,
                            dots / 96, dots / 96, dots / 96);
    if (!status)
        status = out_printf(o, e,
                            "set encoding utf8\n"
                            "if (!exists('data')) data = %s\n"
                            "if (!exists('image')) image = %s\n"
                            "set output image\n"
                            "set datafile separator tab\n"
                            "set grid xtics ytics lt 1 lw %.2f lc rgb '#dddddd'\n"
                            "set border 3 lw %.2f\nset tics nomirror scale 0.6\n"

                            "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', "
                            "3 '#5ec962', 4 '#fde725')\nunset colorbox\n",
                            qdata, qimage, 0.5 * page->font / 8, 0.8 * page->font / 8);
    free(qdata);
    free(qimage);
    return status;
}

int plot_put_script(const struct plot *first, const struct plot_page *page, const size_t *rows,
                    const char *data, const char *image, struct out *o, struct err *e)
{
    struct drawing d = {.page = page, .rows = rows, .o = o, .every = 1};
    if (page->drawn < page->total) d.every = (page->total + page->drawn - 1) / page->drawn;
    if (put_head(page, data, image, o, e)) return -1;
    int status = page->panels > 1
                     ? out_printf(o, e, "set multiplot layout %zu,%zu\n", page->rows, page->columns)
                     : 0;
    for (const struct plot *p = first; p && !status; d.rows += p->n, d.panel++, p = p->beside) {
        if (p != first)
            status = out_printf(o, e,
                                "unset logscale\nset autoscale\nunset title\nunset xlabel\n"
                                "unset ylabel\nunset cblabel\nunset label\nunset colorbox\n");
        if (!status) status = put_panel(p, &d, e);
    }
    return status || page->panels == 1 ? status : out_printf(o, e, "unset multiplot\n");
}
