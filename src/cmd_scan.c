/* cmd_scan.c - `tripod scan`: the loss of every token of a corpus under every model given.
 *
 * models (folders, flat files, hub names, patterns of them) x corpus (text or .bin/.idx) -> the plan
 * (src/scan/queue.c), one .npy and .json a checkpoint (src/scan/sweep.c), and a table at the end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_scan.h"
#include "src/commands.h"
#include "src/report/report_deviations.h"
#include "src/report/report_losses.h"
#include "src/report/report_plan.h"
#include "src/scan/shares.h"
#include "src/scan/sweep.h"

enum { MOST_TOKENS = 1 << 30 };

#define ARGS struct cmd_scan

static const char *const gemms[] = {"native", "onednn", NULL};
static const char *const orders[] = {"size", "step", "given", NULL}; /* enum catalog_order */
static const char *const gelus[] = {"erf", "tanh", NULL};
static const char *const precisions[] = {"f32", "int16", "bf16", NULL};
static const char *const heads[] = {"f32", NULL};
/* What products call these, without --head f32 and with it. */
static const char *const called[][2] = {
    {"float32", "float32"},
    {"int16", "int16, head float32"},
    {"bf16", "bf16, head float32"},
};

static int take_shard(void *args, const char *value, struct err *e)
{
    struct cmd_scan *a = args;
    struct scan_request *o = &a->request;
    a->shard_given = true;
    o->shard = 0;
    o->shards = 1;
    return strcmp(value, "none") ? shard_parse(value, &o->shard, &o->shards, e) : 0;
}

