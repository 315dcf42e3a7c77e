/* bench_scan.c - `tripod bench scan`: the main job end to end, tokens in a file to losses in a file,
 * under models of random weights or the user's own.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bench.h"

#include <ctype.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/flat/locate.h"
#include "models/suite.h"
#include "models/neox/neox_save.h"
#include "src/base/provenance.h"
#include "src/scan/losses.h"
#include "src/base/num.h"
#include "src/scan/peak_rate.h"
#include "src/base/rng.h"
#include "src/base/stats.h"
#include "src/scan/scan.h"

/* --- inputs --- */

int bench_model(const char *path, const struct suite_model *m, struct err *e)
{
    enum { BLOCK = 1 << 20 };
    struct neox_config config = {.layers = m->layers,
                                 .hidden = m->width,
                                 .heads = m->heads,
                                 .head_size = m->width / m->heads,
                                 .rotary = m->rotary,
                                 .ffn = m->ffn,
                                 .vocab = m->vocab,
                                 .max_positions = SUITE_SEQUENCE,
                                 .rope_theta = 10000,
                                 .layer_norm_eps = 1e-5,
                                 .activation = NEOX_GELU_ERF,
                                 .parallel_residual = true,
                                 .attention_bias = true};
    size_t count = neox_tensor_count(&config);
    enum simd_dtype *dtypes = malloc(count * sizeof *dtypes);
    float *values = malloc(BLOCK * sizeof *values);
    uint16_t *weights = malloc(BLOCK * sizeof *weights);
    struct flat_writer w = {.out = {.slot = -1}};
    int status = dtypes && values && weights ? 0 : err_memory(e, path);
    for (size_t i = 0; i < count && !status; i++) dtypes[i] = SIMD_F16;
    if (!status) {
        float scale = 2 / sqrtf((float)m->width);
        for (size_t i = 0; i < BLOCK; i++) values[i] = scale * (float)(rng_uniform(1, 0, i) - 0.5);
        simd_best()->f32_to_f16(weights, values, BLOCK);
        status = flat_create(&w, path, &config, dtypes, e);
    }
    for (size_t i = 0; i < w.count && !status; i++) {
        for (uint64_t at = 0, n; at < w.tensors[i].bytes && !status; at += n) {
            n = w.tensors[i].bytes - at < 2 * BLOCK ? w.tensors[i].bytes - at : 2 * BLOCK;
            status = flat_put(&w, i, at, weights, (size_t)n, e);
        }
    }
    char name[SUITE_NAME_SIZE];
    json_t *provenance = provenance_json();
    if (!status)
        status = flat_finish(&w, suite_name(&(struct suite_id){.model = m}, name, sizeof name), -1,
                             -1, provenance, e);
    json_decref(provenance);
    flat_abort(&w);
    free(dtypes);
    free(values);
    free(weights);
    return status;
}

struct workload {
    const char *name; /* "1024", "short" */
    size_t tokens;    /* of a document; 0: short documents */
};

/* The length of document I. */
static size_t length_of(const struct workload *w, size_t i)
{
    if (w->tokens) return w->tokens;
    double n = 60 * exp(1.69 * rng_gaussian(2, 0, i));
    return n < 2 ? 2 : n > 1024 ? 1024 : (size_t)n;
}

/* Documents of random ids below VOCAB, at least TOKENS tokens in all. */
static int write_corpus(const char *prefix, const struct workload *w, size_t vocab, size_t tokens,
                        struct err *e)
{
    struct corpus_writer writer = {0};
    int status = corpus_writer_open(&writer, prefix, vocab, e);
    size_t total = 0;
    for (size_t d = 0; total < tokens && !status; d++) {
        size_t n = length_of(w, d);
        for (size_t i = 0; i < n && !status; i++) {
            uint32_t id = (uint32_t)rng_below(3, d, i, vocab);
            status = corpus_writer_add(&writer, &id, 1, e);
        }
        if (!status) status = corpus_writer_end(&writer, e);
        total += n;
    }
    if (!status) return corpus_writer_commit(&writer, e);
    corpus_writer_abort(&writer);
    return status;
}

/* --- one measurement --- */

struct run {
    double seconds; /* from the model's file name to the losses in their file */
    double start;   /* of that, until the first batch computes */
    double cpu;     /* CPU time of the scanning alone, all threads */
    double cpu_all; /* with the start */
    double packing; /* of the start what packing took: nothing where the file is packed */
    struct scan_result scan;
};

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec;
}

