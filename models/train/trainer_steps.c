/* trainer_steps.c - see trainer_steps.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/trainer_steps.h"

#include <omp.h>
#include <string.h>

const char *const trainer_phase_names[TRAINER_PHASES] = {
    "forward", "input gradients", "weight gradients", "attention", "norms and GELU",
    "head",    "update",
};

void trainer_lap(struct trainer_member *m, enum trainer_phase phase)
{
    if (m->index) return;
    const double now = omp_get_wtime();
    m->t->seconds[phase] += now - m->clock;
    m->clock = now;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t length_of(struct neox_range r)
{
    return r.end - r.first;
}

static struct neox_range own_rows(const struct trainer_member *m)
{
    return trainer_share(m, m->n, TRAINER_ROWS);
}

/* --- forward --- */

void trainer_embed(struct trainer_member *m, struct strips x, const uint32_t *tokens)
{
    const struct neox *model = &m->t->model;
    const struct neox_range own = own_rows(m);
    const size_t length = m->t->shape.length;
    for (size_t i = own.first; i < own.end; i++) {
        const size_t at = m->first + i, token = at / length * (length + 1) + at % length;
        m->p->ids[i] = tokens[token];
        m->p->targets[i] = tokens[token + 1];
    }
    model->kernels->embed(x, own.first, m->p->ids + own.first, length_of(own), model->embedding,
                          model->embedding_dtype, model->config.hidden);
    trainer_lap(m, TRAINER_ELEMENTS);
}

void trainer_norm(struct trainer_member *m, struct strips out, struct strips in,
                  const struct neox_gain *gain)
{
    const struct neox *model = &m->t->model;
    const struct neox_range own = own_rows(m);
    model->kernels->layer_norm(trainer_rows(out, own.first), trainer_rows(in, own.first),
                               length_of(own), model->config.hidden, gain->weight, gain->bias,
                               (float)model->config.layer_norm_eps);
    trainer_lap(m, TRAINER_ELEMENTS);
}

void trainer_product(struct trainer_member *m, struct strips out, struct strips in,
                     const struct neox_linear *w, enum gemm_epilogue epilogue)
{
    const struct neox_range own = own_rows(m);
    m->t->model.kernels->gemm(trainer_rows(out, own.first), trainer_rows(in, own.first),
                              length_of(own), w->weight, w->bias, epilogue, m->scratch);
    trainer_lap(m, TRAINER_FORWARD);
}

void trainer_copy(struct trainer_member *m, struct strips out, struct strips in)
{
    const struct neox_range own = own_rows(m);
    for (size_t c = 0, d = m->t->model.config.hidden; c < d; c += SIMD_STRIP)
        for (size_t i = own.first; i < own.end; i++)
            memcpy(strip_at(out, i, c), strip_at(in, i, c),
                   least(SIMD_STRIP, d - c) * sizeof(float));
    trainer_lap(m, TRAINER_ELEMENTS);
}

void trainer_clear(struct trainer_member *m, struct strips x)
{
    const struct neox_range own = own_rows(m);
    for (size_t c = 0, d = m->t->model.config.hidden; c < d; c += SIMD_STRIP)
        for (size_t i = own.first; i < own.end; i++)
            memset(strip_at(x, i, c), 0, least(SIMD_STRIP, d - c) * sizeof(float));
}

void trainer_gelu(struct trainer_member *m, struct strips inner, struct strips slope)
{
    const struct neox *model = &m->t->model;
    const struct neox_range own = own_rows(m);
    kernel_gelu_slope *gelu = model->config.activation == NEOX_GELU_ERF
                                  ? model->kernels->gelu_erf_slope
                                  : model->kernels->gelu_tanh_slope;
    for (size_t c = 0, ffn = model->config.ffn; c < ffn; c += SIMD_STRIP)
        for (size_t i = own.first; i < own.end; i++) {
            float *u = strip_at(slope, i, c);
            gelu(strip_at(inner, i, c), u, u, least(SIMD_STRIP, ffn - c));
        }
    trainer_lap(m, TRAINER_ELEMENTS);
}

/* --- attention: pairs of a sequence and a head --- */

/* This member's heads of sequence s of the chunk; none: equal ends. */
static struct neox_range own_heads(const struct trainer_member *m, struct neox_range pairs,
                                   size_t s)
{
    const size_t heads = m->t->model.config.heads, first = s * heads, end = first + heads;
    const size_t from = pairs.first < first ? first : least(pairs.first, end);
    const size_t to = pairs.end < first ? first : least(pairs.end, end);
    return (struct neox_range){from - first, to - first};
}

