/* cmd_count.c - `tripod count`: parameters and FLOPs of any configuration under every named
 * convention.
 *
 * A configuration is a Pythia name, a config.json (or the folder it lies in) or given by options.
 * One configuration prints its parts; several print one row each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/count.h"
#include "models/suite.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/file.h"
#include "src/base/num.h"

struct args {
    struct cli_common common;
    struct count_config config;
    bool by_options; /* any of the shape options given */
    int tied;        /* -1: the family's habit */
    double context, tokens;
    const char *table;
    char **names;
    int n;
};

enum {
    KEY_FAMILY = 0x2001,
    KEY_LAYERS,
    KEY_WIDTH,
    KEY_HEADS,
    KEY_KEY,
    KEY_FFN,
    KEY_VOCAB,
    KEY_SEQ,
    KEY_TIED,
    KEY_UNTIED,
    KEY_SQUARE,
    KEY_CONTEXT,
    KEY_TOKENS,
    KEY_TABLE
};

static const struct argp_option options[] = {
    {"family", KEY_FAMILY, "NAME", 0, "gpt, neox (default), chinchilla or encoder (MinChilla)", 1},
    {"layers", KEY_LAYERS, "N", 0, "Layers", 1},
    {"width", KEY_WIDTH, "N", 0, "Width of the model (d_model)", 1},
    {"heads", KEY_HEADS, "N", 0, "Attention heads", 1},
    {"key-size", KEY_KEY, "N", 0, "Size of a head's keys (default: width / heads)", 1},
    {"ffn", KEY_FFN, "N", 0, "Inner width of the MLP (default: 4 x width)", 1},
    {"vocab", KEY_VOCAB, "N", 0,
     "Vocabulary (default: gpt 50257, neox 50304, chinchilla 32000, encoder 174)", 1},
    {"seq", KEY_SEQ, "N", 0, "Tokens of context (default 2048, gpt 1024, encoder 128)", 1},
    {"tied", KEY_TIED, 0, 0, "Head and embedding share one matrix (default for gpt)", 1},
    {"untied", KEY_UNTIED, 0, 0, "They do not", 1},
    {"square-attention", KEY_SQUARE, 0, 0,
     "Count attention with the width where heads x key size is meant, as nanoGPT's notebook does",
     1},
    {"context", KEY_CONTEXT, "N", 0, "Mean context of the forward cost (default: half of --seq)",
     2},
    {"tokens", KEY_TOKENS, "D", 0, "Training tokens: adds the training FLOP", 2},
    {"table", KEY_TABLE, "NAME", 0,
     "A reference table: pythia; a9 (Chinchilla's 50 models: published, nanoGPT's estimate, "
     "corrected); "
     "a4 (Chinchilla's FLOPs against 6ND)",
     2},
    {0},
};

static const char *const families[] = {"gpt", "neox", "chinchilla", "encoder"};

static uint64_t dimension(const char *arg, const char *what, const struct argp_state *state)
{
    return cli_count(arg, what, 1, (uint64_t)1 << 52, state);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    struct count_config *c = &a->config;
    struct err e;
    if (key >= KEY_FAMILY && key <= KEY_SQUARE) a->by_options = true;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case KEY_FAMILY:
        for (int i = 0; i < 4; i++) {
            if (!strcmp(arg, families[i])) {
                c->family = (enum count_family)i;
                return 0;
            }
        }
        cli_misuse(state, "--family: expected gpt, neox, chinchilla or encoder, found '%s'", arg);
    case KEY_LAYERS:
        c->layers = dimension(arg, "--layers", state);
        return 0;
    case KEY_WIDTH:
        c->width = dimension(arg, "--width", state);
        return 0;
    case KEY_HEADS:
        c->heads = dimension(arg, "--heads", state);
        return 0;
    case KEY_KEY:
        c->key = dimension(arg, "--key-size", state);
        return 0;
    case KEY_FFN:
        c->ffn = dimension(arg, "--ffn", state);
        return 0;
    case KEY_VOCAB:
        c->vocab = dimension(arg, "--vocab", state);
        return 0;
    case KEY_SEQ:
        c->sequence = dimension(arg, "--seq", state);
        return 0;
    case KEY_TIED:
        a->tied = 1;
        return 0;
    case KEY_UNTIED:
        a->tied = 0;
        return 0;
    case KEY_SQUARE:
        c->square_attention = true;
        return 0;
    case KEY_CONTEXT:
        a->context = (double)dimension(arg, "--context", state);
        return 0;
    case KEY_TOKENS:
        if (parse_real(arg, "--tokens", &a->tokens, &e)) cli_misuse(state, "%s", e.text);
        if (a->tokens <= 0)
            cli_misuse(state, "--tokens: expected a positive number, found '%s'", arg);
        return 0;
    case KEY_TABLE:
        if (strcmp(arg, "pythia") && strcmp(arg, "a9") && strcmp(arg, "a4"))
            cli_misuse(state, "--table: expected pythia, a9 or a4, found '%s'", arg);
        a->table = arg;
        return 0;
    case ARGP_KEY_ARGS:
        a->names = state->argv + state->next;
        a->n = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!a->n + !a->by_options + !a->table != 2)
            cli_misuse(state,
                       "give one of: model names or config.json files, shape options, --table");
        if (a->by_options && !(c->layers && c->width && c->heads))
            cli_misuse(state, "a shape needs --layers, --width and --heads");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 90}, {0}};