static int scan_once(const struct bench *bench, const struct products *products,
                     const char *model_path, const char *prefix, const char *out, struct run *run,
                     struct err *e)
{
    struct flat_model flat;
    struct corpus corpus = {0};
    struct plan plan = {0};
    struct neox model = {0};
    struct loss_file file = {0};
    const struct protocol protocol = {.max_tokens = SUITE_SEQUENCE};
    const struct scan_options options = {.threads = bench->threads, .batch_tokens = bench->rows};
    struct neox_narrowed narrowed;
    const double start = omp_get_wtime(), cpu = cpu_seconds();
    if (model_open(&flat, model_path, NULL, e)) return -1;
    int status = corpus_open(&corpus, prefix, e);
    if (!status) status = plan_make(&plan, &corpus, &protocol, 0, SIZE_MAX, e);
    if (!status) status = neox_load(&model, &flat, bench->kernels, products, plan.longest, e);
    run->packing = omp_get_wtime();
    if (!status && neox_narrow(&model, bench->threads, &narrowed, e))
        status = err_prefix(e, "%s", model_path);
    run->packing = omp_get_wtime() - run->packing;
    if (!status) status = loss_file_open(&file, out, 0, plan.predictions, e);
    run->start = omp_get_wtime() - start;
    run->cpu = cpu_seconds();
    if (!status) status = scan_model(&model, &plan, &options, &file, &run->scan, e);
    run->cpu = cpu_seconds() - run->cpu;
    if (!status) status = loss_file_commit(&file, e);
    run->seconds = omp_get_wtime() - start;
    run->cpu_all = cpu_seconds() - cpu;
    loss_file_close(&file, false);
    unlink(out);
    neox_unload(&model);
    plan_free(&plan);
    if (corpus.prefix) corpus_close(&corpus);
    flat_close(&flat);
    return status;
}

/* The model in 16-bit integers as `tripod import` keeps it. *packing: how long a scan of the model itself
 * takes to come as far. */
static int pack_file(const struct bench *bench, const char *model_path, const char *out,
                     double *packing, struct err *e)
{
    struct flat_model flat;
    struct neox model = {0};
    struct neox_narrowed narrowed;
    uint64_t written;
    if (model_open(&flat, model_path, NULL, e)) return -1;
    /* A packed file has nothing to be compared with. */
    int status = neox_fits(&flat, &products_native, flat.config.activation, e);
    if (!status) status = neox_load(&model, &flat, bench->kernels, &products_int16, 1, e);
    *packing = omp_get_wtime();
    if (!status && neox_narrow(&model, bench->threads, &narrowed, e))
        status = err_prefix(e, "%s", model_path);
    *packing = omp_get_wtime() - *packing;
    json_t *provenance = provenance_json();
    if (!status) status = neox_save(&model, &narrowed, out, provenance, &written, e);
    json_decref(provenance);
    neox_unload(&model);
    flat_close(&flat);
    return status;
}

/* Useful FLOP of a whole corpus, to size it. */
static double flop_per_token(const struct neox_config *c, const struct workload *w)
{
    double flop = 0, tokens = 0;
    for (size_t d = 0; d < 200; d++) {
        size_t n = length_of(w, d);
        flop += neox_flop(c, n - 1, 0);
        tokens += (double)n;
    }
    return flop / tokens;
}

/* What a measurement may have left of the files it makes; the folder then is empty. */
static void remove_made(const char *prefix)
{
    static const char *const endings[] = {".bin", ".idx", ".json", ".npy", ".int16"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = format_string("%s%s", prefix, endings[i]);
        if (path) unlink(path);
        free(path);
    }
}

/* What the rounds of one model on one workload gave. */
struct rounds {
    double rate[BENCH_ROUNDS], mfu[BENCH_ROUNDS], start[BENCH_ROUNDS], efficiency[BENCH_ROUNDS];
    double phases[NEOX_PHASES], busy;
    double share[BENCH_ROUNDS];                         /* of the precision's own peak */
    double over_f32[BENCH_ROUNDS], whole[BENCH_ROUNDS]; /* scanning alone, and with the start */
    double packing[BENCH_ROUNDS];
};

const char *const bench_precisions[] = {"f32", "int16", "bf16", NULL};
/* Of --precision the first two, or the first alone. */
static const struct products *const f32_and[][2] = {
    {&products_native, NULL},
    {&products_native, &products_int16},
    {&products_native, &products_bf16},
};

