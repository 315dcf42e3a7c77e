/* score_job.c - see score_job.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/score_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/flat/compare.h"
#include "models/flat/locate.h"
#include "src/base/json.h"
#include "src/scan/losses.h"
#include "src/scan/model_tokenizer.h"

/* Everything the losses depend on. */
static int find_key(uint64_t *key, const struct scored *s, const struct flat_model *flat, int gelu,
                    struct err *e)
{
    const uint64_t first[3] = {flat_weights_hash(flat), (uint64_t)gelu, flat->config.max_positions};
    XXH64_state_t *state = XXH64_createState();
    if (!state) return err_memory(e, flat->path);
    XXH64_reset(state, 0);
    XXH64_update(state, first, sizeof first);
    for (size_t i = 0; i < s->requests.n; i++) {
        const struct request *q = &s->requests.item[i];
        const uint32_t sizes[2] = {q->context, q->tokens};
        XXH64_update(state, sizes, sizeof sizes);
        XXH64_update(state, s->requests.ids.id + q->at,
                     ((size_t)q->context + q->tokens) * sizeof *s->requests.ids.id);
    }
    *key = XXH64_digest(state);
    XXH64_freeState(state);
    return 0;
}

/* Whether the tokenizer.json of MODEL's FOLDER (NULL: it has none) is FIRST's. Files are hashed, for
 * to parse one takes 70 ms; what differs is parsed for what is wrong with it. */
static int check_tokenizer(const struct score_request *o, const char *model, const char *folder,
                           const struct tokenizer *first, struct err *e)
{
    char *path = folder ? model_tokenizer(folder) : NULL;
    uint64_t hash = tokenizer_hash(first);
    struct tokenizer *t = NULL;
    int status = 0;
    if (path && strcmp(path, tokenizer_path(first))) status = tokenizer_file_hash(&hash, path, e);
    if (!status && hash != tokenizer_hash(first)) {
        status = tokenizer_open(&t, path, e);
        tokenizer_close(t);
        if (!status)
            status = err_set(e,
                             "%s: expected the tokenizer of %s (%016" PRIx64
                             "), found another (%016" PRIx64 "): give one for all with -t",
                             model, o->models[0], tokenizer_hash(first), hash);
    }
    free(path);
    return status;
}

/* Whether the other models have the FIRST's tokenizer, or none. Models that are not there are said to be
 * when it is their turn. */
static int check_tokenizers(const struct score_request *o, const struct tokenizer *first,
                            struct err *e)
{
    int status = 0;
    for (size_t i = 1; i < o->models_n && !status; i++) {
        struct flat_model flat;
        struct err ignored;
        char *folder, *import;
        if (model_peek(&flat, o->models[i], &folder, &import, &ignored)) continue;
        status = check_tokenizer(o, o->models[i], folder, first, e);
        if (!import) flat_close(&flat);
        free(folder);
        free(import);
    }
    return status;
}

/* The requests, with the tokenizer of the first model. */
static int open_requests(struct scored *s, const struct score_request *o, struct err *e)
{
    struct flat_model flat;
    struct tokenizer *tokenizer = NULL;
    char *folder = NULL;
    if (model_open(&flat, o->models[0], &folder, e)) return -1;
    int status = model_tokenizer_open(&tokenizer, o->tokenizer, folder, e);
    free(folder);
    size_t positions = flat.config.max_positions;
    flat_close(&flat);
    struct requests_options options = {.tokenizer = tokenizer, .prefix = o->prefix};
    if (!status) status = requests_read(&s->requests, o->requests, &options, e);
    if (!status && s->requests.encoded && !o->tokenizer) status = check_tokenizers(o, tokenizer, e);
    tokenizer_close(tokenizer);
    if (status) return -1;
    requests_part(&s->requests, o->part, o->parts);
    for (size_t i = 0; i < s->requests.n; i++)
        s->truncated +=
            (size_t)s->requests.item[i].context + s->requests.item[i].tokens > positions + 1;
    return s->requests.n
               ? 0
               : err_set(e, "%s: no line falls to part %zu of %zu", o->requests, o->part, o->parts);
}

/* Losses that are being kept, and all of them once they are there. */
struct kept_losses {
    struct loss_file file;
    uint64_t key;
    float *all; /* [predictions] */
};

static int open_losses(struct kept_losses *k, const char *out, uint64_t n, struct err *e)
{
    int status = loss_file_open(&k->file, out, k->key, n, e);
    return status > 0 ? err_prefix(e, "%s: is being written by another process", out) : status;
}

/* Takes the losses of an earlier model of this run that are the same; their file is open, and nobody
 * else's. */
static bool copy(struct scored *s, const struct kept_losses *kept, struct kept_losses *k)
{
    for (const struct kept_losses *other = kept; other < k; other++) {
        if (other->key != k->key) continue;
        memcpy(k->all, other->all, s->requests.predictions * sizeof *k->all);
        s->models[k - kept].summary = s->models[other - kept].summary;
        return true;
    }
    return false;
}