static const struct argp argp = {
    options,
    parse,
    "[MODEL|config.json|FOLDER...]",
    "Counts parameters and floating-point operations of transformer language models by part and "
    "under "
    "every named convention, so that N and C mean the same thing in a fit.\v"
    "Examples:\n"
    "  tripod count pythia-70m\n"
    "  tripod count --table pythia\n"
    "  tripod count pythia-1.4b/config.json --tokens 300B\n"
    "  tripod count --family gpt --layers 12 --width 768 --heads 12\n",
    children,
    NULL,
    NULL};

/* One line of output. */
struct row {
    char *name;
    struct count_config config;
};

static void from_suite(const struct suite_model *m, struct count_config *c)
{
    *c = (struct count_config){.family = COUNT_NEOX,
                               .layers = m->layers,
                               .width = m->width,
                               .heads = m->heads,
                               .ffn = m->ffn,
                               .vocab = m->vocab,
                               .sequence = SUITE_SEQUENCE};
}

static int member(const json_t *o, const char *path, const char *name, uint64_t *value,
                  struct err *e)
{
    const json_t *v = json_object_get(o, name);
    if (!v || json_is_null(v)) return *value ? 0 : err_set(e, "%s: no '%s'", path, name);
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return err_set(e, "%s: %s: expected a whole number of at least 1", path, name);
    *value = (uint64_t)json_integer_value(v);
    return 0;
}

/* config.json of a GPT-NeoX or GPT-2 folder. */
static int from_config(const char *path, struct count_config *c, struct err *e)
{
    json_error_t where;
    *c = (struct count_config){0};
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!o) {
        if (where.line < 0) return err_errno(e, "%s: cannot open", path);
        return err_set(e, "%s: line %d: %s", path, where.line, where.text);
    }
    const char *type = json_string_value(json_object_get(o, "model_type"));
    const json_t *tied = json_object_get(o, "tie_word_embeddings");
    int status;
    if (type && !strcmp(type, "gpt_neox")) {
        c->family = COUNT_NEOX;
        c->tied = json_is_true(tied);
        c->no_attention_bias = json_is_false(json_object_get(o, "attention_bias"));
        status = member(o, path, "num_hidden_layers", &c->layers, e) ||
                 member(o, path, "hidden_size", &c->width, e) ||
                 member(o, path, "num_attention_heads", &c->heads, e) ||
                 member(o, path, "intermediate_size", &c->ffn, e) ||
                 member(o, path, "vocab_size", &c->vocab, e) ||
                 member(o, path, "max_position_embeddings", &c->sequence, e);
    } else if (type && !strcmp(type, "gpt2")) {
        c->family = COUNT_GPT;
        c->tied = !json_is_false(tied);
        c->ffn = 1;
        status =
            member(o, path, "n_layer", &c->layers, e) || member(o, path, "n_embd", &c->width, e) ||
            member(o, path, "n_head", &c->heads, e) || member(o, path, "n_inner", &c->ffn, e) ||
            member(o, path, "vocab_size", &c->vocab, e) ||
            member(o, path, "n_positions", &c->sequence, e);
        if (c->ffn == 1) c->ffn = 0;
    } else {
        status = err_set(e, "%s: model_type: expected gpt_neox or gpt2, found '%s'", path,
                         type ? type : "none");
    }
    json_decref(o);
    if (status) return -1;
    return count_check(c, e) ? err_prefix(e, "%s", path) : 0;
}

