/* parity_plot.c - see parity_plot.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/parity_plot.h"

#include <math.h>
#include <stdlib.h>

#include "src/report/parity_exponents.h"
#include "src/report/plot.h"

enum { SUBTASKS = 12 /* drawn at most */ };

static double bits(const struct parity_found *r, size_t log, size_t task)
{
    return (double)r->log.subtask[log * r->run.shape.tasks + task] / M_LN2;
}

/* The first log at which the subtask was below LIMIT bits; log.n: never. */
static size_t first_below(const struct parity_found *r, size_t task, double limit)
{
    size_t i = 0;
    while (i < r->log.n && !(bits(r, i, task) < limit)) i++;
    return i;
}

int parity_plot(const struct parity_found *r, const char *path, bool *drawn, struct err *e)
{
    const size_t n = r->log.n ? r->log.n - 1 : 0; /* step 0 is not on a logarithmic axis */
    const size_t tasks = r->run.shape.tasks < SUBTASKS ? r->run.shape.tasks : SUBTASKS;
    struct plot_series s[SUBTASKS + 1];
    char color[SUBTASKS][8];
    if (n < 2)
        return err_set(e, "%s: expected a run with two logs or more after step 0, found %zu",
                       r->name, n);
    double *step = malloc((tasks + 2) * n * sizeof *step), *mean = step + n;
    if (!step) return err_memory(e, r->name);
    for (size_t i = 0; i < n; i++) {
        step[i] = (double)((i + 1) * r->run.log);
        mean[i] = r->log.mean[i + 1] / M_LN2;
        for (size_t k = 0; k < tasks; k++) mean[(k + 1) * n + i] = bits(r, i + 1, k);
    }
    for (size_t k = 0; k < tasks; k++) {
        plot_color(tasks > 1 ? (double)k / (double)(tasks - 1) : 0, color[k]);
        s[k] = (struct plot_series){.name = k == 0           ? "the most frequent subtask"
                                            : k == tasks - 1 ? "the least frequent one drawn"
                                                             : NULL,
                                    .x = step,
                                    .y = mean + (k + 1) * n,
                                    .n = n,
                                    .style = PLOT_LINE,
                                    .color = color[k]};
    }
    s[tasks] = (struct plot_series){.name = "mean of all subtasks, by frequency",
                                    .x = step,
                                    .y = mean,
                                    .n = n,
                                    .style = PLOT_LINE,
                                    .color = "#000000"};
    const struct plot power = {.title = "The mean loss falls as a power",
                               .xlabel = "step",
                               .ylabel = "loss, bits",
                               .xlog = true,
                               .ylog = true,
                               .key = "below",
                               .series = &s[tasks],
                               .n = 1};
    const struct plot p = {.title = "Subtasks are learned one after another",
                           .xlabel = "step",
                           .ylabel = "loss, bits",
                           .xlog = true,
                           .y_range = {0, 1.1},
                           .key = "below",
                           .series = s,
                           .n = tasks + 1,
                           .beside = &power};
    int status = plot_write(&p, path, drawn, e);
    free(step);
    return status;
}

/* The largest fall between two logs, of the mean and of any subtask. */
static void largest_drops(const struct parity_found *r, double *mean, double *subtask)
{
    *mean = *subtask = 0;
    for (size_t i = 1; i < r->log.n; i++) {
        *mean = fmax(*mean, (r->log.mean[i - 1] - r->log.mean[i]) / M_LN2);
        for (size_t k = 0; k < r->run.shape.tasks; k++)
            *subtask = fmax(*subtask, bits(r, i - 1, k) - bits(r, i, k));
    }
}

void report_parity_run(struct sheet *s, json_t **json, const struct parity_found *r)
{
    static const struct column columns[] = {
        {.name = "subtask", .unit = TABLE_EXACT},
        {.name = "frequency", .format = "%.6g"},
        {.name = "begins", .unit = TABLE_EXACT, .head = "< 0.9 bit at step"},
        {.name = "learned", .unit = TABLE_EXACT, .head = "< 0.1 bit"},
        {.name = "mean_bits", .format = "%.6f", .head = "mean then, bits"},
    };
    struct parity_task task;
    struct err e;
    double mean, subtask;
    *json = NULL;
    if (parity_task_make(&task, &r->run.shape, &e)) return;
    largest_drops(r, &mean, &subtask);
    sheet_remark(
        s,
        "%s: %zu of %zu subtasks were learned (0.1 bit); from one log to the next a subtask "
        "fell by up to %.2f bits, the mean by %.3f",
        r->name, parity_learned(r, PARITY_TENTH_BIT, true), r->run.shape.tasks, subtask, mean);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t k = 0; k < r->run.shape.tasks; k++) {
        const size_t learned = first_below(r, k, 0.1);
        if (learned == r->log.n) continue;
        table_whole(t, k + 1);
        table_real(t, task.share[k]);
        table_whole(t, first_below(r, k, 0.9) * r->run.log);
        table_whole(t, learned * r->run.log);
        table_real(t, r->log.mean[learned] / M_LN2);
    }
    parity_task_free(&task);
    *json = json_pack("{s:o, s:{s:f, s:f}}", "rows", table_json(t, false), "largest_drop", "mean",
                      mean, "subtask", subtask);
}
