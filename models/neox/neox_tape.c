/* neox_tape.c - see neox_tape.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_tape.h"

#include <omp.h>
#include <stdlib.h>

const char *const tape_phase_names[TAPE_PHASES] = {
    "forward", "input gradients", "weight gradients", "attention", "norms and GELU", "head",
};

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What the most demanding step needs. */
static size_t scratch_bytes(const struct neox *m, size_t rows)
{
    const size_t size = m->config.head_size, back = attention_back_scratch_bytes(rows, size);
    return max_size(simd_scratch_bytes(), max_size(attention_scratch_bytes(rows, size), back));
}

/* The memory's parts one after the other; with base NULL they are only counted. */
struct divider {
    char *base;
    size_t at;
};

static void *part(struct divider *d, size_t bytes)
{
    void *p = d->base ? d->base + d->at : NULL;
    d->at += (bytes + 63) / 64 * 64;
    return p;
}

static struct strips matrix(struct divider *d, size_t rows, size_t columns)
{
    return (struct strips){part(d, strips_size(rows, columns) * sizeof(float)), rows};
}

/* LAYERS may be NULL: only the bytes are wanted then. Returns them. */
static size_t divide(struct neox_tape *t, const struct neox *m, size_t rows, char *base)
{
    const struct neox_config *c = &m->config;
    const size_t wide = max_size(c->ffn, 3 * c->hidden);
    struct divider d = {.base = base};
    for (size_t i = 0; i < c->layers; i++) {
        const size_t some = i + 1 < c->layers ? rows : 1;
        struct neox_kept k = {0};
        k.x = matrix(&d, rows, c->hidden);
        k.qkv = matrix(&d, rows, 3 * c->hidden);
        k.context = matrix(&d, rows, c->hidden);
        k.mid = c->parallel_residual ? k.x : matrix(&d, some, c->hidden);
        k.u = matrix(&d, some, c->ffn);
        k.log_sums = part(&d, c->heads * rows * sizeof(float));
        if (t->layers) t->layers[i] = k;
    }
    t->out = matrix(&d, 1, c->hidden);
    t->dx = matrix(&d, rows, c->hidden);
    t->dc = matrix(&d, rows, c->hidden);
    t->h = matrix(&d, rows, c->hidden);
    t->wide = matrix(&d, rows, wide);
    t->final = matrix(&d, 1, c->hidden).data;
    t->dlogits = matrix(&d, 1, c->vocab).data;
    t->vector = matrix(&d, 2, wide).data;
    t->order = part(&d, rows * sizeof *t->order);
    t->scratch = part(&d, scratch_bytes(m, rows));
    return d.at;
}

size_t neox_tape_bytes(const struct neox *m, size_t rows)
{
    return divide(&(struct neox_tape){0}, m, rows, NULL);
}

int neox_tape_open(struct neox_tape *t, const struct neox *m, size_t rows, struct err *e)
{
    *t = (struct neox_tape){.bytes = neox_tape_bytes(m, rows)};
    t->layers = calloc(m->config.layers, sizeof *t->layers);
    t->memory = simd_alloc(t->bytes);
    if (!t->layers || !t->memory) {
        err_kind(
            e, ERR_MEMORY,
            "out of memory: gradients of a document of %zu tokens need %.0f MB a thread; lower "
            "--max-tokens or --threads",
            rows, (double)t->bytes / 1e6);
        neox_tape_close(t);
        return -1;
    }
    divide(t, m, rows, t->memory);
    return 0;
}

void neox_tape_close(struct neox_tape *t)
{
    if (t->memory) simd_free(t->memory, t->bytes);
    free(t->layers);
    *t = (struct neox_tape){0};
}

void neox_tape_start(struct neox_tape *t)
{
    t->clock = omp_get_wtime();
}

void neox_tape_lap(struct neox_tape *t, enum tape_phase phase)
{
    double now = omp_get_wtime();
    t->seconds[phase] += now - t->clock;
    t->clock = now;
}
