/* figure_epoch.c - published exponents of parameters and of data (Michaud et al. 2023, Figure 18).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "fit/epoch.h"
#include "src/plot/figure.h"

enum { CURVE = 100 };

static void put_theory(struct chart *c)
{
    const struct axis x = {"α_N (exponent of parameters)", false, AXIS_PLAIN, {0, 1.2}};
    const struct axis y = {"α_D (exponent of data)", false, AXIS_PLAIN, {0, 1.2}};
    chart_panel(c, x, y, "Published exponents");
    chart_aspect(c, 0.8);
    chart_series(c, PLOT_LINE, CHART_BLACK, "α_D = α_N / (1 + α_N)");
    for (int i = 0; i < CURVE; i++) {
        const double a = 1.2 * i / (CURVE - 1.0);
        chart_at(c, a, a / (1 + a));
    }
    chart_line(c, PLOT_DASHED, CHART_GREY, (double[]){0, 0}, (double[]){1.2, 1.2}, "α_D = α_N");
}

/* One more point of PAPER: a series a paper, as they come together in the table. */
static void put_pair(struct chart *c, const char *paper, const char **last, double n, double d,
                     size_t *outside)
{
    if (!*last || strcmp(*last, paper) != 0)
        chart_series(c, PLOT_POINTS, NULL, "%s", epoch_authors(paper));
    *last = paper;
    if (n < 0 || n > 1.2 || d < 0 || d > 1.2) ++*outside;
    chart_at(c, n, d);
}

int figure_epoch(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_EPOCH, 0);
    const char *last = NULL;
    size_t outside = 0, i;
    put_theory(c);
    if (r->json) {
        json_t *pair;
        json_array_foreach(json_object_get(r->json, "pairs"), i, pair)
            put_pair(c, result_string(pair, "paper"), &last, result_number(pair, "alpha_N"),
                     result_number(pair, "alpha_D"), &outside);
    } else {
        struct epoch t;
        if (epoch_read(&t, r->path, e)) return -1;
        struct epoch_pair *pairs = calloc(t.n + 1, sizeof *pairs);
        const size_t n = pairs ? epoch_pairs(&t, pairs) : 0;
        for (i = 0; i < n; i++)
            put_pair(c, t.row[pairs[i].n_row].text[EPOCH_PAPER], &last, pairs[i].alpha_n,
                     pairs[i].alpha_d, &outside);
        const bool memory = !pairs;
        free(pairs);
        epoch_close(&t);
        if (memory) return err_memory(e, r->path);
    }
    if (outside) chart_note(c, "%zu outside the axes", outside);
    return 0;
}
