/* figure_parity.c - sparse parity: how loss falls with size, steps and data, and when each subtask is
 * learned (Michaud et al. 2023, Figures 2, 7, 8, 9, 10). SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fit/ols.h"
#include "src/plot/figure.h"
#include "src/report/parity_exponents.h"

#define LN2 0.693147180559945309417
#define LOSS                                                                                       \
    (struct axis)                                                                                  \
    {                                                                                              \
        "mean loss (nats)", true, AXIS_LOSS,                                                       \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define SAMPLES                                                                                    \
    (struct axis)                                                                                  \
    {                                                                                              \
        "D (training samples)", true, AXIS_PLAIN,                                                  \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define TASK                                                                                       \
    (struct axis)                                                                                  \
    {                                                                                              \
        "subtask (rank by frequency)", false, AXIS_PLAIN,                                          \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define SHADE "loss of the subtask (nats)"

enum { TASKS = 41 }; /* of the heat maps */

typedef const struct parity_found *found;

/* Folder of a result, which may be a run in it. */
static int read_folder(struct parity_folder *f, const struct result *r, struct err *e)
{
    const char *slash = strrchr(r->path, '/');
    char *folder = !r->json ? strdup(r->path)
                   : slash  ? strndup(r->path, (size_t)(slash - r->path))
                            : strdup(".");
    if (!folder) return err_memory(e, r->path);
    int status = parity_folder_read(f, folder, e);
    free(folder);
    return status;
}

/* The Zipf exponent of most runs, the least of equal ones. */
static double common_zipf(const struct parity_folder *f)
{
    double best = NAN;
    size_t most = 0;
    for (size_t i = 0; i < f->n; i++) {
        size_t n = 0;
        const double zipf = f->found[i].run.shape.zipf;
        for (size_t k = 0; k < f->n; k++) n += f->found[k].run.shape.zipf == zipf;
        if (n > most || (n == most && zipf < best)) {
            most = n;
            best = zipf;
        }
    }
    return best;
}

static double size_of(found r)
{
    return (double)parity_parameters(&r->run.shape, r->run.width);
}

static int by_size(const void *x, const void *y)
{
    const double a = size_of(*(found const *)x), b = size_of(*(found const *)y);
    return (a > b) - (a < b);
}

static int by_data(const void *x, const void *y)
{
    found a = *(found const *)x, b = *(found const *)y;
    return (a->run.data > b->run.data) - (a->run.data < b->run.data);
}

/* Runs of ZIPF and of the least seed, on new samples by size or on training sets by their size. */
static size_t choose(found *some, const struct parity_folder *f, double zipf, bool data)
{
    size_t n = 0;
    uint64_t seed = UINT64_MAX;
    for (size_t i = 0; i < f->n; i++)
        if (f->found[i].run.shape.zipf == zipf && f->found[i].run.shape.seed < seed)
            seed = f->found[i].run.shape.seed;
    for (size_t i = 0; i < f->n; i++) {
        found r = &f->found[i];
        if (r->run.shape.zipf == zipf && r->run.shape.seed == seed && (r->run.data != 0) == data)
            some[n++] = r;
    }
    if (n) qsort(some, n, sizeof *some, data ? by_data : by_size);
    return n;
}

/* The line of theory through the last point, as published: drawn, not fitted. */
static void put_theory(struct chart *c, double exponent, double first, double last, double at,
                       double loss)
{
    char name[48];
    snprintf(name, sizeof name, "theory: %.3g", exponent);
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){first, loss * pow(first / at, -exponent)},
               (double[]){last, loss * pow(last / at, -exponent)}, name);
}

static double best_loss(found r)
{
    return r->log.mean[parity_log_best(&r->log)];
}

/* --- Figure 2 --- */

static void put_size(struct chart *c, found *some, size_t n, double alpha)
{
    chart_panel(c, AXIS_N, LOSS, "Size");
    chart_series(c, PLOT_LINE_POINTS, CHART_BLUE, "last loss");
    for (size_t i = 0; i < n; i++)
        chart_at(c, size_of(some[i]), some[i]->log.mean[some[i]->log.n - 1]);
    put_theory(c, alpha, size_of(some[0]), size_of(some[n - 1]), size_of(some[n - 1]),
               some[n - 1]->log.mean[some[n - 1]->log.n - 1]);
}

static void put_steps(struct chart *c, found r, double alpha)
{
    const double last = (double)((r->log.n - 1) * r->run.log);
    chart_panel(c, AXIS_STEP, LOSS, "Steps");
    chart_series(c, PLOT_LINE, CHART_BLUE, "widest run");
    for (size_t i = 1; i < r->log.n; i++) chart_at(c, (double)(i * r->run.log), r->log.mean[i]);
    put_theory(c, alpha / (alpha + 1), last / 100, last, last, r->log.mean[r->log.n - 1]);
}

