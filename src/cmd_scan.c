/* cmd_scan.c - `tripod scan`: the loss of every token of a corpus under every model given.
 *
 * models (folders, flat files, hub names) x corpus (text or .bin/.idx) -> one .npy and .json a
 * checkpoint, and a table at the end. Finished checkpoints are skipped, unfinished ones go on where
 * they stopped.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/flat/locate.h"
#include "models/neox/neox.h"
#include "simd/onednn.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/base/json.h"
#include "src/scan/peak_rate.h"
#include "src/base/progress.h"
#include "src/scan/record.h"
#include "src/scan/scan.h"
#include "src/scan/text_counts.h"
#include "src/text/tokenize.h"

enum { DEFAULT_MAX_TOKENS = 1024 };

struct options {
    struct cli_common common;
    char **models, **corpora;
    size_t n_models, n_corpora;
    const char *out, *tokenizer, *field;
    struct protocol protocol;
    size_t documents, shard, shards, batch_tokens;
    const struct kernels *kernels;
    enum neox_gemm gemm;
    int gelu; /* enum neox_activation, -1: the model's */
    bool force, quiet;
};

enum {
    KEY_MAX = 256,
    KEY_WINDOW,
    KEY_STRIDE,
    KEY_DOCUMENTS,
    KEY_SHARD,
    KEY_BATCH,
    KEY_SIMD,
    KEY_GEMM,
    KEY_GELU,
    KEY_FIELD,
    KEY_FORCE
};

static const struct argp_option option_table[] = {
    {"model", 'm', "MODEL", 0,
     "A Hugging Face folder, a file made by `tripod import`, or a hub name such as "
     "EleutherAI/pythia-70m@step3000 "
     "found in the local cache. May be repeated; plain arguments are models too",
     1},
    {"corpus", 'c', "CORPUS", 0,
     "Text, JSON lines, either as .zst, or the prefix of a tokenised P.bin/P.idx. Text may be "
     "repeated",
     1},
    {"out", 'o', "DIR", 0, "Where the losses go (default: losses)", 1},
    {"tokenizer", 't', "FILE", 0, "tokenizer.json for text (default: the first model's)", 1},
    {"field", KEY_FIELD, "NAME", 0, "Field of a JSON line that holds the text (default: text)", 1},
    {0, 0, NULL, 0, "What is predicted:", 2},
    {"max-tokens", KEY_MAX, "N", 0,
     "Cut documents to their first N tokens (default: 1024, the papers' protocol; with --window: "
     "no cut)",
     2},
    {"window", KEY_WINDOW, "N", 0, "Predict all of every document, in windows of N inputs", 2},
    {"stride", KEY_STRIDE, "N", 0,
     "Start a window every N inputs; what overlaps is context (default: the window)", 2},
    {"documents", KEY_DOCUMENTS, "N", 0, "Only the first N documents", 2},
    {"shard", KEY_SHARD, "I/N", 0, "Only part I (from 0) of N parts; `tripod gather` joins them",
     2},
    {"gelu", KEY_GELU, "erf|tanh", 0,
     "GELU: the model's (Hugging Face says erf), or tanh, with which Pythia was trained", 2},
    {0, 0, NULL, 0, "How it is computed:", 3},
    {"batch-tokens", KEY_BATCH, "N", 0,
     "Inputs a thread computes at a time (default: 2048); the losses do not depend on it", 3},
    {"simd", KEY_SIMD, "scalar|avx2|avx512", 0,
     "Instruction set (default: the best here); the losses do not depend on it", 3},
    {"gemm", KEY_GEMM, "native|onednn", 0,
     "Matrix products by our own kernels (default) or by oneDNN", 3},
    {"force", KEY_FORCE, NULL, 0,
     "Compute again what is there, even the losses of another corpus or protocol", 3},
    {0},
};

