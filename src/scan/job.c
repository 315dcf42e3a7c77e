/* job.c - see job.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/job.h"

#include <errno.h>
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
#include "src/scan/deviate.h"
#include "src/scan/model_tokenizer.h"
#include "src/scan/peak_rate.h"
#include "src/scan/scan_streamed.h"
#include "src/text/kept.h"
#include "src/text/known.h"

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

/* Whether the corpus is there, before a model is converted for it; *tokenised: it is a
 * P.bin/P.idx. */
static int check_corpora(const struct scan_request *o, bool *tokenised, struct err *e)
{
    *tokenised = o->corpora_n == 1 && corpus_exists(o->corpora[0]);
    if (*tokenised) corpus_warn_of_text(o->corpora[0]);
    for (size_t i = 0; i < o->corpora_n && !*tokenised; i++) {
        if (corpus_exists(o->corpora[i]))
            return err_set(e,
                           "%s: is a tokenised corpus: give one of these, or any number of texts",
                           o->corpora[i]);
        if (strcmp(o->corpora[i], "-") && access(o->corpora[i], R_OK))
            return err_errno(e, "%s: cannot open", o->corpora[i]);
    }
    if (!*tokenised && o->protocol.rows.end)
        return err_set(e,
                       "%s: expected the prefix of a tokenised corpus to take rows of, found text",
                       o->corpora[0]);
    return 0;
}

/* The corpus of the texts, kept as OUT/NAME.bin/.idx, NAME being the first's. */
static int open_texts(struct job *job, struct err *e)
{
    const struct scan_request *o = job->o;
    if (!job->tokenizer)
        return err_set(e, "%s: no tokenizer.json found beside it: give one with -t", o->model);
    char *name = path_last(o->corpora[0]);
    if (name && strcmp(name, "-")) name[strcspn(name, ".")] = 0;
    char *base =
        format_string("%s/%s", o->out, name && *name && strcmp(name, "-") ? name : "corpus");
    free(name);
    json_t *provenance = provenance_json();
    const struct tokenize_options options = {.field = o->field, .provenance = provenance};
    const struct kept kept = {.base = base,
                              .paths = o->corpora,
                              .n = o->corpora_n,
                              .t = job->tokenizer,
                              .o = &options,
                              .fresh = o->force};
    struct tokenize_stats stats;
    int status = base ? kept_open(&job->corpus, &stats, &kept, e) : err_memory(e, NULL);
    json_decref(provenance);
    free(base);
    if (status) return -1;
    job->files = stats.files;
    job->corpus_hash = stats.corpus_hash;
    return 0;
}

/* Bytes and words of the predicted text, known or counted. */
static int count_text(struct job *job, struct err *e)
{
    char key[KNOWN_KEY], now[KNOWN_KEY];
    uint64_t counts[2];
    char *what = format_string("text %016" PRIx64 " %s %zu-%zu", tokenizer_hash(job->tokenizer),
                               job->protocol, job->plan.begin, job->plan.end);
    if (!what) return err_memory(e, NULL);
    int status = 0;
    if (known_key(&job->corpus, what, key) && known_get(job->o->out, key, counts, 2)) {
        job->counts = (struct text_counts){(double)counts[0], (double)counts[1]};
    } else {
        status = text_count(&job->plan, job->tokenizer, &job->counts, e);
        counts[0] = (uint64_t)job->counts.bytes;
        counts[1] = (uint64_t)job->counts.words;
        if (!status && known_key(&job->corpus, what, now) && !strcmp(key, now))
            known_put(job->o->out, key, counts, 2);
    }
    free(what);
    return status;
}

int job_open(struct job *job, const struct scan_request *o, struct err *e)
{
    *job = (struct job){.o = o};
    const char *why = o->gemm->open ? o->gemm->open() : NULL;
    if (why && o->gemm->packing)
        return err_kind(e, ERR_MISSING, "--precision %s: %s", o->gemm->precision, why);
    if (why) return err_kind(e, ERR_MISSING, "--gemm %s: %s", o->gemm->name, why);
    const char *caution = o->gemm->caution ? o->gemm->caution() : NULL;
    if (caution) progress_warn("--precision %s: %s", o->gemm->precision, caution);
    bool tokenised;
    if (check_corpora(o, &tokenised, e) ||
        model_tokenizer_open(&job->tokenizer, o->tokenizer, o->folder, e) ||
        make_directories(o->out, e))
        return -1;
    if (tokenised ? protocol_open_corpus(&job->corpus, &o->protocol, o->corpora[0], e)
                  : open_texts(job, e))
        return -1;
    if (tokenised && job->tokenizer &&
        origin_check_tokenizer(job->corpus.prefix, job->tokenizer, e))
        return -1;
    if (work_open(&job->work, &job->corpus, &o->protocol, o->documents, e)) return -1;
    /* Of what is used only: the Pile in training order has 600 GB. */
    size_t used = job->work.documents;
    if ((tokenised || used < job->corpus.documents) &&
        known_hash(&job->corpus, used, o->out, &job->corpus_hash, e))
        return -1;
    job->protocol = protocol_text(&o->protocol, o->documents);
    return job->protocol ? 0 : err_memory(e, NULL);
}

