/* neox_run.c - workspaces, teams' shares, and phases' times; see neox_run.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_run.h"

#include <omp.h>
#include <string.h>

const char *const neox_phase_names[NEOX_PHASES] = {
    "embed",         "layer norm",   "qkv product",     "attention",
    "dense product", "MLP products", "vocabulary head",
};

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What the most demanding step needs. */
static size_t scratch_bytes(const struct neox_config *c, const struct products *products,
                            size_t rows)
{
    const size_t shapes[][2] = {
        {3 * c->hidden, c->hidden}, {c->hidden, c->hidden}, {c->ffn, c->hidden},
        {c->hidden, c->ffn},        {c->vocab, c->hidden},
    };
    size_t bytes = attention_scratch_bytes(rows, c->head_size);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        bytes = max_size(bytes, products->scratch_bytes(rows, shapes[i][0], shapes[i][1]));
    return bytes;
}

/* Floats of a run's parts: d of x, of h and of context each; qkv; inner in the place of the last
 * two; targets. */
struct parts {
    size_t d, qkv, inner, targets;
};

static struct parts parts_of(const struct neox_config *c, size_t rows)
{
    size_t d = strips_size(rows, c->hidden), qkv = strips_size(rows, 3 * c->hidden);
    return (struct parts){d, qkv, max_size(qkv + d, strips_size(rows, c->ffn)),
                          (rows + 15) / 16 * 16};
}

size_t neox_run_bytes(const struct neox_config *c, const struct products *products, size_t rows)
{
    struct parts p = parts_of(c, rows);
    return (2 * p.d + p.inner + p.targets) * sizeof(float) + scratch_bytes(c, products, rows);
}

int neox_run_open(struct neox_run *run, const struct neox *model, size_t rows, struct err *e)
{
    const struct parts n = parts_of(&model->config, rows);
    *run = (struct neox_run){.rows = rows};
    run->bytes = neox_run_bytes(&model->config, model->products, rows);
    run->memory = simd_alloc(run->bytes);
    if (!run->memory)
        return err_kind(e, ERR_MEMORY,
                        "out of memory: a batch of %zu tokens needs %.0f MB a thread; lower "
                        "--batch-tokens or --threads",
                        rows, (double)run->bytes / 1e6);
    run->members = 1;
    float *p = run->memory;
    run->x = (struct strips){p, rows};
    run->h = (struct strips){p += n.d, rows};
    run->qkv = run->inner = (struct strips){p += n.d, rows};
    run->context = (struct strips){p + n.qkv, rows};
    run->loss = p;
    run->best = (uint32_t *)(p + n.targets);
    run->targets = (uint32_t *)(p += n.inner);
    run->scratch = p + n.targets;
    return 0;
}

int neox_run_join(struct neox_run *run, const struct neox_run *common, const struct neox *model,
                  int member, int members, struct err *e)
{
    *run = *common;
    run->member = member;
    run->members = members;
    run->bytes = scratch_bytes(&model->config, model->products, common->rows);
    run->scratch = run->memory = simd_alloc(run->bytes);
    memset(run->seconds, 0, sizeof run->seconds);
    return run->memory
               ? 0
               : err_kind(e, ERR_MEMORY, "out of memory: a thread needs %zu bytes", run->bytes);
}

void neox_run_close(struct neox_run *run)
{
    if (run->memory) simd_free(run->memory, run->bytes);
    *run = (struct neox_run){0};
}

struct neox_range neox_run_share(const struct neox_run *run, size_t n, int member)
{
    size_t m = (size_t)member, all = (size_t)run->members;
    return (struct neox_range){n * m / all, n * (m + 1) / all};
}

void neox_run_meet(const struct neox_run *run)
{
    if (run->members == 1) return;
#pragma omp barrier
}

void neox_run_begin(struct neox_run *run, const struct neox_piece *pieces, size_t count)
{
    size_t inputs = 0, predictions = 0;
    run->clock = omp_get_wtime();
    for (size_t i = 0; i < count; i++) {
        inputs += pieces[i].n;
        predictions += pieces[i].n - pieces[i].skip;
    }
    run->pieces = pieces;
    run->count = count;
    run->own = neox_run_share(run, inputs, run->member);
    run->scored = neox_run_share(run, predictions, run->member);
}

void neox_run_lap(struct neox_run *run, enum neox_phase phase)
{
    double now = omp_get_wtime();
    run->seconds[phase] += now - run->clock;
    run->clock = now;
}
