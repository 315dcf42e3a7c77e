/* sweep_runs.c - see sweep_runs.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/sweep_runs.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/file.h"
#include "src/base/progress.h"

void sweep_run_of(const struct sweep_cell *c, struct train_run *r)
{
    const struct count_config *s = &c->shape;
    train_run_defaults(r, s->width, c->rate);
    snprintf(r->name, sizeof r->name, "%s", c->name);
    r->config = train_config(s->layers, s->width, s->heads, s->ffn, s->key, s->vocab, s->sequence);
    r->length = s->sequence;
    r->rows = c->rows;
    r->steps = c->steps;
    r->seed = c->seed;
    r->spaced_saves = r->spaced_tests = false;
}

/* --- what counting predicts --- */

static int count_stream(struct grams *g, const struct train_data *d, struct err *e)
{
    uint32_t ids[TRAIN_SECTION];
    for (size_t i = 0; i < d->n; i++) {
        const struct train_section *s = &d->sections[i];
        if (corpus_read(d->corpus, s->document, s->first, s->n, ids, e) ||
            grams_add(g, ids, s->n, e))
            return -1;
    }
    return 0;
}

int sweep_plateau_measure(struct sweep_plateau *p, const struct sweep_how *how, struct err *e)
{
    struct grams g;
    struct corpus held;
    struct grams_loss loss = {.tokens = 0};
    uint32_t *ids = NULL;
    uint64_t read = 0;
    if (corpus_open(&held, how->validation, e)) return -1;
    held.limit = how->data->corpus->limit;
    int status = grams_open(&g, held.limit, e);
    if (!status) status = count_stream(&g, how->data, e);
    for (size_t i = 0; i < held.documents && !status; i++) {
        const size_t n = corpus_length(&held, i);
        if (how->validation_tokens && read >= how->validation_tokens) break;
        uint32_t *more = realloc(ids, (n + 1) * sizeof *ids);
        if (more) ids = more;
        status = more ? corpus_read(&held, i, 0, n, ids, e) : err_memory(e, held.prefix);
        if (!status) grams_measure(&g, ids, n, &loss);
        read += n;
    }
    *p = (struct sweep_plateau){loss.unigram / (double)loss.tokens,
                                loss.bigram / (double)loss.tokens};
    free(ids);
    grams_close(&g);
    corpus_close(&held);
    return status;
}

/* --- training --- */

static char *cell_path(const struct sweep_how *how, const struct sweep_cell *c, const char *file)
{
    return format_string("%s/%s%s", how->folder, c->name, file);
}

/* Cells to run that have no record. */
static size_t unfinished(const struct sweep_plan *p, const struct sweep_how *how)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->cells[i].skip != SWEEP_RUN) continue;
        char *path = cell_path(how, &p->cells[i], "/train.json");
        n += !path || !file_exists(path);
        free(path);
    }
    return n;
}

static int run_cell(const struct sweep_cell *c, const struct sweep_how *how, int team,
                    const int *stop, struct train_done *done, struct err *e)
{
    struct train_run r;
    char *folder = cell_path(how, c, "");
    *done = (struct train_done){.there = false};
    if (!folder) return err_memory(e, c->name);
    const struct train_how here = {.folder = folder,
                                   .data = how->data,
                                   .validation = how->validation,
                                   .validation_tokens = how->validation_tokens,
                                   .kernels = how->kernels,
                                   .threads = team,
                                   .keep_seconds = how->keep_seconds,
                                   .stop = stop};
    sweep_run_of(c, &r);
    int status = make_directories(folder, e);
    if (!status) status = train_run_do(&r, &here, done, e);
    free(folder);
    return status;
}

