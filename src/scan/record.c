/* record.c - see record.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/record.h"
#include "src/base/json.h"
#include "src/scan/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double record_perplexity(const struct record *r)
{
    return exp(moments_mean(&r->moments));
}

double record_bits_per_byte(const struct record *r)
{
    return r->bytes > 0 ? r->moments.sum / M_LN2 / r->bytes : NAN;
}

double record_word_perplexity(const struct record *r)
{
    return r->words > 0 ? exp(r->moments.sum / r->words) : NAN;
}

/* The training rows the losses are of, if they are, and how many of them the checkpoint had seen. */
static void put_rows(json_t *o, const struct record *r)
{
    struct protocol p;
    struct err ignored;
    size_t documents;
    if (protocol_parse(&p, &documents, r->protocol, "", &ignored) || !p.rows.end) return;
    json_t *seen = r->step < 0
                       ? json_null()
                       : json_integer((json_int_t)train_rows_seen(p.rows, (uint64_t)r->step));
    json_object_set_new(o, "train_rows",
                        json_pack("{s:I, s:I, s:o}", "first", (json_int_t)p.rows.begin, "end",
                                  (json_int_t)p.rows.end, "seen", seen));
}

json_t *record_json(const struct record *r, json_t *extra)
{
    const struct moments *m = &r->moments;
    json_t *o =
        json_pack("{s:s, s:o, s:I, s:f, s:f, s:f, s:I, s:I, s:I}", "format", "tripod-losses 1",
                  "model", json_utf8(r->model), "step", (json_int_t)r->step, "parameters",
                  r->parameters, "parameters_total", r->parameters_total, "tokens_seen",
                  r->tokens_seen, "documents", (json_int_t)m->documents, "tokens",
                  (json_int_t)m->predictions, "predictions", (json_int_t)m->predictions);
    if (!o) {
        json_decref(extra);
        return NULL;
    }
    json_object_set_new(o, "mean_loss", json_finite(moments_mean(m)));
    json_object_set_new(o, "standard_error", json_finite(moments_error(m)));
    json_object_set_new(o, "perplexity", json_finite(record_perplexity(r)));
    json_object_set_new(o, "bits_per_byte", json_finite(record_bits_per_byte(r)));
    json_object_set_new(o, "word_perplexity", json_finite(record_word_perplexity(r)));
    json_object_set_new(o, "bytes", json_finite(r->bytes < 0 ? NAN : r->bytes));
    json_object_set_new(o, "words", json_finite(r->words < 0 ? NAN : r->words));
    json_object_set_new(o, "moments", moments_json(m));
    json_object_set_new(o, "seconds", json_finite(r->seconds));
    json_object_set_new(o, "tokens_per_s", json_finite(r->tokens_per_s));
    json_object_set_new(o, "mfu", json_finite(r->mfu < 0 ? NAN : r->mfu));
    json_object_set_new(o, "shard",
                        json_pack("[I, I]", (json_int_t)r->shard, (json_int_t)r->shards));
    if (r->end)
        json_object_set_new(o, "document_range",
                            json_pack("{s:I, s:I, s:I}", "first", (json_int_t)r->begin, "end",
                                      (json_int_t)r->end, "of", (json_int_t)r->of));
    put_rows(o, r);
    json_object_set_new(o, "corpus_hash", json_string(r->corpus_hash));
    json_object_set_new(o, "protocol", json_string(r->protocol));
    json_object_set_new(o, "key", json_string(r->key));
    json_object_set_new(o, "weights", json_utf8(r->weights));
    json_object_set_new(o, "same_as", json_utf8(r->same_as));
    json_object_set_new(o, "out", json_utf8(r->losses));
    if (r->deviation.tokens) json_object_set_new(o, "deviation", deviation_json(&r->deviation));
    if (extra) json_object_update_missing(o, extra);
    json_decref(extra);
    return o;
}

/* A string member, copied; NULL (with the error set) when it is missing. */
static char *string_member(const json_t *o, const char *key, const char *path, struct err *e)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s) {
        err_kind(e, ERR_DAMAGED, "%s: %s: expected a string", path, key);
        return NULL;
    }
    char *copy = strdup(s);
    if (!copy) err_memory(e, path);
    return copy;
}

/* The same, but it may be missing or null: *TEXT is NULL then. */
static int optional_member(char **text, const json_t *o, const char *key, const char *path,
                           struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v)) return 0;
    *text = string_member(o, key, path, e);
    return *text ? 0 : -1;
}

/* A string that may be missing: NULL. "?" stands for a name that JSON cannot hold (json_utf8). */
static char *known_member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && strcmp(s, "?") ? strdup(s) : NULL;
}

bool record_is(const char *path)
{
    return json_file_is(path, "tripod-losses");
}

/* A number member; null or missing: FALLBACK. */
static double number_member(const json_t *o, const char *key, double fallback)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

