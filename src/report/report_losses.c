/* report_losses.c - see report_losses.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_losses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/plot.h"

void report_losses(struct sheet *s, const struct record *records, size_t count, bool speed)
{
    static const struct column columns[] = {
        {.name = "model"},
        {.name = "step", .unit = TABLE_EXACT},
        {.name = "tokens", .unit = TABLE_COUNT},
        {.name = "mean_loss", .format = "%.17g", .head = "mean loss"},
        {.name = "se", .format = "%.17g", .head = "s.e."},
        {.name = "perplexity", .format = "%.17g"},
        {.name = "bits_per_byte", .format = "%.17g", .head = "bits/byte"},
        {.name = "tokens_per_s", .format = "%.6g", .head = "tokens/s"}};
    struct table *t = sheet_table(s, columns, speed ? 8 : 7, "-", false);
    for (size_t i = 0; i < count; i++) {
        const struct record *r = &records[i];
        table_text(t, "%s", r->model);
        if (r->step >= 0)
            table_whole(t, (uint64_t)r->step);
        else
            table_none(t);
        table_whole(t, (uint64_t)r->moments.predictions);
        table_real(t, moments_mean(&r->moments));
        table_real(t, moments_error(&r->moments));
        table_real(t, record_perplexity(r));
        table_real(t, record_bits_per_byte(r));
        if (speed) table_real(t, r->tokens_per_s);
    }
}

/* The number of records from `at` on that are of the same model. */
static size_t same_model(const struct record *r, size_t count, size_t at)
{
    size_t n = 1;
    while (at + n < count && !strcmp(r[at].model, r[at + n].model)) n++;
    return n;
}

int loss_plot(const struct record *r, size_t count, const char *path, bool *drawn, struct err *e)
{
    double *memory = calloc(count * 8 + 1, sizeof *memory);
    struct plot_series *curves = calloc(count, sizeof *curves), sizes = {0};
    char(*colors)[8] = calloc(count, sizeof *colors);
    if (!memory || !curves || !colors) {
        free(memory);
        free(curves);
        free(colors);
        return err_memory(e, path);
    }
    double *n = memory, *loss = n + count, *lo = loss + count, *hi = lo + count;
    double *step = hi + count, *mean = step + count, *low = mean + count, *high = low + count;
    size_t models = 0, most_steps = 0, total = 0;
    for (size_t i = 0; i < count; i += same_model(r, count, i)) total++;
    for (size_t i = 0, k; i < count; i += k, models++) {
        k = same_model(r, count, i);
        if (k > most_steps) most_steps = k;
        for (size_t j = i; j < i + k; j++) {
            double error = moments_error(&r[j].moments);
            step[j] = (double)r[j].step;
            mean[j] = moments_mean(&r[j].moments);
            low[j] = mean[j] - 2 * (isfinite(error) ? error : 0);
            high[j] = mean[j] + 2 * (isfinite(error) ? error : 0);
        }
        n[models] = r[i].parameters;
        loss[models] = mean[i + k - 1];
        lo[models] = low[i + k - 1];
        hi[models] = high[i + k - 1];
        curves[models] = (struct plot_series){
            .name = r[i].model,
            .x = step + i,
            .y = mean + i,
            .n = k,
            .style = PLOT_LINE_POINTS,
            .color = plot_color(total > 1 ? 0.85 * (double)models / (double)(total - 1) : 0,
                                colors[models])};
    }
    sizes.x = n;
    sizes.y = loss;
    sizes.lo = lo;
    sizes.hi = hi;
    sizes.n = models;
    struct plot right = {.title = "Loss against training step",
                         .xlabel = "training step (optimiser steps)",
                         .ylabel = "mean loss (nats per token)",
                         .xlog = true,
                         .ylog = true,
                         .series = curves,
                         .n = models};
    struct plot left = {.title = "Loss against model size",
                        .xlabel = "N (parameters without embeddings)",
                        .ylabel = "mean loss (nats per token)",
                        .xlog = true,
                        .ylog = true,
                        .series = &sizes,
                        .n = 1,
                        .beside = &right};
    if (most_steps < 2) {
        left.beside = NULL;
    }
    int status = plot_write(&left, path, drawn, e);
    free(memory);
    free(curves);
    free(colors);
    return status;
}