int sweep_runs(const struct sweep_plan *p, const struct sweep_how *how, struct sweep_tally *tally,
               struct err *e)
{
    uint64_t tokens = 0;
    size_t ran = 0, there = 0, diverged = 0;
    double flop = 0;
    int status = 0;
    const size_t left = unfinished(p, how);
    const int team = left && left < (size_t)how->threads ? how->threads / (int)left : 1;
    for (size_t i = 0; i < p->n; i++)
        if (p->cells[i].skip == SWEEP_RUN) tokens += p->cells[i].D;
    progress_begin("training", "tokens", tokens);
    out_catch_interrupts(true);
    omp_set_max_active_levels(2); /* runs, and the team of each */
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : ran, there, diverged, flop)            \
    num_threads(how->threads / team)
    for (size_t i = 0; i < p->n; i++) {
        struct err mine;
        struct train_done done;
        const struct sweep_cell *c = &p->cells[i];
        if (c->skip != SWEEP_RUN || err_status(&status) || out_interrupted()) continue;
        if (run_cell(c, how, team, &status, &done, &mine)) {
            diverged += done.diverged;
            if (done.diverged)
                progress_warn("%s", mine.text);
            else
                err_first(e, &status, &mine);
            continue;
        }
        ran += !done.there;
        there += done.there;
        flop += c->C * (double)(done.end - done.first) / (double)c->steps;
        if (done.there) progress_add(c->D);
    }
    out_catch_interrupts(false);
    progress_end();
    *tally = (struct sweep_tally){ran, there, diverged, team, flop};
    if (!status && out_interrupted())
        return err_kind(e, ERR_INTERRUPTED, "%s: interrupted; the same command goes on",
                        how->folder);
    return status;
}

/* --- results --- */

int sweep_read(const struct sweep_plan *p, const struct sweep_how *how, double bigram,
               struct sweep_found *found, struct err *e)
{
    struct train_validation v = {.hash = 0};
    int status = 0;
    for (size_t i = 0; i < p->n && !status; i++) {
        const struct sweep_cell *c = &p->cells[i];
        struct train_run r;
        struct train_result x;
        found[i] = (struct sweep_found){.there = false};
        char *path = cell_path(how, c, "/train.json");
        if (!path) return err_memory(e, c->name);
        if (c->skip == SWEEP_RUN && file_exists(path)) {
            const struct train_whole whole = {.run = &r, .data = how->data, .validation = &v};
            sweep_run_of(c, &r);
            if (!v.protocol)
                status = train_validation_open(&v, how->validation, c->shape.sequence,
                                               how->validation_tokens, c->shape.vocab, e);
            if (!status) status = train_record_read(path, &whole, &x, e);
            if (!status)
                found[i] =
                    (struct sweep_found){true, plateau_holds(x.loss, bigram), x.loss, x.error};
        }
        free(path);
    }
    train_validation_close(&v);
    return status;
}

static int write_csv(const struct sweep_plan *p, const struct sweep_found *found,
                     const char *folder, const char *name, bool all, struct err *e)
{
    struct out out = {.slot = -1};
    char *path = format_string("%s/%s", folder, name);
    int status = path ? out_open(&out, path, e) : err_memory(e, folder);
    free(path);
    if (status) return -1;
    status = out_printf(&out, e, "run,N,D,C,step,loss,error,seed,budget,epochs,plateau\n");
    for (size_t i = 0; i < p->n && !status; i++) {
        const struct sweep_cell *c = &p->cells[i];
        if (!found[i].there || (found[i].plateau && !all)) continue;
        status = out_printf(&out, e,
                            "%s,%" PRIu64 ",%" PRIu64 ",%.17g,%" PRIu64 ",%.17g,%.6g,%" PRIu64
                            ",%.10g,%.6g,%d\n",
                            c->name, c->N, c->D, c->C, c->steps, found[i].loss, found[i].error,
                            c->seed, c->budget, c->epochs, found[i].plateau);
    }
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

int sweep_points_write(const struct sweep_plan *p, const struct sweep_found *found,
                       const char *folder, struct err *e)
{
    if (write_csv(p, found, folder, "points.csv", false, e)) return -1;
    return write_csv(p, found, folder, "runs.csv", true, e);
}
