/* bench_train.c - `tripod bench train`: steps of training, a model a thread, beside the FMA peak.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/neox/neox.h"
#include "models/train/trainer.h"
#include "src/base/num.h"
#include "src/base/rng.h"

/* Small GPTs: heads of 32 as Pythia's smallest, of 64 from width 512 on. */
enum { LAYERS = 4, VOCABULARY = 512 };

static struct neox_config shape_of(size_t width)
{
    const size_t head = width < 512 ? 32 : 64;
    return (struct neox_config){.layers = LAYERS,
                                .hidden = width,
                                .heads = width / head,
                                .head_size = head,
                                .rotary = head / 4,
                                .ffn = 4 * width,
                                .vocab = VOCABULARY,
                                .max_positions = 2048,
                                .rope_theta = 10000,
                                .layer_norm_eps = 1e-5,
                                .parallel_residual = true,
                                .attention_bias = true};
}

struct runs {
    struct trainer *trainers; /* [threads] */
    uint32_t *tokens;
};

static void run_step(void *context, int thread)
{
    const struct runs *r = context;
    const struct trainer_rates rates = TRAINER_RATES;
    trainer_step(&r->trainers[thread], r->tokens, &rates, NULL);
}

static void runs_free(const struct bench *bench, struct runs *r)
{
    for (int t = 0; r->trainers && t < bench->threads; t++) trainer_close(&r->trainers[t]);
    free(r->trainers);
    free(r->tokens);
}

static int runs_new(const struct bench *bench, struct runs *r, const struct neox_config *config,
                    const struct trainer_shape *shape, struct err *e)
{
    const size_t n = shape->rows * (shape->length + 1);
    r->trainers = calloc((size_t)bench->threads, sizeof *r->trainers);
    r->tokens = malloc(n * sizeof *r->tokens);
    if (!r->trainers || !r->tokens) return err_memory(e, "bench");
    for (size_t i = 0; i < n; i++) r->tokens[i] = (uint32_t)rng_below(3, 0, i, config->vocab);
    int status = 0;
#pragma omp parallel for num_threads(bench->threads) schedule(static, 1)
    for (int t = 0; t < bench->threads; t++) { /* touched where they are used */
        struct err mine;
        if (trainer_open(&r->trainers[t], config, shape, 1, bench->kernels, &mine)) {
#pragma omp critical(bench_train)
            {
                status = -1;
                *e = mine;
            }
        }
    }
    return status;
}

enum { BEFORE = 7, COLUMNS = BEFORE + TRAINER_PHASES + 1 };

static struct table *open_table(struct bench *bench)
{
    static char names[TRAINER_PHASES][48];
    struct column columns[COLUMNS] = {
        {.name = "width"},
        {.name = "length"},
        {.name = "parameters", .head = "N"},
        {.name = "tokens_per_s", .head = "tokens/s"},
        {.name = "share_6nd", .head = "6ND of peak"},
        {.name = "share", .head = "of peak"},
        {.name = "thread_mb", .head = "MB a thread"},
    };
    for (int p = 0; p < TRAINER_PHASES; p++) {
        snprintf(names[p], sizeof names[p], "phases.%s", trainer_phase_names[p]);
        columns[BEFORE + p] = (struct column){
            .name = trainer_phase_names[p], .json = names[p], .unit = TABLE_PERCENT};
    }
    columns[COLUMNS - 1] = (struct column)BENCH_AGAINST;
    return bench_table(bench, columns, COLUMNS);
}

static void add_row(struct bench *bench, const struct runs *r, const struct entrant *peak,
                    const struct entrant *step, struct table *t)
{
    const struct trainer *first = &r->trainers[0];
    const struct neox_config *c = &first->flat.config;
    double phases[TRAINER_PHASES] = {0}, all = 0;
    const double flop = trainer_flop(c, &first->shape), ratio = bench_ratio(bench, step, peak);
    for (int i = 0; i < bench->threads; i++)
        for (int p = 0; p < TRAINER_PHASES; p++) {
            phases[p] += r->trainers[i].seconds[p];
            all += r->trainers[i].seconds[p];
        }
    char name[96];
    snprintf(name, sizeof name, "train %zu %zu", c->hidden, first->shape.length);
    table_whole(t, c->hidden);
    table_whole(t, first->shape.length);
    table_real(t, first->flat.parameters);
    table_real(t, step->rate / flop * (double)(first->shape.rows * first->shape.length));
    table_real(t, ratio * trainer_flop_6nd(c, &first->shape) / flop);
    table_real(t, ratio);
    table_real(t, (double)trainer_bytes(c, &first->shape) * 1e-6);
    for (int p = 0; p < TRAINER_PHASES; p++) table_real(t, phases[p] / all);
    bench_row_end(bench, t, bench_rate(bench, name, step->rate));
}

static int measure(struct bench *bench, size_t width, size_t length, struct table *t, struct err *e)
{
    const struct neox_config config = shape_of(width);
    const struct trainer_shape shape = {
        .rows = (bench->rows + length - 1) / length, .length = length, .threads = 1};
    struct runs r = {NULL, NULL};
    int status = runs_new(bench, &r, &config, &shape, e);
    if (!status) {
        struct entrant entrants[2] = {
            bench_peak_loop(bench),
            {.name = "step",
             .work = run_step,
             .context = &r,
             .amount = trainer_flop(&config, &shape) * bench->threads},
        };
        bench_compete(bench, entrants, 2);
        add_row(bench, &r, &entrants[0], &entrants[1], t);
    }
    runs_free(bench, &r);
    return status;
}

int bench_train(struct bench *bench, struct err *e)
{
    static const char *const usual[] = {"64", "128", "256", "512"};
    static const size_t lengths[] = {128, 512};
    const struct texts *given = &bench->arguments;
    const size_t n = given->n ? given->n : sizeof usual / sizeof *usual;
    struct table *t = open_table(bench);
    int status = 0;
    sheet_remark(bench->sheet,
                 "%d layers, vocabulary %d, %zu tokens a step; N as in 6ND: without "
                 "the embedding, with the head",
                 LAYERS, VOCABULARY, bench->rows);
    for (size_t i = 0; i < n && !status; i++) {
        const char *a = given->n ? given->item[i] : usual[i];
        uint64_t width;
        status = parse_count(a, a, 32, 4096, &width, e);
        if (!status && width % (width < 512 ? 32 : 64))
            status = err_set(e,
                             "bench train: expected a width of whole heads, a multiple of %d, "
                             "found %s",
                             width < 512 ? 32 : 64, a);
        for (size_t k = 0; k < 2 && !status; k++)
            status = measure(bench, (size_t)width, lengths[k], t, e);
    }
    json_object_set_new(bench->result, "train", table_json(t, false));
    return status;
}
