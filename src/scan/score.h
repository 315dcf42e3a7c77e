/* score.h - the loss of every token of every request's continuation under one model, and whether it
 * was the model's first choice.
 *
 * What is shared: requests of equal tokens are computed once. Of requests that begin alike (a
 * question's choices, a task's examples) the common beginning is computed once, as far as it is
 * context, where they fit into one batch: the others' rows attend to its keys and values. So
 * continuations of one token after one context cost a row each. Neither changes a bit: a token's
 * loss is the one that scan gives it after the same tokens.
 *
 * A request longer than the model's context loses its first tokens, as in lm-evaluation-harness's
 * `hf` model: the last max_positions + 1 are kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SCORE_H
#define TRIPOD_SCORE_H

#include "src/scan/requests.h"
#include "src/scan/scan.h"

/* Inputs of the longest request for a context of `positions`: what the model is to be loaded for.
 * Errors: a continuation longer than the context; an id >= vocabulary. Both name the line. */
int score_longest(const struct requests *r, size_t positions, size_t vocabulary, size_t *longest,
                  struct err *e);

struct score_result {
    double seconds;  /* wall */
    double busy;     /* seconds inside the forward pass, summed over threads */
    uint64_t inputs; /* rows computed now */
    uint64_t tokens; /* of continuations, computed now */
};

/* Computes the losses that FILE, for r->predictions, does not have, and keeps them there at the
 * requests' places, nats; with the sign bit set where the token is the greatest logit's (the lowest
 * id of equal ones). Threads, batches, the end and interrupts as in scan.h; progress is reported as
 * inputs. Errors: out of memory, FILE's. */
int score_model(const struct neox *model, const struct requests *r,
                const struct scan_options *options, struct loss_file *file,
                struct score_result *result, struct err *e);

/* One request's answer. */
struct score {
    double log_likelihood; /* nats, the sum over the continuation's tokens */
    bool greedy;           /* every one of them was the first choice */
};
struct score score_of(const struct requests *r, size_t i, const float *loss);

/* A mean over requests or lines with its standard error (sample deviation / sqrt n), NaN where
 * there is none. */
struct score_mean {
    double value, error;
    uint64_t n;
};

/* What harnesses report. Accuracy is how often the choice of the greatest log-likelihood is gold's:
 * as it is (acc), per character of the choice (acc_norm, as lm-evaluation-harness), per byte
 * (acc_bytes), per token; of equal ones the first. Without choices: how often greedy decoding would
 * have produced the continuation, and exp of minus the mean log-likelihood of a continuation
 * (LAMBADA's perplexity of the last word). */
struct score_summary {
    struct score_mean acc, acc_norm, acc_bytes, acc_tokens; /* of lines with choices and gold */
    struct score_mean greedy, perplexity;                   /* of lines without choices */
    double log_likelihood;                                  /* of all requests */
};
struct score_summary score_sum_up(const struct requests *r, const float *loss);

/* The choice that each rule takes on a line, an index: by log-likelihood, per character, per byte, per
 * token. Per character and byte -1 where the choices were given as ids. */
struct score_choice {
    int64_t best, norm, bytes, tokens;
};
struct score_choice score_choose(const struct requests *r, size_t line, const float *loss);

#endif
