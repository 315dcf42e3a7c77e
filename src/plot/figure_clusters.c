/* figure_clusters.c - quanta from gradients: similarities in the order of clusters, sizes by rank, lengths of
 * gradients (Michaud et al. 2023, Figure 5). SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/npy.h"
#include "src/plot/draw.h"
#include "src/plot/figure.h"

enum { CELLS = 256 };
#define PYTHIA_ALPHA                                                                               \
    0.083 /* of the published models' loss by size: what the slope is compared with */

/* --- similarities --- */

/* Samples by rank of their cluster in the last clustering, in which they stand as they were. NULL: out of
 * memory. */
static size_t *cluster_order(const struct clustering *r, struct err *e)
{
    const size_t kind = r->kinds - 1, clusters = r->kind[kind].clusters;
    size_t *size = malloc(2 * (clusters + 1) * sizeof *size), *rank = size ? size + clusters : NULL;
    size_t *order = malloc(r->n * sizeof *order), at = 0;
    if (!size || !order || clustering_ranks(r, kind, size, rank, e)) {
        if (!size || !order) err_memory(e, NULL);
        free(size);
        free(order);
        return NULL;
    }
    for (size_t k = 0; k < clusters; k++)
        for (size_t i = 0; i < r->n; i++)
            if ((size_t)r->labels[kind * r->n + i] == rank[k]) order[at++] = i;
    free(size);
    return order;
}

/* Means of blocks, so that any number of samples is at most CELLS wide. */
static void put_similarity(struct chart *c, const struct affinity *a, const size_t *order,
                           const char *title)
{
    const size_t step = (a->n + CELLS - 1) / CELLS;
    const struct axis x = {
        order ? "sample (by rank of its cluster)" : "sample (number)", false, AXIS_PLAIN, {0}};
    struct axis y = x;
    chart_panel(c, x, y, "%s", title);
    chart_aspect(c, 1);
    chart_scale(c, "similarity (1 - angle / π)", false, 0, 0);
    if (step > 1) chart_note(c, "a cell is the mean of %zu x %zu", step, step);
    chart_series(c, PLOT_IMAGE, NULL, "%s", "");
    for (size_t i = 0; i < a->n; i += step) {
        for (size_t j = 0; j < a->n; j += step) {
            double sum = 0;
            size_t n = 0;
            for (size_t u = i; u < i + step && u < a->n; u++)
                for (size_t v = j; v < j + step && v < a->n; v++, n++)
                    sum += affinity_at(a, order ? order[u] : u, order ? order[v] : v);
            chart_z(c, (double)i + 0.5 * (double)(step - 1), (double)j + 0.5 * (double)(step - 1),
                    sum / (double)n);
        }
    }
}

/* --- ranks --- */

static void put_line(struct chart *c, double slope, double level, double first, double last,
                     double lo, double hi, double theory)
{
    const double middle = sqrt(first * last), there = exp(level + slope * log(middle));
    const double start = first / 10 < 1 ? 1 : first / 10;
    char name[64];
    chart_note(c, "slope %.3f (%.3f to %.3f) over ranks %.0f to %.0f", slope, lo, hi, first, last);
    snprintf(name, sizeof name, "rank^%.2f", slope);
    chart_line(c, PLOT_LINE, CHART_RED, (double[]){first, exp(level + slope * log(first))},
               (double[]){last, exp(level + slope * log(last))}, name);
    snprintf(name, sizeof name, "theory: rank^%.3f", theory);
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){start, there * pow(start / middle, theory)},
               (double[]){last, there * pow(last / middle, theory)}, name);
}

static void panel_of_ranks(struct chart *c)
{
    chart_panel(c, (struct axis){"rank (of clusters by size)", true, AXIS_PLAIN, {0}},
                (struct axis){"size (samples)", true, AXIS_PLAIN, {0}}, "Sizes of clusters");
}

static int put_ranks(struct chart *c, const struct clustering *r, const struct rank_envelope *v,
                     double alpha, struct err *e)
{
    panel_of_ranks(c);
    chart_scale(c, "clusters asked for (number)", true, 0, 0);
    for (size_t k = 0; k < r->kinds; k++) {
        size_t *size = clustering_sizes(r, k, e);
        if (!size) return -1;
        chart_series(c, PLOT_LINE, NULL, "%s", "");
        for (size_t i = 0; i < r->kind[k].clusters; i++)
            if (size[i]) chart_z(c, (double)(i + 1), (double)size[i], (double)r->kind[k].clusters);
        free(size);
    }
    chart_series(c, PLOT_LINE, CHART_BLACK, "envelope");
    for (size_t i = 0; i < v->ranks; i++) chart_at(c, (double)(i + 1), v->size[i]);
    put_line(c, v->slope, v->level, (double)v->first, (double)v->last, v->lo, v->hi, -(alpha + 1));
    return 0;
}

