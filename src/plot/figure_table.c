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
    {"law", "a fitted law: through its points with its band; of N and D as contours", RESULT_FIT,
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
    {"next", "the runs to train next, and what each would narrow", RESULT_DESIGN, RESULT_KINDS,
     figure_next,
     "tripod fit design runs.csv --grid 1e8:3e9:6,1e9:1e11:6 --budget 1e21 --target 7B,140B "
     "--json=design.json\n"
     "tripod plot design.json",
     false},
    {"epoch", "published exponents of parameters and of data beside the theory (Figure 18)",
     RESULT_EPOCH, RESULT_KINDS, figure_epoch, "tripod plot scaling-laws.csv", false},
    {"qm18", "as epoch", RESULT_EPOCH, RESULT_KINDS, figure_epoch,
     "tripod plot --figure qm18 scaling-laws.csv", true},
    {"losses", "a checkpoint's losses: distribution, and what the mean is made of", RESULT_LOSSES,
     RESULT_KINDS, figure_losses, DEMO "tripod plot demo-out/losses/demo-115k-step1000.npy", false},
    {"precisions", "error against speed of scans in narrower precisions", RESULT_LOSSES,
     RESULT_LOSSES, figure_precisions,
     "tripod scan m.tripod -c text -o f32\n"
     "tripod scan m.tripod -c text -o int16 --precision int16 --compare\n"
     "tripod scan m.tripod -c text -o bf16 --precision bf16 --compare\n"
     "tripod plot --figure precisions f32/*.npy int16/*.npy bf16/*.npy",
     true},
    {"qm3", "mean loss against size, p(L) and L p(L) of the models (Figure 3)", RESULT_MATRIX,
     RESULT_KINDS, figure_losses, DEMO "tripod plot demo-out/losses.npy", false},
    {"qm4", "losses of single tokens by size, of a list of rows (Figures 4 and 12)", RESULT_MATRIX,
     RESULT_ROWS, figure_curves,
     DEMO "tripod tokens find demo-out/losses.npy -o found\n"
          "tripod plot demo-out/losses.npy found/jumps.npy",
     false},
    {"qm11", "as qm3, over the training steps of the largest model (Figure 11)", RESULT_MATRIX,
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
    {"residuals", "what the law leaves, against N, D, C and steps", RESULT_FIT, RESULT_POINTS,
     figure_residuals, FIT "tripod plot --figure residuals fit.json", true},
    {"profiles", "the profile likelihood of each parameter", RESULT_FIT, RESULT_POINTS,
     figure_profiles, FIT "tripod plot --figure profiles fit.json", true},
    {"bootstrap-pairs", "resampled parameters, two by two", RESULT_FIT, RESULT_POINTS, figure_pairs,
     FIT "tripod plot --figure bootstrap-pairs fit.json", true},
    {"influence", "what each row moves: the law without it", RESULT_FIT, RESULT_POINTS,
     figure_influence, FIT "tripod plot --figure influence fit.json", true},
    {"similarity", "similarities of gradients, sample by sample", RESULT_SIMILARITY, RESULT_KINDS,
     figure_similarity, DEMO "tripod plot demo-out/C.npy", false},
    {"qm5", "sizes of clusters by rank with the envelope; with C.npy its window (Figures 5 and 15)",
     RESULT_CLUSTERS, RESULT_SIMILARITY, figure_clusters,
     DEMO "tripod plot demo-out/labels.npy demo-out/C.npy", false},
    {"qm16", "as qm5, of sparse parity's gradients (Figure 16)", RESULT_CLUSTERS, RESULT_SIMILARITY,
     figure_clusters,
     "tripod parity --scaled -o runs\n"
     "tripod parity runs/w500-z1.4-s0.json --similarity C.npy\n"
     "tripod quanta cluster C.npy --clusters 10,20,50,100,200 -o labels.npy\n"
     "tripod plot --figure qm16 labels.npy C.npy",
     true},
    {"ranks", "the envelope of clusters' sizes and its line", RESULT_RANKS, RESULT_KINDS,
     figure_ranks,
     DEMO "tripod quanta envelope demo-out/labels.npy --json=envelope.json\n"
          "tripod plot envelope.json",
     false},
    {"gradients", "lengths of single tokens' gradients against their losses", RESULT_GRADIENTS,
     RESULT_KINDS, figure_gradients, DEMO "tripod plot demo-out/gradients", false},
    {"qm2", "sparse parity: loss by size, steps, data, and its subtasks (Figure 2)", RESULT_RUNS,
     RESULT_KINDS, figure_parity, PARITY2 "tripod plot runs", false},
    {"qm7", "the subtasks of one run by steps (Figure 7)", RESULT_RUNS, RESULT_KINDS,
     figure_subtasks, PARITY2 "tripod plot --figure qm7 runs", true},
    {"qm8", "when subtasks are learned by frequency, loss by steps (Figure 8)", RESULT_RUNS,
     RESULT_KINDS, figure_convergence,
     "tripod parity --preset figure8 --scaled -o runs\ntripod plot --figure qm8 runs", true},
    {"qm9", "subtasks learned from data, by exponent of frequencies (Figure 9)", RESULT_RUNS,
     RESULT_KINDS, figure_learned,
     "tripod parity --preset figure10 --scaled -o runs\ntripod plot --figure qm9 runs", true},
    {"qm10",
     "measured exponents beside theory and published ones; with the runs their losses "
     "(Figure 10)",
     RESULT_EXPONENTS, RESULT_RUNS, figure_exponents,
     "tripod parity --preset figure10 --scaled -o runs --json=exponents.json\n"
     "tripod plot exponents.json runs",
     false},
    {"qm-summary", "exponents of sparse parity with the published point of Pythia's clusters",
     RESULT_EXPONENTS, RESULT_KINDS, figure_summary,
     "tripod parity --preset figure10 --scaled -o runs --json=exponents.json\n"
     "tripod plot --figure qm-summary exponents.json",
     true},
    {"qm6", "the model's exact losses beside their closed forms (Figure 6)", RESULT_THEORY,
     RESULT_KINDS, figure_theory,
     "tripod quanta theory --json=theory.json\ntripod plot theory.json", false},
    {"qm17", "the toy model of clustering: slopes found and drawn (Figure 17)", RESULT_TOY,
     RESULT_KINDS, figure_toy,
     "tripod quanta toy --alpha 0.8,0.9,1,1.1,1.2,1.3,1.4,1.5 --json=toy.json\n"
     "tripod plot toy.json",
     false},
    {"peak", "what the machine can do", RESULT_PEAK, RESULT_KINDS, figure_peak,
     "tripod bench peak --json=peak.json\ntripod plot peak.json", false},
    {"roofline", "kernels under the machine's roof", RESULT_KERNELS, RESULT_KINDS, figure_roofline,
     "tripod bench kernels --json=kernels.json\ntripod plot kernels.json", false},
    {"kernels", "kernels as a share of the limit that binds them", RESULT_KERNELS, RESULT_KINDS,
     figure_kernels,
     "tripod bench kernels --json=kernels.json\ntripod plot --figure kernels kernels.json", true},
    {"gemm", "matrix products beside other libraries", RESULT_GEMM, RESULT_KINDS, figure_gemm,
     "tripod bench gemm --json=gemm.json\ntripod plot gemm.json", false},
    {"phases", "where the time of a scan goes", RESULT_SCANS, RESULT_KINDS, figure_phases,
     "tripod bench scan --json=scan.json\ntripod plot scan.json", false},
    {"phases-backward", "where the time of gradients goes", RESULT_BACKWARD, RESULT_KINDS,
     figure_backward, "tripod bench gradients --json=gradients.json\ntripod plot gradients.json",
     false},
    {"programs", "error against speed of tripod's precisions and of other programs",
     RESULT_PROGRAMS, RESULT_KINDS, figure_programs,
     "bench/peers/run\ntripod plot build/peers/precisions.json", false},
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
        if (f->also != f->reads && figure_input(in, r->kind, 0) != r)
            return err_set(e, "%s: %s: figure %s draws one of these", r->path,
                           result_names[r->kind], f->name);
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