static void put_data(struct chart *c, found *some, size_t n, double alpha)
{
    chart_panel(c, SAMPLES, LOSS, "Data");
    chart_series(c, PLOT_LINE_POINTS, CHART_BLUE, "least loss");
    for (size_t i = 0; i < n; i++) chart_at(c, (double)some[i]->run.data, best_loss(some[i]));
    put_theory(c, alpha / (alpha + 1), (double)some[0]->run.data, (double)some[n - 1]->run.data,
               (double)some[n - 1]->run.data, best_loss(some[n - 1]));
}

/* Places of columns in a heat map whose axis is the runs' order. */
static void name_column(struct chart *c, size_t i, size_t n, double value)
{
    char text[32];
    const size_t every = n > 3 ? (n + 2) / 3 : 1;
    if (i % every == 0) chart_tic(c, 'x', (double)i, "%s", plot_number(value, text));
}

static void put_map(struct chart *c, found *some, size_t n, bool data, const char *shade)
{
    const struct axis x = {
        data ? "D (training samples)" : "N (parameters)", false, AXIS_PLAIN, {0}};
    chart_panel(c, x, TASK, "Subtasks by %s", data ? "data" : "size");
    chart_scale_of_losses(c, shade, 0, LN2);
    for (size_t i = 0; i < n; i++)
        name_column(c, i, n, data ? (double)some[i]->run.data : size_of(some[i]));
    chart_series(c, PLOT_CELLS, NULL, "%s", "");
    for (size_t i = 0; i < n; i++) {
        const size_t tasks = some[i]->run.shape.tasks;
        const size_t at = data ? parity_log_best(&some[i]->log) : some[i]->log.n - 1;
        for (size_t t = 0; t < tasks && t < TASKS; t++)
            chart_cell(c, (double)i - 0.5, (double)i + 0.5, (double)(t + 1),
                       (double)some[i]->log.subtask[at * tasks + t]);
    }
}

static void put_map_of_steps(struct chart *c, found r, const char *shade)
{
    const size_t tasks = r->run.shape.tasks;
    chart_panel(c, AXIS_STEP, TASK, "Subtasks by steps");
    chart_scale_of_losses(c, shade, 0, LN2);
    chart_series(c, PLOT_CELLS, NULL, "%s", "");
    /* Logs as far apart as 60 cells on the axis. */
    const double apart = pow((double)r->log.n, 1.0 / 60);
    double next = 1;
    for (size_t i = 1; i < r->log.n; i++) {
        if ((double)i < next) continue;
        double end = (double)i * apart;
        if (end < (double)i + 1) end = (double)i + 1;
        next = end;
        for (size_t t = 0; t < tasks && t < TASKS; t++)
            chart_cell(c, (double)i * (double)r->run.log, ceil(end) * (double)r->run.log,
                       (double)(t + 1), (double)r->log.subtask[i * tasks + t]);
    }
}

int figure_parity(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_RUNS, 0);
    struct parity_folder f;
    if (r->json) return figure_subtasks(c, in, e);
    if (read_folder(&f, r, e)) return -1;
    found *some = malloc((f.n + 1) * sizeof(*some)), *sets = malloc((f.n + 1) * sizeof(*sets));
    const double zipf = common_zipf(&f);
    int status = some && sets ? 0 : err_memory(e, r->path);
    if (!status) {
        const size_t n = choose(some, &f, zipf, false), d = choose(sets, &f, zipf, true);
        if (n > 1) put_size(c, some, n, zipf - 1);
        if (n) put_steps(c, some[n - 1], zipf - 1);
        if (n) chart_note(c, "α = %.3g: subtask k comes with k^%.3g", zipf - 1, -zipf);
        if (d > 1) put_data(c, sets, d, zipf - 1);
        /* One scale for all: beside the last. */
        if (n > 1) put_map(c, some, n, false, NULL);
        if (n) put_map_of_steps(c, some[n - 1], d > 1 ? NULL : SHADE);
        if (d > 1) put_map(c, sets, d, true, SHADE);
        chart_columns(c, (n > 1) + (n > 0) + (d > 1));
        if (!n && d < 2)
            status = err_set(e, "%s: one run on a training set: draw that run", r->path);
    }
    free(some);
    free(sets);
    parity_folder_free(&f);
    return status;
}

/* --- Figures 7 and 8: one run --- */