static void append(char ***list, size_t *n, char *item)
{
    char **bigger = realloc(*list, (*n + 1) * sizeof *bigger);
    if (!bigger) return;
    *list = bigger;
    (*list)[(*n)++] = item;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        return 0;
    case 'm':
    case ARGP_KEY_ARG:
        append(&o->models, &o->n_models, arg);
        return 0;
    case 'c':
        append(&o->corpora, &o->n_corpora, arg);
        return 0;
    case 'o':
        o->out = arg;
        return 0;
    case 't':
        o->tokenizer = arg;
        return 0;
    case KEY_FIELD:
        o->field = arg;
        return 0;
    case KEY_MAX:
        o->protocol.max_tokens = cli_count(arg, "--max-tokens", 1, 1 << 30, state);
        return 0;
    case KEY_WINDOW:
        o->protocol.window = cli_count(arg, "--window", 1, 1 << 30, state);
        return 0;
    case KEY_STRIDE:
        o->protocol.stride = cli_count(arg, "--stride", 1, 1 << 30, state);
        return 0;
    case KEY_DOCUMENTS:
        o->documents = cli_count(arg, "--documents", 1, 1 << 30, state);
        return 0;
    case KEY_BATCH:
        o->batch_tokens = cli_count(arg, "--batch-tokens", 1, 1 << 30, state);
        return 0;
    case KEY_FORCE:
        o->force = true;
        return 0;
    case KEY_SHARD: {
        int end = 0;
        if (sscanf(arg, "%zu/%zu%n", &o->shard, &o->shards, &end) != 2 || arg[end] ||
            arg[0] == '-' || o->shards == 0 || o->shards > 1000000 || o->shard >= o->shards)
            cli_misuse(state, "--shard: expected I/N with I from 0 to N - 1, found '%s'", arg);
        return 0;
    }
    case KEY_SIMD: {
        int isa = simd_isa_from_name(arg);
        if (isa < 0) cli_misuse(state, "--simd: expected scalar, avx2 or avx512, found '%s'", arg);
        o->kernels = simd_kernels((enum simd_isa)isa);
        if (!o->kernels) cli_misuse(state, "--simd: this CPU has no %s", arg);
        return 0;
    }
    case KEY_GEMM:
        if (strcmp(arg, "native") && strcmp(arg, "onednn"))
            cli_misuse(state, "--gemm: expected native or onednn, found '%s'", arg);
        o->gemm = strcmp(arg, "native") ? NEOX_ONEDNN : NEOX_NATIVE;
        return 0;
    case KEY_GELU:
        if (strcmp(arg, "erf") && strcmp(arg, "tanh"))
            cli_misuse(state, "--gelu: expected erf or tanh, found '%s'", arg);
        o->gelu = strcmp(arg, "erf") ? NEOX_GELU_TANH : NEOX_GELU_ERF;
        return 0;
    case ARGP_KEY_END:
        if (!o->n_models) cli_misuse(state, "no model: give one with -m");
        if (!o->n_corpora) cli_misuse(state, "no corpus: give one with -c");
        if (o->protocol.stride && !o->protocol.window) cli_misuse(state, "--stride needs --window");
        if (o->protocol.stride > o->protocol.window)
            cli_misuse(state, "--stride: expected at most the window's %zu", o->protocol.window);
        if (o->protocol.max_tokens == 1)
            cli_misuse(state, "--max-tokens: one token predicts nothing");
        if (!o->protocol.stride) o->protocol.stride = o->protocol.window;
        if (!o->protocol.window && !o->protocol.max_tokens)
            o->protocol.max_tokens = DEFAULT_MAX_TOKENS;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 0}, {0}};
static const struct argp scan_argp = {
    .options = option_table,
    .parser = parse,
    .args_doc = "[MODEL...]",
    .doc =
        "Writes the loss of every token, in nats, of every model: DIR/MODEL-stepN.npy (float32, in "
        "document order) with a "
        ".json that says where it comes from, and prints a table."
        "\vExamples:\n"
        "  tripod scan -m pythia-70m/ -c test.jsonl.zst -o losses/\n"
        "  tripod scan pythia-70m/step*/ -c corpus --threads 8\n"
        "  tripod scan -m EleutherAI/pythia-1b@step3000 -c book.txt --window 2048 --stride 1024\n",
    .children = children,
};

