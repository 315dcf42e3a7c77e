/* report_histogram.c - histograms of losses as a table, JSON, files and a figure; see
 * report_tokens.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/report/plot.h"
#include "src/report/report_tokens.h"

enum { MOST_QUANTILES = 32 };

void report_histogram(struct sheet *s, const struct matrix *m, const struct histogram *h,
                      const struct histogram_request *q, bool convergence)
{
    struct column columns[16 + MOST_QUANTILES] = {REPORT_COLUMN_HEADS,
                                                  {.name = "mean", .format = "%.10g"}};
    static char names[MOST_QUANTILES][32]; /* a table does not copy its columns' names */
    size_t n = 4;
    const size_t quantiles = h->quantiles < MOST_QUANTILES ? h->quantiles : MOST_QUANTILES;
    if (h->float32_mean)
        columns[n++] =
            (struct column){.name = "float32_mean", .format = "%.9g", .head = "numpy's float32"};
    for (size_t k = 0; k < quantiles; k++) {
        snprintf(names[k], sizeof names[k], "q%g", q->quantile[k]);
        columns[n++] = (struct column){.name = names[k]};
    }
    columns[n++] = (struct column){.name = "inside", .unit = TABLE_COUNT};
    columns[n++] = (struct column){.name = "not_finite", .unit = TABLE_EXACT, .head = "not finite"};
    if (h->tail) columns[n++] = (struct column){.name = "tail_slope", .head = "tail slope"};
    sheet_remark(s, "%s: %" PRIu64 " rows, losses in %s; inside: %g to %g", m->path, h->rows,
                 q->unit == 1 ? "nats" : "bits", q->lo, q->hi);
    if (q->one_pass && quantiles)
        sheet_remark(s, "quantiles from one pass, within 0.4 %% (2^-8) of their size");
    struct table *t = sheet_table(s, columns, n, "-", false);
    for (size_t j = 0; j < h->columns; j++) {
        report_column(t, &m->column[j]);
        table_real(t, h->mean[j]);
        if (h->float32_mean) table_real(t, h->float32_mean[j]);
        for (size_t k = 0; k < quantiles; k++) table_real(t, h->quantile[j * h->quantiles + k]);
        table_whole(t, h->inside[j]);
        table_whole(t, h->not_finite[j]);
        if (h->tail) table_real(t, h->tail[j]);
    }
    if (!convergence) return;
    static const struct column heads[] = {{.name = "rows", .unit = TABLE_COUNT},
                                          REPORT_COLUMN_HEADS,
                                          {.name = "mean", .format = "%.10g"}};
    sheet_gap(s);
    t = sheet_table(s, heads, 5, "-", false);
    for (size_t p = 0; p < h->prefixes; p++) {
        for (size_t j = 0; j < h->columns; j++) {
            table_whole(t, h->prefix_rows[p]);
            report_column(t, &m->column[j]);
            table_real(t, h->prefix_mean[p * h->columns + j]);
        }
    }
}

static json_t *checkpoint_json(const struct matrix *m, const struct histogram *h,
                               const struct histogram_request *q, size_t j)
{
    json_t *o = report_column_json(&m->column[j]), *density = json_array(),
           *integrand = json_array(), *cdf = json_array(), *quantiles = json_object();
    uint64_t below = 0;
    for (size_t i = 0; i < h->bins.n; i++) {
        double p = histogram_density(h, j, i);
        below += h->count[j * h->bins.n + i];
        json_array_append_new(density, json_real(p));
        json_array_append_new(integrand, json_real(token_bins_centre(&h->bins, i) * p));
        json_array_append_new(cdf,
                              json_real(h->inside[j] ? (double)below / (double)h->inside[j] : 0));
    }
    for (size_t k = 0; k < h->quantiles; k++) {
        char name[32];
        snprintf(name, sizeof name, "%g", q->quantile[k]);
        json_object_set_new(quantiles, name, json_finite(h->quantile[j * h->quantiles + k]));
    }
    json_object_set_new(o, "mean", json_finite(h->mean[j]));
    if (h->float32_mean) json_object_set_new(o, "float32_mean", json_finite(h->float32_mean[j]));
    json_object_set_new(o, "inside", json_integer((json_int_t)h->inside[j]));
    json_object_set_new(o, "not_finite", json_integer((json_int_t)h->not_finite[j]));
    json_object_set_new(o, "quantiles", quantiles);
    if (h->tail) json_object_set_new(o, "tail_slope", json_finite(h->tail[j]));
    json_object_set_new(o, "density", density);
    json_object_set_new(o, "integrand", integrand);
    json_object_set_new(o, "cdf", cdf);
    return o;
}