int job_plan(struct job *job, struct share share, struct err *e)
{
    if (job->plan.begin == share.begin && job->plan.end == share.end) return 0;
    plan_free(&job->plan);
    job->counts = (struct text_counts){-1, -1};
    if (plan_make(&job->plan, &job->corpus, &job->o->protocol, share.begin, share.end, e))
        return -1;
    return job->tokenizer ? count_text(job, e) : 0;
}

void job_close(struct job *job)
{
    free(job->protocol);
    free(job->files);
    plan_free(&job->plan);
    corpus_close(&job->corpus);
    tokenizer_close(job->tokenizer);
}

static enum neox_activation gelu_of(const struct scan_request *o, const struct flat_model *flat)
{
    return o->gelu < 0 ? flat->config.activation : (enum neox_activation)o->gelu;
}

int job_describe(struct record *r, const struct job *job, const struct flat_model *flat,
                 uint64_t weights, struct err *e)
{
    const struct scan_request *o = job->o;
    *r = (struct record){.model = flat_label(flat),
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
    r->weights = format_string("%016" PRIx64, weights);
    if (r->corpus_hash && r->protocol)
        r->key = losses_key(r, weights, (int)gelu_of(o, flat), o->gemm);
    char *name = record_file_name(r);
    if (name) r->losses = format_string("%s/%s.npy", o->out, name);
    free(name);
    return r->model && r->corpus_hash && r->protocol && r->key && r->losses && r->weights
               ? 0
               : err_memory(e, NULL);
}

int job_finished(struct record *r, const struct job *job, struct err *e)
{
    char *path = record_path(r);
    int status = 0;
    if (path && !job->o->force && file_exists(path) && file_exists(r->losses)) {
        struct record old;
        if (record_read(&old, path, e)) {
            status = -1;
        } else if (strcmp(old.key, r->key)) {
            status = err_set(e,
                             "%s: holds losses of another corpus, protocol, part, precision or "
                             "model of that name: choose another -o, or --force",
                             r->losses);
            record_free(&old);
        } else {
            record_free(r);
            *r = old;
            loss_file_sweep(r->losses, strtoull(r->key, NULL, 16), job->plan.predictions);
            status = 1;
        }
    }
    free(path);
    return status;
}

static json_t *provenance(const struct job *job, const struct flat_model *flat,
                          const struct neox_narrowed *narrowed)
{
    const struct scan_request *o = job->o;
    json_t *p = provenance_json();
    if (narrowed->tokens) json_object_set_new(p, "probe", neox_narrowed_json(narrowed));
    json_object_set_new(p, "kernels", json_string(o->kernels->name));
    json_object_set_new(p, "gemm", json_string(o->gemm->name));
    json_object_set_new(p, "threads", json_integer(o->threads));
    json_t *tokenizer = json_null();
    if (job->tokenizer) {
        tokenizer = json_pack("{s:o, s:o}", "path", json_utf8(tokenizer_path(job->tokenizer)),
                              "hash", json_hex(tokenizer_hash(job->tokenizer)));
    }
    const enum neox_activation gelu = gelu_of(o, flat);
    return json_pack("{s:o, s:{s:o, s:I, s:I}, s:o, s:o, s:s, s:s}", "provenance", p, "corpus",
                     "prefix", json_utf8(job->corpus.prefix), "documents",
                     (json_int_t)job->corpus.documents, "tokens", (json_int_t)job->corpus.tokens,
                     "tokenizer", tokenizer, "model_file", json_utf8(flat->path), "precision",
                     o->gemm->precision, "gelu", gelu == NEOX_GELU_ERF ? "erf" : "tanh");
}

static int write_record(const struct record *r, const struct job *job,
                        const struct flat_model *flat, const struct neox_narrowed *narrowed,
                        struct err *e)
{
    char *path = record_path(r);
    int status = path ? json_save(path, record_json(r, provenance(job, flat, narrowed)), e)
                      : err_memory(e, NULL);
    free(path);
    return status;
}

/* The sums of losses in FILE: a document at a time, in order, so that their bits do not depend on how
 * they came there. */
static int sum_up(struct record *r, const struct plan *plan, const struct loss_file *file,
                  struct err *e)
{
    enum { BLOCK = 1 << 16 };
    float *block = malloc(BLOCK * sizeof *block);
    if (!block) return err_memory(e, r->losses);
    uint64_t read = 0;
    size_t used = 0, have = 0;
    int status = 0;
    r->moments = (struct moments){0};
    for (size_t d = plan->begin; d < plan->end && !status; d++) {
        size_t n = plan_predictions(plan, d);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            if (used == have) {
                uint64_t left = file->count - read;
                have = left < BLOCK ? (size_t)left : BLOCK;
                status = loss_file_read(file, read, block, have, e);
                if (status) break;
                read += have;
                used = 0;
            }
            sum += (double)block[used++];
        }
        moments_cluster(&r->moments, sum, n);
    }
    free(block);
    return status;
}

