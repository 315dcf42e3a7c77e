/* plot.c - see plot.h. Strings reach gnuplot only inside single quotes, where it substitutes
 * nothing. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/num.h"

/* Colours that stay apart for colour-blind readers (Okabe and Ito). */
static const char *const palette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#8c564b"};

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

/* 'text' with its quotes doubled and control characters blanked; the caller frees. */
static char *quote(const char *text)
{
    char *q = malloc(2 * strlen(text) + 3), *w = q;
    if (!q) return NULL;
    *w++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') *w++ = '\'';
        *w++ = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    *w++ = '\'';
    *w = 0;
    return q;
}

static bool drawable(double v, bool logarithmic)
{
    return isfinite(v) && (!logarithmic || v > 0);
}

static size_t write_series(const struct plot *p, const struct plot_series *s, struct out *o,
                           int *status, struct err *e)
{
    size_t rows = 0;
    for (size_t i = 0; i < s->n && !*status; i++) {
        double y = s->style == PLOT_BAND ? s->lo[i] : s->y[i];
        if (!drawable(s->x[i], p->xlog) || !drawable(y, p->ylog)) continue;
        if (s->style == PLOT_BAND && !drawable(s->hi[i], p->ylog)) continue;
        rows++;
        for (const char *c = s->name ? s->name : ""; *c && !*status; c++) {
            char safe = (unsigned char)*c < ' ' ? ' ' : *c;
            *status = out_write(o, &safe, 1, e);
        }
        if (*status) break;
        *status =
            out_printf(o, e, "\t%.10g\t%.10g", s->x[i], s->y ? s->y[i] : 0.5 * (y + s->hi[i]));
        if (!*status && s->lo && s->hi)
            *status = out_printf(o, e, "\t%.10g\t%.10g", s->lo[i], s->hi[i]);
        if (!*status) *status = out_printf(o, e, "\n");
    }
    return rows;
}

static bool has_rows(const struct plot *p, const struct plot_series *s)
{
    for (size_t k = 0; k < s->n; k++) {
        double y = s->style == PLOT_BAND ? s->lo[k] : s->y[k];
        if (drawable(s->x[k], p->xlog) && drawable(y, p->ylog) &&
            (s->style != PLOT_BAND || drawable(s->hi[k], p->ylog)))
            return true;
    }
    return false;
}

/* ROWS gets the rows of every series of every panel, in order. */
static int write_data(const struct plot *first, const char *path, size_t *rows, struct err *e)
{
    struct out o = {0};
    if (out_open(&o, path, e)) return -1;
    int status = out_printf(&o, e, "series\tx\ty\tlo\thi\n");
    bool any = false;
    for (const struct plot *p = first; p; p = p->beside) {
        for (size_t i = 0; i < p->n && !status; i++, rows++) {
            /* A block without rows would shift gnuplot's index: it is neither written nor drawn. */
            *rows = 0;
            if (!has_rows(p, &p->series[i])) continue;
            if (any) status = out_printf(&o, e, "\n\n");
            any = true;
            if (!status) *rows = write_series(p, &p->series[i], &o, &status, e);
        }
    }
    if (status) {
        out_abort(&o);
        return -1;
    }
    return out_commit(&o, e);
}

/* The values an axis has to show. */
static void extent(const struct plot *p, bool along_x, double range[2])
{
    bool logarithmic = along_x ? p->xlog : p->ylog;
    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_series *s = &p->series[i];
        const double *columns[3] = {along_x                 ? s->x
                                    : s->style == PLOT_BAND ? NULL
                                                            : s->y,
                                    along_x ? NULL : s->lo, along_x ? NULL : s->hi};
        for (size_t c = 0; c < 3; c++) {
            for (size_t k = 0; columns[c] && k < s->n; k++) {
                double v = columns[c][k];
                if (!drawable(v, logarithmic) || !drawable(s->x[k], p->xlog)) continue;
                if (v < range[0]) range[0] = v;
                if (v > range[1]) range[1] = v;
            }
        }
    }
}

