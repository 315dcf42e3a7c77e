/* report_approaches.c - see report_approaches.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_approaches.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/json.h"
#include "src/report/plot.h"

/* --- isoflop --- */

static const char *const statuses[] = {"ok", "outside", "weak", "refused"};

static void cells(FILE *out, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, isnan(v[i]) ? "\t-" : "\t%.6g", v[i]);
}

static void print_line(FILE *out, const char *name, const struct ols_line *l)
{
    const double v[] = {l->slope,     l->slope_se,     l->slope_lo,    l->slope_hi,
                        l->intercept, l->intercept_lo, l->intercept_hi};
    fputs(name, out);
    cells(out, v, 7);
    fprintf(out, "\t%zu\t%s\n", l->n, ols_verdict(l));
}

void isoflop_print(const struct isoflop *f, const struct isoflop_corrected *corrected, FILE *out)
{
    fprintf(out,
            "C\truns\tinliers\tcurvature\tcurvature_lo\tcurvature_hi\tN\tN_lo\tN_hi\tD\tD_lo\tD_hi"
            "\tloss\tloss_lo\tloss_hi\tstatus\tused%s\treason\n",
            corrected ? "\tN_corrected\tbias_percent" : "");
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        const double v[] = {
            b->curvature, b->curvature_lo, b->curvature_hi, b->N,    b->N_lo,    b->N_hi,
            b->D,         b->D_lo,         b->D_hi,         b->loss, b->loss_lo, b->loss_hi};
        fprintf(out, "%.6g\t%zu\t%zu", b->C, b->n, b->inliers);
        cells(out, v, 12);
        fprintf(out, "\t%s\t%s", statuses[b->status], b->used ? "yes" : "no");
        if (corrected) {
            const double c[] = {b->N * exp(-corrected->shift[i]), 100 * expm1(corrected->shift[i])};
            cells(out, c, 2);
        }
        fprintf(out, "\t%s\n", b->reason);
    }
    fprintf(out, "\nlaw\texponent\tse\tlo\thi\tlog10_coefficient\tlo\thi\tbudgets\tverdict\n");
    print_line(out, "N*(C)", &f->N_of_C);
    print_line(out, "D*(C)", &f->D_of_C);
    print_line(out, "D*(N*)", &f->D_of_N);
    if (corrected) {
        print_line(out, "N*(C) corrected", &corrected->N_of_C);
        print_line(out, "D*(C) corrected", &corrected->D_of_C);
    }
}

static json_t *interval(double v, double lo, double hi)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_finite(v), "lo", json_finite(lo), "hi",
                     json_finite(hi));
}

static json_t *line_json(const struct ols_line *l)
{
    json_t *o = interval(l->slope, l->slope_lo, l->slope_hi);
    json_object_set_new(o, "se", json_finite(l->slope_se));
    json_object_set_new(o, "log10_coefficient",
                        interval(l->intercept, l->intercept_lo, l->intercept_hi));
    json_object_set_new(o, "r2", json_finite(l->r2));
    json_object_set_new(o, "budgets", json_integer((json_int_t)l->n));
    json_object_set_new(o, "verdict", json_string(ols_verdict(l)));
    return o;
}

json_t *isoflop_json(const struct isoflop *f, const struct isoflop_corrected *corrected)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        json_t *o =
            json_pack("{s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:b, s:s}", "C", b->C, "runs",
                      (json_int_t)b->n, "inliers", (json_int_t)b->inliers, "curvature",
                      interval(b->curvature, b->curvature_lo, b->curvature_hi), "N",
                      interval(b->N, b->N_lo, b->N_hi), "D", interval(b->D, b->D_lo, b->D_hi),
                      "loss", interval(b->loss, b->loss_lo, b->loss_hi), "status",
                      statuses[b->status], "used", b->used, "reason", b->reason);
        if (corrected) {
            json_object_set_new(o, "N_corrected", json_finite(b->N * exp(-corrected->shift[i])));
            json_object_set_new(o, "bias", json_finite(expm1(corrected->shift[i])));
        }
        json_array_append_new(list, o);
    }
    json_t *exponents = json_pack("{s:o, s:o, s:o}", "N_of_C", line_json(&f->N_of_C), "D_of_C",
                                  line_json(&f->D_of_C), "D_of_N", line_json(&f->D_of_N));
    if (corrected) {
        json_object_set_new(exponents, "N_of_C_corrected", line_json(&corrected->N_of_C));
        json_object_set_new(exponents, "D_of_C_corrected", line_json(&corrected->D_of_C));
    }
    return json_pack("{s:s, s:f, s:o, s:o}", "law", "isoflop", "level", f->level, "budgets", list,
                     "exponents", exponents);
}

/* Points, parabola and minimum of each budget. */
#define CURVE 60