/* The corpus all models are scanned on, and what is planned on it. */
struct job {
    const struct options *o;
    struct tokenizer *tokenizer; /* NULL when there is none */
    struct corpus corpus;
    struct plan plan;
    uint64_t corpus_hash;
    struct text_counts counts; /* of the predicted text */
    char *protocol;
};

static uint64_t model_hash(const struct flat_model *flat)
{
    XXH3_state_t *s = XXH3_createState();
    XXH3_64bits_reset(s);
    for (size_t i = 0; i < flat->tensor_count; i++) {
        const struct flat_tensor *t = &flat->tensors[i];
        XXH3_64bits_update(s, t->name, strlen(t->name));
        XXH3_64bits_update(s, &t->xxh3, sizeof t->xxh3);
    }
    const struct neox_config *c = &flat->config; /* what the tensors' shapes do not say */
    double rest[] = {(double)c->heads, (double)c->rotary, c->rope_theta, c->layer_norm_eps,
                     c->parallel_residual};
    XXH3_64bits_update(s, rest, sizeof rest);
    uint64_t hash = XXH3_64bits_digest(s);
    XXH3_freeState(s);
    return hash;
}

/* tokenizer.json for text: the option's, else the first model's folder's; *t stays NULL when there
 * is none. */
static int find_tokenizer(const struct options *o, struct tokenizer **t, struct err *e)
{
    *t = NULL;
    if (o->tokenizer) return tokenizer_open(t, o->tokenizer, e);
    struct flat_model flat;
    char *folder = NULL;
    if (model_open(&flat, o->models[0], &folder, e)) return -1;
    if (!folder) {
        folder = strdup(flat.path);
        char *slash = folder ? strrchr(folder, '/') : NULL;
        if (slash)
            *slash = 0;
        else if (folder)
            strcpy(folder, ".");
    }
    flat_close(&flat);
    char *path = folder ? model_tokenizer(folder) : NULL;
    free(folder);
    int status = path ? tokenizer_open(t, path, e) : 0;
    free(path);
    return status;
}

/* Whether the corpus is there, before a model is converted for it; *tokenised: it is a
 * P.bin/P.idx. */
static int check_corpora(const struct options *o, bool *tokenised, struct err *e)
{
    *tokenised = o->n_corpora == 1 && corpus_exists(o->corpora[0]);
    for (size_t i = 0; i < o->n_corpora && !*tokenised; i++) {
        if (corpus_exists(o->corpora[i]))
            return err_set(e,
                           "%s: is a tokenised corpus: give one of these, or any number of texts",
                           o->corpora[i]);
        if (strcmp(o->corpora[i], "-") && access(o->corpora[i], R_OK))
            return err_errno(e, "%s: cannot open", o->corpora[i]);
    }
    return 0;
}

/* Text to OUT/NAME.bin/.idx, NAME being the first file's; returns the prefix, which the caller
 * frees. */
static char *tokenize_text(struct job *job, struct err *e)
{
    const struct options *o = job->o;
    if (!job->tokenizer) {
        err_set(e, "%s: no tokenizer.json found beside it: give one with -t", o->models[0]);
        return NULL;
    }
    char *name = path_last(o->corpora[0]);
    if (name && strcmp(name, "-")) name[strcspn(name, ".")] = 0;
    char *prefix =
        format_string("%s/%s", o->out, name && *name && strcmp(name, "-") ? name : "corpus");
    free(name);
    json_t *provenance = provenance_json();
    struct tokenize_options options = {.field = o->field, .provenance = provenance};
    struct tokenize_stats stats;
    int status = prefix ? tokenize_files(o->corpora, o->n_corpora, job->tokenizer, prefix, &options,
                                         &stats, e)
                        : err_memory(e, NULL);
    json_decref(provenance);
    if (!status && stats.invalid)
        progress_note("%s: %" PRIu64 " invalid UTF-8 sequences replaced", o->corpora[0],
                      stats.invalid);
    if (!status) return prefix;
    free(prefix);
    return NULL;
}

