/* config.c - config.json of a GPT-NeoX checkpoint, in two dialects, and of a GPT-Neo one; see
 * config.h.
 *
 * The hub's files (transformers 4) say rotary_pct and rotary_emb_base; transformers 5 writes
 * rope_parameters {partial_rotary_factor, rope_theta, rope_type}. A key of rope_parameters wins
 * over the older name, and rope_scaling, where it is not null, replaces rope_parameters: the
 * precedence transformers has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/config.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "src/base/file.h"

enum { MOST_LOCAL = 64 }; /* layers of a model with local ones: a bit each */

/* Far above any model of these and far below what could overflow a size_t in a product of three. */
enum {
    MAX_LAYERS = 4096,
    MAX_HIDDEN = 1 << 17,
    MAX_FFN = 1 << 20,
    MAX_VOCAB = 1 << 24,
    MAX_POSITIONS = 1 << 24,
    MAX_CONFIG_BYTES = 1 << 24,
};

/* Names of the two forms of GELU in transformers' table of activations. */
static const struct {
    const char *name;
    enum neox_activation activation;
} activations[] = {
    {"gelu", NEOX_GELU_ERF},           {"gelu_python", NEOX_GELU_ERF},
    {"gelu_new", NEOX_GELU_TANH},      {"gelu_pytorch_tanh", NEOX_GELU_TANH},
    {"gelu_fast", NEOX_GELU_TANH},     {"gelu_python_tanh", NEOX_GELU_TANH},
    {"gelu_accurate", NEOX_GELU_TANH},
};

struct reader {
    const json_t *root;
    const char *path;
    struct err *e;
};

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

/* The value, or NULL where the key is missing or null. */
static const json_t *get(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

static int get_size(struct reader *r, const char *key, size_t otherwise, size_t limit, size_t *out)
{
    const json_t *v = get(r->root, key);
    *out = otherwise;
    if (!v) return 0;
    if (!json_is_integer(v))
        return err_set(r->e, "%s: %s: expected an integer, found %s", r->path, key, type_name(v));
    json_int_t n = json_integer_value(v);
    if (n < 1 || (uint64_t)n > limit)
        return err_set(r->e, "%s: %s: expected 1 to %zu, found %lld", r->path, key, limit,
                       (long long)n);
    *out = (size_t)n;
    return 0;
}

static int get_real(struct reader *r, const json_t *object, const char *key, double *out)
{
    const json_t *v = get(object, key);
    if (!v) return 0;
    if (!json_is_number(v))
        return err_set(r->e, "%s: %s: expected a number, found %s", r->path, key, type_name(v));
    *out = json_number_value(v);
    return 0;
}

static int get_bool(struct reader *r, const char *key, bool otherwise, bool *out)
{
    const json_t *v = get(r->root, key);
    *out = otherwise;
    if (!v) return 0;
    if (!json_is_boolean(v))
        return err_set(r->e, "%s: %s: expected true or false, found %s", r->path, key,
                       type_name(v));
    *out = json_is_true(v);
    return 0;
}

static int read_neox(struct reader *r, struct neox_config *c);
static int read_neo(struct reader *r, struct neox_config *c);

static const struct family {
    const char *type, *class, *bare; /* model_type, architectures */
    int (*read)(struct reader *r, struct neox_config *c);
} families[] = {
    {"gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXModel", read_neox},
    {"gpt_neo", "GPTNeoForCausalLM", "GPTNeoModel", read_neo},
};

static bool is_class(const struct family *f, const char *class)
{
    return !strcmp(class, f->class) || !strcmp(class, f->bare);
}

/* By model_type; a file that leaves it out must name the class instead. NULL, with the error: of
 * neither. */
static const struct family *find_family(struct reader *r)
{
    const json_t *type = get(r->root, "model_type"), *classes = get(r->root, "architectures");
    const char *found = json_string_value(type);
    const char *class = json_string_value(json_array_get(classes, 0));
    const struct family *f = NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (found ? !strcmp(found, families[i].type) : class && is_class(&families[i], class))
            f = &families[i];
    if (type && !found)
        err_set(r->e, "%s: model_type: expected a string, found %s", r->path, type_name(type));
    else if (!found && !class)
        err_set(r->e, "%s: not a model's config: it has no model_type", r->path);
    else if (found && !f)
        err_set(r->e, "%s: model_type: expected gpt_neox or gpt_neo, found %.64s", r->path, found);
    else if (!f || (class && !is_class(f, class)))
        err_set(r->e, "%s: architectures: expected %s, found %.64s", r->path,
                f ? f->class : "GPTNeoXForCausalLM or GPTNeoForCausalLM", class);
    else
        return f;
    return NULL;
}

static int read_activation(struct reader *r, const char *key, enum neox_activation otherwise,
                           struct neox_config *c)
{
    const json_t *v = get(r->root, key);
    c->activation = otherwise;
    if (!v) return 0;
    const char *name = json_string_value(v);
    if (!name)
        return err_set(r->e, "%s: %s: expected a string, found %s", r->path, key, type_name(v));
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(name, activations[i].name)) continue;
        c->activation = activations[i].activation;
        return 0;
    }
    return err_set(r->e,
                   "%s: %s: expected gelu, gelu_new, gelu_fast or gelu_pytorch_tanh, found %.64s",
                   r->path, key, name);
}

