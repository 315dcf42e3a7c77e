/* config.c - config.json of a GPT-NeoX checkpoint, in two dialects; see config.h.
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

/* Far above any GPT-NeoX model and far below what could overflow a size_t in a product of three. */
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

/* model_type must be gpt_neox; a file that leaves it out must name the class instead. */
static int check_kind(struct reader *r)
{
    const json_t *type = get(r->root, "model_type");
    const char *found = json_string_value(type);
    if (type && !found)
        return err_set(r->e, "%s: model_type: expected a string, found %s", r->path,
                       type_name(type));
    if (found && strcmp(found, "gpt_neox"))
        return err_set(r->e, "%s: model_type: expected gpt_neox, found %.64s", r->path, found);
    const json_t *classes = get(r->root, "architectures");
    const char *class = json_string_value(json_array_get(classes, 0));
    if (class && strcmp(class, "GPTNeoXForCausalLM") && strcmp(class, "GPTNeoXModel"))
        return err_set(r->e, "%s: architectures: expected GPTNeoXForCausalLM, found %.64s", r->path,
                       class);
    if (!found && !class)
        return err_set(r->e, "%s: not a model's config: it has no model_type", r->path);
    return 0;
}

static int read_activation(struct reader *r, struct neox_config *c)
{
    const json_t *v = get(r->root, "hidden_act");
    c->activation = NEOX_GELU_ERF;
    if (!v) return 0;
    const char *name = json_string_value(v);
    if (!name)
        return err_set(r->e, "%s: hidden_act: expected a string, found %s", r->path, type_name(v));
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(name, activations[i].name)) continue;
        c->activation = activations[i].activation;
        return 0;
    }
    return err_set(r->e,
                   "%s: hidden_act: expected gelu, gelu_new, gelu_fast or gelu_pytorch_tanh, "
                   "found %.64s",
                   r->path, name);
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

static int read_config(struct reader *r, struct neox_config *c)
{
    double eps = 1e-5;
    c->layers_assumed = !get(r->root, "num_hidden_layers");
    if (check_kind(r) || get_size(r, "num_hidden_layers", 44, MAX_LAYERS, &c->layers) ||
        get_size(r, "hidden_size", 6144, MAX_HIDDEN, &c->hidden) ||
        get_size(r, "num_attention_heads", 64, MAX_HIDDEN, &c->heads) ||
        get_size(r, "intermediate_size", 24576, MAX_FFN, &c->ffn) ||
        get_size(r, "vocab_size", 50432, MAX_VOCAB, &c->vocab) ||
        get_size(r, "max_position_embeddings", 2048, MAX_POSITIONS, &c->max_positions) ||
        get_real(r, r->root, "layer_norm_eps", &eps) ||
        get_bool(r, "use_parallel_residual", true, &c->parallel_residual) ||
        get_bool(r, "attention_bias", true, &c->attention_bias) ||
        get_bool(r, "tie_word_embeddings", false, &c->tied_embeddings) || read_activation(r, c))
        return -1;
    c->layer_norm_eps = eps;
    if (c->hidden % c->heads)
        return err_set(r->e, "%s: hidden_size %zu is not a multiple of num_attention_heads %zu",
                       r->path, c->hidden, c->heads);
    c->head_size = c->hidden / c->heads;
    if (read_rope(r, c)) return -1;
    return neox_config_check(c, r->e) ? err_prefix(r->e, "%s", r->path) : 0;
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
    if (c->rotary < 2 || c->rotary % 2 || c->rotary > c->head_size)
        return err_set(e,
                       "rotary dimensions of a head: expected an even number from 2 to %zu, "
                       "found %zu",
                       c->head_size, c->rotary);
    if (!(isfinite(c->rope_theta) && c->rope_theta > 0))
        return err_set(e, "rotary_emb_base (rope_theta): expected more than 0, found %g",
                       c->rope_theta);
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

double neox_parameters(const struct neox_config *config, bool with_embeddings)
{
    double sum = 0;
    struct neox_tensor t;
    for (size_t i = 0, n = neox_tensor_count(config); i < n; i++) {
        neox_tensor_at(config, i, &t);
        bool embedding = i == 0 || i == n - 1;
        if (embedding && (!with_embeddings || (i > 0 && config->tied_embeddings))) continue;
        sum += (double)t.rows * (double)t.columns;
    }
    return sum;
}

/* A layer's tensors; shapes in units resolved below. */
enum dimension { ONE, HIDDEN, QKV, FFN };
static const struct layer_tensor {
    const char *name;
    enum dimension rows, columns;
    bool attention_bias; /* absent when the config has no attention_bias */
} layer_tensors[] = {
    {"input_layernorm.weight", ONE, HIDDEN, false},
    {"input_layernorm.bias", ONE, HIDDEN, false},
    {"post_attention_layernorm.weight", ONE, HIDDEN, false},
    {"post_attention_layernorm.bias", ONE, HIDDEN, false},
    {"attention.query_key_value.weight", QKV, HIDDEN, false},
    {"attention.query_key_value.bias", ONE, QKV, true},
    {"attention.dense.weight", HIDDEN, HIDDEN, false},
    {"attention.dense.bias", ONE, HIDDEN, true},
    {"mlp.dense_h_to_4h.weight", FFN, HIDDEN, false},
    {"mlp.dense_h_to_4h.bias", ONE, FFN, false},
    {"mlp.dense_4h_to_h.weight", HIDDEN, FFN, false},
    {"mlp.dense_4h_to_h.bias", ONE, HIDDEN, false},
};
enum { LAYER_TENSORS = sizeof layer_tensors / sizeof *layer_tensors };

static size_t per_layer(const struct neox_config *c)
{
    return c->attention_bias ? LAYER_TENSORS : LAYER_TENSORS - 2;
}

size_t neox_tensor_count(const struct neox_config *config)
{
    return 1 + config->layers * per_layer(config) + 3;
}

void neox_tensor_at(const struct neox_config *c, size_t i, struct neox_tensor *t)
{
    *t = (struct neox_tensor){.rows = 1, .columns = c->hidden};
    size_t body = c->layers * per_layer(c);
    if (i == 0 || i == body + 3) {
        snprintf(t->name, sizeof t->name, "%s",
                 i ? "embed_out.weight" : "gpt_neox.embed_in.weight");
        t->rows = c->vocab;
        t->panels = i > 0;
        return;
    }
    if (i > body) {
        snprintf(t->name, sizeof t->name, "gpt_neox.final_layer_norm.%s",
                 i == body + 1 ? "weight" : "bias");
        t->vector = true;
        return;
    }
    size_t layer = (i - 1) / per_layer(c), k = (i - 1) % per_layer(c);
    for (size_t j = 0; !c->attention_bias && j <= k; j++) k += layer_tensors[j].attention_bias;
    const struct layer_tensor *row = &layer_tensors[k];
    const size_t sizes[] = {[ONE] = 1, [HIDDEN] = c->hidden, [QKV] = 3 * c->hidden, [FFN] = c->ffn};
    snprintf(t->name, sizeof t->name, "gpt_neox.layers.%zu.%s", layer, row->name);
    t->rows = sizes[row->rows];
    t->columns = sizes[row->columns];
    t->vector = row->rows == ONE;
    t->panels = !t->vector;
    t->qkv = row->rows == QKV || row->columns == QKV;
}