static int put_tic(struct out *o, double v, bool label, bool *first, struct err *e)
{
    char text[32] = "";
    if (label && v >= 1e4 && v < 9.995e14)
        format_count(v, text, sizeof text);
    else if (label)
        snprintf(text, sizeof text, "%.4g", v);
    int status = out_printf(o, e, "%s'%s' %.10g %d", *first ? "" : ", ", text, v, label ? 0 : 1);
    *first = false;
    return status;
}

/* gnuplot rounds a logarithmic axis out to whole decades and labels only those; losses span a
 * factor of two. So range and tics are ours: 1-2-5 below two decades, even steps below a factor of
 * two. */
static int put_log_axis(const struct plot *p, bool along_x, struct out *o, struct err *e)
{
    const char axis = along_x ? 'x' : 'y';
    const double *given = along_x ? p->x_range : p->y_range;
    double r[2] = {given[0], given[1]};
    if (!(r[1] > r[0] && r[0] > 0)) {
        extent(p, along_x, r);
        if (!(r[0] <= r[1])) return 0;
        double margin = r[1] > r[0] ? pow(r[1] / r[0], 0.04) : 1.5;
        r[0] /= margin;
        r[1] *= margin;
    }
    double decades = log10(r[1] / r[0]);
    if (out_printf(o, e, "set logscale %c\nset %crange [%.10g:%.10g]\nset %ctics (", axis, axis,
                   r[0], r[1], axis))
        return -1;
    bool first = true;
    if (decades < 0.6) {
        double step = pow(10, floor(log10((r[1] - r[0]) / 4)));
        if ((r[1] - r[0]) / step > 20) step *= 5;
        if ((r[1] - r[0]) / step > 8) step *= 2;
        for (double k = ceil(r[0] / step); k * step <= r[1]; k++)
            if (put_tic(o, k * step, true, &first, e)) return -1;
    } else {
        int stride = decades > 8 ? (int)ceil(decades / 8) : 1;
        for (int d = (int)floor(log10(r[0])); d <= (int)ceil(log10(r[1])); d++) {
            for (int m = 1; m < 10; m++) {
                double v = m * pow(10, d);
                if (v < r[0] || v > r[1] || (stride > 1 && m > 1)) continue;
                bool label = m == 1 ? d % stride == 0
                                    : (decades < 2 && (m == 2 || m == 5)) || (decades < 1 && m < 7);
                if (put_tic(o, v, label, &first, e)) return -1;
            }
        }
    }
    return out_printf(o, e, ")\n");
}

static int put_label(struct out *o, const char *what, const char *text, struct err *e)
{
    if (!text || !*text) return 0;
    char *q = quote(text);
    if (!q) return err_memory(e, NULL);
    int status = out_printf(o, e, "set %s %s noenhanced\n", what, q);
    free(q);
    return status;
}

static int put_series(const struct plot_series *s, size_t index, const char *color, bool first,
                      struct out *o, struct err *e)
{
    char with[160];
    const char *using = "2:3";
    switch (s->style) {
    case PLOT_POINTS:
        if (s->lo && s->hi) using = "2:3:4:5";
        snprintf(with, sizeof with, "%s pt 7 ps 0.9 lc rgb '%s'",
                 s->lo && s->hi ? "yerrorbars" : "points", color);
        break;
    case PLOT_LINE:
        snprintf(with, sizeof with, "lines lw 2 lc rgb '%s'", color);
        break;
    case PLOT_DASHED:
        snprintf(with, sizeof with, "lines lw 2 dt 2 lc rgb '%s'", color);
        break;
    case PLOT_LINE_POINTS:
        snprintf(with, sizeof with, "linespoints lw 1.5 pt 7 ps 0.6 lc rgb '%s'", color);
        break;
    case PLOT_CROSSES:
        snprintf(with, sizeof with, "points pt 2 ps 1.8 lw 2.5 lc rgb '%s'", color);
        break;
    case PLOT_BAND:
        using = "2:4:5";
        snprintf(with, sizeof with, "filledcurves fs transparent solid 0.25 noborder lc rgb '%s'",
                 color);
        break;
    case PLOT_STEPS:
        snprintf(with, sizeof with, "histeps lw 1.5 lc rgb '%s'", color);
        break;
    }
    char *name = s->name && *s->name ? quote(s->name) : NULL;
    int status = out_printf(
        o, e, "%s data index %zu using %s with %s %s%s%s", first ? "plot" : ", \\\n    ", index,
        using, with, name ? "title " : "notitle", name ? name : "", name ? " noenhanced" : "");
    free(name);
    return status;
}

