/* cmd_sweep.c - `tripod sweep`: trains models of several sizes at each of several budgets, and says which
 * size is best; the work is src/train's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/commands.h"
#include "src/report/plot.h"
#include "src/report/report_sweep.h"
#include "src/scan/peak_rate.h"
#include "src/scan/shares.h"
#include "src/text/debian_text.h"
#include "src/train/train_input.h"

enum {
    KEEP_SECONDS = 60 /* between two states on the disk */,
    BYTES = 257 /* vocabulary of --bytes */
};

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts corpora;
    const char *out, *tokenizer, *field, *plot;
    struct reals budgets, widths;
    double ratio[2], epochs, holdout, rate;
    size_t sizes, length, rows, seed, seeds, shard, shards, validation_tokens;
    enum count_f rule;
    bool bytes, dry_run, shard_given, quiet;
};
#define ARGS struct args

static int take_shard(void *args, const char *value, struct err *e)
{
    struct args *a = args;
    a->shard_given = true;
    return shard_parse(value, &a->shard, &a->shards, e);
}

static int take_ratio(void *args, const char *value, struct err *e)
{
    return cmd_tokens_range(value, "--ratio", ((struct args *)args)->ratio, e);
}

/* --flop: a rule by its name. */
static int take_rule(void *args, const char *value, struct err *e)
{
    enum count_f rule = 0;
    while (rule < COUNT_F_RULES && strcmp(count_rules[rule].name, value)) rule++;
    if (rule == COUNT_F_RULES)
        return err_set(e, "--flop: expected %s, %s, %s, %s, %s, %s or %s, found '%s'",
                       count_rules[0].name, count_rules[1].name, count_rules[2].name,
                       count_rules[3].name, count_rules[4].name, count_rules[5].name,
                       count_rules[6].name, value);
    ((struct args *)args)->rule = rule;
    return 0;
}

