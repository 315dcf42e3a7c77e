/* train_validation.c - see train_validation.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_validation.h"

#include <stdlib.h>

enum { ROWS = 2048 /* inputs of a pass, unless a window has more */ };

/* Documents that hold MOST tokens. */
static size_t enough(const struct corpus *c, uint64_t most)
{
    uint64_t tokens = 0;
    size_t n = 0;
    while (n < c->documents && (!most || tokens < most)) tokens += corpus_length(c, n++);
    return n;
}

/* Every piece with its tokens and the place of its losses. */
static int make_pieces(struct train_validation *v, struct err *e)
{
    struct piece p = {.document = v->plan.begin};
    for (v->pieces = 0; plan_next(&v->plan, &p);) v->pieces++;
    v->piece = calloc(v->pieces, sizeof *v->piece);
    v->tokens = malloc((v->plan.inputs + v->pieces) * sizeof *v->tokens);
    v->losses = malloc(v->plan.predictions * sizeof *v->losses);
    if (!v->piece || !v->tokens || !v->losses) return err_memory(e, v->corpus.prefix);
    uint32_t *at = v->tokens;
    p = (struct piece){.document = v->plan.begin};
    for (size_t i = 0; plan_next(&v->plan, &p); i++) {
        if (corpus_read(&v->corpus, p.document, p.first, p.n + 1, at, e)) return -1;
        v->piece[i] =
            (struct neox_piece){.tokens = at, .n = p.n, .skip = p.skip, .loss = v->losses + p.loss};
        at += p.n + 1;
    }
    return 0;
}

int train_validation_open(struct train_validation *v, const char *prefix, size_t length,
                          uint64_t most, size_t vocab, struct err *e)
{
    const struct protocol protocol = {.window = length, .stride = length};
    *v = (struct train_validation){.hash = 0};
    if (protocol_open_corpus(&v->corpus, &protocol, prefix, e)) return -1;
    v->corpus.limit = (uint32_t)vocab;
    v->documents = enough(&v->corpus, most);
    v->protocol = protocol_text(&protocol, v->documents < v->corpus.documents ? v->documents : 0);
    if (!v->protocol) return err_memory(e, prefix);
    if (corpus_hash(&v->corpus, v->documents, &v->hash, e)) return -1;
    if (plan_make(&v->plan, &v->corpus, &protocol, 0, v->documents, e)) return -1;
    return make_pieces(v, e);
}

void train_validation_close(struct train_validation *v)
{
    free(v->piece);
    free(v->tokens);
    free(v->losses);
    free(v->protocol);
    plan_free(&v->plan);
    corpus_close(&v->corpus);
    *v = (struct train_validation){.hash = 0};
}

/* The first piece after FIRST that no longer fits into a pass with it. */
static size_t pass_end(const struct train_validation *v, size_t first, size_t rows)
{
    size_t end = first, sum = 0;
    while (end < v->pieces && sum + v->piece[end].n <= rows) sum += v->piece[end++].n;
    return end;
}

int train_validation_measure(struct train_validation *v, const struct neox *model, int threads,
                             struct moments *sums, struct err *e)
{
    const size_t rows = v->plan.longest > ROWS ? v->plan.longest : ROWS;
    size_t next = 0;
    int status = 0;
#pragma omp parallel num_threads(threads)
    {
        struct neox_run run;
        struct err mine;
        if (neox_run_open(&run, model, rows, &mine)) {
#pragma omp critical(train_validation)
            err_first(e, &status, &mine);
        } else {
            for (;;) {
                size_t first, end;
#pragma omp critical(train_validation)
                {
                    first = next;
                    end = next = pass_end(v, first, rows);
                }
                if (first == end) break;
                neox_forward(model, &run, v->piece + first, end - first);
            }
            neox_run_close(&run);
        }
    }
    if (status) return -1;
    *sums = (struct moments){0};
    const float *loss = v->losses;
    for (size_t i = v->plan.begin; i < v->plan.end; i++) {
        const size_t n = plan_predictions(&v->plan, i);
        moments_document(sums, loss, n);
        loss += n;
    }
    return 0;
}
