/* cmd_parity.c - `tripod parity`: trains networks on multitask sparse parity, one a thread, and says how
 * their losses scale; the work is src/train's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/commands.h"
#include "src/quanta/parity_similarity.h"
#include "src/report/parity_plot.h"
#include "src/report/plot.h"
#include "src/report/report_parity.h"
#include "src/scan/shares.h"

enum { KEEP_SECONDS = 60 }; /* between two states on the disk */

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    const char *path, *out, *similarity, *plot;
    struct parity_run base; /* zeros: not given */
    struct reals width, data, zipf;
    double window[2], below;
    size_t seed, seeds, shard, shards, samples, test_points;
    int preset;
    bool scaled, analyse, dry_run, shard_given, quiet;
};
#define ARGS struct args

static int take_shard(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    a->shard_given = true;
    return shard_parse(value, &a->shard, &a->shards, e);
}

static int take_window(void *args, const char *value, struct err *e)
{
    return cmd_tokens_range(value, "--window", ((struct args *)args)->window, e);
}

static const struct option_row options[] = {
    OPTION_PLAIN(path, "[DIR|RUN.json]"),
    OPTION_TEXT("out", 'o', "DIR", out, "Where runs go; those that are there are not run again"),
    OPTION_HEADING("Which runs:"),
    OPTION_CHOICE("preset", 0, preset, parity_preset_names,
                  "The published grid of that figure: 60, 1 and 855 runs"),
    OPTION_FLAG(
        "scaled", 0, scaled,
        "Smaller in every way: minutes instead of days (300 tasks, 3 of 32 bits, batches of "
        "5,000); without --preset the same settings for runs of your own"),
    OPTION_REALS("width", 'w', "W,...", width, "Hidden units (default: 500)"),
    OPTION_REALS("data", 'd', "D,...", data,
                 "Samples of the training set, repeated in epochs (default: new samples for ever)"),
    OPTION_REALS("zipf", 'z', "A,...", zipf,
                 "Subtask i has frequency i^-A: the paper's alpha + 1 (default: 1.4)"),
    CLI_SEED(seed, "Of tasks, weights and samples; the first of --seeds"),
    OPTION_SIZE("seeds", 0, "N", seeds, 1, 1000, "Seeds S, S + 1, ..."),
    OPTION_CALL("shard", 0, "I/N", take_shard,
                "Every N-th of the runs from the I-th on, longest first (default: by a Slurm "
                "array's task)"),
    OPTION_HEADING(
        "What one run is (defaults: 500 3 100 20000 200000 100 1000000 1000; scaled: 300 "
        "3 32 5000 15000 100 0 200):"),
    OPTION_SIZE("tasks", 0, "T", base.shape.tasks, 1, PARITY_TASKS, "Subtasks"),
    OPTION_SIZE("subset", 'k', "K", base.shape.k, 1, PARITY_BITS, "Bits of a subtask"),
    OPTION_SIZE("bits", 'n', "N", base.shape.n, 1, PARITY_BITS, "Bits of a sample"),
    OPTION_SIZE("batch", 0, "B", base.batch, 1, 1 << 24, "Samples of a step"),
    OPTION_SIZE("steps", 's', "S", base.steps, 1, 4294967295., "Steps"),
    OPTION_SIZE("log", 0, "S", base.log, 1, 4294967295., "Steps between tests"),
    OPTION_SIZE("test-points", 0, "N", test_points, 0, 1099511627776.,
                "Test samples of the mean loss, in proportion; 0: sum of p_i times each subtask's"),
    OPTION_SIZE("task-points", 0, "N", base.task_points, 1, 1 << 24,
                "Test samples of each subtask"),
    OPTION_REAL("offset", 0, "X", base.shape.offset, 0, 1e9, "Frequencies (i + X)^-A"),
    OPTION_REAL("rate", 0, "R", base.rates.rate, 1e-12, 1e3, "AdamW's learning rate"),
    OPTION_REAL("decay", 0, "W", base.rates.decay, 0, 1e3, "AdamW's weight decay"),
    OPTION_SIZE("stop-rises", 0, "N", base.stop_rises, 0, 1000000,
                "Stop early once the test loss rose N logs in a row (0: never; presets: 10 for "
                "training sets)"),
    OPTION_SIZE("stop-from", 0, "S", base.stop_from, 1, 4294967295.,
                "but not before step S (default: 4000; scaled: 1000)"),
    OPTION_HEADING("What to do:"),
    OPTION_FLAG("dry-run", 0, dry_run, "Print runs, FLOP, hours and memory, and stop"),
    OPTION_FLAG("analyse", 0, analyse, "Print what the runs in DIR say, and train nothing"),
    OPTION_CALL("window", 0, "FIRST:END", take_window,
                "Steps of the loss's fall with steps (default: 500:15000)"),
    OPTION_TEXT("similarity", 0, "C.npy", similarity,
                "Of the finished run RUN.json: cosines of samples' gradients, for `tripod quanta "
                "cluster`"),
    OPTION_TEXT("plot", 0, "FILE", plot,
                "Of the finished run RUN.json: when each subtask was learned, and the figure of "
                "their losses and the mean's (.png, .svg, .pdf)"),
    OPTION_SIZE("samples", 0, "M", samples, 2, 100000, "Samples of --similarity"),
    OPTION_REAL("below", 0, "NATS", below, 1e-9, 1e9,
                "With --similarity, samples whose loss is below NATS"),
    OPTION_FLAG("quiet", 'q', quiet, "No progress line"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .base.rates = PARITY_RATES,
                                     .window = {500, 15000},
                                     .below = 0.1,
                                     .samples = 3000,
                                     .shards = 1,
                                     .test_points = SIZE_MAX,
                                     .preset = -1};

static int check_whole(const struct reals *v, const char *what, double most, struct err *e)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->value[i] < 1 || v->value[i] > most || v->value[i] != floor(v->value[i]))
            return err_set(e, "%s: expected whole numbers from 1 to %g, found %g", what, most,
                           v->value[i]);
    return 0;
}