/* A shard's documents. */
static int read_range(struct record *r, const json_t *o, const char *path, struct err *e)
{
    const json_t *shard = json_object_get(o, "shard"),
                 *range = json_object_get(o, "document_range");
    json_int_t index = json_integer_value(json_array_get(shard, 0));
    json_int_t shards = json_integer_value(json_array_get(shard, 1));
    if (shards < 1 || index < 0 || index >= shards)
        return err_kind(e, ERR_DAMAGED, "%s: shard: expected [index, shards]", path);
    r->shard = (size_t)index;
    r->shards = (size_t)shards;
    if (!range) return 0;
    json_int_t begin = json_integer_value(json_object_get(range, "first"));
    json_int_t end = json_integer_value(json_object_get(range, "end"));
    json_int_t of = json_integer_value(json_object_get(range, "of"));
    if (shards == 1 || begin < 0 || begin >= end || end > of)
        return err_kind(e, ERR_DAMAGED,
                        "%s: document_range: expected a shard's first < end <= of, found %lld, "
                        "%lld, %lld of shard %lld/%lld",
                        path, (long long)begin, (long long)end, (long long)of, (long long)index,
                        (long long)shards);
    r->begin = (size_t)begin;
    r->end = (size_t)end;
    r->of = (size_t)of;
    return 0;
}

int record_read(struct record *r, const char *path, struct err *e)
{
    *r = (struct record){0};
    size_t length = strlen(path);
    if (length < 5 || strcmp(path + length - 5, ".json"))
        return err_set(e, "%s: expected a .json written by tripod scan", path);
    json_error_t why;
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!o) {
        bool absent = json_error_code(&why) == json_error_cannot_open_file;
        return err_kind(e, absent ? ERR_MISSING : ERR_DAMAGED, "%s: line %d: %s", path, why.line,
                        why.text);
    }
    int status = 0;
    const char *format = json_string_value(json_object_get(o, "format"));
    if (!format || strcmp(format, "tripod-losses 1")) {
        status = err_set(e, "%s: format: expected \"tripod-losses 1\", found %s", path,
                         format ? format : "none");
        goto out;
    }
    r->losses = format_string("%.*s.npy", (int)(length - 5), path);
    if (!r->losses) err_memory(e, path);
    r->model = string_member(o, "model", path, e);
    r->corpus_hash = string_member(o, "corpus_hash", path, e);
    r->protocol = string_member(o, "protocol", path, e);
    r->key = string_member(o, "key", path, e);
    if (!r->losses || !r->model || !r->corpus_hash || !r->protocol || !r->key ||
        optional_member(&r->weights, o, "weights", path, e) ||
        optional_member(&r->same_as, o, "same_as", path, e)) {
        status = -1;
        goto out;
    }
    r->model_file = known_member(o, "model_file");
    r->corpus = known_member(json_object_get(o, "corpus"), "prefix");
    r->tokenizer = known_member(json_object_get(o, "tokenizer"), "path");
    r->gelu = known_member(o, "gelu");
    r->gemm = known_member(json_object_get(o, "provenance"), "gemm");
    r->precision = known_member(o, "precision");
    r->step = (int64_t)number_member(o, "step", -1);
    r->parameters = number_member(o, "parameters", -1);
    r->parameters_total = number_member(o, "parameters_total", -1);
    r->tokens_seen = number_member(o, "tokens_seen", -1);
    r->bytes = number_member(o, "bytes", -1);
    r->words = number_member(o, "words", -1);
    r->seconds = number_member(o, "seconds", 0);
    r->tokens_per_s = number_member(o, "tokens_per_s", 0);
    r->mfu = number_member(o, "mfu", -1);
    status = read_range(r, o, path, e);
    if (!status)
        status = deviation_from_json(&r->deviation, json_object_get(o, "deviation"), path, e);
    if (!status) status = moments_from_json(&r->moments, json_object_get(o, "moments"), path, e);
out:
    json_decref(o);
    if (status) record_free(r);
    return status;
}

void record_free(struct record *r)
{
    free(r->model);
    free(r->corpus_hash);
    free(r->protocol);
    free(r->key);
    free(r->losses);
    free(r->weights);
    free(r->same_as);
    free(r->model_file);
    free(r->corpus);
    free(r->tokenizer);
    free(r->gelu);
    free(r->gemm);
    free(r->precision);
    *r = (struct record){0};
}

char *record_checkpoint(const struct record *r)
{
    return r->step < 0 ? strdup(r->model) : format_string("%s-step%" PRId64, r->model, r->step);
}

char *record_path(const struct record *r)
{
    return format_string("%.*s.json", (int)strlen(r->losses) - 4, r->losses);
}

char *record_file_name(const struct record *r)
{
    char shard[48] = "", *checkpoint = record_checkpoint(r);
    if (r->shards > 1) snprintf(shard, sizeof shard, ".shard-%zu-of-%zu", r->shard, r->shards);
    char *name = checkpoint ? format_string("%s%s", checkpoint, shard) : NULL;
    free(checkpoint);
    for (char *p = name; p && *p; p++) {
        if (*p == '/') *p = '_';
    }
    return name;
}
