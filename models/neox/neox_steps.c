/* neox_steps.c - the steps of a pass; see neox_steps.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_steps.h"

#include <string.h>

static size_t length(struct neox_range a)
{
    return a.end - a.first;
}

/* The part of a range that lies in rows `at` to `at` + n, from `at`. */
static struct neox_range within(struct neox_range a, size_t at, size_t n)
{
    size_t first = a.first < at ? 0 : a.first - at, end = a.end < at ? 0 : a.end - at;
    return (struct neox_range){first < n ? first : n, end < n ? end : n};
}

static struct strips from_row(struct strips s, size_t row)
{
    return (struct strips){s.data + row * SIMD_STRIP, s.rows};
}

/* x[row + i] += the learned position first + i, for i < n. Plain additions: the same bits however
 * they are compiled. */
static void add_positions(const struct neox *m, struct strips x, size_t row, size_t first, size_t n)
{
    const size_t d = m->config.hidden;
    for (size_t i = 0; i < n; i++) {
        const float *position = m->learned + (first + i) * d;
        for (size_t c = 0; c < d; c += SIMD_STRIP) {
            float *to = strip_at(x, row + i, c);
            for (size_t j = 0; j < SIMD_STRIP && c + j < d; j++) to[j] += position[c + j];
        }
    }
}

void neox_embed_rows(const struct neox *m, struct strips x, size_t row, const uint32_t *tokens,
                     size_t first, size_t n)
{
    m->kernels->embed(x, row, tokens, n, m->embedding, m->embedding_dtype, m->config.hidden);
    if (m->learned) add_positions(m, x, row, first, n);
}

/* Positions before a piece's first row: it shares those of the pieces it begins like. */
static size_t positions_before(const struct neox_piece *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->before_n; i++) n += p->before[i].n;
    return n;
}

void neox_embed(const struct neox *m, struct neox_run *r, struct strips x)
{
    for (size_t i = 0, row = 0; i < r->count; row += r->pieces[i++].n) {
        const struct neox_piece *p = &r->pieces[i];
        struct neox_range own = within(r->own, row, p->n);
        neox_embed_rows(m, x, row + own.first, p->tokens + own.first,
                        positions_before(p) + own.first, length(own));
    }
    neox_run_lap(r, PHASE_EMBED);
}

void neox_norm(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
               const struct neox_gain *gain)
{
    m->kernels->layer_norm(from_row(out, r->own.first), from_row(in, r->own.first), length(r->own),
                           m->config.hidden, gain->weight, gain->bias,
                           (float)m->config.layer_norm_eps);
    neox_run_lap(r, PHASE_NORM);
}

void neox_product(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
                  const struct neox_linear *w, enum gemm_epilogue epilogue)
{
    if (r->watch) r->watch(r, w->weight_at, in, w->weight.k);
    if (length(r->own))
        m->products->gemm(m->kernels, from_row(out, r->own.first), from_row(in, r->own.first),
                          length(r->own), w->weight, w->bias, epilogue, r->scratch);
    neox_run_lap(r, w->phase);
}

/* A piece's rows, and the rows of those before it, whose positions it shares. */
static void attend(const struct neox *m, const struct neox_run *r, const struct neox_piece *p,
                   size_t row, struct neox_range heads, struct strips out, struct strips qkv,
                   const struct attention_shape *shape)
{
    struct row_run runs[NEOX_MOST_RUNS];
    for (size_t i = 0; i < p->before_n; i++) runs[i] = p->before[i];
    runs[p->before_n] = (struct row_run){row, p->n};
    m->kernels->attention_runs(out, qkv, runs, p->before_n + 1, heads.first, length(heads), shape,
                               r->scratch);
}

/* Rows need each other here: members meet before and after. Heads go round, so that members have
 * equal shares even where heads are few. */
void neox_attention(const struct neox *m, struct neox_run *r, struct strips out, struct strips qkv,
                    const struct attention_shape *shape)
{
    neox_run_meet(r);
    for (size_t i = 0, row = 0; i < r->count; row += r->pieces[i++].n) {
        int turn = (int)((i + (size_t)r->member) % (size_t)r->members);
        struct neox_range heads = neox_run_share(r, m->config.heads, turn);
        attend(m, r, &r->pieces[i], row, heads, out, qkv, shape);
    }
    neox_run_meet(r);
    neox_run_lap(r, PHASE_ATTENTION);
}

/* Other rows than a member's own, so they meet. */
void neox_norm_scored(const struct neox *m, struct neox_run *r, struct strips out, struct strips in,
                      const struct neox_gain *gain)
{
    neox_run_meet(r);
    for (size_t i = 0, row = 0, at = 0; i < r->count; row += r->pieces[i++].n) {
        const struct neox_piece *p = &r->pieces[i];
        struct neox_range own = within(r->scored, at, p->n - p->skip);
        m->kernels->layer_norm(
            from_row(out, at + own.first), from_row(in, row + p->skip + own.first), length(own),
            m->config.hidden, gain->weight, gain->bias, (float)m->config.layer_norm_eps);
        for (size_t j = own.first; j < own.end; j++)
            r->targets[at + j] = p->tokens[p->skip + j + 1];
        at += p->n - p->skip;
    }
    neox_run_lap(r, PHASE_NORM);
}

/* The losses of scored rows, back to back, to their pieces. */
static void deliver(const struct neox_run *r)
{
    for (size_t i = 0, at = 0; i < r->count; i++) {
        const struct neox_piece *p = &r->pieces[i];
        struct neox_range own = within(r->scored, at, p->n - p->skip);
        memcpy(p->loss + own.first, r->loss + at + own.first, length(own) * sizeof *r->loss);
        if (p->best)
            memcpy(p->best + own.first, r->best + at + own.first, length(own) * sizeof *r->best);
        at += p->n - p->skip;
    }
}

void neox_head(const struct neox *m, struct neox_run *r, struct strips h)
{
    const size_t first = r->scored.first;
    if (r->watch) r->watch(r, m->unembedding_at, h, m->config.hidden);
    if (length(r->scored) && r->pieces[0].best)
        m->kernels->head_best(r->loss + first, r->best + first, from_row(h, first),
                              length(r->scored), m->unembedding, r->targets + first, r->scratch);
    else if (length(r->scored))
        m->products->head(m->kernels, r->loss + first, from_row(h, first), length(r->scored),
                          m->unembedding, r->targets + first, r->scratch);
    deliver(r);
    neox_run_lap(r, PHASE_HEAD);
}
