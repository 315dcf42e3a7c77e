/* cmd_generate.c - `tripod generate`: a prompt continued by a model, token by token as they come.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/locate.h"
#include "models/neox/neox_generate.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/scan/model_tokenizer.h"
#include "src/scan/sample.h"
#include "src/text/decode.h"
#include "src/text/source.h"

enum { MOST = 1 << 30 };

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct sampling sampling;
    const char *model, *prompt, *tokenizer;
    struct ids ids; /* --ids */
    size_t n, seed;
    int gelu;
    bool ignore_eos;
};
#define ARGS struct args

static const char *const gelus[] = {"erf", "tanh", NULL};

static int take_ids(void *args, const char *value, struct err *e)
{
    struct ids *ids = &((struct args *)args)->ids;
    for (const char *p = value; *p;) {
        char *end;
        unsigned long id = strtoul(p, &end, 10);
        if (end == p || *p < '0' || *p > '9' || id > INT32_MAX || (*end && *end != ','))
            return err_set(e, "--ids: expected token ids between commas, found '%s'", p);
        if (ids_reserve(ids, 1, e)) return -1;
        ids->id[ids->count++] = (uint32_t)id;
        p = *end ? end + 1 : end;
    }
    return 0;
}

static const struct option_row options[] = {
    OPTION_PLAIN(model, "MODEL"),
    OPTION_PLAIN(prompt, "[PROMPT]"),
    OPTION_SIZE("tokens", 'n', "N", n, 1, MOST, "At most N tokens more"),
    OPTION_REAL("temperature", 0, "T", sampling.temperature, 0, 1e6,
                "Draw from the softmax of logits / T; 0: always the likeliest token"),
    OPTION_REAL("top-p", 0, "P", sampling.top_p, 0, 1,
                "Draw from as few tokens as have probability P together"),
    CLI_SEED(seed, "Of the draws: the same text for the same S"),
    OPTION_FLAG("ignore-eos", 0, ignore_eos, "Go on after <|endoftext|>"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer, "tokenizer.json (default: the model's)"),
    OPTION_CALL(
        "ids", 0, "LIST", take_ids,
        "Token ids between commas for a prompt; without a tokenizer --json shows what came"),
    OPTION_CHOICE("gelu", 0, gelu, gelus, "GELU (default: the model's)"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.n = 64, .sampling = {.top_p = 1}, .gelu = -1};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->model) return err_set(e, "no model");
    if (!a->prompt == !a->ids.count)
        return err_set(e, a->prompt ? "give a prompt or --ids, not both" : "no prompt");
    return 0;
}

/* --- text as it comes --- */

struct stream {
    struct decoder decoder;
    struct bytes text; /* all of it */
    size_t shown;
    bool show; /* on stdout */
};

static int show(struct stream *s, struct err *e)
{
    size_t n = s->text.count - s->shown;
    const uint8_t *p = s->text.data + s->shown;
    s->shown = s->text.count;
    if (s->show && n && (fwrite(p, 1, n, stdout) != n || fflush(stdout)))
        return err_errno(e, "stdout: cannot write");
    return 0;
}

static int show_token(struct stream *s, uint32_t id, struct err *e)
{
    return decoder_add(&s->decoder, id, &s->text) ? err_memory(e, NULL) : show(s, e);
}

static int show_end(struct stream *s, struct err *e)
{
    return decoder_end(&s->decoder, &s->text) ? err_memory(e, NULL) : show(s, e);
}

/* --- the prompt --- */

static int read_all(const char *path, struct bytes *text, struct err *e)
{
    enum { CHUNK = 1 << 16 };
    struct source s;
    size_t got = 1;
    if (source_open(&s, path, e)) return -1;
    int status = 0;
    while (got && !status) {
        status = bytes_reserve(text, CHUNK)
                     ? err_memory(e, path)
                     : source_read(&s, text->data + text->count, CHUNK, &got, e);
        if (!status) text->count += got;
    }
    source_close(&s);
    return status;
}

/* The prompt's ids; an empty one's is <|endoftext|>. */
static int encode(const struct args *a, const struct tokenizer *t, int64_t eos, struct ids *ids,
                  struct err *e)
{
    struct bytes text = {0};
    int status = 0;
    if (!t)
        return err_set(e, "%s: no tokenizer.json found beside it: give one with -t, or --ids",
                       a->model);
    if (!strcmp(a->prompt, "-"))
        status = read_all("-", &text, e);
    else if (bytes_append(&text, a->prompt, strlen(a->prompt)))
        status = err_memory(e, NULL);
    if (!status && text.count)
        status = tokenizer_encode(t, (const char *)text.data, text.count, ids, NULL, e);
    bytes_free(&text);
    if (!status && !ids->count) {
        if (eos < 0) return err_set(e, "an empty prompt: the tokenizer has no <|endoftext|>");
        if (ids_reserve(ids, 1, e)) return -1;
        ids->id[ids->count++] = (uint32_t)eos;
    }
    return status;
}

/* --- the work --- */

/* What came of it. */
struct text_run {
    struct ids ids; /* prompt, then what was generated */
    size_t prompt;
    const char *stop;
    double seconds; /* of the steps that gave a token, without the prompt's */
    double bytes;   /* of weights read by a step */
};

