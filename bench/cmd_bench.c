/* cmd_bench.c - `tripod bench`: the kernels and the GEMM beside the machine's own limits, measured
 * in the same minute, and beside other libraries' GEMMs.
 *
 * Every thread works on data of its own, as a scan's threads do: one thread measures the code, all
 * of them the machine. Entrants take turns, round after round; the median round counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "models/suite.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/scan/scan.h"

#define ARGS struct bench
#define SHARED_ROWS                                                                                \
    OPTION_INT("rounds", 0, "N", rounds, 1, BENCH_ROUNDS, "Rounds, of which the median counts"),   \
        OPTION_FLAG(                                                                               \
            "cpu-time", 0, cpu_time,                                                               \
            "Divide by the threads' CPU time, not by the clock on the wall: for a machine "        \
            "that others use"),                                                                    \
        OPTION_BYTES("memory", 0, "BYTES", memory, 1 << 20, 1ll << 40,                             \
                     "Buffers of the streams, all threads together (default: four times the last " \
                     "cache)"),                                                                    \
        OPTION_GROUP(cli_kernels_options, simd), OPTION_HEADING("Baseline:"),                      \
        OPTION_TEXT("save", 0, "FILE", save, "Keep the result as a baseline"),                     \
        OPTION_TEXT("against", 0, "FILE", against, "Show ratios to a baseline"),                   \
        OPTION_GROUP(cli_common_options, common), OPTION_END
#define MODEL_ROWS                                                                                 \
    OPTION_TEXT("models", 0, "LIST", models, "Pythia sizes, separated by commas, or 'all'"),       \
        OPTION_SIZE("rows", 0, "N", rows, 1, 1 << 20, "Tokens in a thread's batch")

static const struct option_row peak_options[] = {SHARED_ROWS};
static const struct option_row gemm_options[] = {
    MODEL_ROWS,
    OPTION_TEXT("blas", 0, "FILE", blas,
                "A library with cblas_sgemm (default: libopenblas.so.0, where installed)"),
    SHARED_ROWS};
static const struct option_row scan_options[] = {
    OPTION_PLAINS(arguments, "[TOKENS|short|MODEL...]"), MODEL_ROWS,
    OPTION_CHOICE("precision", 0, precision, bench_precisions,
                  "Scan in this as well, in turns, and say how many times as fast it is"),
    SHARED_ROWS};
static const struct option_row gradients_options[] = {
    OPTION_PLAINS(arguments, "[TOKENS...]"),
    OPTION_TEXT("models", 0, "LIST", models, "Pythia sizes, separated by commas, or 'all'"),
    SHARED_ROWS};
static const struct option_row train_options[] = {
    OPTION_PLAINS(arguments, "[WIDTH...]"),
    OPTION_SIZE("rows", 0, "N", rows, 1, 1 << 20, "Tokens in a step's batch"), SHARED_ROWS};
static const struct option_row archive_options[] = {OPTION_PLAINS(arguments, "FILE..."),
                                                    SHARED_ROWS};
static const struct option_row no_options[] = {
    OPTION_PLAIN(save, "peak|kernels|gemm|scan|gradients|train|archive"),
    OPTION_GROUP(cli_common_options, common), OPTION_END};

#define DEFAULTS_OF(list) .rounds = 7, .models = list, .common.beside = true
#define DEFAULTS          DEFAULTS_OF("70m,160m,410m,1b")
static const struct bench defaults = {DEFAULTS, .rows = 1024};
static const struct bench archive_defaults = {DEFAULTS};
static const struct bench gradients_defaults = {DEFAULTS_OF("70m")};
static const struct bench train_defaults = {DEFAULTS, .rows = 4096};
static const struct bench scan_defaults = {DEFAULTS, .rows = SCAN_BATCH_TOKENS};

static int check(void *args, struct err *e)
{
    const struct bench *bench = args;
    if (!strcmp(bench->models, "all")) return 0;
    for (const char *p = bench->models; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        const size_t length = strcspn(p, ",");
        const struct suite_model *model = suite_models;
        while (model->size &&
               (strlen(model->size) != length || strncmp(model->size, p, length) != 0))
            model++;
        if (!model->size)
            return err_set(e, "--models: '%.*s' is not a Pythia size such as 70m", (int)length, p);
    }
    return 0;
}

static int check_archive(void *args, struct err *e)
{
    const struct bench *bench = args;
    return bench->arguments.n ? 0
                              : err_set(e, "expected an archive made by tripod import --archive");
}

static int no_command(void *args, struct err *e)
{
    const char *word = ((const struct bench *)args)->save;
    return word ? err_set(
                      e,
                      "expected peak, kernels, gemm, scan, gradients, train or archive, found '%s'",
                      word)
                : err_set(e, "what? peak, kernels, gemm, scan, gradients, train or archive");
}

/* Of NAME alone: other measurements have other rates. */
static int load_baseline(struct bench *bench, const char *name, struct err *e)
{
    json_error_t error;
    if (access(bench->against, R_OK)) return err_errno(e, "%s: cannot open", bench->against);
    json_t *saved = json_load_file(bench->against, 0, &error);
    if (!saved) return err_set(e, "%s: line %d: %s", bench->against, error.line, error.text);
    const char *of = json_string_value(json_object_get(saved, "bench"));
    int status = 0;
    bench->baseline = json_incref(json_object_get(saved, "rates"));
    if (!json_is_object(bench->baseline))
        status = err_set(e, "%s: expected what --save wrote, found no \"rates\"", bench->against);
    else if (!of || strcmp(of, name) != 0)
        status = err_set(e, "%s: expected a baseline of bench %s, found one of %s", bench->against,
                         name, of ? of : "something else");
    json_decref(saved);
    return status;
}

