/* plot_page.c - see plot.h: names of files, the page, and colours.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/report/plot_inside.h"

/* More points than this make a vector image slow to show. */
enum { VECTOR_POINTS = 20000 };

struct names {
    char *data, *script, *image;
    const char *terminal;
};

static int name_files(const char *path, struct names *n, struct err *e)
{
    static const char *const types[][2] = {
        {".png", "pngcairo"}, {".svg", "svg"}, {".pdf", "pdfcairo"}};
    size_t length = strlen(path), stem = length;
    *n = (struct names){.terminal = "pngcairo"};
    for (size_t i = 0; i < 3; i++) {
        if (length > 4 && !strcasecmp(path + length - 4, types[i][0])) {
            stem = length - 4;
            n->terminal = types[i][1];
            n->image = strdup(path);
        }
    }
    if (!length || path[stem - 1] == '/')
        return err_set(e, "%s: expected the name of a figure, found a folder",
                       length ? path : "''");
    n->data = format_string("%.*s.tsv", (int)stem, path);
    n->script = format_string("%.*s.gp", (int)stem, path);
    if (!n->image) n->image = format_string("%s.png", path);
    if (!n->data || !n->script || !n->image) return err_memory(e, path);
    return 0;
}

/* --- the page --- */

size_t plot_length(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80 && *text != '^' && *text != '_';
    return n;
}

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

static struct plot_page page_of(const struct plot *first, const char *terminal, enum plot_size size)
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

static void count_points(const struct plot *first, const size_t *rows, struct plot_page *page)
{
    for (const struct plot *p = first; p; rows += p->n, p = p->beside) {
        for (size_t i = 0; i < p->n; i++)
            if (p->series[i].style != PLOT_CELLS && p->series[i].style != PLOT_IMAGE)
                page->total += rows[i];
    }
    const bool vector = strcmp(page->terminal, "pngcairo") != 0;
    page->drawn = vector && page->total > VECTOR_POINTS ? VECTOR_POINTS : page->total;
}

/* --- the files --- */

/* What is written, and under which names it stands until it is done. */
struct files {
    struct names name;
    struct out data, script;
};

static int write_files(const struct plot *p, struct files *f, enum plot_size size, struct err *e)
{
    size_t series = 0, rows_all = 0;
    for (const struct plot *panel = p; panel; panel = panel->beside) series += panel->n;
    size_t *rows = calloc(series + 1, sizeof *rows);
    char *data = path_last(f->name.data), *image = path_last(f->name.image), *thinned = NULL;
    int status = rows && data && image ? 0 : err_memory(e, f->name.image);
    if (!status) status = out_open(&f->data, f->name.data, e);
    if (!status) status = plot_put_data(p, &f->data, rows, e);
    for (size_t i = 0; i < series; i++) rows_all += rows ? rows[i] : 0;
    if (!status && !rows_all)
        status = err_set(e, "%s: no point can be drawn on these axes", f->name.image);
    struct plot_page page = page_of(p, f->name.terminal, size);
    struct plot first = *p;
    if (!status) count_points(p, rows, &page);
    if (!status && page.drawn < page.total) {
        const size_t every = (page.total + page.drawn - 1) / page.drawn;
        thinned = format_string("%s%sone in %zu of %zu points drawn", p->note ? p->note : "",
                                p->note ? "\n" : "", every, page.total);
        first.note = thinned;
        page = page_of(&first, f->name.terminal, size);
        count_points(p, rows, &page);
        if (!thinned) status = err_memory(e, f->name.image);
    }
    if (!status) status = out_open(&f->script, f->name.script, e);
    if (!status) status = plot_put_script(&first, &page, rows, data, image, &f->script, e);
    free(rows);
    free(data);
    free(image);
    free(thinned);
    return status;
}

/* Whether an image has its end: on a full disk gnuplot writes what fits and says nothing. */
static bool is_whole(const char *image)
{
    static const char *const ends[] = {"</svg>", "IEND", "%%EOF"};
    struct map m;
    struct err ignored;
    bool whole = false;
    if (map_open(&m, image, &ignored)) return false;
    const size_t tail = m.size < 16 ? m.size : 16;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        whole |= tail && memmem(m.data + m.size - tail, tail, ends[i], strlen(ends[i]));
    map_close(&m);
    return whole;
}

/* Until the image is there nothing has its final name, and without KEEP data and script never get
 * one. */
static int draw_files(struct files *f, struct plot_output *o, struct err *e)
{
    struct out image = {0};
    int status = out_open(&image, f->name.image, e);
    if (!status && (fflush(f->data.file) || fflush(f->script.file)))
        status = err_errno(e, "%s: cannot write", f->name.script);
    if (!status && plot_run(f->script.part, f->data.part, image.part, &o->drawn, e))
        status = err_prefix(e, "%s", f->name.image);
    if (!status && o->drawn && !is_whole(image.part))
        status = err_kind(e, ERR_SPACE, "%s: gnuplot wrote a part of it: is the disk full?",
                          f->name.image);
    if (!status && o->drawn) status = out_commit(&image, e);
    out_abort(&image);
    if (status || (o->drawn && !o->keep)) return status;
    return out_commit(&f->data, e) || out_commit(&f->script, e) ? -1 : 0;
}

int plot_draw(const struct plot *p, const char *path, struct plot_output *o, struct err *e)
{
    struct files f = {0};
    struct plot first = *p;
    if (o->title) first.title = o->title;
    o->drawn = false;
    int status = name_files(path, &f.name, e);
    if (!status) status = write_files(&first, &f, o->size, e);
    if (!status) status = draw_files(&f, o, e);
    out_abort(&f.data);
    out_abort(&f.script);
    free(f.name.data);
    free(f.name.script);
    free(f.name.image);
    return status;
}

int plot_write(const struct plot *p, const char *path, bool *drawn, struct err *e)
{
    struct plot_output o = {.keep = true};
    int status = plot_draw(p, path, &o, e);
    if (drawn) *drawn = o.drawn;
    return status;
}

void plot_note(const char *path, bool drawn, FILE *f)
{
    if (!drawn)
        fprintf(f,
                "tripod: gnuplot is not installed: %s is not drawn, its data (.tsv) and script "
                "(.gp) are written\n",
                path);
}

const char *plot_color(double t, char color[8])
{
    /* Anchors of a scale from dark violet over teal to yellow. */
    static const double anchors[5][3] = {{0.27, 0.00, 0.33},
                                         {0.23, 0.32, 0.55},
                                         {0.13, 0.57, 0.55},
                                         {0.37, 0.79, 0.38},
                                         {0.92, 0.86, 0.15}};
    if (!(t > 0)) t = 0;
    if (t > 1) t = 1;
    size_t i = (size_t)(t * 4);
    if (i > 3) i = 3;
    double w = t * 4 - (double)i;
    unsigned rgb[3];
    for (size_t k = 0; k < 3; k++)
        rgb[k] = (unsigned)lrint(255 * ((1 - w) * anchors[i][k] + w * anchors[i + 1][k])) & 255;
    snprintf(color, 8, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
    return color;
}
