/* neox_backward_steps.c - see neox_backward_steps.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_backward_steps.h"

#include <stdlib.h>
#include <string.h>

#include "models/neox/neox_steps.h"

struct strips neox_back_rows(struct strips s, size_t row)
{
    return s.rows == 1 ? s : (struct strips){s.data + row * SIMD_STRIP, s.rows};
}

static struct strips one_row(float *data)
{
    return (struct strips){data, 1};
}

static float norm_eps(const struct neox_back *b)
{
    return (float)b->m->config.layer_norm_eps;
}

/* --- forward --- */

void neox_back_embed(const struct neox_back *b, struct strips x, const uint32_t *tokens)
{
    neox_embed_rows(b->m, x, 0, tokens, 0, b->n);
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_norm(const struct neox_back *b, struct strips out, struct strips in, size_t rows,
                    const struct neox_gain *gain)
{
    b->m->kernels->layer_norm(out, in, rows, b->m->config.hidden, gain->weight, gain->bias,
                              norm_eps(b));
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_copy(const struct neox_back *b, struct strips out, struct strips in, size_t rows)
{
    for (size_t c = 0; c < b->m->config.hidden; c += SIMD_STRIP)
        memcpy(strip_at(out, 0, c), strip_at(in, 0, c), rows * SIMD_STRIP * sizeof(float));
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_product(const struct neox_back *b, struct strips out, struct strips in, size_t rows,
                       const struct neox_linear *w, enum gemm_epilogue epilogue)
{
    b->m->kernels->gemm(out, in, rows, w->weight, w->bias, epilogue, b->t->scratch);
    neox_tape_lap(b->t, TAPE_FORWARD);
}

void neox_back_gelu(const struct neox_back *b, struct strips out, struct strips u, size_t rows)
{
    const struct kernels *k = b->m->kernels;
    kernel_map *gelu = b->m->config.activation == NEOX_GELU_ERF ? k->gelu_erf : k->gelu_tanh;
    for (size_t c = 0, ffn = b->m->config.ffn; c < ffn; c += SIMD_STRIP) {
        const size_t width = ffn - c < SIMD_STRIP ? ffn - c : SIMD_STRIP;
        for (size_t i = 0; i < rows; i++) gelu(strip_at(out, i, c), strip_at(u, i, c), width);
    }
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_attention(const struct neox_back *b, size_t i, size_t from)
{
    const struct neox_kept *k = &b->t->layers[i];
    const struct row_run runs[] = {{0, from}, {from, b->n - from}};
    b->m->kernels->attention_kept(k->context, k->log_sums, k->qkv, runs, 2, 0, b->m->config.heads,
                                  &b->m->layers[i].attention, b->t->scratch);
    neox_tape_lap(b->t, TAPE_ATTENTION);
}

/* --- the queries' columns of qkv apart from the others --- */

/* Whether they are whole strips: where they are not, what they cost is not worth a second way. */
static bool queries_apart(const struct neox_back *b)
{
    return b->m->config.hidden % SIMD_STRIP == 0;
}

void neox_back_keys(const struct neox_back *b, struct strips qkv, struct strips h,
                    const struct neox_linear *w)
{
    const size_t d = queries_apart(b) ? b->m->config.hidden : 0;
    struct neox_linear rest = *w;
    rest.weight = panels_rows(w->weight, d, w->weight.n - d);
    if (rest.bias) rest.bias += d;
    neox_back_product(b, (struct strips){strip_at(qkv, 0, d), qkv.rows}, h, b->n, &rest,
                      GEMM_STORE);
}

void neox_back_queries(const struct neox_back *b, struct strips qkv, struct strips h, size_t rows,
                       const struct neox_linear *w)
{
    struct neox_linear first = *w;
    if (!queries_apart(b)) return;
    first.weight = panels_rows(w->weight, 0, b->m->config.hidden);
    neox_back_product(b, qkv, h, rows, &first, GEMM_STORE);
}

/* --- gradients of weights --- */

static bool wanted(const struct neox_back *b, const float *values, size_t at)
{
    return values && b->to->wanted[at];
}

bool neox_back_wants_linear(const struct neox_back *b, const struct neox_linear *w)
{
    return b->to->wanted[w->weight_at] || wanted(b, w->bias, w->bias_at);
}

bool neox_back_wants_gain(const struct neox_back *b, const struct neox_gain *gain)
{
    return b->to->wanted[gain->weight_at] || b->to->wanted[gain->bias_at];
}

/* Where the tiles of a matrix go. */
struct delivery {
    const struct neox_gradients *to;
    size_t tensor, k;
};

static void deliver_tile(void *context, size_t panel, size_t k0, size_t kn, const float *tile)
{
    const struct delivery *d = context;
    d->to->take(d->to->context, d->tensor, (panel * d->k + k0) * SIMD_PANEL, kn * SIMD_PANEL, tile);
}

/* Panels FIRST .. END - 1 of dW = dy^T x. */
static void weight_gradient(const struct neox_back *b, struct strips dy, struct strips x,
                            size_t rows, struct panels w, size_t tensor, const size_t panels[2])
{
    const struct weight_gradient g = {dy, x, rows, w.n, w.k, panels[0], panels[1], NULL};
    struct delivery d = {b->to, tensor, w.k};
    b->m->kernels->weight_gradient(&g, deliver_tile, &d, b->t->scratch);
}

static void bias_gradient(const struct neox_back *b, struct strips dy, size_t rows,
                          const struct neox_linear *w)
{
    if (!wanted(b, w->bias, w->bias_at)) return;
    memset(b->t->vector, 0, w->weight.n * sizeof *b->t->vector);
    b->m->kernels->column_sums(b->t->vector, dy, rows, w->weight.n);
    b->to->take(b->to->context, w->bias_at, 0, w->weight.n, b->t->vector);
}

/* --- backward --- */

void neox_back_linear(const struct neox_back *b, struct strips dx, struct strips dy,
                      struct strips x, size_t rows, const struct neox_linear *w, bool inputs)
{
    if (b->to->wanted[w->weight_at])
        weight_gradient(b, dy, x, rows, w->weight, w->weight_at,
                        (size_t[]){0, panels_count(w->weight.n)});
    bias_gradient(b, dy, rows, w);
    neox_tape_lap(b->t, TAPE_WEIGHTS);
    if (!inputs) return;
    b->m->kernels->gemm_back(dx, dy, rows, w->weight, GEMM_STORE, b->t->scratch);
    neox_tape_lap(b->t, TAPE_INPUTS);
}

void neox_back_qkv(const struct neox_back *b, struct strips dx, struct strips dy, struct strips x,
                   size_t from, const struct neox_linear *w, bool inputs)
{
    const size_t d = b->m->config.hidden, rows = b->n - from;
    if (from == 0 || !queries_apart(b)) {
        neox_back_linear(b, dx, dy, x, b->n, w, inputs);
        return;
    }
    const struct strips last = neox_back_rows(dy, from), last_x = neox_back_rows(x, from);
    const size_t queries[] = {0, d / SIMD_PANEL}, others[] = {d / SIMD_PANEL, 3 * d / SIMD_PANEL};
    if (b->to->wanted[w->weight_at]) {
        weight_gradient(b, last, last_x, rows, w->weight, w->weight_at, queries);
        weight_gradient(b, dy, x, b->n, w->weight, w->weight_at, others);
    }
    bias_gradient(b, dy, b->n, w);
    neox_tape_lap(b->t, TAPE_WEIGHTS);
    if (!inputs) return;
    /* What the queries would add to the rows before are zeros. */
    const struct strips rest = {strip_at(dy, 0, d), dy.rows};
    b->m->kernels->gemm_back(dx, rest, from, panels_rows(w->weight, d, 2 * d), GEMM_STORE,
                             b->t->scratch);
    b->m->kernels->gemm_back(neox_back_rows(dx, from), last, rows, w->weight, GEMM_STORE,
                             b->t->scratch);
    neox_tape_lap(b->t, TAPE_INPUTS);
}

void neox_back_norm_inputs(const struct neox_back *b, struct strips dx, struct strips dy,
                           struct strips x, size_t rows, const struct neox_gain *gain)
{
    const size_t d = b->m->config.hidden;
    const bool weight = b->to->wanted[gain->weight_at], bias = b->to->wanted[gain->bias_at];
    float *dweight = b->t->vector, *dbias = dweight + d;
    b->m->kernels->layer_norm_back(dx, dy, x, rows, d, gain->weight, norm_eps(b),
                                   weight ? dweight : NULL, bias ? dbias : NULL);
    if (weight) b->to->take(b->to->context, gain->weight_at, 0, d, dweight);
    if (bias) b->to->take(b->to->context, gain->bias_at, 0, d, dbias);
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_gelu_inputs(const struct neox_back *b, struct strips du, struct strips dy,
                           struct strips u, size_t rows)
{
    const struct kernels *k = b->m->kernels;
    kernel_gelu_back *back =
        b->m->config.activation == NEOX_GELU_ERF ? k->gelu_erf_back : k->gelu_tanh_back;
    for (size_t c = 0, ffn = b->m->config.ffn; c < ffn; c += SIMD_STRIP) {
        const size_t width = ffn - c < SIMD_STRIP ? ffn - c : SIMD_STRIP;
        for (size_t i = 0; i < rows; i++)
            back(strip_at(du, i, c), strip_at(dy, i, c), strip_at(u, i, c), width);
    }
    neox_tape_lap(b->t, TAPE_NORM);
}

void neox_back_attention_inputs(const struct neox_back *b, struct strips dqkv, size_t i,
                                size_t from)
{
    const struct neox_kept *k = &b->t->layers[i];
    const bool last = i + 1 == b->m->config.layers; /* made for this loss, not for the document */
    const struct attention_back a = {
        .dqkv = dqkv,
        .dout = b->t->dc,
        .qkv = k->qkv,
        .out = k->context,
        .log_sums = k->log_sums,
        .log_rows = last ? b->n : b->t->n,
        .n = b->n,
        .from = from,
    };
    b->m->kernels->attention_back(&a, 0, b->m->config.heads, &b->m->layers[i].attention,
                                  b->t->scratch);
    neox_tape_lap(b->t, TAPE_ATTENTION);
}

/* --- the head --- */

float neox_back_head(const struct neox_back *b, struct strips dx, uint32_t target)
{
    const struct neox *m = b->m;
    const struct kernels *k = m->kernels;
    struct neox_tape *t = b->t;
    const struct strips h = one_row(t->final), dlogits = one_row(t->dlogits);
    const struct strips dh = one_row(t->h.data);
    neox_back_norm(b, h, t->out, 1, &m->final);
    const float loss =
        k->head_back(dh.data, t->dlogits, t->final, m->unembedding, target, t->scratch);
    if (!m->config.tied_embeddings && b->to->wanted[m->unembedding_at])
        weight_gradient(b, dlogits, h, 1, m->unembedding, m->unembedding_at,
                        (size_t[]){0, panels_count(m->unembedding.n)});
    neox_tape_lap(t, TAPE_HEAD);
    neox_back_norm_inputs(b, dx, dh, t->out, 1, &m->final);
    return loss;
}

/* --- the embedding --- */

static int by_token(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of learned positions: the rows of dx as they are. */
static void learned_gradient(const struct neox_back *b, struct strips dx)
{
    const size_t d = b->m->config.hidden, at = b->m->learned_at;
    for (size_t t = 0; t < b->n; t++)
        for (size_t c = 0; c < d; c += SIMD_STRIP)
            b->to->take(b->to->context, at, t * d + c, d - c < SIMD_STRIP ? d - c : SIMD_STRIP,
                        strip_at(dx, t, c));
}

/* row += the row of dx at POSITION */
static void add_position(float *row, struct strips dx, size_t position, size_t d)
{
    for (size_t c = 0; c < d; c++) row[c] += *strip_at(dx, position, c);
}

static void embedding_gradient(const struct neox_back *b, struct strips dx, const uint32_t *tokens)
{
    const struct neox *m = b->m;
    const size_t d = m->config.hidden, vocab = m->config.vocab, n = b->n;
    const bool tied = m->config.tied_embeddings;
    uint64_t *order = b->t->order;
    float *row = b->t->vector;
    for (size_t i = 0; i < n; i++) order[i] = (uint64_t)tokens[i] << 32 | i;
    qsort(order, n, sizeof *order, by_token);
    for (size_t at = 0, v = 0; v < vocab && (tied || at < n); v++) {
        if (!tied) v = order[at] >> 32;
        for (size_t c = 0; c < d; c++) row[c] = tied ? b->t->dlogits[v] * b->t->final[c] : 0;
        for (; at < n && order[at] >> 32 == v; at++)
            add_position(row, dx, order[at] & UINT32_MAX, d);
        b->to->take(b->to->context, m->embedding_at, v * d, d, row);
    }
}

bool neox_back_wants_embedding(const struct neox_back *b)
{
    const struct neox *m = b->m;
    return b->to->wanted[m->embedding_at] || wanted(b, m->learned, m->learned_at);
}

void neox_back_embedding(const struct neox_back *b, struct strips dx, const uint32_t *tokens)
{
    const struct neox *m = b->m;
    if (b->to->wanted[m->embedding_at]) embedding_gradient(b, dx, tokens);
    if (wanted(b, m->learned, m->learned_at)) learned_gradient(b, dx);
    neox_tape_lap(b->t, TAPE_WEIGHTS);
}
