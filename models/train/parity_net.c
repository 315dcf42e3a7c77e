/* parity_net.c - see parity_net.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/parity_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/train/adamw.h"
#include "src/base/rng.h"

enum { TAIL = SIMD_LANES }; /* b2, filled up */

uint64_t parity_parameters(const struct parity_shape *s, size_t width)
{
    return (uint64_t)width * (s->tasks + s->n + 3) + 2;
}

/* Where everything lies in the one allocation, in floats. */
struct layout {
    size_t blocks, block, floats, room, all;
};
static struct layout lay_out(const struct parity_shape *s, size_t width, size_t room)
{
    struct layout l = {.blocks = (width + SIMD_LANES - 1) / SIMD_LANES,
                       .block = parity_block_rows((s->n + 3) / 4, s->tasks) * SIMD_LANES,
                       .room = (room + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES};
    l.floats = l.blocks * l.block + TAIL;
    l.all = 4 * l.floats + 3 * l.room + l.blocks * l.room / 2; /* positive: two bytes */
    return l;
}

uint64_t parity_net_bytes(const struct parity_shape *s, size_t width, size_t room)
{
    return lay_out(s, width, room).all * sizeof(float) + (uint64_t)room * (PARITY_GROUPS + 5);
}

size_t parity_net_at(const struct parity_net *p, const struct parity_task *t, size_t row,
                     size_t unit)
{
    const size_t tasks = t->shape.tasks, bits = 4 * ((t->shape.n + 3) / 4);
    if (row < tasks)
        row += bits;
    else if (row < tasks + t->shape.n)
        row -= tasks;
    else
        row += bits - t->shape.n;
    return unit / SIMD_LANES * p->block + row * SIMD_LANES + unit % SIMD_LANES;
}

static void draw(struct parity_net *p, const struct parity_task *t)
{
    const size_t inputs = t->shape.tasks + t->shape.n, rows = parity_net_rows(t);
    const double first = 1 / sqrt((double)inputs), second = 1 / sqrt((double)p->width);
    const uint64_t seed = t->shape.seed;
    for (size_t unit = 0; unit < p->width; unit++)
        for (size_t row = 0; row < rows; row++) {
            const double u = rng_uniform(seed, PARITY_INIT, unit * rows + row);
            p->w[parity_net_at(p, t, row, unit)] =
                (float)((2 * u - 1) * (row <= inputs ? first : second));
        }
    for (size_t i = 0; i < 2; i++)
        p->w[p->floats - TAIL + i] =
            (float)((2 * rng_uniform(seed, PARITY_INIT, p->width * rows + i) - 1) * second);
}

int parity_net_make(struct parity_net *p, const struct parity_task *t, size_t width, size_t room,
                    const struct kernels *kernels, struct err *e)
{
    const struct layout l = lay_out(&t->shape, width, room);
    *p = (struct parity_net){.width = width,
                             .blocks = l.blocks,
                             .block = l.block,
                             .floats = l.floats,
                             .rates = PARITY_RATES,
                             .kernels = kernels,
                             .room = l.room,
                             .bytes = l.all * sizeof *p->w};
    p->w = simd_alloc(p->bytes);
    if (!p->w) return err_memory(e, "a network");
    p->m = p->w + l.floats;
    p->v = p->m + l.floats;
    p->g = p->v + l.floats;
    p->z = p->g + l.floats;
    p->e = p->z + l.room;
    p->loss = p->e + l.room;
    p->positive = (uint16_t *)(p->loss + l.room);
    draw(p, t);
    return 0;
}

void parity_net_free(struct parity_net *p)
{
    if (p->w) simd_free(p->w, p->bytes);
    *p = (struct parity_net){.width = 0};
}

static double forward(struct parity_net *p, const struct parity_batch *b, bool back)
{
    const float *bias = p->w + p->blocks * p->block;
    double sum = 0;
    for (size_t i = 0; i < b->s.n; i++) p->z[i] = bias[1] - bias[0];
    for (size_t i = 0; i < p->blocks; i++)
        p->kernels->parity_forward(p->z, back ? p->positive + i * p->room : NULL, &b->s,
                                   p->w + i * p->block);
    p->kernels->parity_loss(p->loss, back ? p->e : NULL, p->z, b->labels, b->n);
    for (size_t i = 0; i < b->n; i++) sum += (double)p->loss[i];
    return sum / (double)b->n;
}

double parity_net_test(struct parity_net *p, const struct parity_batch *b)
{
    return forward(p, b, false);
}

double parity_net_gradient(struct parity_net *p, const struct parity_batch *b)
{
    const double loss = forward(p, b, true);
    const float scale = (float)(1 / (double)b->n);
    float *bias = p->g + p->blocks * p->block;
    double sum = 0;
    for (size_t i = 0; i < p->blocks; i++)
        p->kernels->parity_backward(p->g + i * p->block, &b->s, p->e, p->positive + i * p->room,
                                    p->w + i * p->block, scale);
    for (size_t i = 0; i < b->n; i++) sum += (double)p->e[i];
    bias[1] = (float)(sum / (double)b->n);
    bias[0] = -bias[1];
    return loss;
}

double parity_net_step(struct parity_net *p, const struct parity_batch *b)
{
    const double loss = parity_net_gradient(p, b);
    const struct parity_rates *r = &p->rates;
    p->steps++;
    const struct adamw a = adamw_step(r->rate, r->beta1, r->beta2, r->epsilon, r->decay, p->steps);
    p->kernels->adamw(p->w, p->m, p->v, p->g, p->floats, &a);
    return loss;
}