int draw_ranks(const char *path, const struct clustering *r, const struct rank_envelope *v,
               double alpha, bool *drawn, struct err *e)
{
    struct plot_output o = {.keep = true};
    struct chart *c = chart_open(false);
    int status = put_ranks(c, r, v, alpha, e);
    if (!status) status = chart_draw(c, path, &o, e);
    *drawn = o.drawn;
    chart_free(c);
    return status;
}

int figure_clusters(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_CLUSTERS, 0);
    const struct result *cosines = figure_input(in, RESULT_SIMILARITY, 0);
    struct clustering k;
    if (clustering_read(&k, r->path, e)) return -1;
    int status = 0;
    if (cosines) {
        struct affinity a;
        size_t *order = NULL;
        status = affinity_open(&a, cosines->path, AFFINITY_ANGULAR, e);
        if (!status && a.n != k.n)
            status = err_set(e, "%s: of %zu samples, where %s is of %zu", cosines->path, a.n,
                             r->path, k.n);
        if (!status && !(order = cluster_order(&k, e))) status = -1;
        if (!status) put_similarity(c, &a, order, "Similarity of gradients");
        free(order);
        if (a.values) affinity_close(&a);
    }
    if (!status) {
        struct rank_envelope v;
        const struct rank_envelope_request q = {.resamples = 1000};
        status = rank_envelope_make(&v, &k, &q, e);
        if (status) err_prefix(e, "%s", r->path);
        if (!status) {
            status = put_ranks(c, &k, &v, PYTHIA_ALPHA, e);
            rank_envelope_free(&v);
        }
    }
    clustering_free(&k);
    return status;
}

int figure_similarity(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_SIMILARITY, 0);
    struct affinity a;
    if (affinity_open(&a, r->path, AFFINITY_ANGULAR, e)) return -1;
    put_similarity(c, &a, NULL, "Similarity of gradients");
    affinity_close(&a);
    return 0;
}

int figure_ranks(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_RANKS, 0);
    size_t n, ends;
    double *size = result_numbers(r->json, "envelope.size", &n);
    double *range = result_numbers(r->json, "line.ranks", &ends);
    int status = 0;
    if (n < 2 || ends != 2) {
        status = err_set(e, "%s: expected an envelope and a line's ranks", r->path);
    } else {
        panel_of_ranks(c);
        chart_series(c, PLOT_LINE_POINTS, CHART_BLACK, "envelope");
        for (size_t i = 0; i < n; i++) chart_at(c, (double)(i + 1), size[i]);
        put_line(c, result_number(r->json, "line.slope"), result_number(r->json, "line.level"),
                 range[0], range[1], result_number(r->json, "line.interval.lo"),
                 result_number(r->json, "line.interval.hi"),
                 result_number(r->json, "theory.slope"));
    }
    free(size);
    free(range);
    return status;
}

/* --- lengths of gradients --- */

static double element(const struct npy *a, size_t i)
{
    return a->width == 8 ? ((const double *)a->data)[i] : (double)((const float *)a->data)[i];
}

int figure_gradients(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_GRADIENTS, 0);
    char *names[2] = {format_string("%s/losses.npy", r->path),
                      format_string("%s/norms.npy", r->path)};
    struct npy a[2] = {0};
    int status = names[0] && names[1] ? 0 : err_memory(e, r->path);
    for (int i = 0; i < 2 && !status; i++) {
        status = npy_open(&a[i], names[i], e);
        if (!status && (a[i].descr[1] != 'f' || a[i].columns || a[i].rows != a[0].rows))
            status = err_set(e, "%s: expected one real number a sample", names[i]);
    }
    if (!status) {
        chart_panel(
            c, (struct axis){"loss of the token (nats)", true, AXIS_LOSS, {0}},
            (struct axis){"length of the gradient (nats per unit of weight)", true, AXIS_LOSS, {0}},
            "Gradients of single tokens");
        chart_series(c, PLOT_POINTS, CHART_BLUE, "%zu samples", (size_t)a[0].rows);
        for (size_t i = 0; i < a[0].rows; i++) chart_at(c, element(&a[0], i), element(&a[1], i));
    }
    for (int i = 0; i < 2; i++) {
        if (a[i].data) npy_close(&a[i]);
        free(names[i]);
    }
    return status;
}
