/* parity_preset.c - the published grids of sparse parity, and ones that take minutes.
 *
 * Published: 500 tasks, 3 of 100 bits, batches of 20,000, a million test samples and 1,000 of each
 * subtask. Figure 2: 30 widths to 500, 30 training sets to 5e6 samples, Zipf exponent 1.4. Figure 8: the
 * widest of these. Figure 10: 20 widths to 300, three seeds, exponents 1.1 to 1.8, and 25 training sets,
 * exponents by 0.05. Training sets stop early by their test loss.
 *
 * Scaled: 300 tasks, 3 of 32 bits, batches of 5,000, 200 test samples of each subtask; the mean loss is
 * the sum of p_i L_i. This set-up was chosen among several by how its losses fall with steps, so what it
 * shows is how exponents follow the Zipf exponent, not the published numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_grid.h"

#include <math.h>

const char *const parity_preset_names[PARITY_PRESETS + 1] = {"figure2", "figure8", "figure10",
                                                             NULL};

struct parity_run parity_preset_base(bool scaled)
{
    const struct parity_run published = {.shape = {.tasks = 500, .n = 100, .k = 3, .zipf = 1.4},
                                         .width = 500,
                                         .batch = 20000,
                                         .steps = 200000,
                                         .log = 100,
                                         .test_points = 1000000,
                                         .task_points = 1000,
                                         .stop_from = 4000,
                                         .rates = PARITY_RATES};
    const struct parity_run small = {.shape = {.tasks = 300, .n = 32, .k = 3, .zipf = 1.4},
                                     .width = 500,
                                     .batch = 5000,
                                     .steps = 15000,
                                     .log = 100,
                                     .task_points = 200,
                                     .stop_from = 1000,
                                     .rates = PARITY_RATES};
    return scaled ? small : published;
}

void parity_log_spaced(double *v, size_t n, double lo, double hi)
{
    const double first = log2(lo), last = log2(hi),
                 step = n > 1 ? (last - first) / (double)(n - 1) : 0;
    for (size_t i = 0; i < n; i++)
        v[i] = floor(pow(2, i + 1 == n && n > 1 ? last : first + step * (double)i));
}

/* One part of a grid: new samples for ever, or training sets. */
struct part {
    double width_lo, width_hi, data_lo, data_hi, zipf_lo, zipf_hi;
    size_t widths, datas, zipfs, seeds, steps, log;
};
enum { PARTS = 3, MOST = 32 };
static const struct part parts[2][PARITY_PRESETS][PARTS] = {
    {{{10, 500, 0, 0, 1.4, 1.4, 30, 0, 1, 1, 200000, 100},
      {500, 500, 1e4, 5e6, 1.4, 1.4, 1, 30, 1, 1, 200000, 100}},
     {{500, 500, 0, 0, 1.4, 1.4, 1, 0, 1, 1, 200000, 100}},
     {{10, 300, 0, 0, 1.1, 1.8, 20, 0, 8, 3, 100000, 500},
      {500, 500, 1e4, 5e6, 1.1, 1.8, 1, 25, 15, 1, 100000, 500}}},
    {{{500, 500, 0, 0, 1.4, 1.4, 1, 0, 1, 1, 15000, 100},
      {10, 248, 0, 0, 1.4, 1.4, 10, 0, 1, 1, 20000, 100},
      {300, 300, 22000, 1e6, 1.4, 1.4, 1, 6, 1, 1, 10000, 100}},
     {{500, 500, 0, 0, 1.4, 1.4, 1, 0, 1, 1, 15000, 100}},
     {{500, 500, 0, 0, 1.2, 1.7, 1, 0, 3, 1, 15000, 100},
      {10, 248, 0, 0, 1.2, 1.7, 10, 0, 3, 1, 20000, 100},
      {300, 300, 22000, 1e6, 1.2, 1.7, 1, 6, 3, 1, 10000, 100}}},
};

static int add_part(struct parity_grid *g, const struct part *p, bool scaled, uint64_t seed,
                    size_t seeds, struct err *e)
{
    static const double none = 0, middle[] = {1.2, 1.4, 1.7};
    double width[MOST], data[MOST], zipf[MOST];
    parity_log_spaced(width, p->widths, p->width_lo, p->width_hi);
    parity_log_spaced(data, p->datas, p->data_lo, p->data_hi);
    const double step = p->zipfs > 1 ? (p->zipf_hi - p->zipf_lo) / (double)(p->zipfs - 1) : 0;
    for (size_t i = 0; i < p->zipfs; i++)
        zipf[i] =
            scaled && p->zipfs > 1 ? middle[i] : round(100 * (p->zipf_lo + (double)i * step)) / 100;
    if (p->widths == 1) width[0] = p->width_hi; /* the paper's one width is not cut: 500 is exact */
    struct parity_run base = parity_preset_base(scaled);
    base.shape.seed = seed;
    base.steps = p->steps;
    base.log = p->log;
    base.stop_rises = p->datas ? 10 : 0;
    const struct parity_axes a = {.width = width,
                                  .data = p->datas ? data : &none,
                                  .zipf = zipf,
                                  .widths = p->widths,
                                  .datas = p->datas ? p->datas : 1,
                                  .zipfs = p->zipfs,
                                  .seeds = seeds ? seeds : p->seeds};
    return parity_grid_add(g, &base, &a, e);
}

int parity_grid_preset(struct parity_grid *g, enum parity_preset which, bool scaled, uint64_t seed,
                       size_t seeds, struct err *e)
{
    int status = 0;
    for (size_t i = 0; i < PARTS && !status; i++) {
        const struct part *p = &parts[scaled][which][i];
        if (p->widths) status = add_part(g, p, scaled, seed, seeds, e);
    }
    return status;
}
