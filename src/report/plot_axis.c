/* plot_axis.c - ranges and tics; see plot_inside.h.
 *
 * gnuplot rounds a logarithmic axis out to whole decades and labels only those; losses span a factor
 * of two. So ranges and tics are ours, as many labels as there is room for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/report/plot_inside.h"

struct axis {
    double lo, hi;
    bool log;
    double mm, gap; /* length; least distance of two labels */
    double letter;  /* along x: of labels' characters, 0: across */
    bool first;     /* no tic is written yet */
};

/* The values an axis has to show. */
static void extent(const struct plot *p, bool along_x, double range[2])
{
    const bool logarithmic = along_x ? p->xlog : p->ylog;
    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_series *s = &p->series[i];
        const bool rows = s->style == PLOT_BARS || s->style == PLOT_CELLS;
        const bool ends = rows || s->along_x ? along_x : !along_x;
        const double *columns[3] = {along_x                 ? s->x
                                    : s->style == PLOT_BAND ? NULL
                                                            : s->y,
                                    ends ? s->lo : NULL, ends ? s->hi : NULL};
        const double half = (rows && !along_x) || s->style == PLOT_IMAGE ? 0.5 : 0;
        for (size_t c = 0; c < 3; c++) {
            for (size_t k = 0; columns[c] && k < s->n; k++) {
                const double v = columns[c][k];
                if (!plot_row_shown(p, s, k) || !plot_drawable(v, logarithmic)) continue;
                if (v - half < range[0]) range[0] = v - half;
                if (v + half > range[1]) range[1] = v + half;
            }
        }
    }
}

const char *plot_number(double v, char text[32])
{
    const double a = fabs(v);
    if (a >= 1e4 && a < 9.995e14)
        format_count(v, text, 32);
    else if (a >= 9.995e14)
        snprintf(text, 32, "%.3ge%d", v / pow(10, floor(log10(a) + 1e-9)),
                 (int)floor(log10(a) + 1e-9));
    else
        snprintf(text, 32, "%.4g", fabs(v) < 1e-300 ? 0 : v);
    return text;
}

static int put_tic(struct axis *a, double v, bool label, struct out *o, struct err *e)
{
    char text[32] = "";
    if (label) plot_number(v, text);
    int status = out_printf(o, e, "%s'%s' %.10g %d", a->first ? "" : ", ", text, v, label ? 0 : 1);
    a->first = false;
    return status;
}

/* The least distance of labels that are STEP apart: along x they need their own length. */
static double gap_of(const struct axis *a, double step)
{
    char first[32], last[32];
    if (a->letter <= 0) return a->gap;
    const size_t n = strlen(plot_number(ceil(a->lo / step) * step, first)),
                 m = strlen(plot_number(floor(a->hi / step) * step, last));
    const double own = ((double)(n > m ? n : m) + 1.5) * a->letter;
    return own > a->mm / 12 ? own : a->mm / 12;
}

/* 1, 2, 5, 10 ..., the least that leaves room between the labels of even steps. On a logarithmic
 * axis they are closest at its end. */
static double even_step(const struct axis *a)
{
    const double span = a->hi - a->lo;
    double step = pow(10, floor(log10(span / 1000)));
    static const double times[] = {2, 2.5, 2};
    for (int i = 0; i < 30; i++) {
        const double apart =
            a->log ? a->mm * log(a->hi / (a->hi - step)) / log(a->hi / a->lo) : a->mm * step / span;
        if (apart >= gap_of(a, step)) break;
        if (step * times[i % 3] >= span) break;
        step *= times[i % 3];
    }
    return step;
}

static int put_even_tics(struct axis *a, struct out *o, struct err *e)
{
    const double step = even_step(a);
    for (double k = ceil(a->lo / step - 1e-9); k * step <= a->hi + 1e-9 * step; k++)
        if (put_tic(a, fabs(k) < 1e-9 ? 0 : k * step, true, o, e)) return -1;
    return 0;
}

static bool is_labelled(int level, int d, int m)
{
    switch (level) {
    case 0:
        return m < 7;
    case 1:
        return m == 1 || m == 2 || m == 5;
    case 2:
        return m == 1 || m == 3;
    default:
        return m == 1 && d % (level - 2) == 0;
    }
}

/* Decades, as many of their parts as there is room for. */
static int put_decade_tics(struct axis *a, struct out *o, struct err *e)
{
    const double decade = a->mm / log10(a->hi / a->lo);
    static const double least[] = {0.079, 0.301, 0.477}; /* log10 of 6/5, 2, 3 */
    int level = 0;
    while (level < 3 && decade * least[level] < a->gap) level++;
    while (level >= 3 && decade * (level - 2) < a->gap && level < 300) level++;
    for (int d = (int)floor(log10(a->lo)); d <= (int)ceil(log10(a->hi)); d++) {
        for (int m = 1; m < 10; m++) {
            const double v = m * pow(10, d);
            if (v < a->lo * (1 - 1e-9) || v > a->hi * (1 + 1e-9)) continue;
            if (m > 1 && decade < 3) continue;
            if (put_tic(a, v, is_labelled(level, d, m), o, e)) return -1;
        }
    }
    return 0;
}

