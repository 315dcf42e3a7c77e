/* verify.c - see verify.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/verify.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/compare.h"
#include "models/flat/archived.h"
#include "models/flat/locate.h"
#include "src/base/npy.h"
#include "src/base/progress.h"
#include "src/scan/job.h"
#include "src/scan/scan_streamed.h"

/* One file of losses while it is looked at. */
struct check {
    const struct verify_request *o;
    const char *json;
    struct record record;
    struct protocol protocol;
    size_t documents; /* of the protocol; 0: all */
    int gelu;         /* enum neox_activation */
    const struct products *gemm;
    struct npy stored;
    struct plan plan;
};

/* --- finding --- */

static int append(char ***paths, size_t *n, char *path, struct err *e)
{
    char **more = path ? realloc(*paths, (*n + 1) * sizeof *more) : NULL;
    if (!more) {
        free(path);
        return err_memory(e, NULL);
    }
    *paths = more;
    more[(*n)++] = path;
    return 0;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

static int json_entry(const struct dirent *entry)
{
    return ends_in(entry->d_name, ".json");
}

static int find_in_folder(char ***paths, size_t *n, const char *folder, struct err *e)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, json_entry, alphasort), status = 0;
    if (count < 0) return err_errno(e, "%s: cannot open", folder);
    size_t before = *n;
    for (int i = 0; i < count; i++) {
        char *path = status ? NULL : format_string("%s/%s", folder, entries[i]->d_name);
        if (!status && path && !record_is(path))
            free(path);
        else if (!status)
            status = append(paths, n, path, e);
        free(entries[i]);
    }
    free(entries);
    if (!status && *n == before)
        status = err_set(e, "%s: no losses found: expected the directory `tripod scan -o` wrote to",
                         folder);
    return status;
}

int verify_find(char ***paths, size_t *n, const char *losses, struct err *e)
{
    if (directory_exists(losses)) return find_in_folder(paths, n, losses, e);
    if (ends_in(losses, ".json")) return append(paths, n, strdup(losses), e);
    if (ends_in(losses, ".npy"))
        return append(paths, n, format_string("%.*s.json", (int)strlen(losses) - 4, losses), e);
    return err_set(e, "%s: expected losses (.npy), their .json or a folder of them", losses);
}

/* --- the record --- */

static int unknown(const struct check *c, const char *what, const char *expected, const char *found,
                   struct err *e)
{
    return err_kind(e, ERR_DAMAGED, "%s: %s: expected %s, found %s%s%s", c->json, what, expected,
                    found ? "\"" : "", found ? found : "none", found ? "\"" : "");
}

/* How the losses were made. */
static int read_record(struct check *c, struct err *e)
{
    struct record *r = &c->record;
    if (record_read(r, c->json, e)) return -1;
    if (!r->gelu || (strcmp(r->gelu, "erf") && strcmp(r->gelu, "tanh")))
        return unknown(c, "gelu", "\"erf\" or \"tanh\"", r->gelu, e);
    c->gelu = strcmp(r->gelu, "erf") ? NEOX_GELU_TANH : NEOX_GELU_ERF;
    const struct products *p = r->precision ? products_find(NULL, r->precision) : NULL;
    if (p && !products_verifiable(p))
        return err_set(
            e,
            "%s: losses in %s have no promised bits and are not close to float32's: they "
            "cannot be verified (`tripod scan --compare` says how far off they are)",
            c->json, r->precision);
    if (!p) return unknown(c, "precision", "\"float32\" or \"int16\"", r->precision, e);
    c->gemm = r->gemm ? products_find(r->gemm, r->precision) : NULL;
    if (!c->gemm) return unknown(c, "provenance: gemm", "\"native\" or \"onednn\"", r->gemm, e);
    return protocol_parse(&c->protocol, &c->documents, r->protocol, c->json, e);
}

/* --- the text --- */

/* Opens PREFIX in place of the corpus before. */
static int open_corpus(struct verifier *v, const struct check *c, const char *prefix, struct err *e)
{
    if (v->hashed) corpus_close(&v->corpus);
    v->hashed = 0;
    if (!corpus_exists(prefix)) {
        if (file_exists(prefix))
            return err_set(
                e,
                "%s: expected a tokenised corpus, found another file: make one of a text "
                "with `tripod tokenize`",
                prefix);
        return err_kind(e, ERR_MISSING, "%s: its corpus %s is not there: give one with -c", c->json,
                        prefix);
    }
    size_t used = 0;
    int status = protocol_open_corpus(&v->corpus, &c->protocol, prefix, e);
    if (!status) {
        used = v->corpus.documents;
        if (c->documents && c->documents < used) used = c->documents;
        status = corpus_hash(&v->corpus, used, &v->hash, e);
    }
    if (!status && !used) status = err_set(e, "%s: has no documents", prefix);
    if (status) corpus_close(&v->corpus);
    if (!status) v->hashed = used;
    v->rows = c->protocol.rows;
    return status;
}