static const struct option_row options[] = {
    OPTION_TEXTS("corpus", 'c', "CORPUS", corpora,
                 "Text, JSON lines, either as .zst, the prefix of a tokenised P.bin/P.idx, or "
                 "'debian': the pages of the package anarchism, else debian-handbook or "
                 "debian-reference-en, as installed; 'debian:ROOT': as unpacked in ROOT"),
    OPTION_TEXT("out", 'o', "DIR", out, "Where runs go; those that are there are not run again"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer,
                "tokenizer.json, or the folder of a model that holds it (default: a corpus's own; "
                "of text a token a byte, as with --bytes)"),
    OPTION_FLAG("bytes", 0, bytes, "A token a byte: 256 ids and '<|endoftext|>'"),
    OPTION_TEXT("field", 0, "NAME", field,
                "Field of a JSON line that holds the text (default: text)"),
    OPTION_HEADING("Which runs:"),
    OPTION_REALS("budgets", 'b', "C,...", budgets, "FLOP of a run (default: 1e12,3e12,1e13)"),
    OPTION_SIZE("sizes", 'k', "K", sizes, 3, 1000, "Sizes at each budget (default: 6)"),
    OPTION_CALL("ratio", 0, "LO:HI", take_ratio,
                "Tokens a parameter of the largest size and the smallest; sizes are even in ln N "
                "between (default: 6:300)"),
    OPTION_REALS("widths", 'w', "D,...", widths,
                 "These at every budget, D / 32 layers each, instead of --sizes"),
    OPTION_CALL("flop", 0, "RULE", take_rule,
                "What a token costs, and so which parameters N counts: without embedding and "
                "head (6N-body), all (6N-total), else with the head; `tripod count` has the rules "
                "(default: 6N-head)"),
    OPTION_REAL("epochs", 0, "X", epochs, 0.01, 1e6,
                "Skip runs that would see the text more often"),
    CLI_SEED(seed, "Of weights and order; the first of --seeds"),
    OPTION_SIZE("seeds", 0, "N", seeds, 1, 1000, "Seeds S, S + 1, ... of every size"),
    OPTION_CALL("shard", 0, "I/N", take_shard,
                "Every N-th of the runs from the I-th on, longest first (default: by a Slurm "
                "array's task)"),
    OPTION_HEADING("Their training (AdamW, cosine to a tenth of the peak rate, 5 % warm-up):"),
    OPTION_REAL("rate", 0, "R", rate, 1e-12, 100, "Peak rate R sqrt(32 / width)"),
    OPTION_SIZE("length", 'T', "T", length, 1, 65536, "Tokens of a sequence"),
    OPTION_SIZE("rows", 0, "B", rows, 1, 65536, "Sequences of a step"),
    OPTION_REAL("holdout", 0, "X", holdout, 1e-6, 0.9,
                "Share of the text's sections of 4,096 tokens held out to validate on"),
    OPTION_SIZE("validation-tokens", 0, "N", validation_tokens, 0, 9e15,
                "Validate on so many tokens at most; 0: on all"),
    OPTION_HEADING("What to do:"),
    OPTION_FLAG("dry-run", 0, dry_run,
                "Print the runs, FLOP, hours and memory, and stop. Without -c and -o: of bytes, "
                "epochs not looked at"),
    OPTION_TEXT("plot", 0, "FILE", plot, "The figure (default: DIR/sweep.png)"),
    OPTION_FLAG("quiet", 'q', quiet, "No progress line"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .epochs = 2,
                                     .rate = TRAIN_RATE,
                                     .holdout = 0.02,
                                     .length = 128,
                                     .rows = 8,
                                     .seeds = 1,
                                     .shards = 1,
                                     .validation_tokens = 1 << 17,
                                     .rule = COUNT_F_6N_HEAD};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (a->widths.n && (a->sizes || a->ratio[0] > 0))
        return err_set(e, "--widths says which sizes: expected no --%s beside it",
                       a->sizes ? "sizes" : "ratio");
    if (!a->sizes) a->sizes = 6;
    if (!(a->ratio[0] > 0)) a->ratio[0] = 6, a->ratio[1] = 300;
    if (a->bytes && a->tokenizer) return err_set(e, "give -t or --bytes, not both");
    if ((a->bytes || a->field) && a->corpora.n == 1 && corpus_exists(a->corpora.item[0]))
        return err_set(e, "--%s is for text: %s has tokens", a->bytes ? "bytes" : "field",
                       a->corpora.item[0]);
    if (a->dry_run && !a->corpora.n && !a->out) return 0;
    if (!a->corpora.n)
        return err_set(e, "no text: give one with -c; -c debian takes an installed package's");
    if (!a->out) return err_set(e, "no folder: give one with -o");
    return 0;
}

/* --- the text --- */

/* What everything is trained and tested on. */
struct text {
    struct train_input input;
    struct train_data data;
    char *debian, *validation;
};

static void text_close(struct text *t)
{
    train_data_close(&t->data);
    train_input_close(&t->input);
    free(t->debian);
    free(t->validation);
}

/* -c debian[:ROOT]: the pages, as JSON lines in the sweep's folder. */
static int take_debian(const struct args *a, struct text *t, struct err *e)
{
    const char *word = a->corpora.item[0];
    struct debian_text d;
    if (a->corpora.n != 1 || strncmp(word, "debian", 6) || (word[6] && word[6] != ':')) return 0;
    t->debian = format_string("%s/debian.jsonl", a->out);
    if (!t->debian) return err_memory(e, a->out);
    if (make_directories(a->out, e) || debian_text_write(t->debian, word[6] ? word + 7 : "", &d, e))
        return -1;
    progress_note("%s: %zu pages of the package %s, %.1f MB of text", t->debian, d.pages, d.package,
                  (double)d.bytes * 1e-6);
    return 0;
}

