/* figure_bench.c - what the machine can do and what is made of it: peaks, kernels under their roof, products,
 * and where the time goes. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/plot/figure.h"

/* Names from the top down along y, and bars to the values of KEY. */
static void put_bars(struct chart *c, json_t *list, const char *name, const char *key,
                     const char *title, struct axis x, const char *axis)
{
    const size_t n = json_array_size(list);
    json_t *o;
    size_t i;
    chart_panel(c, x, (struct axis){axis, false, AXIS_PLAIN, {0.3, (double)n + 0.7}}, "%s", title);
    chart_aspect(c, 0.06 * (double)n > 0.4 ? 0.06 * (double)n : 0.4);
    chart_series(c, PLOT_BARS, CHART_BLUE, "%s", "");
    json_array_foreach(list, i, o)
    {
        const double v = result_number(o, key);
        chart_tic(c, 'y', (double)(n - i), "%s", result_string(o, name));
        if (isfinite(v)) chart_span(c, v, (double)(n - i), 0, v);
    }
}

int figure_peak(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    static const struct {
        const char *key, *name;
    } rates[] = {{"f32_sse", "float32 SSE"},       {"f32_avx2", "float32 AVX2"},
                 {"f32_avx512", "float32 AVX512"}, {"bf16_avx512", "bf16 AVX512"},
                 {"int16_avx2", "int16 AVX2"},     {"int16_avx512", "int16 AVX512"},
                 {"int8_avx512", "int8 AVX512"}},
      streams[] = {
          {"read_bandwidth", "read"}, {"copy_bandwidth", "copy"}, {"triad_bandwidth", "triad"}};
    const struct result *r = figure_input(in, RESULT_PEAK, 0);
    json_t *list[2] = {json_array(), json_array()};
    for (size_t i = 0; i < 10; i++) {
        const char *key = i < 7 ? rates[i].key : streams[i - 7].key;
        const char *name = i < 7 ? rates[i].name : streams[i - 7].name;
        const double v = result_number(r->json, key);
        if (isfinite(v))
            json_array_append_new(list[i >= 7], json_pack("{s:s, s:f}", "name", name, "rate", v));
    }
    int status = json_array_size(list[0]) ? 0 : err_set(e, "%s: no rate in it", r->path);
    if (!status) {
        put_bars(c, list[0], "name", "rate", "Arithmetic",
                 (struct axis){"all threads (GFLOP/s or Gop/s)", false, AXIS_PLAIN, {0}},
                 "loop (by name)");
        put_bars(c, list[1], "name", "rate", "Memory",
                 (struct axis){"all threads (GB/s)", false, AXIS_PLAIN, {0}}, "stream (by name)");
    }
    json_decref(list[0]);
    json_decref(list[1]);
    return status;
}

int figure_roofline(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_KERNELS, 0);
    json_t *list = json_object_get(r->json, "kernels"), *k;
    const double peak = result_number(r->json, "peak"),
                 copy = result_number(r->json, "copy_bandwidth");
    double lo = INFINITY, hi = 0;
    size_t i;
    if (!(peak > 0 && copy > 0) || !json_array_size(list))
        return err_set(e, "%s: no peak, bandwidth or kernels in it", r->path);
    chart_panel(c, (struct axis){"intensity (FLOP per byte)", true, AXIS_PLAIN, {0}},
                (struct axis){"rate (GFLOP/s)", true, AXIS_PLAIN, {0}}, "Kernels under their roof");
    chart_note(c, "%s, %.0f threads: peak %.4g GFLOP/s, copy %.4g GB/s",
               result_string(r->json, "simd"), result_number(r->json, "threads"), peak, copy);
    json_array_foreach(list, i, k)
    {
        const double flop = result_number(k, "gflop_per_s"), bytes = result_number(k, "gb_per_s");
        if (!(flop > 0 && bytes > 0)) continue;
        lo = fmin(lo, flop / bytes);
        hi = fmax(hi, flop / bytes);
        chart_series(c, PLOT_POINTS, NULL, "%s", result_string(k, "kernel"));
        chart_at(c, flop / bytes, flop);
    }
    if (lo < hi) {
        const double ridge = peak / copy;
        lo = fmin(lo, ridge) / 1.5;
        hi = fmax(hi, ridge) * 1.5;
        chart_series(c, PLOT_LINE, CHART_BLACK, "roof");
        chart_at(c, lo, lo * copy);
        chart_at(c, ridge, peak);
        chart_at(c, hi, peak);
    }
    return 0;
}

