/* plot_page.c - how large a figure and its panels are; see plot_inside.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/report/plot_inside.h"

/* More points than this make a vector image slow to show. */
enum { VECTOR_POINTS = 20000 };

double plot_width(const struct plot *p, const struct plot_page *page)
{
    const double letter = page->font * 0.3528 * 0.56;
    size_t labels = 5;
    for (size_t i = 0; p->y_tics && i < p->n_y_tics; i++) {
        const size_t length = plot_length(p->y_tics[i].text);
        if (length > labels) labels = length < PLOT_NAME ? length : PLOT_NAME;
    }
    const double width = page->panel_width - letter * ((double)labels + 4 + (p->zlabel ? 13 : 3));
    return width > 10 ? width : 10;
}

double plot_aspect(const struct plot *p, const struct plot_page *page)
{
    if (p->aspect > 0) return p->aspect;
    if (page->panel_width > 120) return 0.55;
    /* Beside a scale a plot is narrower than its neighbours, and as high. */
    return (page->panel_width > 60 ? 0.7 : 0.9) * (p->zlabel ? 1.25 : 1);
}

size_t plot_line_width(const struct plot *p, const struct plot_page *page)
{
    const double letter = page->font * 0.3528 * 0.56;
    return plot_characters(page, plot_width(p, page) + (p->zlabel ? 16 : 5) * letter);
}

size_t plot_key_columns(const struct plot *p, const struct plot_page *page, size_t *entries)
{
    size_t longest = 0;
    *entries = 0;
    for (size_t i = 0; i < p->n && !p->key; i++) {
        const struct plot_series *s = &p->series[i];
        if (!s->name || !*s->name || !s->n || s->style == PLOT_TEXT) continue;
        const size_t length = plot_length(s->name);
        if (length > longest) longest = length;
        ++*entries;
    }
    /* gnuplot makes a key no wider than the plot, and takes letters for wider than they are. */
    const size_t columns = plot_characters(page, plot_width(p, page)) * 5 / 6 / (longest + 7);
    return columns ? columns : 1;
}

static double key_lines(const struct plot *p, const struct plot_page *page)
{
    size_t entries;
    const size_t columns = plot_key_columns(p, page, &entries);
    return (double)((entries + columns - 1) / columns) + 0.4;
}

/* Lines of text above and below the plots. */
static void measure_margins(const struct plot *first, struct plot_page *page)
{
    for (const struct plot *p = first; p; p = p->beside) {
        const size_t width = plot_line_width(p, page);
        const double top =
            1.5 + (double)(plot_lines(p->title, width * 9 / 10) + plot_lines(p->note, width));
        const double bottom = 2.7 + (double)plot_lines(p->xlabel, width) + key_lines(p, page);
        if (top > page->top) page->top = top;
        if (bottom > page->bottom) page->bottom = bottom;
    }
}

struct plot_page plot_page_of(const struct plot *first, const char *terminal, enum plot_size size)
{
    struct plot_page page = {.terminal = terminal};
    for (const struct plot *p = first; p; p = p->beside) page.panels++;
    const size_t wide = first->columns ? first->columns : page.panels == 4 ? 2 : 3;
    switch (size) {
    case PLOT_PAGE:
        page.width = 160, page.font = 8;
        break;
    case PLOT_COLUMN:
        page.width = 85, page.font = 7;
        break;
    case PLOT_SLIDE:
        page.width = 254, page.font = wide > 2 && page.panels > 2 ? 10 : page.panels > 1 ? 12 : 15;
        break;
    }
    page.columns = size != PLOT_COLUMN ? wide : wide > 3 ? 2 : 1;
    if (page.columns > page.panels) page.columns = page.panels;
    page.rows = (page.panels + page.columns - 1) / page.columns;
    page.panel_width = page.width / (double)page.columns;
    page.line = page.font * 0.3528 * (strcmp(terminal, "svg") ? 1.18 : 1.5);
    measure_margins(first, &page);
    double highest = 0;
    for (const struct plot *p = first; p; p = p->beside) {
        const double h = plot_aspect(p, &page) * plot_width(p, &page);
        if (h > highest) highest = h;
    }
    page.height = (highest + page.line * (page.top + page.bottom)) * (double)page.rows;
    if (size == PLOT_SLIDE && page.height < 143) page.height = 143;
    return page;
}

void plot_count_points(const struct plot *first, const size_t *rows, struct plot_page *page)
{
    for (const struct plot *p = first; p; rows += p->n, p = p->beside) {
        for (size_t i = 0; i < p->n; i++)
            if (p->series[i].style != PLOT_CELLS && p->series[i].style != PLOT_IMAGE)
                page->total += rows[i];
    }
    const bool vector = strcmp(page->terminal, "pngcairo") != 0;
    page->drawn = vector && page->total > VECTOR_POINTS ? VECTOR_POINTS : page->total;
}
