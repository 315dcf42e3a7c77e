/* train_settings.h - what one training run of a language model is: shape, batches, rates, which steps are
 * kept and tested; and what it will take.
 *
 * Tokens are counted as predictions: a step sees rows x length of them. N is the parameters that
 * take part in products, the head among them and the embedding not (Hoffmann et al. 2022), so that 6 N D
 * is their work.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_SETTINGS_H
#define TRIPOD_TRAIN_SETTINGS_H

#include <jansson.h>

#include "models/train/trainer.h"

enum train_schedule { TRAIN_COSINE, TRAIN_CONSTANT };
extern const char *const train_schedule_names[3]; /* NULL-terminated */

enum { TRAIN_SAVES = 256, TRAIN_NAME = 96 };

struct train_run {
    char name[TRAIN_NAME]; /* what its checkpoints and points are called */
    struct neox_config config;
    size_t length, rows; /* of a batch: sequences of so many inputs */
    uint64_t steps;
    struct trainer_rates rates; /* rate: the peak */
    enum train_schedule schedule;
    double warmup, last; /* of the steps; of the peak, where the cosine ends */
    uint64_t seed;       /* of weights and order */
    bool spaced_saves;   /* checkpoints at Pythia's steps: 0, 1, 2, 4 .. 512, 1000, 2000 .. */
    bool spaced_tests;   /* validation there; else where there is a checkpoint */
    uint64_t save[TRAIN_SAVES]; /* more checkpoints, ascending; the last step is always one */
    size_t saves;
    enum simd_dtype dtype; /* of checkpoints' files */
};

/* A GPT-NeoX of LAYERS and WIDTH as the others of this program: heads of 32 numbers (one head where
 * the width is no multiple), a quarter of them turning, 4 x width inside, tanh GELU, parallel
 * residual; zeros of HEADS, FFN, ROTARY are chosen. */
struct neox_config train_config(size_t layers, size_t width, size_t heads, size_t ffn,
                                size_t rotary, size_t vocab, size_t length);

/* Pythia's settings but for the size, the rate and the warm-up (Pythia: 1 %); to be filled in: name, config,
 * steps, rates.rate. */
#define TRAIN_RUN                                                                                  \
    {                                                                                              \
        .length = 256, .rows = 16, .rates = TRAIN_RATES, .schedule = TRAIN_COSINE, .warmup = 0.05, \
        .last = 0.1, .spaced_saves = true, .spaced_tests = true, .dtype = SIMD_F32                 \
    }
#define TRAIN_RATES                                                                                \
    {                                                                                              \
        .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .decay = 0.1, .clip = 1                      \
    }

/* A peak rate follows the width: RATE is that of width 32, as 1 / sqrt(width). */
#define TRAIN_RATE 6e-3
double train_scaled_rate(double rate, size_t width);

/* The same for a model of WIDTH, with the peak RATE; 0: TRAIN_RATE, scaled. */
void train_run_defaults(struct train_run *r, size_t width, double rate);

/* 20 tokens a parameter (Hoffmann et al. 2022), but no more than 4 epochs of so many windows, beyond
 * which repeated text teaches little (Muennighoff et al. 2023); at least 1 step. */
uint64_t train_run_default_steps(const struct train_run *r, uint64_t windows);

/* Errors: settings out of range, by name. */
int train_run_check(const struct train_run *r, struct err *e);

/* The learning rate of the step after S steps, s = 0 .. steps - 1, with w = round(warmup steps): of the
 * peak (s + 1) / w for s < w, then last + (1 - last) (1 + cos(pi (s - w) / (steps - w))) / 2; or 1. */
double train_run_rate(const struct train_run *r, uint64_t s);

/* Whether there is a checkpoint, and a validation, after S steps. */
bool train_run_saves(const struct train_run *r, uint64_t s);
bool train_run_tests(const struct train_run *r, uint64_t s);

/* Predictions seen after so many steps. */
uint64_t train_run_tokens(const struct train_run *r, uint64_t steps);

/* N. */
double train_run_parameters(const struct train_run *r);

struct trainer_shape train_run_shape(const struct train_run *r, int threads);

/* All that a run's bits follow from but the data. New reference; NULL: out of memory. */
json_t *train_run_json(const struct train_run *r);

#endif