json_t *report_histogram_json(const struct matrix *m, const struct histogram *h,
                              const struct histogram_request *q)
{
    json_t *list = json_array(), *prefixes = json_array();
    for (size_t j = 0; j < h->columns; j++)
        json_array_append_new(list, checkpoint_json(m, h, q, j));
    for (size_t p = 0; p < h->prefixes; p++) {
        json_t *means = json_array();
        for (size_t j = 0; j < h->columns; j++)
            json_array_append_new(means, json_finite(h->prefix_mean[p * h->columns + j]));
        json_array_append_new(prefixes, json_pack("{s:I, s:o}", "rows",
                                                  (json_int_t)h->prefix_rows[p], "means", means));
    }
    return json_pack("{s:o, s:I, s:s, s:I, s:[f, f], s:s, s:o, s:o}", "matrix", json_utf8(m->path),
                     "rows", (json_int_t)h->rows, "unit", q->unit == 1 ? "nats" : "bits", "bins",
                     (json_int_t)h->bins.n, "range", q->lo, q->hi, "quantiles_are",
                     q->one_pass ? "within 2^-8" : "exact", "checkpoints", list, "convergence",
                     prefixes);
}

/* --- files --- */

static int open_in(struct out *out, const char *directory, const char *name, struct err *e)
{
    char *path = format_string("%s/%s", directory, name);
    if (!path) return err_memory(e, directory);
    int status = out_open(out, path, e);
    free(path);
    return status;
}

static int close_out(struct out *out, int status, struct err *e)
{
    if (!status) return out_commit(out, e);
    out_abort(out);
    return status;
}

static int write_label(struct out *out, size_t j, const struct matrix_column *c, struct err *e)
{
    return out_printf(out, e, "%zu\t%s", j, c->label);
}

static int write_bins(const char *directory, const struct matrix *m, const struct histogram *h,
                      struct err *e)
{
    struct out out;
    if (open_in(&out, directory, "histogram.tsv", e)) return -1;
    int status =
        out_printf(&out, e, "column\tcheckpoint\tlo\thi\tcount\tdensity\tintegrand\tcdf\n");
    for (size_t j = 0; j < h->columns && !status; j++) {
        uint64_t below = 0;
        for (size_t i = 0; i < h->bins.n && !status; i++) {
            const uint64_t count = h->count[j * h->bins.n + i];
            const double p = histogram_density(h, j, i);
            below += count;
            status = write_label(&out, j, &m->column[j], e) ||
                     out_printf(&out, e, "\t%.9g\t%.9g\t%" PRIu64 "\t%.10g\t%.10g\t%.10g\n",
                                h->bins.edge[i], h->bins.edge[i + 1], count, p,
                                p * token_bins_centre(&h->bins, i),
                                h->inside[j] ? (double)below / (double)h->inside[j] : 0);
        }
    }
    return close_out(&out, status, e);
}

static int write_convergence(const char *directory, const struct matrix *m,
                             const struct histogram *h, struct err *e)
{
    struct out out;
    if (open_in(&out, directory, "convergence.tsv", e)) return -1;
    int status = out_printf(&out, e, "column\tcheckpoint\trows\tmean\n");
    for (size_t j = 0; j < h->columns && !status; j++) {
        for (size_t p = 0; p < h->prefixes && !status; p++)
            status = write_label(&out, j, &m->column[j], e) ||
                     out_printf(&out, e, "\t%" PRIu64 "\t%.10g\n", h->prefix_rows[p],
                                h->prefix_mean[p * h->columns + j]);
    }
    return close_out(&out, status, e);
}

