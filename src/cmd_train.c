/* cmd_train.c - `tripod train`: a small GPT-NeoX, trained on a text; the work is src/train's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/report/report_train.h"
#include "src/scan/model_tokenizer.h"
#include "src/scan/peak_rate.h"
#include "src/train/train_input.h"

enum { KEEP_SECONDS = 60 /* between two states on the disk */ };

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts corpora;
    const char *out, *tokenizer, *field, *separator, *validate, *save;
    struct train_run run; /* its config is made of what follows */
    size_t layers, width, heads, ffn, rotary, vocab, validation_tokens, steps, seed;
    double holdout;
    bool bytes, dry_run, quiet;
};
#define ARGS struct args

static const char *const dtypes[] = {"f32", "f16", "bf16", NULL}; /* enum simd_dtype */

static const struct option_row options[] = {
    OPTION_TEXTS("corpus", 'c', "CORPUS", corpora,
                 "Text, JSON lines, either as .zst, or the prefix of a tokenised P.bin/P.idx. Text "
                 "may be repeated; its tokens are kept in DIR"),
    OPTION_TEXT("out", 'o', "DIR", out, "The run's folder; its name is the model's"),
    OPTION_TEXT(
        "tokenizer", 't', "FILE", tokenizer,
        "tokenizer.json, or the folder of a model that holds it (default: a corpus's own; of "
        "text a token a byte, as with --bytes)"),
    OPTION_FLAG("bytes", 0, bytes, "A token a byte: 256 ids and '<|endoftext|>'"),
    OPTION_TEXT("field", 0, "NAME", field,
                "Field of a JSON line that holds the text (default: text)"),
    OPTION_TEXT("separator", 0, "ID", separator,
                "Token between documents, or none (default: the tokenizer's <|endoftext|>)"),
    OPTION_HEADING("The model, a GPT-NeoX:"),
    OPTION_SIZE("layers", 'l', "L", layers, 1, 4096, "Layers"),
    OPTION_SIZE("width", 'w', "D", width, 2, 1 << 17, "Width of the residual stream"),
    OPTION_SIZE("heads", 0, "H", heads, 1, 1 << 16, "Heads of attention (default: of 32 numbers)"),
    OPTION_SIZE("ffn", 0, "F", ffn, 1, 1 << 20, "Inner width of the MLP (default: 4 D)"),
    OPTION_SIZE("rotary", 0, "R", rotary, 2, 1 << 17,
                "Numbers of a head that turn, even (default: a quarter)"),
    OPTION_SIZE("vocab", 0, "V", vocab, 1, 1 << 24,
                "Rows of the embedding (default: the tokenizer's ids)"),
    OPTION_HEADING("Its training, by AdamW:"),
    OPTION_SIZE("length", 'T', "T", run.length, 1, 1 << 24, "Tokens of a sequence"),
    OPTION_SIZE("rows", 'b', "B", run.rows, 1, 1 << 24, "Sequences of a step"),
    OPTION_SIZE("steps", 's', "S", steps, 1, 4294967295.,
                "Steps (default: for 20 tokens a parameter, but at most 4 epochs)"),
    OPTION_REAL("rate", 0, "R", run.rates.rate, 1e-12, 1e3,
                "Peak of the learning rate (default: 6e-3 sqrt(32 / D))"),
    OPTION_CHOICE("schedule", 0, run.schedule, train_schedule_names,
                  "How the rate goes on after the warm-up"),
    OPTION_REAL("warmup", 0, "X", run.warmup, 0, 1, "Share of the steps in which it rises"),
    OPTION_REAL("final", 0, "X", run.last, 0, 1, "Share of the peak where the cosine ends"),
    OPTION_REAL("beta1", 0, "X", run.rates.beta1, 0, 1, "Of the gradient's mean"),
    OPTION_REAL("beta2", 0, "X", run.rates.beta2, 0, 1, "Of its square's"),
    OPTION_REAL("epsilon", 0, "X", run.rates.epsilon, 1e-30, 1, "Added to the root of that"),
    OPTION_REAL("decay", 0, "X", run.rates.decay, 0, 1e3,
                "Weight decay, of matrices and embeddings"),
    OPTION_REAL("clip", 0, "X", run.rates.clip, 0, 1e9, "The gradient's norm at most; 0: any norm"),
    CLI_SEED(seed, "Of weights and order"),
    OPTION_HEADING("Validation and checkpoints:"),
    OPTION_REAL(
        "holdout", 0, "X", holdout, 0, 0.9,
        "Share of the documents (of long ones: of their 4,096-token sections) that is held "
        "out, the same ones for every run (default: what --validation-tokens needs, at most "
        "0.05)"),
    OPTION_TEXT("validate", 0, "P", validate,
                "Validate on this tokenised corpus instead, and hold out nothing"),
    OPTION_SIZE("validation-tokens", 0, "N", validation_tokens, 0, 9e15,
                "Validate on so many tokens at most; 0: on all"),
    OPTION_TEXT("save", 0, "S,...", save,
                "Checkpoints after these steps and the last; 'last': that alone (default: 0, 1, 2, "
                "4 .. 512, 1000, 2000 .. as Pythia's). Validation is at all of both"),
    OPTION_CHOICE("dtype", 0, run.dtype, dtypes, "Type of the checkpoints' numbers"),
    OPTION_HEADING("What to do:"),
    OPTION_FLAG("dry-run", 0, dry_run,
                "Print parameters, tokens, FLOP, hours and memory, and stop. Text is tokenised for "
                "it"),
    OPTION_FLAG("quiet", 'q', quiet, "No progress line"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .run = TRAIN_RUN,
                                     .layers = 4,
                                     .width = 128,
                                     .holdout = -1,
                                     .validation_tokens = 1 << 17};

/* --save */
static int take_saves(struct train_run *r, const char *text, struct err *e)
{
    r->spaced_saves = !text;
    if (!text || !strcmp(text, "last")) return 0;
    for (const char *at = text; at; at = strchr(at, ','), at += at != NULL) {
        char word[32];
        const size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : (int)sizeof word, at);
        if (r->saves == TRAIN_SAVES)
            return err_set(e, "--save: expected at most %d steps", TRAIN_SAVES);
        if (parse_count(word, "--save", 0, UINT32_MAX, &r->save[r->saves], e)) return -1;
        if (r->saves && r->save[r->saves] <= r->save[r->saves - 1])
            return err_set(e, "--save: expected ascending steps, found '%s'", text);
        r->saves++;
    }
    return 0;
}

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (!a->corpora.n) return err_set(e, "no text: give one with -c");
    if (!a->out) return err_set(e, "no folder: give one with -o");
    if (a->bytes && a->tokenizer) return err_set(e, "give -t or --bytes, not both");
    if ((a->bytes || a->field) && a->corpora.n == 1 && corpus_exists(a->corpora.item[0]))
        return err_set(e, "--%s is for text: %s has tokens", a->bytes ? "bytes" : "field",
                       a->corpora.item[0]);
    if (a->heads && a->width % a->heads)
        return err_set(e, "--heads: expected a number that divides the width %zu, found %zu",
                       a->width, a->heads);
    if (a->validate && !corpus_exists(a->validate))
        return err_set(e, "--validate: expected the prefix of a tokenised corpus, found '%s'",
                       a->validate);
    if (a->run.schedule == TRAIN_CONSTANT && fabs(a->run.last - defaults.run.last) > 0)
        return err_set(e, "--final is for --schedule cosine: a constant rate does not fall");
    if (!(a->run.rates.beta1 < 1 && a->run.rates.beta2 < 1))
        return err_set(e, "--beta1, --beta2: expected less than 1, found %g and %g",
                       a->run.rates.beta1, a->run.rates.beta2);
    if (a->validate && a->holdout >= 0) return err_set(e, "give --holdout or --validate, not both");
    return take_saves(&a->run, a->save, e);
}

