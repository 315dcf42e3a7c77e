/* cmd_score.c - `tripod score`: log-likelihoods of continuations, the requests that evaluation
 * harnesses are made of; the work is src/scan/score_job.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/scan/score_job.h"
#include "src/scan/shares.h"

enum { MOST = 1 << 30 };

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts models, plain;
    struct score_request request;
    size_t batch_tokens;
};
#define ARGS struct args

static const char *const gelus[] = {"erf", "tanh", NULL};

static int take_part(void *args, const char *value, struct err *e)
{
    struct score_request *o = &((struct args *)args)->request;
    return shard_parse(value, &o->part, &o->parts, e);
}

static int take_prefix(void *args, const char *value, struct err *e)
{
    uint64_t id;
    if (parse_count(value, "--prefix-token", 0, INT32_MAX, &id, e)) return -1;
    ((struct args *)args)->request.prefix = (int64_t)id;
    return 0;
}

static const struct option_row options[] = {
    OPTION_PLAINS(plain, "[MODEL...] REQUESTS.jsonl"),
    OPTION_TEXTS("model", 'm', "MODEL", models,
                 "A Hugging Face folder, a file made by `tripod import`, or a hub name. May be "
                 "repeated; plain arguments but the last are models too"),
    OPTION_TEXT("out", 'o', "FILE", request.out,
                "Where the answers go, a JSON line for each of the requests' and each model"),
    OPTION_TEXT("tokenizer", 't', "FILE", request.tokenizer,
                "tokenizer.json for text (default: the first model's, which has to be that of the "
                "others, too)"),
    OPTION_CALL("prefix-token", 0, "ID", take_prefix,
                "What stands before an empty context (default: the tokenizer's <|endoftext|>)"),
    OPTION_CALL("shard", 0, "I/N", take_part,
                "Only part I (from 0) of N parts of the lines; `cat` joins the answers"),
    OPTION_CHOICE("gelu", 0, request.gelu, gelus, "GELU (default: the model's)"),
    OPTION_SIZE("batch-tokens", 0, "N", batch_tokens, 1, MOST,
                "Inputs a thread computes at a time; the answers do not depend on it"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .request = {.parts = 1, .prefix = -1, .gelu = -1},
                                     .batch_tokens = SCAN_BATCH_TOKENS};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (!a->plain.n) return err_set(e, "no requests: give a file of JSON lines");
    if (a->models.n + a->plain.n < 2) return err_set(e, "no model: give one before the requests");
    if (a->models.n && a->plain.n > 1)
        return err_set(e, "give models with -m or as plain arguments, not both");
    if (!a->request.out) return err_set(e, "no output: give a file with -o");
    if (!strcmp(a->request.out, "-")) return err_set(e, "-o: expected a file");
    return 0;
}

/* A mean and its standard error in a table's row. */
static void put_mean(struct table *t, const struct score_mean *m)
{
    table_real(t, m->value);
    table_real(t, m->error);
}

static void report(struct sheet *s, const struct scored *r)
{
    static const struct column columns[] = {
        {.name = "model"},
        {.name = "step", .unit = TABLE_EXACT},
        {.name = "acc", .format = "%.10g"},
        {.name = "acc_se", .format = "%.10g", .head = "s.e."},
        {.name = "acc_norm", .format = "%.10g"},
        {.name = "acc_norm_se", .format = "%.10g", .head = "s.e."},
        {.name = "acc_bytes", .format = "%.10g", .flags = TABLE_DETAIL},
        {.name = "acc_bytes_se", .format = "%.10g", .head = "s.e.", .flags = TABLE_DETAIL},
        {.name = "acc_tokens", .format = "%.10g", .flags = TABLE_DETAIL},
        {.name = "acc_tokens_se", .format = "%.10g", .head = "s.e.", .flags = TABLE_DETAIL},
        {.name = "greedy", .format = "%.10g"},
        {.name = "greedy_se", .format = "%.10g", .head = "s.e."},
        {.name = "perplexity", .format = "%.17g"},
        {.name = "perplexity_se", .format = "%.10g", .head = "s.e."},
        {.name = "loglikelihood", .format = "%.17g", .head = "log-likelihood"},
        {.name = "tokens_per_s", .format = "%.6g", .head = "tokens/s"}};
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < r->n; i++) {
        const struct scored_model *m = &r->models[i];
        table_text(t, "%s", m->model);
        if (m->step >= 0)
            table_whole(t, (uint64_t)m->step);
        else
            table_none(t);
        put_mean(t, &m->summary.acc);
        put_mean(t, &m->summary.acc_norm);
        put_mean(t, &m->summary.acc_bytes);
        put_mean(t, &m->summary.acc_tokens);
        put_mean(t, &m->summary.greedy);
        put_mean(t, &m->summary.perplexity);
        table_real(t, m->summary.log_likelihood);
        table_real(t, m->result.tokens ? (double)m->result.tokens / m->result.seconds : NAN);
    }
}

