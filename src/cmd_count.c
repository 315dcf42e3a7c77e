/* cmd_count.c - `tripod count`: parameters and FLOPs of any configuration under every named
 * convention.
 *
 * A configuration is a Pythia name, a config.json (or the folder it lies in) or given by options.
 * One configuration prints its parts; several print one row each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/count.h"
#include "models/suite.h"
#include "src/base/file.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"

struct args {
    struct cli_common common;
    struct count_config config;
    bool tied, untied;
    double context, tokens;
    int table;
    struct texts names;
};
#define ARGS struct args

enum { TABLE_PYTHIA, TABLE_A9, TABLE_A4 };
static const char *const tables[] = {"pythia", "a9", "a4", NULL};

static const double most = 1ll << 52;
static const struct option_row options[] = {
    OPTION_PLAINS(names, "[MODEL|config.json|FOLDER...]"),
    OPTION_HEADING("A shape:"),
    OPTION_CHOICE("family", 0, config.family, count_families, "Architecture; encoder: MinChilla's"),
    OPTION_SIZE("layers", 0, "N", config.layers, 1, most, "Layers"),
    OPTION_SIZE("width", 0, "N", config.width, 1, most, "Width of the model (d_model)"),
    OPTION_SIZE("heads", 0, "N", config.heads, 1, most, "Attention heads"),
    OPTION_SIZE("key-size", 0, "N", config.key, 1, most,
                "Size of a head's keys (default: width / heads)"),
    OPTION_SIZE("ffn", 0, "N", config.ffn, 1, most, "Inner width of the MLP (default: 4 x width)"),
    OPTION_SIZE("vocab", 0, "N", config.vocab, 1, most,
                "Vocabulary (default: gpt 50257, neox 50304, chinchilla 32000, encoder 174)"),
    OPTION_SIZE("seq", 0, "N", config.sequence, 1, most,
                "Tokens of context (default: 2048, gpt 1024, encoder 128)"),
    OPTION_FLAG("tied", 0, tied, "Head and embedding share one matrix (default for gpt)"),
    OPTION_FLAG("untied", 0, untied, "They do not"),
    OPTION_FLAG("square-attention", 0, config.square_attention,
                "Count attention with the width where heads x key size is meant, as nanoGPT's "
                "notebook does"),
    OPTION_HEADING("What is counted:"),
    OPTION_REAL("context", 0, "N", context, 1, 1e15,
                "Mean context of the forward cost (default: half of --seq)"),
    OPTION_REAL("tokens", 0, "D", tokens, 1e-300, 1e300, "Training tokens: adds the training FLOP"),
    OPTION_CHOICE("table", 0, table, tables,
                  "A reference table: Pythia; a9 (Chinchilla's 50 models: published, nanoGPT's "
                  "estimate, corrected); a4 (Chinchilla's FLOPs against 6ND)"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.config.family = COUNT_NEOX, .table = -1};

static bool by_options(const struct args *a)
{
    return a->tied || a->untied || memcmp(&a->config, &defaults.config, sizeof a->config);
}

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    const struct count_config *c = &a->config;
    if (!a->names.n + !by_options(a) + (a->table < 0) != 2)
        return err_set(e, "give one of: model names or config.json files, shape options, --table");
    if (by_options(a) && !(c->layers && c->width && c->heads))
        return err_set(e, "a shape needs --layers, --width and --heads");
    return a->tied && a->untied ? err_set(e, "give --tied or --untied, not both") : 0;
}

/* One line of output. */
struct row {
    char *name;
    struct count_config config;
    double context;
};

static int read_name(const char *name, struct row *row, struct err *e)
{
    struct suite_id id;
    char canonical[SUITE_NAME_SIZE];
    if (directory_exists(name)) {
        char *path = format_string("%s/config.json", name);
        if (!path) return err_memory(e, NULL);
        int status = count_from_config(path, &row->config, e);
        free(path);
        row->name = path_last(name);
        return status;
    }
    if (!file_exists(name) && suite_find(name, &id)) {
        count_from_suite(id.model, &row->config);
        row->name = strdup(suite_name(&id, canonical, sizeof canonical));
        return 0;
    }
    if (!file_exists(name))
        return err_set(e, "%s: neither a file, a folder nor a Pythia model's name", name);
    row->name = strdup(name);
    return count_from_config(name, &row->config, e);
}

