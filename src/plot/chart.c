/* chart.c - see chart.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/chart.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { X, Y, LO, HI, Z, VALUES };

struct series {
    char *name, *color;
    enum plot_style style;
    bool along_x;
    bool has[VALUES];
    double *value[VALUES]; /* all of one length */
    size_t n, room;
};

struct panel {
    struct axis x, y, z;
    char *title, *note, *xlabel, *ylabel, *zlabel;
    double aspect;
    struct series *series;
    size_t n;
    struct plot_tic *tics[2]; /* texts are ours */
    size_t n_tics[2];
};

struct chart {
    struct panel *panel;
    size_t n, columns;
    bool bits, failed;
};

#define LN2 0.693147180559945309417

static char *format_arguments(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, arguments);
    return text;
}

/* One more of ARRAY [n], zeroed. */
static void *grow(struct chart *c, void *array, size_t n, size_t size)
{
    char *more = realloc(array, (n + 1) * size);
    if (more)
        memset(more + n * size, 0, size);
    else
        c->failed = true;
    return more;
}

struct chart *chart_open(bool bits)
{
    struct chart *c = calloc(1, sizeof *c);
    if (c) c->bits = bits;
    return c;
}

void chart_free(struct chart *c)
{
    for (size_t i = 0; c && i < c->n; i++) {
        struct panel *p = &c->panel[i];
        for (size_t k = 0; k < p->n; k++) {
            for (int v = 0; v < VALUES; v++) free(p->series[k].value[v]);
            free(p->series[k].name);
            free(p->series[k].color);
        }
        for (int a = 0; a < 2; a++) {
            for (size_t k = 0; k < p->n_tics[a]; k++) free((char *)p->tics[a][k].text);
            free(p->tics[a]);
        }
        free(p->series);
        free(p->title);
        free(p->note);
        free(p->xlabel);
        free(p->ylabel);
        free(p->zlabel);
    }
    if (c) free(c->panel);
    free(c);
}

/* The panel and the series that things are added to; NULL when memory is out. */
static struct panel *last_panel(struct chart *c)
{
    return c && !c->failed && c->n ? &c->panel[c->n - 1] : NULL;
}

static struct series *last_series(struct chart *c)
{
    struct panel *p = last_panel(c);
    return p && p->n ? &p->series[p->n - 1] : NULL;
}

/* A copy of an axis's label in the chart's unit. */
static char *label_of(struct chart *c, const struct axis *a)
{
    char *text = strdup(a->label);
    if (!text) c->failed = true;
    const bool changed = c->bits && a->kind != AXIS_PLAIN;
    for (char *nat = text; changed && nat && (nat = strstr(nat, "nat")); nat += 3)
        if (nat == text || nat[-1] == ' ' || nat[-1] == '(') memcpy(nat, "bit", 3);
    return text;
}

void chart_panel(struct chart *c, struct axis x, struct axis y, const char *title, ...)
{
    if (!c || c->failed) return;
    struct panel *more = grow(c, c->panel, c->n, sizeof *more);
    if (!more) return;
    c->panel = more;
    struct panel *p = &more[c->n++];
    va_list arguments;
    va_start(arguments, title);
    p->title = format_arguments(title, arguments);
    va_end(arguments);
    p->x = x;
    p->y = y;
    p->xlabel = label_of(c, &x);
    p->ylabel = label_of(c, &y);
    if (!p->title) c->failed = true;
}

void chart_note(struct chart *c, const char *format, ...)
{
    struct panel *p = last_panel(c);
    if (!p) return;
    va_list arguments;
    va_start(arguments, format);
    char *text = format_arguments(format, arguments);
    va_end(arguments);
    size_t old = p->note ? strlen(p->note) : 0;
    char *note = text ? realloc(p->note, old + strlen(text) + 2) : NULL;
    if (note) {
        if (old) note[old++] = '\n';
        memcpy(note + old, text, strlen(text) + 1);
        p->note = note;
    } else {
        c->failed = true;
    }
    free(text);
}

void chart_aspect(struct chart *c, double aspect)
{
    struct panel *p = last_panel(c);
    if (p) p->aspect = aspect;
}

void chart_columns(struct chart *c, size_t columns)
{
    if (c) c->columns = columns;
}

static double in_unit(const struct chart *c, const struct axis *a, double v)
{
    if (!c->bits || a->kind == AXIS_PLAIN) return v;
    return a->kind == AXIS_LOSS ? v / LN2 : v * LN2;
}

static void put_scale(struct chart *c, struct axis z)
{
    struct panel *p = last_panel(c);
    if (!p) return;
    free(p->zlabel);
    p->zlabel = z.label ? label_of(c, &z) : NULL;
    p->z = z;
    for (int i = 0; i < 2; i++) p->z.range[i] = in_unit(c, &z, z.range[i]);
}

void chart_scale(struct chart *c, const char *label, bool logarithmic, double lo, double hi)
{
    put_scale(c, (struct axis){label, logarithmic, AXIS_PLAIN, {lo, hi}});
}

void chart_scale_of_losses(struct chart *c, const char *label, double lo, double hi)
{
    put_scale(c, (struct axis){label, false, AXIS_LOSS, {lo, hi}});
}

void chart_tic(struct chart *c, char axis, double at, const char *format, ...)
{
    struct panel *p = last_panel(c);
    if (!p) return;
    const int a = axis == 'y';
    struct plot_tic *more = grow(c, p->tics[a], p->n_tics[a], sizeof *more);
    if (!more) return;
    p->tics[a] = more;
    va_list arguments;
    va_start(arguments, format);
    char *text = format_arguments(format, arguments);
    va_end(arguments);
    more[p->n_tics[a]++] = (struct plot_tic){at, text};
    if (!text) c->failed = true;
}