double job_peak(const struct scan_request *o)
{
    return 1e9 * peak_rate(o->kernels, o->threads, 0.02);
}

static void tell_probe(const struct flat_model *flat, const struct scan_request *o,
                       const struct neox_narrowed *n)
{
    static const double TOO_MUCH = 5e-3; /* nat */
    if (n->mean > TOO_MUCH)
        progress_warn(
            "%s: %s is %.2g nats from float32 in the mean of %zu tokens: more than %g, so "
            "look at what --compare says of this text, or scan in float32",
            flat->path, o->gemm->precision, n->mean, n->tokens, TOO_MUCH);
    else if (n->tokens)
        progress_note("%s: %s is %.2g nats from float32 in the mean of %zu tokens (at most %.2g)",
                      flat->path, o->gemm->precision, n->mean, n->tokens, n->worst);
}

/* Computes what is missing in FILE of one model's losses with PRODUCTS. */
static int compute_with(const struct products *products, const struct record *r,
                        const struct job *job, const struct flat_model *flat,
                        struct loss_file *file, struct scan_result *result,
                        struct neox_narrowed *narrowed, struct err *e)
{
    const struct scan_request *o = job->o;
    struct neox model;
    if (neox_load(&model, flat, o->kernels, products, job->plan.longest, e)) return -1;
    model.config.activation = gelu_of(o, flat);
    struct scan_options options = {.threads = o->threads,
                                   .batch_tokens = o->batch_tokens,
                                   .memory = o->memory,
                                   .spill = o->out};
    char *label = record_file_name(r);
    int status = scan_room(&model, &job->plan, &options, e);
    if (products->packing) progress_wait("%s: packing the weights", label ? label : "scan");
    if (!status) status = neox_narrow(&model, o->threads, narrowed, e);
    progress_end();
    if (!status) tell_probe(flat, o, narrowed);
    progress_begin(label ? label : "scan", "tokens", job->plan.inputs);
    out_catch_interrupts(true);
    if (!status) status = scan_within(&model, &job->plan, &options, file, result, e);
    out_catch_interrupts(false);
    progress_end();
    if (status) err_prefix(e, "%s", e->kind == ERR_INTERRUPTED && label ? label : flat->path);
    free(label);
    neox_unload(&model);
    return status;
}

/* The same with the job's, then fills the record. *spoilt: what FILE holds is of no use. */
static int compute(struct record *r, const struct job *job, const struct flat_model *flat,
                   struct loss_file *file, struct neox_narrowed *narrowed, bool *spoilt,
                   struct err *e)
{
    const struct scan_request *o = job->o;
    struct scan_result result;
    int status = compute_with(o->gemm, r, job, flat, file, &result, narrowed, e);
    if (status) *spoilt = err_is_local(e); /* these weights and this text will never do */
    if (status || sum_up(r, &job->plan, file, e)) return -1;
    if (!isfinite(r->moments.sum)) {
        *spoilt = true;
        return err_kind(
            e, ERR_DAMAGED,
            "%s: a loss is not a finite number: the weights are damaged or overflow float32",
            flat->path);
    }
    r->seconds = result.seconds;
    r->tokens_per_s = (double)result.predictions / result.seconds;
    double peak = result.predictions ? job_peak(o) : 0;
    if (peak > 0) r->mfu = result.flop / result.seconds / peak;
    return 0;
}

/* Takes the losses of SAME, whose weights are these, then fills the record. */
static int copy(struct record *r, const struct job *job, const struct record *same,
                struct loss_file *file, struct err *e)
{
    enum { BLOCK = 1 << 20 };
    struct npy a;
    uint64_t n = job->plan.predictions;
    if (npy_open(&a, same->losses, e)) return -1;
    int status = 0;
    if (strcmp(a.descr, "<f4") || a.columns || a.rows != n)
        status = err_kind(e, ERR_DAMAGED,
                          "%s: expected %" PRIu64 " float32 losses, found %" PRIu64 " of %s",
                          same->losses, n, a.rows, a.descr);
    for (uint64_t at = 0; at < n && !status; at += BLOCK)
        status =
            loss_file_put(file, at, (const float *)a.data + at, n - at < BLOCK ? n - at : BLOCK, e);
    npy_close(&a);
    if (!status) status = sum_up(r, &job->plan, file, e);
    if (!status && !moments_equal(&r->moments, &same->moments))
        status = err_kind(e, ERR_DAMAGED, "%s: the losses sum to %.17g, its .json says %.17g",
                          same->losses, r->moments.sum, same->moments.sum);
    r->same_as = record_checkpoint(same);
    return status ? -1 : r->same_as ? 0 : err_memory(e, same->losses);
}