static struct neox_range own_pairs(const struct trainer_member *m)
{
    return trainer_share(m, m->n / m->t->shape.length * m->t->model.config.heads, 1);
}

void trainer_attention(struct trainer_member *m, size_t layer)
{
    const struct neox *model = &m->t->model;
    const struct trainer_kept *k = &m->p->layers[layer];
    const size_t length = m->t->shape.length;
    const struct neox_range pairs = own_pairs(m);
    trainer_meet(m);
    for (size_t s = 0; s < m->n / length; s++) {
        const struct neox_range heads = own_heads(m, pairs, s);
        const struct row_run run = {s * length, length};
        if (heads.first < heads.end)
            model->kernels->attention_kept(
                k->context, k->log_sums + s * model->config.heads * length, k->qkv, &run, 1,
                heads.first, length_of(heads), &model->layers[layer].attention, m->scratch);
    }
    trainer_meet(m);
    trainer_lap(m, TRAINER_ATTENTION);
}

void trainer_attention_back(struct trainer_member *m, size_t layer)
{
    const struct neox *model = &m->t->model;
    const struct trainer_kept *k = &m->p->layers[layer];
    const size_t length = m->t->shape.length;
    const struct neox_range pairs = own_pairs(m);
    trainer_meet(m);
    for (size_t s = 0; s < m->n / length; s++) {
        const struct neox_range heads = own_heads(m, pairs, s);
        const struct attention_back a = {
            .dqkv = m->p->dqkv,
            .dout = m->p->dc,
            .qkv = k->qkv,
            .out = k->context,
            .log_sums = k->log_sums + s * model->config.heads * length,
            .log_rows = length,
            .row0 = s * length,
            .n = length,
        };
        if (heads.first < heads.end)
            model->kernels->attention_back(&a, heads.first, length_of(heads),
                                           &model->layers[layer].attention, m->scratch);
    }
    trainer_meet(m);
    trainer_lap(m, TRAINER_ATTENTION);
}

/* --- backward --- */

/* A matrix's gradient and its bias's, in the member's panels; a pair of panels is one unit of
 * column_sums. */
void trainer_weights(struct trainer_member *m, struct strips dy, struct strips x,
                     const struct neox_linear *w)
{
    enum { PAIR = 2, COLUMNS = PAIR * SIMD_PANEL };
    const struct kernels *kernels = m->t->model.kernels;
    const size_t n = w->weight.n;
    const struct neox_range own = trainer_share(m, panels_count(n), PAIR);
    const struct weight_gradient g = {
        dy, x, m->n, n, w->weight.k, own.first, own.end, trainer_gradient_of(m, w->weight_at)};
    kernels->weight_gradient(&g, NULL, NULL, m->scratch);
    if (w->bias) {
        float *bias = trainer_gradient_of(m, w->bias_at);
        for (size_t c = own.first * SIMD_PANEL; c < least(n, own.end * SIMD_PANEL); c += COLUMNS)
            kernels->column_sums(bias + c, (struct strips){strip_at(dy, 0, c), dy.rows}, m->n,
                                 least(COLUMNS, n - c));
    }
    trainer_lap(m, TRAINER_WEIGHTS);
}

void trainer_inputs(struct trainer_member *m, struct strips dx, struct strips dy,
                    const struct neox_linear *w, enum gemm_epilogue epilogue)
{
    const struct neox_range own = own_rows(m);
    m->t->model.kernels->gemm_back(trainer_rows(dx, own.first), trainer_rows(dy, own.first),
                                   length_of(own), w->weight, epilogue, m->scratch);
    trainer_lap(m, TRAINER_INPUTS);
}

void trainer_norm_back(struct trainer_member *m, struct strips dx, struct strips dy,
                       struct strips x, const struct neox_gain *gain)
{
    const struct neox *model = &m->t->model;
    const size_t d = model->config.hidden;
    const struct neox_range own = own_rows(m);
    for (size_t i = own.first; i < own.end; i += TRAINER_ROWS) {
        float *sums = m->p->gains + i / TRAINER_ROWS * 2 * d;
        model->kernels->layer_norm_back(trainer_rows(dx, i), trainer_rows(dy, i),
                                        trainer_rows(x, i), least(TRAINER_ROWS, own.end - i), d,
                                        gain->weight, (float)model->config.layer_norm_eps, sums,
                                        sums + d);
    }
    trainer_lap(m, TRAINER_ELEMENTS);
}