int isoflop_plot(const struct isoflop *f, const double *N, const double *loss, const char *path,
                 bool *drawn, struct err *e)
{
    struct curve {
        double cx[CURVE], cy[CURVE];
        char color[8], name[48];
    } *curves = calloc(f->n, sizeof *curves);
    struct plot_series *s = calloc(3 * f->n, sizeof *s);
    size_t rows = 0, at = 0, n = 0;
    for (size_t i = 0; i < f->n; i++) rows += f->budget[i].n;
    double *x = malloc(2 * (rows + 1) * sizeof *x), *y = x + rows;
    int status = curves && s && x ? 0 : err_memory(e, path);
    double lo = log(f->budget[0].C), hi = log(f->budget[f->n - 1].C);
    for (size_t i = 0; i < f->n && !status; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        struct curve *c = &curves[i];
        plot_color(hi > lo ? (log(b->C) - lo) / (hi - lo) : 0.5, c->color);
        snprintf(c->name, sizeof c->name, "%.2g FLOP", b->C);
        s[n++] = (struct plot_series){.name = c->name,
                                      .x = x + at,
                                      .y = y + at,
                                      .n = b->n,
                                      .style = PLOT_POINTS,
                                      .color = c->color};
        for (size_t j = 0; j < b->n; j++, at++) {
            x[at] = N[b->row[j]];
            y[at] = loss[b->row[j]];
        }
        if (b->status == ISOFLOP_REFUSED) continue;
        double first = log(x[at - b->n]), last = log(x[at - 1]);
        for (size_t k = 0; k < CURVE; k++) {
            double u = first + (last - first) * (double)k / (CURVE - 1);
            c->cx[k] = exp(u);
            c->cy[k] = ols_parabola_at(&b->fit, u);
        }
        s[n++] = (struct plot_series){
            .x = c->cx, .y = c->cy, .n = CURVE, .style = PLOT_LINE, .color = c->color};
        s[n++] = (struct plot_series){
            .x = &b->N, .y = &b->loss, .n = b->used, .style = PLOT_CROSSES, .color = "#000000"};
    }
    struct plot p = {.title = "isoFLOP profiles",
                     .xlabel = "N, parameters",
                     .ylabel = "loss, nats",
                     .xlog = true,
                     .key = "outside right top",
                     .series = s,
                     .n = n};
    if (!status) status = plot_write(&p, path, drawn, e);
    free(curves);
    free(s);
    free(x);
    return status;
}

/* --- envelope --- */

static void print_envelope_line(FILE *out, const char *name, const struct ols_line *l,
                                const char *how)
{
    const double v[] = {l->slope, l->slope_se, l->slope_lo, l->slope_hi, l->intercept};
    if (!l->n) return;
    fputs(name, out);
    for (size_t i = 0; i < 5; i++) fprintf(out, isnan(v[i]) ? "\t-" : "\t%.6g", v[i]);
    fprintf(out, "\t%zu\t%s\t%s\n", l->n, how, ols_verdict(l));
}

void envelope_print(const struct envelope *f, FILE *out)
{
    fprintf(out, "N\tC\tC_lo\tC_hi\tD\tloss\tbudgets\tedge\n");
    for (size_t i = 0; i < f->n; i++) {
        const struct envelope_winner *w = &f->winner[i];
        fprintf(out, "%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%zu\t%s\n", w->N, w->C, w->C_lo, w->C_hi,
                w->D, w->loss, w->budgets, w->edge ? "yes" : "no");
    }
    fprintf(out, "\nlaw\texponent\tse\tlo\thi\tlog10_coefficient\tpoints\tinterval\tverdict\n");
    print_envelope_line(out, "N*(C)", &f->N_of_C, "jackknife over runs");
    print_envelope_line(out, "D*(C)", &f->D_of_C, "jackknife over runs");
    print_envelope_line(out, "N*(C) by size", &f->N_by_size, "t");
    print_envelope_line(out, "D*(C) by size", &f->D_by_size, "t");
}

static json_t *envelope_line_json(const struct ols_line *l, const char *how)
{
    if (!l->n) return json_null();
    return json_pack("{s:f, s:o, s:o, s:o, s:f, s:I, s:s, s:s}", "value", l->slope, "se",
                     json_finite(l->slope_se), "lo", json_finite(l->slope_lo), "hi",
                     json_finite(l->slope_hi), "log10_coefficient", l->intercept, "points",
                     (json_int_t)l->n, "interval", how, "verdict", ols_verdict(l));
}

json_t *envelope_json(const struct envelope *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) {
        const struct envelope_winner *w = &f->winner[i];
        json_array_append_new(list, json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:b}", "N", w->N, "C",
                                              w->C, "C_lo", w->C_lo, "C_hi", w->C_hi, "D", w->D,
                                              "loss", w->loss, "budgets", (json_int_t)w->budgets,
                                              "edge", w->edge));
    }
    return json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:o, s:o, s:o, s:o}}", "law",
                     "envelope", "level", f->level, "runs", (json_int_t)f->runs, "single",
                     (json_int_t)f->single, "budgets", (json_int_t)f->budgets, "compared",
                     (json_int_t)f->compared, "used", (json_int_t)f->used, "winners", list,
                     "exponents", "N_of_C", envelope_line_json(&f->N_of_C, "jackknife over runs"),
                     "D_of_C", envelope_line_json(&f->D_of_C, "jackknife over runs"),
                     "N_of_C_by_size", envelope_line_json(&f->N_by_size, "t"), "D_of_C_by_size",
                     envelope_line_json(&f->D_by_size, "t"));
}