/* What is there under the final name, of another scan or without its record, goes before the new
 * record comes: at no time do the two not belong together. */
static int withdraw(const struct record *r, struct err *e)
{
    if (!unlink(r->losses)) return sync_directory(r->losses, e);
    return errno == ENOENT ? 0 : err_errno(e, "%s: cannot replace", r->losses);
}

/* Losses of R's model under way to PATH. 1: another process is at them, which *e names. */
static int open_file(struct loss_file *file, const struct record *r, const char *path,
                     const char *key, uint64_t count, struct err *e)
{
    int status = loss_file_open(file, path, strtoull(key, NULL, 16), count, e);
    if (status > 0) {
        char *name = record_file_name(r);
        err_prefix(e, "%s", name ? name : r->losses);
        free(name);
    }
    return status;
}

/* Computes (or copies from SAME) and gives the losses their final name. The record first: losses
 * under their final name always have one. 1: another process is at it, which *e names. */
static int fill(struct record *r, struct job *job, const struct flat_model *flat,
                const struct record *same, struct err *e)
{
    struct loss_file file;
    bool spoilt = false;
    job->corpus.limit = (uint32_t)flat->config.vocab;
    int status = open_file(&file, r, r->losses, r->key, job->plan.predictions, e);
    if (status) return status;
    /* Another process may have finished before the lock was ours. */
    status = job_finished(r, job, e);
    if (status) {
        loss_file_close(&file, status < 0);
        return status > 0 ? 0 : status;
    }
    if (file.log.unlocked)
        progress_warn(
            "%s: this file system knows no locks: do not scan the same from two processes",
            r->losses);
    struct neox_narrowed narrowed = {0};
    status =
        same ? copy(r, job, same, &file, e) : compute(r, job, flat, &file, &narrowed, &spoilt, e);
    if (status && same) spoilt = true;
    if (!status) status = withdraw(r, e);
    if (!status) status = write_record(r, job, flat, &narrowed, e);
    if (!status) status = loss_file_commit(&file, e);
    loss_file_close(&file, !spoilt);
    return status;
}

/* Computes the losses of R in float32, in a file of their own that goes when they are compared and
 * stays when this is interrupted. */
static int compare(struct record *r, const struct job *job, const struct flat_model *flat,
                   struct err *e)
{
    char *key =
        losses_key(r, flat_weights_hash(flat), (int)gelu_of(job->o, flat), &products_native);
    char *path = format_string("%.*s.float32.npy", (int)strlen(r->losses) - 4, r->losses);
    struct loss_file file;
    struct scan_result result;
    struct neox_narrowed none;
    int status = key && path ? 0 : err_memory(e, r->losses);
    if (!status) status = open_file(&file, r, path, key, job->plan.predictions, e);
    free(path);
    free(key);
    if (status) return status;
    status = compute_with(&products_native, r, job, flat, &file, &result, &none, e);
    const bool keep = status && !err_is_local(e);
    if (!status) status = deviate(r, &job->plan, &file, e);
    loss_file_close(&file, keep);
    return status;
}

int job_fits(const struct scan_request *o, const struct flat_model *flat, const char *model,
             struct err *e)
{
    if (flat->packed && o->compare)
        return err_set(e, "%s: --compare needs the weights that these integers were made of",
                       model);
    return neox_fits(flat, o->gemm, gelu_of(o, flat), e);
}

int job_scan(struct job *job, const char *model, const struct flat_model *flat, struct share share,
             const struct record *same, struct record *r, struct err *e)
{
    *r = (struct record){0};
    if (job_fits(job->o, flat, model, e)) return -1;
    if (job_plan(job, share, e)) return -1;
    int status = job_describe(r, job, flat, flat_weights_hash(flat), e);
    int there = status ? 0 : job_finished(r, job, e);
    if (there < 0) status = -1;
    /* Another GELU, for one, is no part of the weights. */
    if (!status && same && strcmp(same->key, r->key)) same = NULL;
    if (!status && !there) status = neox_reaches(&flat->config, job->plan.longest, model, e);
    if (!status && !there && job->plan.longest > flat->config.max_positions)
        progress_warn("%s: %zu positions, but the model was trained on %zu", model,
                      job->plan.longest, flat->config.max_positions);
    if (!status && !there) status = fill(r, job, flat, same, e);
    if (!status && job->o->compare && !r->deviation.tokens) status = compare(r, job, flat, e);
    return status;
}