/* A tokenised corpus that says it was made with another tokenizer is not this model's. */
static int check_tokenizer(const struct job *job, const char *prefix, struct err *e)
{
    char *path = format_string("%s.json", prefix);
    json_t *o = path && file_exists(path) ? json_load_file(path, 0, NULL) : NULL;
    const char *hash = json_string_value(json_object_get(json_object_get(o, "tokenizer"), "hash"));
    char mine[24];
    int status = 0;
    if (hash && job->tokenizer) {
        snprintf(mine, sizeof mine, "%016" PRIx64, tokenizer_hash(job->tokenizer));
        if (strcmp(mine, hash))
            status = err_set(e,
                             "%s: expected a corpus made with %s (%s), found one made with another "
                             "tokenizer (%s)",
                             path, tokenizer_path(job->tokenizer), mine, hash);
    }
    json_decref(o);
    free(path);
    return status;
}

static int job_open(struct job *job, const struct options *o, struct err *e)
{
    *job = (struct job){.o = o};
    const char *why = o->gemm == NEOX_ONEDNN ? onednn_open() : NULL;
    if (why) return err_kind(e, ERR_MISSING, "--gemm onednn: %s", why);
    bool tokenised;
    if (check_corpora(o, &tokenised, e) || find_tokenizer(o, &job->tokenizer, e) ||
        make_directories(o->out, e))
        return -1;
    char *prefix = tokenised ? strdup(o->corpora[0]) : tokenize_text(job, e);
    if (!prefix) return -1;
    int status = corpus_open(&job->corpus, prefix, e);
    if (!status) status = check_tokenizer(job, job->corpus.prefix, e);
    free(prefix);
    /* Of what is used only: the Pile in training order has 600 GB. */
    size_t used = job->corpus.documents;
    if (o->documents && o->documents < used) used = o->documents;
    if (status || corpus_hash(&job->corpus, used, &job->corpus_hash, e)) return -1;
    if (plan_make(&job->plan, &job->corpus, &o->protocol, o->documents, o->shard, o->shards, e))
        return -1;
    job->counts = (struct text_counts){-1, -1};
    if (job->tokenizer && text_count(&job->plan, job->tokenizer, &job->counts, e)) return -1;
    char part[96] = "", documents[48] = "";
    if (o->protocol.window)
        snprintf(part, sizeof part, " window %zu stride %zu", o->protocol.window,
                 o->protocol.stride);
    if (o->documents) snprintf(documents, sizeof documents, " documents %zu", o->documents);
    job->protocol = format_string("max-tokens %zu%s%s", o->protocol.max_tokens, part, documents);
    return job->protocol ? 0 : err_memory(e, NULL);
}

static void job_close(struct job *job)
{
    free(job->protocol);
    plan_free(&job->plan);
    corpus_close(&job->corpus);
    tokenizer_close(job->tokenizer);
}