static int read_name(const char *name, struct row *row, struct err *e)
{
    struct suite_id id;
    char canonical[SUITE_NAME_SIZE];
    if (directory_exists(name)) {
        char *path = format_string("%s/config.json", name);
        if (!path) return err_memory(e, NULL);
        int status = from_config(path, &row->config, e);
        free(path);
        row->name = path_last(name);
        return status;
    }
    if (!file_exists(name) && suite_find(name, &id)) {
        from_suite(id.model, &row->config);
        row->name = strdup(suite_name(&id, canonical, sizeof canonical));
        return 0;
    }
    if (!file_exists(name))
        return err_set(e, "%s: neither a file, a folder nor a Pythia model's name", name);
    row->name = strdup(name);
    return from_config(name, &row->config, e);
}

static int from_options(const struct args *a, struct row *row, struct err *e)
{
    static const unsigned vocab[] = {50257, 50304, 32000, 174},
                          sequence[] = {1024, 2048, 2048, 128};
    row->name = strdup(families[a->config.family]);
    row->config = a->config;
    if (!row->config.vocab) row->config.vocab = vocab[a->config.family];
    if (!row->config.sequence) row->config.sequence = sequence[a->config.family];
    row->config.tied = a->tied < 0 ? a->config.family == COUNT_GPT : a->tied;
    return count_check(&row->config, e);
}

static json_t *row_json(const struct row *r, double context, double tokens)
{
    const struct count_config *c = &r->config;
    struct count_params p;
    struct count_flops f;
    count_params(c, &p);
    count_flops(c, &f);
#define I(v) (json_int_t)(v)
    json_t *rules = json_object();
    for (int i = 0; i < COUNT_F_RULES; i++) {
        double t = count_training(c, (enum count_f)i);
        json_t *one = json_pack("{s:f}", "per_token", t);
        if (tokens > 0) json_object_set_new(one, "training", json_real(t * tokens));
        json_object_set_new(rules, count_rules[i].name, one);
    }
    return json_pack(
        "{s:s, s:s, s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b}, s:{s:I,s:I,s:I}, "
        "s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I}, s:{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}, s:{s:f,s:f}, s:o}",
        "name", r->name, "family", families[c->family], "config", "layers", I(c->layers), "width",
        I(c->width), "heads", I(c->heads), "key", I(c->key), "ffn", I(c->ffn), "vocab", I(c->vocab),
        "sequence", I(c->sequence), "tied", c->tied, "n", "body", I(count_n(&p, c, COUNT_N_BODY)),
        "head", I(count_n(&p, c, COUNT_N_HEAD)), "total", I(count_n(&p, c, COUNT_N_TOTAL)),
        "parameters", "embedding", I(p.embedding), "positions", I(p.positions), "attention",
        I(p.attention), "relative", I(p.relative), "mlp", I(p.mlp), "norms", I(p.norms), "head",
        I(p.head), "forward_flop_per_sequence", "embedding", f.embedding, "qkv", f.qkv, "scores",
        f.scores, "softmax", f.softmax, "values", f.values, "output", f.output, "mlp", f.mlp,
        "logits", f.logits, "forward", "context", context, "per_token", count_forward(c, context),
        "training_flop", rules);
#undef I
}