const struct option_row cmd_scan_options[] = {
    OPTION_PLAINS(models, "[MODEL...]"),
    OPTION_TEXTS(
        "model", 'm', "MODEL", models,
        "A Hugging Face folder, a file made by `tripod import` (of an archive all checkpoints, or "
        "FILE@stepN), a folder of these, a hub name such as EleutherAI/pythia-70m@step3000 found in the local cache, or a pattern of any "
        "(see below). May be repeated; plain arguments are models too"),
    OPTION_TEXTS("corpus", 'c', "CORPUS", corpora,
                 "Text, JSON lines, either as .zst, or the prefix of a tokenised P.bin/P.idx. Text "
                 "may be repeated; its tokens are kept in DIR for the next scan"),
    OPTION_TEXT("out", 'o', "DIR", request.out, "Where the losses go"),
    OPTION_TEXT("tokenizer", 't', "FILE", request.tokenizer,
                "tokenizer.json for text (default: the first model's)"),
    OPTION_TEXT("field", 0, "NAME", request.field,
                "Field of a JSON line that holds the text (default: text)"),
    OPTION_HEADING("What is predicted:"),
    OPTION_SIZE("max-tokens", 0, "N", request.protocol.max_tokens, 1, MOST_TOKENS,
                "Cut documents to their first N tokens (default: 1024, the papers' protocol; with "
                "--window: no cut; training rows: 2049, all of them)"),
    OPTION_SIZE("window", 0, "N", request.protocol.window, 1, MOST_TOKENS,
                "Predict all of every document, in windows of N inputs"),
    OPTION_SIZE("stride", 0, "N", request.protocol.stride, 1, MOST_TOKENS,
                "Start a window every N inputs; what overlaps is context (default: the window)"),
    OPTION_SIZE("documents", 0, "N", request.documents, 1, MOST_TOKENS,
                "Only the first N documents"),
    OPTION_TEXT(
        "train-step", 0, "S[:E]", train_steps,
        "Of a preshuffled corpus (P.idx with P.bin or its shards) the rows of training step S, or "
        "S to E: rows 1024 S to 1024 S + 1023, all 2048 predictions of each. The plan and the "
        "losses' .json say which checkpoints had seen them"),
    OPTION_TEXT("rows", 0, "A:B", rows,
                "Of a preshuffled corpus rows A to B - 1 (see --train-step)"),
    OPTION_CHOICE("gelu", 0, request.gelu, gelus,
                  "GELU (default: the model's; Hugging Face says erf); with tanh Pythia was "
                  "trained"),
    OPTION_HEADING("How it is computed:"),
    OPTION_CHOICE("order", 0, order, orders,
                  "Small models first, then early steps; early steps first; or as given"),
    OPTION_SIZE("batch-tokens", 0, "N", request.batch_tokens, 1, MOST_TOKENS,
                "Inputs a thread computes at a time; the losses do not depend on it"),
    OPTION_BYTES(
        "memory", 0, "BYTES", request.memory, 1 << 20, 1e15,
        "Memory to stay within, e.g. 8G: a model that does not fit is read layer by layer, "
        "the losses do not depend on it (default: what the machine has)"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_CHOICE("gemm", 0, gemm, gemms,
                  "Matrix products by our own kernels or by oneDNN (default: native)"),
    OPTION_CHOICE(
        "precision", 0, precision, precisions,
        "Of the products. int16: weights and inputs in 16-bit integers, sums of products exact: "
        "about 1.7 times as fast where the CPU has VNNI; losses are some 1e-4 nats off, the "
        "same bits everywhere. bf16: by oneDNN; some 1e-2 nats off, bits not promised. All "
        "but products stays float32"),
    OPTION_CHOICE("head", 0, head, heads, "The vocabulary's product in float32 all the same"),
    OPTION_FLAG(
        "compare", 0, request.compare,
        "Compute the losses in float32 as well, and say how far those of --precision are from "
        "them on this text"),
    OPTION_FLAG("force", 0, request.force,
                "Compute again what is there, even the losses of another corpus or protocol"),
    OPTION_END,
};

static const struct option_row options[] = {
    {.type = OPTION_TYPE_GROUP, .group = cmd_scan_options},
    OPTION_HEADING("How much of it:"),
    OPTION_CALL("shard", 0, "I/N", take_shard,
                "Only part I (from 0) of N parts of equal cost, 'none': all; `tripod gather` joins "
                "them (default: in an array of Slurm jobs the task's part, else all)"),
    OPTION_FLAG(
        "dry-run", 0, dry_run,
        "Print what would be done, and stop: exit 0, models that are missing or damaged among "
        "it or not. Text is tokenised for it"),
    OPTION_FLAG("quiet", 'q', quiet,
                "On a terminal, no plan and no progress; warnings and errors stay"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct cmd_scan defaults = CMD_SCAN_DEFAULTS;

/* --rows or --train-step. */
static int take_rows(struct cmd_scan *a, struct err *e)
{
    struct scan_request *o = &a->request;
    if (!a->rows && !a->train_steps) return 0;
    if (a->rows && a->train_steps) return err_set(e, "give --rows or --train-step, not both");
    if (o->documents)
        return err_set(e, "give --documents or %s, not both", a->rows ? "--rows" : "--train-step");
    return a->rows ? train_rows_parse(a->rows, "--rows", &o->protocol.rows, e)
                   : train_steps_parse(a->train_steps, "--train-step", TRAIN_BATCH,
                                       &o->protocol.rows, e);
}

static const struct products *find_products(const struct cmd_scan *a)
{
    return products_find(a->gemm < 0 ? NULL : gemms[a->gemm], called[a->precision][a->head >= 0]);
}

int cmd_scan_check(void *args, struct err *e)
{
    const struct cmd_scan *a = args;
    struct protocol *p = &((struct cmd_scan *)args)->request.protocol;
    if (!a->models.n) return err_set(e, "no model: give one with -m");
    if (!a->corpora.n) return err_set(e, "no corpus: give one with -c");
    if (p->stride && !p->window) return err_set(e, "--stride needs --window");
    if (p->stride > p->window)
        return err_set(e, "--stride: expected at most the window's %zu", p->window);
    if (p->max_tokens == 1) return err_set(e, "--max-tokens: one token predicts nothing");
    if (take_rows(args, e)) return -1;
    protocol_complete(p);
    if (!find_products(a))
        return err_set(e, "--precision %s is not done by --gemm %s", precisions[a->precision],
                       gemms[a->gemm]);
    if (a->request.compare && !a->precision)
        return err_set(e, "--compare needs a --precision other than f32");
    return 0;
}

/* What was replaced in the texts. */
static void warn_replaced(const struct job *job)
{
    for (size_t i = 0; job->files && i < job->o->corpora_n; i++) {
        const struct replaced *r = &job->files[i].replaced;
        char text[128];
        if (r->count)
            progress_warn("%s: %s", job->o->corpora[i], replaced_text(r, text, sizeof text));
    }
}

/* Losses in the queue's order, and what has none. */
static int write_results(const struct cmd_scan *a, const struct queue *q, struct err *e)
{
    struct sheet *s = sheet_open();
    struct record *done = calloc(q->n + 1, sizeof *done); /* borrowed */
    json_t *runs = json_array(), *failures = json_array();
    size_t n = 0;
    for (size_t i = 0; i < q->n && done; i++) {
        const struct queue_entry *x = &q->entries[i];
        if (x->state == QUEUE_DONE) {
            done[n++] = x->record;
            json_array_append_new(runs, record_json(&x->record, NULL));
        } else {
            json_array_append_new(
                failures, json_pack("{s:o, s:s, s:o}", "model", json_utf8(x->model->model), "state",
                                    queue_states[x->state], "error", json_utf8(x->why.text)));
        }
    }
    if (n) report_losses(s, done, n, true);
    if (n && a->request.compare) report_deviations(s, done, n);
    json_t *all = done ? json_pack("{s:o, s:o, s:o}", "runs", runs, "failures", failures,
                                   "provenance", provenance_json())
                       : NULL;
    int status = cli_write(&a->common, s, all, e);
    sheet_free(s);
    free(done);
    return status;
}

/* The plan: the command's result with --dry-run, else for whoever waits at a terminal. */
static int write_plan(const struct cmd_scan *a, const struct queue *q, struct err *e)
{
    if (!a->dry_run && (a->quiet || !isatty(STDERR_FILENO))) return 0;
    struct queue_rate rate = queue_rate(q);
    struct sheet *s = sheet_open();
    report_plan(s, q, &rate, a->dry_run);
    int status;
    if (a->dry_run) {
        status = cli_write(
            &a->common, s,
            json_pack("{s:o, s:o}", "plan", plan_json(q, &rate), "provenance", provenance_json()),
            e);
    } else {
        struct sheet_style style = {
            .terminal = true, .details = a->common.details, .width = cli_width(STDERR_FILENO)};
        status = sheet_write(s, &style, stderr, e);
        fputc('\n', stderr);
    }
    sheet_free(s);
    return status;
}

/* Text needs the tokenizer of a model: that of the first given which can be used. */
static bool find_first(struct scan_request *o, const struct catalog *models)
{
    const struct catalog_entry *first = NULL;
    for (size_t i = 0; i < models->n; i++) {
        const struct catalog_entry *x = &models->entries[i];
        if (catalog_usable(x) && (!first || x->given < first->given)) first = x;
    }
    o->model = first ? first->model : NULL;
    o->folder = first ? first->folder : NULL;
    return first;
}

static int run_queue(const struct cmd_scan *a, struct queue *q, struct job *job, struct err *e)
{
    const struct scan_request *o = &a->request;
    if (job && !q->n)
        progress_note("shard %zu/%zu has nothing to do: there are more shards than documents",
                      o->shard, o->shards);
    if (write_plan(a, q, e)) return -1;
    if (a->dry_run) return 0;
    if (cli_check_outputs(&a->common, NULL, e)) return -1;
    if (sweep_run(q, job, e) || write_results(a, q, e)) return -1;
    return queue_verdict(q, e);
}

int cmd_scan_models(struct cmd_scan *a, struct catalog *models, bool *any, struct err *e)
{
    struct scan_request *o = &a->request;
    o->corpora = (char *const *)(uintptr_t)a->corpora.item;
    o->corpora_n = a->corpora.n;
    o->threads = a->common.threads = cli_use_threads(a->common.threads);
    o->kernels = cli_kernels(&a->simd);
    o->gemm = find_products(a);
    if (catalog_open(models, a->models.item, a->models.n, e)) return -1;
    for (size_t i = 0; i < models->n; i++) {
        struct catalog_entry *x = &models->entries[i];
        if (catalog_usable(x) && job_fits(o, &x->is, x->model, &x->why))
            x->state = CATALOG_UNUSABLE;
    }
    catalog_sort(models, (enum catalog_order)a->order);
    *any = find_first(o, models);
    return 0;
}

/* Where --shard is not given an array of Slurm jobs gives it. */
static int find_shard(struct cmd_scan *a, struct err *e)
{
    struct scan_request *o = &a->request;
    if (a->shard_given) return 0;
    if (shard_from_slurm(&o->shard, &o->shards, e)) return -1;
    if (o->shards > 1)
        progress_note("--shard %zu/%zu, by SLURM_ARRAY_TASK_ID (--shard none: all of it)", o->shard,
                      o->shards);
    return 0;
}

static int run(void *args, struct err *e)
{
    struct cmd_scan *a = args;
    struct catalog models = {0};
    struct queue queue = {0};
    struct job job = {0};
    bool any = false;
    progress_quiet(a->quiet);
    int status = find_shard(a, e);
    if (!status) status = cmd_scan_models(a, &models, &any, e);
    if (!status && any) status = job_open(&job, &a->request, e);
    if (!status && any) warn_replaced(&job);
    if (!status) status = queue_open(&queue, &models, any ? &job : NULL, e);
    if (!status) status = run_queue(a, &queue, any ? &job : NULL, e);
    queue_close(&queue);
    if (any) job_close(&job);
    catalog_close(&models);
    return status;
}

const struct command cmd_scan = {
    .name = "scan",
    .summary = "the loss of every token of a text, for every model given",
    .text =
        "Writes the loss of every token, in nats, of every model: DIR/MODEL-stepN.npy (float32, "
        "in document order) with a .json that says where it comes from, and prints a table.",
    .more =
        "Examples:\n"
        "  tripod scan -m pythia-70m/ -c test.jsonl.zst -o losses/\n"
        "  tripod scan pythia-70m/step*/ -c corpus --threads 8\n"
        "  tripod scan -m EleutherAI/pythia-1b@step3000 -c book.txt --window 2048 --stride "
        "1024\n\n"
        "Words for models:\n"
        "  pythia-70m/step3000, m.tripod    a folder, a file of `tripod import`\n"
        "  models/                          all of these in it, three levels deep\n"
        "  'pythia-*/step*'                 all that match\n"
        "  EleutherAI/pythia-70m@step3000   in the local Hugging Face cache\n"
        "  'EleutherAI/pythia-*@*'          all models and revisions that it holds\n"
        "  pythia-70m@step1000..step143000  the steps published in between; those not\n"
        "                                   in the cache are missing\n\n"
        "Before it starts, a scan says on a terminal (and --dry-run anywhere) what it will do: work and "
        "time, memory, disk, what is done already, and the line that downloads what is missing. A model "
        "that is missing or damaged is warned of and left out; the others are scanned, and the exit "
        "status is 1 (of several shards none begins without all of its models). Folders are imported "
        "first, all of them. A full disk ends the scan at once; the same command goes on where it was.\n\n"
        "Before anything is computed the weights of several models are compared by their checksums: "
        "models of the same weights under different steps or names, or with some tensors in common, "
        "are warned of. The same weights are computed once and copied (\"same_as\" in the .json).\n\n"
        "A model larger than memory is streamed: a large batch of tokens goes through one layer after "
        "the other while the next is read from the file. A warning says so, and what it costs.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = cmd_scan_check,
    .run = run,
};