static json_t *mean_json(const struct score_mean *m)
{
    return m->n ? json_pack("{s:o, s:o, s:I}", "value", json_finite(m->value), "stderr",
                            json_finite(m->error), "n", (json_int_t)m->n)
                : json_null();
}

static json_t *result_json(const struct scored *r, const char *out)
{
    json_t *models = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct scored_model *m = &r->models[i];
        const struct score_summary *s = &m->summary;
        json_array_append_new(
            models,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:I, s:I, s:f}", "model",
                      json_utf8(m->model), "step",
                      m->step < 0 ? json_null() : json_integer((json_int_t)m->step), "acc",
                      mean_json(&s->acc), "acc_norm", mean_json(&s->acc_norm), "acc_bytes",
                      mean_json(&s->acc_bytes), "acc_tokens", mean_json(&s->acc_tokens), "greedy",
                      mean_json(&s->greedy), "perplexity", mean_json(&s->perplexity),
                      "loglikelihood", s->log_likelihood, "computed", (json_int_t)m->result.tokens,
                      "inputs", (json_int_t)m->result.inputs, "seconds", m->result.seconds));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "models", models, "out", json_utf8(out),
                     "lines", (json_int_t)r->requests.lines, "requests", (json_int_t)r->requests.n,
                     "tokens", (json_int_t)r->requests.predictions, "truncated",
                     (json_int_t)r->truncated, "provenance", provenance_json());
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    struct score_request *o = &a->request;
    o->requests = a->plain.item[a->plain.n - 1];
    o->models = a->models.n ? a->models.item : a->plain.item;
    o->models_n = a->models.n ? a->models.n : a->plain.n - 1;
    o->compute.threads = cli_use_threads(a->common.threads);
    o->compute.batch_tokens = a->batch_tokens;
    o->kernels = cli_kernels(&a->simd);
    struct scored r;
    int status = score_job(&r, o, e);
    if (!status) {
        if (r.truncated)
            progress_warn(
                "%s: %zu of %zu requests are longer than the model's context: their first "
                "tokens were left out",
                o->requests, r.truncated, r.requests.n);
        struct sheet *s = sheet_open();
        report(s, &r);
        status = cli_write(&a->common, s, result_json(&r, o->out), e);
        sheet_free(s);
    }
    scored_free(&r);
    return status;
}

const struct command cmd_score = {
    .name = "score",
    .summary = "how likely continuations are after their contexts, as evaluation harnesses ask",
    .text = "For every line of REQUESTS.jsonl and every model: the log-likelihood of the "
            "continuation after the context, in nats, and whether greedy decoding would have "
            "produced it. Lines with choices and gold also give accuracies.",
    .more =
        "A line of the requests is one of\n"
        "  {\"context\": \"The cat sat on the\", \"continuation\": \" mat\"}\n"
        "  {\"context\": \"2 + 2 =\", \"choices\": [\"3\", \"4\"], \"gold\": 1, "
        "\"delimiter\": \" \"}\n"
        "or the same with token ids: context_ids, continuation_ids, choices_ids. The delimiter is "
        "put before each choice and not counted in its length; an \"id\" is handed through. "
        "Tokens at the seam, empty and too long contexts are as in lm-evaluation-harness.\n\n"
        "Columns: acc, the choice of the greatest log-likelihood is gold's; acc_norm, of the "
        "greatest per character (as lm-evaluation-harness); acc_bytes, acc_tokens, per byte and "
        "per token; greedy, of lines without choices, greedy decoding gives the continuation; "
        "perplexity, exp of minus their mean log-likelihood (LAMBADA's, of the last word).\n\n"
        "Examples:\n"
        "  tripod score pythia-70m/ lambada.jsonl -o answers.jsonl\n"
        "  tripod score models/*.tripod questions.jsonl.zst -o answers.jsonl "
        "--json=summary.json\n\n"
        "A run that was stopped goes on where it was.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