static int write_changes(const char *directory, const struct matrix *m, const struct changes *c,
                         struct err *e)
{
    struct out out;
    if (open_in(&out, directory, "change.tsv", e)) return -1;
    int status = out_printf(&out, e, "column\tcheckpoint\tlo\thi\tcount\tdensity\n");
    for (size_t j = 0; j + 1 < m->columns && !status; j++) {
        for (size_t i = 0; i < c->bins.n && !status; i++) {
            const uint64_t count = c->count[j * c->bins.n + i];
            status = write_label(&out, j + 1, &m->column[j + 1], e) ||
                     out_printf(&out, e, "\t%.9g\t%.9g\t%" PRIu64 "\t%.10g\n", c->bins.edge[i],
                                c->bins.edge[i + 1], count,
                                token_bins_density(&c->bins, i, count, c->inside[j], m->wide));
        }
    }
    if (close_out(&out, status, e)) return -1;
    if (open_in(&out, directory, "start_change.tsv", e)) return -1;
    status = out_printf(&out, e, "start_lo\tstart_hi\tchange_lo\tchange_hi\tcount\n");
    for (size_t x = 0; x < c->start.n && !status; x++) {
        for (size_t y = 0; y < c->move.n && !status; y++)
            status = out_printf(&out, e, "%.9g\t%.9g\t%.9g\t%.9g\t%" PRIu64 "\n", c->start.edge[x],
                                c->start.edge[x + 1], c->move.edge[y], c->move.edge[y + 1],
                                c->grid[x * c->move.n + y]);
    }
    return close_out(&out, status, e);
}

int report_histogram_files(const char *directory, const struct matrix *m, const struct histogram *h,
                           const struct changes *c, struct err *e)
{
    return make_directories(directory, e) || write_bins(directory, m, h, e) ||
                   write_convergence(directory, m, h, e) || (c && write_changes(directory, m, c, e))
               ? -1
               : 0;
}

int report_histogram_plot(const char *path, const struct matrix *m, const struct histogram *h,
                          bool bits, bool *drawn, struct err *e)
{
    const size_t n = h->bins.n, columns = h->columns;
    double *x = malloc(n * sizeof *x), *p = malloc(columns * n * sizeof *p),
           *lp = malloc(columns * n * sizeof *lp);
    struct plot_series *density = calloc(columns, sizeof *density),
                       *integrand = calloc(columns, sizeof *integrand);
    char(*colors)[8] = calloc(columns, sizeof *colors);
    int status = x && p && lp && density && integrand && colors ? 0 : err_memory(e, path);
    for (size_t i = 0; i < n && !status; i++) x[i] = token_bins_centre(&h->bins, i);
    for (size_t j = 0; j < columns && !status; j++) {
        for (size_t i = 0; i < n; i++) {
            p[j * n + i] = histogram_density(h, j, i);
            lp[j * n + i] = x[i] * p[j * n + i];
        }
        plot_color(columns > 1 ? 0.85 * (double)j / (double)(columns - 1) : 0, colors[j]);
        density[j] = (struct plot_series){.name = columns <= 12 ? m->column[j].label : NULL,
                                          .x = x,
                                          .y = p + j * n,
                                          .n = n,
                                          .style = PLOT_LINE,
                                          .color = colors[j]};
        integrand[j] = density[j];
        integrand[j].name = NULL;
        integrand[j].y = lp + j * n;
    }
    const char *xlabel = bits ? "loss L (bits per token)" : "loss L (nats per token)";
    struct plot right = {.title = "What the mean is made of",
                         .xlabel = xlabel,
                         .ylabel = "L p(L)",
                         .series = integrand,
                         .n = columns};
    struct plot left = {.title = "Distribution of losses",
                        .xlabel = xlabel,
                        .ylabel = "density p(L) (per nat)",
                        .xlog = true,
                        .series = density,
                        .n = columns,
                        .beside = &right};
    if (!status) status = plot_write(&left, path, drawn, e);
    free(x);
    free(p);
    free(lp);
    free(density);
    free(integrand);
    free(colors);
    return status;
}