/* Everything of the record but what the scan finds out. */
static int describe(struct record *r, const struct job *job, const struct flat_model *flat,
                    struct err *e)
{
    const struct options *o = job->o;
    char *file = flat->name && *flat->name ? strdup(flat->name) : path_last(flat->path);
    if (file && !(flat->name && *flat->name)) {
        char *dot = strrchr(file, '.');
        if (dot && dot != file) *dot = 0;
    }
    *r = (struct record){.model = file,
                         .step = flat->step,
                         .parameters = flat->parameters,
                         .parameters_total = flat->parameters_total,
                         .tokens_seen = flat->tokens_seen,
                         .bytes = job->counts.bytes,
                         .words = job->counts.words,
                         .mfu = -1,
                         .shard = o->shard,
                         .shards = o->shards};
    r->corpus_hash = format_string("%016" PRIx64, job->corpus_hash);
    r->protocol = strdup(job->protocol);
    char *all = format_string("%016" PRIx64 " %s %s %zu/%zu %d %d", model_hash(flat),
                              r->corpus_hash, r->protocol, o->shard, o->shards,
                              o->gelu < 0 ? (int)flat->config.activation : o->gelu, o->gemm);
    if (all) r->key = format_string("%016" PRIx64, (uint64_t)XXH3_64bits(all, strlen(all)));
    free(all);
    char *name = record_file_name(r);
    if (name) r->losses = format_string("%s/%s.npy", o->out, name);
    free(name);
    return r->model && r->corpus_hash && r->protocol && r->key && r->losses ? 0
                                                                            : err_memory(e, NULL);
}

static char *json_path(const struct record *r)
{
    return format_string("%.*s.json", (int)strlen(r->losses) - 4, r->losses);
}

/* 1 when the losses are there already (*r then holds their record), 0 when not, -1 when another
 * scan's are in the way. */
static int finished(struct record *r, const struct options *o, struct err *e)
{
    char *path = json_path(r);
    int status = 0;
    if (path && !o->force && file_exists(path) && file_exists(r->losses)) {
        struct record old;
        if (record_read(&old, path, e)) {
            status = -1;
        } else if (strcmp(old.key, r->key)) {
            status = err_set(e,
                             "%s: holds losses of another corpus, protocol or model of that name: "
                             "choose another -o, or --force",
                             r->losses);
            record_free(&old);
        } else {
            record_free(r);
            *r = old;
            status = 1;
        }
    }
    free(path);
    return status;
}

static json_t *provenance(const struct job *job, const struct flat_model *flat)
{
    const struct options *o = job->o;
    json_t *p = provenance_json();
    json_object_set_new(p, "kernels", json_string(o->kernels->name));
    json_object_set_new(p, "gemm", json_string(o->gemm == NEOX_NATIVE ? "native" : "onednn"));
    json_object_set_new(p, "threads", json_integer(o->common.threads));
    json_t *tokenizer = json_null();
    if (job->tokenizer) {
        tokenizer = json_pack("{s:o, s:o}", "path", json_utf8(tokenizer_path(job->tokenizer)),
                              "hash", json_hex(tokenizer_hash(job->tokenizer)));
    }
    int gelu = o->gelu < 0 ? (int)flat->config.activation : o->gelu;
    return json_pack("{s:o, s:{s:o, s:I, s:I}, s:o, s:o, s:s, s:s}", "provenance", p, "corpus",
                     "prefix", json_utf8(job->corpus.prefix), "documents",
                     (json_int_t)job->corpus.documents, "tokens", (json_int_t)job->corpus.tokens,
                     "tokenizer", tokenizer, "model_file", json_utf8(flat->path), "precision",
                     "float32", "gelu", gelu == NEOX_GELU_ERF ? "erf" : "tanh");
}

static int write_record(const struct record *r, const struct job *job,
                        const struct flat_model *flat, struct err *e)
{
    char *path = json_path(r);
    int status =
        path ? json_save(path, record_json(r, provenance(job, flat)), e) : err_memory(e, NULL);
    free(path);
    return status;
}

static void sum_up(struct record *r, const struct plan *plan, const float *loss)
{
    r->moments = (struct moments){0};
    for (size_t d = 0; d < plan->end - plan->begin; d++)
        moments_document(&r->moments, loss + plan->offset[d],
                         (size_t)(plan->offset[d + 1] - plan->offset[d]));
}

