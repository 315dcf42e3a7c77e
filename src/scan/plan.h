/* plan.h - which tokens of a corpus are predicted, from which context, and where each loss goes.
 *
 * Protocols: a document's first `max_tokens` tokens in one piece (the papers' 1024), or all of it
 * in windows of `window` inputs that start every `stride` inputs, the first window - stride
 * predictions of each later window being context only. Either way a document of T (truncated)
 * tokens gives T - 1 losses, in order; documents of fewer than two tokens give none.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLAN_H
#define TRIPOD_PLAN_H

#include "src/text/train_rows.h"

struct protocol {
    size_t max_tokens;      /* truncate documents to so many; 0: do not (then window is set) */
    size_t window;          /* inputs of a window; 0: no windows */
    size_t stride;          /* 1 .. window */
    struct train_rows rows; /* of a preshuffled corpus, which are the documents then */
};

/* "max-tokens 1024", "max-tokens 0 window 2048 stride 1024 documents 100", "max-tokens 2049 rows
 * 1024:2048", as a record has it. DOCUMENTS: only the first so many, 0: all. The caller frees; NULL
 * when out of memory. */
char *protocol_text(const struct protocol *protocol, size_t documents);
/* Reads that back; PATH is for the message. */
int protocol_parse(struct protocol *protocol, size_t *documents, const char *text, const char *path,
                   struct err *e);

/* One pass through the model: inputs first .. first + n of a document, token first + n being the
 * last target. Its first loss (input first + skip's) is number `loss` of the plan's. */
struct piece {
    size_t document, first, n, skip;
    uint64_t loss;
};

enum { PROTOCOL_MAX_TOKENS = 1024 }; /* the papers' */

/* Opens the corpus PREFIX as the protocol has it: all of it, or its rows alone. Errors: corpus_open's,
 * train_rows_take's. */
int protocol_open_corpus(struct corpus *c, const struct protocol *protocol, const char *prefix,
                         struct err *e);

/* Fills in what was not said, 0: without windows documents are cut to PROTOCOL_MAX_TOKENS, training
 * rows to TRAIN_TOKENS, which is all of them; windows follow one another. */
void protocol_complete(struct protocol *protocol);

/* Inputs of a document of so many tokens: all but the last, after truncation. Each but context
 * predicts. */
size_t protocol_inputs(const struct protocol *protocol, size_t tokens);

/* Sums over pieces of n inputs, s of them scored. The FLOP of any model follow from them (neox_cost). */
struct piece_sums {
    unsigned __int128 rows, pairs, near,
        scored; /* of n, n (n + 1), neox_pairs within NEOX_NEAR, s */
};

/* Adds the pieces of a document of so many inputs. */
void piece_sums_add(struct piece_sums *sums, const struct protocol *protocol, uint64_t inputs);

/* A plan takes a few bytes for every thousand documents: the corpus's index has their lengths. */
struct plan {
    struct protocol protocol;
    const struct corpus *corpus;
    size_t begin, end; /* its documents */
    size_t documents;  /* those of them that predict anything */
    struct piece_sums sums;
    uint64_t predictions; /* of the sums: scored */
    uint64_t inputs;      /* rows to compute, context included */
    size_t longest;       /* inputs of the longest piece */
    /* private */
    uint64_t *before; /* predictions before every PLAN_BLOCK-th document, and all of them */
    uint8_t *drawn;   /* plan_draw: a bit a document; NULL: all of them */
};
enum { PLAN_BLOCK = 1024 };

/* Plans the documents [begin, end) of the corpus, END cut to what it has. The corpus must outlive the
 * plan. Errors: nothing to predict; out of memory. */
int plan_make(struct plan *plan, const struct corpus *corpus, const struct protocol *protocol,
              size_t begin, size_t end, struct err *e);
void plan_free(struct plan *plan);

/* The plan of N documents of PLAN's, drawn without replacement from those that predict anything
 * (0: all of these); the same ones for the same SEED wherever it is drawn. The others stay in it
 * with no predictions. *drawn: how many, fewer where there are fewer. */
int plan_draw(struct plan *part, const struct plan *plan, size_t n, uint64_t seed, size_t *drawn,
              struct err *e);

/* Predictions of a document, and those before it (up to PLAN_BLOCK lengths are read for that: going
 * through documents or pieces, keep count). DOCUMENT: begin .. end - 1; of plan_offset: .. end. */
size_t plan_predictions(const struct plan *plan, size_t document);
uint64_t plan_offset(const struct plan *plan, size_t document);

/* Steps through the pieces in order: start from a zeroed piece with document = begin. False at the
 * end. */
bool plan_next(const struct plan *plan, struct piece *piece);

#endif