static bool shaped(const struct args *a)
{
    const struct parity_run *b = &a->base;
    return b->shape.tasks || b->shape.k || b->shape.n || b->batch || b->steps || b->log ||
           a->test_points != SIZE_MAX || b->task_points || b->shape.offset > 0 || b->stop_rises ||
           b->stop_from || b->rates.rate != defaults.base.rates.rate || b->rates.decay > 0;
}

static int check(void *args, struct err *e)
{
    struct args *a = args;
    const bool grid = a->width.n || a->data.n || a->zipf.n;
    if (check_whole(&a->width, "--width", 1 << 20, e) ||
        check_whole(&a->data, "--data", UINT32_MAX, e))
        return -1;
    for (size_t i = 0; i < a->zipf.n; i++)
        if (a->zipf.value[i] > 100)
            return err_set(e, "--zipf: expected at most 100, found %g", a->zipf.value[i]);
    const char *what = a->analyse      ? "analyse"
                       : a->similarity ? "similarity"
                       : a->plot       ? "plot"
                                       : NULL;
    if (a->analyse + !!a->similarity + !!a->plot > 1)
        return err_set(e, "give one of --analyse, --similarity and --plot");
    if (what && (a->out || a->preset >= 0 || grid || shaped(a) || a->dry_run || a->scaled))
        return err_set(e, "--%s takes what is there: no -o and nothing of which runs", what);
    if (what && !a->path)
        return err_set(e, "--%s: give the %s", what,
                       a->analyse ? "folder of runs" : "run's RUN.json");
    if (what && (a->seeds || a->shard_given))
        return err_set(e, "--%s trains nothing: no --%s", what, a->seeds ? "seeds" : "shard");
    if (!a->similarity && (a->samples != defaults.samples || a->below != defaults.below))
        return err_set(e, "--samples and --below are for --similarity");
    if (what && !a->analyse &&
        (a->window[0] != defaults.window[0] || a->window[1] != defaults.window[1]))
        return err_set(e, "--window is of --analyse and of what is printed after training");
    if (what) return 0;
    if (a->base.stop_from && !a->base.stop_rises)
        return err_set(e, "--stop-from is for --stop-rises: without it no run stops early");
    if (a->path) return err_set(e, "'%s': what for? --analyse, --similarity or --plot", a->path);
    if (a->preset >= 0 && (grid || shaped(a)))
        return err_set(
            e, "--preset says what the runs are: only --scaled, --seed, --seeds go with it");
    if (!a->out && !a->dry_run) return err_set(e, "no folder: give one with -o");
    return 0;
}