/* Adds a run as round R of M; BEFORE: float32's of the same round. */
static void note_run(const struct bench *bench, const struct run *run, const struct run *before,
                     double peak, double own_peak, int r, struct rounds *m)
{
    const double rate = run->scan.flop / run->seconds * 1e-9;
    m->rate[r] = (double)run->scan.predictions / run->seconds;
    m->mfu[r] = peak > 0 ? rate / peak : 0;
    m->share[r] = own_peak > 0 ? rate / own_peak : 0;
    m->over_f32[r] =
        bench->cpu_time ? before->cpu / run->cpu : before->scan.seconds / run->scan.seconds;
    m->whole[r] = bench->cpu_time ? before->cpu_all / run->cpu_all : before->seconds / run->seconds;
    m->packing[r] = run->packing;
    m->start[r] = run->start;
    m->efficiency[r] = run->scan.busy / (run->scan.seconds * bench->threads);
    m->busy += run->scan.busy;
    for (int p = 0; p < NEOX_PHASES; p++) m->phases[p] += run->scan.phases[p];
}

/* The corpus and the rounds of each precision; the peak is measured before and after each. */
static int measure_rounds(const struct bench *bench, const char *model_path, const char *prefix,
                          const struct workload *w, struct rounds *m, struct err *e)
{
    struct flat_model flat;
    if (model_open(&flat, model_path, NULL, e)) return -1;
    struct neox_config config = flat.config;
    flat_close(&flat);
    double peak = peak_rate(bench->kernels, bench->threads, 0.2);
    /* About four seconds a round, at least four batches a thread. */
    double tokens = 4e9 * (peak > 0 ? peak : 1) / flop_per_token(&config, w);
    double least =
        4.0 * (double)bench->threads * (double)(bench->rows > w->tokens ? bench->rows : w->tokens);
    if (tokens < least) tokens = least;
    char *out = format_string("%s.npy", prefix);
    const struct products *const *products = f32_and[bench->precision];
    int status =
        out ? write_corpus(prefix, w, config.vocab, (size_t)tokens, e) : err_memory(e, NULL);
    const bool packs = products[1] == &products_int16;
    char *packed = format_string("%s.int16", prefix);
    double packing = 0;
    if (!packed) status = err_memory(e, NULL);
    for (int r = 0; r < bench->rounds && !status; r++) {
        struct run runs[2];
        /* f32's file is imported beforehand, and so is this. */
        if (packs) status = pack_file(bench, model_path, packed, &packing, e);
        for (int p = 0; p < 2 && products[p] && !status; p++) {
            const char *numbers = bench_precisions[p ? bench->precision : 0];
            double before = peak_rate(bench->kernels, bench->threads, 0.1);
            const char *path = p && packs ? packed : model_path;
            status = scan_once(bench, products[p], path, prefix, out, &runs[p], e);
            if (status) break;
            if (p && packs) runs[p].packing = packing;
            peak = fmax(before, peak_rate(bench->kernels, bench->threads, 0.1));
            const double own =
                p ? peak_rate_of(numbers, bench->kernels, bench->threads, 0.1) : peak;
            note_run(bench, &runs[p], &runs[0], peak, own, r, &m[p]);
        }
    }
    free(packed);
    free(out);
    return status;
}

/* The table's columns before and after the phases. */
enum { BEFORE = 7, OF_PRECISION = 5, COLUMNS = BEFORE + NEOX_PHASES + OF_PRECISION + 1 };

static struct table *open_table(struct bench *bench)
{
    static char names[NEOX_PHASES][48];
    struct column columns[COLUMNS] = {
        {.name = "model"},
        {.name = "workload"},
        {.name = "tokens_per_s", .head = "tokens/s"},
        {.name = "mfu", .head = "MFU"},
        {.name = "seconds_to_first_batch", .head = "start", .unit = TABLE_SECONDS},
        {.name = "thread_efficiency", .head = "threads"},
        {.name = "peak_rss_mb", .head = "RSS MB"}};
    for (int p = 0; p < NEOX_PHASES; p++) {
        snprintf(names[p], sizeof names[p], "phases.%s", neox_phase_names[p]);
        columns[BEFORE + p] =
            (struct column){.name = neox_phase_names[p], .json = names[p], .unit = TABLE_PERCENT};
    }
    size_t n = BEFORE + NEOX_PHASES;
    if (bench->precision) {
        columns[n++] = (struct column){.name = "precision"};
        columns[n++] = (struct column){.name = "share_of_own_peak", .head = "own peak"};
        columns[n++] = (struct column){.name = "over_f32", .head = "over f32"};
        columns[n++] = (struct column){.name = "over_f32_whole", .head = "with start"};
        columns[n++] =
            (struct column){.name = "packing", .unit = TABLE_SECONDS, .flags = TABLE_OMIT};
    }
    columns[n++] = (struct column)BENCH_AGAINST;
    return bench_table(bench, columns, n);
}