static int put_named_tics(const struct plot_tic *tics, size_t n, struct out *o, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        char *q = plot_quote(tics[i].text, true, PLOT_NAME);
        if (!q) return err_memory(e, NULL);
        int status = out_printf(o, e, "%s%s %.10g", i ? ", " : "", q, tics[i].at);
        free(q);
        if (status) return -1;
    }
    return 0;
}

/* What is asked for, else what there is with a margin. False where there is nothing. */
static bool find_range(const struct plot *p, bool along_x, struct axis *a, bool *turned)
{
    const double *given = along_x ? p->x_range : p->y_range;
    double r[2] = {given[0], given[1]};
    *turned = r[0] > r[1];
    if (*turned) {
        r[0] = given[1];
        r[1] = given[0];
    }
    if (!(r[1] > r[0] && plot_drawable(r[0], a->log) && plot_drawable(r[1], false))) {
        extent(p, along_x, r);
        if (!(r[0] <= r[1])) return false;
        bool tight = false, zero = false;
        for (size_t i = 0; i < p->n; i++) {
            const enum plot_style s = p->series[i].style;
            tight |= s == PLOT_CELLS || s == PLOT_IMAGE;
            zero |= s == PLOT_BARS || s == PLOT_STEPS;
        }
        const double share = tight ? 0 : 0.04;
        if (a->log) {
            const double margin = r[1] > r[0] ? pow(r[1] / r[0], share) : 1.5;
            r[0] /= margin;
            r[1] *= margin;
        } else {
            const double width = r[1] - r[0];
            const double margin = width > 0 ? share * width : fabs(r[0]) > 0 ? fabs(r[0]) / 2 : 1;
            if (!(zero && r[0] == 0)) r[0] -= margin;
            r[1] += margin;
        }
    }
    a->lo = r[0];
    a->hi = r[1];
    return true;
}

int plot_put_axis(const struct plot *p, bool along_x, const struct plot_page *page, struct out *o,
                  struct err *e)
{
    const char axis = along_x ? 'x' : 'y';
    const double letter = page->font * 0.3528 * 0.56;
    const double width = plot_width(p, page);
    struct axis a = {.log = along_x ? p->xlog : p->ylog,
                     .mm = along_x ? width : width * plot_aspect(p, page),
                     .letter = along_x ? letter : 0,
                     .gap = along_x ? 6 * letter : 2.6 * letter,
                     .first = true};
    /* More than a dozen labels do not help. */
    if (a.gap < a.mm / 12) a.gap = a.mm / 12;
    bool turned;
    if (!find_range(p, along_x, &a, &turned)) return 0;
    if (out_printf(o, e, "%sset %crange [%.10g:%.10g]\n",
                   a.log ? (along_x ? "set logscale x\n" : "set logscale y\n") : "", axis,
                   turned ? a.hi : a.lo, turned ? a.lo : a.hi))
        return -1;
    const struct plot_tic *named = along_x ? p->x_tics : p->y_tics;
    if (out_printf(o, e, "set %ctics (", axis)) return -1;
    int status = named ? put_named_tics(named, along_x ? p->n_x_tics : p->n_y_tics, o, e)
                 : a.log && a.hi / a.lo > 4 ? put_decade_tics(&a, o, e)
                                            : put_even_tics(&a, o, e);
    return status ? status : out_printf(o, e, ")\n");
}

int plot_put_scale(const struct plot *p, const struct plot_page *page, double right, struct out *o,
                   struct err *e)
{
    const double letter = page->font * 0.3528 * 0.56;
    struct axis a = {.lo = p->z_range[0],
                     .hi = p->z_range[1],
                     .log = p->zlog,
                     .mm = plot_width(p, page) * plot_aspect(p, page),
                     .gap = 3 * letter,
                     .first = true};
    if (a.gap < a.mm / 12) a.gap = a.mm / 12;
    if (!(a.hi > a.lo && plot_drawable(a.lo, a.log) && plot_drawable(a.hi, false))) {
        a.lo = INFINITY;
        a.hi = -INFINITY;
        for (size_t i = 0; i < p->n; i++) {
            const struct plot_series *s = &p->series[i];
            for (size_t k = 0; s->z && k < s->n; k++) {
                if (!plot_drawable(s->z[k], a.log)) continue;
                if (s->z[k] < a.lo) a.lo = s->z[k];
                if (s->z[k] > a.hi) a.hi = s->z[k];
            }
        }
        if (!(a.lo <= a.hi)) return 0;
        if (a.lo == a.hi) a.hi = a.log ? 2 * a.lo : a.lo + 1;
    }
    if (out_printf(o, e, "%sset cbrange [%.10g:%.10g]\n", a.log ? "set logscale cb\n" : "", a.lo,
                   a.hi))
        return -1;
    if (!p->zlabel) return 0;
    if (out_printf(o, e, "set cbtics (")) return -1;
    int status = a.log && a.hi / a.lo > 4 ? put_decade_tics(&a, o, e) : put_even_tics(&a, o, e);
    if (status) return -1;
    /* gnuplot's own is as wide as its panel is, and pushes its label off a wide figure. */
    return out_printf(
        o, e, ")\nset colorbox user origin screen %.4f, graph 0 size screen %.4f, graph 1\n",
        right + 0.7 * letter / page->width, 1.6 * letter / page->width);
}
