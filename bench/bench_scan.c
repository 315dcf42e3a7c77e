/* bench_scan.c - see bench_scan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bench_scan.h"

#include <ctype.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/flat/locate.h"
#include "models/suite.h"
#include "src/base/provenance.h"
#include "src/scan/losses.h"
#include "src/base/num.h"
#include "src/scan/peak_rate.h"
#include "src/base/rng.h"
#include "src/base/stats.h"
#include "src/scan/scan.h"

/* --- inputs --- */

/* A flat file of a suite model's shape with float16 weights of ordinary size: one random block,
 * repeated. */
static int write_model(const char *path, const struct suite_model *m, struct err *e)
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
    struct scan_result scan;
};

static int scan_once(const struct bench *bench, const char *model_path, const char *prefix,
                     const char *out, struct run *run, struct err *e)
{
    struct flat_model flat;
    struct corpus corpus = {0};
    struct plan plan = {0};
    struct neox model = {0};
    struct loss_file file = {.fd = -1};
    const struct protocol protocol = {.max_tokens = SUITE_SEQUENCE};
    const struct scan_options options = {.threads = bench->threads,
                                         .batch_tokens = bench->batch_tokens};
    double start = omp_get_wtime();
    if (model_open(&flat, model_path, NULL, e)) return -1;
    int status = corpus_open(&corpus, prefix, e);
    if (!status) status = plan_make(&plan, &corpus, &protocol, 0, 0, 1, e);
    if (!status) status = neox_load(&model, &flat, bench->kernels, NEOX_NATIVE, plan.longest, e);
    if (!status) status = loss_file_open(&file, out, 0, plan.predictions, e);
    run->start = omp_get_wtime() - start;
    if (!status) status = scan_model(&model, &plan, &options, file.values, &run->scan, e);
    if (!status) status = loss_file_commit(&file, e);
    run->seconds = omp_get_wtime() - start;
    loss_file_close(&file, false);
    unlink(out);
    neox_unload(&model);
    plan_free(&plan);
    if (corpus.prefix) corpus_close(&corpus);
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

/* Runs one model on one workload, rounds times, the peak measured before and after each; notes and
 * prints a row. */
static int measure(struct bench *bench, const char *label, const char *model_path,
                   const struct workload *w, const char *directory, json_t *list, struct err *e)
{
    struct flat_model flat;
    if (model_open(&flat, model_path, NULL, e)) return -1;
    struct neox_config config = flat.config;
    flat_close(&flat);
    char loop[32];
    snprintf(loop, sizeof loop, "f32_%s", bench->kernels->name);
    double peak = peak_rate(loop, bench->threads, 0.2);
    /* About four seconds a round, at least four batches a thread. */
    double tokens = 4e9 * (peak > 0 ? peak : 1) / flop_per_token(&config, w);
    double least = 4.0 * (double)bench->threads *
                   (double)(bench->batch_tokens > w->tokens ? bench->batch_tokens : w->tokens);
    if (tokens < least) tokens = least;
    char *prefix = format_string("%s/%s-%s", directory, label, w->name),
         *out = format_string("%s.npy", prefix);
    int status = prefix && out ? write_corpus(prefix, w, config.vocab, (size_t)tokens, e)
                               : err_memory(e, NULL);
    double rates[BENCH_ROUNDS], mfus[BENCH_ROUNDS], starts[BENCH_ROUNDS], efficiency[BENCH_ROUNDS];
    double phases[NEOX_PHASES] = {0}, busy = 0;
    for (int r = 0; r < bench->rounds && !status; r++) {
        struct run run;
        double before = peak_rate(loop, bench->threads, 0.1);
        status = scan_once(bench, model_path, prefix, out, &run, e);
        if (status) break;
        peak = fmax(before, peak_rate(loop, bench->threads, 0.1));
        rates[r] = (double)run.scan.predictions / run.seconds;
        mfus[r] = peak > 0 ? run.scan.flop / run.seconds / (1e9 * peak) : 0;
        starts[r] = run.start;
        efficiency[r] = run.scan.busy / (run.scan.seconds * bench->threads);
        busy += run.scan.busy;
        for (int p = 0; p < NEOX_PHASES; p++) phases[p] += run.scan.phases[p];
    }
    if (!status) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        char name[96];
        snprintf(name, sizeof name, "scan %s %s", label, w->name);
        double rate = stats_median(rates, (size_t)bench->rounds),
               mfu = stats_median(mfus, (size_t)bench->rounds);
        json_t *shares = json_object();
        for (int p = 0; p < NEOX_PHASES; p++)
            json_object_set_new(shares, neox_phase_names[p], json_real(phases[p] / busy));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:o}", "model", label, "workload",
                            w->name, "tokens_per_s", rate, "mfu", mfu, "seconds_to_first_batch",
                            stats_median(starts, (size_t)bench->rounds), "thread_efficiency",
                            stats_median(efficiency, (size_t)bench->rounds), "peak_rss_mb",
                            (double)usage.ru_maxrss / 1024, "phases", shares));
        double ratio = bench_rate(bench, name, rate);
        bench_print(bench, "%-14s %8s %10.0f %6.3f %7.3f %9.3f %8.0f  ", label, w->name, rate, mfu,
                    stats_median(efficiency, (size_t)bench->rounds),
                    stats_median(starts, (size_t)bench->rounds), (double)usage.ru_maxrss / 1024);
        for (int p = 0; p < NEOX_PHASES; p++) bench_print(bench, " %5.1f", 100 * phases[p] / busy);
        bench_print_ratio(bench, ratio);
    }
    free(prefix);
    free(out);
    return status;
}

