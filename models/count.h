/* count.h - parameters and floating-point operations of transformer language models, by part, under
 * the field's named conventions.
 *
 * "N parameters" and "C FLOP" mean different things in different papers; a fit that mixes them
 * moves the exponents. Here every part is counted once and a convention is a named sum of parts.
 * Counts are exact integers (uint64_t); FLOPs are doubles (exact below 2^53). All functions are
 * pure and thread-safe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_COUNT_H
#define TRIPOD_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum count_family {
    COUNT_GPT,        /* GPT-2, nanoGPT: learned positions, tied head, biases everywhere */
    COUNT_NEOX,       /* GPT-NeoX, Pythia: rotary positions, untied head, biases everywhere */
    COUNT_CHINCHILLA, /* Hoffmann et al.: relative positions (Transformer-XL), output matrix counted
                       */
    COUNT_ENCODER, /* torch TransformerEncoder as a decoder (MinChilla): no final norm, head bias */
};

struct count_config {
    enum count_family family;
    uint64_t layers, width, heads;
    uint64_t key;      /* size of one head's keys; 0: width / heads */
    uint64_t ffn;      /* 0: 4 * width */
    uint64_t vocab;    /* rows of the embedding, padding included */
    uint64_t sequence; /* tokens of context: positions table, attention's FLOPs */
    bool no_attention_bias;
    bool no_qkv_bias;       /* the output of attention has one all the same (GPT-Neo) */
    uint64_t local, window; /* so many layers see `window` positions only (GPT-Neo), in FLOPs */
    bool tied;              /* head and embedding are one matrix */
    /* Chinchilla only: count attention with width where heads * key is meant, as the nanoGPT
     * notebook does. Six of the 50 models of Table A9 have heads * key != width and come out wrong
     * by 2-7 %. */
    bool square_attention;
};

struct count_params {
    uint64_t embedding; /* V d */
    uint64_t positions; /* learned absolute positions: s d */
    uint64_t attention; /* all layers: query, key, value, output; with biases */
    uint64_t relative;  /* all layers: relative-position keys and their two biases */
    uint64_t mlp;       /* all layers */
    uint64_t norms;     /* all layers and the final one */
    uint64_t head;      /* V d (+ V); 0 when tied */
};

/* Forward pass of one sequence: one multiply-add is two FLOP. Where s^2 stands local layers have the
 * pairs less than a window w apart, (2 w - 1) s - w (w - 1). */
struct count_flops {
    double embedding; /* 2 s V d: the lookup counted as a product (Hoffmann et al., appendix F) */
    double qkv;       /* all layers: 3 * 2 s d I, I = heads * key */
    double scores;    /* all layers: 2 s^2 I */
    double softmax;   /* all layers: 3 heads s^2 */
    double values;    /* all layers: 2 s^2 I */
    double output;    /* all layers: 2 s I d */
    double mlp;       /* all layers: 2 s 2 d f */
    double logits;    /* 2 s d V */
};

/* Which parameters N means. */
enum count_n {
    COUNT_N_BODY,  /* neither embedding nor head (Kaplan; the Pythia and quantization papers) */
    COUNT_N_HEAD,  /* body + output matrix: what takes part in matrix products (Chinchilla, nanoGPT)
                    */
    COUNT_N_TOTAL, /* every stored number, a tied matrix once */
};

/* Training FLOP per token. */
enum count_f {
    COUNT_F_6N_BODY,   /* 6 N_body (Kaplan et al.) */
    COUNT_F_6N_HEAD,   /* 6 N_head */
    COUNT_F_6N_TOTAL,  /* 6 N_total: "C = 6 N D" with all parameters */
    COUNT_F_ATTENTION, /* 6 N_head + 6 s d layers: causal attention, mean context s/2 (Porian et
                          al.), less where layers are local */
    COUNT_F_APPENDIX,  /* 3 x forward, embedding and logits included (Hoffmann et al., appendix F,
                          text) */
    COUNT_F_LAYERS, /* 3 x forward of the layers only: what reproduces Hoffmann et al., Table A4 */
    COUNT_F_EXACT,  /* 3 x (layers + logits, causal: half of scores, softmax and values): the work a
                       good implementation cannot avoid */
    COUNT_F_RULES
};

struct count_rule {
    const char *name; /* "6N-body", as --flop takes it */
    const char *text;
};
extern const struct count_rule count_rules[COUNT_F_RULES];

/* Fills defaults (key, ffn), checks that every size is at least 1 and small enough that no count
 * overflows 63 bits, and that heads divide width where key is not given. */
int count_check(struct count_config *c, struct err *e);

/* Both want a config that passed count_check. */
void count_params(const struct count_config *c, struct count_params *p);
void count_flops(const struct count_config *c, struct count_flops *f);

uint64_t count_n(const struct count_params *p, const struct count_config *c, enum count_n which);

/* Training FLOP per token under a rule. */
double count_training(const struct count_config *c, enum count_f rule);

/* Forward FLOP per token at a mean context of CONTEXT tokens: 2 N_head + 4 context I layers,
 * less where layers are local. What a scan of documents costs. */
double count_forward(const struct count_config *c, double context);

/* Hoffmann et al., Table A9: the 50 models. */
struct count_a9 {
    double millions; /* as published */
    unsigned width, ffn, key, heads, layers;
};
#define COUNT_A9 50
extern const struct count_a9 count_a9[COUNT_A9];

/* By enum count_family; NULL-terminated. */
extern const char *const count_families[];

/* The configuration of a member of the Pythia suite. */
struct suite_model;
void count_from_suite(const struct suite_model *m, struct count_config *c);

/* That of config.json of a GPT-NeoX, GPT-Neo or GPT-2 folder, checked. Errors name PATH and the key. */
int count_from_config(const char *path, struct count_config *c, struct err *e);

#endif
