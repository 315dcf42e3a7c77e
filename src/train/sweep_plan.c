/* sweep_plan.c - see sweep_plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/sweep_plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/train/train_settings.h"

enum { WIDTH_STEP = 4, MOST_WIDTH = 8192, MOST_LAYERS = 96, ASPECT = 32, LEAST_LAYERS = 2 };

double sweep_seconds(const struct sweep_cell *c, double peak)
{
    const double width = (double)c->shape.width;
    return c->C / (peak * SWEEP_SHARE * width / (width + SWEEP_HALF));
}

uint64_t sweep_n(const struct count_config *c, enum count_f rule)
{
    struct count_params p;
    count_params(c, &p);
    return count_n(&p, c,
                   rule == COUNT_F_6N_BODY    ? COUNT_N_BODY
                   : rule == COUNT_F_6N_TOTAL ? COUNT_N_TOTAL
                                              : COUNT_N_HEAD);
}

/* Heads of whole words where they can be: one of 20 costs attention what one of 32 does. */
static uint64_t heads_of(uint64_t width)
{
    for (uint64_t size = width < 512 ? 32 : 64; size >= 16; size /= 2)
        if (width % size == 0) return width / size;
    uint64_t best = width;
    const double wanted = sqrt(8 * (double)width);
    for (uint64_t size = width; size >= 4; size -= 4)
        if (width % size == 0 &&
            fabs(log((double)size / wanted)) < fabs(log((double)best / wanted)) - 1e-9)
            best = size;
    return width / best;
}

static void shape(struct count_config *c, uint64_t width, uint64_t layers, uint64_t heads,
                  size_t vocab, size_t length)
{
    *c = (struct count_config){.family = COUNT_NEOX,
                               .layers = layers,
                               .width = width,
                               .heads = heads,
                               .key = width / heads,
                               .ffn = 4 * width,
                               .vocab = vocab,
                               .sequence = length};
}

void sweep_shape_of(struct count_config *c, uint64_t width, size_t vocab, size_t length)
{
    const uint64_t layers = (width + ASPECT / 2) / ASPECT;
    shape(c, width, layers < LEAST_LAYERS ? LEAST_LAYERS : layers, heads_of(width), vocab, length);
}

void sweep_shape(struct count_config *c, double target, enum count_f rule, size_t vocab,
                 size_t length)
{
    double best = INFINITY;
    for (uint64_t width = 8; width <= MOST_WIDTH; width += width < 32 ? 4 : 16) {
        for (uint64_t layers = LEAST_LAYERS; layers <= MOST_LAYERS; layers++) {
            /* A factor of two in the aspect is worth a tenth in N. */
            struct count_config one;
            const double aspect = fabs(log((double)width / (double)(ASPECT * layers)));
            if (0.15 * aspect >= best) continue;
            shape(&one, width, layers, 1, vocab, length); /* heads: N is the same */
            const double off = fabs(log((double)sweep_n(&one, rule) / target)) + 0.15 * aspect;
            if (off < best) {
                best = off;
                *c = one;
            }
        }
    }
    shape(c, c->width, c->layers, heads_of(c->width), vocab, length);
}

/* 1e12 as "1e12", 250000 as "2.5e5": exact to four digits. */
static void short_number(double v, char *text, size_t size)
{
    char exponent[32];
    snprintf(exponent, sizeof exponent, "%.3e", v);
    char *at = strchr(exponent, 'e');
    const long power = strtol(at + 1, NULL, 10);
    while (at[-1] == '0') at--;
    if (at[-1] == '.') at--;
    snprintf(text, size, "%.*se%ld", (int)(at - exponent), exponent, power);
}

/* The cell's run of this seed, or why there is none. */
static int fill(struct sweep_cell *c, const struct sweep_request *r, double budget, size_t seed,
                struct err *e)
{
    char number[32];
    const double step = (double)r->rows * (double)r->length;
    const double cost = count_training(&c->shape, r->rule);
    if (budget / cost / step > UINT32_MAX)
        return err_set(e,
                       "budget %g: expected at most %u steps, found %.3g of a model of %" PRIu64
                       " layers, width %" PRIu64,
                       budget, UINT32_MAX, budget / cost / step, c->shape.layers, c->shape.width);
    c->budget = budget;
    c->rows = r->rows;
    c->N = sweep_n(&c->shape, r->rule);
    c->steps = (uint64_t)(budget / cost / step + 0.5);
    c->D = c->steps * r->rows * r->length;
    c->C = cost * (double)c->D;
    c->rate = train_scaled_rate(r->rate > 0 ? r->rate : TRAIN_RATE, c->shape.width);
    c->seed = r->seed + seed;
    c->epochs = r->tokens ? (double)c->D / (double)r->tokens : 0;
    c->skip = c->steps < SWEEP_STEPS  ? SWEEP_SHORT
              : c->epochs > r->epochs ? SWEEP_EPOCHS
                                      : SWEEP_RUN;
    short_number(budget, number, sizeof number);
    snprintf(c->name, sizeof c->name, "c%s-d%" PRIu64 "-l%" PRIu64 "-s%" PRIu64, number,
             c->shape.width, c->shape.layers, c->seed);
    return 0;
}