/* --- the runs --- */

/* The user's numbers over the preset's. */
static struct parity_run base_run(const struct args *a)
{
    struct parity_run r = parity_preset_base(a->scaled);
    const struct parity_run *b = &a->base;
    if (b->shape.tasks) r.shape.tasks = b->shape.tasks;
    if (b->shape.n) r.shape.n = b->shape.n;
    if (b->shape.k) r.shape.k = b->shape.k;
    if (b->batch) r.batch = b->batch;
    if (b->steps) r.steps = b->steps;
    if (b->log) r.log = b->log;
    if (b->task_points) r.task_points = b->task_points;
    if (b->stop_from) r.stop_from = b->stop_from;
    if (a->test_points != SIZE_MAX) r.test_points = a->test_points;
    r.stop_rises = b->stop_rises;
    r.shape.offset = b->shape.offset;
    r.shape.seed = a->seed;
    r.rates = b->rates;
    return r;
}

static int make_grid(struct parity_grid *g, struct args *a, struct err *e)
{
    const struct parity_run base = base_run(a);
    const double width = (double)base.width, data = 0, zipf = base.shape.zipf;
    const struct parity_axes axes = {.width = a->width.n ? a->width.value : &width,
                                     .data = a->data.n ? a->data.value : &data,
                                     .zipf = a->zipf.n ? a->zipf.value : &zipf,
                                     .widths = a->width.n ? a->width.n : 1,
                                     .datas = a->data.n ? a->data.n : 1,
                                     .zipfs = a->zipf.n ? a->zipf.n : 1,
                                     .seeds = a->seeds ? a->seeds : 1};
    int status = a->preset >= 0 ? parity_grid_preset(g, (enum parity_preset)a->preset, a->scaled,
                                                     a->seed, a->seeds, e)
                                : parity_grid_add(g, &base, &axes, e);
    if (!status && !a->shard_given) {
        status = shard_from_slurm(&a->shard, &a->shards, e);
        if (!status && a->shards > 1)
            progress_note("--shard %zu/%zu, by SLURM_ARRAY_TASK_ID", a->shard, a->shards);
    }
    if (!status) parity_grid_order(g, a->shard, a->shards);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Units of parity_run_cost a second of one thread, by a few steps of a small network. */
static int measure_rate(double *rate, const struct kernels *kernels, struct err *e)
{
    struct parity_run r = parity_preset_base(true);
    struct parity_task t;
    struct parity_batch b = {.n = 0};
    struct parity_net p = {.width = 0};
    r.log = r.steps = 20;
    r.width = 128;
    if (parity_task_make(&t, &r.shape, e)) return -1;
    int status = parity_batch_make(&b, &t, r.batch, e);
    if (!status) status = parity_net_make(&p, &t, r.width, r.batch, kernels, e);
    double start = 0;
    for (size_t i = 0; i <= r.steps && !status; i++) {
        parity_batch_train(&b, &t, i * r.batch, NULL, r.batch);
        parity_net_step(&p, &b);
        if (!i) start = cpu_seconds(); /* the first one touches the memory */
    }
    r.task_points = 0; /* nothing is tested */
    *rate = parity_run_cost(&r) / (cpu_seconds() - start);
    parity_task_free(&t);
    parity_batch_free(&b);
    parity_net_free(&p);
    return status;
}

/* --- what it does --- */

static int analyse(const struct args *a, const char *folder, json_t *extra, struct err *e)
{
    struct parity_folder f;
    const struct parity_window w = {a->window[0], a->window[1]};
    if (parity_folder_read(&f, folder, e)) {
        json_decref(extra);
        return -1;
    }
    struct sheet *s = sheet_open();
    json_t *json;
    int status = a->out ? parity_points_write(&f, folder, e) : 0;
    if (!status) status = report_parity(s, &json, &f, &w, e);
    if (!status) {
        if (json && extra) json_object_update(json, extra);
        if (json) json_object_set_new(json, "provenance", provenance_json());
        status = cli_write(&a->common, s, json, e);
    }
    json_decref(extra);
    sheet_free(s);
    parity_folder_free(&f);
    return status;
}

static int plan(const struct args *a, const struct parity_grid *g, int threads, struct err *e)
{
    double rate;
    if (measure_rate(&rate, cli_kernels(&a->simd), e)) return -1;
    struct sheet *s = sheet_open();
    json_t *json;
    report_parity_plan(s, &json, g, rate, threads);
    if (json) json_object_set_new(json, "provenance", provenance_json());
    int status = cli_write(&a->common, s, json, e);
    sheet_free(s);
    return status;
}

static int train(const struct args *a, const struct parity_grid *g, struct err *e)
{
    const struct parity_how how = {
        .folder = a->out, .kernels = cli_kernels(&a->simd), .keep_seconds = KEEP_SECONDS};
    struct parity_tally t;
    if (!g->n) {
        progress_note("shard %zu/%zu has nothing to do: there are fewer runs than shards", a->shard,
                      a->shards);
        return 0;
    }
    if (make_directories(a->out, e) || cli_check_outputs(&a->common, NULL, e)) return -1;
    const double start = omp_get_wtime();
    if (parity_grid_run(g, &how, &t, e)) return -1;
    const double seconds = omp_get_wtime() - start;
    return analyse(a, a->out,
                   json_pack("{s:{s:I, s:I, s:f, s:f, s:f}}", "training", "ran", (json_int_t)t.ran,
                             "there", (json_int_t)t.there, "seconds", seconds, "flop", t.flop,
                             "gflops", t.flop / seconds * 1e-9),
                   e);
}

/* What is written is no file of the run's own: NAME.json, NAME.npy, NAME-weights.npy. */
static int apart(const struct args *a, const char *out, struct err *e)
{
    static const char *const ends[] = {".json", ".npy", "-weights.npy"};
    const int length = (int)strlen(a->path), stem = length > 5 ? length - 5 : length;
    int status = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !status; i++) {
        char *file = format_string("%.*s%s", stem, a->path, ends[i]);
        status = file ? cli_apart(file, out, e) : err_memory(e, out);
        free(file);
    }
    return status;
}

