/* figure_allocation.c - compute-optimal sizes and tokens: a law's answers with their bands, and the three
 * approaches side by side. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "fit/expression.h"
#include "src/plot/figure.h"
#include "src/plot/fitted.h"
#include "src/report/law_text.h"

/* --- one law --- */

static int by_budget(const void *a, const void *b)
{
    const double x = result_number(*(json_t *const *)a, "C.value"),
                 y = result_number(*(json_t *const *)b, "C.value");
    return (x > y) - (x < y);
}

static void put_answers(struct chart *c, json_t **answer, size_t n, const char *key, struct axis y,
                        const char *title, double level)
{
    chart_panel(c, AXIS_C, y, "%s", title);
    char path[32];
    double v[3];
    static const char *const ends[] = {"value", "lo", "hi"};
    const bool chosen = json_object_get(answer[0], "best_N") != NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0 && n < 3) continue; /* no band of two points: bars */
        if (pass == 0)
            chart_series(c, PLOT_BAND, CHART_BLUE, "%s", "");
        else
            chart_series(c, n < 3 ? PLOT_POINTS : PLOT_LINE_POINTS, CHART_BLUE,
                         "%s, %g %% interval", chosen ? "as asked" : "optimum", 100 * level);
        for (size_t i = 0; i < n; i++) {
            for (int k = 0; k < 3; k++) {
                snprintf(path, sizeof path, "%s.%s", key, ends[k]);
                v[k] = result_number(answer[i], path);
            }
            const double C = result_number(answer[i], "C.value");
            if (pass == 0 || n < 3)
                chart_range(c, C, v[0], v[1], v[2]);
            else
                chart_at(c, C, v[0]);
        }
    }
}

/* Where the sizes were chosen, beside the best at the same compute. */
static void put_best(struct chart *c, json_t **answer, size_t n, const char *key)
{
    char path[32];
    if (!json_object_get(answer[0], key)) return;
    snprintf(path, sizeof path, "%s.value", key);
    chart_series(c, PLOT_CROSSES, CHART_RED, "best at this compute");
    for (size_t i = 0; i < n; i++)
        chart_at(c, result_number(answer[i], "C.value"), result_number(answer[i], path));
}

int figure_allocation(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_ALLOCATION, 0);
    json_t *answers = json_object_get(r->json, "answers");
    const size_t n = json_array_size(answers);
    json_t **answer = malloc((n + 1) * sizeof *answer);
    const double level = result_number(r->json, "level");
    if (!answer) return err_memory(e, r->path);
    for (size_t i = 0; i < n; i++) answer[i] = json_array_get(answers, i);
    if (n) qsort(answer, n, sizeof *answer, by_budget);
    if (!n || !isfinite(result_number(answer[0], "C.value"))) {
        free(answer);
        return err_set(e, "%s: no answer with a budget to draw", r->path);
    }
    put_answers(c, answer, n, "N", (struct axis){"N* (parameters)", true, AXIS_PLAIN, {0}},
                "Compute-optimal size", level);
    put_best(c, answer, n, "best_N");
    struct err ignored;
    struct law *own = NULL;
    const struct law *law = expression_or_name(result_string(r->json, "law"), &own, &ignored);
    double params[LAW_PARAMS];
    char text[LAW_TEXT];
    bool known = law != NULL;
    for (int i = 0; known && i < law->n; i++) {
        json_t *p = json_object_get(json_object_get(r->json, "params"), law->param[i].name);
        params[i] = result_number(p, "value");
        known = isfinite(params[i]);
    }
    if (known) chart_note(c, "%s nats", law_text(law, params, NULL, text));
    expression_free(own);
    put_answers(c, answer, n, "D", (struct axis){"D* (training tokens)", true, AXIS_PLAIN, {0}},
                "Compute-optimal tokens", level);
    put_best(c, answer, n, "best_D");
    put_answers(c, answer, n, "D_per_N",
                (struct axis){"D* / N* (tokens per parameter)", true, AXIS_PLAIN, {0}},
                "Tokens per parameter", level);
    put_answers(c, answer, n, "loss", AXIS_L, "Loss", level);
    put_best(c, answer, n, "best_loss");
    chart_columns(c, 2);
    free(answer);
    return 0;
}

/* --- the approaches --- */

/* Both exponents of every approach, one under the other. */
static void put_exponents(struct chart *c, json_t *list)
{
    static const struct {
        const char *name, *path[3];
        double above;
    } both[] = {{"a of N* ∝ C^a", {"a.value", "a.lo", "a.hi"}, 0.15},
                {"b of D* ∝ C^b", {"b.value", "b.lo", "b.hi"}, -0.15}};
    const size_t n = json_array_size(list);
    chart_panel(c, (struct axis){"share of compute (exponent)", false, AXIS_PLAIN, {0}},
                (struct axis){"approach (by name)", false, AXIS_PLAIN, {0.4, (double)n + 0.6}},
                "Exponents and their intervals");
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){0.5, 0.4}, (double[]){0.5, (double)n + 0.6},
               "");
    for (size_t i = 0; i < n; i++)
        chart_tic(c, 'y', (double)(n - i), "%s",
                  result_string(json_array_get(list, i), "approach"));
    for (size_t k = 0; k < 2; k++) {
        chart_series(c, PLOT_POINTS, NULL, "%s", both[k].name);
        for (size_t i = 0; i < n; i++) {
            json_t *a = json_array_get(list, i);
            chart_span(c, result_number(a, both[k].path[0]), (double)(n - i) + both[k].above,
                       result_number(a, both[k].path[1]), result_number(a, both[k].path[2]));
        }
    }
}

static void put_at_budgets(struct chart *c, json_t *list, const char *key, struct axis y,
                           const char *title, bool named)
{
    char path[3][16];
    static const char *const ends[] = {"value", "lo", "hi"};
    size_t i, k;
    json_t *a, *b;
    for (int j = 0; j < 3; j++) snprintf(path[j], sizeof path[j], "%s.%s", key, ends[j]);
    chart_panel(c, AXIS_C, y, "%s", title);
    json_t *budgets = json_object_get(json_array_get(list, 0), "budgets");
    double least = INFINITY, most = 0;
    json_array_foreach(budgets, k, b)
    {
        least = fmin(least, result_number(b, "C"));
        most = fmax(most, result_number(b, "C"));
    }
    const double spread = most > least ? pow(most / least, 0.025) : 1.05;
    json_array_foreach(list, i, a)
    {
        chart_series(c, PLOT_POINTS, NULL, "%s", named ? result_string(a, "approach") : "");
        /* Side by side, so that their bars do not hide one another. */
        const double aside = pow(spread, (double)i - 0.5 * (double)(json_array_size(list) - 1));
        json_array_foreach(json_object_get(a, "budgets"), k, b)
            chart_range(c, result_number(b, "C") * aside, result_number(b, path[0]),
                        result_number(b, path[1]), result_number(b, path[2]));
    }
    chart_note(c, "set apart: the budget is in the middle");
}

int figure_approaches(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_APPROACHES, 0);
    json_t *list = json_object_get(r->json, "approaches");
    if (!json_array_size(list)) return err_set(e, "%s: no approach in it", r->path);
    put_exponents(c, list);
    chart_columns(c, 2);
    if (!json_array_size(json_object_get(json_array_get(list, 0), "budgets"))) return 0;
    put_at_budgets(c, list, "N", (struct axis){"N* (parameters)", true, AXIS_PLAIN, {0}}, "Size",
                   true);
    put_at_budgets(c, list, "D", (struct axis){"D* (training tokens)", true, AXIS_PLAIN, {0}},
                   "Tokens", false);
    return 0;
}
