/* sources.c - see sources.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/sources.h"

#include <stdio.h>
#include <string.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

bool sources_is_buffer(const char *name)
{
    return ends_with(name, ".attention.bias") || ends_with(name, ".attention.masked_bias") ||
           ends_with(name, ".rotary_emb.inv_freq");
}

/* GPT-Neo's names of what the flat file calls as GPT-NeoX does: the end of the name; "%c" is q, k
 * and v in turn. */
static const struct {
    const char *ours, *theirs;
} neo_names[] = {
    {"gpt_neox.embed_in.weight", "transformer.wte.weight"},
    {"gpt_neox.embed_positions.weight", "transformer.wpe.weight"},
    {"gpt_neox.final_layer_norm.", "transformer.ln_f."},
    {"embed_out.weight", "lm_head.weight"},
    {"input_layernorm.", "ln_1."},
    {"post_attention_layernorm.", "ln_2."},
    {"attention.query_key_value.", "attn.attention.%c_proj."},
    {"attention.dense.", "attn.attention.out_proj."},
    {"mlp.dense_h_to_4h.", "mlp.c_fc."},
    {"mlp.dense_4h_to_h.", "mlp.c_proj."},
};
static const char layers[] = "gpt_neox.layers.";

/* What GPT-Neo's checkpoints call PART of the tensor that the flat file calls NAME. */
static void neo_name(char *out, size_t size, const char *name, size_t part)
{
    const char *rest = name;
    size_t at = 0, digits = 0;
    if (!strncmp(name, layers, sizeof layers - 1)) {
        rest += sizeof layers - 1;
        digits = strspn(rest, "0123456789");
        at = (size_t)snprintf(out, size, "transformer.h.%.*s.", (int)digits, rest);
        rest += digits + 1;
    }
    for (size_t i = 0; i < sizeof neo_names / sizeof *neo_names; i++) {
        const char *ours = neo_names[i].ours, *theirs = neo_names[i].theirs;
        if (strncmp(rest, ours, strlen(ours)) != 0) continue;
        const char *letter = strchr(theirs, '%');
        size_t before = letter ? (size_t)(letter - theirs) : strlen(theirs);
        snprintf(out + at, size - at, "%.*s%.*s%s%s", (int)before, theirs, letter != NULL,
                 &"qkv"[part], letter ? letter + 2 : "", rest + strlen(ours));
        return;
    }
}

size_t sources_names(struct neox_tensor is[SOURCES_MOST], const struct neox_config *config,
                     const struct neox_tensor *want)
{
    const bool neo = config->learned_positions; /* of the two families the one that has them */
    const size_t parts = neo && want->qkv ? 3 : 1;
    for (size_t i = 0; i < parts; i++) {
        is[i] = *want;
        is[i].qkv = want->qkv && !neo;
        if (want->vector)
            is[i].columns /= parts;
        else
            is[i].rows /= parts;
        if (neo) neo_name(is[i].name, sizeof is[i].name, want->name, i);
    }
    return parts;
}

/* Checkpoints of the bare model leave the first word out. */
static const struct checkpoint_tensor *find(const struct checkpoint *c, const char *name)
{
    const struct checkpoint_tensor *t = checkpoint_find(c, name);
    const char *dot = strchr(name, '.');
    bool bare = dot && (!strncmp(name, "gpt_neox.", 9) || !strncmp(name, "transformer.", 12));
    return t || !bare ? t : checkpoint_find(c, dot + 1);
}

/* The head of GPT-NeoX may be called lm_head, and with tied embeddings the embedding serves. */
static const struct checkpoint_tensor *find_head(const struct checkpoint *c,
                                                 const struct neox_config *config)
{
    const struct checkpoint_tensor *t = checkpoint_find(c, "embed_out.weight");
    if (!t) t = checkpoint_find(c, "lm_head.weight");
    if (t || !config->tied_embeddings) return t;
    struct neox_tensor embedding, is[SOURCES_MOST];
    neox_tensor_at(config, 0, &embedding);
    sources_names(is, config, &embedding);
    return find(c, is[0].name);
}

/* Where the tensor was looked for: the one file, or the index of several. */
static int missing(const struct checkpoint *c, const struct neox_config *config, const char *name,
                   struct err *e)
{
    const char *file = c->index ? c->index : c->files[0].name, *folder = c->folder;
    if (!config->layers_assumed) return err_set(e, "%s/%s: %s is missing", folder, file, name);
    return err_set(e, "%s/%s: %s is missing (%s/config.json does not say %s: %zu were assumed)",
                   folder, file, name, folder,
                   config->learned_positions ? "num_layers" : "num_hidden_layers", config->layers);
}

static int check(const struct checkpoint *c, const struct checkpoint_tensor *t, bool vector,
                 size_t rows, size_t columns, struct err *e)
{
    const char *path = c->files[t->file].path;
    char found[128];
    bool same = vector ? t->rank == 1 && t->shape[0] == columns
                       : t->rank == 2 && t->shape[0] == rows && t->shape[1] == columns;
    if (!same && vector)
        return err_set(e, "%s: %s: expected shape [%zu], found %s", path, t->name, columns,
                       tensor_shape(t, found, sizeof found));
    if (!same)
        return err_set(e, "%s: %s: expected shape [%zu, %zu], found %s", path, t->name, rows,
                       columns, tensor_shape(t, found, sizeof found));
    if (t->type->weight < 0)
        return err_set(e, "%s: %s: expected element type F16, BF16 or F32, found %s", path, t->name,
                       t->type->name);
    return 0;
}

int sources_find(struct sources_of *s, const struct checkpoint *c, const struct neox_config *config,
                 const struct neox_tensor *want, struct err *e)
{
    struct neox_tensor is[SOURCES_MOST];
    *s = (struct sources_of){.parts = sources_names(is, config, want)};
    for (size_t i = 0; i < s->parts; i++) {
        const char *name = is[i].name;
        const struct checkpoint_tensor *t =
            strcmp(want->name, "embed_out.weight") != 0 ? find(c, name) : find_head(c, config);
        if (!t) return missing(c, config, name, e);
        if (check(c, t, is[i].vector, is[i].rows, is[i].columns, e)) return -1;
        if (i && t->type != s->part[0]->type)
            return err_set(e, "%s: %s: expected the element type of %s, %s, found %s",
                           c->files[t->file].path, t->name, s->part[0]->name,
                           s->part[0]->type->name, t->type->name);
        s->part[i] = t;
    }
    return 0;
}