/* The run asked for, or the widest on new samples. */
static int read_run(struct parity_run *run, struct parity_log *log, const struct result *r,
                    struct err *e)
{
    if (r->json) return parity_run_read(run, log, r->path, e);
    struct parity_folder f;
    if (read_folder(&f, r, e)) return -1;
    size_t best = f.n;
    for (size_t i = 0; i < f.n; i++)
        if (!f.found[i].run.data && (best == f.n || f.found[i].run.width > f.found[best].run.width))
            best = i;
    if (best == f.n) {
        parity_folder_free(&f);
        return err_set(e, "%s: no run on new samples", r->path);
    }
    *run = f.found[best].run;
    *log = f.found[best].log;
    f.found[best].log = (struct parity_log){0};
    parity_folder_free(&f);
    return 0;
}

int figure_subtasks(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_RUNS, 0);
    struct parity_run run;
    struct parity_log log;
    if (read_run(&run, &log, r, e)) return -1;
    const size_t tasks = run.shape.tasks;
    chart_panel(c, AXIS_STEP, (struct axis){"loss (nats)", false, AXIS_LOSS, {0}},
                "Subtasks of a run");
    chart_note(c, "width %zu, α = %.3g%s", run.width, run.shape.zipf - 1,
               run.data ? ", on a training set" : "");
    chart_scale(c, "subtask (rank by frequency)", true, 1, (double)(tasks > 1 ? tasks : 2));
    for (size_t t = tasks < 50 ? tasks : 50; t-- > 0;) {
        chart_series(c, PLOT_LINE, NULL, "%s", "");
        for (size_t i = 1; i < log.n; i++)
            chart_z(c, (double)(i * run.log), (double)log.subtask[i * tasks + t], (double)(t + 1));
    }
    chart_series(c, PLOT_LINE, CHART_RED, "mean");
    for (size_t i = 1; i < log.n; i++) chart_at(c, (double)(i * run.log), log.mean[i]);
    if (run.data) {
        const double best = (double)(parity_log_best(&log) * run.log);
        if (best > 0)
            chart_line(c, PLOT_DASHED, CHART_BLACK, (double[]){best, 0}, (double[]){best, LN2},
                       "early stop");
    }
    parity_log_free(&log);
    return 0;
}

static void put_fit(struct chart *c, const double *u, const double *v, size_t n, const char *what)
{
    struct ols_line line;
    double lo = INFINITY, hi = -INFINITY;
    if (n < 3 || !ols_line(u, v, n, 0.95, &line)) return;
    for (size_t i = 0; i < n; i++) {
        lo = fmin(lo, u[i]);
        hi = fmax(hi, u[i]);
    }
    chart_note(c, "%s^%.3g (%.3g to %.3g)", what, line.slope, line.slope_lo, line.slope_hi);
    chart_line(c, PLOT_LINE, CHART_RED, (double[]){exp(lo), exp(line.intercept + line.slope * lo)},
               (double[]){exp(hi), exp(line.intercept + line.slope * hi)}, "least squares");
}

int figure_convergence(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_RUNS, 0);
    struct parity_run run;
    struct parity_log logs;
    if (read_run(&run, &logs, r, e)) return -1;
    const size_t tasks = run.shape.tasks, room = tasks + logs.n + 1;
    double *u = malloc(2 * room * sizeof *u), *v = u ? u + room : NULL, total = 0;
    size_t n = 0;
    if (!u) {
        parity_log_free(&logs);
        return err_memory(e, r->path);
    }
    for (size_t t = 0; t < tasks; t++)
        total += pow((double)(t + 1) + run.shape.offset, -run.shape.zipf);
    chart_panel(c,
                (struct axis){"frequency of the subtask (share of samples)", true, AXIS_PLAIN, {0}},
                (struct axis){"learned at (optimiser steps)", true, AXIS_PLAIN, {0}},
                "When subtasks are learned");
    chart_series(c, PLOT_POINTS, CHART_BLUE, "first below 0.1 bit");
    for (size_t t = 0; t < tasks; t++) {
        size_t i = 0;
        while (i < logs.n && !((double)logs.subtask[i * tasks + t] < PARITY_TENTH_BIT)) i++;
        if (i == 0 || i == logs.n) continue;
        const double p = pow((double)(t + 1) + run.shape.offset, -run.shape.zipf) / total;
        chart_at(c, p, (double)(i * run.log));
        u[n] = log(p);
        v[n++] = log((double)(i * run.log));
    }
    put_fit(c, u, v, n, "steps ∝ frequency");
    int status = n ? 0 : err_set(e, "%s: no subtask was learned", r->path);
    chart_panel(c, AXIS_STEP, LOSS, "Loss by steps");
    chart_series(c, PLOT_LINE, CHART_BLUE, "mean");
    n = 0;
    for (size_t i = 1; i < logs.n; i++) {
        chart_at(c, (double)(i * run.log), logs.mean[i]);
        if (i < 4 || i >= 90) continue; /* the published window of logs */
        u[n] = log((double)(i * run.log));
        v[n++] = log(logs.mean[i]);
    }
    put_fit(c, u, v, n, "loss ∝ steps");
    free(u);
    parity_log_free(&logs);
    return status;
}