static int from_options(const struct args *a, struct row *row, struct err *e)
{
    static const unsigned vocab[] = {50257, 50304, 32000, 174},
                          sequence[] = {1024, 2048, 2048, 128};
    row->name = strdup(count_families[a->config.family]);
    row->config = a->config;
    if (!row->config.vocab) row->config.vocab = vocab[a->config.family];
    if (!row->config.sequence) row->config.sequence = sequence[a->config.family];
    row->config.tied = a->tied || (!a->untied && a->config.family == COUNT_GPT);
    return count_check(&row->config, e);
}

static json_t *row_json(const struct row *r, double tokens)
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
        "name", r->name, "family", count_families[c->family], "config", "layers", I(c->layers),
        "width", I(c->width), "heads", I(c->heads), "key", I(c->key), "ffn", I(c->ffn), "vocab",
        I(c->vocab), "sequence", I(c->sequence), "tied", c->tied, "n", "body",
        I(count_n(&p, c, COUNT_N_BODY)), "head", I(count_n(&p, c, COUNT_N_HEAD)), "total",
        I(count_n(&p, c, COUNT_N_TOTAL)), "parameters", "embedding", I(p.embedding), "positions",
        I(p.positions), "attention", I(p.attention), "relative", I(p.relative), "mlp", I(p.mlp),
        "norms", I(p.norms), "head", I(p.head), "forward_flop_per_sequence", "embedding",
        f.embedding, "qkv", f.qkv, "scores", f.scores, "softmax", f.softmax, "values", f.values,
        "output", f.output, "mlp", f.mlp, "logits", f.logits, "forward", "context", r->context,
        "per_token", count_forward(c, r->context), "training_flop", rules);
#undef I
}

/* --- one configuration: its parts, N and FLOP by every convention --- */

static void parts(struct sheet *s, const struct count_config *c)
{
    static const struct column columns[] = {
        {.name = "part"},
        {.name = "parameters", .unit = TABLE_COUNT},
        {.name = "forward_flop_per_sequence", .format = "%.15g", .unit = TABLE_FLOP}};
    struct count_params p;
    struct count_flops f;
    count_params(c, &p);
    count_flops(c, &f);
    const struct {
        const char *part;
        uint64_t parameters;
        double flops;
    } rows[] = {
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
    struct table *t = sheet_table(s, columns, 3, "-", false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].parameters && !(rows[i].flops > 0)) continue;
        table_text(t, "%s", rows[i].part);
        table_whole(t, rows[i].parameters);
        table_real(t, rows[i].flops);
    }
}

static void sizes(struct sheet *s, const struct count_config *c)
{
    static const struct column columns[] = {{.name = "convention"},
                                            {.name = "N", .unit = TABLE_COUNT}};
    static const char *const names[] = {"body", "head", "total"};
    struct count_params p;
    count_params(c, &p);
    struct table *t = sheet_table(s, columns, 2, "-", false);
    for (int i = COUNT_N_BODY; i <= COUNT_N_TOTAL; i++) {
        table_text(t, "%s", names[i - COUNT_N_BODY]);
        table_whole(t, count_n(&p, c, (enum count_n)i));
    }
}

static void rule(struct table *t, const char *name, double flop, double six, double tokens)
{
    table_text(t, "%s", name);
    table_real(t, flop);
    table_real(t, flop / six);
    if (tokens > 0) table_real(t, flop * tokens);
}

static void rules(struct sheet *s, const struct row *r, double tokens)
{
    const struct count_config *c = &r->config;
    struct column columns[] = {
        {.name = "rule"},
        {.name = "training_flop_per_token", .format = "%.9g", .unit = TABLE_FLOP},
        {.name = "ratio_to_6N_head", .format = "%.6f"},
        {.name = "training_flop", .unit = TABLE_FLOP},
        {.name = "meaning"}};
    if (!(tokens > 0)) columns[3] = columns[4];
    struct table *t = sheet_table(s, columns, tokens > 0 ? 5 : 4, "-", false);
    double six = count_training(c, COUNT_F_6N_HEAD);
    for (int i = 0; i < COUNT_F_RULES; i++) {
        rule(t, count_rules[i].name, count_training(c, (enum count_f)i), six, tokens);
        table_text(t, "%s", count_rules[i].text);
    }
    rule(t, "forward", count_forward(c, r->context), six, tokens);
    table_text(t, "one forward pass at a mean context of %g tokens", r->context);
}

