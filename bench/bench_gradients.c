/* bench_gradients.c - `tripod bench gradients`: forward and backward pass of one token's loss, a
 * sample a thread, beside the FMA peak.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/neox/neox_backward.h"
#include "models/suite.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/quanta/coordinates.h"

/* Samples of one length under one model. */
struct samples {
    const struct neox *model;
    size_t tokens;
    uint32_t *ids;                  /* [tokens + 1] */
    struct coordinates coordinates; /* published: as quanta computes them */
    struct neox_tape *tapes;        /* [threads] */
};

/* The time of whoever takes a gradient is measured with it, not here. */
static void drop(void *context, size_t tensor, size_t at, size_t n, const float *values)
{
    (void)context, (void)tensor, (void)at, (void)n, (void)values;
}

static void run_sample(void *context, int thread)
{
    const struct samples *s = context;
    const struct neox_gradients to = {drop, NULL, s->coordinates.wanted};
    neox_forward_kept(s->model, &s->tapes[thread], s->ids, s->tokens);
    neox_backward(s->model, &s->tapes[thread], s->ids, s->tokens, &to);
}

static void samples_free(const struct bench *bench, struct samples *s)
{
    for (int t = 0; s->tapes && t < bench->threads; t++) neox_tape_close(&s->tapes[t]);
    free(s->tapes);
    free(s->ids);
    coordinates_close(&s->coordinates);
}

static int samples_new(const struct bench *bench, struct samples *s, const struct neox *model,
                       size_t tokens, struct err *e)
{
    *s = (struct samples){.model = model, .tokens = tokens};
    s->ids = malloc((tokens + 1) * sizeof *s->ids);
    s->tapes = calloc((size_t)bench->threads, sizeof *s->tapes);
    if (!s->ids || !s->tapes) return err_memory(e, "bench");
    for (size_t i = 0; i <= tokens; i++)
        s->ids[i] = (uint32_t)rng_below(3, 0, i, model->config.vocab);
    if (coordinates_open(&s->coordinates, &model->config, "published", e)) return -1;
    int status = 0;
#pragma omp parallel for num_threads(bench->threads) schedule(static, 1)
    for (int t = 0; t < bench->threads; t++) { /* touched where they are used */
        struct err mine;
        if (neox_tape_open(&s->tapes[t], model, tokens, &mine)) {
#pragma omp critical(bench_gradients)
            {
                status = -1;
                *e = mine;
            }
        }
    }
    return status;
}

enum { BEFORE = 6, COLUMNS = BEFORE + TAPE_PHASES + 1 };

static struct table *open_table(struct bench *bench)
{
    static char names[TAPE_PHASES][48];
    struct column columns[COLUMNS] = {
        {.name = "model"},
        {.name = "tokens"},
        {.name = "samples_per_s", .head = "samples/s"},
        {.name = "gflops", .head = "GFLOP/s"},
        {.name = "share", .head = "of peak"},
        {.name = "thread_mb", .head = "MB a thread"},
    };
    for (int p = 0; p < TAPE_PHASES; p++) {
        snprintf(names[p], sizeof names[p], "phases.%s", tape_phase_names[p]);
        columns[BEFORE + p] =
            (struct column){.name = tape_phase_names[p], .json = names[p], .unit = TABLE_PERCENT};
    }
    columns[COLUMNS - 1] = (struct column)BENCH_AGAINST;
    return bench_table(bench, columns, COLUMNS);
}

static void add_row(struct bench *bench, const char *size, const struct samples *s,
                    const struct entrant *peak, const struct entrant *gradient, struct table *t)
{
    double phases[TAPE_PHASES] = {0}, all = 0;
    const double flop = neox_backward_flop(&s->model->config, s->tokens);
    for (int i = 0; i < bench->threads; i++)
        for (int p = 0; p < TAPE_PHASES; p++) {
            phases[p] += s->tapes[i].seconds[p];
            all += s->tapes[i].seconds[p];
        }
    char name[96];
    snprintf(name, sizeof name, "gradients %s %zu", size, s->tokens);
    table_text(t, "%s", size);
    table_whole(t, s->tokens);
    table_real(t, gradient->rate / flop);
    table_real(t, gradient->rate * 1e-9);
    table_real(t, bench_ratio(bench, gradient, peak));
    table_real(t, (double)s->tapes[0].bytes * 1e-6);
    for (int p = 0; p < TAPE_PHASES; p++) table_real(t, phases[p] / all);
    bench_row_end(bench, t, bench_rate(bench, name, gradient->rate));
}

static int measure(struct bench *bench, const char *size, const struct neox *model, size_t tokens,
                   struct table *t, struct err *e)
{
    struct samples s;
    int status = samples_new(bench, &s, model, tokens, e);
    if (!status) {
        const double flop = neox_backward_flop(&model->config, tokens);
        struct entrant entrants[2] = {
            bench_peak_loop(bench),
            {.name = "gradient",
             .work = run_sample,
             .context = &s,
             .amount = flop * bench->threads},
        };
        bench_compete(bench, entrants, 2);
        add_row(bench, size, &s, &entrants[0], &entrants[1], t);
    }
    samples_free(bench, &s);
    return status;
}

struct lengths {
    size_t list[8], n, longest;
};

static int read_lengths(const struct bench *bench, struct lengths *l, struct err *e)
{
    static const char *const usual[] = {"60", "410"};
    const struct texts *given = &bench->arguments;
    const size_t n = given->n ? given->n : 2;
    if (n > sizeof l->list / sizeof *l->list)
        return err_set(e, "bench gradients: more than %zu lengths",
                       sizeof l->list / sizeof *l->list);
    for (size_t i = 0; i < n; i++) {
        const char *a = given->n ? given->item[i] : usual[i];
        uint64_t tokens;
        if (parse_count(a, a, 1, SUITE_SEQUENCE, &tokens, e)) return -1;
        l->list[l->n++] = (size_t)tokens;
        if (tokens > l->longest) l->longest = (size_t)tokens;
    }
    return 0;
}

/* A file only because models are read from files: it is gone as soon as it is mapped. */
static int measure_size(struct bench *bench, const struct suite_model *m, const struct lengths *l,
                        struct table *t, struct err *e)
{
    struct flat_model flat = {0};
    struct neox model = {0};
    char *folder = bench_folder(e), *path = folder ? format_string("%s/model", folder) : NULL;
    int status = path ? bench_model(path, m, e) : folder ? err_memory(e, "bench") : -1;
    if (!status) status = flat_open(&flat, path, e);
    if (path) unlink(path);
    if (folder) rmdir(folder);
    if (!status) status = neox_load(&model, &flat, bench->kernels, &products_native, l->longest, e);
    for (size_t i = 0; i < l->n && !status; i++)
        status = measure(bench, m->size, &model, l->list[i], t, e);
    neox_unload(&model);
    if (flat.path) flat_close(&flat);
    free(path);
    free(folder);
    return status;
}

int bench_gradients(struct bench *bench, struct err *e)
{
    struct lengths l = {.n = 0};
    if (read_lengths(bench, &l, e)) return -1;
    struct table *t = open_table(bench);
    int status = 0;
    for (const struct suite_model *m = suite_models; m->size && !status; m++)
        if (bench_listed(bench, m->size)) status = measure_size(bench, m, &l, t, e);
    json_object_set_new(bench->result, "gradients", table_json(t, false));
    return status;
}