/* One model's losses KEPT[s->n], and what they come to. */
static int compute(struct scored *s, const struct score_request *o, const struct flat_model *flat,
                   struct kept_losses *kept, struct err *e)
{
    struct scored_model *m = &s->models[s->n];
    struct kept_losses *k = &kept[s->n];
    struct neox model;
    struct score_result result;
    size_t longest;
    if (score_longest(&s->requests, flat->config.max_positions, flat->config.vocab, &longest, e)) {
        err_prefix(e, "%s", o->requests);
        return err_prefix(e, "%s", flat->path);
    }
    int gelu = o->gelu < 0 ? (int)flat->config.activation : o->gelu;
    const uint64_t n = s->requests.predictions;
    k->all = malloc((n + 1) * sizeof *k->all);
    if (!k->all) return err_memory(e, o->out);
    if (find_key(&k->key, s, flat, gelu, e)) return -1;
    if (copy(s, kept, k)) return 0;
    if (neox_load(&model, flat, o->kernels, &products_native, longest, e)) return -1;
    model.config.activation = (enum neox_activation)gelu;
    int status = open_losses(k, o->out, n, e);
    out_catch_interrupts(true);
    if (!status) status = score_model(&model, &s->requests, &o->compute, &k->file, &result, e);
    out_catch_interrupts(false);
    neox_unload(&model);
    if (!status) status = loss_file_read(&k->file, 0, k->all, n, e);
    if (status) return -1;
    m->summary = score_sum_up(&s->requests, k->all);
    m->result = result;
    if (isfinite(m->summary.log_likelihood)) return 0;
    loss_file_close(&k->file, false); /* of no use to anyone */
    return err_kind(e, ERR_DAMAGED,
                    "%s: a log-likelihood is not a finite number: the weights are damaged or "
                    "overflow float32",
                    flat->path);
}

static json_t *answer(const struct requests *r, size_t i, const float *loss)
{
    const struct request *q = &r->item[i];
    struct score s = score_of(r, i, loss);
    return json_pack("{s:f, s:b, s:I, s:f, s:o, s:o}", "loglikelihood", s.log_likelihood, "greedy",
                     (int)s.greedy, "tokens", (json_int_t)q->tokens, "per_token",
                     s.log_likelihood / q->tokens, "bytes",
                     q->bytes ? json_integer((json_int_t)q->bytes) : json_null(), "per_byte",
                     q->bytes ? json_real(s.log_likelihood / (double)q->bytes) : json_null());
}

static json_t *index_or_null(int64_t i)
{
    return i < 0 ? json_null() : json_integer((json_int_t)i);
}

/* A line of the output. */
static json_t *line_json(const struct requests *r, size_t i, const struct scored_model *m,
                         const float *loss)
{
    const struct request_line *l = &r->line[i];
    json_t *o = json_pack("{s:I, s:o, s:o}", "line", (json_int_t)l->number, "model",
                          json_utf8(m->model), "step", index_or_null(m->step));
    if (l->id) json_object_set_new(o, "id", json_loads(l->id, JSON_DECODE_ANY, NULL));
    if (!l->choices) {
        json_t *a = answer(r, l->first, loss);
        json_object_update(o, a);
        json_decref(a);
        return o;
    }
    json_t *list = json_array();
    for (size_t j = 0; j < l->count; j++)
        json_array_append_new(list, answer(r, l->first + j, loss));
    struct score_choice c = score_choose(r, i, loss);
    json_object_set_new(o, "choices", list);
    json_object_set_new(o, "gold", index_or_null(l->gold));
    json_object_set_new(o, "best", index_or_null(c.best));
    json_object_set_new(o, "best_norm", index_or_null(c.norm));
    json_object_set_new(o, "best_bytes", index_or_null(c.bytes));
    json_object_set_new(o, "best_tokens", index_or_null(c.tokens));
    return o;
}

static int write_lines(const struct scored *s, const struct score_request *o,
                       const struct kept_losses *kept, struct err *e)
{
    struct out out = {0};
    int status = out_open(&out, o->out, e);
    for (size_t m = 0; m < s->n && !status; m++) {
        for (size_t i = 0; i < s->requests.lines && !status; i++) {
            json_t *line = line_json(&s->requests, i, &s->models[m], kept[m].all);
            char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
            status = text ? out_printf(&out, e, "%s\n", text) : err_memory(e, o->out);
            free(text);
            json_decref(line);
        }
    }
    if (!status) status = out_commit(&out, e);
    out_abort(&out);
    return status;
}

int score_job(struct scored *s, const struct score_request *o, struct err *e)
{
    *s = (struct scored){.models = calloc(o->models_n, sizeof *s->models)};
    struct kept_losses *kept = calloc(o->models_n, sizeof *kept);
    int status = s->models && kept ? open_requests(s, o, e) : err_memory(e, NULL);
    for (size_t i = 0; kept && i < o->models_n; i++) kept[i].file.data = -1;
    for (; !status && s->n < o->models_n; s->n++) {
        struct scored_model *m = &s->models[s->n];
        struct flat_model flat;
        if ((status = model_open(&flat, o->models[s->n], NULL, e))) break;
        m->model = flat_label(&flat);
        m->step = flat.step;
        status = m->model ? compute(s, o, &flat, kept, e) : err_memory(e, NULL);
        flat_close(&flat);
    }
    if (!status) status = write_lines(s, o, kept, e);
    for (size_t i = 0; kept && i < o->models_n; i++) {
        loss_file_close(&kept[i].file, status != 0);
        free(kept[i].all);
    }
    free(kept);
    return status;
}

void scored_free(struct scored *s)
{
    for (size_t i = 0; s->models && i < s->n; i++) free(s->models[i].model);
    free(s->models);
    requests_free(&s->requests);
}
