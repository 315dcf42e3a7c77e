/* plot_data.c - a figure's data as TSV; see plot_inside.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/plot_inside.h"

bool plot_row_shown(const struct plot *p, const struct plot_series *s, size_t i)
{
    const bool band = s->style == PLOT_BAND;
    if (!plot_drawable(s->x[i], p->xlog)) return false;
    if (s->z && !plot_drawable(s->z[i], p->zlog)) return false;
    if (!plot_drawable(band ? s->lo[i] : s->y[i], p->ylog)) return false;
    return !band || plot_drawable(s->hi[i], p->ylog);
}

static int put_name(const char *name, struct out *o, struct err *e)
{
    for (const char *c = name ? name : ""; *c; c++) {
        char safe = (unsigned char)*c < ' ' ? ' ' : *c;
        if (out_write(o, &safe, 1, e)) return -1;
    }
    return 0;
}

/* An error bar without an end is drawn as none: both ends at the point. */
static double end_of(const struct plot_series *s, const double *ends, size_t i)
{
    return plot_drawable(ends[i], false) || s->style == PLOT_BAND ? ends[i]
           : s->along_x                                           ? s->x[i]
                                                                  : s->y[i];
}

static int put_row(const struct plot_series *s, size_t i, struct out *o, struct err *e)
{
    const bool ends = s->lo && s->hi;
    if (put_name(s->name, o, e)) return -1;
    if (out_printf(o, e, "\t%.10g\t%.10g", s->x[i], s->y ? s->y[i] : 0.5 * (s->lo[i] + s->hi[i])))
        return -1;
    if (ends && out_printf(o, e, "\t%.10g\t%.10g", end_of(s, s->lo, i), end_of(s, s->hi, i)))
        return -1;
    if (s->z && out_printf(o, e, "%s\t%.10g", ends ? "" : "\t\t", s->z[i])) return -1;
    return out_printf(o, e, "\n");
}

int plot_put_data(const struct plot *first, struct out *o, size_t *rows, struct err *e)
{
    bool z = false, any = false;
    for (const struct plot *p = first; p; p = p->beside)
        for (size_t i = 0; i < p->n; i++) z |= p->series[i].z != NULL;
    if (out_printf(o, e, "series\tx\ty\tlo\thi%s\n", z ? "\tz" : "")) return -1;
    for (const struct plot *p = first; p; p = p->beside) {
        for (size_t i = 0; i < p->n; i++, rows++) {
            const struct plot_series *s = &p->series[i];
            *rows = 0;
            for (size_t k = 0; k < s->n; k++) {
                if (!plot_row_shown(p, s, k)) continue;
                /* A block without rows would shift gnuplot's index: it is neither written nor
                 * drawn. */
                if (!(*rows)++ && any && out_printf(o, e, "\n\n")) return -1;
                any = true;
                if (put_row(s, k, o, e)) return -1;
            }
        }
    }
    return 0;
}
