/* neox_tape.h - one thread's memory for gradients: what the forward pass of one document leaves for
 * the backward pass, and what that works in.
 *
 * Of every input and layer x, the queries, keys and values, the attention's output and the MLP before
 * its GELU are kept (5 d + ffn floats, in the sequential form d more); layer norms and GELUs are computed again, which is cheaper
 * than to read them back. A loss is of one position: in the last layer all other positions matter by
 * their keys and values alone, so there the MLP has one row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_TAPE_H
#define TRIPOD_NEOX_TAPE_H

#include "models/neox/neox_load.h"

/* The parts of a gradient whose time is added up. */
enum tape_phase {
    TAPE_FORWARD,   /* products of the forward pass */
    TAPE_INPUTS,    /* gradients of products' inputs: dX = dY W */
    TAPE_WEIGHTS,   /* of weights and biases: dW = dY^T X, and whoever takes them */
    TAPE_ATTENTION, /* forward and backward */
    TAPE_NORM,      /* layer norms, GELUs, embeddings, likewise */
    TAPE_HEAD,      /* the vocabulary, likewise */
    TAPE_PHASES
};
extern const char *const tape_phase_names[TAPE_PHASES];

/* What is kept of a layer: rows are the document's inputs. In the last layer mid and u have one row,
 * whichever position's loss is at hand. */
struct neox_kept {
    struct strips x;       /* [rows, d] the layer's input */
    struct strips qkv;     /* [rows, 3d] */
    struct strips context; /* [rows, d] the attention's output */
    struct strips mid;     /* [rows, d] what LN2 reads: x, or x with attention added */
    struct strips u;       /* [rows, ffn] the MLP before GELU */
    float *log_sums;       /* [heads][n] of the attention's scores */
};

struct neox_tape {
    size_t n;                 /* inputs of the one that is kept */
    struct neox_kept *layers; /* [layers] */
    struct strips out;        /* [1, d] the last layer's output at the position of the loss */
    /* The workspace. */
    struct strips dx;   /* [rows, d] the gradient of the residual stream */
    struct strips dc;   /* [rows, d] of the attention's output */
    struct strips h;    /* [rows, d] a layer norm's output, then its gradient */
    struct strips wide; /* [rows, max(ffn, 3d)] likewise of the MLP's inside, and of qkv */
    float *final;       /* [d] LN_f(out), as strips of one row */
    float *dlogits;     /* [vocab] likewise */
    float *vector;      /* [2][max(ffn, 3d)] gradients of biases and gains on their way out */
    uint64_t *order;    /* [rows] */
    void *scratch;
    double seconds[TAPE_PHASES], clock;
    void *memory;
    size_t bytes;
};

/* Bytes of a tape for documents of up to `rows` inputs. */
size_t neox_tape_bytes(const struct neox *model, size_t rows);

/* Allocated by the thread that uses it (first touch), for documents of up to `rows` inputs. MODEL must
 * be loaded for as many positions. Errors: out of memory. */
int neox_tape_open(struct neox_tape *tape, const struct neox *model, size_t rows, struct err *e);
/* Safe on a zeroed tape. */
void neox_tape_close(struct neox_tape *tape);

/* For the steps of a pass: the clock starts; the time since then goes to PHASE. */
void neox_tape_start(struct neox_tape *tape);
void neox_tape_lap(struct neox_tape *tape, enum tape_phase phase);

#endif
