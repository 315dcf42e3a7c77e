/* job.c - see job.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/job.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/flat/compare.h"
#include "models/flat/locate.h"
#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/scan/peak_rate.h"

char *losses_key(const struct record *r, uint64_t model, int gelu, const struct products *gemm)
{
    char part[64];
    if (r->end)
        snprintf(part, sizeof part, "documents %zu-%zu", r->begin, r->end);
    else
        snprintf(part, sizeof part, "%zu/%zu", r->shard, r->shards);
    char *all = format_string("%016" PRIx64 " %s %s %s %d %d", model, r->corpus_hash, r->protocol,
                              part, gelu, gemm->number);
    char *key = all ? format_string("%016" PRIx64, (uint64_t)XXH3_64bits(all, strlen(all))) : NULL;
    free(all);
    return key;
}

/* tokenizer.json for text: the option's, else the first model's folder's; *t stays NULL when there
 * is none. */
static int find_tokenizer(const struct scan_request *o, struct tokenizer **t, struct err *e)
{
    *t = NULL;
    if (o->tokenizer) return tokenizer_open(t, o->tokenizer, e);
    struct flat_model flat;
    char *folder = NULL;
    if (model_open(&flat, o->model, &folder, e)) return -1;
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
static int check_corpora(const struct scan_request *o, bool *tokenised, struct err *e)
{
    *tokenised = o->corpora_n == 1 && corpus_exists(o->corpora[0]);
    for (size_t i = 0; i < o->corpora_n && !*tokenised; i++) {
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
    const struct scan_request *o = job->o;
    if (!job->tokenizer) {
        err_set(e, "%s: no tokenizer.json found beside it: give one with -t", o->model);
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
    int status = prefix ? tokenize_files(o->corpora, o->corpora_n, job->tokenizer, prefix, &options,
                                         &stats, e)
                        : err_memory(e, NULL);
    json_decref(provenance);
    if (!status) job->files = stats.files;
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

int job_open(struct job *job, const struct scan_request *o, struct err *e)
{
    *job = (struct job){.o = o};
    const char *why = o->gemm->open ? o->gemm->open() : NULL;
    if (why) return err_kind(e, ERR_MISSING, "--gemm %s: %s", o->gemm->name, why);
    bool tokenised;
    if (check_corpora(o, &tokenised, e) || find_tokenizer(o, &job->tokenizer, e) ||
        make_directories(o->out, e))
        return -1;
    char *prefix = tokenised ? strdup(o->corpora[0]) : tokenize_text(job, e);
    if (!prefix) return -1;
    int status = corpus_open(&job->corpus, prefix, e);
    if (!status) status = check_tokenizer(job, job->corpus.prefix, e);
    free(prefix);
    if (!status) status = work_open(&job->work, &job->corpus, &o->protocol, o->documents, e);
    /* Of what is used only: the Pile in training order has 600 GB. */
    if (status || corpus_hash(&job->corpus, job->work.documents, &job->corpus_hash, e)) return -1;
    job->protocol = protocol_text(&o->protocol, o->documents);
    return job->protocol ? 0 : err_memory(e, NULL);
}

/* Plans the documents of SHARE, unless they are the last model's. */
static int plan_share(struct job *job, struct share share, struct err *e)
{
    if (job->plan.begin == share.begin && job->plan.end == share.end) return 0;
    plan_free(&job->plan);
    job->counts = (struct text_counts){-1, -1};
    if (plan_make(&job->plan, &job->corpus, &job->o->protocol, share.begin, share.end, e) ||
        !job->tokenizer)
        return job->plan.predictions ? 0 : -1;
    return text_count(&job->plan, job->tokenizer, &job->counts, e);
}

void job_close(struct job *job)
{
    free(job->protocol);
    free(job->files);
    plan_free(&job->plan);
    corpus_close(&job->corpus);
    tokenizer_close(job->tokenizer);
}

/* Everything of the record but what the scan finds out. */
static int describe(struct record *r, const struct job *job, const struct flat_model *flat,
                    struct err *e)
{
    const struct scan_request *o = job->o;
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
                         .shards = 1};
    if (job->plan.end - job->plan.begin < job->work.documents) {
        r->shard = o->shard;
        r->shards = o->shards;
        r->begin = job->plan.begin;
        r->end = job->plan.end;
        r->of = job->work.documents;
    }
    r->corpus_hash = format_string("%016" PRIx64, job->corpus_hash);
    r->protocol = strdup(job->protocol);
    r->weights = format_string("%016" PRIx64, flat_weights_hash(flat));
    if (r->corpus_hash && r->protocol)
        r->key = losses_key(r, flat_weights_hash(flat),
                            o->gelu < 0 ? (int)flat->config.activation : o->gelu, o->gemm);
    char *name = record_file_name(r);
    if (name) r->losses = format_string("%s/%s.npy", o->out, name);
    free(name);
    return r->model && r->corpus_hash && r->protocol && r->key && r->losses && r->weights
               ? 0
               : err_memory(e, NULL);
}

static char *json_path(const struct record *r)
{
    return format_string("%.*s.json", (int)strlen(r->losses) - 4, r->losses);
}

/* 1 when the losses are there already (*r then holds their record), 0 when not, -1 when another
 * scan's are in the way. */
static int finished(struct record *r, const struct scan_request *o, struct err *e)
{
    char *path = json_path(r);
    int status = 0;
    if (path && !o->force && file_exists(path) && file_exists(r->losses)) {
        struct record old;
        if (record_read(&old, path, e)) {
            status = -1;
        } else if (strcmp(old.key, r->key)) {
            status = err_set(e,
                             "%s: holds losses of another corpus, protocol, part or model of that "
                             "name: "
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
    const struct scan_request *o = job->o;
    json_t *p = provenance_json();
    json_object_set_new(p, "kernels", json_string(o->kernels->name));
    json_object_set_new(p, "gemm", json_string(o->gemm->name));
    json_object_set_new(p, "threads", json_integer(o->threads));
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
    for (size_t d = plan->begin, n; d < plan->end; d++, loss += n) {
        n = plan_predictions(plan, d);
        moments_document(&r->moments, loss, n);
    }
}

/* Computes what is missing of one model's losses into FILE, then fills the record. *spoilt: what FILE
 * holds is of no use. */
static int compute(struct record *r, const struct job *job, const struct flat_model *flat,
                   struct loss_file *file, bool *spoilt, struct err *e)
{
    const struct scan_request *o = job->o;
    struct neox model;
    struct scan_result result;
    if (neox_load(&model, flat, o->kernels, o->gemm, job->plan.longest, e)) return -1;
    if (o->gelu >= 0) model.config.activation = (enum neox_activation)o->gelu;
    struct scan_options options = {.threads = o->threads, .batch_tokens = o->batch_tokens};
    char *label = record_file_name(r);
    progress_begin(label ? label : "scan", "tokens", job->plan.inputs);
    int status = scan_model(&model, &job->plan, &options, file->values, &result, e);
    progress_end();
    free(label);
    neox_unload(&model);
    if (status) {
        *spoilt = err_is_local(e); /* these weights and this text will never do */
        return err_prefix(e, "%s", flat->path);
    }
    sum_up(r, &job->plan, file->values);
    if (!isfinite(r->moments.sum)) {
        *spoilt = true;
        return err_kind(
            e, ERR_DAMAGED,
            "%s: a loss is not a finite number: the weights are damaged or overflow float32",
            flat->path);
    }
    r->seconds = result.seconds;
    r->tokens_per_s = (double)result.predictions / result.seconds;
    char loop[32];
    snprintf(loop, sizeof loop, "f32_%s", o->kernels->name);
    double peak = result.predictions ? 1e9 * peak_rate(loop, o->threads, 0.02) : 0;
    if (peak > 0) r->mfu = result.flop / result.seconds / peak;
    return 0;
}

/* Takes the losses of SAME, whose weights are these, then fills the record. */
static int copy(struct record *r, const struct job *job, const struct record *same,
                struct loss_file *file, struct err *e)
{
    struct npy a;
    uint64_t n = job->plan.predictions;
    if (npy_open(&a, same->losses, e)) return -1;
    int status = 0;
    if (strcmp(a.descr, "<f4") || a.columns || a.rows != n) {
        status = err_kind(e, ERR_DAMAGED,
                          "%s: expected %" PRIu64 " float32 losses, found %" PRIu64 " of %s",
                          same->losses, n, a.rows, a.descr);
    } else {
        memcpy(file->values, a.data, n * sizeof *file->values);
        sum_up(r, &job->plan, file->values);
        if (!moments_equal(&r->moments, &same->moments))
            status = err_kind(e, ERR_DAMAGED, "%s: the losses sum to %.17g, its .json says %.17g",
                              same->losses, r->moments.sum, same->moments.sum);
    }
    npy_close(&a);
    r->same_as = record_checkpoint(same);
    return status ? -1 : r->same_as ? 0 : err_memory(e, same->losses);
}

/* Computes (or copies from SAME) and gives the losses their final name. The record first: losses under their final name
 * always have one. */
static int fill(struct record *r, struct job *job, const struct flat_model *flat,
                const struct record *same, struct err *e)
{
    struct loss_file file;
    bool spoilt = false;
    job->corpus.limit = (uint32_t)flat->config.vocab;
    if (loss_file_open(&file, r->losses, strtoull(r->key, NULL, 16), job->plan.predictions, e))
        return -1;
    int status = same ? copy(r, job, same, &file, e) : compute(r, job, flat, &file, &spoilt, e);
    if (status && same) spoilt = true;
    if (!status) status = write_record(r, job, flat, e);
    if (!status) status = loss_file_commit(&file, e);
    if (file.fd >= 0) loss_file_close(&file, !spoilt);
    return status;
}

int job_scan(struct job *job, const char *model, struct share share, const struct record *same,
             struct record *r, struct err *e)
{
    struct flat_model flat;
    if (plan_share(job, share, e) || model_open(&flat, model, NULL, e)) return -1;
    int status = describe(r, job, &flat, e);
    int there = status ? 0 : finished(r, job->o, e);
    if (there < 0) status = -1;
    /* Another GELU, for one, is no part of the weights. */
    if (!status && same && strcmp(same->key, r->key)) same = NULL;
    if (!status && !there && job->plan.longest > flat.config.max_positions)
        progress_warn("%s: %zu positions, but the model was trained on %zu", model,
                      job->plan.longest, flat.config.max_positions);
    if (!status && !there) status = fill(r, job, &flat, same, e);
    flat_close(&flat);
    return status;
}