/* The documents the losses are of, planned as they were. */
static int find_corpus(struct verifier *v, struct check *c, struct err *e)
{
    const struct record *r = &c->record;
    const char *given = v->o->corpus ? v->o->corpus : r->corpus;
    if (!given) return err_set(e, "%s: does not say where its corpus is: give it with -c", c->json);
    char *prefix = corpus_prefix(given);
    if (!prefix) return err_memory(e, given);
    size_t used = v->hashed ? v->corpus.documents : 0;
    if (c->documents && c->documents < used) used = c->documents;
    bool open = v->hashed && used == v->hashed && !strcmp(prefix, v->corpus.prefix) &&
                v->rows.begin == c->protocol.rows.begin && v->rows.end == c->protocol.rows.end;
    int status = open ? 0 : open_corpus(v, c, given, e);
    free(prefix);
    if (status) return -1;
    char hash[24];
    snprintf(hash, sizeof hash, "%016" PRIx64, v->hash);
    if (strcmp(hash, r->corpus_hash))
        return err_set(e, "%s: expected the corpus %s of %s, found %s", v->corpus.prefix,
                       r->corpus_hash, c->json, hash);
    struct work work;
    if (work_open(&work, &v->corpus, &c->protocol, c->documents, e)) return -1;
    if (r->end && r->of != work.documents)
        return err_kind(e, ERR_DAMAGED,
                        "%s: document_range: expected documents of the corpus's %zu, found of %zu",
                        c->json, work.documents, r->of);
    struct share share = r->end ? (struct share){r->begin, r->end}
                                : share_by_predictions(&work, r->shard, r->shards);
    return plan_make(&c->plan, &v->corpus, &c->protocol, share.begin, share.end, e);
}

/* --- the stored losses --- */

static int open_stored(struct check *c, struct err *e)
{
    struct npy *a = &c->stored;
    const char *path = c->record.losses;
    if (npy_open(a, path, e)) return -1;
    if (strcmp(a->descr, "<f4") || a->columns || a->rows != c->plan.predictions)
        return err_kind(e, ERR_DAMAGED,
                        "%s: expected %" PRIu64 " losses of <f4, found %" PRIu64 " of %s", path,
                        c->plan.predictions, a->rows * (a->columns ? a->columns : 1), a->descr);
    if ((uintptr_t)a->data % sizeof(float))
        return err_kind(e, ERR_DAMAGED, "%s: expected losses at a multiple of 4 bytes, found not",
                        path);
    return 0;
}

/* Their sums are the record's: the same additions in the same order, so equal or not. */
static bool same_sums(const struct check *c)
{
    const float *loss = c->stored.data;
    struct moments a = {0};
    for (size_t d = c->plan.begin, n; d < c->plan.end; d++, loss += n) {
        n = plan_predictions(&c->plan, d);
        moments_document(&a, loss, n);
    }
    return moments_equal(&a, &c->record.moments);
}

/* --- the model --- */

static bool is_model(const struct check *c, uint64_t weights, struct err *e, int *status)
{
    char *key = losses_key(&c->record, weights, c->gelu, c->gemm);
    bool yes = key && !strcmp(key, c->record.key);
    if (!key) *status = err_memory(e, NULL);
    free(key);
    return yes;
}

/* Opens the model the losses are of: the right one of those given, or where the record says. */
static int find_model(const struct verifier *v, const struct check *c, struct flat_model *flat,
                      struct err *e)
{
    const struct verify_request *o = v->o;
    const struct record *r = &c->record;
    const char *name = o->models_n ? o->models[0] : r->model_file;
    int status = 0;
    for (size_t i = 0; i < o->models_n; i++)
        if (is_model(c, v->weights[i], e, &status)) name = o->models[i];
    if (status) return -1;
    if (!name) return err_set(e, "%s: does not say where its model is: give it with -m", c->json);
    if (!o->models_n && !file_exists(name) && !archived_is(name))
        return err_kind(e, ERR_MISSING, "%s: its model %s is not there: give it with -m", c->json,
                        name);
    if (model_open(flat, name, NULL, e)) return -1;
    if (!is_model(c, flat_weights_hash(flat), e, &status) && !status) {
        char *key = losses_key(r, flat_weights_hash(flat), c->gelu, c->gemm);
        status = err_set(e, "%s: expected the model with key %s of %s, found one with %s%s",
                         flat->path, r->key, c->json, key ? key : "?",
                         o->models_n > 1 ? ", and none of the others is it" : "");
        free(key);
    }
    /* The hash is of the checksums the file states: they must be those of the weights in it. */
    if (!status) status = flat_verify(flat, e);
    if (status) flat_close(flat);
    return status;
}