static int put_range(struct out *o, char axis, const double range[2], struct err *e)
{
    if (!(range[1] > range[0])) return 0;
    return out_printf(o, e, "set %crange [%.10g:%.10g]\n", axis, range[0], range[1]);
}

/* One panel; ROWS are those of its series, INDEX the number of the next block of data. */
static int put_panel(const struct plot *p, const size_t *rows, size_t *index, struct out *o,
                     struct err *e)
{
    int status = out_printf(o, e, "set key %s\n", p->key ? p->key : "top right");
    if (!status) status = put_label(o, "title", p->title, e);
    if (!status) status = put_label(o, "xlabel", p->xlabel, e);
    if (!status) status = put_label(o, "ylabel", p->ylabel, e);
    if (!status) status = p->xlog ? put_log_axis(p, true, o, e) : put_range(o, 'x', p->x_range, e);
    if (!status) status = p->ylog ? put_log_axis(p, false, o, e) : put_range(o, 'y', p->y_range, e);
    size_t next = 0;
    bool first = true;
    for (size_t i = 0; i < p->n && !status; i++) {
        const char *color = p->series[i].color;
        if (!color) color = palette[next++ % (sizeof palette / sizeof *palette)];
        if (!rows[i]) continue;
        status = put_series(&p->series[i], (*index)++, color, first, o, e);
        first = false;
    }
    return status ? status : out_printf(o, e, "\n");
}

static int put_panels(const struct plot *first, const size_t *rows, struct out *o, struct err *e)
{
    size_t panels = 0, index = 0;
    for (const struct plot *p = first; p; p = p->beside) panels++;
    int status = panels > 1 ? out_printf(o, e, "set multiplot layout 1,%zu\n", panels) : 0;
    for (const struct plot *p = first; p && !status; rows += p->n, p = p->beside) {
        if (p != first)
            status = out_printf(o, e,
                                "unset logscale\nset autoscale\nset xtics auto\n"
                                "set ytics auto\nunset title\nunset xlabel\nunset ylabel\n");
        if (!status) status = put_panel(p, rows, &index, o, e);
    }
    return status || panels == 1 ? status : out_printf(o, e, "unset multiplot\n");
}

static int write_script(const struct plot *p, const struct names *n, const size_t *rows,
                        struct err *e)
{
    struct out o = {0};
    char *data = path_last(n->data), *image = path_last(n->image);
    char *qdata = data ? quote(data) : NULL, *qimage = image ? quote(image) : NULL;
    int status = -1;
    if (!qdata || !qimage) {
        err_memory(e, n->script);
        goto done;
    }
    if (out_open(&o, n->script, e)) goto done;
    unsigned w = p->width ? p->width : 960, h = p->height ? p->height : 640;
    if (!strcmp(n->terminal, "pdfcairo"))
        status = out_printf(&o, e, "set terminal pdfcairo size %.2fin,%.2fin font 'sans,11'\n",
                            w / 120.0, h / 120.0);
    else
        status = out_printf(&o, e, "set terminal %s size %u,%u font 'sans,11'%s\n", n->terminal, w,
                            h, strcmp(n->terminal, "svg") ? "" : " background rgb 'white'");
    if (!status)
        status = out_printf(&o, e,
                            "set encoding utf8\n"
                            "if (!exists('data')) data = %s\n"
                            "if (!exists('image')) image = %s\n"
                            "set output image\n"
                            "set datafile separator tab\n"
                            "set grid xtics ytics lt 1 lw 1 lc rgb '#d8d8d8'\n"
                            "set border 3\nset tics nomirror\n",
                            qdata, qimage);
    if (!status) status = put_panels(p, rows, &o, e);
    if (!status)
        status = out_commit(&o, e);
    else
        out_abort(&o);
done:
    free(data);
    free(image);
    free(qdata);
    free(qimage);
    return status;
}

