/* plot_draw.c - see plot.h: a figure's files, and colours.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/report/plot_inside.h"

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
    struct plot_page page = plot_page_of(p, f->name.terminal, size);
    struct plot first = *p;
    if (!status) plot_count_points(p, rows, &page);
    if (!status && page.drawn < page.total) {
        const size_t every = (page.total + page.drawn - 1) / page.drawn;
        thinned = format_string("%s%sone in %zu of %zu points drawn", p->note ? p->note : "",
                                p->note ? "\n" : "", every, page.total);
        first.note = thinned;
        page = plot_page_of(&first, f->name.terminal, size);
        plot_count_points(p, rows, &page);
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