static int text_open(struct text *t, const struct args *a, struct err *e)
{
    if (take_debian(a, t, e)) return -1;
    char *debian[] = {t->debian};
    const struct train_request q = {.paths = t->debian ? debian : (char *const *)a->corpora.item,
                                    .n = a->corpora.n,
                                    .tokenizer = a->tokenizer,
                                    .field = a->field,
                                    .folder = a->out};
    t->validation = format_string("%s/held-out", a->out);
    if (!t->validation) return err_memory(e, a->out);
    if (train_input_open(&t->input, &q, e)) return -1;
    if (train_data_open(&t->data, &t->input.corpus, t->input.hash, t->input.separator, a->holdout,
                        e))
        return -1;
    if (a->dry_run) return 0;
    return train_data_keep_held(&t->data, t->validation, a->validation_tokens, e);
}

/* --- the runs --- */

static int make_plan(struct sweep_plan *p, const struct args *a, const struct text *t,
                     struct err *e)
{
    static const double usual[] = {1e12, 3e12, 1e13};
    const struct sweep_request q = {.budgets = a->budgets.n ? a->budgets.value : usual,
                                    .n_budgets = a->budgets.n ? a->budgets.n : 3,
                                    .widths = a->widths.value,
                                    .n_widths = a->widths.n,
                                    .sizes = a->sizes,
                                    .seeds = a->seeds,
                                    .ratio = {a->ratio[0], a->ratio[1]},
                                    .rule = a->rule,
                                    .vocab = t->input.vocab ? t->input.vocab : BYTES,
                                    .length = a->length,
                                    .rows = a->rows,
                                    .seed = a->seed,
                                    .tokens = train_data_windows(&t->data, a->length) * a->length,
                                    .epochs = a->epochs,
                                    .rate = a->rate};
    return sweep_plan_make(p, &q, e);
}

static int print_plan(const struct args *a, const struct sweep_plan *all, int threads,
                      struct err *e)
{
    struct sweep_plan mine;
    if (sweep_plan_shard(&mine, all, a->shard, a->shards, e)) return -1;
    struct sheet *s = sheet_open();
    json_t *json;
    const double peak = peak_rate(cli_kernels(&a->simd), 1, 0.2) * 1e9;
    report_sweep_plan(s, &json, &mine, peak > 0 ? peak : 4e9, threads);
    if (json) json_object_set_new(json, "provenance", provenance_json());
    int status = cli_write(&a->common, s, json, e);
    sheet_free(s);
    sweep_plan_free(&mine);
    return status;
}

static int print_results(const struct args *a, const struct sweep_results *r, json_t *training,
                         struct err *e)
{
    bool drawn = true;
    char *figure = a->plot ? strdup(a->plot) : format_string("%s/sweep.png", a->out);
    struct sheet *s = sheet_open();
    json_t *json = NULL;
    int status = figure ? sweep_plot(r, figure, &drawn, e) : err_memory(e, a->out);
    if (!status) {
        report_sweep(s, &json, r);
        if (json) {
            json_object_set(json, "training", training);
            json_object_set_new(json, "figure", json_utf8(figure));
            json_object_set_new(json, "provenance", provenance_json());
        }
        status = cli_write(&a->common, s, json, e);
    }
    if (!status) plot_note(figure, drawn, stderr);
    json_decref(training);
    sheet_free(s);
    free(figure);
    return status;
}