static void describe_one(struct sheet *s, const struct row *r, double tokens)
{
    const struct count_config *c = &r->config;
    char local[64] = "";
    if (c->local)
        snprintf(local, sizeof local, " (%" PRIu64 " local, window %" PRIu64 ")", c->local,
                 c->window);
    sheet_remark(s,
                 "%s: %s, layers %" PRIu64 "%s, width %" PRIu64 ", heads %" PRIu64 " x %" PRIu64
                 ", ffn %" PRIu64 ", vocabulary %" PRIu64 "%s, sequence %" PRIu64,
                 r->name, count_families[c->family], c->layers, local, c->width, c->heads, c->key,
                 c->ffn, c->vocab, c->tied ? " (tied)" : "", c->sequence);
    parts(s, c);
    sheet_gap(s);
    sizes(s, c);
    sheet_gap(s);
    rules(s, r, tokens);
}

/* --- several: a row each --- */

static void describe_many(struct sheet *s, const struct row *rows, size_t n, double tokens)
{
    enum { FIXED = 10 };
    struct column columns[FIXED + COUNT_F_RULES] = {
        {.name = "model"},
        {.name = "layers", .unit = TABLE_EXACT},
        {.name = "width", .unit = TABLE_EXACT},
        {.name = "heads", .unit = TABLE_EXACT},
        {.name = "ffn", .unit = TABLE_EXACT},
        {.name = "vocab", .unit = TABLE_EXACT},
        {.name = "N_body", .unit = TABLE_COUNT},
        {.name = "N_head", .unit = TABLE_COUNT},
        {.name = "N_total", .unit = TABLE_COUNT},
        {.name = "forward", .format = "%.9g", .unit = TABLE_FLOP}};
    for (int k = 0; k < COUNT_F_RULES; k++)
        columns[FIXED + k] =
            (struct column){.name = count_rules[k].name, .format = "%.9g", .unit = TABLE_FLOP};
    struct table *t = sheet_table(s, columns, FIXED + COUNT_F_RULES, "-", false);
    const double scale = tokens > 0 ? tokens : 1;
    for (size_t i = 0; i < n; i++) {
        const struct count_config *c = &rows[i].config;
        struct count_params p;
        count_params(c, &p);
        table_text(t, "%s", rows[i].name);
        const uint64_t shape[] = {c->layers, c->width, c->heads, c->ffn, c->vocab};
        for (int k = 0; k < 5; k++) table_whole(t, shape[k]);
        for (int k = COUNT_N_BODY; k <= COUNT_N_TOTAL; k++)
            table_whole(t, count_n(&p, c, (enum count_n)k));
        table_real(t, scale * count_forward(c, rows[i].context));
        for (int k = 0; k < COUNT_F_RULES; k++)
            table_real(t, scale * count_training(c, (enum count_f)k));
    }
}

/* --- reference tables --- */

/* Table A9: what a formula that takes heads x key size for the width misses. */
static struct table *table_a9(struct sheet *s)
{
    static const struct column columns[] = {{.name = "published_M", .format = "%g"},
                                            {.name = "layers"},
                                            {.name = "width"},
                                            {.name = "heads"},
                                            {.name = "key"},
                                            {.name = "ffn"},
                                            {.name = "square_M", .format = "%.4f"},
                                            {.name = "corrected_M", .format = "%.4f"},
                                            {.name = "error_percent", .format = "%+.3f"},
                                            {.name = "note", .flags = TABLE_NO_JSON}};
    struct table *t = sheet_table(s, columns, 10, "-", false);
    for (size_t i = 0; i < COUNT_A9; i++) {
        const struct count_a9 *m = &count_a9[i];
        struct count_config c = {.family = COUNT_CHINCHILLA,
                                 .layers = m->layers,
                                 .width = m->width,
                                 .heads = m->heads,
                                 .key = m->key,
                                 .ffn = m->ffn,
                                 .vocab = 32000,
                                 .sequence = 2048};
        struct count_params p;
        count_params(&c, &p);
        double right = 1e-6 * (double)count_n(&p, &c, COUNT_N_HEAD);
        c.square_attention = true;
        count_params(&c, &p);
        double square = 1e-6 * (double)count_n(&p, &c, COUNT_N_HEAD);
        table_real(t, m->millions);
        const unsigned shape[] = {m->layers, m->width, m->heads, m->key, m->ffn};
        for (int k = 0; k < 5; k++) table_whole(t, shape[k]);
        table_real(t, square);
        table_real(t, right);
        table_real(t, 100 * (right / m->millions - 1));
        table_text(t, "%s", right != square ? "heads x key is not the width" : "");
    }
    return t;
}