static int by_length(const void *x, const void *y)
{
    const struct sweep_cell *a = x, *b = y;
    if ((a->skip != SWEEP_RUN) != (b->skip != SWEEP_RUN)) return a->skip != SWEEP_RUN ? 1 : -1;
    const double s = sweep_seconds(a, 1), t = sweep_seconds(b, 1);
    if (s > t || s < t) return s < t ? 1 : -1;
    return compare_natural(a->name, b->name);
}

static int check(const struct sweep_request *r, struct err *e)
{
    char name[32], other[32];
    for (size_t i = 0; i < r->n_budgets; i++) {
        if (!(r->budgets[i] >= 1e6 && r->budgets[i] <= 1e30))
            return err_set(e, "budget: expected 1e6 to 1e30 FLOP, found %g", r->budgets[i]);
        short_number(r->budgets[i], name, sizeof name);
        for (size_t k = 0; k < i; k++) {
            short_number(r->budgets[k], other, sizeof other);
            if (!strcmp(name, other)) /* their runs would have the same names */
                return err_set(e, "budgets: expected each once, to four digits, found %s twice",
                               name);
        }
    }
    if (!(r->ratio[0] >= 1e-6 && r->ratio[1] <= 1e12))
        return err_set(e, "ratio: expected 1e-6 to 1e12 tokens a parameter, found %g to %g",
                       r->ratio[0], r->ratio[1]);
    for (size_t i = 0; i < r->n_widths; i++) {
        const double w = r->widths[i];
        if (!(w >= WIDTH_STEP && w <= MOST_WIDTH) || fmod(w, WIDTH_STEP) > 0)
            return err_set(e, "width: expected a multiple of %d up to %d, found %g", WIDTH_STEP,
                           MOST_WIDTH, w);
    }
    return 0;
}

/* Whether the budget's cells from FIRST on have this shape already. */
static bool known(const struct sweep_plan *p, size_t first, const struct count_config *c)
{
    for (size_t i = first; i < p->n; i++)
        if (p->cells[i].shape.width == c->width && p->cells[i].shape.layers == c->layers)
            return true;
    return false;
}

int sweep_plan_make(struct sweep_plan *p, const struct sweep_request *r, struct err *e)
{
    const size_t sizes = r->n_widths ? r->n_widths : r->sizes;
    *p = (struct sweep_plan){.n = 0};
    if (check(r, e)) return -1;
    p->cells = calloc(r->n_budgets * sizes * r->seeds + 1, sizeof *p->cells);
    if (!p->cells) return err_memory(e, "the sweep's runs");
    for (size_t b = 0; b < r->n_budgets; b++) {
        const size_t first = p->n;
        for (size_t k = 0; k < sizes; k++) {
            struct sweep_cell c = {.N = 0};
            if (r->n_widths) {
                sweep_shape_of(&c.shape, (uint64_t)r->widths[k], r->vocab, r->length);
            } else {
                const double share = sizes > 1 ? (double)k / (double)(sizes - 1) : 0.5;
                const double ratio = r->ratio[1] * pow(r->ratio[0] / r->ratio[1], share);
                sweep_shape(&c.shape, sqrt(r->budgets[b] / 6 / ratio), r->rule, r->vocab,
                            r->length);
            }
            if (known(p, first, &c.shape)) continue;
            for (size_t s = 0; s < r->seeds; s++) {
                if (fill(&c, r, r->budgets[b], s, e)) {
                    sweep_plan_free(p);
                    return -1;
                }
                p->skipped += c.skip != SWEEP_RUN;
                p->cells[p->n++] = c;
            }
        }
    }
    qsort(p->cells, p->n, sizeof *p->cells, by_length);
    return 0;
}

void sweep_plan_free(struct sweep_plan *p)
{
    free(p->cells);
    *p = (struct sweep_plan){.n = 0};
}

int sweep_plan_shard(struct sweep_plan *p, const struct sweep_plan *all, size_t shard,
                     size_t shards, struct err *e)
{
    *p = (struct sweep_plan){.cells = calloc(all->n + 1, sizeof *p->cells)};
    if (!p->cells) return err_memory(e, "the sweep's runs");
    for (size_t i = shard; i < all->n; i += shards) {
        p->skipped += all->cells[i].skip != SWEEP_RUN;
        p->cells[p->n++] = all->cells[i];
    }
    return 0;
}
