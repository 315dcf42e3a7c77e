/* plain_neox.h - GPT-NeoX's forward pass in double, as plain as it can be written: what gradients are
 * checked against by central differences. Up to 64 inputs, small widths.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_PLAIN_NEOX_H
#define TRIPOD_TESTS_PLAIN_NEOX_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/flat.h"

enum { PLAIN_TENSORS = 64 };

/* The model in double: every tensor row by row, qkv's rows as the flat file has them. */
struct plain {
    const struct neox_config *c;
    double *tensor[PLAIN_TENSORS];
    size_t count;
};

static void plain_new(struct plain *p, const struct flat_model *flat)
{
    p->c = &flat->config;
    p->count = flat->tensor_count;
    for (size_t i = 0; i < flat->tensor_count; i++) {
        const struct flat_tensor *t = &flat->tensors[i];
        const float *data = t->data;
        p->tensor[i] = malloc(t->rows * t->columns * sizeof(double));
        for (size_t r = 0; r < t->rows; r++)
            for (size_t c = 0; c < t->columns; c++)
                p->tensor[i][r * t->columns + c] =
                    (double)data[t->layout == FLAT_PANELS ? (r / 32 * t->columns + c) * 32 + r % 32
                                                          : r * t->columns + c];
    }
}

static void plain_free(struct plain *p)
{
    for (size_t i = 0; i < p->count; i++) free(p->tensor[i]);
}

static void plain_norm(double *out, const double *x, const double *weight, const double *bias,
                       const struct neox_config *c)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < c->hidden; i++) mean += x[i] / (double)c->hidden;
    for (size_t i = 0; i < c->hidden; i++) squares += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / sqrt(squares / (double)c->hidden + c->layer_norm_eps);
    for (size_t i = 0; i < c->hidden; i++) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

/* out [n] (+)= W x + bias */
static void plain_linear(double *out, const double *x, size_t n, size_t k, const double *w,
                         const double *bias, bool add)
{
    for (size_t i = 0; i < n; i++) {
        double sum = bias ? bias[i] : 0;
        for (size_t j = 0; j < k; j++) sum += w[i * k + j] * x[j];
        out[i] = add ? out[i] + sum : sum;
    }
}

static void plain_turn(double *head, size_t position, const struct neox_config *c)
{
    for (size_t i = 0; i < c->rotary / 2; i++) {
        const float exponent = (float)(2 * i) / (float)c->rotary;
        const float frequency = 1.0f / (float)pow(c->rope_theta, (double)exponent);
        const double angle = (double)((float)position * frequency);
        const double co = (double)(float)cos(angle), si = (double)(float)sin(angle);
        const double a = head[i], b = head[i + c->rotary / 2];
        head[i] = a * co - b * si;
        head[i + c->rotary / 2] = b * co + a * si;
    }
}

/* context [d] of position t; keys and queries in qkv [.][3d] are turned already */
static void plain_attention(double *context, const double *qkv, size_t t,
                            const struct neox_config *c)
{
    const size_t d = c->hidden, size = c->head_size;
    for (size_t h = 0; h < c->heads; h++) {
        double weight[64], most = -INFINITY, sum = 0;
        for (size_t j = 0; j <= t; j++) {
            weight[j] = 0;
            for (size_t i = 0; i < size; i++)
                weight[j] += qkv[t * 3 * d + h * size + i] * qkv[j * 3 * d + d + h * size + i];
            weight[j] /= sqrt((double)size);
            most = fmax(most, weight[j]);
        }
        for (size_t j = 0; j <= t; j++) sum += weight[j] = exp(weight[j] - most);
        for (size_t i = 0; i < size; i++) {
            context[h * size + i] = 0;
            for (size_t j = 0; j <= t; j++)
                context[h * size + i] += weight[j] / sum * qkv[j * 3 * d + 2 * d + h * size + i];
        }
    }
}

static double plain_gelu(double x, enum neox_activation activation)
{
    if (activation == NEOX_GELU_ERF) return x * 0.5 * (1 + erf(x * sqrt(0.5)));
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/* The loss of ids[n] after n inputs. */
static double plain_loss(const struct plain *p, const uint32_t *ids, size_t n)
{
    const struct neox_config *c = p->c;
    const size_t d = c->hidden, each = c->attention_bias ? 12 : 10;
    double *x = malloc(n * d * sizeof *x), *qkv = malloc(n * 3 * d * sizeof *qkv);
    double *context = malloc(n * d * sizeof *context), h[256], inner[256];
    for (size_t t = 0; t < n; t++) memcpy(x + t * d, p->tensor[0] + ids[t] * d, d * sizeof *x);
    for (size_t l = 0; l < c->layers; l++) {
        double *const *w = &p->tensor[1 + l * each]; /* as neox_tensor_at has them */
        const double *const qkv_bias = c->attention_bias ? w[5] : NULL;
        double *const *dense = w + (c->attention_bias ? 6 : 5);
        const double *const dense_bias = c->attention_bias ? dense[1] : NULL;
        double *const *mlp = dense + (c->attention_bias ? 2 : 1);
        for (size_t t = 0; t < n; t++) {
            plain_norm(h, x + t * d, w[0], w[1], c);
            plain_linear(qkv + t * 3 * d, h, 3 * d, d, w[4], qkv_bias, false);
            for (size_t k = 0; k < 2 * c->heads; k++)
                plain_turn(qkv + t * 3 * d + k * c->head_size, t, c);
        }
        for (size_t t = 0; t < n; t++) plain_attention(context + t * d, qkv, t, c);
        for (size_t t = 0; t < n; t++) {
            double *row = x + t * d;
            if (c->parallel_residual) plain_norm(h, row, w[2], w[3], c);
            plain_linear(row, context + t * d, d, d, dense[0], dense_bias, true);
            if (!c->parallel_residual) plain_norm(h, row, w[2], w[3], c);
            plain_linear(inner, h, c->ffn, d, mlp[0], mlp[1], false);
            for (size_t i = 0; i < c->ffn; i++) inner[i] = plain_gelu(inner[i], c->activation);
            plain_linear(row, inner, d, c->ffn, mlp[2], mlp[3], true);
        }
    }
    double *const *last = &p->tensor[1 + c->layers * each];
    const double *head = c->tied_embeddings ? p->tensor[0] : last[2];
    double logits[512], most = -INFINITY, sum = 0;
    plain_norm(h, x + (n - 1) * d, last[0], last[1], c);
    plain_linear(logits, h, c->vocab, d, head, NULL, false);
    for (size_t v = 0; v < c->vocab; v++) most = fmax(most, logits[v]);
    for (size_t v = 0; v < c->vocab; v++) sum += exp(logits[v] - most);
    free(x);
    free(qkv);
    free(context);
    return most + log(sum) - logits[ids[n]];
}

#endif