/* Computes what is missing of one model's losses into FILE, then fills the record. */
static int compute(struct record *r, const struct job *job, const struct flat_model *flat,
                   struct loss_file *file, struct err *e)
{
    const struct options *o = job->o;
    struct neox model;
    struct scan_result result;
    if (neox_load(&model, flat, o->kernels, o->gemm, job->plan.longest, e)) return -1;
    if (o->gelu >= 0) model.config.activation = (enum neox_activation)o->gelu;
    struct scan_options options = {.threads = o->common.threads, .batch_tokens = o->batch_tokens};
    char *label = record_file_name(r);
    progress_begin(label ? label : "scan", "tokens", job->plan.inputs);
    int status = scan_model(&model, &job->plan, &options, file->values, &result, e);
    progress_end();
    free(label);
    neox_unload(&model);
    if (status) return err_prefix(e, "%s", flat->path);
    sum_up(r, &job->plan, file->values);
    if (!isfinite(r->moments.sum))
        return err_set(
            e, "%s: a loss is not a finite number: the weights are damaged or overflow float32",
            flat->path);
    r->seconds = result.seconds;
    r->tokens_per_s = (double)result.predictions / result.seconds;
    char loop[32];
    snprintf(loop, sizeof loop, "f32_%s", o->kernels->name);
    double peak = result.predictions ? 1e9 * peak_rate(loop, o->common.threads, 0.02) : 0;
    if (peak > 0) r->mfu = result.flop / result.seconds / peak;
    return 0;
}

static int scan_one(struct record *r, struct job *job, const char *model_name, struct err *e)
{
    struct flat_model flat;
    struct loss_file file = {.fd = -1};
    if (model_open(&flat, model_name, NULL, e)) return -1;
    int status = describe(r, job, &flat, e);
    if (status) goto out;
    status = finished(r, job->o, e);
    if (status) {
        if (status > 0) status = 0;
        goto out;
    }
    if (job->plan.longest > flat.config.max_positions)
        progress_note("%s: %zu positions, but the model was trained on %zu", model_name,
                      job->plan.longest, flat.config.max_positions);
    job->corpus.limit = (uint32_t)flat.config.vocab;
    status = loss_file_open(&file, r->losses, strtoull(r->key, NULL, 16), job->plan.predictions, e);
    if (!status) status = compute(r, job, &flat, &file, e);
    /* The record first: losses under their final name always have one. */
    if (!status) status = write_record(r, job, &flat, e);
    if (!status) status = loss_file_commit(&file, e);
out:
    if (file.fd >= 0) loss_file_close(&file, false);
    flat_close(&flat);
    return status;
}

/* The next checkpoint comes from the disk while this one computes. */
static void read_ahead(const char *path)
{
    int fd = file_exists(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    close(fd);
}

static int run(int argc, char **argv, struct err *e)
{
    struct options o = {.out = "losses",
                        .shards = 1,
                        .batch_tokens = SCAN_BATCH_TOKENS,
                        .kernels = simd_best(),
                        .gelu = -1};
    cli_parse(&cmd_scan, argc, argv, &o);
    o.common.threads = cli_use_threads(o.common.threads);
    struct job job;
    struct record *records = calloc(o.n_models, sizeof *records);
    size_t done = 0;
    int status = records ? job_open(&job, &o, e) : err_memory(e, NULL);
    if (!records) goto out;
    for (; done < o.n_models && !status; done++) {
        if (done + 1 < o.n_models) read_ahead(o.models[done + 1]);
        status = scan_one(&records[done], &job, o.models[done], e);
    }
    if (status) goto out;
    json_t *runs = json_array();
    for (size_t i = 0; i < done; i++) json_array_append_new(runs, record_json(&records[i], NULL));
    if (!o.common.json || o.common.json_file) record_table(stdout, records, done, true);
    status = cli_write_json(
        &o.common, json_pack("{s:o, s:o}", "runs", runs, "provenance", provenance_json()), e);
out:
    if (records) {
        for (size_t i = 0; i < done; i++) record_free(&records[i]);
        job_close(&job);
    }
    free(records);
    free(o.models);
    free(o.corpora);
    return status;
}

const struct command cmd_scan = {"scan", "the loss of every token of a text, for every model given",
                                 &scan_argp, run};