/* --- comparing --- */

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* COMPUTED: the losses of PART, which are some of the plan's documents. */
static void compare(const struct check *c, const struct plan *part, const float *computed,
                    struct verified *r)
{
    const float *stored = c->stored.data;
    for (struct piece p = {.document = part->begin}; plan_next(part, &p);) {
        size_t at = p.first + p.skip, n = p.n - p.skip;
        const float *a = stored + plan_offset(&c->plan, p.document) + at, *b = computed + p.loss;
        for (size_t i = 0; i < n; i++) {
            double difference = fabs((double)a[i] - (double)b[i]);
            if (r->exact ? bits_of(a[i]) == bits_of(b[i]) : difference <= VERIFY_TOLERANCE)
                continue;
            if (!r->differences++) {
                r->document = p.document;
                r->token = at + i + 1;
                r->stored = a[i];
                r->computed = b[i];
            }
            if (!(difference <= r->largest)) r->largest = difference;
        }
        r->compared += n;
    }
}

/* Computes the documents of PART with FLAT. */
static int compute(const struct check *c, const struct flat_model *flat, const struct plan *part,
                   struct loss_file *losses, struct err *e)
{
    const struct verify_request *o = c->o;
    struct neox model;
    struct scan_result result;
    struct scan_options options = {.threads = o->threads, .batch_tokens = SCAN_BATCH_TOKENS};
    struct neox_narrowed narrowed;
    const struct products *products = c->gemm == &products_onednn ? &products_native : c->gemm;
    if (neox_fits(flat, products, (enum neox_activation)c->gelu, e) ||
        neox_load(&model, flat, o->kernels, products, part->longest, e))
        return -1;
    model.config.activation = (enum neox_activation)c->gelu;
    char *label = record_file_name(&c->record);
    progress_begin(label ? label : "verify", "tokens", part->inputs);
    int status = scan_room(&model, part, &options, e);
    if (!status) status = neox_narrow(&model, o->threads, &narrowed, e);
    if (!status) status = scan_within(&model, part, &options, losses, &result, e);
    progress_end();
    free(label);
    neox_unload(&model);
    return status ? err_prefix(e, "%s", flat->path) : 0;
}

static int judge(const struct check *c, const struct verified *r, struct err *e)
{
    if (r->differences)
        return err_kind(e, ERR_DAMAGED,
                        "%s: document %zu, token %zu (id %" PRIu32 "): stored %.9g (0x%08" PRIx32
                        "), recomputed %.9g (0x%08" PRIx32 "); %" PRIu64 " of %" PRIu64
                        " losses differ%s",
                        r->losses, r->document, r->token, r->id, (double)r->stored,
                        bits_of(r->stored), (double)r->computed, bits_of(r->computed),
                        r->differences, r->compared, r->exact ? "" : " by more than 1e-4 nats");
    if (!r->sums)
        return err_kind(e, ERR_DAMAGED,
                        "%s: the losses do not sum up to what %s says: one of the two was changed "
                        "(none of the %zu documents computed again differs: try --documents all)",
                        r->losses, c->json, r->documents);
    return 0;
}

static int recompute(struct verifier *v, struct check *c, struct verified *r, struct err *e)
{
    struct flat_model flat;
    struct plan part = {0};
    struct loss_file losses = {0};
    if (find_model(v, c, &flat, e)) return -1;
    v->corpus.limit = (uint32_t)flat.config.vocab;
    int status = plan_draw(&part, &c->plan, v->o->documents, v->o->seed, &r->documents, e);
    if (!status) status = loss_file_memory(&losses, part.predictions, e);
    if (!status) status = compute(c, &flat, &part, &losses, e);
    if (!status) compare(c, &part, losses.memory, r);
    if (!status && r->differences)
        status = corpus_read(&v->corpus, r->document, r->token, 1, &r->id, e);
    loss_file_close(&losses, false);
    plan_free(&part);
    flat_close(&flat);
    return status;
}

int verify_losses(struct verifier *v, const char *json, struct verified *r, struct err *e)
{
    struct check c = {.o = v->o, .json = json};
    *r = (struct verified){.step = -1};
    int status = read_record(&c, e);
    if (c.record.losses) {
        r->losses = strdup(c.record.losses);
        r->model = strdup(c.record.model);
        r->step = c.record.step;
        if (!r->losses || !r->model) status = err_memory(e, json);
    }
    if (!status) status = find_corpus(v, &c, e);
    if (!status) status = open_stored(&c, e);
    if (!status) {
        r->exact = c.gemm != &products_onednn;
        r->sums = same_sums(&c);
        status = recompute(v, &c, r, e);
        r->checked = !status;
    }
    if (!status) status = judge(&c, r, e);
    npy_close(&c.stored);
    plan_free(&c.plan);
    record_free(&c.record);
    return status;
}

int verify_open(struct verifier *v, const struct verify_request *o, struct err *e)
{
    *v = (struct verifier){.o = o, .weights = calloc(o->models_n + 1, sizeof *v->weights)};
    if (!v->weights) return err_memory(e, NULL);
    for (size_t i = 0; i < o->models_n; i++) {
        struct flat_model flat;
        if (model_open(&flat, o->models[i], NULL, e)) return -1;
        v->weights[i] = flat_weights_hash(&flat);
        flat_close(&flat);
    }
    return 0;
}

void verify_close(struct verifier *v)
{
    if (v->hashed) corpus_close(&v->corpus);
    free(v->weights);
    *v = (struct verifier){0};
}
