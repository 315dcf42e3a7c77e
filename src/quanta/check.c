/* check.c - see check.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/quanta/gradients_exact.h"
#include "src/scan/plan.h"

/* The samples that are looked at. */
struct chosen {
    size_t n, *sample;      /* [n] */
    uint64_t *row;          /* [n] */
    float *loss;            /* [n] by the folder */
    float *again;           /* [n] */
    float *cosines, *exact; /* [n, n] */
};

static void free_chosen(struct chosen *c)
{
    free(c->sample);
    free(c->row);
    free(c->loss);
    free(c->again);
    free(c->cosines);
    free(c->exact);
}

/* The rows and losses of those that are chosen. */
static int read_samples(struct chosen *c, const struct sketches *s, struct err *e)
{
    uint64_t *row = malloc(s->n * sizeof *row);
    float *loss = malloc(s->n * sizeof *loss);
    int status = row && loss ? 0 : err_memory(e, s->folder);
    for (size_t i = 0; i < s->parts && !status; i++)
        status = sketches_samples(s->folder, &s->part[i].record, row, loss, e);
    for (size_t i = 0; i < c->n && !status; i++) {
        c->row[i] = row[c->sample[i]];
        c->loss[i] = loss[c->sample[i]];
    }
    free(row);
    free(loss);
    return status;
}

static int choose(struct chosen *c, const struct sketches *s, size_t samples, struct err *e)
{
    c->n = samples < s->n ? samples : s->n;
    c->sample = calloc(c->n, sizeof *c->sample);
    c->row = calloc(c->n, sizeof *c->row);
    c->loss = calloc(c->n, sizeof *c->loss);
    c->again = calloc(c->n, sizeof *c->again);
    c->cosines = calloc(c->n * c->n, sizeof *c->cosines);
    c->exact = calloc(c->n * c->n, sizeof *c->exact);
    if (!c->sample || !c->row || !c->loss || !c->again || !c->cosines || !c->exact)
        return err_memory(e, s->folder);
    for (size_t i = 0; i < c->n; i++) c->sample[i] = i * s->n / c->n;
    return read_samples(c, s, e);
}

/* The model is the one; so is the corpus. */
static int same_source(const struct gradients *g, const struct gradients_record *r, struct err *e)
{
    if (strcmp(g->record.weights, r->weights))
        return err_set(e, "%s: expected the model the gradients are of (%s), found other weights",
                       g->flat.path, r->model);
    if (strcmp(g->record.corpus_hash, r->corpus_hash))
        return err_set(e, "%s: expected the corpus the gradients are of, found another",
                       g->samples.index.corpus.prefix);
    return 0;
}

static int same_losses(const struct chosen *c, const struct gradients *g, struct err *e)
{
    for (size_t i = 0; i < c->n; i++)
        if (memcmp(&c->loss[i], &c->again[i], sizeof *c->loss))
            return err_set(e,
                           "%s: row %" PRIu64 ": expected the loss %.9g that the gradients are of, "
                           "found %.9g: another corpus",
                           g->samples.index.corpus.prefix, c->row[i], (double)c->loss[i],
                           (double)c->again[i]);
    return 0;
}

/* The rest of the request, as the record has it. */
static int same_request(struct gradients_request *o, const struct gradients_record *r,
                        const char *folder, struct err *e)
{
    struct protocol p;
    if (protocol_parse(&p, &o->samples.documents, r->protocol, folder, e)) return -1;
    o->samples.max_tokens = p.max_tokens;
    o->samples.train = p.rows;
    o->coordinates = r->coordinates;
    o->gelu = !strcmp(r->gelu, "erf") ? (int)NEOX_GELU_ERF : (int)NEOX_GELU_TANH;
    return 0;
}

int check_run(struct check_result *result, const struct sketches *s, const struct check_request *q,
              struct err *e)
{
    const struct gradients_record *r = &s->part[0].record;
    struct chosen c = {.n = 0};
    struct gradients_request o = {.model = q->model,
                                  .out = s->folder,
                                  .samples = {.corpus = q->corpus},
                                  .shards = 1,
                                  .threads = q->threads,
                                  .memory = q->memory,
                                  .kernels = q->kernels};
    struct gradients g = {0};
    if (s->exact)
        return err_set(e, "%s: holds cosines of whole gradients: there is nothing to check",
                       s->folder);
    int status = choose(&c, s, q->samples, e) || same_request(&o, r, s->folder, e) ? -1 : 0;
    if (!status) {
        o.samples.row = c.row;
        o.samples.row_n = c.n;
        status = gradients_open(&g, &o, e) || same_source(&g, r, e) ||
                         gradients_exact_cosines(&g, c.exact, c.again, e) || same_losses(&c, &g, e)
                     ? -1
                     : 0;
        gradients_close(&g);
    }
    if (!status) status = similarity_of(s, c.sample, c.n, q->kernels, c.cosines, e);
    if (!status) *result = (struct check_result){c.n, similarity_compare(c.cosines, c.exact, c.n)};
    free_chosen(&c);
    return status;
}
