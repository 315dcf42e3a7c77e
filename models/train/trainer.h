/* trainer.h - the training step of a GPT-NeoX model (Black et al. 2022) on CPUs: the gradient of the
 * mean loss of a batch of sequences, clipped by its norm, and AdamW.
 *
 * The weights are a flat model in memory, float32: neox_forward, the scan's loss and flat_write may
 * read it at any time between steps, and nothing is copied or packed for them. Beside each weight
 * stand its two moments and its gradient, in the same layout: 16 bytes a parameter.
 *
 * The numbers contract: the same bits for any number of threads, any cut of the batch into chunks
 * (which is by memory) and every instruction set. A sum over the batch's tokens is cut by 256 tokens
 * (64 in layer norms' gains), counted from the batch's first one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAINER_H
#define TRIPOD_TRAINER_H

#include "models/flat/memory.h"
#include "models/neox/neox_load.h"

/* A batch: `rows` sequences of `length` inputs each, whose targets are the tokens one further on. */
struct trainer_shape {
    size_t rows, length;
    int threads;  /* a team of so many computes a step together; 1: the caller alone */
    size_t chunk; /* tokens computed at a time, rounded to what is possible; 0: chosen */
};

/* One step's. */
struct trainer_rates {
    double rate; /* AdamW (Loshchilov & Hutter 2019, algorithm 2) */
    double beta1, beta2, epsilon;
    double decay; /* of matrices and embeddings; biases and layer norms have none */
    double clip;  /* the gradient's norm at most; 0: any */
};
/* Pythia's, but for the rate. */
#define TRAINER_RATES                                                                              \
    {                                                                                              \
        .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .decay = 0.1, .clip = 1        \
    }

/* The parts of a step whose time is added up. */
enum trainer_phase {
    TRAINER_FORWARD,   /* products of the forward pass */
    TRAINER_INPUTS,    /* gradients of products' inputs */
    TRAINER_WEIGHTS,   /* of weights and biases */
    TRAINER_ATTENTION, /* both ways */
    TRAINER_ELEMENTS,  /* layer norms, GELUs, embedding, likewise */
    TRAINER_HEAD,      /* the vocabulary, likewise */
    TRAINER_UPDATE,    /* norm and AdamW */
    TRAINER_PHASES
};
extern const char *const trainer_phase_names[TRAINER_PHASES];

struct trainer_pass; /* private: activations and the team */

struct trainer {
    struct flat_model flat; /* PATH "training" */
    struct neox model;      /* of flat, for max(length, config.max_positions) positions */
    /* Weights, AdamW's moments, and the last gradient (of the mean loss; after a step as clipped),
     * each `floats` long, laid out as flat_floats has it. A run is gone on with by writing w, m, v
     * and steps. */
    float *w, *m, *v, *g;
    size_t floats;
    uint64_t steps; /* done */
    struct trainer_shape shape;
    struct trainer_pass *pass;
    double seconds[TRAINER_PHASES]; /* the team's first thread's */
};

/* A new model, drawn by SEED as Pythia was: embeddings, query_key_value, dense_h_to_4h and embed_out
 * from normal(0, 2 / (5 d)) ("small init", Nguyen & Salazar 2019), the layers' outputs, dense and
 * dense_4h_to_h, from a deviation of 2 / (L sqrt(d)) (Wang & Komatsuzaki 2021); biases 0, gains 1.
 * Draws follow from seed, tensor and element alone. Errors: not a GPT-NeoX, tied embeddings, a bad
 * shape, out of memory. The caller closes; what it points to must not move in memory. */
int trainer_open(struct trainer *t, const struct neox_config *config,
                 const struct trainer_shape *shape, uint64_t seed, const struct kernels *kernels,
                 struct err *e);
/* Safe on a zeroed trainer. */
void trainer_close(struct trainer *t);

/* Bytes of it all: 16 a parameter and the activations of one chunk. */
uint64_t trainer_bytes(const struct neox_config *config, const struct trainer_shape *shape);

/* t->g becomes the gradient of the mean loss of TOKENS [rows][length + 1], ids below the vocabulary's
 * size; returns that mean in nats (losses are the scan's own, bit for bit, and summed in order). */
double trainer_gradient(struct trainer *t, const uint32_t *tokens);

/* The same, then one step of AdamW. Returns the mean loss before it; *norm, unless NULL, is the
 * gradient's before it was clipped. From inside an OpenMP parallel region a team of more than one
 * needs omp_set_max_active_levels. Trainers are independent of each other. */
double trainer_step(struct trainer *t, const uint32_t *tokens, const struct trainer_rates *rates,
                    double *norm);

/* FLOP of a step: 6 a token and parameter but for the embedding's, whose rows are only looked up (so
 * the head's count: their work is done); and the true ones, causal attention with them. */
double trainer_flop_6nd(const struct neox_config *config, const struct trainer_shape *shape);
double trainer_flop(const struct neox_config *config, const struct trainer_shape *shape);

#endif
