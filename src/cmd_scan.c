/* cmd_scan.c - `tripod scan`: the loss of every token of a corpus under every model given.
 *
 * models (folders, flat files, hub names) x corpus (text or .bin/.idx) -> one .npy and .json a
 * checkpoint, and a table at the end; the work is src/scan/job.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/flat/locate.h"
#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/report/report_losses.h"
#include "src/scan/job.h"
#include "src/scan/twins.h"

enum { DEFAULT_MAX_TOKENS = 1024, MOST_TOKENS = 1 << 30 };

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts models, corpora;
    struct scan_request request;
    int gemm;
};
#define ARGS struct args

static const char *const gemms[] = {"native", "onednn", NULL};
static const char *const gelus[] = {"erf", "tanh", NULL};

static int take_shard(void *args, const char *value, struct err *e)
{
    struct scan_request *o = &((struct args *)args)->request;
    int end = 0;
    if (sscanf(value, "%zu/%zu%n", &o->shard, &o->shards, &end) != 2 || value[end] ||
        value[0] == '-' || o->shards == 0 || o->shards > 1000000 || o->shard >= o->shards)
        return err_set(e, "--shard: expected I/N with I from 0 to N - 1, found '%s'", value);
    return 0;
}

static const struct option_row options[] = {
    OPTION_PLAINS(models, "[MODEL...]"),
    OPTION_TEXTS(
        "model", 'm', "MODEL", models,
        "A Hugging Face folder, a file made by `tripod import` (of an archive all checkpoints, or "
        "FILE@stepN), or a hub name such as "
        "EleutherAI/pythia-70m@step3000 found in the local cache. May be repeated; plain "
        "arguments are models too"),
    OPTION_TEXTS("corpus", 'c', "CORPUS", corpora,
                 "Text, JSON lines, either as .zst, or the prefix of a tokenised P.bin/P.idx. Text "
                 "may be repeated"),
    OPTION_TEXT("out", 'o', "DIR", request.out, "Where the losses go"),
    OPTION_TEXT("tokenizer", 't', "FILE", request.tokenizer,
                "tokenizer.json for text (default: the first model's)"),
    OPTION_TEXT("field", 0, "NAME", request.field,
                "Field of a JSON line that holds the text (default: text)"),
    OPTION_HEADING("What is predicted:"),
    OPTION_SIZE("max-tokens", 0, "N", request.protocol.max_tokens, 1, MOST_TOKENS,
                "Cut documents to their first N tokens (default: 1024, the papers' protocol; with "
                "--window: no cut)"),
    OPTION_SIZE("window", 0, "N", request.protocol.window, 1, MOST_TOKENS,
                "Predict all of every document, in windows of N inputs"),
    OPTION_SIZE("stride", 0, "N", request.protocol.stride, 1, MOST_TOKENS,
                "Start a window every N inputs; what overlaps is context (default: the window)"),
    OPTION_SIZE("documents", 0, "N", request.documents, 1, MOST_TOKENS,
                "Only the first N documents"),
    OPTION_CALL("shard", 0, "I/N", take_shard,
                "Only part I (from 0) of N parts; `tripod gather` joins them"),
    OPTION_CHOICE("gelu", 0, request.gelu, gelus,
                  "GELU (default: the model's; Hugging Face says erf); with tanh Pythia was "
                  "trained"),
    OPTION_HEADING("How it is computed:"),
    OPTION_SIZE("batch-tokens", 0, "N", request.batch_tokens, 1, MOST_TOKENS,
                "Inputs a thread computes at a time; the losses do not depend on it"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_CHOICE("gemm", 0, gemm, gemms, "Matrix products by our own kernels or by oneDNN"),
    OPTION_FLAG("force", 0, request.force,
                "Compute again what is there, even the losses of another corpus or protocol"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .common.beside = true,
    .request = {.out = "losses", .shards = 1, .batch_tokens = SCAN_BATCH_TOKENS, .gelu = -1}};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    struct protocol *p = &((struct args *)args)->request.protocol;
    if (!a->models.n) return err_set(e, "no model: give one with -m");
    if (!a->corpora.n) return err_set(e, "no corpus: give one with -c");
    if (p->stride && !p->window) return err_set(e, "--stride needs --window");
    if (p->stride > p->window)
        return err_set(e, "--stride: expected at most the window's %zu", p->window);
    if (p->max_tokens == 1) return err_set(e, "--max-tokens: one token predicts nothing");
    if (!p->stride) p->stride = p->window;
    if (!p->window && !p->max_tokens) p->max_tokens = DEFAULT_MAX_TOKENS;
    return 0;
}

/* The next checkpoint comes from the disk while this one computes. */
static void read_ahead(const char *path)
{
    int fd = file_exists(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    close(fd);
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

static int write_results(const struct args *a, const struct record *records, size_t n,
                         struct err *e)
{
    struct sheet *s = sheet_open();
    json_t *runs = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(runs, record_json(&records[i], NULL));
    report_losses(s, records, n, true);
    int status = cli_write(
        &a->common, s, json_pack("{s:o, s:o}", "runs", runs, "provenance", provenance_json()), e);
    sheet_free(s);
    return status;
}

static int scan_all(struct args *a, struct err *e)
{
    struct scan_request *o = &a->request;
    o->model = a->models.item[0];
    o->corpora = (char *const *)(uintptr_t)a->corpora.item;
    o->corpora_n = a->corpora.n;
    o->threads = a->common.threads = cli_use_threads(a->common.threads);
    o->kernels = cli_kernels(&a->simd);
    o->gemm = products_find(gemms[a->gemm]);
    struct job job;
    struct record *records = calloc(a->models.n, sizeof *records);
    size_t *first = calloc(a->models.n, sizeof *first), done = 0;
    int status = records && first ? job_open(&job, o, e) : err_memory(e, NULL);
    if (!records || !first) goto out;
    if (!status) warn_replaced(&job);
    if (!status) status = twins_find(first, a->models.item, a->models.n, e);
    for (; done < a->models.n && !status; done++) {
        if (done + 1 < a->models.n) read_ahead(a->models.item[done + 1]);
        status = job_scan(&job, a->models.item[done],
                          first[done] < done ? &records[first[done]] : NULL, &records[done], e);
    }
    if (!status) status = write_results(a, records, done, e);
    for (size_t i = 0; i < done; i++) record_free(&records[i]);
    job_close(&job);
out:
    free(records);
    free(first);
    return status;
}

/* An archive stands for its checkpoints. */
static int run(void *args, struct err *e)
{
    struct args *a = args;
    const struct texts given = a->models;
    char **names;
    size_t n;
    if (model_expand(given.item, given.n, &names, &n, e)) return -1;
    a->models = (struct texts){(const char **)names, n};
    int status = scan_all(a, e);
    a->models = given;
    model_names_free(names, n);
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
        "Before anything is computed the weights of several models are compared by their checksums: "
        "models of the same weights under different steps or names, or with some tensors in common, "
        "are warned of. The same weights are computed once and copied (\"same_as\" in the .json).\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