static int train(const struct args *a, const struct text *t, const struct sweep_plan *all,
                 int threads, struct err *e)
{
    const struct sweep_how how = {.folder = a->out,
                                  .data = &t->data,
                                  .validation = t->validation,
                                  .validation_tokens = a->validation_tokens,
                                  .kernels = cli_kernels(&a->simd),
                                  .threads = threads,
                                  .keep_seconds = KEEP_SECONDS};
    struct sweep_found *found = calloc(all->n + 1, sizeof *found);
    struct sweep_results r = {.plan = all, .found = found};
    struct sweep_plan mine = {.n = 0};
    struct sweep_tally tally;
    int status = found ? sweep_plan_shard(&mine, all, a->shard, a->shards, e)
                       : err_memory(e, "the sweep's runs");
    const double start = omp_get_wtime();
    if (!status) status = sweep_plateau_measure(&r.plateau, &how, e);
    if (!status) status = sweep_runs(&mine, &how, &tally, e);
    const double seconds = omp_get_wtime() - start;
    if (!status) status = sweep_read(all, &how, r.plateau.bigram, found, e);
    if (!status) status = sweep_points_write(all, found, a->out, e);
    if (!status)
        status = print_results(a, &r,
                               json_pack("{s:I, s:I, s:I, s:i, s:f, s:f}", "ran",
                                         (json_int_t)tally.ran, "there", (json_int_t)tally.there,
                                         "diverged", (json_int_t)tally.diverged, "threads_a_run",
                                         tally.team, "seconds", seconds, "flop", tally.flop),
                               e);
    sweep_plan_free(&mine);
    free(found);
    return status;
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    struct text t = {.debian = NULL};
    struct sweep_plan p = {.n = 0};
    const int threads = cli_use_threads(a->common.threads);
    progress_quiet(a->quiet);
    int status = a->shard_given ? 0 : shard_from_slurm(&a->shard, &a->shards, e);
    if (!status && !a->shard_given && a->shards > 1)
        progress_note("--shard %zu/%zu, by SLURM_ARRAY_TASK_ID", a->shard, a->shards);
    if (!status && a->corpora.n) status = text_open(&t, a, e);
    if (!status) status = cli_check_outputs(&a->common, a->dry_run ? NULL : a->plot, e);
    if (!status) status = make_plan(&p, a, &t, e);
    if (!status && p.n == p.skipped && !a->dry_run)
        status = err_set(e, "no run to make: all %zu are skipped (--dry-run says why)", p.n);
    if (!status) status = a->dry_run ? print_plan(a, &p, threads, e) : train(a, &t, &p, threads, e);
    sweep_plan_free(&p);
    text_close(&t);
    return status;
}

const struct command cmd_sweep = {
    .name = "sweep",
    .summary = "train models of many sizes at equal FLOP, and see which size is best",
    .text =
        "An isoFLOP sweep (Hoffmann et al. 2022, Approach 2; MinChilla is one): at each budget C, "
        "GPT-NeoX models of several sizes N are trained on D = C / (6 N) tokens of a text, each "
        "with a learning rate and a schedule of its own; the least loss of a budget lies between "
        "too small and too short. Prints each budget's best size and N* ~ C^a. Runs that would "
        "repeat the text too often are skipped. Runs that learned no more than counting pairs of "
        "tokens does, within 0.1 nats, are on the bigram plateau: they say nothing about size, "
        "are marked and left out, and what keeping them would have made of the exponent is "
        "printed.",
    .more =
        "Files: DIR/RUN/ (each run's model, record and losses, as `tripod train` writes them), "
        "points.csv (run,N,D,C,step,loss,error,seed,budget,epochs,plateau), which `tripod fit "
        "isoflop`, `chinchilla` and `approaches` read, runs.csv (the same with the plateau's "
        "runs), sweep.png, .gp, .tsv. One run a thread, longest first, or teams of equal size "
        "where there are fewer runs than threads. Heads are of 32 numbers (64 from width 512 on) "
        "where that divides the width, else of 16. Stopped, it goes on where it was; results are "
        "the same bits for any number of threads, shards and every instruction set.\n\n"
        "Examples:\n"
        "  tripod sweep --dry-run\n"
        "  tripod sweep -c debian -o sweep                      # ten minutes, 2 cores\n"
        "  tripod sweep -c book.txt --budgets 1e11,3e11,1e12 --seeds 3 -o mine\n"
        "  tripod fit approaches sweep/points.csv\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