extern char **environ;

/* Runs gnuplot on the script, into the image's part name. DRAWN is false if there is none. */
static int draw(const struct names *n, bool *drawn, struct err *e)
{
    int pipes[2], status = -1, wait_status = 0;
    char said[512] = "";
    char *part = format_string("%s.part-%ld", n->image, (long)getpid());
    char *qpart = part ? quote(part) : NULL, *qdata = quote(n->data);
    char *set = qpart && qdata ? format_string("data = %s; image = %s", qdata, qpart) : NULL;
    pid_t child;
    *drawn = false;
    if (!set) {
        err_memory(e, n->image);
        goto done;
    }
    if (pipe2(pipes, O_CLOEXEC)) {
        err_errno(e, "gnuplot: cannot start");
        goto done;
    }
    /* A script named like an option must not be read as one. */
    char *file = format_string("%s%s", *n->script == '-' ? "./" : "", n->script);
    char *argv[] = {(char[]){"gnuplot"}, (char[]){"-e"}, set, file, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    int code = posix_spawnp(&child, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    size_t have = 0;
    char chunk[256];
    ssize_t got;
    while (!code &&
           ((got = read(pipes[0], chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR))) {
        for (ssize_t i = 0; i < got && have + 1 < sizeof said; i++) said[have++] = chunk[i];
    }
    close(pipes[0]);
    said[have] = 0;
    free(file);
    if (!code)
        while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
        }
    if (code == ENOENT || (!code && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 127)) {
        status = 0;
        goto done;
    }
    if (code) {
        errno = code;
        err_errno(e, "gnuplot: cannot start");
    } else if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status)) {
        char *line = strstr(said, "line "); /* gnuplot echoes the statement first */
        line = line ? line : said;
        line[strcspn(line, "\n")] = 0;
        err_set(e, "%s: gnuplot failed: %s", n->script, *line ? line : "no message");
    } else if (rename(part, n->image)) {
        err_errno(e, "%s: cannot write", n->image);
    } else {
        *drawn = true;
        status = 0;
    }
    if (status) unlink(part);
done:
    free(part);
    free(qpart);
    free(qdata);
    free(set);
    return status;
}

int plot_write(const struct plot *p, const char *path, bool *drawn, struct err *e)
{
    struct names n;
    bool ignored;
    int status = name_files(path, &n, e);
    size_t series = 0, total = 0;
    for (const struct plot *panel = p; panel; panel = panel->beside) series += panel->n;
    size_t *rows = calloc(series + 1, sizeof *rows);
    if (!status && !rows) status = err_memory(e, path);
    if (!status) status = write_data(p, n.data, rows, e);
    for (size_t i = 0; i < series && !status; i++) total += rows[i];
    if (!status && !total) {
        unlink(n.data);
        status = err_set(e, "%s: no point can be drawn on these axes", path);
    }
    if (!status) status = write_script(p, &n, rows, e);
    if (!status) status = draw(&n, drawn ? drawn : &ignored, e);
    free(n.data);
    free(n.script);
    free(n.image);
    free(rows);
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
