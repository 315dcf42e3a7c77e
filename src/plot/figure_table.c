/* figure_table.c - the table of figures; see figures.h. The first of a kind of result that is not by name is
 * what `tripod plot RESULT` draws. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/figures.h"

#include <string.h>

#include "src/plot/figure.h"

#define DEMO    "make demo\n"
#define PARITY2 "tripod parity --preset figure2 --scaled -o runs\n"
#define FIT     "tripod fit chinchilla runs.csv --drop-highest 5 --json=fit.json\n"

const struct figure figures[] = {
    {"points", "loss against parameters, compute and training step", RESULT_POINTS, RESULT_KINDS,
     figure_points, DEMO "tripod plot demo-out/losses/points.csv", false},
    {"law", "a fitted law of one variable through its points, with its band", RESULT_FIT,
     RESULT_POINTS, figure_law, "tripod fit power points.csv --json=fit.json\ntripod plot fit.json",
     false},
    {"laws", "the laws of several groups, one curve each", RESULT_FITS, RESULT_POINTS, figure_laws,
     "tripod fit power points.csv --x step --by model --json=fits.json\ntripod plot fits.json",
     false},
    {"chinchilla-contours",
     "L(N, D): contours with the efficient frontier and its band, and slices at budgets",
     RESULT_FIT, RESULT_POINTS, figure_contours,
     FIT "tripod plot --figure chinchilla-contours fit.json", true},
};
const size_t n_figures = sizeof figures / sizeof *figures;

const struct figure *figure_find(const char *name, struct err *e)
{
    for (size_t i = 0; i < n_figures; i++)
        if (!strcmp(figures[i].name, name)) return &figures[i];
    err_set(e, "no figure is called '%s' (tripod plot --list shows all)", name);
    return NULL;
}

const struct result *figure_input(const struct figure_inputs *in, enum result_kind kind, size_t i)
{
    for (size_t k = 0; k < in->n; k++)
        if (in->result[k].kind == kind && !i--) return &in->result[k];
    return NULL;
}

static bool reads_all(const struct figure *f, const struct figure_inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->result[i].kind != f->reads && in->result[i].kind != f->also) return false;
    return figure_input(in, f->reads, 0) != NULL;
}

const struct figure *figure_for(const struct figure_inputs *in, struct err *e)
{
    for (size_t i = 0; i < n_figures; i++)
        if (!figures[i].by_name && reads_all(&figures[i], in)) return &figures[i];
    if (in->n == 1)
        err_set(e, "%s: %s: drawn only by name (tripod plot --list)", in->result[0].path,
                result_names[in->result[0].kind]);
    else
        err_set(e, "%s, %s%s: no figure shows these together", in->result[0].path,
                in->result[1].path, in->n > 2 ? " ..." : "");
    return NULL;
}

static int check_inputs(const struct figure *f, const struct figure_inputs *in, struct err *e)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct result *r = &in->result[i];
        if (r->kind != f->reads && r->kind != f->also)
            return err_set(e, "%s: %s, expected %s for figure %s", r->path, result_names[r->kind],
                           result_names[f->reads], f->name);
    }
    return figure_input(in, f->reads, 0)
               ? 0
               : err_set(e, "figure %s needs a %s", f->name, result_names[f->reads]);
}

int figure_draw(const struct figure *f, const struct figure_inputs *in, bool bits, const char *path,
                struct plot_output *o, struct err *e)
{
    if (check_inputs(f, in, e)) return -1;
    struct chart *c = chart_open(bits);
    int status = c ? f->build(c, in, e) : err_memory(e, path);
    if (!status) status = chart_draw(c, path, o, e);
    chart_free(c);
    return status;
}