static int similarity(const struct args *a, struct err *e)
{
    const struct parity_similarity_request q = {.run = a->path,
                                                .out = a->similarity,
                                                .samples = a->samples,
                                                .below = a->below,
                                                .seed = a->seed,
                                                .kernels = cli_kernels(&a->simd)};
    struct parity_similarity r;
    if (parity_similarity(&r, &q, e)) return -1;
    static const struct column columns[] = {
        {.name = "samples", .unit = TABLE_EXACT},  {.name = "drawn", .unit = TABLE_EXACT},
        {.name = "tasks", .unit = TABLE_EXACT},    {.name = "mean_loss", .format = "%.6g"},
        {.name = "mean_cosine", .format = "%.6g"}, {.name = "same_task", .format = "%.6g"}};
    struct sheet *s = sheet_open();
    sheet_remark(s, "cosines of %zu samples' gradients: %s; their subtasks, from 0: %s", q.samples,
                 q.out, r.tasks_file);
    struct table *t = sheet_table(s, columns, 6, "-", false);
    table_whole(t, q.samples);
    table_whole(t, r.drawn);
    table_whole(t, r.tasks);
    table_real(t, r.mean_loss);
    table_real(t, r.mean_cosine);
    table_real(t, r.same_task);
    json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "rows", table_json(t, false), "similarity",
                             json_utf8(q.out), "tasks", json_utf8(r.tasks_file), "provenance",
                             provenance_json());
    int status = cli_write(&a->common, s, json, e);
    sheet_free(s);
    free(r.tasks_file);
    return status;
}

