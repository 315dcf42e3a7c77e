/* trainer_memory.c - where a chunk's activations lie, and how large a chunk is; see trainer_memory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/trainer_memory.h"

#include <stdlib.h>

#include "simd/scratch.h"

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What the most demanding step needs. */
static size_t scratch_bytes(const struct neox_config *c, size_t length)
{
    const size_t back = attention_back_scratch_bytes(length, c->head_size);
    const size_t bytes = max_size(attention_scratch_bytes(length, c->head_size), back);
    return (max_size(simd_scratch_bytes(), bytes) + 63) / 64 * 64;
}

/* Tokens of a chunk: 1024, or 256 a member where what they leave is at most twice its L2 cache: a step
 * takes 7 % less at width 32, 3 to 4 at 28, 48 and 64 in two layers. */
static size_t usual_tokens(const struct neox_config *c, size_t members)
{
    const size_t kept = c->layers * (7 * c->hidden + 2 * c->ffn) * sizeof(float);
    return TRAINER_TOKENS * kept <= 2 * simd_l2_bytes() ? TRAINER_TOKENS * members : 1024;
}

/* Whole sequences and whole chains over tokens, as many as come near what was asked for; else the
 * batch. */
static size_t chunk_rows(const struct neox_config *c, const struct trainer_shape *s)
{
    const size_t wanted = s->chunk ? s->chunk : usual_tokens(c, (size_t)s->threads);
    const size_t all = s->rows * s->length;
    size_t unit = s->length;
    while (unit % TRAINER_TOKENS && unit < all) unit += s->length;
    return min_size(all, unit * max_size(1, wanted / unit));
}

/* Rows whose logits stay in half of the L2 cache, of every member. */
static size_t head_rows(const struct neox_config *c, size_t rows, size_t members)
{
    const size_t width = min_size((c->vocab + 255) / 256 * 256, TRAINER_VOCABULARY);
    const size_t fit = simd_l2_bytes() / 2 / (width * sizeof(float)) / TRAINER_TOKENS;
    const size_t most = (rows + TRAINER_TOKENS - 1) / TRAINER_TOKENS * TRAINER_TOKENS;
    return min_size(most, max_size(fit, 1) * TRAINER_TOKENS * members);
}

/* The memory's parts one after the other; with base NULL they are only counted. In the last matrix's
 * last strip, which begins at `strip`, `used` columns are somebody's. */
struct divider {
    char *base;
    size_t at;
    size_t strip, used;
};

static void *part(struct divider *d, size_t bytes)
{
    void *p = d->base ? d->base + d->at : NULL;
    d->at += (bytes + 63) / 64 * 64;
    return p;
}

/* Of the chunk's rows. Narrow ones share a strip: alone in it, its rows 1 KiB apart, one of 64
 * columns would have a quarter of the caches' sets (and four times the memory). No step writes
 * beyond the last word of its columns. */
static struct strips matrix(struct divider *d, size_t rows, size_t columns)
{
    const size_t width = (columns + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    const size_t last = (width - 1) % SIMD_STRIP + 1;
    if (d->used + width <= SIMD_STRIP) {
        const size_t at = d->strip + d->used * sizeof(float);
        d->used += width;
        return (struct strips){(float *)(void *)(d->base ? d->base + at : NULL), rows};
    }
    const struct strips x = {part(d, strips_size(rows, width) * sizeof(float)), rows};
    d->strip = d->at - strips_size(rows, 1) * sizeof(float);
    d->used = last;
    return x;
}

/* p->layers may be NULL: only the bytes are wanted then. Returns them. */
static size_t divide(struct trainer_pass *p, const struct neox_config *c,
                     const struct trainer_shape *s, char *base)
{
    const size_t rows = chunk_rows(c, s), all = s->rows * s->length, d = c->hidden;
    const size_t members = (size_t)s->threads;
    struct divider at = {.base = base, .used = SIMD_STRIP};
    p->rows = rows;
    p->head_rows = head_rows(c, rows, members);
    for (size_t i = 0; i < c->layers; i++) {
        struct trainer_kept k = {0};
        k.x = matrix(&at, rows, d);
        k.h1 = matrix(&at, rows, d);
        k.qkv = matrix(&at, rows, 3 * d);
        k.context = matrix(&at, rows, d);
        k.mid = c->parallel_residual ? k.x : matrix(&at, rows, d);
        k.h2 = matrix(&at, rows, d);
        k.inner = matrix(&at, rows, c->ffn);
        k.slope = matrix(&at, rows, c->ffn);
        k.log_sums = part(&at, c->heads * rows * sizeof(float));
        if (p->layers) p->layers[i] = k;
    }
    p->out = matrix(&at, rows, d);
    p->h = matrix(&at, rows, d);
    p->dx = matrix(&at, rows, d);
    p->dc = matrix(&at, rows, d);
    p->dqkv = matrix(&at, rows, 3 * d);
    at.used = SIMD_STRIP; /* other rows */
    p->logits = matrix(&at, p->head_rows, min_size(c->vocab, TRAINER_VOCABULARY));
    p->states = part(&at, p->head_rows * sizeof *p->states);
    p->gains = part(&at, (rows + TRAINER_ROWS - 1) / TRAINER_ROWS * 2 * d * sizeof(float));
    p->ids = part(&at, rows * sizeof *p->ids);
    p->targets = part(&at, rows * sizeof *p->targets);
    p->loss = part(&at, all * sizeof *p->loss);
    p->squares = part(&at, trainer_blocks((size_t)flat_floats_count(c)) * sizeof *p->squares);
    p->scratch_bytes = scratch_bytes(c, s->length);
    p->scratch = part(&at, members * p->scratch_bytes);
    return at.at;
}

uint64_t trainer_pass_bytes(const struct neox_config *config, const struct trainer_shape *shape)
{
    return divide(&(struct trainer_pass){0}, config, shape, NULL);
}

struct trainer_pass *trainer_pass_open(const struct neox_config *config,
                                       const struct trainer_shape *shape, struct err *e)
{
    struct trainer_pass *p = calloc(1, sizeof *p);
    if (p) {
        p->bytes = (size_t)trainer_pass_bytes(config, shape);
        p->layers = calloc(config->layers, sizeof *p->layers);
        p->memory = simd_alloc(p->bytes);
    }
    if (!p || !p->layers || !p->memory) {
        err_kind(e, ERR_MEMORY,
                 "out of memory: training on %zu sequences of %zu tokens needs %.0f MB beside the "
                 "parameters",
                 shape->rows, shape->length, (double)trainer_pass_bytes(config, shape) / 1e6);
        trainer_pass_close(p);
        return NULL;
    }
    divide(p, config, shape, p->memory);
    return p;
}

void trainer_pass_close(struct trainer_pass *p)
{
    if (!p) return;
    if (p->memory) simd_free(p->memory, p->bytes);
    free(p->layers);
    free(p);
}