/* --- Figures 9 and 10: several exponents --- */

/* Loss, or subtasks learned, against data, a series an exponent. */
int figure_learned(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_RUNS, 0);
    struct parity_folder f;
    if (read_folder(&f, r, e)) return -1;
    found *some = malloc((f.n + 1) * sizeof(*some));
    double *u = malloc(4 * (f.n + 1) * sizeof *u);
    int status = some && u ? 0 : err_memory(e, r->path);
    double *v = u ? u + f.n + 1 : NULL, *alpha = u ? v + f.n + 1 : NULL,
           *slope = u ? alpha + f.n + 1 : NULL;
    size_t lines = 0, drawn = 0;
    chart_panel(c, SAMPLES, (struct axis){"learned (subtasks)", true, AXIS_PLAIN, {0}},
                "Subtasks learned from data");
    for (size_t i = 0; i < f.n && !status; i++) {
        const double zipf = f.found[i].run.shape.zipf;
        bool first = true;
        for (size_t k = 0; k < i; k++) first = first && f.found[k].run.shape.zipf != zipf;
        if (!first) continue;
        const size_t n = choose(some, &f, zipf, true);
        size_t m = 0;
        if (n < 2) continue;
        chart_series(c, PLOT_LINE_POINTS, NULL, "α = %.3g", zipf - 1);
        for (size_t k = 0; k < n; k++) {
            const size_t learned = parity_learned(some[k], 0.1, true);
            if (!learned) continue;
            chart_at(c, (double)some[k]->run.data, (double)learned);
            u[m] = log((double)some[k]->run.data);
            v[m++] = log((double)learned);
        }
        drawn += m;
        struct ols_line line;
        if (m < 3 || !ols_line(u, v, m, 0.95, &line)) continue;
        alpha[lines] = zipf - 1;
        slope[lines++] = line.slope;
    }
    if (!status && !drawn)
        status = err_set(e, "%s: no two runs on training sets that learned a subtask", r->path);
    if (!status && lines > 1) {
        chart_panel(c, (struct axis){"α (exponent)", false, AXIS_PLAIN, {0}},
                    (struct axis){"n(D) (exponent)", false, AXIS_PLAIN, {0}},
                    "Exponent of n learned");
        chart_series(c, PLOT_POINTS, CHART_BLUE, "slopes");
        for (size_t i = 0; i < lines; i++) chart_at(c, alpha[i], slope[i]);
        chart_series(c, PLOT_DASHED, CHART_GREY, "theory: 1 / (1 + α)");
        for (int i = 0; i <= 40; i++) chart_at(c, 0.05 + 0.8 * i / 40, 1 / (1.05 + 0.8 * i / 40));
    }
    free(some);
    free(u);
    parity_folder_free(&f);
    return status;
}

/* The left half of Figure 10: the losses behind the exponents, a series an α. */
static int put_losses(struct chart *c, const struct result *r, struct err *e)
{
    static const char *const titles[] = {"Loss by size", "Loss by steps", "Loss by data"};
    struct parity_folder f;
    if (read_folder(&f, r, e)) return -1;
    found *some = malloc((f.n + 1) * sizeof(*some));
    for (int k = 0; some && k < 3; k++) {
        bool any = false;
        for (size_t i = 0; i < f.n; i++) {
            const double zipf = f.found[i].run.shape.zipf;
            bool first = true;
            for (size_t j = 0; j < i; j++) first = first && f.found[j].run.shape.zipf != zipf;
            const size_t n = first ? choose(some, &f, zipf, k == 2) : 0;
            if (!n) continue;
            if (!any)
                chart_panel(c,
                            k == 0   ? AXIS_N
                            : k == 1 ? AXIS_STEP
                                     : SAMPLES,
                            LOSS, "%s", titles[k]);
            any = true;
            chart_series(c, k == 1 ? PLOT_LINE : PLOT_LINE_POINTS, NULL, "α = %.3g", zipf - 1);
            const struct parity_log *widest = &some[n - 1]->log;
            for (size_t j = 1; k == 1 && j < widest->n; j++)
                chart_at(c, (double)(j * some[n - 1]->run.log), widest->mean[j]);
            for (size_t j = 0; k == 0 && j < n; j++)
                chart_at(c, size_of(some[j]), some[j]->log.mean[some[j]->log.n - 1]);
            for (size_t j = 0; k == 2 && j < n; j++)
                chart_at(c, (double)some[j]->run.data, best_loss(some[j]));
        }
    }
    const int status = some ? 0 : err_memory(e, r->path);
    free(some);
    parity_folder_free(&f);
    return status;
}