static void print_one(const struct row *r, double context, double tokens)
{
    const struct count_config *c = &r->config;
    struct count_params p;
    struct count_flops f;
    count_params(c, &p);
    count_flops(c, &f);
    const struct {
        const char *part;
        uint64_t parameters;
        double flops;
    } parts[] = {
        {"embedding", p.embedding, f.embedding},
        {"positions", p.positions, 0},
        {"attention qkv+output", p.attention, f.qkv + f.output},
        {"attention relative", p.relative, 0},
        {"attention scores", 0, f.scores},
        {"attention softmax", 0, f.softmax},
        {"attention values", 0, f.values},
        {"mlp", p.mlp, f.mlp},
        {"norms", p.norms, 0},
        {"head", p.head, f.logits},
    };
    printf("# %s: %s, layers %" PRIu64 ", width %" PRIu64 ", heads %" PRIu64 " x %" PRIu64
           ", ffn %" PRIu64 ", vocabulary %" PRIu64 "%s, sequence %" PRIu64 "\n",
           r->name, families[c->family], c->layers, c->width, c->heads, c->key, c->ffn, c->vocab,
           c->tied ? " (tied)" : "", c->sequence);
    puts("part\tparameters\tforward_flop_per_sequence");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].parameters || parts[i].flops > 0)
            printf("%s\t%" PRIu64 "\t%.15g\n", parts[i].part, parts[i].parameters, parts[i].flops);
    }
    printf("\nconvention\tN\n");
    printf("body\t%" PRIu64 "\nhead\t%" PRIu64 "\ntotal\t%" PRIu64 "\n",
           count_n(&p, c, COUNT_N_BODY), count_n(&p, c, COUNT_N_HEAD),
           count_n(&p, c, COUNT_N_TOTAL));
    printf("\nrule\ttraining_flop_per_token\tratio_to_6N_head%s\tmeaning\n",
           tokens > 0 ? "\ttraining_flop" : "");
    double six = count_training(c, COUNT_F_6N_HEAD);
    for (int i = 0; i < COUNT_F_RULES; i++) {
        double t = count_training(c, (enum count_f)i);
        printf("%s\t%.9g\t%.6f", count_rules[i].name, t, t / six);
        if (tokens > 0) printf("\t%.6g", t * tokens);
        printf("\t%s\n", count_rules[i].text);
    }
    printf("forward\t%.9g\t%.6f", count_forward(c, context), count_forward(c, context) / six);
    if (tokens > 0) printf("\t%.6g", count_forward(c, context) * tokens);
    printf("\tone forward pass at a mean context of %g tokens\n", context);
}

static void print_many(const struct row *rows, size_t n, double context, double tokens)
{
    printf("model\tlayers\twidth\theads\tffn\tvocab\tN_body\tN_head\tN_total\tforward");
    for (int k = 0; k < COUNT_F_RULES; k++) printf("\t%s", count_rules[k].name);
    puts("");
    for (size_t i = 0; i < n; i++) {
        const struct count_config *c = &rows[i].config;
        struct count_params p;
        double scale = tokens > 0 ? tokens : 1;
        count_params(c, &p);
        printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, rows[i].name,
               c->layers, c->width, c->heads, c->ffn, c->vocab);
        for (int k = COUNT_N_BODY; k <= COUNT_N_TOTAL; k++)
            printf("\t%" PRIu64, count_n(&p, c, (enum count_n)k));
        printf("\t%.9g", scale * count_forward(c, context > 0 ? context : (double)c->sequence / 2));
        for (int k = 0; k < COUNT_F_RULES; k++)
            printf("\t%.9g", scale * count_training(c, (enum count_f)k));
        puts("");
    }
}

static struct count_config of_a9(const struct count_a9 *a)
{
    return (struct count_config){.family = COUNT_CHINCHILLA,
                                 .layers = a->layers,
                                 .width = a->width,
                                 .heads = a->heads,
                                 .key = a->key,
                                 .ffn = a->ffn,
                                 .vocab = 32000,
                                 .sequence = 2048};
}

/* Table A9: what a formula that takes heads x key size for the width misses. */
static int table_a9(const struct args *a, struct err *e)
{
    json_t *rows = json_array();
    if (!a->common.json)
        puts("published_M\tlayers\twidth\theads\tkey\tffn\tsquare_M\tcorrected_M\terror_"
             "percent\tnote");
    for (size_t i = 0; i < COUNT_A9; i++) {
        const struct count_a9 *m = &count_a9[i];
        struct count_config c = of_a9(m);
        struct count_params p;
        count_params(&c, &p);
        double right = 1e-6 * (double)count_n(&p, &c, COUNT_N_HEAD);
        c.square_attention = true;
        count_params(&c, &p);
        double square = 1e-6 * (double)count_n(&p, &c, COUNT_N_HEAD);
        double error = 100 * (right / m->millions - 1);
        if (a->common.json) {
            json_array_append_new(rows, json_pack("{s:f,s:i,s:i,s:i,s:i,s:i,s:f,s:f,s:f}",
                                                  "published_M", m->millions, "layers", m->layers,
                                                  "width", m->width, "heads", m->heads, "key",
                                                  m->key, "ffn", m->ffn, "square_M", square,
                                                  "corrected_M", right, "error_percent", error));
            continue;
        }
        printf("%g\t%u\t%u\t%u\t%u\t%u\t%.4f\t%.4f\t%+.3f\t%s\n", m->millions, m->layers, m->width,
               m->heads, m->key, m->ffn, square, right, error,
               right != square ? "heads x key is not the width" : "");
    }
    return cli_write_json(
        &a->common,
        json_pack("{s:s, s:o, s:o}", "table", "a9", "rows", rows, "provenance", provenance_json()),
        e);
}