static int measure_all(struct bench *bench, const char *label, const char *path,
                       const struct workload *workloads, size_t n, const char *directory,
                       json_t *list, struct err *e)
{
    int status = 0;
    for (size_t i = 0; i < n && !status; i++)
        status = measure(bench, label, path, &workloads[i], directory, list, e);
    return status;
}

static int measure_size(struct bench *bench, const char *size, const struct workload *workloads,
                        size_t n, const char *directory, json_t *list, struct err *e)
{
    struct suite_id id;
    char name[64];
    snprintf(name, sizeof name, "pythia-%s", size);
    if (!suite_find(name, &id))
        return err_set(e, "--models: '%s' is no size of the Pythia suite", size);
    char *path = format_string("%s/%s.tripod", directory, size);
    int status = path ? write_model(path, id.model, e) : err_memory(e, NULL);
    if (!status) status = measure_all(bench, size, path, workloads, n, directory, list, e);
    if (path) unlink(path);
    free(path);
    return status;
}

static void remove_directory(const char *directory)
{
    char *command = format_string("rm -rf '%s'", directory);
    if (command && system(command)) fprintf(stderr, "tripod: %s: cannot remove\n", directory);
    free(command);
}

int bench_scan_command(struct bench *bench, struct err *e)
{
    enum { MOST = 8 };
    struct workload workloads[MOST];
    size_t n = 0, models = 0;
    for (int i = 0; i < bench->count; i++) {
        const char *a = bench->arguments[i];
        uint64_t tokens = 0;
        if (strcmp(a, "short") && !isdigit((unsigned char)a[0])) {
            models++;
            continue;
        }
        if (isdigit((unsigned char)a[0]) && parse_count(a, a, 2, SUITE_SEQUENCE, &tokens, e))
            return -1;
        if (n == MOST) return err_set(e, "bench scan: more than %d workloads", MOST);
        workloads[n++] = (struct workload){a, (size_t)tokens};
    }
    if (!n) workloads[n++] = (struct workload){"1024", 1024};
    const char *temporary = getenv("TMPDIR");
    char *directory = format_string("%s/tripod-bench-XXXXXX", temporary ? temporary : "/tmp");
    if (!directory || !mkdtemp(directory)) {
        free(directory);
        return err_errno(e, "%s: cannot make a temporary directory",
                         temporary ? temporary : "/tmp");
    }
    json_t *list = json_array();
    bench_print(bench, "%-14s %8s %10s %6s %7s %9s %8s   %% of the time:", "model", "tokens",
                "tokens/s", "MFU", "threads", "start s", "RSS MB");
    bench_print(bench, " embed norm qkv attention dense MLP head\n");
    int status = 0;
    for (int i = 0; i < bench->count && !status; i++) {
        const char *a = bench->arguments[i];
        if (strcmp(a, "short") && !isdigit((unsigned char)a[0])) {
            char *label = path_last(a);
            status =
                measure_all(bench, label ? label : "model", a, workloads, n, directory, list, e);
            free(label);
        }
    }
    if (!models) {
        char *sizes = strdup(bench->models), *rest = NULL;
        for (char *s = sizes ? strtok_r(sizes, ",", &rest) : NULL; s && !status;
             s = strtok_r(NULL, ",", &rest))
            status = measure_size(bench, s, workloads, n, directory, list, e);
        free(sizes);
    }
    json_object_set_new(bench->result, "runs", list);
    remove_directory(directory);
    free(directory);
    return status;
}
