/* cmd_flop.c - `tripod fit --flop RULE`: C of a row by a named rule of models/count.h instead of
 * 6ND.
 *
 * The architecture comes from the row: a Pythia name in a column of names, or the columns layers,
 * width, heads (and ffn, key size, vocabulary, sequence) under the names papers and configs give
 * them. A rule needs it because what separates the rules (embeddings, head, attention) is not a
 * function of N.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/points.h"
#include "models/count.h"
#include "models/suite.h"
#include "src/commands.h"

enum field { LAYERS, WIDTH, HEADS, FFN, KEY, VOCAB, SEQUENCE, FIELDS };

static const char *const columns[FIELDS][8] = {
    [LAYERS] = {"layers", "n_layers", "n_layer", "num_layers", "num_hidden_layers", "depth", NULL},
    [WIDTH] = {"width", "d_model", "hidden_size", "n_embd", "model_dim", NULL},
    [HEADS] = {"heads", "n_heads", "n_head", "num_heads", "num_attention_heads", NULL},
    [FFN] = {"ffn", "d_ff", "ffw_size", "ffw", "intermediate_size", NULL},
    [KEY] = {"key_size", "kv_size", "kv", "d_head", "head_dim", NULL},
    [VOCAB] = {"vocab", "vocab_size", "vocabulary", NULL},
    [SEQUENCE] = {"seq", "seq_len", "sequence", "sequence_length", "context", NULL},
};

struct context {
    enum count_f rule;
    enum count_family family;
};

/* The architecture by name, from whichever column holds one of the suite's. */
static bool by_name(const struct csv *c, size_t row, struct count_config *config)
{
    static const char *const names[] = {"model", "run", "run_name", "name"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct suite_id id;
        long column = csv_find(c, names[i]);
        if (column < 0 || !suite_find(csv_field(c, row, (size_t)column), &id)) continue;
        count_from_suite(id.model, config);
        return true;
    }
    return false;
}

static int by_columns(const struct context *x, const struct csv *c, size_t row,
                      struct count_config *config, struct err *e)
{
    static const unsigned vocab[] = {50257, 50304, 32000, 174},
                          sequence[] = {1024, 2048, 2048, 128};
    uint64_t v[FIELDS] = {0};
    for (int f = 0; f < FIELDS; f++) {
        long column = CSV_NONE;
        for (int i = 0; columns[f][i] && column == CSV_NONE; i++)
            column = csv_find(c, columns[f][i]);
        if (column == CSV_TWICE)
            return err_set(e, "%s: two columns named alike hold the %s", c->path, columns[f][0]);
        if (column == CSV_NONE || !*csv_field(c, row, (size_t)column)) {
            if (f <= HEADS)
                return err_set(
                    e,
                    "%s: line %zu: --flop needs the architecture: a Pythia name or columns "
                    "layers, width, heads; %s is missing",
                    c->path, c->line[row + 1], columns[f][0]);
            continue;
        }
        double value;
        if (csv_number(c, row, (size_t)column, &value, e)) return -1;
        if (!(value >= 1 && value < 1e15) || value > floor(value))
            return csv_err(c, row, (size_t)column, e, "expected a whole number of at least 1");
        v[f] = (uint64_t)value;
    }
    *config = (struct count_config){.family = x->family,
                                    .layers = v[LAYERS],
                                    .width = v[WIDTH],
                                    .heads = v[HEADS],
                                    .ffn = v[FFN],
                                    .key = v[KEY],
                                    .vocab = v[VOCAB] ? v[VOCAB] : vocab[x->family],
                                    .sequence = v[SEQUENCE] ? v[SEQUENCE] : sequence[x->family],
                                    .tied = x->family == COUNT_GPT};
    return 0;
}

static int per_token(const void *context, const struct csv *c, size_t row, double *flops,
                     struct err *e)
{
    const struct context *x = context;
    struct count_config config;
    if (!by_name(c, row, &config) && by_columns(x, c, row, &config, e)) return -1;
    if (count_check(&config, e)) return err_prefix(e, "%s: line %zu", c->path, c->line[row + 1]);
    *flops = count_training(&config, x->rule);
    return 0;
}

int cmd_flop_rule(const char *text, struct points_flops *f, struct err *e)
{
    static struct context x; /* one rule a run */
    size_t n = strcspn(text, ":");
    int rule = -1, family = COUNT_NEOX;
    for (int i = 0; i < COUNT_F_RULES; i++) {
        if (strlen(count_rules[i].name) == n && !strncmp(text, count_rules[i].name, n)) rule = i;
    }
    if (text[n]) {
        family = -1;
        for (int i = 0; i < 4; i++) {
            if (!strcmp(text + n + 1, count_families[i])) family = i;
        }
    }
    if (rule < 0 || family < 0)
        return err_set(
            e,
            "--flop: expected RULE or RULE:FAMILY (6N-body, 6N-head, 6N-total, 6N+attention, "
            "appendix-F, layers, exact; gpt, neox, chinchilla, encoder), found '%s'",
            text);
    x = (struct context){(enum count_f)rule, (enum count_family)family};
    *f = (struct points_flops){
        .name = count_rules[rule].name, .per_token = per_token, .context = &x};
    return 0;
}