/* --- the run --- */

/* --validate: of the same tokens. */
static int check_validation(const struct args *a, const struct train_input *in, struct err *e)
{
    struct tokenizer *same = NULL;
    char *gone = NULL;
    if (!a->validate || !in->tokenizer) return 0;
    int status =
        corpus_tokenizer_open(&same, &gone, a->validate, tokenizer_path(in->tokenizer), NULL, e);
    free(gone);
    tokenizer_close(same);
    return status;
}

/* The folder's, not "." or "..". */
static char *name_of(const char *folder)
{
    char *name = path_last(folder);
    if (name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return name;
    free(name);
    char *whole = realpath(folder, NULL);
    name = whole ? path_last(whole) : NULL;
    free(whole);
    return name;
}

static void make_run(struct train_run *r, const struct args *a, const struct train_input *in,
                     const struct train_data *d, const char *name)
{
    *r = a->run;
    snprintf(r->name, sizeof r->name, "%s", name);
    r->config =
        train_config(a->layers, a->width, a->heads, a->ffn, a->rotary, in->vocab, r->length);
    r->seed = a->seed;
    if (!(r->rates.rate > 0)) r->rates.rate = train_scaled_rate(TRAIN_RATE, a->width);
    r->steps = a->steps ? a->steps : train_run_default_steps(r, train_data_windows(d, r->length));
}

/* --holdout */
static double share_held(const struct args *a, const struct train_input *in)
{
    const double most = 0.05, wanted = (double)a->validation_tokens / (double)in->corpus.tokens;
    if (a->validate) return 0;
    if (a->holdout >= 0) return a->holdout;
    return a->validation_tokens && wanted < most ? wanted : most;
}

static int train(const struct args *a, const struct train_run *r, const struct train_data *d,
                 int threads, struct train_done *done, struct err *e)
{
    char *held = format_string("%s/validation", a->out);
    if (!held) return err_memory(e, a->out);
    const char *validation = a->validate ? a->validate : d->held_n ? held : NULL;
    const struct train_how how = {.folder = a->out,
                                  .data = d,
                                  .validation = validation,
                                  .validation_tokens = a->validation_tokens,
                                  .kernels = cli_kernels(&a->simd),
                                  .threads = threads,
                                  .keep_seconds = KEEP_SECONDS};
    int status = d->held_n ? train_data_keep_held(d, held, a->validation_tokens, e) : 0;
    if (!status) {
        progress_begin(r->name, "tokens", train_run_tokens(r, r->steps));
        out_catch_interrupts(true);
        status = train_run_do(r, &how, done, e);
        out_catch_interrupts(false);
        progress_end();
    }
    free(held);
    return status;
}

/* The plan, or the run, and what is said of it. */
static int do_run(const struct args *a, const struct train_run *r, const struct train_data *d,
                  int threads, struct err *e)
{
    struct train_done done;
    if (train_run_check(r, e)) return -1;
    if (!a->dry_run && train(a, r, d, threads, &done, e)) return -1;
    struct sheet *s = sheet_open();
    json_t *json;
    if (a->dry_run)
        report_train_plan(s, &json, r, d, 0.5e9 * peak_rate(cli_kernels(&a->simd), threads, 0.1),
                          threads);
    else
        report_train(s, &json, r, d, &done);
    if (json) json_object_set_new(json, "provenance", provenance_json());
    int status = cli_write(&a->common, s, json, e);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    const int threads = cli_use_threads(a->common.threads);
    progress_quiet(a->quiet);
    const struct train_request q = {.paths = (char *const *)a->corpora.item,
                                    .n = a->corpora.n,
                                    .tokenizer = a->tokenizer,
                                    .field = a->field,
                                    .separator = a->separator,
                                    .vocab = a->vocab,
                                    .folder = a->out};
    struct train_input in;
    struct train_data d = {.n = 0};
    struct train_run r;
    int status = train_input_open(&in, &q, e);
    char *name = name_of(a->out);
    if (!status) status = cli_check_outputs(&a->common, NULL, e);
    if (!status && !name) status = err_errno(e, "%s: cannot open", a->out);
    if (!status) status = check_validation(a, &in, e);
    if (!status)
        status = train_data_open(&d, &in.corpus, in.hash, in.separator, share_held(a, &in), e);
    if (!status) make_run(&r, a, &in, &d, name);
    if (!status) status = do_run(a, &r, &d, threads, e);
    train_data_close(&d);
    train_input_close(&in);
    free(name);
    return status;
}

const struct command cmd_train = {
    .name = "train",
    .summary = "train a small language model on a text, the same bits on any machine",
    .text =
        "Trains a GPT-NeoX, the architecture of Pythia, on a text or a tokenised corpus, with "
        "validation on documents held out, and keeps its checkpoints as models that `tripod scan`, "
        "quanta and export read. What nobody else promises: the checkpoints are the same bytes for "
        "any number of threads, every instruction set, and after any interruption. Stopped or "
        "killed, the same command goes on where it was.",
    .more =
        "Files: DIR/stepS.tripod (checkpoints), tokenizer.json, corpus.bin and .idx (a text's "
        "tokens), validation.bin and .idx (what is held out); when it is finished train.json (the "
        "record), log.csv (every step), and points.csv (run,N,D,C,step,loss...), which `tripod fit` "
        "reads: N counts the head but not the embedding, D the tokens predicted, C = 6ND, losses "
        "are nats a token. They are those of `tripod scan --window T -c DIR/validation`, bit for "
        "bit unless --dtype narrowed the checkpoints.\n\n"
        "Examples:\n"
        "  tripod train -c book.txt -o book                  # some minutes\n"
        "  tripod train -c book.txt -o book --dry-run\n"
        "  tripod train -c corpus -l 6 -w 256 -T 512 -s 5000 -o model\n"
        "  tripod scan book/step*.tripod -c book/validation --window 256 -o losses\n"
        "  tripod export book/step1000.tripod -o book-hf\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