/* Table A4's models: the ratio of counted FLOPs to 6ND, over one sequence. */
static struct table *table_a4(struct sheet *s)
{
    static const unsigned shapes[6][3] = {{10, 640, 10},  {20, 1024, 16}, {24, 1280, 10},
                                          {26, 1792, 14}, {28, 2048, 16}, {40, 3584, 28}};
    static const struct column columns[] = {
        {.name = "layers"},
        {.name = "width"},
        {.name = "heads"},
        {.name = "N_head", .unit = TABLE_COUNT},
        {.name = "flop_layers", .format = "%.15g", .unit = TABLE_FLOP},
        {.name = "6ND", .format = "%.15g", .unit = TABLE_FLOP},
        {.name = "ratio", .format = "%.6f"},
        {.name = "ratio_appendix_F", .format = "%.6f"}};
    struct table *t = sheet_table(s, columns, 8, "-", false);
    for (size_t i = 0; i < 6; i++) {
        struct count_config c = {.family = COUNT_CHINCHILLA,
                                 .layers = shapes[i][0],
                                 .width = shapes[i][1],
                                 .heads = shapes[i][2],
                                 .vocab = 32000,
                                 .sequence = 2048};
        struct count_params p;
        struct err impossible;
        if (count_check(&c, &impossible)) continue; /* completes c */
        count_params(&c, &p);
        double tokens = (double)c.sequence, six = tokens * count_training(&c, COUNT_F_6N_HEAD);
        double layers = tokens * count_training(&c, COUNT_F_LAYERS);
        for (int k = 0; k < 3; k++) table_whole(t, shapes[i][k]);
        table_whole(t, count_n(&p, &c, COUNT_N_HEAD));
        table_real(t, layers);
        table_real(t, six);
        table_real(t, layers / six);
        table_real(t, tokens * count_training(&c, COUNT_F_APPENDIX) / six);
    }
    return t;
}

/* --- command --- */

static int count_rows(const struct args *a, struct row *rows, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct row *r = &rows[i];
        int status = 0;
        if (by_options(a)) {
            status = from_options(a, r, e);
        } else if (a->table == TABLE_PYTHIA) {
            count_from_suite(&suite_models[i], &r->config);
            r->name = format_string("pythia-%s", suite_models[i].size);
        } else {
            status = read_name(a->names.item[i], r, e);
        }
        if (status || count_check(&r->config, e)) return -1;
        r->context = a->context > 0 ? a->context : (double)r->config.sequence / 2;
    }
    return 0;
}

/* The models of the arguments, of the suite or of the options. */
static int count_models(const struct args *a, struct sheet *s, json_t **list, struct err *e)
{
    size_t n = by_options(a) ? 1 : a->names.n;
    while (a->table == TABLE_PYTHIA && suite_models[n].size) n++;
    struct row *rows = calloc(n + 1, sizeof *rows);
    if (!rows) return err_memory(e, NULL);
    int status = count_rows(a, rows, n, e);
    *list = json_array();
    for (size_t i = 0; i < n && !status; i++)
        json_array_append_new(*list, row_json(&rows[i], a->tokens));
    if (!status && n == 1)
        describe_one(s, &rows[0], a->tokens);
    else if (!status)
        describe_many(s, rows, n, a->tokens);
    for (size_t i = 0; i < n; i++) free(rows[i].name);
    free(rows);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct sheet *s = sheet_open();
    json_t *json = NULL, *list = NULL;
    int status = 0;
    if (a->table == TABLE_A9 || a->table == TABLE_A4) {
        const struct table *t = a->table == TABLE_A9 ? table_a9(s) : table_a4(s);
        json = json_pack("{s:s, s:o, s:o}", "table", tables[a->table], "rows", table_json(t, false),
                         "provenance", provenance_json());
    } else {
        status = count_models(a, s, &list, e);
        if (!status)
            json = json_pack("{s:O, s:o}", "models", list, "provenance", provenance_json());
        json_decref(list);
    }
    if (!status) status = cli_write(&a->common, s, json, e);
    sheet_free(s);
    return status;
}

const struct command cmd_count = {
    .name = "count",
    .summary = "parameters and FLOPs of any configuration under every named convention",
    .text = "Counts parameters and floating-point operations of transformer language models by "
            "part and under every named convention, so that N and C mean the same thing in a fit.",
    .more = "Examples:\n"
            "  tripod count pythia-70m\n"
            "  tripod count --table pythia\n"
            "  tripod count pythia-1.4b/config.json --tokens 300B\n"
            "  tripod count --family gpt --layers 12 --width 768 --heads 12\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
