/* cmd_plot.c - `tripod plot`: the figure that belongs to a result, or one by name.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/commands.h"
#include "src/plot/figures.h"

struct args {
    struct cli_common common;
    struct texts inputs;
    const char *out, *figure, *title;
    int size;
    bool bits, keep, list, recipes;
};
#define ARGS struct args

/* As enum plot_size. */
static const char *const sizes[] = {"160", "85", "slide", NULL};

static const struct option_row options[] = {
    OPTION_PLAINS(inputs, "[RESULT...]"),
    OPTION_TEXT("out", 'o', "IMAGE", out, "fig.svg, fig.png or fig.pdf (default: FIGURE.svg)"),
    OPTION_TEXT("figure", 0, "NAME", figure, "This figure (default: the one of the results' kind)"),
    OPTION_HEADING("How it looks:"),
    OPTION_CHOICE("size", 0, size, sizes,
                  "Width in mm: a page's, a column's, or a slide with large type"),
    OPTION_TEXT("title", 0, "TEXT", title, "Instead of the figure's own"),
    OPTION_FLAG("bits", 0, bits, "Losses in bits"),
    OPTION_FLAG("keep", 0, keep, "Leave the gnuplot script (.gp) and its data (.tsv) beside it"),
    OPTION_HEADING("What there is:"),
    OPTION_FLAG("list", 0, list, "Print every figure and what it is drawn from"),
    OPTION_FLAG("recipes", 0, recipes,
                "Print the commands that make its inputs, of each or of "
                "--figure"),
    OPTION_GROUP(cli_output_options, common),
    OPTION_END,
};

static const struct args defaults = {.size = PLOT_PAGE};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (a->list && a->recipes) return err_set(e, "give --list or --recipes, not both");
    if (a->list || a->recipes)
        return a->inputs.n ? err_set(e, "--%s takes no file", a->list ? "list" : "recipes") : 0;
    if (!a->inputs.n) return err_set(e, "no result to draw (tripod plot --list shows what can be)");
    const size_t n = a->out ? strlen(a->out) : 0;
    static const char *const ends[] = {".svg", ".png", ".pdf", "/"};
    bool image = !a->out;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        image |= n > strlen(ends[i]) && !strcmp(a->out + n - strlen(ends[i]), ends[i]);
    return image ? 0
                 : err_set(e, "--out: expected a name that ends in .svg, .png or .pdf, found '%s'",
                           a->out);
}

static int print_list(const struct args *a, struct err *e)
{
    static const struct column columns[] = {
        {.name = "figure"}, {.name = "shows"}, {.name = "from"}};
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, 3, "-", false);
    for (size_t i = 0; i < n_figures; i++) {
        const struct figure *f = &figures[i];
        table_text(t, "%s", f->name);
        table_text(t, "%s", f->text);
        const char *also = f->also == RESULT_KINDS ? NULL
                           : f->also == f->reads   ? "more of these"
                                                   : result_names[f->also];
        table_text(t, "%s%s%s%s%s", result_names[f->reads], also ? " [and " : "", also ? also : "",
                   also ? "]" : "", f->by_name ? "; with --figure" : "");
    }
    json_t *list = table_json(t, false);
    int status = cli_write(&a->common, s, list ? json_pack("{s:o}", "figures", list) : NULL, e);
    sheet_free(s);
    return status;
}

/* A recipe's lines as they are typed, so that they can be copied. */
static int print_recipes(const struct args *a, struct err *e)
{
    const struct figure *only = a->figure ? figure_find(a->figure, e) : NULL;
    if (a->figure && !only) return -1;
    struct sheet *s = sheet_open();
    json_t *object = json_object();
    for (size_t i = 0; i < n_figures; i++) {
        const struct figure *f = &figures[i];
        if (only && only != f) continue;
        sheet_remark(s, "%s: %s", f->name, f->text);
        for (const char *line = f->recipe; *line;) {
            const int n = (int)strcspn(line, "\n");
            sheet_headline(s, "%.*s", n, line);
            sheet_line(s, "%.*s", n, line);
            line += n + (line[n] == '\n');
        }
        sheet_gap(s);
        if (object) json_object_set_new(object, f->name, json_string(f->recipe));
    }
    int status = cli_write(&a->common, s, object, e);
    sheet_free(s);
    return status;
}

/* Image, script and data must not replace what is drawn. */
static int check_inputs(const struct figure_inputs *in, const char *image, struct err *e)
{
    static const char *const ends[] = {NULL, ".gp", ".tsv"};
    int status = 0;
    for (size_t k = 0; k < 3 && !status; k++) {
        char *path = ends[k] ? format_string("%.*s%s", (int)strlen(image) - 4, image, ends[k])
                             : strdup(image);
        if (!path) return err_memory(e, image);
        for (size_t i = 0; i < in->n && !status; i++)
            if (file_same(in->result[i].path, path))
                status =
                    err_set(e, "%s: would be written over: give another --out", in->result[i].path);
        free(path);
    }
    return status;
}

static int draw(const struct args *a, const struct figure_inputs *in, struct err *e)
{
    const struct figure *f = a->figure ? figure_find(a->figure, e) : figure_for(in, e);
    if (!f) return -1;
    struct plot_output o = {.size = (enum plot_size)a->size, .title = a->title, .keep = a->keep};
    char *path = a->out ? strdup(a->out) : format_string("%s.svg", f->name);
    if (!path) return err_memory(e, f->name);
    int status = check_inputs(in, path, e);
    if (!status) status = figure_draw(f, in, a->bits, path, &o, e);
    if (!status && !o.drawn)
        status = err_kind(e, ERR_MISSING,
                          "%s is not drawn: gnuplot is not installed (Debian: gnuplot-nox); its "
                          "script (.gp) and data (.tsv) are written",
                          path);
    struct sheet *s = sheet_open();
    static const struct column columns[] = {{.name = "figure"}, {.name = "file"}};
    struct table *t = sheet_table(s, columns, 2, "-", false);
    table_text(t, "%s", f->name);
    table_text(t, "%s", path);
    if (!status)
        status =
            cli_write(&a->common, s, json_pack("{s:s, s:s}", "figure", f->name, "file", path), e);
    sheet_free(s);
    free(path);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    if (a->list) return print_list(a, e);
    if (a->recipes) return print_recipes(a, e);
    struct figure_inputs in = {calloc(a->inputs.n, sizeof *in.result), 0};
    int status = in.result ? 0 : err_memory(e, NULL);
    while (!status && in.n < a->inputs.n) {
        status = result_open(&in.result[in.n], a->inputs.item[in.n], e);
        in.n++;
    }
    if (!status) status = draw(a, &in, e);
    for (size_t i = 0; i < in.n; i++) result_close(&in.result[i]);
    free(in.result);
    return status;
}

const struct command cmd_plot = {
    .name = "plot",
    .summary = "draw a result: losses, laws, isoFLOP, clusters, parity, benchmarks",
    .text = "Recognises what a file or folder is and draws the figure that belongs to it, ready "
            "for print. Several results that one figure shows may be given together; the rows "
            "behind a fit are found where it says, or given beside it.",
    .more = "Examples:\n"
            "  tripod plot points.csv -o loss.pdf\n"
            "  tripod plot fit.json --size 85 -o law.svg --keep\n"
            "  tripod plot --figure chinchilla-contours fit.json\n"
            "  tripod plot --list\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