static int read_rope(struct reader *r, struct neox_config *c)
{
    double theta = 10000, part = 0.25;
    const char *const places[] = {"rope_scaling", "rope_parameters"};
    const json_t *rope = NULL;
    if (get_real(r, r->root, "rotary_emb_base", &theta) ||
        get_real(r, r->root, "rotary_pct", &part))
        return -1;
    for (size_t i = 0; i < 2 && !rope; i++) {
        const char *place = places[i];
        const json_t *v = get(r->root, place);
        if (!v) continue;
        if (!json_is_object(v))
            return err_set(r->e, "%s: %s: expected an object, found %s", r->path, place,
                           type_name(v));
        if (!json_object_size(v)) continue;
        const json_t *type = get(v, "rope_type");
        if (!type) type = get(v, "type");
        const char *word = json_string_value(type);
        if (type && (!word || strcmp(word, "default")))
            return err_set(r->e,
                           "%s: %s: rope_type: expected default, found %.64s (rope scaling is "
                           "not supported)",
                           r->path, place, word ? word : type_name(type));
        if (!type && get(v, "factor"))
            return err_set(r->e, "%s: %s: rope scaling is not supported", r->path, place);
        const char *key;
        json_t *item;
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            if (json_is_object(item))
                return err_set(r->e,
                               "%s: %s: %.64s: parameters per kind of layer are not "
                               "supported",
                               r->path, place, key);
        }
        rope = v;
    }
    if (rope && (get_real(r, rope, "rope_theta", &theta) ||
                 get_real(r, rope, "partial_rotary_factor", &part)))
        return -1;
    if (!(part > 0 && part <= 1))
        return err_set(r->e,
                       "%s: rotary_pct (partial_rotary_factor): expected more than 0 and at "
                       "most 1, found %g",
                       r->path, part);
    c->rope_theta = theta;
    c->rotary = (size_t)((double)c->head_size * part);
    return 0;
}

/* Sizes of a head; KEY: what the number of heads is called. */
static int divide_heads(struct reader *r, const char *key, struct neox_config *c)
{
    if (c->hidden % c->heads)
        return err_set(r->e, "%s: hidden_size %zu is not a multiple of %s %zu", r->path, c->hidden,
                       key, c->heads);
    c->head_size = c->hidden / c->heads;
    return 0;
}

static int read_neox(struct reader *r, struct neox_config *c)
{
    double eps = 1e-5;
    c->layers_assumed = !get(r->root, "num_hidden_layers");
    if (get_size(r, "num_hidden_layers", 44, MAX_LAYERS, &c->layers) ||
        get_size(r, "hidden_size", 6144, MAX_HIDDEN, &c->hidden) ||
        get_size(r, "num_attention_heads", 64, MAX_HIDDEN, &c->heads) ||
        get_size(r, "intermediate_size", 24576, MAX_FFN, &c->ffn) ||
        get_size(r, "vocab_size", 50432, MAX_VOCAB, &c->vocab) ||
        get_size(r, "max_position_embeddings", 2048, MAX_POSITIONS, &c->max_positions) ||
        get_real(r, r->root, "layer_norm_eps", &eps) ||
        get_bool(r, "use_parallel_residual", true, &c->parallel_residual) ||
        get_bool(r, "attention_bias", true, &c->attention_bias) ||
        get_bool(r, "tie_word_embeddings", false, &c->tied_embeddings) ||
        read_activation(r, "hidden_act", NEOX_GELU_ERF, c))
        return -1;
    c->layer_norm_eps = eps;
    if (divide_heads(r, "num_attention_heads", c)) return -1;
    return read_rope(r, c);
}

/* --- GPT-Neo --- */

/* Layers, in order, of which each is said to be local or global. */
struct layer_kinds {
    size_t n;
    uint64_t local;
};