static int generate(const struct args *a, struct neox_generation *g, struct text_run *r,
                    int64_t eos, struct stream *out, struct err *e)
{
    const size_t vocab = g->model->config.vocab;
    r->bytes = neox_generation_bytes(g->model);
    for (size_t i = 0; i + 1 < r->prompt; i++) neox_generation_step(g, r->ids.id[i]);
    double start = omp_get_wtime();
    for (size_t i = 0; i < a->n; i++) {
        uint32_t next;
        if (g->position == g->capacity) {
            r->stop = "context";
            break;
        }
        neox_generation_step(g, r->ids.id[r->ids.count - 1]);
        if (sample_token(g->logits, vocab, &a->sampling, g->position, &next, e) ||
            ids_reserve(&r->ids, 1, e))
            return -1;
        r->ids.id[r->ids.count++] = next;
        if ((int64_t)next == eos && !a->ignore_eos) {
            r->stop = "<|endoftext|>";
            break;
        }
        if (show_token(out, next, e)) return -1;
    }
    r->seconds = omp_get_wtime() - start;
    return show_end(out, e);
}

static json_t *ids_json(const uint32_t *id, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(id[i]));
    return list;
}

static json_t *run_json(const struct text_run *r, const struct stream *out, const struct args *a,
                        const char *path)
{
    size_t made = r->ids.count - r->prompt;
    double rate = made && r->seconds > 0 ? (double)made / r->seconds : 0;
    json_t *text = out->decoder.tokenizer
                       ? json_stringn((const char *)out->text.data, out->text.count)
                       : json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:f, s:f, s:I, s:f, s:f, s:f, s:o}", "model",
                     json_utf8(path), "text", text, "prompt_ids", ids_json(r->ids.id, r->prompt),
                     "ids", ids_json(r->ids.id + r->prompt, made), "stop", r->stop, "temperature",
                     a->sampling.temperature, "top_p", a->sampling.top_p, "seed",
                     (json_int_t)a->sampling.seed, "tokens_per_s", rate, "weight_bytes", r->bytes,
                     "weights_gb_per_s", rate * r->bytes / 1e9, "provenance", provenance_json());
}

/* MODEL's text, with its tokenizer T or none. */
static int run_model(const struct args *a, const struct flat_model *flat, const struct tokenizer *t,
                     struct err *e)
{
    const size_t context = flat->config.max_positions;
    struct text_run r = {.stop = "tokens"};
    struct stream out = {.decoder = {.tokenizer = t},
                         .show = !a->common.json || a->common.json_file};
    struct neox model = {.layers = NULL};
    struct neox_generation g = {.model = NULL};
    int64_t eos = t ? tokenizer_added(t, "<|endoftext|>") : -1;
    int status = a->prompt ? encode(a, t, eos, &r.ids, e) : ids_reserve(&r.ids, a->ids.count, e);
    for (size_t i = 0; i < a->ids.count && !status; i++) r.ids.id[r.ids.count++] = a->ids.id[i];
    r.prompt = r.ids.count;
    for (size_t i = 0; i < r.prompt && !status; i++)
        if (r.ids.id[i] >= flat->config.vocab)
            status = err_set(e, "%s: expected token ids below %zu, found %u", flat->path,
                             flat->config.vocab, r.ids.id[i]);
    if (!status && r.prompt > context)
        status = err_set(e, "%s: expected a prompt of at most %zu tokens, found %zu", flat->path,
                         context, r.prompt);
    /* The last token drawn is never an input. */
    size_t room = a->n - 1 < context - r.prompt ? r.prompt + a->n - 1 : context;
    if (!status) status = neox_load(&model, flat, cli_kernels(&a->simd), &products_native, room, e);
    if (a->gelu >= 0) model.config.activation = (enum neox_activation)a->gelu;
    if (!status) status = neox_generation_open(&g, &model, room, a->common.threads, e);
    for (size_t i = 0; i < r.prompt && !status; i++) status = show_token(&out, r.ids.id[i], e);
    if (!status) status = generate(a, &g, &r, eos, &out, e);
    if (!status && out.show && putchar('\n') < 0) status = err_errno(e, "stdout: cannot write");
    if (!status && a->common.json)
        status = cli_write_json(&a->common, run_json(&r, &out, a, flat->path), e);
    neox_generation_close(&g);
    neox_unload(&model);
    decoder_free(&out.decoder);
    bytes_free(&out.text);
    ids_free(&r.ids);
    return status;
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    struct flat_model flat;
    struct tokenizer *t = NULL;
    char *folder = NULL;
    a->sampling.seed = a->seed;
    a->common.threads = cli_use_threads(a->common.threads);
    if (model_open(&flat, a->model, &folder, e)) return -1;
    int status = model_tokenizer_open(&t, a->tokenizer, folder, e);
    if (!status && !t && !a->common.json)
        status = err_set(e,
                         "%s: no tokenizer.json found beside it: give one with -t, or --json for "
                         "token ids",
                         a->model);
    if (!status) status = run_model(a, &flat, t, e);
    tokenizer_close(t);
    free(folder);
    flat_close(&flat);
    ids_free(&a->ids);
    return status;
}

const struct command cmd_generate = {
    .name = "generate",
    .summary = "continue a text: the quickest way to see that a model is right",
    .text =
        "Prints PROMPT (\"-\": stdin) and what MODEL makes of it, token by token as they come: the "
        "likeliest one, or with --temperature one drawn. Ends at <|endoftext|>, after N tokens, "
        "or where the model's context ends.",
    .more =
        "Examples:\n"
        "  tripod generate pythia-70m/ \"Hello, I am\"\n"
        "  tripod generate EleutherAI/pythia-1b@step3000 \"Once\" -n 200 --temperature 0.8 --top-p "
        "0.9 --seed 1\n\n"
        "Every weight is read once a token: \"weights_gb_per_s\" of --json is to be compared with "
        "read_bandwidth of `tripod bench peak`.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