static int plot(const struct args *a, struct err *e)
{
    struct parity_found r = {.name = path_last(a->path)};
    bool drawn;
    if (!r.name) return err_memory(e, a->path);
    char *end = strstr(r.name, ".json");
    if (end) *end = 0;
    if (parity_run_read(&r.run, &r.log, a->path, e)) {
        free(r.name);
        return -1;
    }
    struct sheet *s = sheet_open();
    int status = parity_plot(&r, a->plot, &drawn, e);
    if (!status) {
        json_t *json;
        report_parity_run(s, &json, &r);
        if (json) json_object_set_new(json, "provenance", provenance_json());
        status = cli_write(&a->common, s, json, e);
    }
    if (!status) plot_note(a->plot, drawn, stderr);
    sheet_free(s);
    parity_log_free(&r.log);
    free(r.name);
    return status;
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    const int threads = cli_use_threads(a->common.threads);
    progress_quiet(a->quiet);
    if (a->analyse) return analyse(a, a->path, NULL, e);
    if ((a->similarity || a->plot) &&
        (apart(a, a->similarity, e) || apart(a, a->common.json_file, e)))
        return -1;
    if (a->similarity) return similarity(a, e);
    if (a->plot) return plot(a, e);
    struct parity_grid g = {.n = 0};
    int status = make_grid(&g, a, e);
    if (!status) status = a->dry_run ? plan(a, &g, threads, e) : train(a, &g, e);
    parity_grid_free(&g);
    return status;
}

const struct command cmd_parity = {
    .name = "parity",
    .summary = "train small networks on many tasks at once, and see them learned one by one",
    .text =
        "Multitask sparse parity (Michaud et al., \"The Quantization Model of Neural Scaling\", "
        "2023): each subtask is the parity of K of N bits, subtask i comes with frequency i^-A, and "
        "a network of one hidden layer learns them in order of frequency, each at once, while the "
        "mean loss falls as a power of its size, of steps and of data. Trains every combination of "
        "the lists given, one run a thread, and prints the exponents beside the published and the "
        "theoretical ones.",
    .more =
        "Files: DIR/RUN.json (the record), RUN.npy (float32 [logs, tasks]: each subtask's loss in "
        "nats), RUN-weights.npy, and points.csv (run,N,D,step,loss,zipf,seed; nats; D empty where "
        "samples are new for ever), which `tripod fit power` reads. Stopped, it goes on where it "
        "was; results are the same bits for any number of threads and every instruction set.\n\n"
        "Examples:\n"
        "  tripod parity --preset figure2 --scaled -o runs       # some minutes\n"
        "  tripod parity --preset figure10 --dry-run\n"
        "  tripod parity --scaled -w 30,100,300 --seeds 3 -o mine\n"
        "  tripod parity --analyse runs\n"
        "  tripod parity --plot learned.png runs/w500-z1.4-s0.json\n"
        "  tripod parity --similarity C.npy runs/w500-z1.4-s0.json\n"
        "  tripod quanta cluster C.npy\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