/* Table A4's models: the ratio of counted FLOPs to 6ND, over one sequence. */
static int table_a4(const struct args *a, struct err *e)
{
    static const unsigned shapes[6][3] = {{10, 640, 10},  {20, 1024, 16}, {24, 1280, 10},
                                          {26, 1792, 14}, {28, 2048, 16}, {40, 3584, 28}};
    json_t *rows = json_array();
    if (!a->common.json)
        puts("layers\twidth\theads\tN_head\tflop_layers\t6ND\tratio\tratio_appendix_F");
    for (size_t i = 0; i < 6; i++) {
        struct count_config c = {.family = COUNT_CHINCHILLA,
                                 .layers = shapes[i][0],
                                 .width = shapes[i][1],
                                 .heads = shapes[i][2],
                                 .vocab = 32000,
                                 .sequence = 2048};
        struct count_params p;
        if (count_check(&c, e)) return -1;
        count_params(&c, &p);
        double s = (double)c.sequence, six = s * count_training(&c, COUNT_F_6N_HEAD);
        double layers = s * count_training(&c, COUNT_F_LAYERS);
        double appendix = s * count_training(&c, COUNT_F_APPENDIX);
        uint64_t N = count_n(&p, &c, COUNT_N_HEAD);
        if (a->common.json)
            json_array_append_new(
                rows, json_pack("{s:i,s:i,s:i,s:I,s:f,s:f,s:f,s:f}", "layers", shapes[i][0],
                                "width", shapes[i][1], "heads", shapes[i][2], "N_head",
                                (json_int_t)N, "flop_layers", layers, "6ND", six, "ratio",
                                layers / six, "ratio_appendix_F", appendix / six));
        else
            printf("%u\t%u\t%u\t%" PRIu64 "\t%.15g\t%.15g\t%.6f\t%.6f\n", shapes[i][0],
                   shapes[i][1], shapes[i][2], N, layers, six, layers / six, appendix / six);
    }
    return cli_write_json(
        &a->common,
        json_pack("{s:s, s:o, s:o}", "table", "a4", "rows", rows, "provenance", provenance_json()),
        e);
}

static int run(int argc, char **argv, struct err *e)
{
    struct args a = {.config.family = COUNT_NEOX, .tied = -1};
    cli_parse(&cmd_count, argc, argv, &a);
    if (a.table && !strcmp(a.table, "a9")) return table_a9(&a, e);
    if (a.table && !strcmp(a.table, "a4")) return table_a4(&a, e);
    size_t n = (size_t)a.n;
    if (a.by_options) n = 1;
    if (a.table)
        for (n = 0; suite_models[n].size; n++) {
        }
    struct row *rows = calloc(n + 1, sizeof *rows);
    if (!rows) return err_memory(e, NULL);
    int status = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < n && !status; i++) {
        if (a.by_options) {
            status = from_options(&a, &rows[i], e);
        } else if (a.table) {
            from_suite(&suite_models[i], &rows[i].config);
            rows[i].name = format_string("pythia-%s", suite_models[i].size);
        } else {
            status = read_name(a.names[i], &rows[i], e);
        }
        if (!status) status = count_check(&rows[i].config, e);
    }
    for (size_t i = 0; i < n && !status; i++) {
        double context = a.context > 0 ? a.context : (double)rows[i].config.sequence / 2;
        if (a.common.json)
            json_array_append_new(list, row_json(&rows[i], context, a.tokens));
        else if (n == 1)
            print_one(&rows[i], context, a.tokens);
    }
    if (!status && !a.common.json && n > 1) print_many(rows, n, a.context, a.tokens);
    if (!status)
        status = cli_write_json(
            &a.common, json_pack("{s:O, s:o}", "models", list, "provenance", provenance_json()), e);
    json_decref(list);
    for (size_t i = 0; i < n; i++) free(rows[i].name);
    free(rows);
    return status;
}

const struct command cmd_count = {
    "count", "parameters and FLOPs of any configuration under every named convention", &argp, run};