static int add_kind(struct reader *r, const char *key, const json_t *kind, struct layer_kinds *k)
{
    const char *name = json_string_value(kind);
    bool local = name && !strcmp(name, "local");
    if (!local && (!name || strcmp(name, "global") != 0))
        return err_set(r->e, "%s: %s: expected \"global\" or \"local\", found %.64s", r->path, key,
                       name   ? name
                       : kind ? type_name(kind)
                              : "nothing");
    if (k->n >= MAX_LAYERS || (local && k->n >= MOST_LOCAL))
        return err_set(r->e, "%s: %s: more than %d layers%s are not supported", r->path, key,
                       local ? (int)MOST_LOCAL : (int)MAX_LAYERS, local ? " with local ones" : "");
    if (local) k->local |= (uint64_t)1 << k->n;
    k->n++;
    return 0;
}

/* [[["global", "local"], 12]]: lists of kinds, each as often as the number after it says. */
static int read_attention_types(struct reader *r, const char *key, const json_t *types,
                                struct layer_kinds *k)
{
    for (size_t i = 0; i < json_array_size(types); i++) {
        const json_t *item = json_array_get(types, i), *kinds = json_array_get(item, 0);
        const json_t *times = json_array_get(item, 1);
        if (json_array_size(item) != 2 || !json_array_size(kinds) || !json_is_integer(times) ||
            json_integer_value(times) < 0)
            return err_set(r->e,
                           "%s: %s: item %zu: expected a list of kinds and how often, as "
                           "[[\"global\", \"local\"], 12]",
                           r->path, key, i);
        for (json_int_t t = 0; t < json_integer_value(times); t++)
            for (size_t j = 0; j < json_array_size(kinds); j++)
                if (add_kind(r, key, json_array_get(kinds, j), k)) return -1;
    }
    return 0;
}

/* ["global", "local", ...] */
static int read_attention_layers(struct reader *r, const char *key, const json_t *layers,
                                 struct layer_kinds *k)
{
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (add_kind(r, key, json_array_get(layers, i), k)) return -1;
    return 0;
}

/* Which layers are local: attention_types says it, or attention_layers, which is the same written
 * out; where both are there they must agree. */
static int read_kinds(struct reader *r, struct neox_config *c)
{
    static const struct {
        const char *key;
        int (*read)(struct reader *r, const char *key, const json_t *v, struct layer_kinds *k);
    } forms[] = {{"attention_types", read_attention_types},
                 {"attention_layers", read_attention_layers}};
    const char *said = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *key = forms[i].key;
        const json_t *v = get(r->root, key);
        struct layer_kinds kinds = {0, 0};
        if (!v) continue;
        if (!json_is_array(v))
            return err_set(r->e, "%s: %s: expected an array, found %s", r->path, key, type_name(v));
        if (forms[i].read(r, key, v, &kinds)) return -1;
        if (kinds.n != c->layers)
            return err_set(r->e, "%s: %s: expected num_layers = %zu of them, found %zu", r->path,
                           key, c->layers, kinds.n);
        if (said && kinds.local != c->local)
            return err_set(r->e, "%s: %s: other layers are local than %s says", r->path, key, said);
        said = key;
        c->local = kinds.local;
    }
    if (!said && c->layers != 24)
        return err_set(r->e, "%s: attention_types: missing: which of the %zu layers are local?",
                       r->path, c->layers);
    if (!said) c->local = 0xaaaaaa; /* transformers' default: every second one of 24 */
    return 0;
}

/* The key transformers writes, or the one it also reads. */
static int get_size_of(struct reader *r, const char *key, const char *other, size_t otherwise,
                       size_t limit, size_t *out)
{
    return get_size(r, get(r->root, key) || !get(r->root, other) ? key : other, otherwise, limit,
                    out);
}

static int read_neo(struct reader *r, struct neox_config *c)
{
    double eps = 1e-5;
    c->layers_assumed = !get(r->root, "num_layers") && !get(r->root, "num_hidden_layers");
    c->learned_positions = c->unscaled_scores = c->dense_bias = true;
    if (get_size_of(r, "num_layers", "num_hidden_layers", 24, MAX_LAYERS, &c->layers) ||
        get_size(r, "hidden_size", 2048, MAX_HIDDEN, &c->hidden) ||
        get_size_of(r, "num_heads", "num_attention_heads", 16, MAX_HIDDEN, &c->heads) ||
        get_size(r, "intermediate_size", 4 * c->hidden, MAX_FFN, &c->ffn) ||
        get_size(r, "vocab_size", 50257, MAX_VOCAB, &c->vocab) ||
        get_size(r, "max_position_embeddings", 2048, MAX_POSITIONS, &c->max_positions) ||
        get_size(r, "window_size", 256, MAX_POSITIONS, &c->window) ||
        get_real(r, r->root, "layer_norm_epsilon", &eps) ||
        get_bool(r, "tie_word_embeddings", true, &c->tied_embeddings) ||
        read_activation(r, "activation_function", NEOX_GELU_TANH, c) || read_kinds(r, c))
        return -1;
    c->layer_norm_eps = eps;
    if (!c->local) c->window = 0;
    return divide_heads(r, "num_heads", c);
}

