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
    {"isoflop", "isoFLOP parabolas with minima, rejected points, and N*, D* with the bias",
     RESULT_ISOFLOP, RESULT_POINTS, figure_isoflop,
     "tripod fit isoflop runs.csv --json=isoflop.json\ntripod plot isoflop.json", false},
    {"minchilla", "MinChilla's four: the profiles, N* and D* against C, D* against N*",
     RESULT_ISOFLOP, RESULT_POINTS, figure_minchilla,
     "tripod fit isoflop runs.csv --where 'loss<2' --reject mad --json=isoflop.json\n"
     "tripod plot --figure minchilla isoflop.json",
     true},
    {"envelope", "training curves, their lower envelope, sizes and tokens that win",
     RESULT_ENVELOPE, RESULT_POINTS, figure_envelope,
     "tripod fit envelope curves.csv --json=envelope.json\ntripod plot envelope.json", false},
    {"approaches", "Hoffmann et al.'s three approaches side by side", RESULT_APPROACHES,
     RESULT_KINDS, figure_approaches,
     "tripod fit approaches runs.csv --budget 1e20,1e22,5.76e23 --json=approaches.json\n"
     "tripod plot approaches.json",
     false},
    {"allocation", "N*, D*, D*/N* and loss against compute, with bands", RESULT_ALLOCATION,
     RESULT_KINDS, figure_allocation,
     FIT "tripod allocate fit.json --sweep 18:26:2 --json=allocation.json\n"
         "tripod plot allocation.json",
     false},
    {"epoch", "published exponents of parameters and of data beside the theory (Figure 18)",
     RESULT_EPOCH, RESULT_KINDS, figure_epoch, "tripod plot scaling-laws.csv", false},
    {"losses", "a checkpoint's losses: distribution, and what the mean is made of", RESULT_LOSSES,
     RESULT_KINDS, figure_losses, DEMO "tripod plot demo-out/losses/demo-115k-step1000.npy", false},
    {"qm3", "mean loss against size, p(L) and L p(L) of the models (Figure 3)", RESULT_MATRIX,
     RESULT_KINDS, figure_losses, DEMO "tripod plot demo-out/losses.npy", false},
    {"qm11", "the same over the training steps of the largest model (Figure 11)", RESULT_MATRIX,
     RESULT_KINDS, figure_over_steps, DEMO "tripod plot --figure qm11 demo-out/losses.npy", true},
    {"histogram", "distributions of losses as they were counted", RESULT_HISTOGRAM, RESULT_KINDS,
     figure_losses,
     DEMO "tripod tokens histogram demo-out/losses.npy --json=histogram.json\n"
          "tripod plot histogram.json",
     false},
    {"tokens-by", "mean loss by position, frequency or length", RESULT_BY, RESULT_KINDS, figure_by,
     DEMO "tripod tokens by position demo-out/losses.npy -c demo-out/licences --json=by.json\n"
          "tripod plot by.json",
     false},
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