static void add_row(struct bench *bench, const char *label, const struct workload *w, int precision,
                    struct rounds *m, struct table *t)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char name[96];
    const size_t n = (size_t)bench->rounds;
    const char *numbers = bench_precisions[precision];
    double rate = stats_median(m->rate, n);
    snprintf(name, sizeof name, "scan %s %s%s%s", label, w->name, precision ? " " : "",
             precision ? numbers : "");
    table_text(t, "%s", label);
    table_text(t, "%s", w->name);
    table_real(t, rate);
    table_real(t, stats_median(m->mfu, n));
    table_real(t, stats_median(m->start, n));
    table_real(t, stats_median(m->efficiency, n));
    table_real(t, (double)usage.ru_maxrss / 1024);
    for (int p = 0; p < NEOX_PHASES; p++) table_real(t, m->phases[p] / m->busy);
    if (bench->precision) {
        table_text(t, "%s", numbers);
        table_real(t, stats_median(m->share, n));
        table_real(t, stats_median(m->over_f32, n));
        table_real(t, stats_median(m->whole, n));
        table_real(t, precision ? stats_median(m->packing, n) : NAN);
    }
    bench_row_end(bench, t, bench_rate(bench, name, rate));
}

/* Runs one model on one workload and adds its rows. */
static int measure(struct bench *bench, const char *label, const char *model_path,
                   const struct workload *w, const char *directory, struct table *t, struct err *e)
{
    struct rounds m[2] = {{.busy = 0}};
    char *prefix = format_string("%s/%s-%s", directory, label, w->name);
    int status = prefix ? measure_rounds(bench, model_path, prefix, w, m, e) : err_memory(e, NULL);
    if (!status) add_row(bench, label, w, 0, &m[0], t);
    if (!status && bench->precision) add_row(bench, label, w, bench->precision, &m[1], t);
    if (prefix) remove_made(prefix);
    free(prefix);
    return status;
}

struct workloads {
    struct workload list[8];
    size_t n;
};

static int measure_all(struct bench *bench, const char *label, const char *path,
                       const struct workloads *w, const char *directory, struct table *t,
                       struct err *e)
{
    int status = 0;
    for (size_t i = 0; i < w->n && !status; i++)
        status = measure(bench, label, path, &w->list[i], directory, t, e);
    return status;
}

static int measure_size(struct bench *bench, const struct suite_model *m, const struct workloads *w,
                        const char *directory, struct table *t, struct err *e)
{
    char *path = format_string("%s/%s.tripod", directory, m->size);
    int status = path ? bench_model(path, m, e) : err_memory(e, NULL);
    if (!status) status = measure_all(bench, m->size, path, w, directory, t, e);
    if (path) unlink(path);
    free(path);
    return status;
}

/* "short" or a number of tokens; what is neither is a model. */
static bool is_workload(const char *argument)
{
    return !strcmp(argument, "short") || isdigit((unsigned char)argument[0]);
}

static int read_workloads(const struct bench *bench, struct workloads *w, size_t *models,
                          struct err *e)
{
    for (size_t i = 0; i < bench->arguments.n; i++) {
        const char *a = bench->arguments.item[i];
        uint64_t tokens = 0;
        if (!is_workload(a)) {
            (*models)++;
            continue;
        }
        if (strcmp(a, "short") && parse_count(a, a, 2, SUITE_SEQUENCE, &tokens, e)) return -1;
        if (w->n == sizeof w->list / sizeof *w->list)
            return err_set(e, "bench scan: more than %zu workloads", w->n);
        w->list[w->n++] = (struct workload){a, (size_t)tokens};
    }
    if (!w->n) w->list[w->n++] = (struct workload){"1024", 1024};
    return 0;
}

int bench_scan(struct bench *bench, struct err *e)
{
    struct workloads w = {.n = 0};
    size_t models = 0;
    if (read_workloads(bench, &w, &models, e)) return -1;
    const struct products *narrow = f32_and[bench->precision][1];
    const char *why = narrow && narrow->open ? narrow->open() : NULL;
    if (why) return err_kind(e, ERR_MISSING, "--precision %s: %s", narrow->precision, why);
    char *directory = bench_folder(e);
    if (!directory) return -1;
    struct table *t = open_table(bench);
    int status = 0;
    for (size_t i = 0; i < bench->arguments.n && !status; i++) {
        const char *a = bench->arguments.item[i];
        if (is_workload(a)) continue;
        char *label = path_last(a);
        status = measure_all(bench, label ? label : "model", a, &w, directory, t, e);
        free(label);
    }
    for (const struct suite_model *m = suite_models; !models && m->size && !status; m++) {
        if (bench_listed(bench, m->size)) status = measure_size(bench, m, &w, directory, t, e);
    }
    json_object_set_new(bench->result, "runs", table_json(t, false));
    rmdir(directory);
    free(directory);
    return status;
}