static int read_config(struct reader *r, struct neox_config *c)
{
    const struct family *family = find_family(r);
    if (!family || family->read(r, c)) return -1;
    return neox_config_check(c, r->e) ? err_prefix(r->e, "%s", r->path) : 0;
}

/* Positions turn the heads, or are learned: one of the two. */
static int check_positions(const struct neox_config *c, struct err *e)
{
    if (c->learned_positions)
        return !c->rotary && c->rope_theta == 0
                   ? 0
                   : err_set(e,
                             "rotary dimensions of a head: expected none with learned positions");
    if (c->rotary < 2 || c->rotary % 2 || c->rotary > c->head_size)
        return err_set(e,
                       "rotary dimensions of a head: expected an even number from 2 to %zu, "
                       "found %zu",
                       c->head_size, c->rotary);
    if (!(isfinite(c->rope_theta) && c->rope_theta > 0))
        return err_set(e, "rotary_emb_base (rope_theta): expected more than 0, found %g",
                       c->rope_theta);
    return 0;
}

static int check_attention(const struct neox_config *c, struct err *e)
{
    if (c->attention_bias && c->dense_bias)
        return err_set(e, "biases of attention: expected on both products or on dense alone");
    if (c->window > MAX_POSITIONS)
        return err_set(e, "window_size: expected at most %d, found %zu", MAX_POSITIONS, c->window);
    if (!c->window != !c->local)
        return err_set(e, "window_size: expected one with local layers, and none without");
    if (c->window && (c->layers > MOST_LOCAL || (c->layers < MOST_LOCAL && c->local >> c->layers)))
        return err_set(e, "local layers: expected among %d layers at most, all of them the model's",
                       MOST_LOCAL);
    return 0;
}

int neox_config_check(const struct neox_config *c, struct err *e)
{
    const struct {
        const char *name;
        size_t value, limit;
    } sizes[] = {
        {"num_hidden_layers", c->layers, MAX_LAYERS},
        {"hidden_size", c->hidden, MAX_HIDDEN},
        {"num_attention_heads", c->heads, MAX_HIDDEN},
        {"intermediate_size", c->ffn, MAX_FFN},
        {"head size", c->head_size, MAX_HIDDEN},
        {"vocab_size", c->vocab, MAX_VOCAB},
        {"max_position_embeddings", c->max_positions, MAX_POSITIONS},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].limit)
            return err_set(e, "%s: expected 1 to %zu, found %zu", sizes[i].name, sizes[i].limit,
                           sizes[i].value);
    }
    if (c->heads * c->head_size != c->hidden)
        return err_set(e, "hidden_size: expected %zu heads of %zu, found %zu", c->heads,
                       c->head_size, c->hidden);
    if (check_positions(c, e) || check_attention(c, e)) return -1;
    if (!(c->layer_norm_eps >= 0 && c->layer_norm_eps < 1))
        return err_set(e, "layer_norm_eps: expected 0 to 1, found %g", c->layer_norm_eps);
    if (c->activation != NEOX_GELU_ERF && c->activation != NEOX_GELU_TANH)
        return err_set(e, "activation: expected 0 or 1, found %d", (int)c->activation);
    return 0;
}

int neox_config_parse(struct neox_config *config, const char *text, size_t size, const char *path,
                      struct err *e)
{
    *config = (struct neox_config){0};
    if (size > MAX_CONFIG_BYTES)
        return err_set(e, "%s: not a config: it has %zu bytes", path, size);
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root) return err_set(e, "%s: line %d: %s", path, error.line, error.text);
    struct reader r = {root, path, e};
    int status = json_is_object(root)
                     ? read_config(&r, config)
                     : err_set(e, "%s: expected a JSON object, found %s", path, type_name(root));
    json_decref(root);
    return status;
}

int neox_config_read(struct neox_config *config, const char *path, struct err *e)
{
    struct map map;
    if (map_open(&map, path, e)) return -1;
    int status = map.size ? neox_config_parse(config, (const char *)map.data, map.size, path, e)
                          : err_kind(e, ERR_DAMAGED, "%s: the file is empty", path);
    map_close(&map);
    return status;
}
