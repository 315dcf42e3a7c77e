/* suite.h - the Pythia suite as a table: shapes, parameters, training steps, tokens seen, names.
 *
 * Biderman et al., "Pythia" (arXiv 2304.01373) and the published config files. A model is a shape
 * (struct suite_model, one const row per size) and a variant of it (struct suite_id: deduplicated
 * data, the first release "v0", a PolyPythia seed). All functions are pure and thread-safe; nothing
 * is allocated.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SUITE_H
#define TRIPOD_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every model was trained on rows of 2049 tokens (2048 predictions), 1024 rows a step. The first
 * release trained 160m, 410m and 1.4b with 2048 rows a step for 71500 steps; their published
 * revisions were renamed so that an equal step means equal tokens, so tokens = step *
 * SUITE_STEP_TOKENS for every revision on the hub. (v0 evaluation files keep the real steps:
 * suite_v0_tokens.) */
#define SUITE_SEQUENCE    2048
#define SUITE_BATCH       1024
#define SUITE_STEP_TOKENS 2097152u
#define SUITE_FINAL_STEP  143000
#define SUITE_MAX_STEPS   154
#define SUITE_NAME_SIZE   64

struct suite_model {
    const char *size;     /* "70m": the name counts all parameters */
    const char *old_size; /* "19m": the name before 20 January 2023 counted without embeddings;
                             NULL: none */
    const char *label;    /* rounded non-embedding size, as the papers' plots print it */
    unsigned layers, width, heads;
    unsigned ffn, rotary; /* 4 * width; rotated dims of each head */
    unsigned vocab; /* padded to 128 * model-parallel degree; all rows take part in the softmax */
    double learning_rate; /* peak */
    uint64_t body;        /* parameters without embeddings: L (12 d^2 + 13 d) + 2 d */
    uint64_t total;       /* body + 2 V d */
    bool deduped;         /* a -deduped twin is published */
    bool seeds;           /* PolyPythia seeds 1..9 are published */
    bool v0;              /* part of the first release */
    bool v0_large_batch;  /* first release used 4 Mi tokens a step for 71500 steps */
};

/* By size; the array ends with size == NULL. */
extern const struct suite_model suite_models[];

struct suite_id {
    const struct suite_model *model;
    bool deduped;
    bool v0;
    unsigned seed; /* 0: the main run (seed 1234) */
};

/* Understands, case-insensitively and with an optional "EleutherAI/": pythia-70m,
 * pythia-70m-deduped, pythia-70m-v0, pythia-70m-deduped-v0, pythia-160m-seed3 (also -data-seed3,
 * -weight-seed3), pythia-v1.1-70m, pythia-1b-bf16, and the first release's own names (pythia-19m,
 * pythia-1.3b-deduped), which set v0. False when NAME is something else. */
bool suite_find(const char *name, struct suite_id *id);

/* The row of a shape (vocab 0: any), or NULL: names a checkpoint by its config. */
const struct suite_model *suite_by_shape(unsigned layers, unsigned width, unsigned heads,
                                         unsigned vocab);

/* "pythia-160m-deduped", "pythia-160m-seed3", "pythia-70m-v0". Returns buffer (SUITE_NAME_SIZE). */
char *suite_name(const struct suite_id *id, char *buffer, size_t size);

/* Model and training step from a path or a hub name. The model is the last component that holds a
 * suite name ("pythia-70m", "models--EleutherAI--pythia-70m", "pythia-70m-step3000",
 * "pythia-70m@step3000"); the step comes from "stepN" or "global_stepN" as a component, as a suffix
 * after - _ @ or :, or 143000 from the revision "main" written after @. NAME (SUITE_NAME_SIZE
 * bytes) gets the canonical name or ""; STEP the step or -1 when the path does not say. True when a
 * model was recognised. */
bool suite_parse_name(const char *path, char *name, int64_t *step);

/* "step3000" or "global_step3000" -> 3000; -1 for any other word. */
int64_t suite_step(const char *word);

/* The published checkpoints, ascending, into STEPS[SUITE_MAX_STEPS]: 154 (0, 1, 2, 4 ... 512, 1000,
 * 2000 ... 143000), or 143 without the early ones for v0. Returns how many. */
size_t suite_steps(const struct suite_id *id, uint32_t *steps);
bool suite_has_step(const struct suite_id *id, int64_t step);

/* Training tokens seen at a revision's step. */
uint64_t suite_tokens(int64_t step);

/* Training tokens at a REAL step of the first release, as its evaluation files count. */
uint64_t suite_v0_tokens(const struct suite_model *model, int64_t real_step);

#endif