static void compare_to_baseline(struct bench *bench)
{
    json_t *ratios = json_object();
    const char *name;
    json_t *rate;
    json_object_foreach(bench->rates, name, rate)
    {
        double old = json_number_value(json_object_get(bench->baseline, name));
        if (old > 0) json_object_set_new(ratios, name, json_real(json_real_value(rate) / old));
    }
    json_object_set_new(bench->result, "against", ratios);
}

/* What they have in common: the result they add to, the baseline, the output. */
static int run(struct bench *bench, const char *name, int (*measure)(struct bench *, struct err *),
               struct err *e)
{
    bench->kernels = cli_kernels(&bench->simd);
    bench->threads = cli_use_threads(bench->common.threads);
    bench->sheet = sheet_open();
    bench->rates = json_object();
    bench->result = json_pack("{s:s, s:s, s:i, s:o, s:o}", "bench", name, "simd",
                              bench->kernels->name, "threads", bench->threads, "rates",
                              bench->rates, "provenance", provenance_json());
    int status = bench->result ? 0 : err_memory(e, "bench");
    if (!status && bench->against) status = load_baseline(bench, name, e);
    if (!status && bench->save) status = out_check(bench->save, e);
    if (!status) status = cli_check_outputs(&bench->common, NULL, e);
    if (!status) status = measure(bench, e);
    if (!status && bench->baseline) compare_to_baseline(bench);
    if (!status && bench->save) status = json_save(bench->save, json_incref(bench->result), e);
    if (!status) status = cli_write(&bench->common, bench->sheet, json_incref(bench->result), e);
    json_decref(bench->result);
    json_decref(bench->baseline);
    sheet_free(bench->sheet);
    return status;
}

#define COMMAND(word, table, start, checker, line, help)                                           \
    static int run_##word(void *args, struct err *e)                                               \
    {                                                                                              \
        return run(args, #word, bench_##word, e);                                                  \
    }                                                                                              \
    static const struct command command_##word = {.name = "bench " #word,                          \
                                                  .summary = line,                                 \
                                                  .text = help,                                    \
                                                  .options = table,                                \
                                                  .defaults = &start,                              \
                                                  .size = sizeof start,                            \
                                                  .check = checker,                                \
                                                  .run = run_##word};

COMMAND(peak, peak_options, defaults, NULL, "FMA rates and memory bandwidth, one thread and all",
        "Register-only multiply-adds of each instruction set, and bandwidth: what the other "
        "measurements are shares of.")
COMMAND(kernels, peak_options, defaults, NULL, "every kernel beside the limit that binds it",
        "Each kernel on buffers larger than the caches, as a share of the bandwidth or of the FMA "
        "peak of the same minute; gemm_i16, the product of --precision int16, in the cache, as a "
        "share of the int16 peak.")
COMMAND(gemm, gemm_options, defaults, check, "products of each model beside oneDNN and OpenBLAS",
        "Every product of a Pythia model, its loss head and attention, beside oneDNN (weights "
        "packed beforehand) and OpenBLAS; of a layer's products the gradients too: _dx of the "
        "input, _dw of the weights. Each thread works on data of its own; entrants take "
        "turns and the median round counts.")
COMMAND(
    scan, scan_options, scan_defaults, check, "end to end: tokens in a file to losses in a file",
    "Whole scans of documents of TOKENS tokens (1024) or of short ones (log-normal, median "
    "60), under random weights of the sizes in --models or under the MODELs named; MFU is "
    "useful FLOP/s over the FMA peak of the same minute. With --precision a row each: the share "
    "is of that precision's own peak, the ratio that of the scanning alone (with --cpu-time by CPU "
    "time), and with the start. int16 scans a file as `tripod import --precision int16` leaves it; "
    "packing is the time in which a scan of the model itself makes the same.")

COMMAND(gradients, gradients_options, gradients_defaults, check,
        "gradients of single tokens' losses, as quanta computes them",
        "The gradient of one token's loss with respect to the weights and biases of the layers, "
        "forward pass included, after TOKENS tokens (60 and 410) under random weights of the "
        "sizes in --models: one sample a thread. The share is of the FMA peak of the same minute, "
        "by the FLOP that the loss makes necessary.")

COMMAND(
    train, train_options, train_defaults, NULL, "steps of training small GPTs",
    "Steps of training GPT-NeoX models of each WIDTH (64, 128, 256, 512) on sequences of 128 and of "
    "512 tokens, gradient, clipping and AdamW, one model a thread. Shares are of the FMA peak of the "
    "same minute: by 6 N D, N being the parameters without the embedding, and by the true FLOP, "
    "attention's with them.")

COMMAND(
    archive, archive_options, archive_defaults, check_archive,
    "how fast an archive's checkpoints decode",
    "Decodes all checkpoints of each archive, in the order of a sweep (each from the one before "
    "it) and alone (from a whole one, through up to seven differences), by one thread and by "
    "all; rates count the bytes that come out.")

static const struct command *const children[] = {
    &command_peak,      &command_kernels, &command_gemm,    &command_scan,
    &command_gradients, &command_train,   &command_archive, NULL};

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure kernels and products against the machine",
    .text = "Measures the kernels against the machine's own limits.",
    .options = no_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = no_command,
    .children = children,
};