void trainer_gains(struct trainer_member *m, const struct neox_gain *gain)
{
    const size_t d = m->t->model.config.hidden;
    const struct neox_range own = trainer_share(m, d, SIMD_LANES);
    float *weight = trainer_gradient_of(m, gain->weight_at);
    float *bias = trainer_gradient_of(m, gain->bias_at);
    for (size_t i = 0; i < m->n; i += TRAINER_ROWS) {
        const float *sums = m->p->gains + i / TRAINER_ROWS * 2 * d;
        for (size_t c = own.first; c < own.end; c++) {
            weight[c] += sums[c];
            bias[c] += sums[d + c];
        }
    }
    trainer_lap(m, TRAINER_ELEMENTS);
}

/* --- the head --- */

/* Columns n0 .. of the vocabulary, `columns` of them. */
struct part {
    size_t n0, columns;
};

/* The logits of rows row .. row + n - 1 to rows `at` .. of p->logits. */
static void logits(const struct trainer_member *m, struct strips to, size_t row, size_t n,
                   struct part v)
{
    const struct neox *model = &m->t->model;
    model->kernels->gemm(to, trainer_rows(m->p->h, row), n,
                         panels_rows(model->unembedding, v.n0, v.columns), NULL, GEMM_STORE,
                         m->scratch);
}

/* The gradient of `rows` rows from `row` on, of which this member computes those in OWN; the logits are
 * there already unless the vocabulary has several parts. */
static void head_part_back(struct trainer_member *m, size_t row, size_t rows, struct neox_range own,
                           struct part v)
{
    const struct neox *model = &m->t->model;
    const struct kernels *kernels = model->kernels;
    const size_t n = length_of(own), d = model->config.hidden, first = row + own.first;
    const struct panels w = panels_rows(model->unembedding, v.n0, v.columns);
    const struct strips mine = trainer_rows(m->p->logits, own.first);
    const float scale = (float)(1 / (double)(m->t->shape.rows * m->t->shape.length));
    if (v.columns < model->config.vocab) logits(m, mine, first, n, v);
    kernels->head_slopes(mine, n, v.n0, v.columns, m->p->states + own.first, m->p->targets + first,
                         scale);
    kernels->gemm_back(trainer_rows(m->p->dc, first), mine, n, w, v.n0 ? GEMM_ADD : GEMM_STORE,
                       m->scratch);
    trainer_meet(m);
    const struct neox_range panels = trainer_share(m, panels_count(v.columns), 1);
    const struct weight_gradient g = {m->p->logits,
                                      trainer_rows(m->p->h, row),
                                      rows,
                                      v.columns,
                                      d,
                                      panels.first,
                                      panels.end,
                                      trainer_gradient_of(m, model->unembedding_at) + v.n0 * d};
    kernels->weight_gradient(&g, NULL, NULL, m->scratch);
    trainer_meet(m);
}

void trainer_head(struct trainer_member *m)
{
    struct trainer_pass *p = m->p;
    const size_t vocab = m->t->model.config.vocab;
    trainer_meet(m);
    for (size_t row = 0, rows; row < m->n; row += rows) {
        rows = least(p->head_rows, m->n - row);
        const struct neox_range own = trainer_share(m, rows, TRAINER_ROWS);
        const struct strips mine = trainer_rows(p->logits, own.first);
        const size_t first = row + own.first;
        struct part v = {0, 0};
        for (; v.n0 < vocab; v.n0 += v.columns) {
            v.columns = least(TRAINER_VOCABULARY, vocab - v.n0);
            logits(m, mine, first, length_of(own), v);
            m->t->model.kernels->head_sums(p->loss + m->first + first, p->states + own.first, mine,
                                           length_of(own), v.n0, v.columns, p->targets + first);
        }
        for (v.n0 = 0; v.n0 < vocab; v.n0 += v.columns) {
            v.columns = least(TRAINER_VOCABULARY, vocab - v.n0);
            head_part_back(m, row, rows, own, v);
        }
    }
    trainer_lap(m, TRAINER_HEAD);
}

/* --- the embedding --- */

/* By columns: of each the inputs' rows in order. */
void trainer_embedding(struct trainer_member *m, struct strips dx)
{
    const struct neox *model = &m->t->model;
    const size_t d = model->config.hidden;
    const struct neox_range own = trainer_share(m, d, SIMD_LANES);
    float *g = trainer_gradient_of(m, model->embedding_at);
    for (size_t i = 0; i < m->n; i++)
        for (size_t c = own.first, end; c < own.end; c = end) {
            end = least(own.end, c / SIMD_STRIP * SIMD_STRIP + SIMD_STRIP);
            const float *from = strip_at(dx, i, c);
            float *to = g + m->p->ids[i] * d + c;
            for (size_t j = 0; j < end - c; j++) to[j] += from[j];
        }
    trainer_lap(m, TRAINER_ELEMENTS);
}
