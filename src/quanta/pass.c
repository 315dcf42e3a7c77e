/* pass.c - see pass.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/pass.h"

#include <stdlib.h>

#include "models/neox/neox.h"
#include "src/base/file.h"

size_t pass_bytes(const struct pass_source *source, size_t longest)
{
    return neox_tape_bytes(source->model, longest) + (longest + 1) * sizeof(uint32_t);
}

int pass_open(struct pass *p, const struct pass_source *source, size_t longest, struct err *e)
{
    *p = (struct pass){.source = source};
    p->tokens = malloc((longest + 1) * sizeof *p->tokens);
    if (!p->tokens) return err_memory(e, source->model->flat->path);
    return neox_tape_open(&p->tape, source->model, longest, e);
}

void pass_close(struct pass *p)
{
    if (!p->source) return;
    neox_tape_close(&p->tape);
    free(p->tokens);
    *p = (struct pass){0};
}

static void take(void *context, size_t tensor, size_t at, size_t n, const float *values)
{
    const struct pass *p = context;
    p->taker->take(p->taker->context, p->source->coordinates->first[tensor] + at, values, n);
}

int pass_unit(struct pass *p, const struct unit *u, const size_t *order,
              const struct pass_taker *taker, struct err *e)
{
    const struct pass_source *s = p->source;
    const struct neox_gradients to = {take, p, s->coordinates->wanted};
    if (corpus_read(&s->samples->index.corpus, u->document, 0, u->longest + 1, p->tokens, e))
        return -1;
    p->taker = taker;
    neox_forward_kept(s->model, &p->tape, p->tokens, u->longest);
    for (size_t i = u->first; i < u->first + u->n; i++) {
        const size_t sample = order[i];
        taker->begin(taker->context, sample);
        float loss =
            neox_backward(s->model, &p->tape, p->tokens, s->samples->sample[sample].target, &to);
        if (taker->end(taker->context, sample, loss, e)) return -1;
    }
    return 0;
}

void pass_queue_take(struct pass_queue *q, struct pass *p, const struct pass_taker *taker)
{
    struct err e;
    int status = p->source ? 0 : pass_open(p, &q->source, q->longest, &e);
    while (!status && !err_status(&q->status) && !out_interrupted()) {
        size_t i;
#pragma omp atomic capture
        i = q->next++;
        if (i >= q->units.n) break;
        status = pass_unit(p, &q->units.unit[i], q->units.order, taker, &e);
        if (status) break;
#pragma omp atomic
        q->flop += q->units.unit[i].cost;
    }
    if (status) err_first(q->e, &q->status, &e);
}

/* What one of several samples of a document costs: all but the forward pass. */
static double forward_cost(const void *config, size_t n)
{
    return neox_flop(config, n, n - 1);
}

static double backward_cost(const void *config, size_t n)
{
    double without = neox_backward_flop(config, n) - forward_cost(config, n);
    return without > 0 ? without : 0;
}

struct units_cost pass_cost(const struct neox_config *config)
{
    return (struct units_cost){config, forward_cost, backward_cost};
}