int figure_exponents(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    static const struct {
        const char *key, *title;
        bool size;
    } all[] = {{"alpha_N", "Size", true}, {"alpha_S", "Steps", false}, {"alpha_D", "Data", false}};
    const struct result *r = figure_input(in, RESULT_EXPONENTS, 0);
    const struct result *folder = figure_input(in, RESULT_RUNS, 0);
    json_t *list = json_object_get(r->json, "exponents"), *x;
    size_t i, panels = 0;
    if (folder && put_losses(c, folder, e)) return -1;
    for (size_t k = 0; k < 3; k++) {
        size_t n = 0;
        json_array_foreach(list, i, x) n += !strcmp(result_string(x, "quantity"), all[k].key);
        if (!n) continue;
        char label[64];
        snprintf(label, sizeof label, "α_%s (exponent)", all[k].key + 6);
        chart_panel(c, (struct axis){"α (exponent)", false, AXIS_PLAIN, {0, 0.85}},
                    (struct axis){label, false, AXIS_PLAIN, {0, 0.85}}, "%s", all[k].title);
        chart_aspect(c, 1);
        panels++;
        chart_series(c, PLOT_POINTS, CHART_BLUE, "measured, 95 %%");
        json_array_foreach(list, i, x)
        {
            if (strcmp(result_string(x, "quantity"), all[k].key) != 0) continue;
            chart_range(c, result_number(x, "zipf") - 1, result_number(x, "value"),
                        result_number(x, "interval.lo"), result_number(x, "interval.hi"));
        }
        chart_series(c, PLOT_HOLLOW, CHART_GREEN, "published");
        json_array_foreach(list, i, x) if (!strcmp(result_string(x, "quantity"), all[k].key))
            chart_at(c, result_number(x, "zipf") - 1, result_number(x, "published"));
        chart_series(c, PLOT_DASHED, CHART_GREY, all[k].size ? "theory: α" : "theory: α / (1 + α)");
        for (int m = 0; m <= 40; m++) {
            const double a = 0.85 * m / 40;
            chart_at(c, a, all[k].size ? a : a / (1 + a));
        }
    }
    return panels ? 0 : err_set(e, "%s: no exponent of size, steps or data in it", r->path);
}

/* The published point of the Pythia models: α of their clusters, uncertain by 0.2, beside α_N. */
int figure_summary(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_EXPONENTS, 0);
    static const char *const keys[] = {"alpha_N", "alpha_S"};
    json_t *list = json_object_get(r->json, "exponents"), *x;
    size_t i, drawn = 0;
    for (int k = 0; k < 2; k++) {
        chart_panel(
            c, (struct axis){"α (exponent)", false, AXIS_PLAIN, {0, 0.85}},
            (struct axis){k ? "α_S (exponent)" : "α_N (exponent)", false, AXIS_PLAIN, {0, 0.85}},
            k ? "Steps" : "Size");
        chart_aspect(c, 1);
        chart_series(c, PLOT_POINTS, CHART_BLUE, "sparse parity, 95 %%");
        json_array_foreach(list, i, x)
        {
            if (strcmp(result_string(x, "quantity"), keys[k]) != 0) continue;
            chart_range(c, result_number(x, "zipf") - 1, result_number(x, "value"),
                        result_number(x, "interval.lo"), result_number(x, "interval.hi"));
            drawn++;
        }
        if (!k) {
            chart_series(c, PLOT_POINTS, CHART_RED, "Pythia, published");
            chart_span(c, 0.237, 0.083, 0.037, 0.437);
        }
        chart_series(c, PLOT_DASHED, CHART_GREY, k ? "theory: α / (1 + α)" : "theory: α");
        for (int m = 0; m <= 40; m++) {
            const double a = 0.85 * m / 40;
            chart_at(c, a, k ? a / (1 + a) : a);
        }
    }
    return drawn ? 0 : err_set(e, "%s: no exponent of size or steps in it", r->path);
}
