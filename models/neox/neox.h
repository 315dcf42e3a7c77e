/* neox.h - GPT-NeoX (Black et al. 2022), the architecture of Pythia: a loaded model and one pass
 * over a batch.
 *
 * The model is read-only and shared by all threads; a run is one thread's workspace, and threads
 * that compute one batch together have runs with common activations. Losses follow
 * Hugging Face's GPTNeoXForCausalLM: exact-erf GELU unless asked otherwise, softmax over every
 * padded vocabulary row, no BOS, positions from 0 at each piece.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_H
#define TRIPOD_NEOX_H

#include "models/flat/flat.h"
#include "simd/simd.h"

struct neox_layer {
    const float *ln1_weight, *ln1_bias; /* input_layernorm [d] */
    const float *ln2_weight, *ln2_bias; /* post_attention_layernorm [d] */
    struct panels qkv, dense;           /* [3d, d], [d, d] */
    const float *qkv_bias, *dense_bias; /* [3d], [d]; NULL without attention_bias */
    struct panels up, down;             /* dense_h_to_4h [ffn, d], dense_4h_to_h [d, ffn] */
    const float *up_bias, *down_bias;   /* [ffn], [d] */
};

enum neox_gemm { NEOX_NATIVE, NEOX_ONEDNN };

struct neox {
    struct neox_config config;
    const struct kernels *kernels;
    enum neox_gemm gemm;
    const void *embedding; /* [vocab, d] row-major */
    enum simd_dtype embedding_dtype;
    struct neox_layer *layers;
    const float *final_weight, *final_bias; /* [d] */
    struct panels unembedding;              /* embed_out [vocab, d] */
    struct attention_shape attention;       /* with tables of `positions` rows */
    size_t positions;
    float *vectors; /* every vector above widened to f32, one allocation */
    size_t vectors_bytes;
    float *angles; /* the cosine and sine tables */
};

/* Prepares FLAT, which must outlive the model, for sequences of up to `positions` inputs. Nothing
 * large is copied: the weights stay in the map. Errors: a tensor is missing (cannot happen after
 * flat_open), out of memory. */
int neox_load(struct neox *model, const struct flat_model *flat, const struct kernels *kernels,
              enum neox_gemm gemm, size_t positions, struct err *e);
void neox_unload(struct neox *model);

/* The phases whose time a run adds up. */
enum neox_phase {
    PHASE_EMBED,
    PHASE_NORM,
    PHASE_QKV,
    PHASE_ATTENTION,
    PHASE_DENSE,
    PHASE_MLP,
    PHASE_HEAD,
    NEOX_PHASES
};
extern const char *const neox_phase_names[NEOX_PHASES];

/* One thread's workspace for up to `rows` inputs. Allocated by the thread that uses it (first
 * touch). As one of `members` threads of a team it computes the share of `member`: its rows, and in
 * attention, where rows need each other, its heads. */
struct neox_run {
    size_t rows;
    int member, members;        /* 0 of 1: alone */
    struct strips x, h;         /* residual stream [rows, d]; normalised input [rows, d] */
    struct strips qkv, context; /* [rows, 3d], [rows, d] */
    struct strips inner; /* [rows, ffn], in the memory of qkv and context: they are dead by then */
    uint32_t *targets;   /* of the scored rows */
    void *scratch;
    double seconds[NEOX_PHASES];
    void *memory;
    size_t bytes;
};

int neox_run_open(struct neox_run *run, const struct neox *model, size_t rows, struct err *e);
/* A run that shares the activations of COMMON, which must outlive it, as MEMBER of MEMBERS. */
int neox_run_join(struct neox_run *run, const struct neox_run *common, const struct neox *model,
                  int member, int members, struct err *e);
void neox_run_close(struct neox_run *run);

/* A piece: consecutive inputs of one document, positions from 0. tokens[0 .. n] are the n inputs
 * and, one further, the last target; the first `skip` predictions are context only and have no
 * loss. */
struct neox_piece {
    const uint32_t *tokens; /* n + 1 ids, each below the vocabulary's size */
    size_t n, skip;         /* 0 <= skip < n */
    float *loss;            /* n - skip values in nats are written here */
};

/* The losses of a batch of pieces with sum n <= run->rows. Every loss has the same bits whatever
 * the batch and the number of members. A team's members are all the threads of an OpenMP parallel
 * region; each calls this with the same pieces, and all losses are there when all have returned. */
void neox_forward(const struct neox *model, struct neox_run *run, const struct neox_piece *pieces,
                  size_t count);

/* Useful FLOP of one piece: products 2 d (12 d + ...) per layer by the real shapes, causal
 * attention counted by its lower triangle, the head on the scored rows: for Pythia's shapes n (24
 * d^2 L + 2 d V) + 2 d L n (n + 1). */
double neox_flop(const struct neox_config *config, size_t n, size_t skip);

#endif