static void add_series(struct chart *c, enum plot_style style, const char *color, char *name)
{
    struct panel *p = last_panel(c);
    struct series *more = p ? grow(c, p->series, p->n, sizeof *more) : NULL;
    if (!more) {
        free(name);
        return;
    }
    p->series = more;
    struct series *s = &more[p->n++];
    s->style = style;
    s->name = name;
    s->color = color ? strdup(color) : NULL;
    if (!name || (color && !s->color)) c->failed = true;
}

void chart_series(struct chart *c, enum plot_style style, const char *color, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    add_series(c, style, color, format_arguments(name, arguments));
    va_end(arguments);
}

static void add(struct chart *c, const double v[VALUES], bool along_x)
{
    struct series *s = last_series(c);
    if (!s) return;
    if (s->n == s->room) {
        const size_t room = s->room ? 2 * s->room : 32;
        for (int k = 0; k < VALUES; k++) {
            double *more = realloc(s->value[k], room * sizeof *more);
            if (!more) {
                c->failed = true;
                return;
            }
            s->value[k] = more;
        }
        s->room = room;
    }
    const struct panel *p = last_panel(c);
    const struct axis *ends = along_x ? &p->x : &p->y;
    const double converted[VALUES] = {in_unit(c, &p->x, v[X]), in_unit(c, &p->y, v[Y]),
                                      in_unit(c, ends, v[LO]), in_unit(c, ends, v[HI]),
                                      in_unit(c, &p->z, v[Z])};
    for (int k = 0; k < VALUES; k++) {
        s->value[k][s->n] = converted[k];
        if (!isnan(converted[k])) s->has[k] = true;
    }
    s->along_x = along_x;
    s->n++;
}

void chart_at(struct chart *c, double x, double y)
{
    add(c, (double[]){x, y, NAN, NAN, NAN}, false);
}

void chart_range(struct chart *c, double x, double y, double lo, double hi)
{
    add(c, (double[]){x, y, lo, hi, NAN}, false);
}

void chart_span(struct chart *c, double x, double y, double lo, double hi)
{
    add(c, (double[]){x, y, lo, hi, NAN}, true);
}

void chart_z(struct chart *c, double x, double y, double z)
{
    add(c, (double[]){x, y, NAN, NAN, z}, false);
}

void chart_cell(struct chart *c, double lo, double hi, double y, double z)
{
    add(c, (double[]){0.5 * (lo + hi), y, lo, hi, z}, true);
}

void chart_text(struct chart *c, double x, double y, const char *color, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    add_series(c, PLOT_TEXT, color, format_arguments(text, arguments));
    va_end(arguments);
    chart_at(c, x, y);
}

void chart_line(struct chart *c, enum plot_style style, const char *color, const double from[2],
                const double to[2], const char *name)
{
    chart_series(c, style, color, "%s", name);
    chart_at(c, from[0], from[1]);
    chart_at(c, to[0], to[1]);
}

/* --- drawing --- */

static struct plot_series series_of(const struct series *s)
{
    return (struct plot_series){.name = s->name,
                                .x = s->value[X],
                                .y = s->value[Y],
                                .lo = s->has[LO] && s->has[HI] ? s->value[LO] : NULL,
                                .hi = s->has[LO] && s->has[HI] ? s->value[HI] : NULL,
                                .n =
                                    s->style == PLOT_BAND && !(s->has[LO] && s->has[HI]) ? 0 : s->n,
                                .style = s->style,
                                .color = s->color,
                                .along_x = s->along_x,
                                .z = s->has[Z] ? s->value[Z] : NULL};
}

static void plot_of(const struct chart *c, const struct panel *p, struct plot_series *series,
                    struct plot *to)
{
    for (size_t i = 0; i < p->n; i++) series[i] = series_of(&p->series[i]);
    *to = (struct plot){.title = p->title,
                        .note = p->note,
                        .xlabel = p->xlabel,
                        .ylabel = p->ylabel,
                        .xlog = p->x.log,
                        .ylog = p->y.log,
                        .series = series,
                        .n = p->n,
                        .aspect = p->aspect,
                        .x_tics = p->tics[0],
                        .n_x_tics = p->n_tics[0],
                        .y_tics = p->tics[1],
                        .n_y_tics = p->n_tics[1],
                        .zlabel = p->zlabel,
                        .zlog = p->z.log,
                        .z_range = {p->z.range[0], p->z.range[1]},
                        .columns = c->columns};
    for (int k = 0; k < 2; k++) {
        to->x_range[k] = in_unit(c, &p->x, p->x.range[k]);
        to->y_range[k] = in_unit(c, &p->y, p->y.range[k]);
    }
}

int chart_draw(const struct chart *c, const char *path, struct plot_output *o, struct err *e)
{
    if (!c || c->failed) return err_memory(e, path);
    size_t total = 0;
    for (size_t i = 0; i < c->n; i++) total += c->panel[i].n;
    struct plot *plots = calloc(c->n + 1, sizeof *plots);
    struct plot_series *series = calloc(total + 1, sizeof *series), *at = series;
    int status = plots && series ? 0 : err_memory(e, path);
    for (size_t i = 0; i < c->n && !status; i++) {
        plot_of(c, &c->panel[i], at, &plots[i]);
        at += c->panel[i].n;
        if (i) plots[i - 1].beside = &plots[i];
    }
    if (!status) status = plot_draw(plots, path, o, e);
    free(plots);
    free(series);
    return status;
}
