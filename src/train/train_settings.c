/* train_settings.c - see train_settings.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_settings.h"

#include <math.h>
#include <string.h>

#include "src/base/json.h"

const char *const train_schedule_names[3] = {"cosine", "constant", NULL};

enum { HEAD = 32, MOST_INPUTS = 1 << 24 };

struct neox_config train_config(size_t layers, size_t width, size_t heads, size_t ffn,
                                size_t rotary, size_t vocab, size_t length)
{
    if (!heads) heads = width % HEAD ? 1 : width / HEAD;
    const size_t head = width / heads, quarter = head / 4 / 2 * 2;
    if (!rotary) rotary = quarter ? quarter : 2;
    return (struct neox_config){.layers = layers,
                                .hidden = width,
                                .heads = heads,
                                .head_size = head,
                                .rotary = rotary,
                                .ffn = ffn ? ffn : 4 * width,
                                .vocab = vocab,
                                .max_positions = length,
                                .rope_theta = 10000,
                                .layer_norm_eps = 1e-5,
                                .activation = NEOX_GELU_TANH,
                                .parallel_residual = true,
                                .attention_bias = true};
}

double train_scaled_rate(double rate, size_t width)
{
    return rate * sqrt(32 / (double)width);
}

void train_run_defaults(struct train_run *r, size_t width, double rate)
{
    *r = (struct train_run)TRAIN_RUN;
    r->rates.rate = rate > 0 ? rate : train_scaled_rate(TRAIN_RATE, width);
}

uint64_t train_run_default_steps(const struct train_run *r, uint64_t windows)
{
    const double step = (double)r->length * (double)r->rows;
    double tokens = 20 * train_run_parameters(r);
    if (tokens > 4. * (double)windows * (double)r->length)
        tokens = 4. * (double)windows * (double)r->length;
    return tokens < step ? 1 : (uint64_t)(tokens / step);
}

int train_run_check(const struct train_run *r, struct err *e)
{
    const struct {
        const char *name;
        double value, lo, hi;
    } reals[] = {{"learning rate", r->rates.rate, 0, 1e3},
                 {"warm-up", r->warmup, 0, 1},
                 {"final share of the rate", r->last, 0, 1},
                 {"beta1", r->rates.beta1, 0, 1},
                 {"beta2", r->rates.beta2, 0, 1},
                 {"epsilon", r->rates.epsilon, 1e-30, 1},
                 {"weight decay", r->rates.decay, 0, 1e3},
                 {"clipping norm", r->rates.clip, 0, 1e9}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!(reals[i].value >= reals[i].lo && reals[i].value <= reals[i].hi))
            return err_set(e, "%s: expected %g to %g, found %g", reals[i].name, reals[i].lo,
                           reals[i].hi, reals[i].value);
    if (!(r->rates.beta1 < 1 && r->rates.beta2 < 1))
        return err_set(e, "betas: expected less than 1, found %g and %g", r->rates.beta1,
                       r->rates.beta2);
    if (!r->length || !r->rows || r->length > MOST_INPUTS || r->rows > MOST_INPUTS / r->length)
        return err_set(e, "a batch: expected 1 to %d inputs, found %zu rows of %zu", MOST_INPUTS,
                       r->rows, r->length);
    if (!r->steps || r->steps > UINT32_MAX)
        return err_set(e, "steps: expected 1 to %u, found %llu", UINT32_MAX,
                       (unsigned long long)r->steps);
    for (size_t i = 0; i < r->saves; i++)
        if (r->save[i] > r->steps || (i && r->save[i] <= r->save[i - 1]))
            return err_set(e, "checkpoints: expected ascending steps up to %llu, found %llu",
                           (unsigned long long)r->steps, (unsigned long long)r->save[i]);
    return neox_config_check(&r->config, e);
}

double train_run_rate(const struct train_run *r, uint64_t s)
{
    const uint64_t warm = (uint64_t)llround(r->warmup * (double)r->steps);
    if (s < warm) return r->rates.rate * (double)(s + 1) / (double)warm;
    if (r->schedule == TRAIN_CONSTANT) return r->rates.rate;
    const double turn = (double)(s - warm) / (double)(r->steps - warm);
    return r->rates.rate * (r->last + (1 - r->last) * (1 + cos(M_PI * turn)) / 2);
}

/* 0 and the last; the powers of two up to 512; the thousands. */
static bool spaced(uint64_t s)
{
    return (s <= 512 && !(s & (s - 1))) || s % 1000 == 0;
}

bool train_run_saves(const struct train_run *r, uint64_t s)
{
    if (s == r->steps || (r->spaced_saves && spaced(s))) return true;
    for (size_t i = 0; i < r->saves; i++)
        if (r->save[i] == s) return true;
    return false;
}

bool train_run_tests(const struct train_run *r, uint64_t s)
{
    return (r->spaced_tests && spaced(s)) || train_run_saves(r, s);
}

uint64_t train_run_tokens(const struct train_run *r, uint64_t steps)
{
    return steps * r->rows * r->length;
}

double train_run_parameters(const struct train_run *r)
{
    return neox_parameters(&r->config, false) + (double)r->config.vocab * (double)r->config.hidden;
}

struct trainer_shape train_run_shape(const struct train_run *r, int threads)
{
    return (struct trainer_shape){.rows = r->rows, .length = r->length, .threads = threads};
}

json_t *train_run_json(const struct train_run *r)
{
    const struct neox_config *c = &r->config;
    const struct trainer_rates *a = &r->rates;
    json_t *saves = json_array();
    for (size_t i = 0; i < r->saves; i++)
        json_array_append_new(saves, json_integer((json_int_t)r->save[i]));
#define I(v) (json_int_t)(v)
    json_t *model = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s, s:b, s:b}", "layers", I(c->layers),
        "width", I(c->hidden), "heads", I(c->heads), "ffn", I(c->ffn), "rotary", I(c->rotary),
        "vocab", I(c->vocab), "positions", I(c->max_positions), "rope_theta", c->rope_theta, "eps",
        c->layer_norm_eps, "gelu", c->activation == NEOX_GELU_ERF ? "erf" : "tanh",
        "parallel_residual", c->parallel_residual, "attention_bias", c->attention_bias);
    json_t *adamw =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "rate", a->rate, "beta1", a->beta1, "beta2",
                  a->beta2, "epsilon", a->epsilon, "decay", a->decay, "clip", a->clip);
    return json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:s, s:f, s:f, s:o, s:I, s:b, s:b, s:o, s:s}", "name",
        json_utf8(r->name), "model", model, "length", I(r->length), "rows", I(r->rows), "steps",
        I(r->steps), "schedule", train_schedule_names[r->schedule], "warmup", r->warmup, "final",
        r->last, "adamw", adamw, "seed", I(r->seed), "spaced_saves", r->spaced_saves,
        "spaced_tests", r->spaced_tests, "saves", saves, "dtype", flat_dtype_name(r->dtype));
#undef I
}