int figure_kernels(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_KERNELS, 0);
    json_t *list = json_object_get(r->json, "kernels");
    if (!json_array_size(list)) return err_set(e, "%s: no kernels in it", r->path);
    put_bars(c, list, "kernel", "percent", "Kernels",
             (struct axis){"rate (% of the limit that binds it)", false, AXIS_PLAIN, {0}},
             "kernel (by name)");
    return 0;
}

int figure_gemm(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    static const struct {
        const char *key, *name;
    } all[] = {{"native", "tripod"},
               {"int16", "tripod int16"},
               {"onednn", "oneDNN"},
               {"openblas", "OpenBLAS"}};
    const struct result *r = figure_input(in, RESULT_GEMM, 0);
    json_t *list = json_object_get(r->json, "products"), *p;
    const size_t n = json_array_size(list);
    size_t i;
    if (!n) return err_set(e, "%s: no products in it", r->path);
    chart_panel(c, (struct axis){"rate (GFLOP/s or Gop/s)", false, AXIS_PLAIN, {0}},
                (struct axis){"product (by name)", false, AXIS_PLAIN, {0.3, (double)n + 0.7}},
                "Matrix products");
    chart_aspect(c, 0.055 * (double)n > 0.4 ? 0.055 * (double)n : 0.4);
    json_array_foreach(list, i, p) chart_tic(
        c, 'y', (double)(n - i), "%s %s", result_string(p, "model"), result_string(p, "product"));
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        chart_series(c, PLOT_POINTS, NULL, "%s", all[k].name);
        json_array_foreach(list, i, p)
        {
            const double v = result_number(p, all[k].key);
            if (isfinite(v)) chart_at(c, v, (double)(n - i));
        }
    }
    return 0;
}

/* The phases of each run one after the other, all together 100 %. */
static int put_phases(struct chart *c, const struct result *r, const char *key, const char *second,
                      struct err *e)
{
    json_t *list = json_object_get(r->json, key);
    const size_t n = json_array_size(list);
    json_t *first = json_object_get(json_array_get(list, 0), "phases");
    const char *phase;
    json_t *value, *run;
    size_t i;
    double *done = calloc(n + 1, sizeof *done);
    if (!done) return err_memory(e, r->path);
    chart_panel(c, (struct axis){"share of the time (%)", false, AXIS_PLAIN, {0, 100}},
                (struct axis){"run (model and tokens)", false, AXIS_PLAIN, {0.3, (double)n + 0.7}},
                "Where the time goes");
    chart_aspect(c, 0.12 * (double)n > 0.3 ? 0.12 * (double)n : 0.3);
    json_array_foreach(list, i, run)
    {
        json_t *what = json_object_get(run, second);
        const char *precision =
            result_string(run, "precision"); /* of scans; float32 goes without */
        const bool narrow = *precision && strcmp(precision, "f32") != 0;
        char number[32];
        chart_tic(c, 'y', (double)(n - i), "%s %s%s%s", result_string(run, "model"),
                  json_is_string(what) ? json_string_value(what)
                                       : plot_number(json_number_value(what), number),
                  narrow ? " " : "", narrow ? precision : "");
    }
    json_object_foreach(first, phase, value)
    {
        chart_series(c, PLOT_BARS, NULL, "%s", phase);
        json_array_foreach(list, i, run)
        {
            json_t *v = json_object_get(json_object_get(run, "phases"), phase);
            const double share = 100 * json_number_value(v);
            chart_span(c, done[i] + share / 2, (double)(n - i), done[i], done[i] + share);
            done[i] += share;
        }
    }
    free(done);
    return first ? 0 : err_set(e, "%s: no phases in it", r->path);
}

int figure_phases(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    return put_phases(c, figure_input(in, RESULT_SCANS, 0), "runs", "workload", e);
}

int figure_backward(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    return put_phases(c, figure_input(in, RESULT_BACKWARD, 0), "gradients", "tokens", e);
}
